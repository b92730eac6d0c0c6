"""Commands behind `make`, such as `python -m movies_assets run`, `summary` and `warnings`.

Commands only: modules of their own write the summary and the dictionary, and the `dagster` command
that `run` is given materializes the assets.
"""

import codecs
import json
import os
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from signal import SIGINT, SIGTERM, Signals
from threading import Thread, Timer, current_thread, main_thread
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from movies_assets.orchestration import permissions
from movies_assets.settings import PROJECT_ROOT, Settings, SettingsError, load

# The end of a log that is shown where Dagster recorded no failure, such as one at import.
SHOWN_LINES = 15
# After SIGTERM a run has to end within 10 s.
SECONDS_TO_END = 6


class Commands(click.Group):
    """Commands that name a setting that is not valid in one line, also where an import reads it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command.

        Raises:
            ClickException: a setting is not valid.
        """
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=Commands)
def main() -> None:
    """Commands around Dagster's own; `make help` lists them in their usual form."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=READABLE)


@main.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--job",
    "jobs",
    type=(str, int),
    multiple=True,
    help="A job, and how many of its newest partitions to run, 0 for a job without any; may be "
    "repeated. By default the jobs that the sources declare for it.",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(jobs: Sequence[tuple[str, int]], command: tuple[str, ...]) -> None:
    """Run COMMAND, a `dagster job execute`, for each job with its newest partitions, and sum up."""
    from movies_assets.orchestration.jobs import of_make_run  # noqa: PLC0415 (heavy)
    from movies_assets.orchestration.partitions import range_tags  # noqa: PLC0415 (heavy)
    from movies_assets.orchestration.publishing.published import LATER  # noqa: PLC0415 (heavy)

    settings, console = _load(), _console()
    ranges = [
        (job, newest_days(settings, job, number) if number else ())
        for job, number in jobs or of_make_run()
    ]
    # The summary's imports take seconds and are needed when the runs are over: let them come
    # beside, once nothing else is imported, because two threads that import ibis block each other.
    Thread(target=import_module, args=["movies_assets.orchestration.summary"]).start()
    for place, (job, days) in enumerate(ranges, 1):
        span = f" for {' to '.join(days)} as one range" if days else ""
        log = _short(_log(settings, job))
        console.print(f"Running {job}{span}, log in {log}", soft_wrap=True)
        later = LATER if place < len(ranges) else {}
        tags = json.dumps({**(range_tags(*days) if days else {}), **later})
        _run_job(settings, console, job, [*command, "-j", job, "--tags", tags])

    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy, see above)

    summary.show(settings, summary.dagster_instance(), console)


def _log(settings: Settings, job: str) -> Path:
    return settings.data_dir / "logs" / f"{job}.log"


def _run_job(settings: Settings, console: Console, job: str, command: Sequence[str]) -> None:
    """Execute the run of a job; end the program where it fails."""
    started, log = datetime.now(UTC), _log(settings, job)
    code = execute(command, log, console)
    seconds = (datetime.now(UTC) - started).total_seconds()
    if code:
        marked = _mark_unfinished()
        if code - 128 in (SIGINT, SIGTERM):
            console.print(f"Ended by {Signals(code - 128).name} after {seconds:.0f} s. {marked}")
            sys.exit(code)
        reasons = _reasons(job, started, log)
        console.print(
            f"The run failed after {seconds:.0f} s. The whole log is in {_short(log)}. {marked}\n",
            soft_wrap=True,
        )
        console.print(*reasons, sep="\n", soft_wrap=True)
        sys.exit(code)
    console.print(f"Done in {seconds:.0f} s.")


@main.command("summary")
def show_summary() -> None:
    """Print what the warehouse holds and how the newest run went."""
    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy)
    from movies_assets.warehouse.database import WarehouseError  # noqa: PLC0415

    try:
        summary.show(_load(), summary.dagster_instance(), _console())
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error


@main.command("warnings")
def show_warnings() -> None:
    """Print the warnings of the newest run of each job."""
    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy)

    summary.show_warnings(_load(), summary.dagster_instance(), _console())


@main.command("published")
def show_published() -> None:
    """Print the path of the newest published snapshot."""
    from movies_assets.warehouse.database import WarehouseError  # noqa: PLC0415 (heavy)
    from movies_assets.warehouse.published import Published  # noqa: PLC0415

    try:
        click.echo(Published(_load().published_folder).current())
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error


@main.command("accept")
@click.argument("table")
@click.argument("first", default="")
@click.argument("last", default="")
@click.option("--reason", required=True, help="Why; it is kept in audit.accepted.")
def accept_writes(table: str, first: str, last: str, reason: str) -> None:
    """Let a TABLE's partitions FIRST to LAST (or all of it) be published although checks failed."""
    from movies_assets.tables import open_warehouse  # noqa: PLC0415 (heavy)
    from movies_assets.warehouse import audit_log  # noqa: PLC0415
    from movies_assets.warehouse.database import WarehouseError  # noqa: PLC0415

    warehouse, keys = open_warehouse(_load()), (first, last or first or "~")
    try:
        with warehouse.session() as connection, warehouse.transaction(connection):
            writes = audit_log.accept(connection, table, keys, reason)
    except WarehouseError as error:
        raise click.ClickException(str(error)) from error
    if not writes:
        raise click.ClickException(f"no write of {table} in these partitions waits for its checks")
    click.echo("\n".join(f"accepted: {write}" for write in writes))


