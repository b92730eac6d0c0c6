"""Forget persons: erase all personal data about them that this project has stored.

Searching tables and files belongs in `privacy.warehouse` and `privacy.landing`; the order of the
steps, and a run's report, belong here.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dagster as dg
from pydantic import Field, field_validator

from movies_assets.core.markdown import as_markdown
from movies_assets.core.table import Table
from movies_assets.privacy import warehouse as in_tables
from movies_assets.privacy.identifiers import USER_KEY, PersonIdentifiers
from movies_assets.privacy.user_ids import canonical
from movies_assets.settings import Settings
from movies_assets.sources.ott.resources import Folder, OttLanding
from movies_assets.warehouse.database import WRITER_POOL, Warehouse
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.renewal import renew, require_room

if TYPE_CHECKING:
    from movies_assets.ingest.landing import Landing

AUDIT = dg.AssetKey(in_tables.AUDIT.split("."))
GROUP = "ott"
KEY_OF = "ott_user_key"
MOST_IDS = 500
NOTHING_FOUND = (
    "Nothing found: no table, file of the landing zone or published snapshot has personal data "
    "about them."
)
FOLLOWS = "Totals over users hold no personal data; the next run of ott_daily updates them."


class ForgetConfig(dg.Config):
    """The config of a run: the ids of the persons to forget.

    Dagster keeps a run's config: the ids stay in its history until the run is deleted there
    (`dagster run delete RUN_ID`).
    """

    # Texts or numbers: Dagster's configuration has no type for both. All ids become one pattern;
    # the engines accept patterns of 2,000 names.
    user_ids: list[Any] = Field(
        min_length=1,
        max_length=MOST_IDS,
        description="user ids of the service, whole numbers or texts (in YAML, texts and numbers "
        f"with leading zeros need quotes), at most {MOST_IDS} per run",
    )

    @field_validator("user_ids")
    @classmethod
    def _are_ids(cls, values: list[Any]) -> list[str]:
        """Convert ids to their canonical form."""
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

    # In the writer's pool, so that Dagster's queue makes it wait for other writers. Runs outside of
    # the queue wait for the lock of the database file.
    @dg.op(pool=WRITER_POOL)
    def erase_users(
        context: dg.OpExecutionContext,
        config: ForgetConfig,
        warehouse: dg.ResourceParam[Warehouse],
        ott_landing: OttLanding,
    ) -> None:
        from movies_assets.ingest.download import locked  # noqa: PLC0415 (only runs need it)

        folders = [
            (landing, table)
            for folder, table in folders_of_persons(tables).items()
            for landing in _landings(
                ott_landing.open(cast("Folder", folder)), settings.landing / GROUP / folder
            )
        ]
        for landing, _ in folders:
            for one in landing.never_opened():
                context.log.warning("not searched: %s/%s %s", landing.name, one.path, one.reason)
        # A concurrent fetch of users would overwrite our file with its own.
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
        "their rows, their records in the landing zone, and remains of deleted rows in the "
        "database file, which is rewritten and meanwhile needs its size again on the disk. "
        "Remove the persons from the service first: the next fetch restores those that it still "
        "lists. Config: user_ids; Dagster keeps it with the run until the run is deleted (dagster "
        "run delete). audit.erasures records what was erased, without ids.",
    )
    def forget_user() -> None:
        erase_users()

    return forget_user


def _landings(configured: "Landing", own: Path) -> "Iterator[Landing]":
    """Yield the configured folder, and the default one, where files may have arrived before."""
    from movies_assets.ingest.landing import Landing  # noqa: PLC0415 (only runs need it)

    yield configured
    if own.is_dir() and not configured.is_at(own):
        yield Landing(own, configured.name)


def folders_of_persons(tables: Iterable[Table]) -> dict[str, Table]:
    """Return the landing folders whose files hold personal data, and the table that reads each."""
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
    """Erase persons from tables, files and snapshots; return the numbers of rows by place.

    If it is killed, a rerun completes it. So records that are found by a name or an address are
    erased before the records from which these are known, and the database file is rewritten even
    if nothing was found. Only the audit may then miss the number of records erased from files.

    Args:
        warehouse: the warehouse.
        tables: all tables.
        folders: landing folders whose files hold personal data, each with the table that reads it.
        published: the published snapshots.
        ids: the ids of the persons.
        run_id: the run, for the audit.

    Raises:
        WarehouseError: there is no warehouse, no room to rewrite it, or it cannot be written.
        PermanentSourceError: a file cannot be read or written.
    """
    from movies_assets.privacy.landing import learn  # noqa: PLC0415 (only runs need it)

    identifiers = PersonIdentifiers(ids)
    with warehouse.reading() as connection:
        in_tables.learn(connection, tables, identifiers, KEY_OF)
    require_room(warehouse)
    warehouse.remove_spilled()
    for landing, table in folders:
        learn(landing, table, identifiers)
    records: Counter[str] = Counter()
    try:
        _erase_files(folders, identifiers, records, only_unidentified=True)
        rows = _erase_tables(warehouse, tables, identifiers, run_id)
        _erase_files(folders, identifiers, records, only_unidentified=False)
        # A run that waited for the lock may have loaded records that were erased after the tables.
        rows = Counter(rows) + Counter(_erase_tables(warehouse, tables, identifiers, run_id))
    finally:
        if records:
            with warehouse.session() as connection, warehouse.transaction(connection):
                in_tables.record(connection, run_id, records)
    renew(warehouse)
    (users,) = (table.name for table in tables if table.contract.key() == (USER_KEY,))
    if copies := published.forget(warehouse, run_id, users):
        with warehouse.session() as connection, warehouse.transaction(connection):
            in_tables.record(connection, run_id, {"published": copies})
        records["published"] += copies
    return {**rows, **records}


def _erase_tables(
    warehouse: Warehouse, tables: Collection[Table], identifiers: PersonIdentifiers, run_id: str
) -> dict[str, int]:
    with warehouse.session() as connection, warehouse.transaction(connection):
        rows = in_tables.erase(connection, tables, identifiers)
        in_tables.record(connection, run_id, rows)
    return rows


def _erase_files(
    folders: "Sequence[tuple[Landing, Table]]",
    identifiers: PersonIdentifiers,
    records: Counter[str],
    *,
    only_unidentified: bool,
) -> None:
    """Erase records from files, and count them by folder, also if it fails midway."""
    from movies_assets.privacy.landing import erase  # noqa: PLC0415 (only runs need it)

    for landing, table in folders:
        for number in erase(landing, table, identifiers, only_unidentified=only_unidentified):
            records[f"landing/{landing.name}"] += number


def describe(erased: Mapping[str, int]) -> dict[str, Any]:
    """Return the metadata for the UI: places and counts, without personal data.

    Args:
        erased: the number of rows or records by place.
    """
    found = [{"place": place, "rows": rows} for place, rows in sorted(erased.items())]
    summary = f"{sum(erased.values())} rows and records erased in {len(erased)} places. {FOLLOWS}"
    return {
        "summary": dg.MetadataValue.text(summary if found else NOTHING_FOUND),
        "rows": sum(erased.values()),
        **({"places": dg.MetadataValue.md(as_markdown(found))} if found else {}),
    }
