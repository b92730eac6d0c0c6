"""A delivery without a column that a table needs stops the run; the message names the column."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.core.check import CheckContext, Finding
from movies_assets.core.table import Table
from movies_assets.definitions import TABLES
from movies_assets.orchestration.checks.completeness import LIKELY, completeness_check, likeness
from movies_assets.settings import load
from movies_assets.warehouse.queries import Queries
from movies_assets_tests.conftest import (
    OTT_COLUMNS,
    STORED_DAY,
    Platform,
    Prepare,
    arrive,
    arrive_ott,
    movie,
    ott_title,
    ott_view,
)
from movies_assets_tests.places import CASES

FIRST, SECOND = "2025-10-29", "2025-10-30"
TITLES = ["bronze/ott_titles", "silver/ott_titles"]
VIEWS = ["bronze/ott_views", "silver/ott_views"]


def service_in(folder: Path, instance: dg.DagsterInstance) -> Platform:
    """Return a service whose data are in a folder; its API is never asked."""
    settings = load(data_dir=folder, ott={"first_day": "2025-10-01"})
    for name in ("titles", "views", "users"):
        (settings.landing / "ott" / name).mkdir(parents=True, exist_ok=True)
    return Platform(settings, instance, resources={"ott_users": lambda _: []})


@pytest.fixture
def service(tmp_path: Path, instance: dg.DagsterInstance) -> Platform:
    """A service of which nothing has arrived."""
    return service_in(tmp_path, instance)


def run_forty_titles(folder: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        service = service_in(folder, instance)
        arrive_ott(service.settings.landing, FIRST, titles=titles(40))
        assert run(service, FIRST).passed


@pytest.fixture
def forty_titles(prepare: Prepare, service: Platform) -> Platform:
    """A service of which forty titles have arrived on the first day, all complete."""
    prepare("ott_forty_titles", run_forty_titles)
    return service


def completeness(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == "completeness"
    ]
    return found


def run(
    service: Platform, first: str, last: str | None = None, **options: Any
) -> dg.AssetCheckEvaluation:
    options = {"job": "ott_files", "select": TITLES, **options}
    return completeness(service.run(first, last, raise_on_error=False, **options))


def titles(number: int, **changes: Any) -> list[dict[str, Any]]:
    return [ott_title(f"Title {n}", **changes) for n in range(number)]


def spell(
    service: Platform, day: str, header: Sequence[str], *rows: Sequence[Any], name: str = "a.csv"
) -> None:
    """Let a file with a header of its own arrive."""
    records = [dict(zip(header, row, strict=True)) for row in rows]
    arrive(service.settings.landing, f"{day}/{name}", records, header, "ott/titles")


@pytest.mark.parametrize(
    ("spelt", "column"),
    [
        ("IMDb", "imdb_score"),
        ("Stars", "imdb_score"),
        ("Rating (IMDb)", "imdb_score"),
        ("Kind", "genres"),
        ("listed_in", "genres"),
        ("Name", "title"),
        ("Film title", "title"),
        ("length", "runtime_minutes"),
        ("customer_id", "user_id"),
        ("Time stamp", "watched_at"),
        ("relase_year", "release_year"),
        ("ID", "show_id"),
        ("User", "user_id"),
    ],
)
def test_a_name_that_people_use_for_a_column_looks_like_it(spelt, column):
    assert likeness(spelt, column) >= LIKELY


@pytest.mark.parametrize(
    ("spelt", "column"),
    [
        ("Language", "imdb_score"),
        ("Views", "title"),
        ("country_id", "user_id"),
        ("x", "genres"),
        ("Name", "show_id"),
        ("title", "show_id"),
        ("ID", "title"),
    ],
)
def test_another_thing_does_not(spelt, column):
    assert likeness(spelt, column) < LIKELY


@pytest.mark.slow
def test_a_first_file_without_expected_columns_is_red_and_says_what_they_may_be_called(service):
    spell(
        service,
        SECOND,
        ["Title", "Kind", "Stars", "Runtime"],
        ["A Film", "Drama", 8.1, 100],
        ["Another Film", "Drama", 6.4, 95],
    )
    result = service.run(SECOND, job="ott_files", publish=True, raise_on_error=False)
    (found,) = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if evaluation.check_name == "completeness" and not evaluation.passed
    ]
    assert found.blocking
    assert found.severity == dg.AssetCheckSeverity.ERROR
    said = str(found.description)
    file = f"ott/titles/{SECOND}/a.csv"
    assert f"imdb_score has no value in any of the 2 rows of {file}" in said
    assert "`Stars` looks like `imdb_score`" in said
    assert "`Kind` looks like `genres`" in said
    assert f"The columns of {file} are Title, Kind, Stars, Runtime." in said
    assert f"python -m movies_assets accept silver.ott_titles {SECOND} --reason" in said
    assert "looks like" in str(found.metadata["columns"].value)
    assert not service.settings.published_folder.exists()
    assert "gold.ott_dim_title" not in service.contents()


@pytest.mark.slow
def test_a_column_that_is_there_and_empty_is_found_until_it_is_accepted(forty_titles):
    landing = forty_titles.settings.landing
    arrive_ott(landing, SECOND, titles=titles(8, **{"IMDb Score": ""}))
    found = run(forty_titles, SECOND)
    assert not found.passed
    assert f"imdb_score has no value in any of the 8 rows of ott/titles/{SECOND}" in str(
        found.description
    )
    assert "genres has no value" not in str(found.description)
    # Its name is not what is wrong.
    assert "looks like" not in str(found.description)
    assert accept(forty_titles, SECOND)
    assert run(forty_titles, FIRST).passed


@pytest.mark.slow
def test_the_first_delivery_of_all_may_have_any_share(service):
    some = [*titles(3), *[ott_title(f"Other {n}", **{"IMDb Score": ""}) for n in range(30)]]
    arrive_ott(service.settings.landing, FIRST, titles=some)
    assert run(service, FIRST).passed


@pytest.mark.slow
def test_a_share_that_jumps_against_the_other_files_is_found(forty_titles, subtests):
    for unknown, passed in [(0, True), (5, True), (20, False), (40, False)]:
        scores = [{"IMDb Score": ""} if n < unknown else {} for n in range(40)]
        rows = [ott_title(f"Title {n}", **changes) for n, changes in enumerate(scores)]
        arrive_ott(forty_titles.settings.landing, SECOND, titles=rows)
        with subtests.test(unknown=unknown):
            assert run(forty_titles, SECOND).passed is passed


@pytest.mark.slow
def test_a_handful_of_titles_that_are_not_rated_yet_is_green(forty_titles, subtests):
    for number in (1, 2):
        unrated = titles(number, **{"IMDb Score": ""})
        arrive_ott(forty_titles.settings.landing, SECOND, titles=unrated)
        with subtests.test(number=number):
            assert run(forty_titles, SECOND).passed


@pytest.mark.slow
def test_one_bad_file_among_thirty_days_is_named_in_a_run_of_any_day(service):
    for day in range(1, 31):
        arrive_ott(service.settings.landing, f"2025-10-{day:02}", titles=titles(4))
    less = [name for name in OTT_COLUMNS["titles"] if name != "IMDb Score"]
    arrive(service.settings.landing, "2025-10-17/b.csv", titles(4), less, "ott/titles")
    found = run(service, "2025-10-01", "2025-10-30")
    assert {*found.metadata["rules"].value} == {"imdb_score in ott/titles/2025-10-17/b.csv"}
    # The table mirrors all files: another day's run does not make the bad one good.
    assert not run(service, "2025-10-30").passed
    (service.settings.landing / "ott/titles/2025-10-17/b.csv").unlink()
    assert run(service, "2025-10-17").passed


def accept(service: Platform, day: str) -> str:
    """Let the writes of a day through, and return what was accepted."""
    from movies_assets.warehouse import audit_log  # noqa: PLC0415

    with service.warehouse.session() as connection, service.warehouse.transaction(connection):
        writes = audit_log.accept(connection, "silver.ott_titles", (day, day), "seen")
    return " ".join(map(str, writes))


def test_events_under_another_header_are_red_with_what_the_columns_may_be(service):
    header = ["user_id", "film", "seen"]
    rows = [{"user_id": n, "film": "A", "seen": f"{SECOND}T20:15:00Z"} for n in range(1, 9)]
    arrive(service.settings.landing, f"{SECOND}/v.csv", rows, header, "ott/views")
    found = run(service, SECOND, select=VIEWS)
    assert not found.passed
    assert "`film` looks like `title`" in str(found.description)
    assert "`seen` looks like `watched_at`" in str(found.description)


@pytest.mark.slow
def test_days_of_events_are_compared_with_the_days_before(service):
    for day in (FIRST, SECOND):
        views = [ott_view(n, "A", watched_at=f"{day}T20:{n}:00Z") for n in range(10, 50)]
        arrive_ott(service.settings.landing, day, views=views)
    found = run(service, FIRST, SECOND, select=VIEWS)
    assert found.passed
    assert found.metadata["compared"].value == 2 * 3


def test_movies_without_a_rating_are_red_where_others_have_one(platform, yts):
    yts.movies_listed = [movie(n, f"{FIRST}T12:00:00") for n in range(1, 20)]
    yts.movies_listed += [movie(n, f"{SECOND}T12:00:00", rating=0) for n in range(20, 30)]
    select = ["bronze/yts_movies", "silver/yts_movies"]
    found = run(platform, FIRST, SECOND, job="yts_daily", select=select)
    assert [*found.metadata["rules"].value] == [f"rating in {SECOND}"]
    assert "rename" in str(found.description)


class TestStored:
    """Tables that a run replaces as a whole are compared with their profiles."""

    table = TABLES["silver.imdb_titles"]

    def judge(self, warehouse: Any, table: Table) -> Finding:
        with warehouse.reading() as connection:
            rows = CheckContext(table, (STORED_DAY, STORED_DAY), Queries(connection))
            return completeness_check(table, TABLES).evaluate(rows)

    @pytest.mark.parametrize(
        ("profiled", "unknown", "passed"),
        [(0, 0, True), (0, 100, True), (0, 600, False), (600, 600, True), (0, 1000, False)],
    )
    def test_a_share_that_jumps_is_found(self, stored_day, tmp_path, profiled, unknown, passed):
        path = Path(shutil.copy(stored_day, tmp_path))
        warehouse = open_at(path)
        with warehouse.session() as connection, warehouse.transaction(connection):
            connection.execute(
                "CREATE TEMP TABLE one AS FROM silver.imdb_titles LIMIT 1; "
                "DELETE FROM silver.imdb_titles; INSERT INTO silver.imdb_titles "
                "SELECT one.* REPLACE ('tt' || (1000000 + n) AS tconst, "
                f"CASE WHEN n >= {unknown} THEN 2000 END AS start_year) FROM one, range(1000) r(n)"
            )
            connection.execute(
                "UPDATE gold.data_quality_snapshot SET first_day = first_day - 1, "
                f"last_day = last_day - 1, row_count = 1000, null_count = {profiled} "
                "WHERE table_name = 'silver.imdb_titles'"
            )
        assert self.judge(warehouse, self.table).passed is passed


def open_at(path: Path) -> Any:
    from movies_assets.warehouse.database import Warehouse  # noqa: PLC0415

    return Warehouse(path)


@pytest.mark.slow
@pytest.mark.recorded
@pytest.mark.skipif(not CASES.exists(), reason="needs ../shared/cases")
@pytest.mark.skipif(
    "duration_minutes" not in TABLES["silver.netflix_titles"].contract.expected(),
    reason="no duration is expected",
)
def test_durations_that_a_newer_file_lacks_are_kept_and_the_file_is_named(platform):
    landing = platform.settings.landing / "netflix" / "titles"
    shutil.copytree(CASES / "netflix-columns-lost", landing)
    select = ["bronze/netflix_titles", "silver/netflix_titles"]
    options: Mapping[str, Any] = {"job": "netflix_daily", "select": select}
    assert run(platform, FIRST, **options).passed
    durations = "SELECT title, duration_minutes, duration_seasons FROM silver.netflix_titles"
    before = platform.sql(f"{durations} ORDER BY 1")
    found = run(platform, SECOND, **options)
    assert not found.passed
    assert "duration_minutes has no value in any of the 3 rows" in str(found.description)
    assert "duration_seasons has no value in the one row" in str(found.description)
    assert platform.sql(f"{durations} ORDER BY 1") == before
