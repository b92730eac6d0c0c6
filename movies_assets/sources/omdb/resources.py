"""How OMDb is reached: the real API, or the embedded sample in this process."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import Field

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import SAMPLE_HOST, HttpResource, SettingsResource, limits_of
from movies_assets.sources.omdb.settings import OmdbSettings

if TYPE_CHECKING:
    import httpx

    from movies_assets.sources.omdb.client import Collected, OmdbClient, Query, Year


class OmdbApi(HttpResource):
    """The API of OMDb; in profile `sample` a fictional one, with a key of its own."""

    max_response_bytes: int = Field(64 * 1024**2, ge=1024, description="Largest reply.")
    requests_a_run: int = Field(1000, ge=1, description="Requests after which a run stops.")

    def collect(self, years: Iterable[int], query: "Query", *, refresh: bool) -> "Collected":
        """Collect the pages of some years in the landing zone, see `OmdbClient.collect`.

        Raises:
            SettingsError: profile `live` without the API's address or key.
        """
        return self.client().collect(self.settings.landing, years, query, refresh=refresh)

    def client(self) -> "OmdbClient":
        """Return a client.

        Raises:
            SettingsError: profile `live` without the API's address or key.
        """
        from movies_assets.sources.omdb.client import OmdbClient  # noqa: PLC0415 (only runs need it)

        options, limit = self.options("omdb", concurrency=1), self.requests_a_run
        if self.is_live:
            url, key = (self.settings.secret("omdb", name) for name in ("base_url", "api_key"))
            return OmdbClient(url, key, options, requests_a_run=limit)
        sample = self.settings.sample
        transport, key = _sample(sample.last_day, sample.seed)
        return OmdbClient(SAMPLE_HOST, key, options, transport=transport, requests_a_run=limit)


class OmdbLanded(SettingsResource):
    """The pages of OMDb as they were collected in the landing zone."""

    def years(self, years: Collection[int]) -> "list[Year]":
        """Return the collected pages of some years."""
        from movies_assets.sources.omdb.client import stored  # noqa: PLC0415 (only runs need it)

        return stored(self.settings.landing, years)


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of OMDb."""
    limits = limits_of(settings.section(OmdbSettings), OmdbApi)
    return {
        "omdb": OmdbApi(project=settings, **limits),
        "omdb_landed": OmdbLanded(project=settings),
    }


def _sample(last_day: date, seed: int) -> "tuple[httpx.AsyncBaseTransport, str]":
    """Return a server whose quota is unspent, and its key."""
    import httpx  # noqa: PLC0415

    from movies_assets.sources.omdb.sample import Titles  # noqa: PLC0415
    from movies_assets.sources.omdb.sample_server import SAMPLE_KEY, create_omdb_app  # noqa: PLC0415

    return httpx.ASGITransport(create_omdb_app(Titles(last_day.year, seed))), SAMPLE_KEY
