"""One row a title: what survives of its sources, its ids, its key, and what a person has to see."""

from collections.abc import Iterator
from datetime import date

import pytest

from movies_assets.sources.titles.gold import FORCED, NONE, REDIRECTED, STATED
from movies_assets.sources.titles.linking import BY_ID, BY_RUNTIME, BY_YEAR
from movies_assets.sources.titles.overrides import FORBID, FORCE
from movies_assets_tests.sources.titles.lab import GOLD, Lab
from movies_assets_tests.sources.titles.lab import lab as opened

LINKS, TITLES, REVIEW = "gold.title_links", "gold.dim_title", "gold.title_link_review"
ALIAS, HISTORY = "gold.title_id_alias", "gold.title_key_history"
OCTOBER = date(2025, 10, 30)


def fill(lab: Lab) -> None:
    """Fill a laboratory with titles that have nothing to do with each other."""
    # All sources know it.
    lab.imdb("tt0000001", "All", 2000, 100, genres=["Drama"], rating=7.5, votes=1_000)
    lab.omdb("tt0000001", "All of OMDb", 2001)
    lab.yts(1, "All", 2001, 101, "tt0000001", rating=7.4, genres=["Of YTS"])
    lab.netflix("1", "All", 2000, 99, categories=["Of Netflix"], date_added="2020-05-02")
    lab.ott("1", "All", 2000, 100, imdb_score=7.3, genres=["Of OTT"], added_date="2020-05-03")
    # IMDb knows little of it.
    lab.imdb("tt0000002", "Little", 2000, None, genres=None, votes=None)
    lab.yts(2, "Little", 1999, 0, "tt0000002", genres=[])
    lab.ott("2", "Little", 2000, 90, genres=["Of OTT"])
    lab.netflix("2", "Little", 2000, 91)
    # Only IMDb knows it.
    lab.imdb("tt0000003", "Lonely", None, None)
    # IMDb does not know it: YTS and OMDb meet in the id that both state.
    lab.yts(4, "Unlisted", 1998, 80, "tt0000004")
    lab.omdb("tt0000004", "Unlisted of OMDb", 1999)
    # A show of which Netflix states the year of the newest season.
    lab.netflix("5", "Show", 2019, None, type="TV Show")
    lab.netflix("6", "Movie", 2018, 70)
    # IMDb has merged an id.
    lab.imdb("tt0000007", "Merged", 2000, 100, votes=20_000)
    lab.yts(7, "Merged", 2000, 100, "tt0000070")
    lab.omdb("tt0000070", "Merged of OMDb", 2000)
    # Hardly sure that IMDb has: the name is all that both share.
    lab.imdb("tt0000008", "Hardly", 2000, 130, votes=1)
    lab.yts(8, "Hardly", 2002, 100, "tt0000080")
    # One id, two titles.
    lab.imdb("tt0000009", "Torn", 2000, 100, votes=20_000)
    lab.imdb("tt0000010", "Split", 2000, 100, votes=20_000)
    lab.yts(9, "Torn", 2000, 100, "tt0000090")
    lab.yts(10, "Split", 2000, 100, "tt0000090")
    # Ids of what is no title.
    lab.imdb("tt0000011", "Episode", title_type="tvEpisode")
    lab.yts(11, "Episode", stated="tt0000011")
    lab.imdb("tt0000012", "Game", title_type="videoGame")
    lab.yts(12, "Game", stated="tt0000012")
    # Running times 10 % apart, and more.
    lab.imdb("tt0000013", "Near", 2000, 100)
    lab.netflix("13", "Near", 2000, 110)
    lab.imdb("tt0000014", "Far", 2000, 120, rating=7.0)
    lab.ott("14", "Far", 2000, 160, imdb_score=7.0)
    # In doubt, for every reason.
    lab.imdb("tt0000015", "Doubt", 2000, 100, rating=5.0, votes=20_000)
    lab.imdb("tt0000016", "Doubt", 2001, 110, votes=20_000)
    lab.ott("15", "Doubt", 2001, 105, imdb_score=7.0)
    lab.imdb("tt0000017", "People", 2000, None, votes=20_000)
    lab.credit("tt0000017", "actor", "Ada")
    lab.netflix("17", "People", 2001, None, cast=["Bob"])
    # Listed twice, on other days.
    lab.imdb("tt0000018", "Twice", 2000, 100)
    for key, day, rating in ((18, "2025-01-02", 6.0), (19, "2025-02-03", 6.5)):
        lab.yts(key, "Twice", 2000, 100, "tt0000018", uploaded_date=day, rating=rating)
    # Nothing is known of it.
    lab.yts(20, None, None, None)
    lab.netflix("a:b", "Colon", None, None)


