"""How a write changes the rows that a table already holds: one object a mode."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import ibis
import ibis.expr.types as ir

from movies_assets.core.window import Window

if TYPE_CHECKING:
    from movies_assets.core.contract import Contract
    from movies_assets.core.table import Table


class WriteMode(ABC):
    """How a write changes the rows that a table already holds.

    Attributes:
        name: the name of the mode.
        is_staged: whether new rows are compared with the stored ones, so they are collected first.
        is_whole: whether a write replaces all rows, in a run of any partitions. Inputs are then
            read whole, and checks look at the whole table.
        is_windowed: whether a write holds rows of the run's partitions and no others.
    """

    name: ClassVar[str]
    is_staged: ClassVar[bool] = False
    is_whole: ClassVar[bool] = False
    is_windowed: ClassVar[bool] = False

    @abstractmethod
    def storage(self, table: "Table") -> str:
        """Return a sentence for users on how the table is stored."""

    def covers(self, inside: ir.BooleanValue) -> ir.BooleanValue:
        """Return which stored rows a write is responsible for.

        Args:
            inside: whether a stored row belongs to the run's partitions.
        """
        return inside

    def replaces(self, inside: ir.BooleanValue) -> ir.BooleanValue:
        """Return which stored rows are deleted for any new rows; `inside` as above."""
        return self.covers(inside)

    def rewrites(self, window: Window) -> Window:
        """Return the partitions of which a write of a window leaves no older row."""
        return window

    def keys(self, contract: type["Contract"]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the columns by which a new row replaces stored ones outside of the partitions."""
        return ()


class _Partition(WriteMode):
    """Replace the rows of the run's partitions."""

    name = "partition"
    is_windowed = True

    def storage(self, table: "Table") -> str:
        column = table.partition_column
        is_day = bool(column) and table.contract.types()[column].is_date()
        return f"Partition: the {'day' if is_day else 'year'} in `{column}`."


class _Overwrite(WriteMode):
    """Replace all rows: the table holds the newest state, in a run of any partition."""

    name = "overwrite"
    is_whole = True

    def storage(self, table: "Table") -> str:  # noqa: ARG002
        return "Partition: none; a run replaces the whole table."

    def covers(self, inside: ir.BooleanValue) -> ir.BooleanValue:  # noqa: ARG002
        return ibis.literal(value=True)

    def rewrites(self, window: Window) -> Window:  # noqa: ARG002
        return Window()


class _Merge(WriteMode):
    """Replace the rows of equal keys, so that no row is ever removed: a small dimension."""

    name = "merge"
    is_staged = True

    def storage(self, table: "Table") -> str:  # noqa: ARG002
        return "Partition: none; a row replaces the stored row of the same key."

    def replaces(self, inside: ir.BooleanValue) -> ir.BooleanValue:  # noqa: ARG002
        return ibis.literal(value=False)

    def keys(self, contract: type["Contract"]) -> tuple[str, ...]:
        return contract.key()


PARTITION, OVERWRITE, MERGE = _Partition(), _Overwrite(), _Merge()