@main.command("dictionary")
@click.option("--stored", is_flag=True, help="With the columns that files have brought.")
def show_dictionary(*, stored: bool) -> None:
    """Print the data dictionary."""
    from movies_assets.serving import dictionary  # noqa: PLC0415 (heavy)
    from movies_assets.tables import open_warehouse  # noqa: PLC0415

    arrived = dictionary.arrived_in(open_warehouse(_load())) if stored else None
    click.echo(dictionary.text(arrived))


@main.command("reference")
def write_reference() -> None:
    """Write the generated pages of docs from the code."""
    from movies_assets import reference  # noqa: PLC0415 (heavy)

    for page, text in reference.pages().items():
        page.write_text(text, encoding="utf-8")
        click.echo(f"wrote {_short(page)}")


@main.command("powerbi")
def write_powerbi() -> None:
    """Write the Power BI project in the folder powerbi from the contracts."""
    from movies_assets.orchestration.publishing.published import shared_tables  # noqa: PLC0415 (heavy)
    from movies_assets.serving import powerbi  # noqa: PLC0415
    from movies_assets.tables import TABLES  # noqa: PLC0415

    contracts = {name: table.contract for name, table in shared_tables(TABLES).items()}
    with permissions.readable_as(str(powerbi.FOLDER), _load()):
        powerbi.write(contracts)
    click.echo(f"wrote {_short(powerbi.FOLDER)}")


@main.command("dashboard")
@click.option("--host", help="Address to listen on; default MOVIES_DASHBOARD__HOST.")
@click.option("--port", type=int, help="Port to listen on; default MOVIES_DASHBOARD__PORT.")
def serve_dashboard(host: str | None, port: int | None) -> None:
    """Serve the dashboard over what was published last, until it is interrupted."""
    settings = _load()
    given = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    chosen = settings.dashboard.model_copy(update=given)
    try:
        from movies_assets.dashboard import server  # noqa: PLC0415 (an extra, and heavy)
    except ImportError as error:
        raise click.ClickException(
            f"the dashboard needs libraries that are missing ({error.name}): "
            "pip install 'movies_assets[dashboard]'"
        ) from error
    click.echo(f"The dashboard is at http://{chosen.host}:{chosen.port}; Ctrl+C ends it.")
    server.serve(settings.model_copy(update={"dashboard": chosen}))