@pytest.fixture(scope="module")
def world() -> Iterator[Lab]:
    with opened() as lab:
        fill(lab)
        yield lab.make()


@pytest.fixture
def changed(world: Lab) -> Iterator[Lab]:
    """The world, to decide on its links; what is decided is forgotten."""
    yield world
    world.connection.execute("DELETE FROM bronze.title_overrides")
    world.make(*GOLD)


def title(lab: Lab, key: str, *columns: str) -> tuple:
    return lab.one(TITLES, *columns, where=f"title_key = '{key}'")


def test_every_row_is_sound_and_accounted_for(world):
    assert world.broken() == {}
    listed = world.rows("silver.source_titles", "source", "source_id")
    assert listed == world.rows(LINKS, "source", "source_id")
    keys = set(world.rows(TITLES, "title_key"))
    for table in (LINKS, "gold.title_ratings", "gold.title_availability"):
        assert set(world.rows(table, "title_key")) <= keys
    assert set(world.rows(HISTORY, "new_key")) <= keys
    assert sum(world.rows("gold.title_availability", "listings")) == len(listed)


class TestSurvivorship:
    @pytest.mark.parametrize(
        ("key", "attribute", "value", "source"),
        [
            ("tt0000001", "title", "All", "imdb"),
            ("tt0000001", "kind", "movie", "imdb"),
            ("tt0000001", "year", 2000, "imdb"),
            ("tt0000001", "runtime_minutes", 100, "imdb"),
            ("tt0000001", "genres", ["Drama"], "imdb"),
            ("tt0000002", "runtime_minutes", 90, "ott"),
            ("tt0000002", "genres", ["Of OTT"], "ott"),
            ("tt0000003", "year", None, None),
            ("tt0000004", "title", "Unlisted of OMDb", "omdb"),
            ("tt0000004", "year", 1999, "omdb"),
            ("tt0000004", "runtime_minutes", 80, "yts"),
            ("netflix:5", "year", None, None),
            ("netflix:5", "kind", "series", "netflix"),
            ("netflix:6", "year", 2018, "netflix"),
            ("netflix:6", "runtime_minutes", 70, "netflix"),
            ("yts:20", "title", None, None),
            ("netflix:a:b", "title", "Colon", "netflix"),
        ],
    )
    def test_the_first_source_that_knows_an_attribute_wins(
        self, world, key, attribute, value, source
    ):
        of = attribute.removesuffix("_minutes")
        assert title(world, key, attribute, f"{of}_source") == (value, source)

    @pytest.mark.parametrize(
        ("key", "is_disputed"),
        [("tt0000013", False), ("tt0000014", True), ("tt0000002", False), ("tt0000003", False)],
    )
    def test_running_times_are_disputed_if_they_are_more_than_10_percent_apart(
        self, world, key, is_disputed
    ):
        assert title(world, key, "is_runtime_disputed") is is_disputed

    @pytest.mark.parametrize(
        ("key", "count"), [("tt0000001", 5), ("tt0000003", 1), ("tt0000004", 2), ("yts:20", 1)]
    )
    def test_the_sources_of_a_title_are_counted(self, world, key, count):
        assert title(world, key, "sources_count") == count

    def test_rating_and_votes_are_imdbs(self, world):
        assert title(world, "tt0000001", "rating", "votes") == (7.5, 1_000)
        assert title(world, "tt0000004", "rating", "votes") == (None, None)

    def test_episodes_and_games_are_no_titles(self, world):
        assert world.rows(TITLES, where="tconst IN ('tt0000011', 'tt0000012')") == []


