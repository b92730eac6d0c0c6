"""Build the DDL of Postgres's tables from the contracts: types, comments, keys, references.

Executing the statements belongs in `postgres`. Names come from contracts and from a validated
schema name, and are quoted nevertheless.
"""

from collections.abc import Iterator, Mapping

from movies_assets.core.contract import Contract
from movies_assets.warehouse.quoting import identifier, literal
from movies_assets.warehouse.types import duckdb_types

TYPES = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "TIMESTAMPTZ": "timestamptz",
    "VARCHAR": "text",
    "VARCHAR[]": "text[]",
}
# Text in Postgres cannot hold the character NUL; Unicode's replacement character takes its place,
# so that different texts remain different.
NUL, REPLACEMENT = "chr(0)", "chr(65533)"


def table_of(name: str) -> str:
    """Return the name in Postgres of a table: `fact_movies` for `gold.fact_movies`."""
    return name.rpartition(".")[2]


def qualified(schema: str, name: str) -> str:
    """Return a table's name with its schema, quoted."""
    return f"{identifier(schema)}.{identifier(table_of(name))}"


def create(schema: str, name: str, contract: type[Contract]) -> str:
    """Return the statement that creates a table, without its keys."""
    columns = ", ".join(
        f"{identifier(column)} {TYPES[type_]}{' NOT NULL' if column in contract.required() else ''}"
        for column, type_ in duckdb_types(contract).items()
    )
    return f"CREATE TABLE {qualified(schema, name)} ({columns})"


def after_loading(schema: str, name: str, contract: type[Contract]) -> Iterator[str]:
    """Yield the statements that add a table's key and its comments."""
    table = qualified(schema, name)
    if key := ", ".join(map(identifier, contract.key())):
        yield f"ALTER TABLE {table} ADD PRIMARY KEY ({key})"
    yield f"COMMENT ON TABLE {table} IS {literal(contract.grain())}"
    for column, description in contract.descriptions().items():
        yield f"COMMENT ON COLUMN {table}.{identifier(column)} IS {literal(description)}"


def foreign_keys(
    schema: str, name: str, contracts: Mapping[str, type[Contract]]
) -> Iterator[tuple[str, str]]:
    """Yield the columns that reference other tables of Postgres, and the statements for their keys.

    A reference that tolerates orphans becomes a NOT VALID key: tools that look for joins find it,
    and existing rows are not checked; a load writes its rows before its keys.
    """
    contract = contracts[name]
    for column, target in contract.references().items():
        if target not in contracts:
            continue
        (key,) = contracts[target].key()
        statement = (
            f"ALTER TABLE {qualified(schema, name)} ADD FOREIGN KEY ({identifier(column)}) "
            f"REFERENCES {qualified(schema, target)} ({identifier(key)})"
        )
        yield column, statement + (" NOT VALID" if column in contract.tolerated() else "")


def select(name: str, contract: type[Contract]) -> str:
    """Return the query, in DuckDB's SQL, for rows in types that Postgres accepts."""
    columns = ", ".join(
        f"{_without_nul(identifier(column), type_)} AS {identifier(column)}"
        for column, type_ in duckdb_types(contract).items()
    )
    return f"SELECT {columns} FROM {name}"


def _without_nul(column: str, type_: str) -> str:
    if type_ == "VARCHAR":
        return f"replace({column}, {NUL}, {REPLACEMENT})"
    if type_ == "VARCHAR[]":
        return f"[replace(value, {NUL}, {REPLACEMENT}) FOR value IN {column}]"
    return column
