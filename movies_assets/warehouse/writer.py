"""Writing one table: DDL, migration, staging, quarantine, versions, replacement of partitions.

Everything happens in the caller's transaction. What the rows are comes from the table's contract;
opening files and waiting for locks belongs in `database`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.sql.datatypes import DuckDBType

from movies_assets.core.contract import WITHHELD, Contract, Quarantine
from movies_assets.core.source_rows import source_rows
from movies_assets.core.table import Table
from movies_assets.warehouse.database import WarehouseError, literal
from movies_assets.warehouse.types import ddl, duckdb_type, duckdb_types, same_type

STAGE, DOUBLED = "stage", "doubled"
SHOWN_ROWS, SAMPLE_ROWS = 10, 5
# Columns that a refining function adds for quarantine and that no table stores.
RAW, UNPARSED = "_raw", "_unparsed"
RAISED_BY_OURS = "while executing the UDF: "
# Types that become another without a loss: every number has a text.
WIDENED = {("BIGINT", "VARCHAR"), ("DOUBLE", "VARCHAR")}
# Column of the stage that numbers the rows of a file, where something is wrong with some.
LINE_NUMBER = "_line_number"


@dataclass(frozen=True)
class Window:
    """The partitions that a run covers.

    Attributes:
        where: SQL condition on the table's rows; always true for a whole table.
        first: key of the first partition.
        last: key of the last partition.
        partitions: how many there are; 0 of a whole table.
    """

    where: str = "true"
    first: str = ""
    last: str = "~"
    partitions: int = 0

    @property
    def keys(self) -> tuple[str, str] | None:
        """Return the keys of the first and the last partition; None of a whole table."""
        return (self.first, self.last) if self.first else None


@dataclass(frozen=True)
class Loaded:
    """What a write did: rows stored, refused, and recognised as versions or copies of others.

    Attributes:
        rows: rows stored.
        quarantined: rows refused.
        duplicates: rows recognised as versions or copies of others.
        sample: a few of the rows stored.
        arrived_columns: columns of the table that its contract does not know.
        members: conformed dimensions that the table points at, and how many rows each has gained.
    """

    rows: int
    quarantined: int
    duplicates: int
    sample: pd.DataFrame
    arrived_columns: Sequence[str] = ()
    members: Mapping[str, int] = field(default_factory=dict)


def compile_sql(expression: ir.Expr) -> str:
    """Compile an Ibis expression to DuckDB's SQL."""
    return str(ibis.to_sql(expression, dialect="duckdb"))


def stage_frames(
    connection: duckdb.DuckDBPyConnection, table: Table, frames: Iterable[pd.DataFrame]
) -> None:
    """Collect frames in a typed temporary table, one frame in memory at a time.

    Raises:
        WarehouseError: a frame's columns are not the contract's, or a value has the wrong type.
    """
    connection.execute(f"CREATE TEMP TABLE {STAGE} ({ddl(table.contract)})")
    expected = set(table.contract.types())
    for frame in frames:
        if wrong := expected.symmetric_difference(frame.columns):
            raise WarehouseError(
                f"{table.name}: the frame's columns are not the contract's. Missing: "
                f"{sorted(expected.difference(frame.columns)) or 'none'}; unknown: "
                f"{sorted(map(str, wrong - expected)) or 'none'}. Mend the function or contract."
            )
        _refuse_misfits(connection, table, frame)
        try:
            connection.execute(f"INSERT INTO {STAGE} BY NAME SELECT * FROM frame")
        except duckdb.ConversionException as error:
            raise WarehouseError(
                f"{table.name}: a value does not fit its column's type: {error}"
            ) from error


def _refuse_misfits(
    connection: duckdb.DuckDBPyConnection, table: Table, frame: pd.DataFrame
) -> None:
    """Refuse what the engine would turn into another value: 20.5 into 20, a list into text."""
    types = table.contract.types()
    described = connection.execute("SELECT column_name, column_type FROM (DESCRIBE FROM frame)")
    for name, stored in described.fetchall():
        values = frame[name].dropna()
        found = DuckDBType.from_string(stored)
        # Pandas makes floats of whole numbers with gaps.
        whole = found.is_floating() and types[name].is_integer() and (values % 1 == 0).all()
        if len(values) and not whole and not found.castable(types[name]):
            shown = WITHHELD if name in table.contract.personal() else repr(values.iloc[-1])
            raise WarehouseError(
                f"{table.name}: column {name} does not fit the contract's type "
                f"{duckdb_type(types[name])}; it is {stored}, such as {shown}"
            )


