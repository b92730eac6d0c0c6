"""Read what persons know of links: their decisions, and labelled titles."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import ibis.expr.datatypes as dt
import pandas as pd

from movies_assets.core.check import Check, CheckContext, Finding
from movies_assets.core.contract import BronzeContract, column
from movies_assets.core.table import Key, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.titles.checks import TITLE, columns_of, judge_rows
from movies_assets.sources.titles.linking import linkable
from movies_assets.sources.titles.overrides import DECISIONS, FORBID, FORCE
from movies_assets.sources.titles.resources import TitleLabels, TitleOverrides

SOURCE_TITLES, IMDB_TITLES = "source_titles", "imdb_titles"
# The origin of labels that no file has.
SAMPLE = "sample"


class BronzeTitleOverrides(BronzeContract):
    """One row per decision of a person on whether two titles are one."""

    # The base contract has an attribute of this name.
    of_source: str = column(
        "The source of the title.", key=True, alias="source", compression="dictionary"
    )
    source_id: str = column("The source's id of the title.", key=True)
    tconst: str = column("IMDb's id of the title that it is, or is not.", key=True)
    decision: str = column("Force or forbid.", isin=DECISIONS, compression="dictionary")
    decided_by: str = column("Who decided.")
    reason: str = column("Why it was decided.")
    line_number: int = column("Line of the file.", ge=2)


def _evaluate_ids(context: CheckContext) -> Finding:
    stored = context.stored.select("line_number", *TITLE, "tconst", "decision")
    titles = columns_of("silver", SOURCE_TITLES, **TITLE, stated_tconst="string")
    imdb = columns_of("silver", IMDB_TITLES, tconst="string", title_type="string")
    forced = stored.filter(stored.decision == FORCE)
    # IMDb may not list an id that a source states, and that is no title's.
    forbidden = stored.filter(stored.decision == FORBID).anti_join(imdb, "tconst")
    lines = {
        "decisions on titles that no source lists": stored.anti_join(
            titles, ["source", "source_id"]
        ),
        "forced ids that IMDb does not list as a title": forced.anti_join(linkable(imdb), "tconst"),
        "forbidden ids that neither IMDb nor a source knows": forbidden.anti_join(
            titles, forbidden.tconst == titles.stated_tconst
        ),
    }
    return judge_rows(
        context,
        lines,
        advice="Correct these lines of the file of decisions, or remove them, and run `titles` "
        "again.",
    )


KNOWN_IDS = Check(
    name="known_ids",
    description="Every decision is about a title that its source lists, and an id that is known.",
    evaluate=_evaluate_ids,
    blocking=True,
)


@table(
    layer="bronze",
    group="titles",
    contract=BronzeTitleOverrides,
    write_mode=OVERWRITE,
    # What the check looks at.
    deps=(Key("silver", SOURCE_TITLES), Key("silver", IMDB_TITLES)),
    optional=(f"silver.{IMDB_TITLES}",),
    checks=(KNOWN_IDS,),
)
def title_overrides(
    context: dg.AssetExecutionContext, title_overrides: TitleOverrides
) -> pd.DataFrame:
    """Load the decisions, replacing the earlier ones."""
    rows = [(*decision, line) for line, decision in title_overrides.read()]
    return _frame(rows, BronzeTitleOverrides, title_overrides.path, context.run_id)


class BronzeTitleLabels(BronzeContract):
    """One row per labelled title of a source: which title of IMDb it is."""

    # The base contract has an attribute of this name.
    of_source: str = column(
        "The source of the title.", key=True, alias="source", compression="dictionary"
    )
    source_id: str = column("The source's id of the title.", key=True)
    tconst: str = column("IMDb's id of the title; NULL where IMDb has none.", nullable=True)
    labelled_date: dt.Date = column("UTC day on which the labels were read.")


@table(layer="bronze", group="titles", contract=BronzeTitleLabels, write_mode=OVERWRITE)
def title_labels(context: dg.AssetExecutionContext, title_labels: TitleLabels) -> pd.DataFrame:
    """Load the labels, replacing the earlier ones."""
    return _frame(title_labels.read(), BronzeTitleLabels, title_labels.path, context.run_id)


def _frame(
    rows: Sequence[tuple[Any, ...]], contract: type[BronzeContract], path: Path | None, run_id: str
) -> pd.DataFrame:
    """Return the rows of a file in the columns of its contract, with their origin."""
    origin = [*BronzeContract.types()]
    columns = [name for name in contract.types() if name not in origin]
    frame = pd.DataFrame(rows, columns=columns, dtype=object)
    return frame.assign(_ingested_at=datetime.now(UTC), _source=str(path or SAMPLE), _run_id=run_id)
