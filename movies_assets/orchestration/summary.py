"""The end of `make run`: tables, the best movies, checks, warnings, and where to go on.

It only reads: the warehouse for rows, Dagster's instance for runs and checks.
"""

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import dagster as dg
import duckdb
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from movies_assets import sources
from movies_assets.core.verdicts import VERDICTS
from movies_assets.orchestration.checks.results import ending_of, evaluated
from movies_assets.orchestration.dagster_internals import (
    DagsterAssetCheckFailedError,
    DagsterHomeNotSetError,
)
from movies_assets.orchestration.executor import shortened
from movies_assets.orchestration.jobs import partitioned
from movies_assets.orchestration.schedules import unfinished
from movies_assets.settings import Settings
from movies_assets.tables import TABLES, open_warehouse
from movies_assets.warehouse import audit_log
from movies_assets.warehouse.published import HELD_BACK, NothingPublishedError, Published

UI = "http://127.0.0.1:3000"
# The column of the text to the right of the labels.
INDENT = 12
SHOWN_DAYS = 10


class EvaluatedCheck(NamedTuple):
    """How a check of a run went.

    Attributes:
        name: table and check, for example `silver.yts_movies conservation`.
        verdict: `passed`, `warned` or `failed`.
        description: the finding, in words.
        rules: the names of the rules that are broken.
        ending: lines that explain why it has stopped the run; none where it has not.
    """

    name: str
    verdict: str
    description: str
    rules: frozenset[str] = frozenset()
    ending: Sequence[str] = ()


# The newest run of each job, and how its checks went.
Runs = Mapping[str, tuple[dg.DagsterRun, Sequence[EvaluatedCheck]]]


def show(settings: Settings, instance: dg.DagsterInstance | None, console: Console) -> None:
    """Print the summary.

    Args:
        settings: where the warehouse is.
        instance: where runs and checks are recorded, if that is known.
        console: where to print.

    Raises:
        WarehouseError: there is no warehouse yet, or it cannot be opened.
    """
    with open_warehouse(settings).reading() as connection:
        rows, unaudited = row_counts(connection), audit_log.unaudited(connection, TABLES)
        lists = [
            (found.headers, connection.execute(found.query).fetchall())
            for source in sources.load()
            for found in source.listings
            if found.needs in rows
        ]
    runs = _newest_runs(instance)
    shown = [
        (name, f"{n:,}") for name, n in rows.items() if n or not name.startswith("quarantine.")
    ]
    console.print(_table(["Table", ">Rows"], shown))
    for headers, listed in lists:
        if listed:
            console.print()
            console.print(_table(headers, listed))
    console.print()
    _show_checks(runs, console, is_sample=settings.profile == "sample")
    _show_state(settings, instance, console, rows, unaudited)
    _show_warnings(settings, runs, console)


def show_end(settings: Settings, instance: dg.DagsterInstance, console: Console, done: str) -> None:
    """Print how runs have ended, in about ten lines.

    Args:
        settings: where the warehouse is.
        instance: where runs and checks are recorded.
        console: where to print.
        done: how many runs, and in which time.

    Raises:
        WarehouseError: the warehouse cannot be opened.
    """
    with open_warehouse(settings).reading() as connection:
        rows, unaudited = row_counts(connection), audit_log.unaudited(connection, TABLES)
    runs = _newest_runs(instance)
    checks = [check for _, of_run in runs.values() for check in of_run]
    tables = [name for name in rows if not name.startswith("quarantine.")]
    written = sum(rows[name] for name in tables)
    console.print()
    say(console, f"Done        {done}: {len(tables)} tables, {written:,} rows (make summary)")
    say(console, f"Checks      {_counted_verdicts(checks)}")
    _show_warnings(settings, runs, console)
    _show_state(settings, instance, console, rows, unaudited)
    board = settings.dashboard
    say(console, f"Dashboard   make dashboard, then open http://{board.host}:{board.port}")


