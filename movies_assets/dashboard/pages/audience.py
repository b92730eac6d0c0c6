"""Show the audience of the streaming service: views, genres, and recommendations.

Single users are identified by a keyed hash only, and cannot be downloaded.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from movies_assets.dashboard import addresses, charts
from movies_assets.dashboard.charts import Figure, Point
from movies_assets.dashboard.components import (
    ChartCard,
    Kpi,
    KpiCards,
    Option,
    Picker,
    Scope,
    TableCard,
    TableRow,
    box,
    text,
)
from movies_assets.dashboard.filters import GENRE, Field, State, matching
from movies_assets.dashboard.layout import Page, Visit
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import audience as queries
from movies_assets.serving.reader import OpenSnapshot, Row

# Key figures of the service's users, whatever was watched.
USERS = ("Registered users", "Users with recommendations")
DAY_FORM = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def a_day(text_: str) -> str:
    """Parse a day of the address, YYYY-MM-DD.

    Raises:
        ValueError: it is not a day.
    """
    if not DAY_FORM.fullmatch(text_):
        raise ValueError("not a day")
    return date.fromisoformat(text_).isoformat()


def show_day(day: str) -> str:
    """Format a day: `21 Nov 2026`."""
    return f"{date.fromisoformat(day):%-d %b %Y}"


DAY = Field(
    "day", "Day", a_day, show=show_day,
    known="SELECT 1 FROM gold.ott_popular_movies WHERE period = $value LIMIT 1",
)  # fmt: skip
USER = Field(
    "user", "User", matching("[0-9a-f]{1,64}"), has_chip=False,
    known="SELECT 1 FROM gold.ott_dim_user WHERE user_key = $value",
)  # fmt: skip

STRATEGIES = {
    "preferred_genres": "By preferred genres, as above",
    "popularity": "The most viewed",
    "random": "By chance",
}

# The genres of the slicer, which the service writes in lower case.
ENGAGEMENT = """
    SELECT g.genre AS name, e.users_preferring, e.viewers, e.views, e.minutes, e.average_score
    FROM gold.ott_genre_engagement AS e JOIN prepared.genres AS g ON lower(g.genre) = e.genre
    ORDER BY e.minutes DESC NULLS LAST, name"""


@dataclass(frozen=True)
class AudienceData:
    """The page's data; without users, `user` is None."""

    state: State
    watched: Row
    engagement: list[Row]
    by_day: list[Row]
    popular: list[Row]
    user: Row | None
    recommended: list[Row]
    evaluated: list[Row]


async def load(snapshot: OpenSnapshot, state: State) -> AudienceData:
    """Load the page's data, with the first user unless one is chosen."""
    user = state["user"]
    if user is None:
        user = (await snapshot.ask(queries.FIRST_USER))[0]["user_key"]
    chosen = {"genre": state["genre"], "day": state["day"], "user": user}
    (watched,), engagement, by_day, popular, about, recommended, evaluated = await asyncio.gather(
        snapshot.ask(queries.FIGURES, **chosen),
        snapshot.ask(ENGAGEMENT),
        snapshot.ask(queries.BY_DAY, **chosen),
        snapshot.ask(queries.POPULAR, **chosen),
        snapshot.ask(queries.ABOUT_USER, **chosen),
        snapshot.ask(queries.RECOMMENDED, **chosen),
        snapshot.ask(queries.EVALUATED),
    )
    user_row = about[0] if about else None
    return AudienceData(
        state, watched, engagement, by_day[::-1], popular, user_row, recommended, evaluated
    )


async def search(snapshot: OpenSnapshot, sought: str) -> list[Option]:
    """Search users by the beginning of their key, by country, or by a preferred genre."""
    rows = await snapshot.ask(queries.SEARCH, text=sought.strip())
    return [
        Option(
            row["user_key"],
            row["user_key"],
            " · ".join(filter(None, [row["country"], ", ".join(row["preferred_genres"] or [])])),
        )
        for row in rows
    ]