class TestLinks:
    @pytest.mark.parametrize(
        ("source", "source_id", "method", "key"),
        [
            ("yts", "1", BY_ID, "tt0000001"),
            ("omdb", "tt0000001", BY_ID, "tt0000001"),
            ("netflix", "1", BY_RUNTIME, "tt0000001"),
            ("netflix", "13", BY_YEAR, "tt0000013"),
            ("yts", "4", STATED, "tt0000004"),
            ("omdb", "tt0000004", STATED, "tt0000004"),
            ("yts", "7", REDIRECTED, "tt0000007"),
            ("omdb", "tt0000070", REDIRECTED, "tt0000007"),
            ("yts", "8", STATED, "tt0000080"),
            # IMDb may have merged it into two titles: it stays as it is.
            ("yts", "9", BY_RUNTIME, "tt0000009"),
            ("yts", "10", BY_RUNTIME, "tt0000010"),
            ("yts", "11", NONE, "yts:11"),
            ("yts", "12", NONE, "yts:12"),
            ("yts", "20", NONE, "yts:20"),
            ("netflix", "a:b", NONE, "netflix:a:b"),
        ],
    )
    def test_the_key_of_a_title(self, world, source, source_id, method, key):
        tconst = None if method == NONE else key
        found = world.link(source, source_id, "method", "title_key", "tconst")
        assert found == (method, key, tconst)

    def test_the_evidence_is_that_of_the_title_that_is_linked(self, world):
        shown = ("name", "year_difference", "runtime_difference", "runner_up", "rivals")
        assert world.link("yts", "7", *shown) == ("merged", 0, 0, None, 1)
        # Linked by an id that is no candidate: the candidate is the runner-up.
        assert world.link("yts", "8", *shown) == (None, None, None, "tt0000008", None)
        assert world.link("yts", "8", "confidence") is None
        assert world.link("ott", "15", "runner_up", "confidence") == ("tt0000016", None)


class TestAlias:
    def test_an_id_is_merged_if_a_sure_link_leads_to_one_other(self, world):
        assert world.rows(ALIAS) == [
            ("tt0000070", "tt0000007", OCTOBER, "yts:7 by name, year and runtime")
        ]

    def test_it_is_not_merged_if_the_proof_is_forbidden(self, changed):
        changed.decide("yts", "7", "tt0000007", FORBID)
        changed.make(*GOLD)
        assert changed.rows(ALIAS) == []
        assert (
            changed.link("yts", "7") == changed.link("omdb", "tt0000070") == (STATED, "tt0000070")
        )

    def test_a_title_that_a_person_has_linked_proves_nothing(self, changed):
        changed.decide("yts", "7", "tt0000001", FORCE)
        changed.make(*GOLD)
        assert changed.rows(ALIAS) == []
        assert changed.link("omdb", "tt0000070") == (STATED, "tt0000070")