def stage_expression(
    connection: duckdb.DuckDBPyConnection, table: Table, expression: ir.Table
) -> str:
    """Run an expression into a temporary table and return the SQL that was run.

    Raises:
        WarehouseError: the columns are not the contract's, or an upstream table is missing.
    """
    hidden = {RAW, UNPARSED} if table.lineage else set()
    expected = set(table.contract.types()) | hidden
    if wrong := expected.symmetric_difference(expression.columns):
        raise WarehouseError(
            f"{table.name}: the function's columns are not the contract's; they differ in "
            f"{sorted(wrong)}. Mend the function or the contract."
        )
    types = table.contract.types()
    if lossy := [name for name, t in types.items() if not expression[name].type().castable(t)]:
        differences = ", ".join(
            f"{name} is {expression[name].type()}, not {types[name]}" for name in lossy
        )
        raise WarehouseError(
            f"{table.name}: the function's columns are not the contract's: {differences}. Cast in "
            "the function, where it says what becomes of values that do not fit."
        )
    # In the order in which the stage is known below: of a union, columns are told by position.
    ordered = expression.select(*types, *([RAW, UNPARSED] if table.lineage else []))
    cast = ordered.cast({name: t for name, t in types.items() if ordered[name].type() != t})
    return stage_sql(connection, table, compile_sql(cast))


def stage_sql(connection: duckdb.DuckDBPyConnection, table: Table, sql: str) -> str:
    """Run a query into the stage, or let the stage stand for it; return the query.

    What is not compared with itself goes into the table as it is computed.
    """
    with _explaining(connection, table):
        kind = "TABLE" if table.is_staged else "VIEW"
        connection.execute(f"CREATE OR REPLACE TEMP {kind} {STAGE} AS {sql}")
    return sql