def build(visit: Visit) -> Callable[[AudienceData], None]:
    """Create the page's components."""

    async def hits(sought: str) -> list[Option]:
        return await search(await visit.snapshot(), sought)

    about_users = Scope(ignores=(DAY, GENRE))
    kpis = KpiCards(
        ["Views", "Titles watched", "Views per title", *USERS], dict.fromkeys(USERS, about_users)
    )
    days = ChartCard(
        "Views per day", "Watch events by day (UTC); a gap is a day without any. Click a bar to "
        "choose its day.",
        span=7, height=320, pick=visit.toggle, scope=Scope(marks=(DAY,)),
    )  # fmt: skip
    genres = ChartCard(
        "Hours watched by genre", "A title of two genres counts in both. Click a bar to filter.",
        span=5, height=320, pick=visit.toggle, scope=Scope(ignores=(DAY,), marks=(GENRE,)),
    )  # fmt: skip
    engagement = TableCard(
        "Engagement by genre", "Registered users who prefer a genre, and viewers of its titles. "
        "Viewers may have left the service since, so there can be more of them than registered "
        "users.",
        span=6, pick=visit.toggle, scope=Scope(ignores=(DAY,)),
        columns=["Genre", "Users who prefer it#", "Viewers#", "Views#", "Hours#", "Mean score#"],
    )  # fmt: skip
    popular = TableCard(
        "Popular movies", "By viewers, then views; over all days unless one is chosen.", span=6,
        columns=["#", "Title", "Premiere#", "Viewers#", "Views#", "Score#"], opens=1,
    )  # fmt: skip
    with box("section", "card span-12 about"):
        picker = Picker(
            "Search a user by key, country or genre", hits, lambda key: visit.change(user=key)
        )
        with box("div"):
            name = text("h2", "Loading …", "name")
            note = text("p", "", "note")
    recommended = TableCard(
        "Recommendations", "For the user above: unwatched titles, with the reason.",
        scope=Scope(ignores=(DAY,)),
        columns=["#", "Title", "Premiere#", "Genre", "Score#", "Reason"], opens=1,
    )  # fmt: skip
    evaluated = TableCard(
        "How good recommendations are", "Of ten recommended titles, those that users went on to "
        "watch, in the last fifth of the events; by chance and by popularity for comparison.",
        scope=Scope(ignores=(DAY, GENRE)),
        columns=["Strategy", "Users#", "Precision#", "Recall#", "NDCG#", "Catalogue covered#"],
    )  # fmt: skip

    def show(data: AudienceData) -> None:
        none = nothing(data.state)
        kpis.show(figures(data.watched))
        days.show(day_bars(data) or none)
        genres.show(genre_bars(data) or none)
        engagement.show(engagement_rows(data) or none)
        popular.show(popular_rows(data.popular) or none, data.watched["titles"])
        picker.show(data.user["user_key"] if data.user else "")
        name.set_text(f"User {data.user['user_key']}" if data.user else "No users")
        note.set_text(describe(data.user) if data.user else "There is no data about users.")
        recommended.show(recommended_rows(data.recommended) or no_recommendations(data.state))
        evaluated.show(
            evaluated_rows(data.evaluated)
            or "Not evaluated yet: the job `evaluate_recommendations` does it"
        )

    return show


def nothing(state: State) -> str:
    """Return the text for an empty result."""
    of = f" of {show_day(state['day'])}" if state["day"] else ""
    return f"No views{of}" + (f" in {state['genre']}" if state["genre"] else "")


def no_recommendations(state: State) -> str:
    """Return the text for a user without recommendations."""
    return "No recommendations" + (f" in {state['genre']}" if state["genre"] else "")


def describe(user: Row) -> str:
    """Describe a user in one line."""
    liked = ", ".join(user["preferred_genres"] or [])
    since = f"since {user['signup_date']:%-d %b %Y}" if user["signup_date"] else ""
    return " · ".join(
        filter(
            None,
            [user["country"], since, f"prefers {liked}" if liked else "preferred genres unknown"],
        )
    )


def figures(watched: Row) -> list[Kpi]:
    """Return the cards of key figures."""
    views, titles = watched["views"], watched["titles"]
    return [
        Kpi(formatting.count(views), "watch events"),
        Kpi(formatting.count(titles), "with a view or more"),
        Kpi(formatting.decimal(views / titles if titles else None), "on average"),
        Kpi(formatting.count(watched["users"]), "on the service's newest list"),
        Kpi(formatting.count(watched["served"]), "with unwatched titles to recommend"),
    ]


