"""Settings of Netflix: where its look-ups are, and where its titles arrive."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field, SecretStr

from movies_assets.core.settings import BytesPerSecond, Positive, SourceSettings


class NetflixSettings(SourceSettings):
    """Where Netflix's look-up files are, and where its titles arrive."""

    fetched_folders: ClassVar[tuple[str, ...]] = ("netflix/lookups",)

    base_url: SecretStr | None = Field(
        None,
        description="profile live: address of the look-up files, https://[user:password@]host/path"
        "; only needed where the titles' own files have no people, categories and countries",
    )
    titles_url: str | None = Field(
        None,
        description="folder in which titles arrive, as a path or any URL that fsspec knows "
        "(file, s3, abfs, ...); default DATA_DIR/landing/netflix/titles",
    )
    first_day: date = Field(
        date(2025, 10, 1), description="first partition: the first day on which titles may arrive"
    )
    lookup_files: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {
            "cast": "netflix_cast.csv",
            "category": "netflix_category.csv",
            "countries": "netflix_countries.csv",
            "directors": "netflix_directors.csv",
        },
        description="JSON object of the look-up files: table, and name below the base URL; "
        "tables that are not named keep their default",
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a download")
    max_download_bytes: int = Field(
        256 * 1024**2, ge=1024, description="largest look-up file that is fetched"
    )
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(
        120, description="time that may pass without progress before a download fails"
    )
    max_requests: int = Field(
        200, ge=1, description="requests one look-up may take: one, and one for each break"
    )
    max_seconds: Positive = Field(3600, description="time one look-up may take")
    sample_titles: int = Field(
        400,
        ge=200,
        le=1_000_000,
        description="profile sample: titles, which arrive within 30 days",
    )

    def arrival_urls(self) -> Mapping[str, str | None]:
        """Return the folder in which titles arrive, and its URL."""
        return {"netflix/titles": self.titles_url}


SETTINGS = NetflixSettings