def newest_days(settings: Settings, job: str, number: int) -> tuple[str, str]:
    """Return first and last of a job's newest days or years; the sample's end with its last day."""
    from movies_assets.core.partitions import NoPartitionError  # noqa: PLC0415
    from movies_assets.orchestration.jobs import partitioned  # noqa: PLC0415 (heavy)
    from movies_assets.orchestration.partitions import partitions_def  # noqa: PLC0415

    jobs = partitioned()
    if job not in jobs:
        raise click.ClickException(f"there is no job {job}; there are {', '.join(jobs)}")
    try:
        jobs[job].bounds(settings)
    except NoPartitionError as error:
        raise click.ClickException(f"{job}: {error}") from error
    keys = partitions_def(jobs[job], settings).get_partition_keys()[-number:]
    return keys[0], keys[-1]


def execute(command: Sequence[str], log: Path, console: Console) -> int:
    """Run a command whose output goes to a file; a terminal shows the step it is at.

    SIGTERM and SIGINT are passed on to the command, which has 6 s to end.

    Returns:
        The command's exit code; where a signal has ended it, 128 and the signal's number.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # The log is UTF-8 whatever the terminal can show.
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    with (
        log.open("w", encoding="utf-8") as file,
        console.status("starting Dagster", spinner="line") as status,
        subprocess.Popen(  # noqa: S603 (the caller's own command)
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            env=environment,
        ) as process,
        _passing_on_signals(process) as received,
    ):
        assert process.stdout is not None  # noqa: S101 (it is a pipe)
        for line in process.stdout:
            file.write(line)
            if " - STEP_START - " in line:
                status.update(Text(line.split(" - ")[-3].replace("__", ".")))
    code = received[0] if received else -process.returncode
    return 128 + code if code > 0 else process.returncode


@contextmanager
def _passing_on_signals(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """Let the signals that end this process end another one; yield those that came."""
    received: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        received.append(number)
        process.terminate()
        killing.start() if len(received) == 1 else process.kill()

    killing = Timer(SECONDS_TO_END, process.kill)
    killing.daemon = True
    if current_thread() is not main_thread():
        yield received
        return
    before = {number: signal.signal(number, pass_on) for number in (SIGINT, SIGTERM)}
    try:
        yield received
        process.wait()
    finally:
        killing.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _mark_unfinished() -> str:
    """Mark the run of a process that ended before its run did; return a sentence on it."""
    from movies_assets.orchestration import abandoned, summary  # noqa: PLC0415 (heavy)

    if (instance := summary.dagster_instance()) and abandoned.sweep(instance):
        return "The process ended before its run, which is marked as failed."
    return ""


def _reasons(job: str, started: datetime, log: Path) -> list[Text]:
    """Explain why the run failed: Dagster's record, or else the end of the log."""
    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy)

    recorded: list[str] = []
    if instance := summary.dagster_instance():
        run = summary.newest_run(instance, job, since=started)
        recorded = summary.failures_of(instance, run.run_id) if run else []
    end = "\n".join(log.read_text(encoding="utf-8").splitlines()[-SHOWN_LINES:])
    return [Text(reason) for reason in recorded or [end]]


def _console() -> Console:
    """Return a console that prints text as it is: `[a]` in a path is no markup."""
    return Console(highlight=False, markup=False, emoji=False)


def _readable(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that a terminal cannot show by their base letters, or else by `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    letters = [
        unicodedata.normalize("NFKD", c).encode("ascii", "ignore").decode()
        or ("" if unicodedata.combining(c) else "?")
        for c in text
    ]
    return "".join(letters), error.end


READABLE = "movies_assets.readable"
PLAIN = str.maketrans(
    {"\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"',
     "\u2026": "...", "\u2192": "->", "\u00d8": "O", "\u00f8": "o", "\u0141": "L", "\u0142": "l",
     "\u00df": "ss", "\u00e6": "ae", "\u00c6": "AE"}
)  # fmt: skip
codecs.register_error(READABLE, _readable)


def _load() -> Settings:
    settings = load()
    permissions.keep_private(settings)
    return settings


def _short(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)


if __name__ == "__main__":
    main()