class TestDecisions:
    def test_a_forced_link_comes_before_any_rule(self, changed):
        changed.decide("yts", "1", "tt0000013", FORCE)
        changed.decide("netflix", "a:b", "tt0000003", FORCE)
        changed.decide("yts", "7", "tt0000001", FORCE)
        changed.make(*GOLD)
        evidence = ("method", "title_key", "confidence", "name", "runner_up")
        assert changed.link("yts", "1", *evidence) == (FORCED, "tt0000013", None, None, "tt0000001")
        assert changed.link("netflix", "a:b", *evidence) == (FORCED, "tt0000003", None, None, None)
        assert changed.link("yts", "7") == (FORCED, "tt0000001")
        assert changed.broken() == {}

    def test_a_forced_candidate_keeps_its_evidence(self, changed):
        changed.decide("ott", "15", "tt0000015", FORCE)
        changed.make(*GOLD)
        shown = changed.link("ott", "15", "method", "name", "year_difference", "runner_up")
        assert shown == (FORCED, "doubt", 1, "tt0000016")
        assert "15" not in changed.rows(REVIEW, "source_id")

    def test_a_forbidden_candidate_is_not_linked(self, changed):
        changed.decide("netflix", "13", "tt0000013", FORBID)
        changed.make(*GOLD)
        assert changed.link("netflix", "13", "method", "title_key") == (NONE, "netflix:13")
        assert changed.check(LINKS, "links").passed

    def test_a_forbidden_stated_id_is_not_linked(self, changed):
        changed.decide("yts", "4", "tt0000004", FORBID)
        changed.decide("yts", "1", "tt0000001", FORBID)
        changed.make(*GOLD)
        assert changed.link("yts", "4", "method", "title_key") == (NONE, "yts:4")
        assert changed.link("yts", "1", "method", "title_key") == (NONE, "yts:1")
        assert changed.link("omdb", "tt0000004") == (STATED, "tt0000004")

    def test_a_merged_id_is_forbidden_for_one_title_alone(self, changed):
        changed.decide("omdb", "tt0000070", "tt0000007", FORBID)
        changed.make(*GOLD)
        assert changed.link("omdb", "tt0000070") == (STATED, "tt0000070")
        assert changed.link("yts", "7") == (REDIRECTED, "tt0000007")


class TestReview:
    def test_lists_the_likely_candidates_of_doubtful_titles_and_what_speaks_against_them(
        self, world
    ):
        found = world.rows(REVIEW, "source_id", "candidate", "rule", "contradictions")
        assert ("15", "tt0000016", "review", "5 minutes apart; 2 candidates within a year") in found
        assert ("17", "tt0000017", "review", "no person in common") in found
        # Linked, but in doubt; the other links of these are not.
        assert ("14", "tt0000014", "rating", "40 minutes apart") in found
        assert not {"1", "7", "13", "18"} & {source_id for source_id, *_ in found}
        (probability,) = world.rows(REVIEW, "probability", where="candidate = 'tt0000016'")
        assert 0.05 <= probability <= 1
        assert "tt0000015" not in world.rows(REVIEW, "candidate")

    def test_what_is_decided_is_gone(self, changed):
        changed.decide("ott", "15", "tt0000016", FORBID)
        changed.decide("netflix", "17", "tt0000017", FORCE)
        changed.make(*GOLD)
        assert "tt0000016" not in changed.rows(REVIEW, "candidate")
        assert "17" not in changed.rows(REVIEW, "source_id")

    def test_a_stated_id_that_is_hardly_likely_is_listed(self, lab):
        lab.imdb("tt0000001", "Right", 1950, 60, votes=20_000)
        lab.imdb("tt0000002", "Film", 2000, 100, votes=20_000)
        lab.yts(1, "Film", 2000, 100, "tt0000001")
        lab.make()
        assert lab.link("yts", "1") == (BY_ID, "tt0000001")
        found = dict(lab.rows(REVIEW, "candidate", "contradictions"))
        assert found["tt0000001"] == "50 years apart; 40 minutes apart; no name in common"
        assert not lab.check(LINKS, "doubts").passed


def test_the_key_that_a_title_would_have_leads_to_the_one_that_it_has(world):
    found = {key: more for key, *more in world.rows(HISTORY)}
    assert found["netflix:1"] == ["tt0000001", OCTOBER, BY_RUNTIME]
    assert found["yts:7"] == ["tt0000007", OCTOBER, REDIRECTED]
    assert found["tt0000070"] == ["tt0000007", OCTOBER, "IMDb merged the id"]
    assert not {"yts:11", "netflix:5", "netflix:a:b"} & set(found)


