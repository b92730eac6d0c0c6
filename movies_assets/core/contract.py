"""The base contract and everything derived from it: key, references, rules, types.

A contract is a Pandera model. It is declared once, above the function that fills its table, and
everything that needs columns, types, units, keys or rules derives them from it. The contracts of
tables are in the files of their layers; rows are stored by `warehouse`.
"""

from collections.abc import Callable, Mapping
from functools import cache, reduce, wraps
from operator import and_
from typing import Any, Literal, NamedTuple

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandera.ibis as pa
from pandera.api.checks import Check
from pandera.api.ibis.types import IbisData
from pandera.dtypes import immutable
from pandera.engines import ibis_engine

from movies_assets.core import builtin_checks  # noqa: F401 (registers Pandera's checks)
from movies_assets.core.wording import REQUIRED

# The description of a column that the contract does not know.
ARRIVED = "Brought by files that have arrived; the contract does not know it. Text."

# The patterns of texts of a type; more digits fit no type.
PATTERNS = {"BIGINT": "-?[0-9]{1,18}", "DOUBLE": r"-?[0-9]{1,15}(\.[0-9]{1,15})?"}

# Faults of values that break Pandera's checks, with the checks' arguments.
WRONG = {
    "equal_to": "not {value}",
    "not_equal_to": "equal to {value}",
    "greater_than": "not more than {min_value}",
    "greater_than_or_equal_to": "less than {min_value}",
    "less_than": "not less than {max_value}",
    "less_than_or_equal_to": "more than {max_value}",
    "in_range": "not from {min_value} to {max_value}",
    "isin": "none of {values}",
    "notin": "one of {values}",
    "str_matches": "not in the expected form",
    "str_length": "not from {min_value} to {max_value} characters long",
}
# Longer lists of values are counted.
LONGEST_LIST = 80

# Columns, here and in quarantine, that hold parts of a row as it was received.
AS_RECEIVED = {"raw", "_line", "_rescued_data"}
# Shown in place of personal data.
WITHHELD = "(personal)"

Condition = Callable[[ir.Table], ir.BooleanValue]
Compression = Literal["zstd", "fsst", "dictionary"]


@ibis_engine.Engine.register_dtype(equivalents=[dt.Array(dt.string)])
@immutable
class StringList(ibis_engine.DataType):
    """A list of strings (pandera.ibis 0.35 knows no list types)."""

    type = dt.Array(dt.string)


@ibis_engine.Engine.register_dtype(equivalents=[dt.Timestamp(timezone="UTC", scale=6)])
@immutable
class Instant(ibis_engine.DataType):
    """An instant in UTC with microseconds; `TIMESTAMP WITH TIME ZONE` in DuckDB."""

    type = dt.Timestamp(timezone="UTC", scale=6)


class Rule(NamedTuple):
    """One thing that must hold for every row.

    Attributes:
        name: the column and what is wrong with it, as quarantine stores it: `rating: more than 10`.
        answer: the rule as a boolean column of a table; NULL counts as "holds".
        definition: the rule as the contract declares it: `str_matches('^tt[0-9]{7,9}$')`.
    """

    name: str
    answer: Callable[[ir.Table], ir.BooleanColumn]
    definition: str = ""

    def holds(self, table: ir.Table) -> ir.BooleanColumn:
        """Return the rule as a boolean column that is never NULL."""
        result: ir.BooleanColumn = self.answer(table).fill_null(True)  # noqa: FBT003
        return result


