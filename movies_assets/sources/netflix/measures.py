"""The measures of Netflix for Power BI."""

from movies_assets.core.measure import WHOLE, Measure, count, through

TABLE = "netflix_fact_titles"


def _named(name: str, bridge: str, description: str) -> Measure:
    """Return the number of titles that name the chosen people in a role."""
    formula = through(count(TABLE), bridge, "show_key", "netflix_dim_title", "show_key")
    return Measure(TABLE, name, formula, WHOLE, description)


MEASURES = (
    Measure(
        TABLE,
        "Netflix titles",
        count(TABLE),
        WHOLE,
        "Movies and series of Netflix.",
        is_of_catalogues=True,
    ),
    _named(
        "Netflix titles as cast", "netflix_title_cast", "Titles in whose cast chosen people are."
    ),
    _named(
        "Netflix titles as director",
        "netflix_title_director",
        "Titles that chosen people directed.",
    ),
)
