"""A tick reads few of a long history's runs, and decides as if it had read all of them."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from movies_assets.definitions import TABLES
from movies_assets.orchestration import catching_up, schedules
from movies_assets.orchestration.catching_up import Calendar
from movies_assets.orchestration.completeness import Holdings, Written
from movies_assets.orchestration.partitions import DailyPartitions, range_tags
from movies_assets.settings import Settings, load
from movies_assets.warehouse.audit_log import Write
from movies_assets.warehouse.database import Warehouse

NOW = datetime(2025, 11, 10, 2, 30, tzinfo=UTC)
DAYS = [f"2025-11-{day:02}" for day in range(1, 10)]
STATUSES = [
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELED,
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    folder = tmp_path_factory.mktemp("data")
    return load(data_dir=folder, profile="live", catch_up_days=5, yts={"first_day": DAYS[0]})


@pytest.fixture(scope="module")
def calendars(settings) -> dict[str, Calendar]:
    return {one.job: one for one in schedules.calendars(settings, TABLES)}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def add(
    instance: dg.DagsterInstance,
    days: tuple[str, str],
    job: str = "yts_daily",
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
) -> dg.DagsterRun:
    schedule = {catching_up.SCHEDULE_TAG: f"{job}_schedule"}
    tags = {**range_tags(*days), **schedule}
    chosen = frozenset({dg.AssetKey(["silver", "yts_movies"])})
    return instance.add_run(
        dg.DagsterRun(
            job_name=job,
            status=status,
            tags=tags,
            asset_selection=chosen if job == catching_up.CHOSEN_ASSETS else None,
        )
    )


def found_with(
    monkeypatch: pytest.MonkeyPatch,
    instance: dg.DagsterInstance,
    calendar: Calendar,
    written: Written,
    held: Holdings,
) -> tuple[object, ...]:
    """Return everything that a schedule and the summary take from the state of the partitions."""
    monkeypatch.setattr(catching_up, "written", lambda *_: written)
    monkeypatch.setattr(catching_up, "holdings", lambda *_: held)
    found = catching_up.look(calendar, instance, Warehouse(Path("unused.duckdb")), NOW)
    assert found is not None
    return found.asked(), found.unfinished(), found.done, found.missing


@pytest.mark.parametrize("seed", range(15))
def test_any_history_leads_to_the_same_requests_as_all_of_its_runs(
    monkeypatch, instance, calendars, seed
):
    draw = random.Random(seed)  # noqa: S311 (no secret)
    ids = []
    for _ in range(draw.randrange(1, 25)):
        days = tuple(sorted(draw.choices(DAYS, k=2)))
        job = draw.choice(["yts_daily", "yts_daily", "imdb_daily", catching_up.CHOSEN_ASSETS])
        ids.append(add(instance, days, job, draw.choice(STATUSES)).run_id)
    calendar = calendars["yts_daily"]
    complete = draw.sample(DAYS, draw.randrange(len(DAYS)))
    whole = [name for name, table in calendar.tables.items() if table.partitions is None]
    written = Written(
        landed={},
        tables={name: dict.fromkeys(complete, n) for n, name in enumerate(calendar.tables)
                if name not in whole},
        whole=dict.fromkeys(whole, 1000),
    )  # fmt: skip
    reds = [Write("w", draw.choice(whole or [*calendar.tables]), "", "~", draw.choice(ids))]
    held = Holdings(
        tables=frozenset(calendar.tables),
        unaudited=tuple(reds) if draw.random() < 0.3 else (),
        accepted=frozenset(draw.sample(ids, 1)),
    )
    found = found_with(monkeypatch, instance, calendar, written, held)
    success = [dg.DagsterRunStatus.SUCCESS]

    def all_successes(*_):
        return catching_up._runs(instance, calendar, statuses=success)

    monkeypatch.setattr(catching_up, "_successes", all_successes)
    assert found == found_with(monkeypatch, instance, calendar, written, held)


class TestALongHistory:
    @pytest.fixture
    def read(self, instance, monkeypatch) -> list[str]:
        """The ids of the runs that were read."""
        found: list[str] = []
        get = instance.get_run_records

        def recorded(*args, **kwargs):
            records = get(*args, **kwargs)
            found.extend(record.dagster_run.run_id for record in records)
            return records

        monkeypatch.setattr(instance, "get_run_records", recorded)
        return found

    def look(self, monkeypatch, instance, calendars, days):
        calendar = calendars["yts_daily"]
        tables = {name: n for n, name in enumerate(calendar.tables)}
        written = Written(
            landed={}, tables={name: dict.fromkeys(days, n) for name, n in tables.items()}
        )
        held = Holdings(tables=frozenset(calendar.tables))
        return found_with(monkeypatch, instance, calendar, written, held)

    def test_of_complete_days_is_not_read_again(self, monkeypatch, instance, calendars, read):
        for day in DAYS:
            add(instance, (day, day), status=dg.DagsterRunStatus.FAILURE)
            add(instance, (day, day))
        asked, unfinished, *_ = self.look(monkeypatch, instance, calendars, DAYS)
        assert (asked, unfinished) == ([], [])
        assert len(read) == len(DAYS), "the failed ones"

    def test_is_read_from_the_first_failure_that_is_left(
        self, monkeypatch, instance, calendars, read
    ):
        add(instance, (DAYS[0], DAYS[0]))
        failed = add(instance, (DAYS[-1], DAYS[-1]), status=dg.DagsterRunStatus.FAILURE).run_id
        asked, (unfinished,), *_ = self.look(monkeypatch, instance, calendars, DAYS[:-1])
        assert asked == [(DAYS[-1], DAYS[-1])]
        assert unfinished.run_id == failed
        assert failed in read
        later = add(instance, (DAYS[-1], DAYS[-1])).run_id
        _, unfinished, *_ = self.look(monkeypatch, instance, calendars, DAYS[:-1])
        assert unfinished == [], "a later run of the day has succeeded"
        assert later in read


@pytest.mark.parametrize(
    "options", [{}, {"end_offset": 1}, {"end_date": "2016-03-02"}, {"end_date": "2015-10-01"}]
)
def test_days_have_the_keys_that_dagster_lists(options):
    own = DailyPartitions(start_date="2015-11-01", timezone="UTC", **options)
    stock = dg.DailyPartitionsDefinition(start_date="2015-11-01", timezone="UTC", **options)
    for now in ("2015-10-31", "2015-11-01T23:59", "2015-11-02", "2016-02-29T05:00", "2016-03-05"):
        at = datetime.fromisoformat(now).replace(tzinfo=UTC)
        assert own.get_partition_keys(at) == stock.get_partition_keys(at)
        with dg.partition_loading_context(at):
            assert own.get_partition_keys() == stock.get_partition_keys()
    assert own == stock
