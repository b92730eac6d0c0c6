"""Search everything that has a page, for the field in the header."""

from movies_assets.dashboard import addresses
from movies_assets.dashboard.components import Option
from movies_assets.serving import formatting
from movies_assets.serving.queries.titles import SEARCH
from movies_assets.serving.reader import OpenSnapshot, Row

SHORTEST = 2
OTHERS = {"person": addresses.person, "table": addresses.table}


async def search(snapshot: OpenSnapshot, sought: str) -> list[Option]:
    """Return what has a text in its name: titles first, those that begin with it before others.

    The value of an option is the address of its page.
    """
    if len(sought.strip()) < SHORTEST:
        return []
    rows = await snapshot.ask(SEARCH, text=sought.strip())
    return [_option(row) for row in rows]


def _option(row: Row) -> Option:
    if row["what"] in OTHERS:
        return Option(OTHERS[row["what"]](row["key"]), row["label"], row["what"])
    parts = [
        (row["kind"] or "kind unknown").capitalize(),
        str(row["year"] or "year unknown"),
        "votes unknown" if row["votes"] is None else f"{formatting.short(row['votes'])} votes",
    ]
    return Option(addresses.title(row["key"]), row["label"] or row["key"], " · ".join(parts))
