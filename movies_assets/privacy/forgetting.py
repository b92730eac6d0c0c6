"""Forgetting persons: erase all personal data about them wherever this project has put it.

How tables and files are searched belongs in `warehouse.erasure` and `sources.erasure`; the order of
the steps, and what a run reports, belong here.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, field_validator

from movies_assets.core.markdown import as_markdown
from movies_assets.core.table import Table
from movies_assets.orchestration.assets import WRITER_POOL
from movies_assets.privacy import warehouse as in_tables
from movies_assets.privacy.identifiers import PersonIdentifiers
from movies_assets.privacy.user_ids import canonical
from movies_assets.settings import Settings
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing

AUDIT = dg.AssetKey(in_tables.AUDIT.split("."))
GROUP = "ott"
KEY_OF = "ott_user_key"
MOST_IDS = 500
NOTHING_FOUND = (
    "Nothing found: neither tables nor files of the landing zone nor published snapshots tell of "
    "them."
)
FOLLOWS = (
    "Figures that were summed up over users hold nothing personal; they follow with the next run "
    "of ott_daily."
)


class Forget(dg.Config):
    """Whom to forget.

    Dagster keeps a run's config: the ids stay in its history until the run is deleted there
    (`dagster run delete RUN_ID`).
    """

    # Texts or numbers: Dagster's configuration has no type for both. They become one pattern, and
    # the engines take those of two thousand names.
    user_ids: list[Any] = Field(
        min_length=1,
        max_length=MOST_IDS,
        description="ids that the service knows the persons by, whole numbers or texts (in YAML, "
        f"texts and numbers with leading zeros need quotes), at most {MOST_IDS} a run",
    )

    @field_validator("user_ids")
    @classmethod
    def _are_ids(cls, values: list[Any]) -> list[str]:
        """Bring ids into their one spelling."""
        if not all(type(value) in {int, str} for value in values):
            raise ValueError("an id is a whole number or a text; put quotes around it")
        ids = [canonical(str(value)) for value in values]
        if "" in ids:
            raise ValueError("an id is empty")
        return ids


def forget_job(settings: Settings, tables: Collection[Table]) -> dg.JobDefinition:
    """Build the job `forget_user`.

    Args:
        settings: where the landing zone is.
        tables: all tables.
    """
    users = settings.landing / GROUP / "users"

    # Of the writer's pool: Dagster's queue lets it wait for runs under way. Runs that are started
    # past the queue only meet it at the database file.
    @dg.op(pool=WRITER_POOL)
    def erase_users(
        context: dg.OpExecutionContext,
        config: Forget,
        warehouse: dg.ResourceParam[Warehouse],
        ott_landing: dg.ResourceParam[Callable[[str], Any]],
    ) -> None:
        from movies_assets.ingest.download import locked  # noqa: PLC0415 (only runs need it)

        folders = [
            (landing, table)
            for folder, table in folders_of_persons(tables).items()
            for landing in _landings(ott_landing(folder), settings.landing / GROUP / folder)
        ]
        for landing, _ in folders:
            for one in landing.never_opened():
                context.log.warning("not searched: %s/%s %s", landing.name, one.path, one.reason)
        # A fetch of users that is under way would bring its own file in place of ours.
        fetches = locked(users, "users", context.log.info) if users.exists() else nullcontext()
        with fetches:
            erased = forget(
                warehouse,
                tables,
                folders,
                Published(settings.published_folder),
                ids=frozenset(config.user_ids),
                run_id=context.run_id,
            )
        found = describe(erased)
        context.log.info(found["summary"].value)
        context.log_event(dg.AssetObservation(AUDIT, metadata=found))

    @dg.job(
        name="forget_user",
        description="Erase persons from every table, partition, file and published snapshot: "
        "their rows, their records in the landing zone, and what the database file still holds of "
        "deleted rows; the file is rewritten for that and takes as much space again meanwhile. "
        "Remove them from the service first: the next fetch brings back whom it still lists. "
        "Config: user_ids; Dagster keeps it with the run until that is deleted (dagster run "
        "delete). What was erased, and not of whom, stands in audit.erasures.",
    )
    def forget_user() -> None:
        erase_users()

    return forget_user


def _landings(configured: "Landing", own: Path) -> "Iterator[Landing]":
    """Yield the folder that the settings name, and our own, where files arrived before that."""
    from movies_assets.ingest.landing import Landing  # noqa: PLC0415 (only runs need it)

    yield configured
    if own.is_dir() and not configured.is_at(own):
        yield Landing(own, configured.name)


def folders_of_persons(tables: Iterable[Table]) -> dict[str, Table]:
    """Return the landing folders whose files tell of persons, and the table that reads each."""
    return {
        table.key.table.removeprefix(f"{GROUP}_"): table
        for table in tables
        if table.group == GROUP
        and table.contract.allows_new_columns()
        and table.contract.personal()
    }


def forget(
    warehouse: Warehouse,
    tables: Collection[Table],
    folders: "Sequence[tuple[Landing, Table]]",
    published: Published,
    *,
    ids: frozenset[str],
    run_id: str,
) -> dict[str, int]:
    """Erase persons from tables, files and snapshots; return how many rows or records of which.

    Killed at any moment, it can be run again to the end. So what is found by a name or an address
    goes before the records from which these are known; and the database file is rewritten also
    where nothing was found. Only how many records of files went may be missing then in the audit.

    Args:
        warehouse: the warehouse.
        tables: all tables.
        folders: landing folders whose files tell of persons, each with the table that reads it.
        published: the published snapshots.
        ids: whom to forget.
        run_id: the run, for the audit.

    Raises:
        WarehouseError: there is no warehouse, no room to rewrite it, or it cannot be written.
        PermanentSourceError: a file cannot be read or written.
    """
    from movies_assets.privacy.landing import learn  # noqa: PLC0415 (only runs need it)

    traces = PersonIdentifiers(ids)
    with warehouse.reading() as connection:
        in_tables.learn(connection, tables, traces, KEY_OF)
    warehouse.require_room()
    warehouse.remove_spilled()
    for landing, table in folders:
        learn(landing, table, traces)
    records: Counter[str] = Counter()
    try:
        _erase_files(folders, traces, records, only_unidentified=True)
        rows = _erase_tables(warehouse, tables, traces, run_id)
        _erase_files(folders, traces, records, only_unidentified=False)
        # A run that waited for the file meanwhile has read the records that went after the tables.
        rows = Counter(rows) + Counter(_erase_tables(warehouse, tables, traces, run_id))
    finally:
        if records:
            with warehouse.session() as connection, warehouse.transaction(connection):
                in_tables.record(connection, run_id, records)
    warehouse.renew()
    if copies := published.forget(warehouse, run_id):
        with warehouse.session() as connection, warehouse.transaction(connection):
            in_tables.record(connection, run_id, {"published": copies})
        records["published"] += copies
    return {**rows, **records}


def _erase_tables(
    warehouse: Warehouse, tables: Collection[Table], traces: PersonIdentifiers, run_id: str
) -> dict[str, int]:
    with warehouse.session() as connection, warehouse.transaction(connection):
        rows = in_tables.erase(connection, tables, traces)
        in_tables.record(connection, run_id, rows)
    return rows


def _erase_files(
    folders: "Sequence[tuple[Landing, Table]]",
    traces: PersonIdentifiers,
    records: Counter[str],
    *,
    only_unidentified: bool,
) -> None:
    """Erase records from files, and count them by their folder as far as it gets."""
    from movies_assets.privacy.landing import erase  # noqa: PLC0415 (only runs need it)

    for landing, table in folders:
        for number in erase(landing, table, traces, only_unidentified=only_unidentified):
            records[f"landing/{landing.name}"] += number


def describe(erased: Mapping[str, int]) -> dict[str, Any]:
    """Return what the UI is told: places and figures, and nothing of the persons.

    Args:
        erased: how many rows or records of which place.
    """
    found = [{"place": place, "rows": rows} for place, rows in sorted(erased.items())]
    summary = f"{sum(erased.values())} rows and records erased in {len(erased)} places. {FOLLOWS}"
    return {
        "summary": dg.MetadataValue.text(summary if found else NOTHING_FOUND),
        "rows": sum(erased.values()),
        **({"places": dg.MetadataValue.md(as_markdown(found))} if found else {}),
    }
