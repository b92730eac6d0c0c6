"""What must hold of links between titles, and what a person should look at."""

import ibis
import ibis.expr.types as ir

from movies_assets.core.check import Check, CheckContext, Finding, judge
from movies_assets.sources.titles.linking import BY_ID, KEYS, NEVER_LINKED
from movies_assets.sources.titles.overrides import FORBID

TITLE = {"source": "string", "source_id": "string"}
SHOWN = (*KEYS, "title_key", "method", "confidence")


def columns_of(layer: str, name: str, **columns: str) -> ir.Table:
    """Return columns of a stored table."""
    return ibis.table(columns, name, database=layer)


def _evaluate_links(context: CheckContext) -> Finding:
    links = context.stored
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
    return judge(
        {problem: context.count(rows) for problem, rows in wrong.items()},
        samples=lambda: {
            problem: context.sample(rows.select(*(n for n in SHOWN if n in rows.columns)))
            for problem, rows in wrong.items()
        },
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
    return judge(
        {problem: context.count(rows) for problem, rows in doubts.items()},
        samples=lambda: {problem: context.sample(rows) for problem, rows in doubts.items()},
        is_warning=True,
        advice="Look at them with `python -m movies_assets review`; a link that is wrong is "
        "forbidden there.",
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
)
