"""Read what persons know of links: their decisions, and labelled titles."""

import ibis
import ibis.expr.datatypes as dt
import pandas as pd

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.core.contract import Contract, column
from movies_assets.core.table import Key, table
from movies_assets.core.write_mode import OVERWRITE
from movies_assets.sources.titles.linking import linkable
from movies_assets.sources.titles.overrides import DECISIONS, FORBID, FORCE
from movies_assets.sources.titles.resources import TitleLabels, TitleOverrides

SOURCE_TITLES, IMDB_TITLES = "source_titles", "imdb_titles"


class BronzeTitleOverrides(Contract):
    """One row per decision of a person on whether two titles are one."""

    source: str = column("The source of the title.", key=True, compression="dictionary")
    source_id: str = column("The source's id of the title.", key=True)
    tconst: str = column("IMDb's id of the title that it is, or is not.", key=True)
    decision: str = column("force or forbid.", isin=DECISIONS, compression="dictionary")
    decided_by: str = column("Who decided.")
    reason: str = column("Why.")
    line_number: int = column("Line of the file.")


def _evaluate_ids(context: CheckContext) -> Finding:
    stored = context.stored
    titles = ibis.table(
        {"source": "string", "source_id": "string", "stated_tconst": "string"},
        SOURCE_TITLES,
        database="silver",
    )
    imdb = ibis.table({"tconst": "string", "title_type": "string"}, IMDB_TITLES, database="silver")
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
    return judge(
        {problem: context.count(rows) for problem, rows in lines.items()},
        samples=lambda: {
            problem: context.sample(rows.select("line_number", "source", "source_id", "tconst"))
            for problem, rows in lines.items()
        },
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
    checks=(KNOWN_IDS,),
)
def title_overrides(title_overrides: TitleOverrides) -> pd.DataFrame:
    """Load the decisions, replacing the earlier ones."""
    rows = [(*decision, line) for line, decision in title_overrides.read()]
    return pd.DataFrame(rows, columns=[*BronzeTitleOverrides.types()], dtype=object)


class BronzeTitleLabels(Contract):
    """One row per labelled title of a source: which title of IMDb it is."""

    source: str = column("The source of the title.", key=True, compression="dictionary")
    source_id: str = column("The source's id of the title.", key=True)
    tconst: str = column("IMDb's id of the title; NULL where IMDb has none.", nullable=True)
    labelled_date: dt.Date = column("UTC day on which the labels were read.")


@table(layer="bronze", group="titles", contract=BronzeTitleLabels, write_mode=OVERWRITE)
def title_labels(title_labels: TitleLabels) -> pd.DataFrame:
    """Load the labels, replacing the earlier ones."""
    return pd.DataFrame(title_labels.read(), columns=[*BronzeTitleLabels.types()], dtype=object)
