"""Show one title: what each source knows of it, and why they are taken for the same title."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from movies_assets.dashboard import addresses, charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    TableCard,
    TableRow,
    box,
    text,
)
from movies_assets.dashboard.covers import cover
from movies_assets.dashboard.filters import LONGEST, Field, State
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting
from movies_assets.serving.queries import titles as queries
from movies_assets.serving.reader import OpenSnapshot, Row

SOURCES = {
    "imdb": "IMDb", "omdb": "OMDb", "yts": "YTS", "netflix": "Netflix", "ott": "Streaming service",
}  # fmt: skip
# The attributes of a title, the column of the source of each, and how to write it.
FACTS = (
    ("Title", "title", "title_source", str),
    ("Kind", "kind", "kind_source", str.capitalize),
    ("Year", "year", "year_source", str),
    ("Running time", "runtime_minutes", "runtime_source", formatting.minutes),
    ("Genres", "genres", "genres_source", ", ".join),
)
OF_MOVIES = (("Original title", "original_title"), ("Writers", "writers"))
MOVIE = "movie"
# Among fewer movies, a place says nothing.
FEWEST_PEERS = 10
FEWEST_DAYS = 2
NO_HISTORY = "Kept of titles with 1,000 votes or more; drawn once there are two run dates"
# Likelihoods closer to 0 or 1 are not distinguished.
LEAST = 0.001


def a_key(given: str) -> str:
    """Read the key of a title: of IMDb, or of a source and its own id."""
    if not given.strip() or len(given) > LONGEST:
        raise ValueError("not a key of a title")
    return given


TITLE = Field(
    "title",
    "Title",
    a_key,
    known="SELECT 1 FROM gold.dim_title WHERE title_key = $value",
    has_chip=False,
)


@dataclass(frozen=True)
class TitleData:
    """The page's data; `about` is None if there is no title."""

    about: Row | None
    links: list[Row]
    ratings: Row | None
    available: list[Row]
    texts: list[Row]
    people: list[Row]
    movie: Row | None
    peers: Row | None
    history: list[Row]


async def resolve(snapshot: OpenSnapshot, state: State) -> State:
    """Choose the most voted title unless one is chosen; follow a key that another one replaced."""
    key = state["title"]
    if key is None:
        found = await snapshot.ask(queries.FIRST)
        return state.change(title=found[0]["title_key"]) if found else state
    replaced = await snapshot.ask(queries.CURRENT, title=key)
    return state.change(title=replaced[0]["new_key"]) if replaced else state


async def load(snapshot: OpenSnapshot, state: State) -> TitleData:
    """Load the chosen title."""
    key = state["title"]
    found = await snapshot.ask(queries.ABOUT, title=key)
    if not found:
        return TitleData(None, [], None, [], [], [], None, None, [])
    (about,) = found
    number = number_of(about["tconst"])
    links, ratings, available, texts, people, movie, peers, history = await asyncio.gather(
        snapshot.ask(queries.LINKS, title=key),
        snapshot.ask(queries.RATINGS, title=key),
        snapshot.ask(queries.AVAILABLE, title=key),
        snapshot.ask(queries.TEXTS, title=key),
        snapshot.ask(queries.PEOPLE, title=key, movie=number),
        snapshot.ask(queries.MOVIE, movie=number),
        snapshot.ask(queries.PEERS, **_peers_of(about)),
        snapshot.ask(queries.HISTORY, movie=number),
    )
    first = {"ratings": next(iter(ratings), None), "movie": next(iter(movie), None)}
    return TitleData(
        about,
        links,
        available=available,
        texts=texts,
        people=people,
        peers=peers[0],
        history=history,
        **first,
    )


def _peers_of(about: Row) -> dict[str, object]:
    """Return what a movie's rating is compared by; other titles have no peers."""
    is_movie = about["kind"] == MOVIE and about["year"] is not None and about["genres"]
    return {
        "genre": about["genres"][0] if is_movie else None,
        "decade": about["year"] // 10 * 10 if is_movie else None,
        "rating": about["rating"],
    }


def number_of(tconst: str | None) -> int | None:
    """Return the digits of an id of IMDb, by which IMDb's own tables know the title."""
    digits = (tconst or "").removeprefix("tt")
    return int(digits) if digits.isdecimal() else None


