"""A table's columns as Dagster shows them."""

from collections.abc import Iterable

import dagster as dg

from movies_assets.core.contract import ARRIVED, Contract
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
