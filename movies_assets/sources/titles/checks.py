"""What must hold of links between titles, and what a person should look at."""

from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.sources.shared.quality import PROFILES, DataQualitySnapshot
from movies_assets.sources.titles.linking import BY_ID, KEYS, NEVER_LINKED
from movies_assets.sources.titles.overrides import FORBID

TITLE = {"source": "string", "source_id": "string"}
# Points by which the share of linked titles may fall from one run to the next.
ALLOWED_FALL = 2
SHOWN = (*KEYS, "title_key", "tconst", "method", "confidence")


def columns_of(layer: str, name: str, **columns: str) -> ir.Table:
    """Return columns of a stored table."""
    return ibis.table(columns, name, database=layer)


def judge_rows(
    context: CheckContext, wrong: Mapping[str, ir.Table], *, advice: str, is_warning: bool = False
) -> Finding:
    """Count the rows that show each problem, and show some of them."""
    return judge(
        {problem: context.count(rows) for problem, rows in wrong.items()},
        samples=lambda: {problem: context.sample(rows) for problem, rows in wrong.items()},
        advice=advice,
        is_warning=is_warning,
    )


def _evaluate_links(context: CheckContext) -> Finding:
    links = context.stored.select(*SHOWN)
    titles = columns_of("silver", "source_titles", **TITLE)
    imdb = columns_of("silver", "imdb_titles", tconst="string", title_type="string")
    alias = columns_of("gold", "title_id_alias", old_tconst="string")
    decisions = columns_of("bronze", "title_overrides", **TITLE, tconst="string", decision="string")
    forbidden = decisions.filter(decisions.decision == FORBID)
    wrong = {
        "titles of sources without a link": titles.anti_join(links, KEYS),
        "links of titles that no source lists": links.anti_join(titles, KEYS),
        "links to an episode or a game": links.semi_join(
            imdb.filter(imdb.title_type.isin(NEVER_LINKED)), "tconst"
        ),
        "links to an id that IMDb has merged": links.semi_join(
            alias, links.title_key == alias.old_tconst
        ),
        "links that a person has forbidden": links.semi_join(forbidden, [*KEYS, "tconst"]),
    }
    return judge_rows(
        context,
        wrong,
        advice="The links are not what the rules promise: run `titles` again. If that does not "
        "help, the rules have a fault.",
    )


def _evaluate_doubts(context: CheckContext) -> Finding:
    links = context.stored
    repeated = links.filter(links.tconst.notnull()).group_by("source", "title_key")
    repeated = repeated.aggregate(titles=ibis._.count()).filter(ibis._.titles > 1)
    contradicted = links.filter(
        links.method == BY_ID, links.name.isnull(), links.year_difference > 1
    )
    doubts = {
        "titles that one source lists several times": repeated,
        "stated ids whose title and year are others": contradicted.select(*SHOWN),
    }
    return judge_rows(
        context,
        doubts,
        is_warning=True,
        advice="Look at them with `python -m movies_assets review`; a link that is wrong is "
        "forbidden there.",
    )


def _profiled(context: CheckContext, column: str) -> Mapping[str, Any] | None:
    """Return the newest profile of a column of the table; None if there is none.

    It is of the former run, as a run profiles its tables after their checks.
    """
    if not context.engine.has(PROFILES):
        return None
    profiles = DataQualitySnapshot.table(PROFILES)
    found = profiles.filter(
        profiles.table_name == context.table.name, profiles.column_name == column
    )
    return next(iter(context.fetch(found.order_by(found.profiled_at.desc()).limit(1))), None)


def _evaluate_share(context: CheckContext) -> Finding:
    # A link to a title of IMDb has a confidence; an id that only its source knows has none.
    (now,) = context.fetch(
        context.stored.aggregate(
            row_count=context.stored.count(), null_count=context.stored.confidence.isnull().sum()
        )
    )
    before = _profiled(context, "confidence")
    shares = {
        when: 100 * (1 - counts["null_count"] / counts["row_count"])
        for when, counts in (("before", before), ("now", now))
        if counts and counts["row_count"]
    }
    fall = round(shares.get("before", 0) - shares.get("now", 100), 6)
    return judge(
        {"points lost in the share of linked titles": round(fall) if fall >= ALLOWED_FALL else 0},
        metadata={f"percent linked {when}": share for when, share in shares.items()},
        is_warning=True,
        advice="Check whether a source or IMDb's dumps changed, and compare the links by method; "
        "if the titles are new and not in IMDb, nothing needs to be done.",
    )


def _evaluate_queue(context: CheckContext) -> Finding:
    before, now = _profiled(context, "candidate"), context.count(context.stored)
    more = max(now - before["row_count"], 0) if before else 0
    return judge(
        {"candidates more to decide on than after the former run": more},
        metadata={"candidates": now},
        samples=lambda: {
            "likeliest": context.sample(context.stored.order_by(ibis.desc("probability")))
        },
        is_warning=True,
        advice="Decide on them with `python -m movies_assets review --decide`.",
    )


LINK_CHECKS = (
    Check(
        name="links",
        description="Every title of a source has one link, none leads to an episode, a game or an "
        "id that IMDb has merged, and none is forbidden.",
        evaluate=_evaluate_links,
        blocking=True,
    ),
    Check(
        name="doubts",
        description="No source lists a title twice, and no stated id is that of another title "
        "(warns).",
        evaluate=_evaluate_doubts,
    ),
    Check(
        name="share_linked",
        description="The share of titles that are linked to a title of IMDb is at most "
        f"{ALLOWED_FALL} points lower than after the former run (warns).",
        evaluate=_evaluate_share,
    ),
)
REVIEW_CHECKS = (
    Check(
        name="queue",
        description="There are no more candidates to decide on than after the former run (warns).",
        evaluate=_evaluate_queue,
    ),
)