def build(_: Visit) -> Callable[[TitleData], None]:
    """Create the page's components."""
    with box("section", "card span-12 title"):
        image = ui.element("img").props('alt=""').classes("cover")
        with box("div"):
            name = text("h2", "Loading …", "name").props("dir=auto")
            note = text("p", "", "note")
            texts = box("div", "texts")
            more = ui.link("Its seasons and episodes", "/series").classes("file")
    kpis = KpiCards(["Rating", "Votes", "Among its peers", "Sources", "Offered by"])
    facts = TableCard(
        "Facts", "The first source that knows an attribute gives it.", span=6,
        columns=["Attribute", "Value", "Source"],
    )  # fmt: skip
    ratings = TableCard(
        "Ratings", "As each source states them, with the day of its statement.", span=6,
        columns=["Source", "Rating#", "Votes#", "As of"],
    )  # fmt: skip
    votes = ChartCard(
        "Votes over time", "At IMDb, by run date of its dumps; a gap is a day without one.",
        span=6, height=220, pick=None,
    )  # fmt: skip
    rated = ChartCard("Rating over time", "At IMDb, likewise.", span=6, height=220, pick=None)
    links = TableCard(
        "Why these are one title", "Each row of a source, and the proof that it is this title.",
        columns=["Source", "Its name", "Linked by", "Evidence", "Confidence#", "Next best"],
        opens=5,
    )  # fmt: skip
    people = TableCard(
        "People", "As the sources name them.", span=6,
        columns=["Name", "Role", "Sources"],
    )  # fmt: skip
    offers = TableCard(
        "Where it is", "Sources that list it, and since when.", span=6,
        columns=["Source", "Since", "Listed as#"],
    )  # fmt: skip

    def show(data: TitleData) -> None:
        about = data.about
        name.set_text(about["title"] or "Without a name" if about else "No titles")
        note.set_text(describe(about) if about else "Run the job `titles`, then publish.")
        image.props["src"] = (
            cover(about["title"] or "?", formatting.year(about["year"])) if about else ""
        )
        image.set_visibility(about is not None)
        texts.clear()
        with texts:
            for row in data.texts:
                text("p", row["description"]).props("dir=auto")
                text("p", f"From {SOURCES[row['source']]}.", "note")
        series = number_of(about["tconst"]) if about and about["kind"] == "series" else None
        more.set_visibility(series is not None)
        more.props["href"] = addresses.series(series or 0)
        kpis.show(figures(data))
        facts.show(fact_rows(about, data.movie) if about else "No title")
        ratings.show(rating_rows(data) or "No source rates it")
        for drawn, column in ((votes, "votes"), (rated, "rating")):
            drawn.show(history_line(data.history, column) or NO_HISTORY)
        links.show(link_rows(data.links) or "IMDb alone knows it: there is nothing to link")
        people.show(people_rows(data.people) or "No source names people")
        offers.show(offer_rows(data.available) or "No other source lists it")

    return show


def describe(about: Row) -> str:
    """Describe a title in one line."""
    parts = [
        (about["kind"] or "kind unknown").capitalize(),
        formatting.year(about["year"]) if about["year"] else "year unknown",
        ", ".join(about["genres"] or []) or "genres unknown",
        about["title_key"],
    ]
    return " · ".join(parts)


def figures(data: TitleData) -> list[Kpi]:
    """Return the key figures; what no source knows is a dash."""
    about = data.about
    if about is None:
        return [Kpi(formatting.NONE)] * 5
    return [
        Kpi(formatting.decimal(about["rating"]), "of 10, at IMDb"),
        Kpi(formatting.short(about["votes"]), f"{formatting.count(about['votes'])} at IMDb"),
        _place(about, data.peers),
        Kpi(formatting.count(about["sources_count"]), "that know it"),
        Kpi(formatting.count(len(data.available)), "sources list it, beside IMDb"),
    ]


def _place(about: Row, peers: Row | None) -> Kpi:
    if about["rating"] is None or not peers or peers["movies"] < FEWEST_PEERS:
        return Kpi(formatting.NONE, "too few known movies of its genre and decade")
    decade = f"{about['year'] // 10 * 10}s"
    return Kpi(
        formatting.percent(peers["lower"] / peers["movies"]),
        f"of {formatting.plural(peers['movies'], 'known movie')} of the {decade} in "
        f"{about['genres'][0]} have a lower rating",
    )


def fact_rows(about: Row, movie: Row | None) -> list[TableRow]:
    """Return the attributes of a title, each with its source; those of movies where they are known.

    Args:
        about: the title.
        movie: what IMDb knows of it as a movie.
    """
    rows = [
        (
            label,
            formatting.NONE if about[name] is None else write(about[name]),
            SOURCES.get(about[source], formatting.NONE),
        )
        for label, name, source, write in FACTS
    ]
    if about["is_runtime_disputed"]:
        rows.append(("Running time", "two sources differ by more than 10 %", formatting.NONE))
    rows += [
        (label, movie[name], SOURCES["imdb"]) for label, name in OF_MOVIES if movie and movie[name]
    ]
    if movie and movie["is_oscar_winner"]:
        rows.append(("Oscar", "an alternate title names one", SOURCES["imdb"]))
    return [(row, None) for row in rows]