def column(  # noqa: PLR0913 (one property of a column each)
    description: str,
    *,
    key: bool = False,
    references: str | None = None,
    orphans: Literal["block", "warn"] = "block",
    nullable: bool = False,
    compression: Compression | None = None,
    alias: str | None = None,
    personal: bool = False,
    expected: bool | Condition = False,
    clears: bool = False,
    fault: str | None = None,
    **rules: Any,
) -> Any:
    """Declare a column of a contract.

    Args:
        description: what a value means, its unit, and where its formula comes from.
        key: whether the column belongs to the table's key.
        references: `schema.table` whose key this column points at.
        orphans: the meaning of values that point at no row: either they stop the run, or they are
            a known fault of the source and are reported.
        nullable: whether unknown values (NULL) are allowed.
        compression: how DuckDB stores the column; None lets it try every way. zstd for long
            texts, fsst for short ones that differ, dictionary for texts with few distinct values.
        alias: the column's name where Python or Pandera reserve it (a leading underscore).
        personal: whether it contains personal data: no metadata, message or profile shows it.
        expected: whether the table cannot do without the column: if no row of a delivery has a
            value, or far fewer than usual, the check `completeness` stops the run. A function
            names the rows that have it: only movies have minutes.
        clears: whether an unknown value in a newer file clears a value that an older file knew; by
            default the known value stays.
        fault: the fault of a value that breaks `str_matches`, such as `not an IMDb id`; the
            pattern itself is shown only where rules are defined.
        rules: Pandera's own checks, such as `ge=0`, `isin=[...]`, `str_length={...}`.
    """
    return pa.Field(
        description=description,
        nullable=nullable,
        alias=alias,
        metadata={
            "key": key,
            "references": references,
            "orphans": orphans,
            "compression": compression,
            "personal": personal,
            "expected": expected,
            "clears": clears,
            "fault": fault,
        },
        **rules,
    )


