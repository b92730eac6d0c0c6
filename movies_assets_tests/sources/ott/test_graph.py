"""The streaming service as it is run: again, as a range, late, replaced, empty, without users."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import pytest

from movies_assets.definitions import TABLES
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.settings import load
from movies_assets.sources.ott.resources import OttUsers
from movies_assets_tests.conftest import (
    Platform,
    Prepare,
    arrive_ott,
    ott_title,
    ott_user,
    ott_view,
)

FIRST, SECOND = "2025-10-29", "2025-10-30"
DAILY, FILES = "ott_daily", "ott_files"


TITLES = ["bronze/ott_titles", "silver/ott_titles"]
VIEWS = ["bronze/ott_views", "silver/ott_views"]
USERS = ["bronze/ott_users", "silver/ott_users"]
WATCHED = [*TITLES, *VIEWS, *USERS, "silver/ott_watched", "silver/ott_unmatched"]
RECOMMENDATIONS = [
    *WATCHED,
    "gold/ott_dim_title",
    "gold/ott_dim_user",
    "gold/ott_top_movies_by_genre",
    "gold/ott_recommendations",
]


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


@pytest.fixture
def landing(service: Platform) -> Path:
    return service.settings.landing


def run_two_days(folder: Path) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        service = service_in(folder, instance)
        two_days(service.settings.landing)
        service.run(FIRST, SECOND, job=DAILY)


@pytest.fixture
def after_two_days(prepare: Prepare, service: Platform) -> Platform:
    """A service whose two days have been run as a range."""
    prepare("ott_two_days", run_two_days)
    return service


def evaluations(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], Any]:
    return {
        ("/".join(found.asset_key.path), found.check_name): found
        for found in result.get_asset_check_evaluations()
    }


def views_of(day: str, *names: str, users: range = range(1, 4)) -> list[dict[str, Any]]:
    return [
        ott_view(number, name, watched_at=f"{day}T2{number}:00:00Z")
        for number in users
        for name in names
    ]


def two_days(landing: Path) -> None:
    scores = {"A": 8, "B": 7, "C": 6}
    titles = [ott_title(name, **{"IMDb Score": score}) for name, score in scores.items()]
    users = [ott_user(number) for number in range(1, 4)]
    arrive_ott(landing, FIRST, titles=titles, views=views_of(FIRST, "A"), users=users)
    arrive_ott(
        landing,
        SECOND,
        titles=[ott_title("C", **{"IMDb Score": 9})],
        views=views_of(SECOND, "A", "B", users=range(1, 2)),
        users=users[:2],
    )


@pytest.mark.slow
def test_days_in_any_order_again_or_as_a_range_lead_to_the_same_warehouse(
    after_two_days, tmp_path, instance
):
    expected = after_two_days.contents()
    after_two_days.run(FIRST, job=DAILY)
    assert after_two_days.contents() == expected
    other = service_in(tmp_path / "other", instance)
    two_days(other.settings.landing)
    for day in (SECOND, FIRST):
        other.run(day, job=DAILY)
    assert other.contents() == expected


@pytest.mark.slow
def test_the_newest_state_of_titles_and_users_counts(after_two_days):
    score = "SELECT imdb_score FROM silver.ott_titles WHERE title = 'C'"
    assert after_two_days.sql(score) == [(9.0,)]
    assert after_two_days.sql("SELECT count(*) FROM gold.ott_dim_user") == [(2,)]
    # Who has left is known no more, but what was watched was watched.
    assert after_two_days.sql("SELECT viewers FROM gold.ott_genre_engagement") == [(3,)]


@pytest.mark.slow
def test_an_event_that_is_delivered_again_on_another_day_counts_once(service, landing):
    two_days(landing)
    arrive_ott(landing, SECOND, views=views_of(FIRST, "A"))
    result = service.run(FIRST, SECOND, job=DAILY, select=VIEWS)
    assert service.sql("SELECT count(*) FROM silver.ott_views") == [(3,)]
    conservation = evaluations(result)["silver/ott_views", "conservation"]
    counts = [conservation.metadata[f"rows_{n}"].value for n in ("read", "kept", "duplicate")]
    assert counts == [6, 3, 3]


@pytest.mark.slow
def test_a_late_file_and_a_file_that_was_replaced_count_when_their_day_is_run(after_two_days):
    landing = after_two_days.settings.landing
    arrive_ott(landing, FIRST, titles=[ott_title("D")], views=views_of(FIRST, "B", "D"))
    after_two_days.run(FIRST, job=FILES)
    titles = {title for (title,) in after_two_days.sql("SELECT title FROM gold.ott_dim_title")}
    assert titles == {"C", "D"}  # A and B were in the file that was replaced
    watched = (
        "SELECT DISTINCT title FROM silver.ott_watched JOIN silver.ott_titles USING (title_key)"
    )
    assert after_two_days.sql(watched) == [("D",)]


@pytest.mark.slow
def test_a_day_without_files_is_a_normal_day(after_two_days):
    before = after_two_days.contents()
    users = [ott_user(1), ott_user(2)]
    arrive_ott(after_two_days.settings.landing, "2025-10-31", users=users, views=[])
    assert after_two_days.run("2025-10-31", job=DAILY).success
    changed = {name for name, rows in after_two_days.contents().items() if rows != before[name]}
    assert changed == {
        "bronze.ott_users",
        "silver.ott_users",
        "landing.ott_users",
        "landing.ott_views",
    }


@pytest.mark.slow
def test_a_service_without_titles_views_and_users_has_empty_tables(service, landing):
    arrive_ott(landing, SECOND, users=[])
    result = service.run(SECOND, job=DAILY)
    assert result.success
    tables = [name for name in TABLES if ".ott_" in name and not name.endswith("_quality")]
    assert {service.sql(f"SELECT count(*) FROM {name}")[0] for name in tables} == {(0,)}


def test_a_new_column_and_a_missing_one_are_reported_and_nothing_is_lost(service, landing):
    folder = landing / "ott" / "views" / SECOND
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text(f"user_id;title;watched_at;device\n1;A;{SECOND}T10:00:00Z;tv\n")
    result = service.run(SECOND, job=DAILY, select=["bronze/ott_views"])
    found = evaluations(result)["bronze/ott_views", "schema"]
    assert not found.passed
    assert (
        "not in the contract: device. 1 column is not in all files: minutes." in found.description
    )
    assert service.sql("SELECT device, minutes FROM bronze.ott_views") == [("tv", None)]
    looks = "SELECT encoding, separator, unknown_columns FROM landing.ott_views"
    assert service.sql(looks) == [("utf-8", ";", ["device"])]


@pytest.mark.slow
def test_files_are_loaded_without_users_of_their_day(service, landing):
    """The sensor's job: users of a late file's day may never have been fetched."""
    arrive_ott(landing, FIRST, titles=[ott_title("A")], views=views_of(FIRST, "A"))
    result = service.run(FIRST, job=FILES)
    assert result.success
    ran = {"/".join(key.path) for key in result.job_def.asset_layer.executable_asset_keys}
    assert ran.isdisjoint({"landing/ott_users", "bronze/ott_users"})
    assert service.sql("SELECT viewers FROM gold.ott_popular_movies WHERE period = 'overall'") == [
        (3,)
    ]


@pytest.mark.parametrize("select", [["landing/ott_users"], ["bronze/ott_users"]])
def test_users_of_a_past_day_that_was_never_fetched_fail_and_say_so(tmp_path, instance, select):
    settings = load(data_dir=tmp_path, ott={"first_day": "2025-09-01"})
    platform = Platform(settings, instance)
    result = platform.run("2025-09-15", job=DAILY, select=select, raise_on_error=False)
    assert not result.success
    (failure,) = [e for e in result.all_events if e.is_step_failure]
    text = str(failure.event_specific_data.error)
    assert "users of 2025-09-15 were never fetched" in text


def test_todays_users_are_never_stored_under_another_day(tmp_path):
    settings = load(data_dir=tmp_path)
    with pytest.raises(PermanentSourceError, match="2025-11-01"):
        OttUsers(project=settings).fetch([date(2025, 11, 1)])
    assert not list((settings.landing / "ott" / "users").glob("2025-11-01/*.csv"))


@pytest.mark.slow
def test_only_the_newest_days_of_users_are_kept_in_bronze(tmp_path, instance):
    settings = load(data_dir=tmp_path, ott={"keep_user_days": 2})
    platform = Platform(settings, instance, resources={"ott_users": lambda _: []})
    for day in range(1, 5):
        arrive_ott(settings.landing, f"2025-10-0{day}", users=[ott_user(1)])
    for day in range(1, 5):
        platform.run(f"2025-10-0{day}", job=DAILY, select=["bronze/ott_users"])
    kept = platform.sql("SELECT arrived_date::VARCHAR FROM bronze.ott_users ORDER BY ALL")
    assert kept == [("2025-10-03",), ("2025-10-04",)]


@pytest.mark.slow
def test_two_runs_give_the_same_recommendations_in_the_same_order(service, landing):
    titles = [ott_title(f"T{n}", **{"IMDb Score": 5 + n % 3}) for n in range(30)]
    users = [ott_user(n, preferred_genres="" if n % 3 else "Drama") for n in range(1, 30)]
    views = [ott_view(n, f"T{n % 7}") for n in range(1, 30)]
    arrive_ott(landing, SECOND, titles=titles, users=users, views=views)
    query = "SELECT user_key, rank, title_key, score, reason FROM gold.ott_recommendations"
    found = []
    for _ in range(2):
        service.run(SECOND, job=DAILY, select=RECOMMENDATIONS)
        found.append(service.sql(f"{query} ORDER BY user_key, rank"))
    assert found[0] == found[1]
    assert len(found[0]) == 29 * 10


@pytest.mark.slow
def test_more_than_a_few_events_of_unknown_titles_warn(service, landing):
    arrive_ott(
        landing,
        SECOND,
        titles=[ott_title("A")],
        users=[ott_user(1)],
        views=views_of(SECOND, "A", "Elsewhere"),
    )
    result = service.run(SECOND, job=DAILY, select=WATCHED)
    found = evaluations(result)["silver/ott_watched", "matched"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["unmatched"].value == 3
    assert "Elsewhere" in str(found.metadata["titles watched most"].value)


def test_users_with_one_address_warn_and_are_not_shown(service, landing):
    users = [ott_user(1), ott_user(2, email="PERSON1@mail.example"), ott_user(3, email="")]
    arrive_ott(landing, SECOND, users=users)
    result = service.run(SECOND, job=DAILY, select=USERS)
    found = evaluations(result)["silver/ott_users", "shared_addresses"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert found.metadata["users"].value == 2
    assert "person1" not in str(found).casefold()


@pytest.mark.slow
def test_similar_names_are_reported_and_stay_separate(service, landing):
    names = ["Blame", "Blame!", "Sébastian", "Sebastian", "Other"]
    arrive_ott(landing, SECOND, titles=[ott_title(n) for n in names])
    result = service.run(SECOND, job=DAILY, select=[*TITLES, "gold/ott_dim_title"])
    found = evaluations(result)["silver/ott_titles", "namesakes"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "2 pairs of names that come close" in found.description
    assert "Blame and Blame!; Sebastian and Sébastian." in found.description
    assert "Blame!" in str(found.metadata["pairs"].value)
    assert service.sql("SELECT count(*) FROM gold.ott_dim_title") == [(5,)]


@pytest.mark.slow
def test_names_of_other_premieres_do_not_come_close(service, landing):
    titles = [ott_title("Blame"), ott_title("Blame!", Premiere="May 20, 2017")]
    arrive_ott(landing, SECOND, titles=titles)
    result = service.run(SECOND, job=DAILY, select=TITLES)
    assert evaluations(result)["silver/ott_titles", "namesakes"].passed


@pytest.mark.slow
def test_on_the_sample_tastes_recommend_better_than_popularity(tmp_path, instance):
    platform = Platform(load(data_dir=tmp_path), instance)
    select = [
        *(f"silver/ott_{name}" for name in ("titles", "views", "users", "unmatched", "watched")),
        *(f"bronze/ott_{name}" for name in ("titles", "views", "users")),
        "landing/ott_users",
    ]
    platform.run("2025-10-02", "2025-10-31", job=DAILY, select=select)
    evaluate = platform.defs.resolve_job_def("evaluate_recommendations")
    table = dg.AssetKey(["gold", "ott_recommendation_quality"])
    result = evaluate.execute_in_process(instance=instance, asset_selection=[table])
    assert evaluations(result)["/".join(table.path), "beats_popularity"].passed
    found = dict(platform.sql(f"SELECT strategy, ndcg_at_10 FROM {'.'.join(table.path)}"))
    assert found["preferred_genres"] > 2 * found["popularity"] > 2 * found["random"] > 0


class Told(NamedTuple):
    """The data of a run with red checks and quarantined rows about persons."""

    result: dg.ExecuteInProcessResult
    platform: Platform
    events: str
    logs: str


@contextmanager
def logged() -> Iterator[StringIO]:
    """Collect the messages of any logger, at every level, and the printed output."""
    text, root = StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(text), root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        # Dagster's own logger is none that Python's logging knows.
        with redirect_stderr(text), redirect_stdout(text):
            yield text
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    settings = load(data_dir=tmp_path_factory.mktemp("told"))
    broken = [
        ott_user(1, signup_date="never"),
        ott_user("x1", full_name="Person 1"),
        ott_user(1, email="person1@mail.example"),
    ]
    arrive_ott(
        settings.landing,
        SECOND,
        titles=[ott_title("A")],
        users=[*(ott_user(n) for n in range(2, 90)), *broken],
        views=[*(ott_view(n, "A") for n in range(1, 40)), ott_view(90_001, "A", minutes=-1)],
    )
    with (settings.landing / "ott" / "users" / SECOND / "users.csv").open("a") as file:
        file.write("1,Person 1,person1@mail.example\n")
    # A file without a header.
    headless = settings.landing / "ott" / "users" / SECOND / "more.csv"
    headless.write_text("1,Person 1,person1@mail.example,,,\n")
    with dg.DagsterInstance.ephemeral() as instance:
        platform = Platform(settings, instance, resources={"ott_users": lambda _: []})
        with logged() as logs:
            result = platform.run(SECOND, job=DAILY)
        events = "\n".join(entry.to_json() for entry in instance.all_logs(result.run_id))
        yield Told(result, platform, events, logs.getvalue())


class TestPrivacy:
    """What is known of persons stays where it is needed."""

    @pytest.mark.parametrize("schema", ["gold", "landing"])
    def test_names_and_addresses_are_in_no_table_but_those_of_users(self, told, schema):
        tables = told.platform.sql(
            f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{schema}'"
        )
        assert tables
        for (name,) in tables:
            rows = str(told.platform.sql(f"FROM {schema}.{name}"))
            assert "@mail.example" not in rows
            assert not re.search(r"Person \d", rows)

    def test_they_are_in_no_event_and_no_metadata_and_no_log(self, told):
        assert "quarantined rows" in told.events
        assert "(personal)" in told.events
        assert "STEP_SUCCESS" in told.logs
        for text in (told.events, told.logs):
            assert "@mail.example" not in text
            assert not re.search(r"Person \d", text)

    def test_neither_are_the_keys_of_users(self, told):
        keys = [key for (key,) in told.platform.sql("SELECT user_key FROM gold.ott_dim_user")]
        assert keys
        assert not [key for key in keys if key in told.events + told.logs]

    def test_the_secret_is_nowhere(self, instance, tmp_path):
        secret = "hush-hush-hush"  # noqa: S105 (what is looked for)
        settings = load(data_dir=tmp_path, ott={"user_key_secret": secret})
        platform = Platform(settings, instance, resources={"ott_users": lambda _: []})
        arrive_ott(settings.landing, SECOND, users=[ott_user(1)])
        run = platform.run(SECOND, job=DAILY, select=[*USERS, "gold/ott_dim_user"])
        assert secret not in "\n".join(e.to_json() for e in instance.all_logs(run.run_id))
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert files
        assert not [path for path in files if secret.encode() in path.read_bytes()]

    def test_without_a_secret_a_live_run_says_how_to_set_it(self, tmp_path, instance):
        settings = load(data_dir=tmp_path, profile="live", ott={"first_day": FIRST})
        arrive_ott(settings.landing, SECOND, users=[ott_user(1)])
        platform = Platform(settings, instance, resources={"ott_users": lambda _: []})
        result = platform.run(SECOND, job=DAILY, select=USERS, raise_on_error=False)
        (failure,) = [e for e in result.all_events if e.is_step_failure]
        text = str(failure.event_specific_data.error)
        assert "MOVIES_OTT__USER_KEY_SECRET is not set" in text
        assert "Person" not in text
