"""Whole runs of the links: what is there of the sources decides, not the order of runs."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import KEY as PUBLISHED_WAREHOUSE
from movies_assets.orchestration.publishing.published import LATER
from movies_assets.orchestration.sensors import following_sensor
from movies_assets.settings import load
from movies_assets.sources.titles import overrides
from movies_assets.sources.titles.overrides import FORBID, FORCE, Override
from movies_assets.sources.titles.source import SOURCE
from movies_assets_tests.conftest import (
    A_MOVIE,
    ALL_DUMPS,
    FIRST_DAY,
    SOUND_DUMPS,
    STORED_DAY,
    FakeYts,
    Platform,
    arrive,
    land,
    movie,
    netflix_title,
)

OF_TITLES = [name for name, table in TABLES.items() if table.group == "titles"]
# Their days are those of the run.
LABELS = ("bronze.title_labels", "gold.title_link_evaluation")
LINKS = "SELECT source, source_id, title_key, method FROM gold.title_links ORDER BY ALL"


def link(platform: Platform, job: str = "titles") -> dg.ExecuteInProcessResult:
    """Run a job of the links."""
    return platform.defs.resolve_job_def(job).execute_in_process(
        instance=platform.instance, tags=LATER, raise_on_error=False
    )


def contents(platform: Platform) -> Mapping[str, Any]:
    """Return the rows of all tables of the links."""
    found = platform.contents()
    return {name: found.get(name) for name in OF_TITLES if name not in LABELS}


@pytest.fixture
def stored(stored_day: Path, tmp_path: Path, instance: dg.DagsterInstance) -> Platform:
    """A platform on a sound day of all sources, and its links."""
    folder = tmp_path / "data"
    shutil.copytree(stored_day.parents[1], folder)
    settings = load(data_dir=folder, imdb=ALL_DUMPS, titles={"labels": folder / "labels.csv"})
    return Platform(settings, instance, FakeYts)


@pytest.mark.slow
def test_running_again_changes_nothing(stored):
    before = {name: rows for name, rows in contents(stored).items() if name[:6] != "bronze"}
    result = link(stored)
    assert result.success
    after = contents(stored)
    assert {name: after[name] for name in before} == before
    assert all(before.values())
    described = [each.materialization for each in result.get_asset_materialization_events()]
    changed = {
        ".".join(each.asset_key.path): each.metadata["rows_changed"].value
        for each in described
        if "rows_changed" in each.metadata
    }
    assert changed == {name: 0 for name, table in TABLES.items() if table.incremental}


@pytest.mark.slow
def test_a_check_that_is_executed_alone_looks_at_rows_that_runs_leave_as_they_are(stored):
    with stored.warehouse.session() as session, stored.warehouse.transaction(session):
        session.execute("UPDATE gold.dim_title SET sources_count = 0")
    assert link(stored).success
    check = dg.AssetCheckKey(dg.AssetKey(["gold", "dim_title"]), "contract")
    alone = stored.defs.resolve_job_def("titles").get_subset(
        asset_selection=set(), asset_check_selection={check}
    )
    result = alone.execute_in_process(instance=stored.instance, raise_on_error=False)
    assert [each.passed for each in result.get_asset_check_evaluations()] == [False]


@pytest.mark.slow
def test_a_decision_on_an_unknown_id_stops_the_run_and_others_survive_a_rebuild(stored):
    file = overrides.path_of(stored.settings)
    before = stored.sql(LINKS)
    sound = file.read_text()
    overrides.add(file, [Override("yts", "1", "tt7777777", FORCE, "Ada", "A typing error")])
    result = link(stored)
    assert not result.success
    red = [each for each in result.get_asset_check_evaluations() if not each.passed]
    assert [each.check_name for each in red] == ["known_ids"]
    assert "tt7777777" in str(red[0].metadata)
    assert stored.sql(LINKS) == before
    file.write_text(sound)
    overrides.add(file, [Override("yts", "1", A_MOVIE, FORBID, "Ada", "Seen")])
    assert link(stored).success
    decided = stored.sql(LINKS)
    assert ("yts", "1", "tt0000009", "stated id") in decided
    with stored.warehouse.session() as session, stored.warehouse.transaction(session):
        for name in set(OF_TITLES) - {*LABELS}:
            session.execute(f"DROP TABLE {name}")
    assert link(stored).success
    assert stored.sql(LINKS) == decided


@pytest.mark.slow
def test_evaluations_of_earlier_days_are_kept(stored):
    with stored.warehouse.session() as session, stored.warehouse.transaction(session):
        session.execute("UPDATE gold.title_link_evaluation SET labelled_date = '2025-10-30'")
    count = "SELECT count(*), count(DISTINCT labelled_date) FROM gold.title_link_evaluation"
    ((before, days),) = stored.sql(count)
    for _ in range(2):
        assert link(stored, "evaluate_titles").success
        assert stored.sql(count) == [(2 * before, days + 1)]
        with stored.warehouse.session() as session, stored.warehouse.transaction(session):
            # A member that the next evaluation of the day no longer has.
            session.execute(
                "UPDATE gold.title_link_evaluation SET member = 'gone' "
                "WHERE labelled_date > '2025-10-30' AND slice = 'method'"
            )


@pytest.mark.slow
def test_without_any_source_all_is_empty_and_green(platform):
    result = link(platform)
    assert result.success
    assert all(each.passed for each in result.get_asset_check_evaluations())
    assert set(map(len, contents(platform).values())) == {0}


# The other tables of the sources make no difference to the links.
READ = dg.AssetSelection.groups("titles").upstream()


def run_source(platform: Platform, day: str, group: str) -> None:
    """Run a day of the tables of a source that the links are made of."""
    keys = (READ & dg.AssetSelection.groups(group)).resolve(platform.defs.resolve_asset_graph())
    select = [key.to_user_string() for key in keys]
    assert platform.run(day, job=f"{group}_daily", select=select).success


@pytest.mark.slow
def test_with_yts_alone_titles_have_the_ids_that_it_states(platform, yts):
    yts.movies_listed = [movie(1, f"{FIRST_DAY}T12:00:00")]
    run_source(platform, FIRST_DAY, "yts")
    assert link(platform).success
    assert platform.sql(LINKS) == [("yts", "1", A_MOVIE, "stated id")]
    assert platform.sql("SELECT title_key, sources_count FROM gold.dim_title") == [(A_MOVIE, 1)]


@pytest.mark.slow
def test_with_imdb_alone_each_of_its_titles_is_one(tmp_path, instance):
    platform = Platform(load(data_dir=tmp_path, imdb=ALL_DUMPS), instance)
    land(platform.settings.landing, STORED_DAY, SOUND_DUMPS)
    run_source(platform, STORED_DAY, "imdb")
    assert link(platform).success
    assert platform.sql(LINKS) == []
    assert platform.sql("SELECT count(*), max(sources_count) FROM gold.dim_title") == [(2, 1)]


# Orders.

YTS_DAYS = ("2025-10-28", "2025-10-29")
IMDB_DAYS = ("2025-10-29", STORED_DAY)


def steps(platform: Platform) -> Mapping[str, Any]:
    """Return what brings rows; IMDb's second dump renews a title, removes one, and adds a rival."""
    landing = platform.settings.landing
    titles = [*SOUND_DUMPS["title.basics"]]
    one, series, *episodes = titles
    gone = ["tt0000005", "movie", "Gone", "Gone", 0, 2020, None, 90, "Drama"]
    renewed = [*one[:2], "Movie 1 renewed", *one[3:]]
    rival = ["tt0000006", "movie", "Movie 2", "Movie 2", 0, 2020, None, 95, "Drama"]
    older = {**SOUND_DUMPS, "title.basics": [one, series, *episodes, gone]}
    newer = {**SOUND_DUMPS, "title.basics": [renewed, series, *episodes, rival]}
    for day, dumps in zip(IMDB_DAYS, (older, newer), strict=True):
        land(landing, day, dumps)
    arrive(
        landing,
        f"{STORED_DAY}/titles.csv",
        [
            netflix_title(1, title="Gone", release_year=2020),
            netflix_title(2, title="Movie 2", release_year=2020, duration_minutes=95),
        ],
    )
    return {
        **{f"yts {day}": lambda day=day: run_source(platform, day, "yts") for day in YTS_DAYS},
        **{f"imdb {day}": lambda day=day: run_source(platform, day, "imdb") for day in IMDB_DAYS},
        "netflix": lambda: run_source(platform, STORED_DAY, "netflix"),
        "titles": lambda: link(platform),
    }


