"""Settings of OMDb: where its API is, the key to it, how much may be asked."""

from typing import ClassVar

from pydantic import Field, SecretStr

from movies_assets.core.settings import BytesPerSecond, Positive, ResponseBytes, SourceSettings


class OmdbSettings(SourceSettings):
    """Where the OMDb API is, its key, and how many requests it may get."""

    fetched_folders: ClassVar[tuple[str, ...]] = ("omdb",)

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the API, https://[user:password@]host"
    )
    api_key: SecretStr | None = Field(None, description="profile live: the key to the API")
    first_year: int = Field(
        1900, ge=1870, le=2100, description="first partition: the oldest year of release"
    )
    requests_a_run: int = Field(
        1000, ge=1, description="requests after which a run stops; the next one goes on from there"
    )
    max_requests: int = Field(
        10_000, ge=1, description="requests a run may send with all retries, which fails then"
    )
    max_seconds: Positive = Field(
        7200, description="time after which a run stops; the next one goes on from there"
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")


SETTINGS = OmdbSettings
