"""Settings of the links between titles: where a person's decisions are."""

from pathlib import Path

from pydantic import Field

from movies_assets.core.settings import SourceSettings


class TitlesSettings(SourceSettings):
    """Where the decisions about links are kept."""

    overrides: Path | None = Field(
        None,
        description="file of decisions about links; default DATA_DIR/overrides/title_links.csv",
    )


SETTINGS = TitlesSettings
