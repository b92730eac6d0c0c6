"""Measure the links against a labelled sample: titles whose id at IMDb is known.

Precision is the share of links that are right, recall the share of known titles that are linked
right. Their bounds are Wilson's, of 95 %: with few labels they lie far apart.
"""

from collections.abc import Mapping

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.contract import Contract, column
from movies_assets.core.table import LatestVersion, table
from movies_assets.core.write_mode import MERGE
from movies_assets.sources.titles.bronze import title_labels
from movies_assets.sources.titles.gold import STATED
from movies_assets.sources.titles.linking import KEYS
from movies_assets.sources.titles.silver import LONGEST_ID, source_titles

# Of a normal distribution, 95 % lie within this many deviations.
Z = 1.96
THRESHOLDS = [0.0, 0.5, 0.8, 0.9, 0.95, 0.99]
ALL = "all"
SLICES = [ALL, "source", "kind", "decade", "method"]
UNKNOWN = "unknown"
WANTED_PRECISION = 0.98


class TitleLinkEvaluation(Contract):
    """One row per day of labels, version of the rules, slice and threshold: how good links are."""

    labelled_date: dt.Date = column("UTC day on which the labels were read.", key=True)
    rule_version: int = column("Version of the rules and weights.", key=True)
    slice: str = column(
        "By what the titles are divided.", key=True, isin=SLICES, compression="dictionary"
    )
    member: str = column(
        "The part: netflix, movie, 1990.", key=True, str_length={"max_value": LONGEST_ID}
    )
    threshold: float = column("Only links at least as likely count.", key=True, ge=0, le=1)
    labels: int = column("Labelled titles that IMDb has.", ge=0)
    links: int = column("Links of labelled titles.", ge=0)
    correct: int = column("Links that are right.", ge=0)
    precision: float = column("Share of links that are right.", nullable=True, ge=0, le=1)
    precision_low: float = column("Lower bound of the precision, 95 %.", nullable=True, ge=0, le=1)
    precision_high: float = column("Upper bound of the precision, 95 %.", nullable=True, ge=0, le=1)
    recall: float = column(
        "Share of labelled titles that are linked right.", nullable=True, ge=0, le=1
    )
    recall_low: float = column("Lower bound of the recall, 95 %.", nullable=True, ge=0, le=1)
    recall_high: float = column("Upper bound of the recall, 95 %.", nullable=True, ge=0, le=1)
    f1: float = column("Harmonic mean of precision and recall.", nullable=True, ge=0, le=1)


def evaluated(links: ir.Table, labels: ir.Table, titles: ir.Table) -> ir.Table:
    """Compare links with labels.

    Args:
        links: `gold.title_links`.
        labels: `bronze.title_labels`.
        titles: `silver.source_titles`, with the kind and year of each.

    Returns:
        One row a slice, member and threshold, with the columns of `gold.title_link_evaluation`.
    """
    labelled = labels.rename(known="tconst").inner_join(
        links.select(*KEYS, "tconst", "method", "confidence", "rule_version"), KEYS
    )
    rows = labelled.inner_join(titles.select(*KEYS, "kind", "year"), KEYS)
    decade = (rows.year - rows.year % 10).cast("string")
    members = [ALL, rows.source, rows.kind, decade, rows.method]
    rows = rows.mutate(
        part=ibis.array(
            [
                ibis.struct(
                    {"slice": name, "member": ibis.literal(UNKNOWN) if member is None else member}
                )
                for name, member in zip(SLICES, members, strict=True)
            ]
        ).unnest(),
        _known=rows.known,
    )
    rows = rows.mutate(threshold=ibis.array(THRESHOLDS).unnest())
    # Without IMDb's title, a stated id is no link to it. A decision may have no candidate whose
    # likelihood could be computed.
    is_sure = rows.confidence.fill_null(1.0) >= rows.threshold
    is_link = rows.tconst.notnull() & (rows.method != STATED) & is_sure
    counts = rows.group_by(
        "labelled_date",
        "rule_version",
        "threshold",
        slice=rows.part.slice,
        member=rows.part.member.fill_null(UNKNOWN),
    ).aggregate(
        labels=rows.known.count(),
        links=is_link.sum().fill_null(0),
        correct=(is_link & (rows.tconst == rows.known)).sum().fill_null(0),
    )
    both = counts.labels + counts.links
    return counts.mutate(
        **_share("precision", counts.correct, counts.links),
        **_share("recall", counts.correct, counts.labels),
        f1=2 * counts.correct / both.nullif(0),
    )


def _share(name: str, part: ir.IntegerValue, whole: ir.IntegerValue) -> Mapping[str, ir.Value]:
    """Return a share and Wilson's bounds of it; unknown of nothing."""
    whole = whole.nullif(0)
    share = part / whole
    middle = (share + Z**2 / (2 * whole)) / (1 + Z**2 / whole)
    around = (share * (1 - share) / whole + Z**2 / (4 * whole * whole)).sqrt()
    around = around * Z / (1 + Z**2 / whole)
    return {
        name: share,
        # Rounding may pass the ends.
        f"{name}_low": ibis.greatest(middle - around, 0.0),
        f"{name}_high": ibis.least(middle + around, 1.0),
    }


def _evaluate_precision(context: CheckContext) -> Finding:
    rows = context.stored
    newest = rows.filter(rows.labelled_date == rows.labelled_date.max())
    measured = newest.filter(newest.slice == ALL, newest.threshold == 0, newest.links > 0)
    found = context.fetch(measured)
    # Few labels prove nothing as long as no link is wrong.
    poor = [
        row
        for row in found
        if row["correct"] < row["links"] and row["precision_low"] < WANTED_PRECISION
    ]
    return judge(
        {f"evaluations with a precision that may be below {WANTED_PRECISION:.0%}": len(poor)},
        samples=lambda: {"evaluations": context.shown(poor)},
        metadata={f"precision, version {row['rule_version']}": row["precision"] for row in found},
        advice="Too many links are wrong: look at the slices of `gold.title_link_evaluation`, and "
        "forbid wrong links with `python -m movies_assets review`, or fix the rules.",
    )


PRECISION = Check(
    name="precision",
    description=f"With 95 % likelihood at least {WANTED_PRECISION:.0%} of the links are right.",
    evaluate=_evaluate_precision,
    blocking=True,
)


@table(
    layer="gold",
    group="titles",
    contract=TitleLinkEvaluation,
    write_mode=MERGE,
    optional=(title_labels.name, source_titles.name),
    # A new evaluation replaces all rows of its day, also those of members that are gone.
    latest_version=LatestVersion(entity=("labelled_date",), order=("labelled_date",)),
    checks=(PRECISION,),
)
def title_link_evaluation(
    gold_title_links: ir.Table, bronze_title_labels: ir.Table, silver_source_titles: ir.Table
) -> ir.Table:
    """Measure the links of today against the labels; measurements of earlier days stay."""
    return evaluated(gold_title_links, bronze_title_labels, silver_source_titles)
