"""Work that follows changes: each again without a change, against the first time."""

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
import dagster as dg

FILES_A_DAY, FILE_BYTES = 3, 20_000


@click.command()
@click.option("--home", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--days", default=3_650, help="Days of the landing folder, with three files each.")
def changes(home: Path, days: int) -> None:
    """The sensor's look, a schedule's tick and a publication, in seconds of processor time.

    HOME is a DAGSTER_HOME with the data of some runs in HOME/data. Nothing of it is changed.
    The settings of those runs have to be set (MOVIES_YTS__FIRST_DAY).
    """
    os.environ |= {"DAGSTER_HOME": str(home), "MOVIES_DATA_DIR": str(home / "data")}
    with tempfile.TemporaryDirectory() as folder:
        _looks(Path(folder), days)
    with dg.DagsterInstance.get() as instance:
        _ticks(instance)
        _publications(home, instance)


def _looks(folder: Path, days: int) -> None:
    from movies_assets.ingest import checksums  # noqa: PLC0415 (heavy)
    from movies_assets.ingest.landing import Landing  # noqa: PLC0415

    for day in range(days):
        path = folder / datetime.fromordinal(720_000 + day).date().isoformat()
        path.mkdir()
        for number in range(FILES_A_DAY):
            (path / f"{number}.csv").write_bytes(os.urandom(FILE_BYTES))
    landing = Landing(folder, "landing")
    checksums.SETTLED_SECONDS = 0  # the files are as if they had been there for a while
    for name in ("first", "second"):
        _timed(f"{name} look at {days * FILES_A_DAY} files", landing.survey)


def _ticks(instance: dg.DagsterInstance) -> None:
    from movies_assets.orchestration import catching_up, schedules  # noqa: PLC0415 (heavy)
    from movies_assets.settings import load  # noqa: PLC0415
    from movies_assets.tables import TABLES, open_warehouse  # noqa: PLC0415

    settings, now = load(), datetime.now(UTC)
    warehouse = open_warehouse(settings)
    for calendar in schedules.calendars(settings, TABLES):
        for name in ("first", "second"):
            _timed(
                f"{name} tick of {calendar.schedule}",
                lambda calendar=calendar: catching_up.look(calendar, instance, warehouse, now),
            )


def _publications(home: Path, instance: dg.DagsterInstance) -> None:
    from movies_assets.definitions import build_defs  # noqa: PLC0415 (heavy)
    from movies_assets.orchestration.publishing.published import Publication  # noqa: PLC0415
    from movies_assets.settings import load  # noqa: PLC0415
    from movies_assets.tables import TABLES, open_warehouse  # noqa: PLC0415

    settings = load()
    checks = build_defs(settings).asset_checks or ()
    specs = [spec for definition in checks for spec in definition.check_specs]

    def publish(number: int, folder: Path) -> None:
        section = settings.published.model_copy(update={"folder": folder})
        own = settings.model_copy(update={"published": section})
        run_id = f"{number:08x}"
        Publication(own, open_warehouse(settings), TABLES, specs, instance, run_id).publish()

    with tempfile.TemporaryDirectory(dir=home) as folder:
        for number, name in enumerate(("first", "second", "third")):
            _timed(f"{name} publication", lambda number=number: publish(number, Path(folder)))


def _timed(name: str, do: Callable[[], object]) -> None:
    started, used = time.perf_counter(), time.process_time()
    do()
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    click.echo(f"{name}: {seconds:.2f} s, {cpu:.2f} s CPU")
