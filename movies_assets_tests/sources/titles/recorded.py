"""The recorded titles of a service, and the titles of IMDb that compete for them, in a database."""

from pathlib import Path

from movies_assets_tests.sources.titles.lab import MADE, Lab

# Whose title IMDb has, and of which a link can only be wrong. The others state no id.
KNOWN, ABSENT = "('as stated', 'redirected id', 'disputed id')", "('not in reference')"


def link(lab: Lab, folder: Path) -> Lab:
    """Link the titles of a folder with `truth.csv` and `imdb_reference.csv.gz`; keep `truth`.

    The id that the source states is not given.
    """
    lab.connection.execute(
        "INSERT INTO silver.imdb_titles BY NAME SELECT tconst, tt AS title_type, "
        "primary_title, original_title, yr AS start_year, rt AS runtime_minutes, votes, "
        f"rating, DATE '2025-10-29' AS run_date FROM '{folder}/imdb_reference.csv.gz';"
        f"CREATE TABLE truth AS FROM read_csv('{folder}/truth.csv', all_varchar = true);"
        "INSERT INTO silver.netflix_titles BY NAME SELECT source_id AS show_id, title, "
        "CASE kind WHEN 'movie' THEN 'Movie' ELSE 'TV Show' END AS type, "
        "release_year::BIGINT AS release_year, runtime_minutes::BIGINT AS duration_minutes, "
        "DATE '2025-10-30' AS arrived_date FROM truth"
    )
    return lab.make(*MADE[: MADE.index("gold.title_links") + 1])
