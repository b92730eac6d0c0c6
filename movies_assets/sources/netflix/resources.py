"""How Netflix's files are reached: the folder of titles, and the server of look-ups."""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import (
    SAMPLE_HOST,
    HttpResource,
    SettingsResource,
    arrivals_url,
    limits_of,
)
from movies_assets.sources.netflix.settings import NetflixSettings

if TYPE_CHECKING:
    import httpx

    from movies_assets.ingest.landing import Landing
    from movies_assets.sources.netflix.client import Lookup, NetflixClient


class NetflixLanding(SettingsResource):
    """The folder in which Netflix's titles arrive."""

    def open(self) -> "Landing":
        """Return the folder; the sample delivers into it before it is first used."""
        from movies_assets.ingest.landing import Landing  # noqa: PLC0415 (only runs need it)

        return Landing(titles_url(self.settings), "netflix/titles")

    def zones(self) -> "list[Landing]":
        """Return the folders in which files arrive."""
        return [self.open()]


class NetflixLookups(HttpResource):
    """The server of Netflix's look-ups: people, categories, countries of titles."""

    max_download_bytes: int = Field(256 * 1024**2, ge=1024, description="Largest look-up.")

    def fetch(self, name: str, header: Sequence[str]) -> "Lookup":
        """Fetch a look-up into the landing zone.

        Args:
            name: which one.
            header: the columns that it must have.

        Raises:
            SettingsError: profile `live` without the files' address.
            SourceError: it cannot be fetched, or has other columns.
        """
        file = self.settings.section(NetflixSettings).lookup_files[name]
        target = self.settings.landing / "netflix" / "lookups" / f"{name}.csv"
        return self.client().fetch(file, header, target)

    def client(self) -> "NetflixClient":
        """Return a client of the look-ups: the real ones, or those of the sample.

        Raises:
            SettingsError: profile `live` without the files' address.
        """
        from movies_assets.sources.netflix.client import NetflixClient  # noqa: PLC0415

        options = self.options("netflix", concurrency=1)
        if self.is_live:
            return NetflixClient(self.settings.secret("netflix", "base_url"), options)
        titles = self.settings.section(NetflixSettings).sample_titles
        transport = _sample(titles, self.settings.sample.seed)
        return NetflixClient(f"{SAMPLE_HOST}/netflix", options, transport=transport)


def titles_url(settings: CommonSettings) -> str:
    """Return the URL of the folder in which Netflix's titles arrive, in a folder a day."""
    section = settings.section(NetflixSettings)
    deliver = partial(_deliver, settings)
    return arrivals_url(settings, "netflix/titles", section.titles_url, deliver)


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of Netflix."""
    limits = limits_of(settings.section(NetflixSettings), NetflixLookups)
    return {
        "netflix_landing": NetflixLanding(project=settings),
        "netflix_lookup": NetflixLookups(project=settings, **limits),
    }


def _deliver(settings: CommonSettings, folder: Path) -> None:
    from movies_assets.sources.netflix.sample import deliver  # noqa: PLC0415 (only the sample's)

    sample, titles = settings.sample, settings.section(NetflixSettings).sample_titles
    deliver(folder, last_day=sample.last_day, titles=titles, seed=sample.seed)


@cache
def _sample(titles: int, seed: int) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.netflix.sample_server import create_netflix_app  # noqa: PLC0415

    return httpx.ASGITransport(create_netflix_app(titles, seed))
