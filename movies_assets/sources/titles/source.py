"""Titles: one row a title across all sources, and the links that prove it."""

from movies_assets.core.source import Job, Source, tables_of
from movies_assets.sources.titles import bronze, evaluation, gold, silver
from movies_assets.sources.titles.resources import resources

EVALUATION = (bronze.title_labels.key, evaluation.title_link_evaluation.key)

SOURCE = Source(
    name="titles",
    title="Titles",
    tables=tables_of("titles", bronze, silver, gold, evaluation),
    jobs=(
        Job(
            "titles",
            "Link the titles of all sources, and publish one row a title.",
            newest=0,
            without=EVALUATION,
            follows=True,
        ),
        Job(
            "evaluate_titles",
            "Measure the links against titles whose id at IMDb is known.",
            only=EVALUATION,
            newest=0,
        ),
    ),
    resources=resources,
)
