"""Real titles of a service whose ids at IMDb are known: how many are linked, and right."""

from collections.abc import Iterator, Mapping

import pytest

from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.titles.lab import Lab
from movies_assets_tests.sources.titles.lab import lab as opened
from movies_assets_tests.sources.titles.recorded import ABSENT, KNOWN, link

FOLDER = RECORDED / "titles"
EVALUATION = "gold.title_link_evaluation"
pytestmark = [
    pytest.mark.recorded,
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded: ../shared/recorded is not there"),
]
ACCEPTED, STATED = "accepted", "stated"


@pytest.fixture(scope="module")
def linked() -> Iterator[Lab]:
    """The links of the recorded titles; the id that the source states is not given."""
    with opened() as lab:
        yield link(lab, FOLDER)


Measured = Mapping[tuple[str, str], tuple[float, float, int]]


@pytest.fixture(scope="module")
def measured(linked) -> Measured:
    """Precision, recall and number of links, by the ids that are believed and the member."""
    # Several ids are accepted of a title that IMDb lists several times.
    accepted = "coalesce(list_filter(accepted, id -> id = tconst)[1], accepted[1])"
    # A disputed id may be the source's mistake, or the link's.
    stated = f"CASE verdict WHEN 'disputed id' THEN stated_imdb_id ELSE {accepted} END"
    found: dict[tuple[str, str], tuple[float, float, int]] = {}
    for believed, tconst in ((ACCEPTED, accepted), (STATED, stated)):
        linked.connection.execute(
            "DELETE FROM bronze.title_labels;"
            "INSERT INTO bronze.title_labels BY NAME SELECT source, source_id, "
            f"CASE WHEN verdict IN {KNOWN} THEN {tconst} END AS tconst, "
            "DATE '2025-10-30' AS labelled_date FROM gold.title_links JOIN ("
            "SELECT source_id, verdict, stated_imdb_id, "
            "string_split(accepted_imdb_id, '|') AS accepted FROM truth "
            f"WHERE verdict IN {KNOWN} OR verdict IN {ABSENT}) USING (source_id)"
        )
        linked.make(EVALUATION)
        rows = linked.rows(
            EVALUATION, "member", "precision", "recall", "links", where="threshold = 0"
        )
        found |= {(believed, member): tuple(figures) for member, *figures in rows}
    return found


@pytest.mark.parametrize(
    ("believed", "member", "least_precision", "least_recall", "least_links"),
    [
        (ACCEPTED, "name, year and runtime", 0.999, 0, 760),
        (ACCEPTED, "name and year", 0.975, 0, 140),
        (ACCEPTED, "series", 0.99, 0.95, 170),
        (ACCEPTED, "movie", 0.99, 0.92, 740),
        (ACCEPTED, "all", 0.995, 0.93, 900),
        (STATED, "all", 0.955, 0.89, 900),
    ],
)
def test_links_of_recorded_titles_are_right(
    measured, believed, member, least_precision, least_recall, least_links
):
    precision, recall, links = measured[believed, member]
    assert precision >= least_precision
    assert recall >= least_recall
    assert links >= least_links


def test_titles_that_imdb_does_not_have_are_hardly_linked(linked):
    """A link of such a title can only be wrong."""
    linked_wrong = linked.one(
        "gold.title_links SEMI JOIN (SELECT source_id FROM truth "
        f"WHERE verdict IN {ABSENT}) USING (source_id)",
        "count(tconst)",
    )
    assert linked_wrong <= 3


def test_every_recorded_title_is_accounted_for(linked):
    titles = linked.one("silver.netflix_titles", "count(*)")
    assert linked.one("gold.title_links", "count(*)") == titles == 2_825
