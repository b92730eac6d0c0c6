"""Which server a profile talks to; nothing else differs between profiles."""

import hmac
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from movies_assets.settings import PREFIX, SampleSettings, Section, Settings, SettingsError

if TYPE_CHECKING:
    import httpx

    from movies_assets.ingest.http import HttpOptions
    from movies_assets.ingest.landing import Landing
    from movies_assets.sources.imdb.client import Dump, ImdbClient
    from movies_assets.sources.netflix.client import Lookup, NetflixClient
    from movies_assets.sources.omdb.client import OmdbClient, Year
    from movies_assets.sources.ott.client import Fetched, OttClient, UserDay
    from movies_assets.sources.yts.client import YtsClient

SAMPLE_HOST = "http://sample.invalid"
SAMPLE_URL = f"{SAMPLE_HOST}/api/v2"
SAMPLE_USER_KEY_SECRET = "the sample's users are nobody"  # noqa: S105 (nobody is to be protected)
USER_KEY_BYTES = 16


def _options(section: Section, **limits: int) -> "HttpOptions":
    """Return the limits of an HTTP client: those that a section of the settings has, and these."""
    from movies_assets.ingest.http import HttpOptions  # noqa: PLC0415 (only runs need it)

    named = {field.name for field in fields(HttpOptions)} & type(section).model_fields.keys()
    prefix = f"{PREFIX}{type(section).__name__.removesuffix('Settings').upper()}__"
    return HttpOptions(**{name: getattr(section, name) for name in named}, **limits, prefix=prefix)


def yts_client(settings: Settings) -> "YtsClient":
    """Return a client of the YTS API: the real one, or the embedded sample in this process.

    Raises:
        SettingsError: profile `live` without the API's address.
    """
    from movies_assets.sources.yts.client import YtsClient  # noqa: PLC0415

    yts = settings.yts
    options = _options(yts)
    live = settings.profile == "live"
    return YtsClient(
        settings.secret("yts", "base_url") if live else SAMPLE_URL,
        options,
        transport=None if live else _sample_transport(settings.sample),
        page_size=yts.page_size,
        margin_pages=yts.margin_pages,
    )


def imdb_client(settings: Settings, run_date: date) -> "ImdbClient":
    """Return a client that fetches the dumps of a run date.

    Raises:
        SettingsError: profile `live` without the dumps' address.
        PermanentSourceError: profile `live` and another day than today.
    """
    from movies_assets.ingest.http import PermanentSourceError  # noqa: PLC0415
    from movies_assets.sources.imdb.client import ImdbClient  # noqa: PLC0415

    options = _options(settings.imdb)
    if settings.profile == "sample":
        transport = _imdb_sample(settings.data_dir, settings.sample)
        return ImdbClient(f"{SAMPLE_HOST}/imdb/{run_date}", options, transport=transport)
    today = datetime.now(UTC).date()
    if run_date != today:
        raise PermanentSourceError(
            f"IMDb's dumps of {run_date} were never fetched, or were removed as old. The service "
            f"only has today's, which are not those of another day: run the partition {today}."
        )
    return ImdbClient(settings.secret("imdb", "base_url"), options)


def imdb_landed(settings: Settings, file: str, days: Sequence[date]) -> "list[Dump]":
    """Return a dump as it was fetched on some days; none where the settings leave it out.

    Raises:
        PermanentSourceError: it was not fetched on one of them.
    """
    from movies_assets.sources.imdb.client import stored  # noqa: PLC0415

    if file not in settings.imdb.files:
        return []
    return [dump for day in days for dump in stored(settings.landing, day, [file])]


def netflix_client(settings: Settings) -> "NetflixClient":
    """Return a client of Netflix's look-up files: the real ones, or those of the sample.

    Raises:
        SettingsError: profile `live` without the files' address.
    """
    from movies_assets.sources.netflix.client import NetflixClient  # noqa: PLC0415

    options = _options(settings.netflix, concurrency=1)
    if settings.profile == "live":
        return NetflixClient(settings.secret("netflix", "base_url"), options)
    return NetflixClient(
        f"{SAMPLE_HOST}/netflix", options, transport=_netflix_sample(settings.sample)
    )


def netflix_titles(settings: Settings) -> str:
    """Return the URL of the folder in which Netflix's titles arrive, in a folder a day.

    Where the settings name none, profile `sample` delivers its titles before the folder is first
    used. What stands there already is never changed.
    """
    return _arrivals_url(
        settings, "netflix/titles", settings.netflix.titles_url, _deliver_netflix_titles
    )


