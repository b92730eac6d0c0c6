"""Which server a profile talks to; nothing else differs between profiles."""

from functools import cache
from typing import TYPE_CHECKING

from movies_assets.settings import SampleSettings, Settings

if TYPE_CHECKING:
    import httpx

    from movies_assets.sources.yts import YtsClient

SAMPLE_URL = "http://sample.invalid/api/v2"


def yts_client(settings: Settings) -> "YtsClient":
    """Return a client of the YTS API: the real one, or the embedded sample in this process.

    Raises:
        SettingsError: profile `live` without the API's address.
    """
    from movies_assets.sources.http import HttpOptions  # noqa: PLC0415 (only runs need it)
    from movies_assets.sources.yts import YtsClient  # noqa: PLC0415

    yts = settings.yts
    options = HttpOptions(
        concurrency=yts.concurrency,
        requests_per_second=yts.requests_per_second,
        connect_timeout_seconds=yts.connect_timeout_seconds,
        read_timeout_seconds=yts.read_timeout_seconds,
        max_response_bytes=yts.max_response_bytes,
        retry_budget_seconds=yts.retry_budget_seconds,
    )
    live = settings.profile == "live"
    return YtsClient(
        settings.secret("yts", "base_url") if live else SAMPLE_URL,
        options,
        transport=None if live else _sample_transport(settings.sample),
        page_size=yts.page_size,
        margin_pages=yts.margin_pages,
    )


@cache
def _sample_transport(sample: SampleSettings) -> "httpx.AsyncBaseTransport":
    import httpx  # noqa: PLC0415

    from movies_assets.sample.catalogue import Catalogue  # noqa: PLC0415
    from movies_assets.sample.server import create_app  # noqa: PLC0415

    catalogue = Catalogue(movies=sample.movies, last_day=sample.last_day, seed=sample.seed)
    return httpx.ASGITransport(create_app(catalogue))
