"""Contract + function -> a table.

`@table` describes a table. `orchestration.assets` builds its asset, `orchestration.checks` its
checks, and `warehouse` stores its rows.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import ibis.expr.types as ir

from movies_assets.core.contract import Contract
from movies_assets.core.incremental import Incremental
from movies_assets.core.partitions import Partitions
from movies_assets.core.settings import CommonSettings
from movies_assets.core.write_mode import PARTITION, WriteMode

if TYPE_CHECKING:
    from movies_assets.core.check import Check

LAYERS = ("bronze", "silver", "gold")


class Key(NamedTuple):
    """The name of an asset: a layer, or `landing`, and a table or folder in it."""

    layer: str
    table: str

    def __str__(self) -> str:
        """Return `layer.table`."""
        return f"{self.layer}.{self.table}"


@dataclass(frozen=True)
class LatestVersion:
    """Of all versions of an entity, only the newest is kept, in any order of arrival.

    Attributes:
        entity: the columns that name the entity, such as `movie_id`.
        order: the columns that order its versions, the newest one greatest. Of equal ones that are
            in different runs, the one that was written last is kept.
        first: the columns that order equally new versions of one run; the least one is kept.
    """

    entity: tuple[str, ...]
    order: tuple[str, ...]
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lineage:
    """A table that takes over the rows of a bronze table, and accounts for each of them.

    Attributes:
        source_of: the bronze table, `schema.table`.
        source_row_id: the column, in both tables, that identifies a source row.
        reads: which source rows are read: those of the run's partitions, those of the newest
            partition that is stored, or all of them.
        allowed_share: the share of quarantined rows from which a run is stopped.
        where: condition on the source rows: only those that meet it are taken over.
    """

    source_of: str
    source_row_id: str
    reads: Literal["run", "newest", "all"] = "run"
    allowed_share: float = 0.05
    where: Callable[[ir.Table], ir.BooleanValue] | None = None


@dataclass(frozen=True)
class Table:
    """A table of the warehouse: its rows, the function that computes them, and their storage.

    Attributes:
        key: its layer and name.
        group: the source that the table belongs to.
        contract: the columns and rules of a row.
        function: computes the rows; the table can be called like it.
        partitions: the days or years by which it is written; None: it is written as a whole.
        partition_column: the column with the day or year of the source that a row belongs to: a
            DATE, or the integer of a year.
        write_mode: which stored rows a write replaces: those of the run's partitions, all rows, or
            those of equal keys.
        latest_version: how versions of one entity are ordered across partitions.
        lineage: the bronze table whose rows this one accounts for; broken rows go to quarantine.
        drop_duplicates: whether rows with an equal key are one row that was read twice.
        inputs: parameters that are not named after their table, and the table of each.
        is_conformed: whether it is a dimension that several sources share. Its function takes a
            table of keys and returns their rows and that of the unknown member. A write of a table
            that points at it adds the rows of the keys that it lacks; materialized by itself, it
            makes the rows of its stored keys again.
        optional: inputs that may never have been written, because their source was never run; they
            are made, empty, before this table is.
        incremental: what a write need not compute again; None: all rows are computed. The function
            has no parameters but tables then.
        typed: reads the rows of the bronze table one by one, before versions of an entity are
            compared; a delivery is judged by that.
        keep_partitions: how many of the newest partitions are kept; None: all of them.
        deps: assets that have to be there first, beyond inputs and referenced tables.
        volume_band: factor by which a day's rows may differ from the usual before a check warns.
        fresh_within_days: age of the newest partition from which a check warns.
        checks: those beyond the ones that follow from what is declared here.
        options: passed through to `dagster.asset`.
    """

    key: Key
    group: str
    contract: type[Contract]
    function: Callable[..., Any]
    partitions: Partitions | None = None
    partition_column: str | None = None
    write_mode: WriteMode = PARTITION
    latest_version: LatestVersion | None = None
    lineage: Lineage | None = None
    drop_duplicates: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)
    is_conformed: bool = False
    optional: tuple[str, ...] = ()
    incremental: Incremental | None = None
    typed: Callable[[Any], Any] | None = None
    keep_partitions: Callable[[CommonSettings], int] | None = None
    deps: tuple[Key, ...] = ()
    volume_band: float | None = None
    fresh_within_days: int | None = None
    checks: tuple["Check", ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse partitions that would not show in Dagster which rows a write has changed.

        Raises:
            ValueError: a write replaces the rows of all partitions, or a table is incremental whose
                rows a write does not replace as they are computed.
        """
        if self.incremental and not (self.write_mode.is_whole and not self.lineage):
            raise ValueError(
                f"{self.name} cannot be incremental: it has a lineage, or a write mode other than "
                "OVERWRITE. Remove `incremental`."
            )
        if self.partitions and self.write_mode.is_whole:
            raise ValueError(
                f"{self.name} is overwritten by every run, so a partition would be shown as done "
                "with rows of another one. Remove `partitions`, or choose another write mode."
            )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the table's function, as tests do."""
        return self.function(*args, **kwargs)

    @property
    def name(self) -> str:
        """Return `schema.table`."""
        return str(self.key)

    @property
    def quarantine(self) -> str:
        """Return the name of the table that keeps this table's refused rows."""
        return f"quarantine.{self.key.table}"

    def reads(self) -> dict[str, str]:
        """Return the function's parameters that are tables, and the names of those tables."""
        named = {
            parameter: f"{layer}.{name}"
            for parameter in inspect.signature(self.function).parameters
            for layer, _, name in [parameter.partition("_")]
            if layer in LAYERS and name
        }
        return {**named, **self.inputs}

    def upstream(self) -> set[str]:
        """Return the tables and assets that this one is made from, or points at."""
        deps = set(map(str, self.deps))
        made_from = {*self.reads().values(), *self.contract.references().values(), *deps}
        return made_from - {self.name}

    @property
    def is_staged(self) -> bool:
        """Return whether rows are collected before they are stored, to be compared.

        All others go into the table as they are computed: staging 12 million titles costs 4 s.
        """
        return bool(self.latest_version or self.drop_duplicates or self.write_mode.is_staged)

    def refill(self) -> ir.Table:
        """Make the rows of the stored keys of a conformed dimension."""
        rows: ir.Table = self.function(self.contract.table(self.name).select(*self.contract.key()))
        return rows


def table(
    *,
    layer: str,
    group: str,
    contract: type[Contract],
    name: str | None = None,
    **properties: Any,
) -> Callable[[Callable[..., Any]], Table]:
    """Describe the table that a function fills; by default the function's name is the table's.

    A parameter named after a layer and a table (`silver_yts_movies`) is that table as an input.
    Properties that `Table` does not have are passed on to `dagster.asset`.
    """
    own = {name: properties.pop(name) for name in list(properties) if name in Table.__annotations__}

    def describe(function: Callable[..., Any]) -> Table:
        return Table(
            key=Key(layer, name or function.__name__),
            group=group,
            contract=contract,
            function=function,
            options=properties,
            **own,
        )

    return describe


def by_name(tables: Sequence[Table]) -> dict[str, Table]:
    """Index tables by `schema.table`."""
    return {table.name: table for table in tables}
