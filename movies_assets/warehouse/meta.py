"""The tables of the schema `meta` in a published snapshot: metadata about its tables.

A reader only needs the file. `orchestration.publishing.meta` fills them.
"""

from collections.abc import Mapping

from movies_assets.core.contract import Contract, Instant, column
from movies_assets.core.verdicts import NOT_RUN, VERDICTS


class Snapshot(Contract):
    """One row: the snapshot itself."""

    snapshot_id: str = column("Name of its file, without the suffix.", key=True)
    published_at: Instant = column("When it was published (UTC).")
    run_id: str = column("The Dagster run that published it.")
    version: str = column("Version of the project that published it.")


class Tables(Contract):
    """One row per table of the warehouse."""

    table_name: str = column("The table, as schema.table.", key=True)
    layer: str = column("bronze, silver or gold.")
    source: str = column("Group of assets: the source it comes from, or shared, or quality.")
    description: str = column("The meaning of a row.")
    is_published: bool = column("Whether its rows are in the snapshot.")
    rows: int = column(
        "Its number of rows in the warehouse; if `held_back_by` is set, its number of published "
        "rows. NULL where it was never written.",
        nullable=True,
    )
    rows_before: int = column(
        "Its number of rows in the snapshot before; NULL where that had none of its rows.",
        nullable=True,
    )
    newest_partition: str = column(
        "Its newest day or year with rows; NULL where it has none.", nullable=True
    )
    materialized_at: Instant = column(
        "When it was written last (UTC); NULL where Dagster's history has no record of it.",
        nullable=True,
    )
    taken_at: Instant = column(
        "When its published rows were taken from the warehouse (UTC): with this snapshot, or with "
        "an earlier one; NULL where there are none.",
        nullable=True,
    )
    held_back_by: str = column(
        "Why its rows come from an earlier snapshot: the write or table that blocks newer rows; "
        "NULL where its rows are the newest.",
        nullable=True,
    )


class Columns(Contract):
    """One row per column of a table, as its contract declares it."""

    table_name: str = column("The table, as schema.table.", key=True)
    column_name: str = column("The column.", key=True)
    position: int = column("Its place in the table, from 1.", ge=1)
    type: str = column("Its type, as DuckDB spells it.")
    description: str = column("What a value means, and its unit.")
    is_key: bool = column("Whether it belongs to the table's key.")
    is_required: bool = column("Whether it is never NULL.")
    is_personal: bool = column("Whether the column contains personal data.")
    references_table: str = column("The table that it references by its key.", nullable=True)


class UpstreamAssets(Contract):
    """One row per asset that a table is computed from, or references."""

    table_name: str = column("The table, as schema.table.", key=True)
    upstream: str = column("The asset above it, as schema.table or landing.name.", key=True)


class ColumnOrigins(Contract):
    """One row per column and column of another table that its values are computed from."""

    table_name: str = column("The table, as schema.table.", key=True)
    column_name: str = column("The column.", key=True)
    upstream: str = column("The table that it is computed from, as schema.table.", key=True)
    upstream_column: str = column("The column of that table.", key=True)


class Days(Contract):
    """One row per bronze table and day, or year, of which it has rows."""

    table_name: str = column("The table, as schema.table.", key=True)
    partition: str = column("The day, YYYY-MM-DD, or the year.", key=True)
    rows: int = column("Its number of rows in the warehouse.", ge=1)


class Checks(Contract):
    """One row per check, as it was evaluated last."""

    table_name: str = column("The table, as schema.table.", key=True)
    check_name: str = column("The check.", key=True)
    description: str = column("The rule that it checks.", nullable=True)
    is_blocking: bool = column("Whether a red result stops the tables downstream.")
    verdict: str = column(
        "Its result; 'not run' where Dagster's history has no record of it.",
        isin=[*VERDICTS, NOT_RUN],
    )
    finding: str = column("Its finding, as text.", nullable=True)
    evaluated_at: Instant = column("When it was evaluated (UTC).", nullable=True)
    run_id: str = column("The Dagster run that evaluated it.", nullable=True)


class Runs(Contract):
    """One row per run of Dagster: the newest 100, and the publishing run, still running."""

    run_id: str = column("The run.", key=True)
    job: str = column("The job.")
    status: str = column("started, success, failure, canceled, ...")
    partitions: str = column(
        "Its day or year, or the first and the last of a range.", nullable=True
    )
    started_at: Instant = column("When it started (UTC).", nullable=True)
    ended_at: Instant = column("When it ended (UTC).", nullable=True)


class Refused(Contract):
    """One row per table, partition and set of broken rules: how many rows are in quarantine."""

    table_name: str = column("The table that refused the rows, as schema.table.", key=True)
    partition_key: str = column(
        "Partition in which they were read; '' where there is none.", key=True
    )
    broken_rules: str = column("The rules they broke, separated by `; `.", key=True)
    rows: int = column("How many rows.", ge=1)
    newest_at: Instant = column("When the newest of them was refused (UTC).")


CONTRACTS: Mapping[str, type[Contract]] = {
    "snapshot": Snapshot,
    "tables": Tables,
    "columns": Columns,
    "lineage": UpstreamAssets,
    "column_lineage": ColumnOrigins,
    "days": Days,
    "checks": Checks,
    "runs": Runs,
    "quarantine": Refused,
}
