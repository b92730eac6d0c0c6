"""Which server a profile talks to; nothing else differs between profiles."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from movies_assets.settings import SampleSettings, Section, Settings

if TYPE_CHECKING:
    import httpx

    from movies_assets.sources.http import HttpOptions
    from movies_assets.sources.imdb import Dump, ImdbClient
    from movies_assets.sources.landing import Landing
    from movies_assets.sources.netflix import Lookup, NetflixClient
    from movies_assets.sources.omdb import OmdbClient, Year
    from movies_assets.sources.yts import YtsClient

SAMPLE_HOST = "http://sample.invalid"
SAMPLE_URL = f"{SAMPLE_HOST}/api/v2"


def _options(section: Section, **limits: int) -> "HttpOptions":
    """Return the limits of an HTTP client: those that a section of the settings has, and these."""
    from movies_assets.sources.http import HttpOptions  # noqa: PLC0415 (only runs need it)

    named = {field.name for field in fields(HttpOptions)} & type(section).model_fields.keys()
    return HttpOptions(**{name: getattr(section, name) for name in named}, **limits)


def yts_client(settings: Settings) -> "YtsClient":
    """Return a client of the YTS API: the real one, or the embedded sample in this process.

    Raises:
        SettingsError: profile `live` without the API's address.
    """
    from movies_assets.sources.yts import YtsClient  # noqa: PLC0415

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
    from movies_assets.sources.http import PermanentSourceError  # noqa: PLC0415
    from movies_assets.sources.imdb import ImdbClient  # noqa: PLC0415

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
    from movies_assets.sources.imdb import stored  # noqa: PLC0415

    if file not in settings.imdb.files:
        return []
    return [dump for day in days for dump in stored(settings.landing, day, [file])]


def netflix_client(settings: Settings) -> "NetflixClient":
    """Return a client of Netflix's look-up files: the real ones, or those of the sample.

    Raises:
        SettingsError: profile `live` without the files' address.
    """
    from movies_assets.sources.netflix import NetflixClient  # noqa: PLC0415

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
    if settings.netflix.titles_url:
        return settings.netflix.titles_url
    folder = (settings.landing / "netflix" / "titles").resolve()
    if settings.profile == "sample" and not folder.exists():
        _deliver_titles(folder, settings.sample)
    return f"file://{folder.as_posix()}"


def netflix_landing(settings: Settings) -> "Landing":
    """Return the folder in which Netflix's titles arrive."""
    from movies_assets.sources.landing import Landing  # noqa: PLC0415

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


def _deliver_titles(folder: Path, sample: SampleSettings) -> None:
    """Deliver the sample's titles all at once: a folder that is there is taken for complete."""
    from movies_assets.sample.netflix import deliver  # noqa: PLC0415 (only the sample needs it)

    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".titles-", dir=folder.parent) as parent:
        delivered = Path(parent) / folder.name
        deliver(delivered, last_day=sample.last_day, titles=sample.netflix_titles, seed=sample.seed)
        try:
            delivered.rename(folder)
        except OSError:
            # Where another process was faster, its folder is not empty, and stays.
            if not folder.is_dir():
                raise


@cache
def _netflix_sample(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sample.netflix_server import create_netflix_app  # noqa: PLC0415

    return httpx.ASGITransport(create_netflix_app(sample.netflix_titles, sample.seed))


def omdb_client(settings: Settings) -> "OmdbClient":
    """Return a client of OMDb: the real one, or the embedded sample in this process.

    The sample has its own key: nobody needs one to try it out.

    Raises:
        SettingsError: profile `live` without the API's address or key.
    """
    from movies_assets.sources.omdb import OmdbClient  # noqa: PLC0415

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
    from movies_assets.sources.omdb import stored  # noqa: PLC0415

    return stored(settings.landing, years)


def _omdb_sample(sample: SampleSettings) -> "tuple[httpx.AsyncBaseTransport, str]":
    """Return a server whose quota is unspent, and its key."""
    import httpx  # noqa: PLC0415

    from movies_assets.sample.omdb import Titles  # noqa: PLC0415
    from movies_assets.sample.omdb_server import SAMPLE_KEY, create_omdb_app  # noqa: PLC0415

    app = create_omdb_app(Titles(sample.last_day.year, sample.seed))
    return httpx.ASGITransport(app), SAMPLE_KEY


@cache
def _imdb_sample(data_dir: Path, sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sample.imdb_server import create_imdb_app  # noqa: PLC0415

    app = create_imdb_app(data_dir / "sample" / "imdb", scale=sample.imdb_scale, seed=sample.seed)
    return httpx.ASGITransport(app)


@cache
def _sample_transport(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sample.catalogue import Catalogue  # noqa: PLC0415
    from movies_assets.sample.server import create_app  # noqa: PLC0415

    catalogue = Catalogue(movies=sample.movies, last_day=sample.last_day, seed=sample.seed)
    return httpx.ASGITransport(create_app(catalogue))


def ott_landing(settings, folder):
    from movies_assets.sources.landing import Landing

    return Landing(settings.landing / "ott" / folder, f"ott/{folder}")


def ott_users(settings, days):
    return []


from dataclasses import dataclass


@dataclass(frozen=True)
class _Key:
    secret: str

    def __call__(self, user_id):
        import hmac

        return hmac.digest(self.secret.encode(), str(user_id).encode(), "sha256").hex()[:32]


def user_key(settings):
    return _Key("sample")
