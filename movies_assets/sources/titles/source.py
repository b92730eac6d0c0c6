"""Titles: one row a title across all sources, and the links that prove it."""

from movies_assets.core.source import Job, Source, tables_of
from movies_assets.sources.titles import bronze, gold, silver
from movies_assets.sources.titles.resources import resources

SOURCE = Source(
    name="titles",
    title="Titles",
    tables=tables_of("titles", bronze, silver, gold),
    jobs=(
        Job(
            "titles",
            "Link the titles of all sources, and publish one row a title.",
            newest=0,
        ),
    ),
    resources=resources,
)