def day_bars(data: AudienceData) -> Figure | None:
    """Draw the views of each day; a day without any is a gap."""
    if not any(row["views"] for row in data.by_day):
        return None
    chosen = data.state["day"]
    picks = [{"day": row["day"]} if row["views"] else {} for row in data.by_day]
    points = [
        Point(None, "")
        if row["views"] is None
        else Point(
            row["views"],
            f"{show_day(row['day'])}\n{formatting.plural(row['views'], 'view')}",
            pick,
            faded=chosen not in {None, row["day"]},
        )
        for row, pick in zip(data.by_day, picks, strict=True)
    ]
    days = [show_day(row["day"]) for row in data.by_day]
    return Figure(
        charts.bars([day.rpartition(" ")[0] for day in days], points, unit="Views"),
        f"Bars: views per day from {days[0]} to {days[-1]}.",
        ["Day", "Views#"],
        [(day, formatting.count(row["views"])) for day, row in zip(days, data.by_day, strict=True)],
        picks,
    )


def genre_bars(data: AudienceData) -> Figure | None:
    """Draw the hours watched by genre."""
    rows = [row for row in data.engagement if row["minutes"]][:15]
    if not rows:
        return None
    chosen = data.state["genre"]
    picks = [{"genre": row["name"]} for row in rows]
    points = [
        Point(
            round(row["minutes"] / 60),
            f"{row['name']}\n{formatting.count(row['minutes'] / 60)} hours, "
            f"{formatting.plural(row['viewers'], 'viewer')}",
            pick,
            faded=chosen not in {None, row["name"]},
            color=theme.genre_color(row["name"]),
        )
        for row, pick in zip(rows, picks, strict=True)
    ]
    return Figure(
        charts.bars([row["name"] for row in rows], points, horizontal=True),
        f"Bars: hours watched of {formatting.plural(len(rows), 'genre')}; "
        f"the most of {rows[0]['name']}.",
        ["Genre", "Hours#"],
        [(row["name"], formatting.count(row["minutes"] / 60)) for row in rows],
        picks,
    )


def engagement_rows(data: AudienceData) -> list[TableRow]:
    """Return the engagement by genre as a table, or that with the chosen genre."""
    chosen = data.state["genre"]
    return [
        (
            (
                row["name"],
                formatting.count(row["users_preferring"]),
                formatting.count(row["viewers"]),
                formatting.count(row["views"]),
                formatting.count(None if row["minutes"] is None else row["minutes"] / 60),
                formatting.decimal(row["average_score"]),
            ),
            {"genre": row["name"]},
        )
        for row in data.engagement
        if chosen in {None, row["name"]}
    ]


def popular_rows(rows: list[Row]) -> list[TableRow]:
    """Return the popular titles as a table; ranks count all titles."""
    return [
        (
            (
                str(row["rank"]),
                row["title"],
                formatting.year(row["premiered"]),
                formatting.count(row["viewers"]),
                formatting.count(row["views"]),
                formatting.decimal(row["imdb_score"]),
            ),
            addresses.found(row["page"]),
        )
        for row in rows
    ]


def recommended_rows(rows: list[Row]) -> list[TableRow]:
    """Return a user's recommendations as a table."""
    return [
        (
            (
                str(row["rank"]),
                row["title"],
                formatting.year(row["premiered"]),
                row["genre"],
                formatting.decimal(row["score"]),
                row["reason"],
            ),
            addresses.found(row["page"]),
        )
        for row in rows
    ]


def evaluated_rows(rows: list[Row]) -> list[TableRow]:
    """Return how good each strategy is, on views that it did not know."""
    return [
        (
            (
                str(STRATEGIES.get(row["strategy"], row["strategy"])),
                formatting.count(row["users"]),
                formatting.percent(row["precision_at_10"], 1),
                formatting.percent(row["recall_at_10"], 1),
                formatting.decimal(row["ndcg_at_10"], 3),
                formatting.percent(row["catalogue_coverage"], 1),
            ),
            None,
        )
        for row in rows
    ]


PAGE = Page(
    path="/audience",
    title="Audience",
    summary="What users of the streaming service watch and prefer, and recommendations for each.",
    fields=(DAY, USER),
    slicers=(GENRE,),
    load=load,
    build=build,
)