def _show_state(
    settings: Settings,
    instance: dg.DagsterInstance | None,
    console: Console,
    rows: Mapping[str, int],
    unaudited: Sequence[audit_log.Write],
) -> None:
    """Name what is unfinished, refused and published, and where to look at it."""
    _show_unfinished(settings, instance, console)
    refused = [n for name, n in rows.items() if name.startswith("quarantine.") and n]
    say(console, f"Quarantine  {sum(refused):,} rows of {len(refused)} tables")
    say(console, f"Database    {settings.database}")
    say(console, f"Published   {_published(settings)}")
    for line in _held_back(settings):
        say(console, f"            {line}")
    if unaudited:
        others = f", and {len(unaudited) - 1} more" if len(unaudited) > 1 else ""
        say(console, f"            Not audited: {unaudited[0]}{others}; see the check `audited`")
    say(console, f"UI          make dev, then open {UI}")


def say(console: Console, text: str) -> None:
    """Print a line as it is: `[a]` in a path or a title is text, and no line is broken."""
    console.print(Text(text), soft_wrap=True)


def _published(settings: Settings) -> str:
    """Name the newest snapshot, or state that there is none."""
    try:
        return str(Published(settings.published_folder).current())
    except NothingPublishedError:
        return "nothing yet"


def _held_back(settings: Settings) -> Iterator[str]:
    """Name the sources that keep rows of an earlier snapshot, and the age of those rows."""
    with suppress(NothingPublishedError), Published(settings.published_folder).reading() as session:
        for source, taken_at in session.execute(HELD_BACK).fetchall():
            age = f"as of {taken_at:%Y-%m-%d %H:%M} UTC" if taken_at else "never published"
            yield f"{source} {age}: newer rows have not passed their checks"


def row_counts(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Count the rows of every table, in the order of the layers."""
    names = connection.execute(
        "SELECT schema_name || '.' || table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name <> 'audit' "
        "ORDER BY list_position(['bronze', 'silver', 'gold', 'landing'], schema_name), table_name"
    ).fetchall()
    counts = [connection.execute(f"SELECT count(*) FROM {name}").fetchall() for (name,) in names]
    return {name: n for (name,), [(n,)] in zip(names, counts, strict=True)}


def newest_run(
    instance: dg.DagsterInstance, job: str, since: datetime | None = None
) -> dg.DagsterRun | None:
    """Return the newest run of a job."""
    filters = dg.RunsFilter(job_name=job, created_after=since)
    return next(iter(instance.get_runs(filters, limit=1)), None)


def evaluated_checks(instance: dg.DagsterInstance, run_id: str) -> list[EvaluatedCheck]:
    """Return how the checks of a run went."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [
        entry.dagster_event.asset_check_evaluation_data for entry in events if entry.dagster_event
    ]
    return [
        EvaluatedCheck(
            name=f"{'.'.join(found.asset_key.path)} {found.check_name}",
            verdict=evaluated(found),
            description=found.description or "",
            rules=_broken(found),
            ending=ending_of(found),
        )
        for found in evaluations
    ]


