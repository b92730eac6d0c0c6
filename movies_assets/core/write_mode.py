"""How a write changes the rows that a table already holds: one object a mode."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from movies_assets.core.table import Table


class WriteMode(ABC):
    """How a write changes the rows that a table already holds.

    Attributes:
        name: what the mode is called.
        is_staged: whether new rows are compared with the stored ones, so they are collected first.
        is_whole: whether a write replaces all rows whatever partitions its run has. Inputs are then
            read whole, and checks look at the whole table.
        is_windowed: whether a write holds rows of the run's partitions and no others.
    """

    name: ClassVar[str]
    is_staged: ClassVar[bool] = False
    is_whole: ClassVar[bool] = False
    is_windowed: ClassVar[bool] = False

    @abstractmethod
    def storage(self, table: "Table") -> str:
        """Return the sentence that tells users how the table is stored."""

    def covered(self, where: str) -> str:
        """Return the SQL condition on stored rows that a write is responsible for.

        Args:
            where: SQL condition that is true for rows of the run's partitions.
        """
        return where

    def replaced(self, where: str) -> str:
        """Return the SQL condition on stored rows that a write removes; `where` as above."""
        return self.covered(where)

    def insert_sql(self, table: "Table", rows: str) -> str:
        """Return the statement that stores rows once the replaced ones are gone.

        Args:
            table: where they go.
            rows: a query with the table's columns, in any order.
        """
        return f"INSERT INTO {table.name} BY NAME {rows}"


class _Partition(WriteMode):
    """Replace the rows of the run's partitions."""

    name = "partition"
    is_windowed = True

    def storage(self, table: "Table") -> str:
        column = table.partition_column
        is_day = bool(column) and table.contract.types()[column].is_date()
        return f"Partition: the {'day' if is_day else 'year'} in `{column}`."


class _Overwrite(WriteMode):
    """Replace all rows: the table holds the newest state, whatever partition is run."""

    name = "overwrite"
    is_whole = True

    def storage(self, table: "Table") -> str:  # noqa: ARG002
        return "Partition: none; a run replaces the whole table."

    def covered(self, where: str) -> str:  # noqa: ARG002
        return "true"


class _Merge(WriteMode):
    """Replace the rows of equal keys, so that no row is ever removed: a small dimension."""

    name = "merge"
    is_staged = True

    def storage(self, table: "Table") -> str:  # noqa: ARG002
        return "Partition: none; rows are merged by key, in place of those that had it."

    def replaced(self, where: str) -> str:  # noqa: ARG002
        return "false"

    def insert_sql(self, table: "Table", rows: str) -> str:
        key = table.contract.key()
        others = [column for column in table.contract.types() if column not in key]
        on = " AND ".join(f"stored.{column} = new.{column}" for column in key)
        differs = " OR ".join(f"stored.{column} IS DISTINCT FROM new.{column}" for column in others)
        update = f"WHEN MATCHED AND ({differs}) THEN UPDATE BY NAME " if others else ""
        return (
            f"MERGE INTO {table.name} AS stored USING ({rows}) AS new ON {on} "
            f"{update}WHEN NOT MATCHED THEN INSERT BY NAME"
        )


PARTITION, OVERWRITE, MERGE = _Partition(), _Overwrite(), _Merge()