def netflix_landing(settings: Settings) -> "Landing":
    """Return the folder in which Netflix's titles arrive."""
    from movies_assets.ingest.landing import Landing  # noqa: PLC0415

    return Landing(netflix_titles(settings), "netflix/titles")


def netflix_lookup(settings: Settings, name: str, header: Sequence[str]) -> "Lookup":
    """Fetch a look-up into the landing zone.

    Args:
        settings: where it is.
        name: which one.
        header: the columns that it must have.

    Raises:
        SettingsError: profile `live` without the files' address.
        SourceError: it cannot be had, or is not what it should be.
    """
    file = settings.netflix.lookup_files[name]
    target = settings.landing / "netflix" / "lookups" / f"{name}.csv"
    return netflix_client(settings).fetch(file, header, target)


def _arrivals_url(
    settings: Settings, name: str, url: str | None, deliver: Callable[[Path, SampleSettings], None]
) -> str:
    """Return the URL of a folder in which files arrive, in a folder a day.

    Args:
        settings: where the landing zone is.
        name: the folder's place in it.
        url: the folder that the settings name in place of that; into it the sample delivers
            nothing.
        deliver: writes the files of a sample into a folder.
    """
    if url:
        return url
    folder = (settings.landing / name).resolve()
    if settings.profile == "sample" and not folder.exists():
        _deliver_whole(folder, lambda new: deliver(new, settings.sample))
    return f"file://{folder.as_posix()}"


def _deliver_netflix_titles(folder: Path, sample: SampleSettings) -> None:
    from movies_assets.sources.netflix.sample import deliver  # noqa: PLC0415 (only the sample needs it)

    deliver(folder, last_day=sample.last_day, titles=sample.netflix_titles, seed=sample.seed)


def _deliver_whole(folder: Path, deliver: Callable[[Path], None]) -> None:
    """Deliver a folder all at once: one that is there is taken for complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
        delivered = Path(parent) / folder.name
        deliver(delivered)
        try:
            delivered.rename(folder)
        except OSError:
            # Where another process was faster, its folder is not empty, and stays.
            if not folder.is_dir():
                raise


@cache
def _netflix_sample(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.netflix.sample_server import create_netflix_app  # noqa: PLC0415

    return httpx.ASGITransport(create_netflix_app(sample.netflix_titles, sample.seed))


def ott_client(settings: Settings) -> "OttClient":
    """Return a client of the users API: the real one, or the embedded sample in this process.

    Raises:
        SettingsError: profile `live` without the API's address.
    """
    from movies_assets.sources.ott.client import OttClient  # noqa: PLC0415
    from movies_assets.sources.ott.users_api import SHAPES  # noqa: PLC0415

    live = settings.profile == "live"
    return OttClient(
        settings.secret("ott", "base_url") if live else f"{SAMPLE_HOST}/ott",
        _options(settings.ott),
        transport=None if live else _ott_sample(settings.sample),
        page_size=settings.ott.page_size,
        # The sample's server has one shape, whatever service the settings describe.
        api=settings.ott.shape() if live else SHAPES["dummyjson"],
        today=partial(_ott_today, settings),
    )


def ott_landing(settings: Settings, folder: Literal["titles", "views", "users"]) -> "Landing":
    """Return a folder in which files of the streaming service arrive.

    Where the settings name no other, profile `sample` delivers its files before the folder is first
    used. Users are always kept in our own landing zone: nobody else writes them.
    """
    from movies_assets.ingest.landing import Landing  # noqa: PLC0415

    named = {"titles": settings.ott.titles_url, "views": settings.ott.views_url, "users": None}
    name = f"ott/{folder}"
    return Landing(
        _arrivals_url(settings, name, named[folder], partial(_deliver_ott, folder)), name
    )


def _deliver_ott(
    what: Literal["titles", "views", "users"], folder: Path, sample: SampleSettings
) -> None:
    from movies_assets.sources.ott import sample as ott  # noqa: PLC0415 (only the sample needs it)

    day, seed = sample.last_day, sample.seed
    users, titles, views = sample.ott_users, sample.ott_titles, sample.ott_views
    match what:
        case "titles":
            ott.deliver_titles(
                folder, last_day=day, users=users, titles=titles, views=views, seed=seed
            )
        case "views":
            ott.deliver_views(
                folder, last_day=day, users=users, titles=titles, views=views, seed=seed
            )
        case "users":
            ott.deliver_users(folder, last_day=day, users=users, seed=seed)


def ott_users(settings: Settings, days: Collection[date]) -> "list[UserDay]":
    """Fetch the users of today if they are among some days; those of other days must be there.

    Raises:
        SettingsError: profile `live` without the API's address, and today's users are wanted.
        PermanentSourceError: other days were never fetched, or the service refused.
        TransientSourceError: the service was still failing when the time budget was spent.
    """
    from movies_assets.sources.ott.client import settle  # noqa: PLC0415

    def fetch(landing: Path, day: date) -> "Fetched":
        return ott_client(settings).fetch(landing, day)

    ott_landing(settings, "users")  # the sample's past days, before a first one stands there
    return settle(settings.landing, days, _ott_today(settings), fetch)


def ott_landed(settings: Settings, days: Collection[date]) -> "list[UserDay]":
    """Return the users of some days as they were fetched.

    Raises:
        PermanentSourceError: they were never fetched on one of them.
    """
    from movies_assets.sources.ott.client import stored  # noqa: PLC0415

    return stored(settings.landing, days)


@dataclass(frozen=True)
class UserKey:
    """The keyed hash by which gold knows users: HMAC-SHA256 of the id, its first 16 bytes.

    Attributes:
        secret: its key.
        problem: what to say where it is called without a secret.
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