def rating_rows(data: TitleData) -> list[TableRow]:
    """Return the rating that each source states."""
    row = data.ratings or {}
    return [
        (
            (
                f"{SOURCES[source]}{'' if source == 'imdb' else ', of IMDb'}",
                formatting.decimal(row[f"{source}_rating"]),
                formatting.count(row["imdb_votes"]) if source == "imdb" else formatting.NONE,
                str(row[f"{source}_date"] or formatting.NONE),
            ),
            None,
        )
        for source in ("imdb", "yts", "ott")
        if row.get(f"{source}_rating") is not None
    ]


def history_line(rows: list[Row], column: str) -> Figure | None:
    """Draw the votes, or the rating, by day; None of fewer than two days."""
    if sum(row[column] is not None for row in rows) < FEWEST_DAYS:
        return None
    write = formatting.count if column == "votes" else formatting.decimal
    days = [f"{row['day']:%-d %b %Y}" for row in rows]
    points = [
        Point(row[column], f"{day}\n{write(row[column])}")
        for row, day in zip(rows, days, strict=True)
    ]
    formatter = charts.COMPACT if column == "votes" else charts.DECIMAL
    return Figure(
        charts.lines(days, {column.capitalize(): points}, formatter=formatter),
        f"Line: {column} from {days[0]} to {days[-1]}, at last {write(rows[-1][column])}.",
        ["Day", f"{column.capitalize()}#"],
        [(day, write(row[column])) for row, day in zip(rows, days, strict=True)],
    )


def link_rows(links: list[Row]) -> list[TableRow]:
    """Return the links of a title, with their evidence in words."""
    return [(_link(row), _rival_address(row)) for row in links]


def _link(row: Row) -> list[str]:
    return [
        SOURCES[row["source"]],
        row["source_title"] or row["source_id"],
        METHODS.get(row["method"], row["method"]),
        evidence(row),
        likelihood(row["confidence"]),
        rival(row),
    ]


def _rival_address(row: Row) -> str | None:
    return addresses.title(row["runner_up"]) if row["rival_title"] else None


METHODS = {
    "override": "a person's decision",
    "id": "the id at IMDb that it states",
    "redirected id": "an id that IMDb has replaced by this one",
    "stated id": "an id that only the source knows",
    "people": "the same people",
    "none": "nothing: no candidate at IMDb is sure enough, or there is none",
}


def evidence(link: Row) -> str:
    """Return what both sides of a link have in common, and what they do not."""
    parts = [
        None if link["name"] is None else f"the name “{link['name']}”",
        _apart(link["year_difference"], "year", "the same year"),
        _apart(link["runtime_difference"], "minute", "the same running time"),
        None
        if link["rating_difference"] is None
        else f"ratings {formatting.decimal(link['rating_difference'])} apart",
        None
        if link["shared_people"] is None
        else formatting.plural(link["shared_people"], "person", "people") + " in common",
        None
        if (link["rivals"] or 0) <= 1
        else f"{link['rivals']} candidates of that name within a year",
    ]
    return ", ".join(part for part in parts if part) or formatting.NONE


def _apart(difference: int | None, unit: str, same: str) -> str | None:
    if difference is None:
        return None
    return f"{formatting.plural(difference, unit)} apart" if difference else same


def rival(link: Row) -> str:
    """Return the best other candidate."""
    if link["runner_up"] is None:
        return formatting.NONE
    name = link["rival_title"] or link["runner_up"]
    year = f" ({link['rival_year']})" if link["rival_year"] else ""
    return f"{name}{year}, {likelihood(link['runner_up_confidence'])}"


def likelihood(value: float | None) -> str:
    """Format how likely a link is; what is not certain is never 0 or 100 %."""
    if value is not None and 0 < value < LEAST:
        return f"under {formatting.percent(LEAST, 1)}"
    if value is not None and 1 - LEAST < value < 1:
        return f"over {formatting.percent(1 - LEAST, 1)}"
    return formatting.percent(value, 1)


def people_rows(people: list[Row]) -> list[TableRow]:
    """Return the people of a title, each name once in each role."""
    found: dict[tuple[str, str], tuple[str, list[str]]] = {}
    for row in people:
        named = found.setdefault((row["role"], row["person"].lower()), (row["person"], []))
        named[1].append(SOURCES[row["source"]])
    return [
        ((name, role, ", ".join(dict.fromkeys(sources))), addresses.person(name))
        for (role, _), (name, sources) in found.items()
    ]


def offer_rows(available: list[Row]) -> list[TableRow]:
    """Return the sources that list a title."""
    return [
        (
            (
                SOURCES[row["source"]],
                str(row["since_date"] or formatting.NONE),
                formatting.plural(row["listings"], "title"),
            ),
            None,
        )
        for row in available
    ]


PAGE = Page(
    path="/title",
    title="Title",
    summary="One title, whatever sources know it: facts, ratings, people, and why it was linked.",
    fields=(TITLE,),
    slicers=(),
    load=load,
    build=build,
    entity=TITLE,
    resolve=resolve,
    is_listed=False,
)
