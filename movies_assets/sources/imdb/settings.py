"""Settings of IMDb: where its dumps are, which are loaded, how long they are kept."""

from datetime import date
from typing import ClassVar, Literal, get_args

from pydantic import Field, SecretStr

from movies_assets.core.settings import BytesPerSecond, Positive, SourceSettings

ImdbFile = Literal[
    "name.basics",
    "title.akas",
    "title.basics",
    "title.crew",
    "title.episode",
    "title.principals",
    "title.ratings",
]
FILES: tuple[ImdbFile, ...] = get_args(ImdbFile)


class ImdbSettings(SourceSettings):
    """Where IMDb's dumps are, which of them are loaded, and how long they are kept."""

    fetched_folders: ClassVar[tuple[str, ...]] = ("imdb",)

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the dumps, https://[user:password@]host"
    )
    first_run_date: date = Field(
        date(2025, 10, 1),
        description="first partition: the first day on which dumps may be fetched",
    )
    files: tuple[ImdbFile, ...] = Field(
        (
            "title.basics",
            "title.ratings",
            "title.episode",
            "title.crew",
            "title.principals",
            "name.basics",
        ),
        min_length=1,
        description="JSON list of the dumps to load; the default leaves out `title.akas`, which "
        "shows Oscar winners and has alternate names, by which more titles are linked",
    )
    keep_run_dates: int = Field(
        2, ge=1, description="newest run dates kept in landing and bronze; older ones are removed"
    )
    keep_ratings: int = Field(
        90, ge=2, description="newest run dates of ratings kept in silver; trends need two"
    )
    concurrency: int = Field(4, ge=1, le=7, description="concurrent downloads")
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(60, description="longest silence within a download")
    max_download_bytes: int = Field(
        4 * 1024**3, ge=1024, description="largest dump that is fetched; the largest has 0.8 GB"
    )
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(
        300, description="time that may pass without progress before a download fails"
    )
    max_requests: int = Field(
        1_000, ge=1, description="requests a run may send: seven, and one for each break"
    )
    max_seconds: Positive = Field(
        21_600, description="time a run may spend on downloads: 8 GB at 0.4 MB/s"
    )
    sample_scale: float = Field(
        0.0005,
        gt=0,
        le=1,
        description="profile sample: size of the dumps; 1 is that of the real ones",
    )


SETTINGS = ImdbSettings
