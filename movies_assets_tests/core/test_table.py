"""What a table may declare."""

import pytest

from movies_assets.core.contract import Contract, column
from movies_assets.core.incremental import Incremental
from movies_assets.core.partitions import Partitions
from movies_assets.core.table import Lineage, table
from movies_assets.core.write_mode import MERGE, OVERWRITE, PARTITION


class Titles(Contract):
    """One row a title."""

    title: str = column("The title.", key=True)


def test_a_table_that_every_run_overwrites_has_no_partitions():
    days = Partitions("days", "day", lambda settings: settings.first_day)

    def declare(**properties):
        return table(layer="gold", group="g", contract=Titles, **properties)(lambda: None)

    with pytest.raises(ValueError, match="is overwritten by every run"):
        declare(name="titles", partitions=days, write_mode=OVERWRITE)
    for mode in (PARTITION, MERGE):
        assert declare(name="titles", partitions=days, write_mode=mode).partitions is days
    assert declare(name="titles", write_mode=OVERWRITE).partitions is None


@pytest.mark.parametrize(
    "properties",
    [
        {"write_mode": MERGE},
        {"write_mode": PARTITION},
        {"write_mode": OVERWRITE, "lineage": Lineage("bronze.titles", "title")},
    ],
)
def test_a_table_whose_rows_are_not_replaced_as_computed_is_not_incremental(properties):
    with pytest.raises(ValueError, match="cannot be incremental"):
        table(layer="gold", group="g", contract=Titles, incremental=Incremental(), **properties)(
            lambda: None
        )