@contextmanager
def _explaining(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[None]:
    """Say in plain words why a table's rows cannot be computed."""
    try:
        yield
    except duckdb.CatalogException as error:
        raise missing_upstream(connection, table.name, error) from error
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        # The engine's message quotes the value.
        is_personal = bool(table.contract.personal())
        raise WarehouseError(
            f"{table.name}: the function cannot compute a value: "
            f"{WITHHELD if is_personal else error}. Let it return NULL where "
            "a value does not fit, so that the contract's rules can name the row."
        ) from (None if is_personal else error)
    except duckdb.InvalidInputException as error:
        # What a function of ours has raised arrives as text behind the engine's own.
        raise WarehouseError(f"{table.name}: {str(error).rpartition(RAISED_BY_OURS)[2]}") from None
    except duckdb.OutOfMemoryException as error:
        raise WarehouseError(
            f"{table.name}: the rows need more than MOVIES_WAREHOUSE__MEMORY_LIMIT of memory and "
            "MOVIES_WAREHOUSE__SPILL_LIMIT of disk. Nothing was written. Raise the one that the "
            f"machine has more of. DuckDB says: {error}"
        ) from error


def missing_upstream(
    connection: duckdb.DuckDBPyConnection, reader: str, error: duckdb.CatalogException
) -> WarehouseError:
    """Say that a table which `reader` reads is missing, and what to do."""
    return WarehouseError(
        f"{reader}: an upstream table is missing in {_file(connection)}. Materialize the assets "
        f"above it first (in the UI: select it with its upstream). DuckDB says: {error}"
    )


def ensure_table(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create a contract's table, or bring the stored one up to the contract.

    Columns that the contract has gained are added; numbers that it has as text become text.

    Raises:
        WarehouseError: the stored table differs from the contract in a way that would lose data.
    """
    if stored := stored_types(connection, name):
        _migrate(connection, name, stored, contract)
        _describe(connection, name, contract)
    else:
        create_table(connection, name, contract)


def create_table(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create a contract's table, with its descriptions, where there is none."""
    schema = name.split(".", maxsplit=1)[0]
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    connection.execute(
        "; ".join([f"CREATE TABLE {name} ({ddl(contract)})", *_comments(name, contract)])
    )


def _comments(name: str, contract: type[Contract]) -> Iterator[str]:
    yield f"COMMENT ON TABLE {name} IS {literal(contract.grain())}"
    for column, description in contract.descriptions().items():
        yield f"COMMENT ON COLUMN {name}.{column} IS {literal(description)}"


def stored_types(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Return a stored table's columns and types, empty where there is no such table."""
    try:
        described = connection.execute(f"DESCRIBE {name}").fetchall()
    except duckdb.CatalogException:
        return {}
    # Asking duckdb_columns() for one table takes 10 ms, for it looks at all of them.
    return {column: type_ for column, type_, *_ in described}


def all_stored_types(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Return the columns and types of every stored table, in one look."""
    found: dict[str, dict[str, str]] = {}
    for name, column, type_ in connection.execute(
        "SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns() "
        "WHERE database_name = current_database() ORDER BY ALL"
    ).fetchall():
        found.setdefault(name, {})[column] = type_
    return found


def arrived_columns(connection: duckdb.DuckDBPyConnection, table: Table) -> list[str]:
    """Return the columns that files have brought and that the contract does not know."""
    if not table.contract.allows_new_columns():
        return []
    known = table.contract.types()
    return [name for name in stored_types(connection, table.name) if name not in known]


def upgrade(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]) -> None:
    """Give a stored table the columns and the texts that its contract has gained, to read it."""
    if stored := stored_types(connection, name):
        _upgrade(connection, name, stored, contract)


def ensure_input(
    connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]
) -> None:
    """Create the empty table of a source that was never run; one that is there stays untouched."""
    if not stored_types(connection, name):
        ensure_table(connection, name, contract)


def write(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    run_id: str,
    source: Table | None = None,
    number_lines: Callable[[], None] | None = None,
) -> Loaded:
    """Move the rows of the stage into the table, in place of what the table replaces.

    Args:
        connection: an open transaction, in which the rows were staged.
        table: where they go.
        window: the run's partitions.
        run_id: the run, as quarantine names it.
        source: the table that this one refines; without it broken rows are looked for in any case.
        number_lines: sets the line number of staged rows that came from a file; quarantine names
            them by it, and of an equal key the first one stays.

    Raises:
        WarehouseError: rows lie outside the window's partitions, or a value cannot be computed.
    """
    with _explaining(connection, table):
        if table.write_mode.is_windowed:
            _refuse_rows_outside(connection, table, window)
        if table.is_staged:
            return _write_staged(connection, table, window, run_id)
        return _write_streamed(connection, table, window, run_id, source, number_lines)


def _write_staged(
    connection: duckdb.DuckDBPyConnection, table: Table, window: Window, run_id: str
) -> Loaded:
    quarantined = 0
    if table.lineage:
        _empty_quarantine(connection, table, window)
        quarantined = _quarantine(connection, table, run_id)
    _delete_replaced(connection, table, window)
    # Of equal keys, the one of an older version may have been read first.
    duplicates = _keep_newest_versions(connection, table) + _drop_duplicates(connection, table)
    insert = f"SELECT {_columns(table)} FROM {STAGE}"
    connection.execute(table.write_mode.insert_sql(table, insert))
    return Loaded(
        rows=number(connection, f"SELECT count(*) FROM {STAGE}"),
        quarantined=quarantined,
        duplicates=duplicates,
        sample=connection.execute(f"{insert} LIMIT {SAMPLE_ROWS}").df(),
    )


def _write_streamed(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    window: Window,
    run_id: str,
    source: Table | None,
    number_lines: Callable[[], None] | None,
) -> Loaded:
    """Insert the rows as they are computed; rows that break a rule are looked for afterwards.

    Most runs have none, and then the rows are computed once: as many were stored as were read.
    """
    _delete_replaced(connection, table, window)
    sound = f"SELECT {_columns(table)} FROM {STAGE}"
    if table.lineage:
        _empty_quarantine(connection, table, window)
        sound = compile_sql(_sound(table))
    rows = number(connection, table.write_mode.insert_sql(table, sound))
    quarantined = 0
    if table.lineage:
        rows -= _extract_duplicates(connection, table, window)
        if source is None or rows < number(
            connection, compile_sql(source_rows(table, source, window.keys).count())
        ):
            quarantined, kept = _quarantine_failures(connection, table, run_id, number_lines)
            rows += kept
    return Loaded(
        rows=rows,
        quarantined=quarantined,
        duplicates=0,
        sample=connection.execute(
            f"SELECT * FROM {table.name} WHERE {covered(table, window)} LIMIT {SAMPLE_ROWS}"
        ).df(),
        arrived_columns=arrived_columns(connection, table),
    )


def prune(connection: duckdb.DuckDBPyConnection, table: Table, keep: int, window: Window) -> None:
    """Remove all but the newest partitions of a table; those of the run are read below and stay."""
    day = table.partition_column
    connection.execute(
        f"DELETE FROM {table.name} WHERE {day} < (SELECT min({day}) FROM (SELECT DISTINCT {day} "
        f"FROM {table.name} ORDER BY {day} DESC LIMIT {keep})) AND NOT ({window.where})"
    )


def covered(table: Table, window: Window) -> str:
    """Return the SQL condition on stored rows that a write is responsible for."""
    return table.write_mode.covered(window.where)


def _delete_replaced(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> None:
    replaced = table.write_mode.replaced(window.where)
    connection.execute(f"DELETE FROM {table.name} WHERE {replaced}")


def _columns(table: Table) -> str:
    return "*" if table.contract.allows_new_columns() else ", ".join(table.contract.types())


def _sound(table: Table) -> ir.Table:
    """Return the staged rows that keep every rule."""
    staged = _stage_of(table)
    rules = [rule.holds(staged) for rule in table.contract.rules()]
    return staged.filter(*rules, staged[UNPARSED] == "").select(*table.contract.types())


def _extract_duplicates(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> int:
    """Take rows whose key stands twice back out of the table; return how many."""
    key = ", ".join(table.contract.key())
    connection.execute(
        f"CREATE TEMP TABLE {DOUBLED} AS SELECT {key} FROM {table.name} "
        f"WHERE {covered(table, window)} GROUP BY ALL HAVING count(*) > 1"
    )
    return number(
        connection,
        f"DELETE FROM {table.name} WHERE {covered(table, window)} AND ({key}) IN "
        f"(SELECT {'' if len(table.contract.key()) == 1 else 'row'}({key}) FROM {DOUBLED})",
    )


def _quarantine_failures(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    run_id: str,
    number_lines: Callable[[], None] | None,
) -> tuple[int, int]:
    """Compute the rows again that were not stored; quarantine the broken ones, store the rest.

    Returns:
        How many went to quarantine, and how many into the table.
    """
    staged = _stage_of(table)
    doubled = ibis.table({name: staged[name].type() for name in table.contract.key()}, name=DOUBLED)
    broken = staged.filter(broken_rules(staged, table.contract) != "")
    twice = staged.semi_join(doubled, table.contract.key())
    suspects = compile_sql(broken.union(twice.filter(broken_rules(twice, table.contract) == "")))
    connection.execute(f"CREATE TEMP TABLE suspects AS {suspects}")
    connection.execute(f"DROP VIEW {STAGE}")
    connection.execute(f"ALTER TABLE suspects RENAME TO {STAGE}")
    connection.execute(f"ALTER TABLE {STAGE} ADD COLUMN {LINE_NUMBER} BIGINT")
    if number_lines:
        number_lines()
    key = ", ".join(table.contract.key())
    connection.execute(
        f"UPDATE {STAGE} SET {UNPARSED} = 'key ({key}): not unique' "
        f"WHERE rowid IN ({compile_sql(_repeated(table))})"
    )
    quarantined = _quarantine(connection, table, run_id, numbered=True)
    kept = number(
        connection, f"INSERT INTO {table.name} BY NAME SELECT {_columns(table)} FROM {STAGE}"
    )
    return quarantined, kept


def _repeated(table: Table) -> ir.Table:
    """Return the staged rows that break no rule but have the key of one before them."""
    staged = _stage_of(table, **{LINE_NUMBER: "int64"})
    place = ibis.row_number().over(group_by=table.contract.key(), order_by=[LINE_NUMBER, RAW])
    sound = staged.mutate(row=staged.rowid()).filter(broken_rules(staged, table.contract) == "")
    return sound.mutate(place=place).filter(ibis._.place > 0).select("row")


def broken_rules(table: ir.Table, contract: type[Contract]) -> ir.StringColumn:
    """Name the rules that a row breaks, separated by `; `; empty where it keeps them all."""
    names = [ibis.ifelse(rule.holds(table), ibis.null(str), rule.name) for rule in contract.rules()]
    if UNPARSED in table.columns:
        # First, since a value that could not be read is the reason why it is missing.
        names.insert(0, ibis.ifelse(table[UNPARSED] == "", ibis.null(str), table[UNPARSED]))
    joined: ir.StringColumn = ibis.array(names).join("; ").fill_null("")
    return joined


def _stage_of(table: Table, **columns: str) -> ir.Table:
    """Return the stage of a refining table as an unbound expression."""
    hidden = {RAW: "string", UNPARSED: "string", **columns}
    return ibis.table({**table.contract.types(), **hidden}, name=STAGE)


def _empty_quarantine(connection: duckdb.DuckDBPyConnection, table: Table, window: Window) -> None:
    ensure_table(connection, table.quarantine, Quarantine)
    run = f"partition_key BETWEEN '{window.first}' AND '{window.last}'"
    connection.execute(f"DELETE FROM {table.quarantine} WHERE {table.write_mode.covered(run)}")


def _quarantine(
    connection: duckdb.DuckDBPyConnection, table: Table, run_id: str, *, numbered: bool = False
) -> int:
    """Move staged rows that break a rule into the table's quarantine; return how many."""
    assert table.lineage is not None  # noqa: S101 (the caller asks only then)
    staged = _stage_of(table, **({LINE_NUMBER: "int64"} if numbered else {}))
    row_id = staged[table.lineage.source_row_id].cast("string").fill_null("unknown")
    if numbered:
        row_id = ibis.coalesce("line " + staged[LINE_NUMBER].cast("string"), row_id)
    marked = staged.select(
        stage_row=staged.rowid(),
        partition_key=staged[table.partition_column].cast("string")
        if table.partition_column
        else ibis.literal(""),
        row_id=row_id,
        broken_rules=broken_rules(staged, table.contract),
        raw=staged[RAW],
    )
    refused = compile_sql(marked.filter(marked.broken_rules != ""))
    connection.execute(f"CREATE TEMP TABLE refused AS {refused}")
    connection.execute(
        f"INSERT INTO {table.quarantine} BY NAME SELECT * EXCLUDE (stage_row), "
        "? AS run_id, now() AS quarantined_at FROM refused",
        [run_id],
    )
    return number(connection, f"DELETE FROM {STAGE} WHERE rowid IN (SELECT stage_row FROM refused)")


def _refuse_rows_outside(
    connection: duckdb.DuckDBPyConnection, table: Table, window: Window
) -> None:
    if table.partition_column is None:
        return
    outside = connection.execute(
        f"SELECT {', '.join(dict.fromkeys([*table.contract.key(), table.partition_column]))} "
        f"FROM {STAGE} WHERE ({window.where}) IS NOT TRUE LIMIT {SHOWN_ROWS}"
    ).df()
    if len(outside):
        personal = table.contract.personal() & set(outside.columns)
        outside = outside.assign(**dict.fromkeys(personal, WITHHELD))
        raise WarehouseError(
            f"{table.name}: rows lie outside the run's partitions ({window.first} to "
            f"{window.last}); stored, they would double on the next run. The first ones:\n"
            f"{outside.to_string(index=False)}\nMend the function so that it returns only rows "
            f"whose {table.partition_column} is in the window."
        )


def _drop_duplicates(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    if not table.drop_duplicates:
        return 0
    key = ", ".join(table.contract.key())
    return number(
        connection,
        f"DELETE FROM {STAGE} WHERE rowid NOT IN (SELECT min(rowid) FROM {STAGE} GROUP BY {key})",
    )


def _keep_newest_versions(connection: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Of an entity's versions, staged here or stored elsewhere, keep the newest one."""
    if table.latest_version is None:
        return 0
    entity, order, first = (
        table.latest_version.entity,
        table.latest_version.order,
        table.latest_version.first,
    )
    same_entity = " AND ".join(f"stored.{column} = staged.{column}" for column in entity)
    newest_first = ", ".join([*(f"{column} DESC" for column in order), *first])
    stored_order = ", ".join(f"stored.{column}" for column in order)
    staged_order = ", ".join(f"staged.{column}" for column in order)
    dropped = number(
        connection,
        f"DELETE FROM {STAGE} WHERE rowid IN (SELECT rowid FROM {STAGE} QUALIFY rank() OVER "
        f"(PARTITION BY {', '.join(entity)} ORDER BY {newest_first}) > 1)",
    )
    dropped += number(
        connection,
        f"DELETE FROM {STAGE} AS staged USING {table.name} AS stored "
        f"WHERE {same_entity} AND row({stored_order}) > row({staged_order})",
    )
    connection.execute(
        f"DELETE FROM {table.name} AS stored USING {STAGE} AS staged WHERE {same_entity}"
    )
    return dropped


def _migrate(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    stored: dict[str, str],
    contract: type[Contract],
) -> None:
    wanted = contract.types()
    if not contract.allows_new_columns():
        _refuse_lost_columns(name, stored, wanted)
    types = duckdb_types(contract)
    changed = [
        c
        for c in stored
        if c in wanted
        and not same_type(stored[c], wanted[c])
        and (stored[c], types[c]) not in WIDENED
    ]
    if changed:
        fixes = "; ".join(f"ALTER TABLE {name} ALTER COLUMN {c} TYPE {types[c]}" for c in changed)
        raise WarehouseError(
            f"{name}: the contract changed the type of "
            f"{', '.join(f'{c} from {stored[c]} to {types[c]}' for c in changed)}. Nothing was "
            f"touched. Convert the stored rows ({fixes}) or drop the table and backfill it."
        )
    _upgrade(connection, name, stored, contract)


def _upgrade(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    stored: dict[str, str],
    contract: type[Contract],
) -> None:
    """Make text of numbers and add columns, where the contract says so; nothing is lost by it."""
    for column, type_ in duckdb_types(contract).items():
        if column not in stored:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column} {type_}")
        elif (stored[column], type_) in WIDENED:
            connection.execute(f"ALTER TABLE {name} ALTER COLUMN {column} TYPE {type_}")


def _refuse_lost_columns(name: str, stored: dict[str, str], wanted: Iterable[str]) -> None:
    if lost := [column for column in stored if column not in set(wanted)]:
        fixes = "; ".join(f"ALTER TABLE {name} DROP COLUMN {column}" for column in lost)
        raise WarehouseError(
            f"{name}: the stored table has columns that the contract does not know: "
            f"{', '.join(lost)}. Nothing was touched. Put them back into the contract, or drop "
            f"them for good: {fixes}"
        )


def _describe(connection: duckdb.DuckDBPyConnection, name: str, contract: type[Contract]) -> None:
    """Put the contract's descriptions into the database, where they are not those stored."""
    wanted = {"": contract.grain(), **contract.descriptions()}
    stored = connection.execute(
        "SELECT '', comment FROM duckdb_tables() WHERE database_name = current_database() AND "
        "schema_name || '.' || table_name = $name UNION ALL "
        "SELECT column_name, comment FROM duckdb_columns() WHERE database_name = "
        "current_database() AND schema_name || '.' || table_name = $name",
        {"name": name},
    ).fetchall()
    if wanted.items() <= dict(stored).items():
        return
    connection.execute("; ".join(_comments(name, contract)))


def number(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: Sequence[object] = ()
) -> int:
    """Run a statement and return its number: a count, or how many rows it changed."""
    row = connection.execute(statement, list(parameters)).fetchone()
    return int(row[0]) if row else 0


def _file(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute(
        "SELECT path FROM duckdb_databases() WHERE database_name = current_database()"
    ).fetchone()
    return str(row[0]) if row else "the warehouse"