class Contract(pa.DataFrameModel):
    """The rows of a table. The docstring of a contract begins with its grain."""

    class Config:
        """No column beyond the declared ones."""

        strict = True

    @classmethod
    @cache
    def _columns(cls) -> Mapping[str, Any]:
        columns = cls.to_schema().columns
        # A base contract's columns come first in Pandera; where a row came from reads best last.
        return dict(sorted(columns.items(), key=lambda item: item[0].startswith("_")))

    @classmethod
    def allows_new_columns(cls) -> bool:
        """Return whether the table may have columns beyond these, because files bring them."""
        return False

    @classmethod
    def grain(cls) -> str:
        """Return a description of a row: the contract's docstring."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    @cache
    def types(cls) -> ibis.Schema:
        """Return the columns and their types."""
        return ibis.schema({name: spec.dtype.type for name, spec in cls._columns().items()})

    @classmethod
    def compressions(cls) -> dict[str, Compression]:
        """Return the columns that name how they are compressed, and the codec."""
        codecs = {name: spec.metadata["compression"] for name, spec in cls._columns().items()}
        return {name: codec for name, codec in codecs.items() if codec}

    @classmethod
    def descriptions(cls) -> dict[str, str]:
        """Return the columns and what they mean."""
        return {name: spec.description or "" for name, spec in cls._columns().items()}

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """Return the columns that identify a row."""
        return tuple(name for name, spec in cls._columns().items() if spec.metadata["key"])

    @classmethod
    def key_number(cls, rows: ir.Table) -> ir.IntegerColumn | None:  # noqa: ARG003
        """Return an integer for each row's key, by which duplicates are ruled out sooner.

        Different integers prove that keys differ, as they are computed from the key alone; where
        some are equal or NULL, the keys themselves are compared. They should be close together, for
        they are marked in a bitmap: with 12 million titles this takes 1.2 s of CPU instead of 5.5.

        Args:
            rows: rows of the contract.

        Returns:
            The integers; None where there are none.
        """
        return None

    @classmethod
    def required(cls) -> frozenset[str]:
        """Return the columns that are never NULL."""
        return frozenset(name for name, spec in cls._columns().items() if not spec.nullable)

    @classmethod
    def references(cls) -> dict[str, str]:
        """Return the columns that point at another table, and that table."""
        return {
            name: spec.metadata["references"]
            for name, spec in cls._columns().items()
            if spec.metadata["references"]
        }

    @classmethod
    def tolerated(cls) -> tuple[str, ...]:
        """Return the columns whose orphans are reported and stop nothing."""
        columns = cls._columns()
        return tuple(n for n in cls.references() if columns[n].metadata["orphans"] == "warn")

    @classmethod
    def carried(cls) -> list[str]:
        """Return the columns whose known value outlives a newer row that does not know it."""
        return [
            name
            for name, spec in cls._columns().items()
            if spec.nullable and not spec.metadata["key"] and not spec.metadata["clears"]
        ]

    @classmethod
    @cache
    def personal(cls) -> frozenset[str]:
        """Return the columns with personal data, and those that hold rows as received with it.

        Empty where no column is declared as personal.
        """
        declared = {name for name, spec in cls._columns().items() if spec.metadata["personal"]}
        return frozenset(declared | AS_RECEIVED if declared else ())

    @classmethod
    def table(cls, qualified_name: str) -> ir.Table:
        """Return the stored table of this contract (`schema.table`) as an unbound Ibis table."""
        schema, _, name = qualified_name.rpartition(".")
        return ibis.table(cls.types(), name=name, database=schema or None)

    @classmethod
    @cache
    def rules(cls) -> tuple[Rule, ...]:
        """Return every row rule: required columns, the columns' checks, the rows' checks."""
        rules: list[Rule] = []
        for name, spec in cls._columns().items():
            if not spec.nullable:
                rules.append(Rule(f"{name}: {REQUIRED}", _required(name), REQUIRED))
            rules += [
                Rule(rule_name(check, name, spec.metadata["fault"]), _answer(check, name), found)
                for check in spec.checks
                for found in [str(check.error or check.name)]
            ]
        rules += [
            Rule(rule_name(check), _answer(check, None), str(check.error or check.name))
            for check in cls._row_checks()
        ]
        return tuple(rules)

    @classmethod
    @cache
    def expected(cls) -> dict[str, Condition]:
        """Return the columns that the table cannot do without, and the rows that should have them.

        A condition is an expression on the table's rows; of a column that every row should have it
        is true.
        """
        found = {name: spec.metadata["expected"] for name, spec in cls._columns().items()}
        return {
            name: wanted if callable(wanted) else (lambda _: ibis.literal(value=True))
            for name, wanted in found.items()
            if wanted
        }

    @classmethod
    def _row_checks(cls) -> list[Check]:
        checks: list[Check] = cls.to_schema().checks
        return checks


def row_rule(name: str) -> Callable[[Any], Any]:
    """Declare a rule about whole rows, as a method of the contract that takes Pandera's data.

    A row for which the rule is NULL, because a value is unknown, passes. (Pandera itself fails a
    table that has only such rows.)
    """

    def declare(rule: Callable[[type, IbisData], ir.BooleanColumn]) -> Any:
        @wraps(rule)
        def holds(contract: type, data: IbisData) -> ir.BooleanColumn:
            return rule(contract, data).fill_null(True)  # noqa: FBT003

        return pa.dataframe_check(name=name)(classmethod(holds))

    return declare


def _required(name: str) -> Callable[[ir.Table], ir.BooleanColumn]:
    return lambda table: table[name].notnull()


def rule_name(check: Check, column_name: str | None = None, fault: str | None = None) -> str:
    """Name a check by the column and what is wrong with a value that breaks it.

    Args:
        check: Pandera's check; one of whole rows is called what it declares.
        column_name: the column.
        fault: the fault that the contract declares, if it does.
    """
    declared = str(check.name or "rule")
    wrong = fault if fault and declared == "str_matches" else _wrong(check, declared)
    return f"{column_name}: {wrong}" if column_name else wrong


def _wrong(check: Check, declared: str) -> str:
    given = dict(check.statistics or {})
    if declared == "str_length" and not given.get("min_value"):
        return f"more than {given.get('max_value')} characters long"
    values = given.get("allowed_values", given.get("forbidden_values", ()))
    listed = ", ".join(map(str, values))
    if len(listed) > LONGEST_LIST:
        listed = f"the {len(values)} known values"
    return WRONG.get(declared, declared).format(**given, values=listed)


def _answer(check: Check, column_name: str | None) -> Callable[[ir.Table], ir.BooleanColumn]:
    """Turn a Pandera check into a boolean column of the table that it is asked about.

    Pandera runs one query a check. As expressions all rules of a table fit into one scan, and the
    same expression decides what goes to quarantine. Pandera's built-in checks answer with a table
    that projects one boolean per column; its expressions are taken from the projection.
    """

    def answer(table: ir.Table) -> ir.BooleanColumn:
        backend: Any = check.get_backend(table)(check)
        found = backend.check_fn(IbisData(table, column_name))
        if isinstance(found, ir.Table):
            found = reduce(and_, (value.to_expr() for value in found.op().values.values()))
        if column_name is not None and check.ignore_na:
            found = found | table[column_name].isnull()
        result: ir.BooleanColumn = found
        return result

    return answer


class BronzeContract(Contract):
    """The columns for a row's origin, in every bronze table."""

    ingested_at: Instant = column("When the row was fetched (UTC).", alias="_ingested_at")
    source: str = column(
        "Where it came from: URL without secrets, or file path.",
        alias="_source",
        compression="dictionary",
    )
    run_id: str = column(
        "The Dagster run that fetched it.", alias="_run_id", compression="dictionary"
    )


