"""How YTS is reached: the real API, or the embedded sample in this process."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import Field

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import SAMPLE_HOST, HttpResource, limits_of
from movies_assets.sources.yts.settings import YtsSettings

if TYPE_CHECKING:
    import httpx

    from movies_assets.sources.yts.client import YtsClient


class YtsApi(HttpResource):
    """The API of YTS; in profile `sample` a fictional one."""

    concurrency: int = Field(8, ge=1, le=64, description="Requests under way at once.")
    requests_per_second: float | None = Field(None, description="Upper bound of the request rate.")
    max_response_bytes: int = Field(64 * 1024**2, ge=1024, description="Largest reply.")
    page_size: int = Field(50, ge=1, le=50, description="Movies a page.")
    margin_pages: int = Field(2, ge=1, description="Pages read beyond a window.")

    def client(self) -> "YtsClient":
        """Return a client.

        Raises:
            SettingsError: profile `live` without the API's address.
        """
        from movies_assets.sources.yts.client import YtsClient  # noqa: PLC0415 (only runs need it)

        sample, size = self.settings.sample, self.settings.section(YtsSettings).sample_movies
        return YtsClient(
            self.settings.secret("yts", "base_url") if self.is_live else f"{SAMPLE_HOST}/api/v2",
            self.options("yts"),
            transport=None if self.is_live else _sample(size, sample.last_day, sample.seed),
            page_size=self.page_size,
            margin_pages=self.margin_pages,
        )


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of YTS."""
    limits = limits_of(settings.section(YtsSettings), YtsApi)
    return {"yts": YtsApi(project=settings, **limits)}


@cache
def _sample(movies: int, last_day: date, seed: int) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sources.yts.sample import Catalogue  # noqa: PLC0415
    from movies_assets.sources.yts.sample_server import create_app  # noqa: PLC0415

    return httpx.ASGITransport(create_app(Catalogue(movies=movies, last_day=last_day, seed=seed)))
