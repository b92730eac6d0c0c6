"""Generate the data dictionary from the tables' contracts."""

from collections.abc import Iterator, Mapping, Sequence

from movies_assets.core.contract import ARRIVED, Contract, LandedFile, Quarantine
from movies_assets.core.wording import REQUIRED
from movies_assets.privacy.warehouse import AUDIT, Erasures
from movies_assets.settings import PROJECT_ROOT
from movies_assets.tables import TABLES
from movies_assets.warehouse import audit_log, meta
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.delimited import landed
from movies_assets.warehouse.schema import arrived_columns
from movies_assets.warehouse.types import duckdb_types

PATH = PROJECT_ROOT / "docs" / "reference" / "tables.md"

INTRODUCTION = """\
# Tables: the data dictionary

Written by `make docs` from the contracts in `movies_assets/sources`: edit those, not this file.
[Data model](data-model.md) lists the tables and how they are related. Types are DuckDB's. A
`required` column is never NULL; every other rule applies to rows that have a value in its column.
Rows that break a rule on their way into a silver table are in `quarantine`.
"""


def text(arrived: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return the dictionary as Markdown.

    Args:
        arrived: columns that files have added, by table.
    """
    sections = [
        _section(
            table.name,
            table.contract,
            [table.write_mode.storage(table)],
            (arrived or {}).get(table.name, ()),
        )
        for table in TABLES.values()
    ]
    sections += [
        _section(landed(table), LandedFile, [f"The files that `{table.name}` was read from."])
        for table in TABLES.values()
        if table.contract.allows_new_columns()
    ]
    refining = [table for table in TABLES.values() if table.lineage]
    sections += [
        _section(table.quarantine, Quarantine, [f"Rows refused by `{table.name}`."])
        for table in refining
    ]
    note = "Written by the job `forget_user`; no run changes or removes a row."
    sections.append(_section(AUDIT, Erasures, [note]))
    note = "A write adds its row, the table's checks remove it when the blocking ones have passed."
    sections.append(_section(audit_log.UNAUDITED, audit_log.Unaudited, [note]))
    note = "Removed when all blocking checks have passed, or the partitions are written again."
    sections.append(_section(audit_log.PASSED, audit_log.Passed, [note]))
    note = "Written with the first write of a table; no run changes or removes the row."
    sections.append(_section(audit_log.BEGUN, audit_log.Begun, [note]))
    note = (
        "Written by `python -m movies_assets accept`, and by the job `publish` with the run config "
        "`confirm_empty`; no run changes or removes a row."
    )
    sections.append(_section(audit_log.ACCEPTED, audit_log.Accepted, [note]))
    sections += [
        _section(f"meta.{name}", contract, ["Only in published snapshots."])
        for name, contract in meta.CONTRACTS.items()
    ]
    return "\n".join([INTRODUCTION, *sections])


def arrived_in(warehouse: Warehouse) -> dict[str, list[str]]:
    """Return, for each table, the columns that files have added to those of the contract.

    Raises:
        WarehouseError: there is no warehouse yet, or it cannot be opened.
    """
    with warehouse.reading() as connection:
        return {name: arrived_columns(connection, table) for name, table in TABLES.items()}


def _section(
    name: str, contract: type[Contract], storage: Sequence[str], arrived: Sequence[str] = ()
) -> str:
    key = ", ".join(f"`{column}`" for column in contract.key())
    facts = [*([f"Key: {key}."] if key else []), *storage]
    rules = list(_rules(contract))
    lines = [f"## {name}", "", contract.grain(), "", *(f"- {fact}" for fact in facts), ""]
    lines += [
        "| column | type | required | meaning |",
        "|---|---|---|---|",
        *_columns(contract),
        *(f"| `{column}` | VARCHAR |  | {ARRIVED} |" for column in arrived),
        "",
    ]
    lines += [*(["A row breaks a rule where:", "", *rules, ""] if rules else [])]
    return "\n".join(lines)


def _columns(contract: type[Contract]) -> Iterator[str]:
    required, descriptions, references = (
        contract.required(),
        contract.descriptions(),
        contract.references(),
    )
    for name, type_ in duckdb_types(contract).items():
        target = f" → {_link(references[name])}" if name in references else ""
        personal = " *Personal.*" if name in contract.personal() else ""
        meaning = descriptions[name].replace("|", "\\|") + target + personal
        yield f"| `{name}` | {type_} | {'yes' if name in required else ''} | {meaning} |"


def _link(table: str) -> str:
    return f"[{table}](#{table.replace('.', '')})"


def _rules(contract: type[Contract]) -> Iterator[str]:
    for rule in contract.rules():
        if rule.definition != REQUIRED:
            column, _, wrong = rule.name.partition(": ")
            pattern = f" (`{rule.definition}`)" if rule.definition.startswith("str_matches") else ""
            yield f"- `{column}`: {wrong}{pattern}"
