"""Commands behind `make`, such as `python -m movies_assets run`, `summary` and `warnings`.

Commands only: separate modules run the jobs and write the summary and the dictionary.
"""

import codecs
import sys
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from signal import Signals
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from movies_assets import sources
from movies_assets.core import garbage
from movies_assets.orchestration import permissions
from movies_assets.settings import PROJECT_ROOT, Settings, SettingsError, load

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from movies_assets.orchestration.running import JobRun, StepProgress

# The end of a log that is shown where Dagster recorded no failure, such as one at import.
SHOWN_LINES = 15


class Commands(click.Group):
    """Commands that report an invalid setting in one line, also where an import reads it."""

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
@click.pass_context
def main(context: click.Context) -> None:
    """Commands around Dagster's own; `make help` lists them in their usual form."""
    context.obj = _load  # for the commands of sources
    garbage.collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=READABLE)


@main.command()
@click.option(
    "--job",
    "jobs",
    type=(str, int),
    multiple=True,
    help="A job, and how many of its newest partitions to run, 0 for a job without any; may be "
    "repeated. By default the jobs that the sources declare for it.",
)
def run(jobs: Sequence[tuple[str, int]]) -> None:
    """Run jobs for their newest partitions, one after the other in this process, and sum up."""
    settings, console = _load(), _console()
    with console.status("loading the definitions", spinner="line"):
        from dagster import DagsterInvariantViolationError  # noqa: PLC0415 (heavy)

        from movies_assets.definitions import defs  # noqa: PLC0415 (heavy)
        from movies_assets.orchestration import interruption, summary  # noqa: PLC0415
        from movies_assets.orchestration.jobs import of_make_run  # noqa: PLC0415
        from movies_assets.orchestration.running import StepProgress, runs_of  # noqa: PLC0415
        from movies_assets.serving.formatting import plural  # noqa: PLC0415

        days = {
            job: newest_days(settings, job, number) if number else ()
            for job, number in jobs or of_make_run()
        }
        instance = _instance()
        try:
            runs = runs_of(defs, days, settings.data_dir / "logs")
        except DagsterInvariantViolationError as error:
            raise click.ClickException(str(error)) from error
    started = datetime.now(UTC)
    garbage.collect_seldom()
    interruption.end_in_time()
    with StepProgress(console, runs) as progress:
        for job_run in runs:
            console.print(f"Running {job_run}, log in {_short(job_run.log)}", soft_wrap=True)
            _run_job(job_run, instance, progress, console)
    seconds = (datetime.now(UTC) - started).total_seconds()
    summary.show_end(settings, instance, console, f"{plural(len(runs), 'run')} in {seconds:.0f} s")


def _run_job(
    run: "JobRun", instance: "DagsterInstance", progress: "StepProgress", console: Console
) -> None:
    """Execute the run of a job; end the program where it fails."""
    from movies_assets.orchestration.interruption import received  # noqa: PLC0415 (heavy)

    started = datetime.now(UTC)
    has_succeeded = run.execute(instance, progress)
    seconds = (datetime.now(UTC) - started).total_seconds()
    if has_succeeded:
        return
    progress.stop()
    if received:
        console.print(f"Ended by {Signals(received[0]).name} after {seconds:.0f} s.")
        sys.exit(128 + received[0])
    console.print(
        f"The run failed after {seconds:.0f} s. The whole log is in {_short(run.log)}.\n",
        soft_wrap=True,
    )
    console.print(*_reasons(run, instance, started), sep="\n", soft_wrap=True)
    sys.exit(1)


def _instance() -> "DagsterInstance":
    """Return the instance that DAGSTER_HOME names.

    Raises:
        ClickException: it names none, or one that cannot be read.
    """
    from dagster import DagsterError  # noqa: PLC0415 (heavy)

    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy)

    try:
        instance = summary.dagster_instance()
    except DagsterError as error:
        raise click.ClickException(str(error)) from error
    if instance:
        return instance
    raise click.ClickException(
        "DAGSTER_HOME is not set. It names the folder in which Dagster keeps its history, with a "
        "copy of dagster.yaml: `make run` sets it to the folder of the project"
    )


def _reasons(run: "JobRun", instance: "DagsterInstance", started: datetime) -> list[Text]:
    """Explain why a run failed: Dagster's record, or else the end of the log."""
    from movies_assets.orchestration import summary  # noqa: PLC0415 (heavy)

    failed = summary.newest_run(instance, run.job.name, since=started)
    recorded = summary.failures_of(instance, failed.run_id) if failed else []
    end = "\n".join(run.log.read_text(encoding="utf-8").splitlines()[-SHOWN_LINES:])
    return [Text(reason) for reason in recorded or [end]]


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


@main.command("column-lineage")
def write_column_lineage() -> None:
    """Derive the lineage of columns from the queries of all tables, in a minute or two."""
    from movies_assets.tables import TABLES  # noqa: PLC0415 (heavy)
    from movies_assets.warehouse import column_lineage  # noqa: PLC0415

    column_lineage.KEPT.write_text(column_lineage.text(TABLES), encoding="utf-8")
    click.echo(f"wrote {_short(column_lineage.KEPT)}")


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
    garbage.collect_as_usual()
    click.echo(f"The dashboard is at http://{chosen.host}:{chosen.port}; Ctrl+C ends it.")
    server.serve(settings.model_copy(update={"dashboard": chosen}))


@main.command("mcp")
def serve_assistants() -> None:
    """Let an assistant ask what was published last, over standard input and output (MCP)."""
    settings = _load()
    try:
        from movies_assets.serving import assistants  # noqa: PLC0415 (an extra, and heavy)
    except ImportError as error:
        raise click.ClickException(
            f"assistants need libraries that are missing ({error.name}): "
            "pip install 'movies_assets[mcp]'"
        ) from error
    from movies_assets.serving.guarded import GuardedReader  # noqa: PLC0415 (heavy)
    from movies_assets.warehouse.published import Published  # noqa: PLC0415

    garbage.collect_as_usual()
    reader = GuardedReader(Published(settings.published_folder), settings.dashboard)
    assistants.build_server(reader).run("stdio")


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


def _console() -> Console:
    """Return a console that prints text as it is: `[a]` in a path is no markup."""
    return Console(highlight=False, markup=False, emoji=False, file=sys.stdout)


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


for _commands in sources.commands().values():
    for _command in _commands:
        main.add_command(_command)

if __name__ == "__main__":
    main()
