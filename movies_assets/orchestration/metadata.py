"""A table's columns as Dagster shows them."""

from collections.abc import Iterable

import dagster as dg

from movies_assets.core.contract import ARRIVED, Contract
from movies_assets.core.table import Table
from movies_assets.warehouse.column_lineage import kept
from movies_assets.warehouse.types import duckdb_types


def column_schema(contract: type[Contract], arrived: Iterable[str] = ()) -> dg.TableSchema:
    """Return the columns of a contract as Dagster shows them.

    Args:
        contract: the contract.
        arrived: columns beyond the contract's, which files have brought.
    """
    references, descriptions = contract.references(), contract.descriptions()
    required, personal, key = contract.required(), contract.personal(), contract.key()
    known = [
        dg.TableColumn(
            name=name,
            type=type_,
            description=descriptions[name],
            constraints=dg.TableColumnConstraints(
                nullable=name not in required,
                unique=key == (name,),
                other=[
                    *([f"references {references[name]}"] if name in references else []),
                    *(["personal"] if name in personal else []),
                ],
            ),
        )
        for name, type_ in duckdb_types(contract).items()
    ]
    new = [dg.TableColumn(name, type="VARCHAR", description=ARRIVED) for name in arrived]
    return dg.TableSchema(columns=[*known, *new])


def column_lineage(table: Table) -> dict[str, dg.TableColumnLineage]:
    """Return the origins of a table's columns as Dagster shows them; none if they are unknown."""
    columns = kept().get(table.name)
    if not columns:
        return {}
    lineage = {
        column: [
            dg.TableColumnDep(asset_key=dg.AssetKey(one.table.split(".")), column_name=one.column)
            for one in origins
        ]
        for column, origins in columns.items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(lineage)}