class FileContract(BronzeContract):
    """The columns that a bronze table of text files adds to the columns of the file."""

    problem: str = column(
        "The fault of a line that does not match the columns; silver refuses the line.",
        nullable=True,
        alias="_problem",
        compression="dictionary",
    )
    line: str = column(
        "Such a line, as received.", nullable=True, alias="_line", compression="dictionary"
    )


class DumpContract(FileContract):
    """The columns that a bronze table of dumps adds to the columns of the dump."""

    run_date: dt.Date = column("Run date on which the file was fetched: the partition.")


class FileRows(FileContract):
    """The columns that a bronze table of arriving files adds to the columns of the files.

    The table gains the columns that files bring beyond the contract's, as text.
    """

    source_row: str = column("The record of a file: its path, # and its number.", key=True)
    edition: str = column(
        "The edition of its file: how the publisher names the columns; unknown where none fits.",
        nullable=True,
        alias="_edition",
        compression="dictionary",
    )
    rescued_data: str = column(
        "Values that do not fit their column's type: a JSON object.",
        nullable=True,
        alias="_rescued_data",
    )

    @classmethod
    def allows_new_columns(cls) -> bool:
        """Return whether the table may have more columns."""
        return True


class LandedFile(Contract):
    """One row per file that was read into the table, or that was not, with the reason."""

    partition_key: str = column("Partition to which the file belongs; '' where there is none.")
    source: str = column("The file.", key=True)
    bytes: int = column("Its size.", ge=0)
    checksum: str = column("BLAKE2b of its content, 16 bytes in hexadecimal.")
    packing: str = column("How it is packed, as found: csv, csv.gz, zip, xlsx and so on.")
    encoding: str = column("How its text is encoded, as found.")
    separator: str = column("Separator of its fields, as found; '' where it has columns.")
    edition: str = column(
        "Known edition of the data whose names of columns it has; NULL where those are the "
        "table's own.",
        nullable=True,
    )
    preamble: StringList = column("Lines above its header, as received.")
    header: StringList = column("The names in its header; none where it has no header.")
    unread: StringList = column("Parts left aside: further sheets or members of an archive.")
    rows: int = column("Records below the header.", ge=0)
    problems: int = column("Records among them that do not read as the columns.", ge=0)
    unknown_columns: StringList = column("Columns that the contract does not know.")
    missing_columns: StringList = column("Columns of the contract that the file does not have.")
    refused: str = column(
        "Why it could not be read at all, so that its day was left as it was; NULL otherwise.",
        nullable=True,
    )
    ignored: str = column("Why it was not read although it could be.", nullable=True)
    run_id: str = column("The Dagster run that read it.")
    read_at: Instant = column("When it was read (UTC).")


class Quarantine(Contract):
    """A row that broke a rule of its table, kept as it was received until a person decides."""

    partition_key: str = column("Partition in which the row was read.")
    row_id: str = column("Identity of the source row in the bronze table it came from.")
    broken_rules: str = column("The rules it broke, separated by `; `.")
    raw: str = column("The row as received.", nullable=True, compression="zstd")
    run_id: str = column("The Dagster run that refused it.")
    quarantined_at: Instant = column("When it was refused (UTC).")
