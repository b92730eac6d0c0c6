"""The measures of Netflix for Power BI."""

from movies_assets.core.measure import WHOLE, Measure, count

MEASURES = (
    Measure(
        "netflix_fact_titles",
        "Netflix titles",
        count("netflix_fact_titles"),
        WHOLE,
        "Movies and series of Netflix.",
        is_of_catalogues=True,
    ),
)
