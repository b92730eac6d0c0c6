"""How the streaming service is reached: its users API, and the folders in which files arrive."""

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from movies_assets.core.settings import CommonSettings, SettingsError
from movies_assets.ingest.resources import (
    SAMPLE_HOST,
    HttpResource,
    SettingsResource,
    arrivals_url,
    limits_of,
)
from movies_assets.sources.ott.settings import OttSettings

if TYPE_CHECKING:
    import httpx

    from movies_assets.ingest.landing import Landing
    from movies_assets.sources.ott.client import Fetched, OttClient, UserDay

SAMPLE_USER_KEY_SECRET = "the sample's users do not exist"  # noqa: S105 (its users are fictional)
USER_KEY_BYTES = 16

Folder = Literal["titles", "views", "users"]


class OttLanding(SettingsResource):
    """The folders in which files of the streaming service arrive."""

    def open(self, folder: Folder) -> "Landing":
        """Return a folder; the sample delivers into it before it is first used.

        Users are always kept in our own landing zone, as only this project writes them.
        """
        from movies_assets.ingest.landing import Landing  # noqa: PLC0415 (only runs need it)

        name = f"ott/{folder}"
        url = self.settings.section(OttSettings).arrival_urls().get(name)
        deliver = partial(_deliver, self.settings, folder)
        return Landing(arrivals_url(self.settings, name, url, deliver), name)

    def zones(self) -> "list[Landing]":
        """Return the folders in which files arrive."""
        return [self.open("titles"), self.open("views")]


class OttUsers(HttpResource):
    """The users API of the streaming service, which only knows the users of today."""

    concurrency: int = Field(4, ge=1, le=64, description="Requests under way at once.")
    max_response_bytes: int = Field(64 * 1024**2, ge=1024, description="Largest reply.")
    page_size: int = Field(100, ge=1, le=1000, description="Users a page.")

    def fetch(self, days: Collection[date]) -> "list[UserDay]":
        """Fetch the users of today if they are among some days; those of other days must be there.

        Raises:
            SettingsError: profile `live` without the API's address, and today's users are wanted.
            PermanentSourceError: other days were never fetched, or the service refused.
            TransientSourceError: the service was still failing when the time budget was spent.
        """
        from movies_assets.sources.ott.client import settle  # noqa: PLC0415

        def fetch(landing: Path, day: date) -> "Fetched":
            return self.client().fetch(landing, day)

        # The sample's past days, before a first one is there.
        OttLanding(project=self.settings).open("users")
        return settle(self.settings.landing, days, _today(self.settings), fetch)

    def client(self) -> "OttClient":
        """Return a client of the users API: the real one, or the embedded sample in this process.

        Raises:
            SettingsError: profile `live` without the API's address.
        """
        from movies_assets.sources.ott.client import OttClient  # noqa: PLC0415
        from movies_assets.sources.ott.users_api import SHAPES  # noqa: PLC0415

        section, sample = self.settings.section(OttSettings), self.settings.sample
        users = section.sample_users
        return OttClient(
            self.settings.secret("ott", "base_url") if self.is_live else f"{SAMPLE_HOST}/ott",
            self.options("ott"),
            transport=None if self.is_live else _sample(users, sample.last_day, sample.seed),
            page_size=self.page_size,
            # The sample's server has one shape, independent of the service in the settings.
            api=section.shape() if self.is_live else SHAPES["dummyjson"],
            today=partial(_today, self.settings),
        )


class OttLanded(SettingsResource):
    """The users of the streaming service as they were fetched into the landing zone."""

    def users(self, days: Collection[date]) -> "list[UserDay]":
        """Return the users of some days.

        Raises:
            PermanentSourceError: they were never fetched on one of them.
        """
        from movies_assets.sources.ott.client import stored  # noqa: PLC0415

        return stored(self.settings.landing, days)


@dataclass(frozen=True)
class UserKey:
    """The keyed hash by which gold knows users: HMAC-SHA256 of the id, its first 16 bytes.

    Attributes:
        secret: its key.
        problem: the message of the error where it is called without a secret.
    """

    secret: str | None = field(repr=False)
    problem: str = ""

    def __call__(self, user_id: str | int) -> str:
        """Return the key of a user, 32 hexadecimal characters, given the id in its one spelling.

        Raises:
            SettingsError: there is no secret.
        """
        if self.secret is None:
            raise SettingsError(self.problem)
        digest = hmac.digest(self.secret.encode(), str(user_id).encode(), "sha256")
        return digest[:USER_KEY_BYTES].hex()


def user_key(settings: CommonSettings) -> UserKey:
    """Return the keyed hash of users; without a secret in profile `live` one that explains itself.

    The sample has a secret of its own where the settings name none.
    """
    if settings.profile == "sample" and not settings.section(OttSettings).user_key_secret:
        return UserKey(SAMPLE_USER_KEY_SECRET)
    try:
        return UserKey(settings.secret("ott", "user_key_secret"))
    except SettingsError as error:
        # Everything but the streaming service works without it.
        return UserKey(None, str(error))


def functions(settings: CommonSettings) -> Mapping[str, Callable[..., Any]]:
    """Return the functions that queries call."""
    return {"ott_user_key": user_key(settings)}


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of the streaming service."""
    limits = limits_of(settings.section(OttSettings), OttUsers)
    return {
        "ott_landing": OttLanding(project=settings),
        "ott_landed": OttLanded(project=settings),
        "ott_users": OttUsers(project=settings, **limits),
    }


def _today(settings: CommonSettings) -> date:
    """Return the day that the users API knows."""
    return datetime.now(UTC).date() if settings.profile == "live" else settings.sample.last_day


def _deliver(settings: CommonSettings, what: Folder, folder: Path) -> None:
    from movies_assets.sources.ott import sample as ott  # noqa: PLC0415 (only the sample needs it)

    section = settings.section(OttSettings)
    sizes = {"users": section.sample_users}
    if what != "users":
        sizes |= {"titles": section.sample_titles, "views": section.sample_views}
    delivering: Mapping[Folder, Callable[..., object]] = {
        "titles": ott.deliver_titles,
        "views": ott.deliver_views,
        "users": ott.deliver_users,
    }
    delivering[what](folder, last_day=settings.sample.last_day, seed=settings.sample.seed, **sizes)


@cache
def _sample(users: int, last_day: date, seed: int) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.ott.sample_server import create_ott_app  # noqa: PLC0415

    return httpx.ASGITransport(create_ott_app(users=users, last_day=last_day, seed=seed))
