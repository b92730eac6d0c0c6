"""Show the titles that name a person: in IMDb's credits of movies, and at Netflix."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from movies_assets.dashboard import addresses
from movies_assets.dashboard.components import Kpi, KpiCards, TableCard, TableRow, box, text
from movies_assets.dashboard.filters import LONGEST, Field, State
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.dashboard.pages.title import SOURCES
from movies_assets.serving import formatting
from movies_assets.serving.queries import titles as queries
from movies_assets.serving.reader import OpenSnapshot, Row


def a_name(given: str) -> str:
    """Read a name, without case.

    Raises:
        ValueError: it is none.
    """
    if not given.strip() or len(given) > LONGEST:
        raise ValueError("not a name")
    return given.strip().lower()


PERSON = Field("person", "Person", a_name, has_chip=False)


@dataclass(frozen=True)
class PersonData:
    """The page's data: the chosen name, in lower case, and a row a title, role and source."""

    name: str | None
    credits: list[Row]


async def resolve(snapshot: OpenSnapshot, state: State) -> State:
    """Choose the person with most titles at Netflix unless one is chosen."""
    if state["person"] is None:
        found = await snapshot.ask(queries.MOST_CREDITED)
        return state.change(person=found[0]["person_key"] if found else None)
    return state


async def load(snapshot: OpenSnapshot, state: State) -> PersonData:
    """Load the titles of the chosen person."""
    if state["person"] is None:
        return PersonData(None, [])
    return PersonData(state["person"], await snapshot.ask(queries.CREDITS, person=state["person"]))


def build(_: Visit) -> Callable[[PersonData], None]:
    """Create the page's components."""
    with box("section", "card span-12"):
        name = text("h2", "Loading …", "name").props("dir=auto")
        text(
            "p",
            "All titles that name a person so. Two people of one name are one here, and one person "
            "of two names is two.",
            "note",
        )
    kpis = KpiCards(["Titles", "As director", "As actor", "Mean rating", "Best rating"])
    titles = TableCard(
        "Titles", "The best rated first. Of IMDb's names: directors and top actors of movies.",
        columns=["Title", "Kind", "Year#", "Role", "Rating#", "Votes#", "Named by"],
    )  # fmt: skip

    def show(data: PersonData) -> None:
        name.set_text(spelling(data))
        kpis.show(figures(data.credits))
        titles.show(title_rows(data.credits) or "No title names such a person")

    return show


def spelling(data: PersonData) -> str:
    """Return the name as the sources write it most often."""
    written = [row["person"] for row in data.credits]
    return max(sorted(set(written)), key=written.count) if written else data.name or "No people"


def figures(credits_: Sequence[Row]) -> list[Kpi]:
    """Return the key figures; each title counts once."""
    titles = {row["title_key"]: row for row in credits_}
    roles = {
        role: {row["title_key"] for row in credits_ if row["role"] == role}
        for role in ("director", "actor")
    }
    ratings = [row["rating"] for row in titles.values() if row["rating"] is not None]
    return [
        Kpi(formatting.count(len(titles)), "that name such a person"),
        *(Kpi(formatting.count(len(found)), "titles") for found in roles.values()),
        Kpi(
            formatting.decimal(sum(ratings) / len(ratings) if ratings else None),
            f"of {formatting.plural(len(ratings), 'rated title')}",
        ),
        Kpi(formatting.decimal(max(ratings, default=None)), "of 10, at IMDb"),
    ]


def title_rows(credits_: Sequence[Row]) -> list[TableRow]:
    """Return a row a title and role, with the sources that name it."""
    named: dict[tuple[str, str], list[Row]] = {}
    for row in credits_:
        named.setdefault((row["title_key"], row["role"]), []).append(row)
    return [
        (
            (
                rows[0]["title"] or key,
                (rows[0]["kind"] or "unknown").capitalize(),
                formatting.year(rows[0]["year"]),
                role,
                formatting.decimal(rows[0]["rating"]),
                formatting.count(rows[0]["votes"]),
                ", ".join(dict.fromkeys(SOURCES[row["source"]] for row in rows)),
            ),
            addresses.title(key),
        )
        for (key, role), rows in named.items()
    ]


PAGE = Page(
    path="/person",
    title="Person",
    summary="One name, and all titles that name it.",
    fields=(PERSON,),
    slicers=(),
    load=load,
    build=build,
    entity=PERSON,
    resolve=resolve,
    is_listed=False,
)