Y1, Y2 = (f"yts {day}" for day in YTS_DAYS)
I1, I2 = (f"imdb {day}" for day in IMDB_DAYS)
# Before any IMDb, after its first dump, after its second one, after older days of both.
ORDER = [Y2, "netflix", "titles", I1, "titles", I2, "titles", Y1, I1, "titles"]


@pytest.mark.slow
def test_any_order_leads_to_the_rows_of_one_run_at_the_end(tmp_path, instance):
    """That the order of its days does not matter to a source is tested with each source."""
    yts = FakeYts([movie(n, f"{day}T12:00:00") for n, day in enumerate(YTS_DAYS, 1)])
    settings = load(data_dir=tmp_path, imdb=ALL_DUMPS, yts={"first_day": FIRST_DAY})
    platform = Platform(settings, instance, lambda: yts)
    known = steps(platform)
    for step in ORDER:
        known[step]()
    found = contents(platform)
    with platform.warehouse.session() as session, platform.warehouse.transaction(session):
        for name in set(OF_TITLES) - {*LABELS}:
            session.execute(f"DROP TABLE {name}")
    assert link(platform).success
    assert contents(platform) == found
    keys = {(source, source_id): key for source, source_id, key, *_ in found["gold.title_links"]}
    assert keys["netflix", "2"] == "tt0000006"
    assert keys["netflix", "1"] == "netflix:1"


