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
    labels: Path | None = Field(
        None,
        description="file of titles whose id at IMDb is known (source,source_id,tconst), against "
        "which the links are measured; profile sample: by default those of the fictional world",
    )


SETTINGS = TitlesSettings
