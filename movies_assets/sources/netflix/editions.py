"""Define the editions of Netflix's catalogue: the columns under their publishers' names.

Values of a different kind (a list in one cell, a running time with its unit) have a separate column
in bronze, and silver parses them. If several editions share a header's names, the first one is
chosen.
"""

from movies_assets.ingest.editions import Edition

WHOLE, YEAR, TYPE = "[0-9]+(?:[.]0+)?", "[12][0-9]{3}(?:[.]0+)?", "(?i:movie|tv show)"

# In addition, four files over HTTP list cast, categories, countries and directors.
FIVE_FILES = Edition(
    "Netflix, five files",
    {
        "duration_minutes": "duration_minutes",
        "duration_seasons": "duration_seasons",
        "type": "type",
        "title": "title",
        "date_added": "date_added",
        "release_year": "release_year",
        "rating": "rating",
        "description": "description",
        "show_id": "show_id",
    },
    needs=("show_id", "title"),
    shapes={
        "duration_minutes": f"(?:{WHOLE})?",
        "duration_seasons": f"(?:{WHOLE})?",
        "type": TYPE,
        "release_year": YEAR,
        "show_id": WHOLE,
    },
)
KAGGLE_2019 = Edition(
    "Kaggle 2019",
    {
        "show_id": "show_id",
        "title": "title",
        "director": "directors",
        "cast": "cast_members",
        "country": "countries",
        "date_added": "date_added",
        "release_year": "release_year",
        "rating": "rating",
        "duration": "duration",
        "listed_in": "categories",
        "description": "description",
        "type": "type",
    },
    needs=("show_id", "title", "listed_in"),
    shapes={"show_id": WHOLE, "release_year": YEAR, "type": TYPE},
)
# The ids are row numbers, not ids of Netflix.
KAGGLE_2021 = Edition(
    "Kaggle 2021",
    # The columns of 2019, in another order.
    {"show_id": "show_id", "type": "type", **KAGGLE_2019.columns},
    needs=("show_id", "title", "listed_in"),
    shapes={"show_id": "[sS][0-9]+", "type": TYPE, "release_year": YEAR},
)
JUSTWATCH = Edition(
    "JustWatch titles",
    {
        "id": "show_id",
        "title": "title",
        "type": "type",
        "description": "description",
        "release_year": "release_year",
        "age_certification": "rating",
        "runtime": "runtime",
        "genres": "categories",
        "production_countries": "countries",
        "seasons": "seasons",
        "imdb_id": "imdb_id",
        "imdb_score": "imdb_score",
        "imdb_votes": "imdb_votes",
        "tmdb_popularity": "tmdb_popularity",
        "tmdb_score": "tmdb_score",
    },
    needs=("id", "title", "type", "runtime"),
    shapes={"id": "(?i:t[ms])[0-9]+", "type": "(?i:movie|show)", "release_year": YEAR},
)
JUSTWATCH_CREDITS = Edition(
    "JustWatch credits",
    {
        "person_id": "person_id",
        "id": "show_id",
        "name": "person_name",
        "character": "character_name",
        "role": "role",
    },
    needs=("person_id", "id", "role"),
    shapes={"person_id": "[0-9]+", "id": "(?i:t[ms])[0-9]+", "role": "(?i:actor|director)"},
)
EDITIONS = (FIVE_FILES, KAGGLE_2019, KAGGLE_2021, JUSTWATCH, JUSTWATCH_CREDITS)