def user_key(settings: Settings) -> UserKey:
    """Return the keyed hash of users; without a secret in profile `live` one that explains itself.

    The sample has a secret of its own where the settings name none.
    """
    if settings.profile == "sample" and not settings.ott.user_key_secret:
        return UserKey(SAMPLE_USER_KEY_SECRET)
    try:
        return UserKey(settings.secret("ott", "user_key_secret"))
    except SettingsError as error:
        # Everything but the streaming service works without it.
        return UserKey(None, str(error))


def _ott_today(settings: Settings) -> date:
    """Return the day that the users API knows."""
    return datetime.now(UTC).date() if settings.profile == "live" else settings.sample.last_day


@cache
def _ott_sample(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.ott.sample_server import create_ott_app  # noqa: PLC0415

    app = create_ott_app(users=sample.ott_users, last_day=sample.last_day, seed=sample.seed)
    return httpx.ASGITransport(app)


def omdb_client(settings: Settings) -> "OmdbClient":
    """Return a client of OMDb: the real one, or the embedded sample in this process.

    The sample has its own key: nobody needs one to try it out.

    Raises:
        SettingsError: profile `live` without the API's address or key.
    """
    from movies_assets.sources.omdb.client import OmdbClient  # noqa: PLC0415

    omdb = settings.omdb
    options = _options(omdb, concurrency=1)
    if settings.profile == "live":
        base_url, key = settings.secret("omdb", "base_url"), settings.secret("omdb", "api_key")
        return OmdbClient(base_url, key, options, requests_a_run=omdb.requests_a_run)
    transport, key = _omdb_sample(settings.sample)
    return OmdbClient(
        SAMPLE_HOST, key, options, transport=transport, requests_a_run=omdb.requests_a_run
    )


def omdb_landed(settings: Settings, years: Iterable[int]) -> "list[Year]":
    """Return what was collected of some years."""
    from movies_assets.sources.omdb.client import stored  # noqa: PLC0415

    return stored(settings.landing, years)


def _omdb_sample(sample: SampleSettings) -> "tuple[httpx.AsyncBaseTransport, str]":
    """Return a server whose quota is unspent, and its key."""
    import httpx  # noqa: PLC0415

    from movies_assets.sources.omdb.sample import Titles  # noqa: PLC0415
    from movies_assets.sources.omdb.sample_server import SAMPLE_KEY, create_omdb_app  # noqa: PLC0415

    app = create_omdb_app(Titles(sample.last_day.year, sample.seed))
    return httpx.ASGITransport(app), SAMPLE_KEY


@cache
def _imdb_sample(data_dir: Path, sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.imdb.sample_server import create_imdb_app  # noqa: PLC0415

    app = create_imdb_app(data_dir / "sample" / "imdb", scale=sample.imdb_scale, seed=sample.seed)
    return httpx.ASGITransport(app)


@cache
def _sample_transport(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sample.catalogue import Catalogue  # noqa: PLC0415
    from movies_assets.sources.yts.sample_server import create_app  # noqa: PLC0415

    catalogue = Catalogue(movies=sample.movies, last_day=sample.last_day, seed=sample.seed)
    return httpx.ASGITransport(create_app(catalogue))