# The sensor.


def publication(job: str, instance: dg.DagsterInstance) -> None:
    """Let a job publish."""

    @dg.op
    def publish(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization(PUBLISHED_WAREHOUSE))

    @dg.job(name=job)
    def publishing() -> None:
        publish()

    assert publishing.execute_in_process(instance=instance).success


class Looks:
    """Consecutive looks of the sensor."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        (job,) = [job for job in SOURCE.jobs if job.follows]
        self.sensor = following_sensor(SOURCE, job)

    def look(self) -> list[str | None]:
        """Return the keys of the runs that it asks for."""
        with dg.build_sensor_context(self.instance, self.cursor) as context:
            found = self.sensor.evaluate_tick(context)
        self.cursor = found.cursor or self.cursor
        return [request.run_key for request in found.run_requests or []]


@pytest.fixture
def looks(instance) -> Looks:
    return Looks(instance)


class TestTheSensor:
    def test_asks_once_after_a_publication_of_another_source(self, looks):
        assert looks.look() == []
        publication("yts_daily", looks.instance)
        assert len(looks.look()) == 1
        assert looks.look() == []

    def test_asks_once_for_several_publications(self, looks):
        for job in ("yts_daily", "imdb_daily", "publish"):
            publication(job, looks.instance)
        assert len(looks.look()) == 1
        assert looks.look() == []

    def test_does_not_ask_after_its_own_publications(self, looks):
        for job in ("titles", "evaluate_titles"):
            publication(job, looks.instance)
            assert looks.look() == []

    def test_asks_if_its_own_run_publishes_after_another_source(self, looks):
        publication("yts_daily", looks.instance)
        publication("titles", looks.instance)
        first = looks.look()
        assert len(first) == 1
        publication("titles", looks.instance)
        assert looks.look() == []
        publication("imdb_daily", looks.instance)
        assert len(looks.look()) == 1
