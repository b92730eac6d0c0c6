"""How IMDb's dumps are reached: fetched from the service or its sample, or as they were fetched."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import SAMPLE_HOST, HttpResource, SettingsResource, limits_of
from movies_assets.sources.imdb.settings import ImdbSettings

if TYPE_CHECKING:
    import httpx

    from movies_assets.sources.imdb.client import Dump, ImdbClient


class ImdbService(HttpResource):
    """The server of IMDb's dumps, and their place in the landing zone."""

    concurrency: int = Field(4, ge=1, le=7, description="Downloads under way at once.")
    max_download_bytes: int = Field(4 * 1024**3, ge=1024, description="Largest dump.")

    def fetch(self, day: date) -> "list[Dump]":
        """Fetch the dumps of a run date, unless they are there: then the service is not asked.

        Raises:
            SettingsError: profile `live` without the dumps' address.
            PermanentSourceError: profile `live` and another day than today.
        """
        from movies_assets.ingest.http import PermanentSourceError  # noqa: PLC0415
        from movies_assets.sources.imdb.client import stored  # noqa: PLC0415

        files = self.settings.section(ImdbSettings).files
        try:
            return stored(self.settings.landing, day, files)
        except PermanentSourceError:
            return self.client(day).fetch(self.settings.landing, day, files)

    def client(self, run_date: date) -> "ImdbClient":
        """Return a client that fetches the dumps of a run date.

        Raises:
            SettingsError: profile `live` without the dumps' address.
            PermanentSourceError: profile `live` and another day than today.
        """
        from movies_assets.ingest.http import PermanentSourceError  # noqa: PLC0415
        from movies_assets.sources.imdb.client import ImdbClient  # noqa: PLC0415

        options = self.options("imdb")
        if not self.is_live:
            folder, seed = self.settings.data_dir / "sample" / "imdb", self.settings.sample.seed
            scale = self.settings.section(ImdbSettings).sample_scale
            transport = _sample(folder, scale, seed)
            return ImdbClient(f"{SAMPLE_HOST}/imdb/{run_date}", options, transport=transport)
        today = datetime.now(UTC).date()
        if run_date != today:
            raise PermanentSourceError(
                f"IMDb's dumps of {run_date} were never fetched, or were removed as old. The "
                "service only has today's, which are not those of another day: run the partition "
                f"{today}."
            )
        return ImdbClient(self.settings.secret("imdb", "base_url"), options)

    def prune(self, spare: Collection[date]) -> list[Path]:
        """Remove run dates that are older than those that are kept; return their folders."""
        from movies_assets.sources.imdb.client import prune  # noqa: PLC0415

        keep = self.settings.section(ImdbSettings).keep_run_dates
        return prune(self.settings.landing, keep, spare=spare)


class ImdbLanded(SettingsResource):
    """IMDb's dumps as they were fetched into the landing zone."""

    def dumps(self, file: str, days: Sequence[date]) -> "list[Dump]":
        """Return a dump as it was fetched on some days; none where the settings leave it out.

        Raises:
            PermanentSourceError: it was not fetched on one of them.
        """
        from movies_assets.sources.imdb.client import stored  # noqa: PLC0415

        if file not in self.settings.section(ImdbSettings).files:
            return []
        return [dump for day in days for dump in stored(self.settings.landing, day, [file])]


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of IMDb."""
    limits = limits_of(settings.section(ImdbSettings), ImdbService)
    return {
        "imdb": ImdbService(project=settings, **limits),
        "imdb_landed": ImdbLanded(project=settings),
    }


@cache
def _sample(folder: Path, scale: float, seed: int) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.imdb.sample_server import create_imdb_app  # noqa: PLC0415

    return httpx.ASGITransport(create_imdb_app(folder, scale=scale, seed=seed))
