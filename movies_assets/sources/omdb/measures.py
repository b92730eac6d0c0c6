"""The measures of OMDb for Power BI."""

from movies_assets.core.measure import WHOLE, Measure, total

MEASURES = (
    Measure(
        "omdb_releases",
        "OMDb releases",
        total("omdb_releases", "total_releases"),
        WHOLE,
        "Titles that OMDb lists.",
        is_of_catalogues=True,
    ),
)
