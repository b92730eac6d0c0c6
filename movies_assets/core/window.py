"""The partitions that a run writes."""

from dataclasses import dataclass

import ibis
import ibis.expr.types as ir


@dataclass(frozen=True)
class Window:
    """The partitions that a run writes; by default the whole table.

    Attributes:
        first: key of the first partition; '' of a whole table.
        last: key of the last partition.
        partitions: how many there are; 0 of a whole table.
        without: keys in between that are not written.
    """

    first: str = ""
    last: str = "~"
    partitions: int = 0
    without: tuple[str, ...] = ()

    def holds(self, partition: ir.Value | None) -> ir.BooleanValue:
        """Return whether rows belong to the window; NULL where their partition is unknown.

        Args:
            partition: the column that names each row's partition; None of a whole table.
        """
        if partition is None or not self.first:
            return ibis.literal(value=True)
        first, last, *without = (
            ibis.literal(key).cast(partition.type())
            for key in (self.first, self.last, *self.without)
        )
        holds = partition.between(first, last)
        return holds & partition.notin(without) if without else holds