def test_of_ratings_each_source_states_its_own_and_of_several_the_newest(world):
    columns = ("imdb_rating", "imdb_votes", "yts_rating", "yts_date", "ott_rating")
    where = "title_key = 'tt0000001'"
    found = world.one("gold.title_ratings", *columns, where=where)
    assert found == (7.5, 1_000, 7.4, OCTOBER, 7.3)
    where = "title_key = 'tt0000018'"
    found = world.one("gold.title_ratings", "yts_rating", "yts_date", where=where)
    assert found == (6.5, date(2025, 2, 3))
    assert world.rows("gold.title_ratings", where="title_key = 'tt0000003'") == []


def test_a_source_offers_a_title_since_its_first_listing(world):
    where = "title_key IN ('tt0000018', 'tt0000001')"
    assert world.rows("gold.title_availability", where=where) == [
        ("tt0000001", "netflix", date(2020, 5, 2), 1),
        ("tt0000001", "omdb", None, 1),
        ("tt0000001", "ott", date(2020, 5, 3), 1),
        ("tt0000001", "yts", OCTOBER, 1),
        ("tt0000018", "yts", date(2025, 1, 2), 2),
    ]


def test_trends_count_what_a_source_began_to_offer_and_what_others_had_before(world):
    found = {tuple(row[:2]): row[2:] for row in world.rows("gold.title_trends")}
    assert found[date(2020, 5, 1), "netflix"] == (1, 0, 1, 20.0)
    assert found[date(2020, 5, 1), "ott"] == (1, 1, 1, 20.0)
    assert found[date(2025, 1, 1), "yts"] == (1, 0, 1, 25.0)
    titles, elsewhere, known, _ = found[date(2025, 10, 1), "yts"]
    assert (titles, elsewhere, known) == (10, 1, 7)
    assert not [source for _, source in found if source == "omdb"]


# What could make a link wrong, or lose or double a row.


def test_names_of_many_titles_link_no_title_by_themselves(lab):
    lab.connection.execute(
        "INSERT INTO silver.imdb_titles (tconst, title_type, primary_title, start_year, "
        "runtime_minutes, votes, run_date) SELECT format('tt{:07}', n), 'movie', 'Home', "
        "1950 + n % 70, 60 + n % 60, 1, '2025-10-29' FROM range(3000) numbers (n)"
    )
    for key in range(20):
        lab.ott(str(key), "Home", 2000, None)
    lab.make()
    assert lab.rows(LINKS, "method", where="method <> 'none'") == []
    assert lab.one("silver.title_candidates", "count(*)") == 20 * 3000
    assert lab.rows(REVIEW) == []
    assert lab.broken() == {}


def test_long_names_and_long_lists_of_people_are_linked(lab):
    people = [f"Person {n}" for n in range(40)]
    name = "Long " * 180
    lab.imdb("tt0000001", name, 2000, 100)
    lab.aka("tt0000001", "x" * 5_000)
    lab.credit("tt0000001", "director", *people)
    lab.netflix("1", name, 2001, 150, directors=people)
    lab.make()
    assert lab.link("netflix", "1", "tconst", "shared_people") == ("tt0000001", 40)
    assert lab.broken() == {}


def test_two_rows_of_a_source_that_are_one_title_are_both_linked_and_warned_of(world):
    assert world.link("yts", "18") == world.link("yts", "19") == (BY_ID, "tt0000018")
    finding = world.check(LINKS, "doubts")
    assert finding.is_warning
    assert finding.broken["titles that one source lists several times"] == 1


def test_titles_of_signs_are_linked_to_those_of_the_same_signs_alone(lab):
    lab.imdb("tt0000001", "???", 2000, 100)
    lab.imdb("tt0000002", "!!!", 2000, 100)
    lab.netflix("1", "???")
    lab.netflix("2", "\U0001f497")
    lab.make()
    assert lab.link("netflix", "1", "tconst") == "tt0000001"
    assert lab.link("netflix", "2", "tconst") is None