def failures_of(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Explain briefly why a run failed: the steps' errors, and its red checks with some rows."""
    failed = [check for check in evaluated_checks(instance, run_id) if check.verdict == "failed"]
    endings = [line for check in failed for line in check.ending]
    others = [f"{check.name}: {check.description}" for check in failed if not check.ending]
    return shortened([*_step_failures(instance, run_id), *others, *endings])


def dagster_instance() -> dg.DagsterInstance | None:
    """Return the instance that DAGSTER_HOME names, if it does."""
    try:
        return dg.DagsterInstance.get()
    except DagsterHomeNotSetError:
        return None


def _step_failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[str]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event and entry.dagster_event.step_failure_data
        step = (entry.step_key or "").replace("__", ".")
        if data and data.user_failure_data and data.user_failure_data.description:
            # Of the project's own errors: cause, place and fix.
            yield f"{step}: {data.user_failure_data.description}"
            continue
        error = data and data.error
        while error and error.cause:
            error = error.cause
        # A failed blocking check is shown by its description, which includes the fix.
        if error and error.cls_name != DagsterAssetCheckFailedError.__name__:
            yield f"{step}: {error.message.strip()}"


def _show_checks(runs: Runs, console: Console, *, is_sample: bool) -> None:
    if not runs:
        console.print(
            "Checks      no run is known (DAGSTER_HOME names the folder of Dagster's runs)"
        )
    for job, (run, checks) in runs.items():
        status = run.status.value.lower()
        say(console, f"Checks      {_counted_verdicts(checks)} in the newest {job} run ({status})")
        for check in checks:
            if check.verdict == "failed" or (
                check.verdict == "warned" and not (is_sample and is_of_sample(check))
            ):
                _show_check(check, console)


def _counted_verdicts(checks: Sequence[EvaluatedCheck]) -> str:
    """Return how many checks have each verdict."""
    count = Counter(check.verdict for check in checks)
    return ", ".join(f"{count[verdict]} {verdict}" for verdict in VERDICTS)


def _show_warnings(settings: Settings, runs: Runs, console: Console) -> None:
    if found := warnings_of(runs):
        counted = counted_warnings(found, is_sample=settings.profile == "sample")
        say(console, f"Warnings    {counted}: make warnings")


def _show_unfinished(
    settings: Settings, instance: dg.DagsterInstance | None, console: Console
) -> None:
    """Name the days that runs have left red or incomplete, also runs that a person started."""
    warehouse = open_warehouse(settings)
    found = unfinished(settings, TABLES, instance, warehouse) if instance else []
    others = [f"and {len(found) - SHOWN_DAYS} more"] if len(found) > SHOWN_DAYS else []
    for sentence in [*map(str, found[:SHOWN_DAYS]), *others]:
        say(console, f"Unfinished  {sentence}")


def _newest_runs(instance: dg.DagsterInstance | None) -> Runs:
    """Return the newest run of each job that has run, and its checks."""
    runs = {job: newest_run(instance, job) for job in partitioned()} if instance else {}
    return {
        job: (run, evaluated_checks(instance, run.run_id))
        for job, run in runs.items()
        if instance and run
    }


def _show_check(check: EvaluatedCheck, console: Console) -> None:
    line = Text(f"{check.verdict}: {check.name}: {check.description}")
    console.print(Padding(line, (0, 0, 0, INDENT)))


def is_of_sample(check: EvaluatedCheck) -> bool:
    """Return whether the sample is made to cause a warning: by its check and its rules."""
    expected: ChainMap[str, frozenset[str]] = ChainMap(
        *({**source.sample_warnings} for source in sources.load())
    )
    return check.rules <= expected.get(check.name, frozenset())


def warnings_of(runs: Runs) -> list[EvaluatedCheck]:
    """Return the warnings of runs."""
    return [check for _, checks in runs.values() for check in checks if check.verdict == "warned"]


def show_warnings(
    settings: Settings, instance: dg.DagsterInstance | None, console: Console
) -> None:
    """Print the warnings of the newest run of each job, a paragraph each."""
    found = warnings_of(_newest_runs(instance))
    for check in found:
        say(console, f"{check.name}: {check.description}")
    say(console, counted_warnings(found, is_sample=settings.profile == "sample"))


def counted_warnings(warnings: Sequence[EvaluatedCheck], *, is_sample: bool) -> str:
    """Return a line on how many warnings there are, and how many the sample is made to cause."""
    number = len(warnings)
    of_sample = sum(map(is_of_sample, warnings)) if is_sample else 0
    counted = f"{number} warning" + ("s" if number != 1 else "")
    if not of_sample:
        return counted
    return f"{counted}, {'all' if of_sample == number else of_sample} part of the sample"


def _broken(evaluation: dg.AssetCheckEvaluation) -> frozenset[str]:
    rules: Any = evaluation.metadata["rules"].value if "rules" in evaluation.metadata else {}
    return frozenset(rule for rule, count in rules.items() if count)


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Lay out rows; a header that starts with `>` marks a column of numbers."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        justify: JustifyMethod = "right" if header[0] == ">" else "left"
        # The first column gives way where the page is narrow.
        width = len(header) - 1 if header[0] == ">" else None
        table.add_column(header.lstrip(">"), justify=justify, no_wrap=True, min_width=width)
    for row in rows:
        table.add_row(*("" if value is None else Text(str(value)) for value in row))
    return table
