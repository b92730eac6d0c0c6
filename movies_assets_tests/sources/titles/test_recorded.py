"""Real titles of a service whose ids at IMDb are known: how many are linked, and right."""

from collections.abc import Iterator

import pytest

from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.titles.lab import MADE, Lab
from movies_assets_tests.sources.titles.lab import lab as opened

FOLDER = RECORDED / "titles"
EVALUATION = "gold.title_link_evaluation"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
# The others have an id that is disputed, none, or one that is not in the reference.
VERDICTS = "('as stated', 'redirected id')"


@pytest.fixture(scope="module")
def measured() -> Iterator[Lab]:
    """The links of the recorded titles, measured; the id that the source states is not given."""
    with opened() as lab:
        lab.connection.execute(
            "INSERT INTO silver.imdb_titles BY NAME SELECT tconst, tt AS title_type, "
            "primary_title, original_title, yr AS start_year, rt AS runtime_minutes, votes, "
            f"rating, DATE '2025-10-29' AS run_date FROM '{FOLDER}/imdb_reference.csv.gz';"
            f"CREATE TABLE truth AS FROM read_csv('{FOLDER}/truth.csv', all_varchar = true);"
            "INSERT INTO silver.netflix_titles BY NAME SELECT source_id AS show_id, title, "
            "CASE kind WHEN 'movie' THEN 'Movie' ELSE 'TV Show' END AS type, "
            "release_year::BIGINT AS release_year, runtime_minutes::BIGINT AS duration_minutes, "
            "DATE '2025-10-30' AS arrived_date FROM truth"
        )
        lab.make(*MADE[: MADE.index("gold.title_links") + 1])
        # Several ids are accepted of a title that IMDb lists several times.
        lab.connection.execute(
            "INSERT INTO bronze.title_labels BY NAME SELECT links.source, links.source_id, "
            "coalesce(list_filter(accepted, id -> id = tconst)[1], accepted[1]) AS tconst, "
            "DATE '2025-10-30' AS labelled_date FROM gold.title_links links JOIN ("
            "SELECT source_id, string_split(accepted_imdb_id, '|') AS accepted FROM truth "
            f"WHERE verdict IN {VERDICTS}) known USING (source_id)"
        )
        yield lab.make(EVALUATION)


def measure(lab: Lab, member: str) -> tuple[float, float, int]:
    where = f"member = '{member}' AND threshold = 0"
    found: tuple[float, float, int] = lab.one(
        EVALUATION, "precision", "recall", "links", where=where
    )
    return found


@pytest.mark.parametrize(
    ("member", "least_precision", "least_recall", "least_links"),
    [
        ("name, year and runtime", 0.995, 0, 700),
        ("name and year", 0.975, 0, 80),
        ("all", 0.99, 0.85, 800),
    ],
)
def test_links_of_recorded_titles_are_right(
    measured, member, least_precision, least_recall, least_links
):
    precision, recall, links = measure(measured, member)
    assert precision >= least_precision
    assert recall >= least_recall
    assert links >= least_links


def test_every_recorded_title_is_accounted_for(measured):
    titles = measured.one("silver.netflix_titles", "count(*)")
    assert measured.one("gold.title_links", "count(*)") == titles == 2_825
