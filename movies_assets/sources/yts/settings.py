"""Settings of YTS: where its API is, and how hard it may be asked."""

from datetime import date

from pydantic import Field, SecretStr

from movies_assets.core.settings import BytesPerSecond, Positive, ResponseBytes, SourceSettings


class YtsSettings(SourceSettings):
    """Where the YTS API is and how hard it may be asked."""

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the API, https://[user:password@]host/api/v2"
    )
    first_day: date | None = Field(
        None,
        description="first partition; default: the day of the oldest upload, 2015-10-31, or in "
        "profile sample that of its catalogue",
    )
    concurrency: int = Field(8, ge=1, le=64, description="requests under way at once")
    requests_per_second: Positive | None = Field(
        None, description="upper bound of the request rate"
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")
    page_size: int = Field(50, ge=1, le=50, description="movies a page")
    margin_pages: int = Field(
        2, ge=1, description="pages read beyond a window, for date inversions"
    )
    max_requests: int = Field(
        20_000, ge=1, description="requests a run may send; reading 74,000 movies takes 1,500"
    )
    max_seconds: Positive = Field(
        3600, description="time a run may spend on the API; a reading of all movies takes minutes"
    )
    sample_movies: int = Field(
        2_000, ge=1, description="profile sample: movies in the catalogue; about 20 a day"
    )


SETTINGS = YtsSettings
