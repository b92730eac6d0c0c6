"""Whole materializations of the YTS system on a temporary warehouse."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from movies_assets.sample.faults import ABSENT, Lies
from movies_assets.settings import load
from movies_assets.sources.yts.client import YtsClient
from movies_assets.sources.yts.reconciliation import KINDS
from movies_assets.sources.yts.sample import Catalogue
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app
from movies_assets_tests.conftest import FakeYts, Platform, Prepare, movie, platform_in

FACT = "SELECT movie_key, uploaded_date::VARCHAR FROM gold.fact_movies ORDER BY 1"
BELOW_BRONZE = ["silver/yts_movies", "gold/dim_movie", "gold/genre_junction", "gold/fact_movies"]


def check_results(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{'/'.join(e.asset_key.path)}:{e.check_name}": e
        for e in result.get_asset_check_evaluations()
    }


def test_a_day_goes_from_source_to_star(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00"), movie(2, "2025-10-30T23:59:59")]
    result = platform.run("2025-10-30")
    assert result.success
    assert platform.sql("SELECT * EXCLUDE uploaded_at FROM gold.fact_movies ORDER BY 1")[0][
        :-1
    ] == ((1, "tt0000001", 20251030, "en", 95, 73, 2020, 7.3, 95, 2))
    assert platform.sql(
        "SELECT genre_key FROM gold.genre_junction WHERE movie_key = 1 ORDER BY 1"
    ) == [
        ("comedy",),
        ("drama",),
    ]


@pytest.mark.slow
def test_unknown_is_null_in_silver_and_a_member_in_every_dimension(platform, yts):
    yts.movies_listed = [
        movie(1, "2025-10-30T12:00:00", rating=0, runtime=0, year=0, language="", genres=None)
    ]
    platform.run("2025-10-30")
    assert platform.sql(
        "SELECT rating, runtime_minutes, year, language_code, genres FROM silver.yts_movies"
    ) == [(None,) * 5]
    assert platform.sql(
        "SELECT rating_band, runtime_category, decade_label, language_name, genre_name, "
        "genre_count FROM gold.fact_movies JOIN gold.dim_rating USING (rating_key) "
        "JOIN gold.dim_runtime USING (runtime_key) JOIN gold.dim_released_year USING (year_key) "
        "JOIN gold.dim_language USING (language_key) JOIN gold.genre_junction USING (movie_key) "
        "JOIN gold.dim_genre USING (genre_key)"
    ) == [("Unknown", "Unknown", "Unknown", "Unknown", "Unknown", None)]


def test_a_movie_without_date_is_uploaded_with_its_first_torrent(platform, yts):
    listed = movie(1, "2025-10-30T12:00:00")
    row = yts.row(listed)._replace(payload=json.dumps({**listed, "date_uploaded_unix": None}))
    yts.movies_listed = [row]
    platform.run("2025-10-30", select=["bronze/yts_movies", "silver/yts_movies"])
    assert platform.sql("SELECT uploaded_at::VARCHAR FROM silver.yts_movies") == [
        ("2025-10-30 12:00:00+00",)
    ]


def test_running_a_day_again_changes_nothing_but_timestamps(platform, yts):
    yts.movies_listed = [
        movie(1, "2025-10-30T12:00:00"),
        movie(2, "2025-10-30T13:00:00", year=4000),
    ]
    platform.run("2025-10-30", raise_on_error=False)
    before = platform.contents()
    platform.run("2025-10-30", raise_on_error=False)
    assert platform.contents() == before
    assert before["quarantine.yts_movies"]


@pytest.mark.slow
def test_days_alone_in_any_order_and_days_as_a_range_lead_to_the_same_warehouse(
    sample_platform, tmp_path, instance
):
    days = ["2025-10-29", "2025-10-31", "2025-10-30"]
    for day in days:
        sample_platform.run(day)
    other = Platform(load(data_dir=tmp_path / "range"), instance)
    other.run("2025-10-29", "2025-10-31")
    assert other.contents() == sample_platform.contents()
    assert other.sql("SELECT count(*) > 20 FROM gold.fact_movies") == [(True,)]


@pytest.mark.slow
def test_an_empty_day_is_a_normal_day(platform):
    result = platform.run("2025-10-30")
    assert result.success
    assert platform.sql("SELECT count(*) FROM gold.fact_movies") == [(0,)]
    assert platform.sql("SELECT rating_key FROM gold.dim_rating") == [(-1,)]


@pytest.mark.slow
def test_a_range_of_many_movies_fits_into_the_memory_that_the_engine_is_given(platform, yts):
    # As many as the engine reads at once, as long as the sample's.
    text = "description " * 150
    yts.movies_listed = [
        movie(n, f"2025-10-{1 + n % 30:02}T12:00:00", synopsis=text) for n in range(1, 2_049)
    ]
    select = ["bronze/yts_movies", "silver/yts_movies"]
    assert platform.run("2025-10-01", "2025-10-30", select=select).success
    assert platform.sql("SELECT count(*) FROM silver.yts_movies") == [(2_048,)]


class TestReupload:
    """A movie is stored once, at its latest upload, in any order of runs."""

    old = movie(7, "2025-10-20T12:00:00", title="As it was", genres=["Drama", "War"])
    new = movie(7, "2025-10-30T12:00:00", title="As it is", genres=None)

    def upload_twice(self, folder: Path) -> None:
        movies = [self.old, movie(8, "2025-10-20T13:00:00")]
        with platform_in(folder, movies) as platform:
            platform.run("2025-10-20")
            movies[:] = [movies[1], self.new]
            platform.run("2025-10-30")

    @pytest.fixture
    def reuploaded(self, prepare: Prepare, platform: Platform, yts: FakeYts) -> Platform:
        prepare("yts_reuploaded", self.upload_twice)
        yts.movies_listed = [movie(8, "2025-10-20T13:00:00"), self.new]
        return platform

    @pytest.mark.slow
    def test_the_latest_upload_replaces_the_older_one_everywhere(self, reuploaded):
        assert reuploaded.sql(FACT) == [(7, "2025-10-30"), (8, "2025-10-20")]
        assert reuploaded.sql("SELECT title FROM gold.dim_movie WHERE movie_key = 7") == [
            ("As it is",)
        ]
        assert reuploaded.sql("SELECT genre_key FROM gold.genre_junction WHERE movie_key = 7") == [
            ("unknown",)
        ]

    @pytest.mark.slow
    def test_running_the_older_day_again_from_bronze_does_not_bring_it_back(self, reuploaded):
        before = reuploaded.contents()
        result = reuploaded.run("2025-10-20", select=BELOW_BRONZE)
        assert reuploaded.contents() == before
        conserved = check_results(result)["silver/yts_movies:conservation"].metadata
        assert (conserved["rows_read"].value, conserved["rows_duplicate"].value) == (2, 1)

    @pytest.mark.slow
    def test_fetching_the_older_day_again_leaves_the_same_warehouse_as_never_having_seen_it(
        self, reuploaded, tmp_path, instance, yts
    ):
        reuploaded.run("2025-10-20")
        other = Platform(load(data_dir=tmp_path / "fresh"), instance, lambda: yts)
        other.run("2025-10-20", "2025-10-30")
        mine, fresh = reuploaded.contents(), other.contents()
        # A dimension's members stay (docs/decisions): the genre 'War' has been one.
        assert {n: r for n, r in mine.items() if n != "gold.dim_genre"} == {
            n: r for n, r in fresh.items() if n != "gold.dim_genre"
        }
        assert set(fresh["gold.dim_genre"]) <= set(mine["gold.dim_genre"])


@pytest.mark.slow
def test_a_source_that_fails_midway_changes_nothing(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00")]
    platform.run("2025-10-30")
    before = platform.contents()
    yts.movies_listed = [movie(n, "2025-10-30T12:00:00") for n in range(2, 5)]
    yts.fail_after = 2
    assert not platform.run("2025-10-30", raise_on_error=False).success
    assert platform.contents() == before


def test_a_blocking_check_that_fails_keeps_gold_as_it_was(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00")]
    platform.run("2025-10-30")
    yts.movies_listed = [movie(2, "2025-10-30T12:00:00", rating=11)]
    result = platform.run("2025-10-30", raise_on_error=False)
    quarantine = check_results(result)["silver/yts_movies:quarantine"]
    assert not result.success
    assert (quarantine.passed, quarantine.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert platform.sql(FACT) == [(1, "2025-10-30")]


@pytest.mark.slow
@pytest.mark.parametrize("first_day", ["2016-01-01"])
def test_calendar_years_are_complete_and_without_gaps_in_any_order(platform, yts):
    yts.movies_listed = [movie(1, "2019-06-01T00:00:00"), movie(2, "2016-06-01T00:00:00")]
    dimensions = [f"gold/dim_{name}" for name in ("movie", "language", "runtime", "rating")]
    select = ["bronze/yts_movies", "silver/yts_movies", *dimensions, "gold/fact_movies"]
    platform.run("2019-06-01", select=select)
    platform.run("2016-06-01", select=select)
    assert platform.sql(
        "SELECT min(date)::VARCHAR, max(date)::VARCHAR, count(date) FROM gold.dim_date"
    ) == [("2016-01-01", "2019-12-31", 366 + 3 * 365)]
    assert platform.sql(
        "SELECT date_full, day_of_week, day_of_year, week_of_year, quarter, is_weekend "
        "FROM gold.dim_date WHERE date_key = 20160403"
    ) == [("April 3, 2016", 7, 94, 13, 2, True)]


@pytest.mark.slow
def test_of_several_spellings_of_a_genre_the_first_in_the_alphabet_names_it(platform, yts):
    select = ["bronze/yts_movies", "silver/yts_movies", "gold/dim_genre"]
    yts.movies_listed = [
        movie(1, "2025-10-29T00:00:00", genres=["Sci-Fi"]),
        movie(2, "2025-10-30T00:00:00", genres=["Sci Fi"]),
    ]
    for day in ("2025-10-29", "2025-10-30", "2025-10-29"):
        platform.run(day, select=select)
    assert platform.sql("SELECT genre_name FROM gold.dim_genre WHERE genre_key = 'sci-fi'") == [
        ("Sci Fi",)
    ]


@pytest.mark.slow
def test_a_range_says_in_the_ui_what_it_wrote_once_with_sql_and_sample(platform, yts):
    yts.movies_listed = [movie(1, "2025-10-30T12:00:00")]
    result = platform.run(
        "2025-10-29", "2025-10-30", select=["bronze/yts_movies", "silver/yts_movies"]
    )
    events = result.asset_materializations_for_node("silver__yts_movies")
    assert [event.partition for event in events] == ["2025-10-29", "2025-10-30"]
    told = events[-1].metadata
    assert told["rows"].value == 1
    assert "REGEXP_MATCHES" in told["sql"].value
    assert "Movie 1" in told["sample"].value
    assert "sql" not in events[0].metadata


class TestReconcile:
    """`yts_reconcile` names the days on which source and warehouse differ."""

    steps = ("bronze/yts_movies", "silver/yts_movies")
    listed = (
        movie(1, "2025-10-28T12:00:00"),
        movie(2, "2025-10-29T12:00:00"),
        movie(3, "2025-10-30T12:00:00"),
    )

    def reconcile(self, platform: Platform) -> dict[str, dg.MetadataValue]:
        job = platform.defs.resolve_job_def("yts_reconcile")
        result = job.execute_in_process(instance=platform.instance)
        (event,) = result.filter_events(lambda event: event.event_type_value == "ASSET_OBSERVATION")
        return dict(event.asset_observation_data.asset_observation.metadata)

    def store(self, folder: Path) -> None:
        with platform_in(folder, list(self.listed)) as platform:
            platform.run("2025-10-28", "2025-10-30", select=self.steps)

    @pytest.fixture
    def stored(self, prepare: Prepare, platform: Platform, yts: FakeYts) -> Platform:
        prepare("yts_three_days", self.store)
        yts.movies_listed = list(self.listed)
        return platform

    def test_equal_is_green(self, stored):
        assert self.reconcile(stored)["days to materialize again"].value == []

    @pytest.mark.parametrize(
        ("kind", "source", "days"),
        [
            ("added", [*listed, movie(4, "2025-10-29T15:00:00")], ["2025-10-29...2025-10-29"]),
            pytest.param(
                "moved",
                [movie(1, "2025-10-30T18:00:00"), *listed[1:]],
                ["2025-10-30...2025-10-30"],
                marks=pytest.mark.slow,
            ),
            (
                "moved",
                [*listed[:2], movie(3, "2025-10-28T18:00:00")],
                ["2025-10-28...2025-10-28", "2025-10-30...2025-10-30"],
            ),
            pytest.param(
                "changed",
                [*listed[:1], movie(2, "2025-10-29T12:00:00", rating=9), listed[2]],
                ["2025-10-29...2025-10-29"],
                marks=pytest.mark.slow,
            ),
            ("gone", list(listed[2:]), ["2025-10-28...2025-10-29"]),
        ],
    )
    def test_a_difference_is_named_with_its_days_and_running_them_mends_it(
        self, stored, yts, kind, source, days
    ):
        yts.movies_listed = source
        found = self.reconcile(stored)
        assert found["days to materialize again"].value == days
        assert [k for k in KINDS if found[f"movies {k}"].value] == [kind]
        assert days[0] in found["summary"].value
        # The later days first: what moved back is dropped as old while the newer upload is stored.
        for day_range in reversed(days):
            stored.run(*day_range.split("..."), select=self.steps)
        assert self.reconcile(stored)["days to materialize again"].value == []

    def test_uploads_of_days_without_partition_are_not_drift(self, stored, yts):
        yts.movies_listed.append(movie(9, "2025-11-01T12:00:00"))
        assert self.reconcile(stored)["days to materialize again"].value == []

    def test_a_day_whose_silver_is_behind_bronze_is_named(self, stored, yts):
        yts.movies_listed = [*self.listed[:2], movie(3, "2025-10-30T12:00:00", rating=9)]
        stored.run("2025-10-30", select=["bronze/yts_movies"])
        found = self.reconcile(stored)
        assert found["days to materialize again"].value == ["2025-10-30...2025-10-30"]
        assert found["movies behind"].value == 1

    @pytest.mark.slow
    def test_an_older_version_that_counts_again_is_named(self, stored, yts):
        yts.movies_listed = [*self.listed[1:], movie(1, "2025-10-31T12:00:00")]
        stored.run("2025-10-31", select=self.steps)
        yts.movies_listed[-1] = movie(1, "2025-10-31T12:00:00", rating=11)
        stored.run("2025-10-31", select=self.steps, raise_on_error=False)
        found = self.reconcile(stored)
        assert found["days to materialize again"].value == ["2025-10-28...2025-10-28"]
        assert found["movies behind"].value == 1


class TestLoadedDay:
    """A day whose movies the source does not list any more stays, unless that is proved."""

    day = "2025-10-30"
    steps = ("bronze/yts_movies", "silver/yts_movies")

    def run(self, settings, instance, lies: Lies, movies: int = 300, **config: Any) -> Platform:
        app = create_app(Catalogue(movies, date(2025, 10, 31)), lies=lies)
        client = YtsClient(f"http://yts.invalid{BASE_PATH}", transport=httpx.ASGITransport(app))
        platform = Platform(settings, instance, lambda: client)
        run_config = {"ops": {"bronze__yts_movies": {"config": config}}} if config else None
        result = platform.run(
            self.day, select=list(self.steps), run_config=run_config, raise_on_error=False
        )
        self.success = result.success
        return platform

    @pytest.mark.slow
    def test_is_neither_emptied_nor_cut_by_a_total_that_is_too_low(self, settings, instance):
        before = self.run(settings, instance, Lies()).contents()
        assert len(before["silver.yts_movies"]) > 9
        for count in (0, 40, 150, None, ABSENT):
            assert self.run(settings, instance, Lies(count)).contents() == before
            assert self.success

    @pytest.mark.slow
    def test_is_kept_by_a_red_run_where_nothing_proves_that_it_is_empty(self, settings, instance):
        before = self.run(settings, instance, Lies()).contents()
        gone = Lies(served=lambda _: 10**6)
        assert self.run(settings, instance, gone).contents() == before
        assert not self.success
        emptied = self.run(settings, instance, gone, accept_empty=True).contents()
        assert self.success
        assert emptied["silver.yts_movies"] == []
