"""Write the report: key figures of a published snapshot as one self-contained HTML file.

It has the figures of the dashboard's pages as text and short tables, small enough for e-mail: no
scripts, images or requests. It has no data about single users. The layout is in `report.html.j2`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from movies_assets.core.durable import fsync
from movies_assets.core.thresholds import VOTES_NEEDED
from movies_assets.core.wording import sentences
from movies_assets.serving import formatting, theme
from movies_assets.serving.queries import (
    audience,
    catalogue,
    movies,
    quality,
    releases,
    series,
    titles,
)
from movies_assets.serving.reader import PARAMETER, Row
from movies_assets.warehouse.published import UNFINISHED, Published

TEMPLATE = "report.html.j2"
SUFFIX = ".html"
TOP = 10
MOST_CHECKS, MOST_REFUSED = 20, 10
# Titles and findings may have any length; the report cuts them.
LONGEST, LONGEST_FINDING = 100, 300
ELLIPSIS = "…"

Ask = Callable[..., list[Row]]


@dataclass(frozen=True)
class KeyFigure:
    """One key figure."""

    label: str
    value: str
    hint: str = ""


@dataclass(frozen=True)
class Interval:
    """A share and its bounds, drawn as a bar from `low` to `high` on an axis from `least` to 1."""

    share: float
    low: float
    high: float
    least: float

    def __str__(self) -> str:
        """Return it as text: `99.7% (99.1% to 99.9%)`."""
        share, low, high = (formatting.percent(x, 1) for x in (self.share, self.low, self.high))
        return f"{share} ({low} to {high})"

    def width(self, start: float, end: float) -> str:
        """Return how much of the axis lies between two shares, as a length of CSS."""
        return f"{100 * (end - start) / (1 - self.least):.2f}%"


@dataclass(frozen=True)
class Noted:
    """A text with a note below."""

    text: str
    note: str


@dataclass(frozen=True)
class ReportTable:
    """A short table; headings that end in `#` are of numbers, a wide table takes the full width.

    An `Interval` is drawn, and written below.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | Interval | Noted]]
    is_wide: bool = False


@dataclass(frozen=True)
class ReportSection:
    """The part of the report about a page; `empty` is shown instead if there is no data."""

    title: str
    figures: Sequence[KeyFigure]
    tables: Sequence[ReportTable]
    empty: str = ""


def write_report(published: Published) -> Path:
    """Write the report of the newest snapshot next to it.

    It holds the lock of publishing: a report of a removed snapshot would never be deleted.

    Returns:
        Its path: that of the snapshot, with the suffix `.html`.

    Raises:
        NothingPublishedError: there is no snapshot.
    """
    published.current()
    with published.alone():
        path = published.current().with_suffix(SUFFIX)
        with published.reading() as connection:
            page = render(connection)
        unfinished = path.with_name(path.name + UNFINISHED)
        unfinished.write_text(page, encoding="utf-8")
        fsync(unfinished)
        unfinished.replace(path)
        fsync(path.parent)
    return path


def render(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the report of an open snapshot, as HTML."""

    def ask(query: str, **parameters: Any) -> list[Row]:
        named = {name: parameters.get(name) for name in PARAMETER.findall(query)}
        found = connection.execute(query, named)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    # Titles are data: everything in the page is escaped.
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [section(ask) for section in SECTIONS]
    return environment.get_template(TEMPLATE).render(
        theme=theme,
        about=about(ask),
        sections=sections,
        is_empty=all(section.empty for section in sections[:-1]),
    )


def about(ask: Ask) -> Mapping[str, str]:
    """Return publishing time, version and rows of the snapshot."""
    rows = ask(quality.SNAPSHOT)
    empty: Row = {"snapshot_id": "", "published_at": None, "version": "", "rows": 0}
    empty |= {"held_back": None, "taken_at": None}
    row = rows[0] if rows else empty
    return {
        "published": formatting.instant(row["published_at"]),
        "held_back": row["held_back"] or "",
        "taken_at": formatting.instant(row["taken_at"]),
        "rows": formatting.plural(row["rows"], "row"),
        "snapshot": str(row["snapshot_id"]),
        "version": str(row["version"]),
    }


def movies_section(ask: Ask) -> ReportSection:
    """Return the section of movies."""
    (row,) = ask(movies.FIGURES)
    figures = [
        KeyFigure(
            "Movies",
            formatting.count(row["movies"]),
            f"{formatting.count(row['rated'])} of them rated",
        ),
        KeyFigure("Votes", formatting.short(row["votes"])),
        KeyFigure(
            "Average rating", formatting.decimal(row["weighted"]), "of 10, weighted by votes"
        ),
        KeyFigure("Mean rating", formatting.decimal(row["mean"]), "of 10, each movie counts once"),
        KeyFigure("Median running time", formatting.minutes(row["runtime"])),
    ]
    best = ReportTable(
        f"Top movies, {formatting.count(VOTES_NEEDED)} votes or more",
        ["Title", "Year#", "Rating#", "Votes#"],
        [
            (
                cut(each["primary_title"]),
                formatting.year(each["start_year"]),
                formatting.decimal(each["rating"]),
                formatting.count(each["votes"]),
            )
            for each in ask(movies.BEST)[:TOP]
        ],
    )
    trending = ReportTable(
        "Trending: votes gained since the run date before",
        ["Title", "Type", "Year#", "Gained#", "Rating#"],
        [
            (
                cut(each["primary_title"]),
                formatting.title_type(each["title_type"]),
                formatting.year(each["start_year"]),
                formatting.signed(each["votes_gained"], 0),
                formatting.decimal(each["rating"]),
            )
            for each in ask(movies.TRENDING)[:TOP]
        ],
    )
    return ReportSection(
        "Movies", figures, [best, trending], "" if row["movies"] else "No movies yet."
    )


def series_section(ask: Ask) -> ReportSection:
    """Return the section of series."""
    (row,) = ask(series.FIGURES)
    figures = [
        KeyFigure("Series", formatting.count(row["series"])),
        KeyFigure("Episodes", formatting.count(row["episodes"])),
        KeyFigure("Votes", formatting.short(row["votes"]), "for all episodes"),
        KeyFigure("Mean rating", formatting.decimal(row["mean"]), "of 10, of the rated series"),
    ]
    top = ReportTable(
        "Most voted series",
        ["Series", "Average#", "Binge#", "Pilot#", "Finale#", "Finale delta#"],
        [
            (
                Noted(cut(each["series_label"]), _bases(each)),
                *(
                    formatting.decimal(each[name])
                    for name in ("avg_rating", "binge_score", "pilot_rating", "finale_rating")
                ),
                formatting.signed(each["finale_delta"]),
            )
            for each in ask(series.MOST_VOTED)[:TOP]
        ],
    )
    return ReportSection("Series", figures, [top], "" if row["series"] else "No series yet.")


def _bases(row: Row) -> str:
    """Return the episodes that count as a series' pilot and finale."""
    if row["pilot_basis"] == "none":
        return "no rated episodes"
    return f"{row['pilot_basis']}, {row['finale_basis']}"


def releases_section(ask: Ask) -> ReportSection:
    """Return the section of releases."""
    (row,) = ask(releases.FIGURES)
    labels = {"titles": "Titles", **releases.TYPES}
    figures = [KeyFigure(label, formatting.count(row[name])) for name, label in labels.items()]
    newest = ReportTable(
        "The newest years",
        ["Year", "Titles#", "Movies#", "Series#"],
        [
            (
                formatting.year(each["release_year"]),
                *(formatting.count(each[name]) for name in ("titles", "movie", "series")),
            )
            for each in ask(releases.BY_YEAR)[:TOP]
        ],
    )
    return ReportSection("Releases", figures, [newest], "" if row["titles"] else "No releases yet.")


def catalogue_section(ask: Ask) -> ReportSection:
    """Return the section of Netflix's catalogue."""
    (row,) = ask(catalogue.FIGURES)
    figures = [
        KeyFigure("Titles", formatting.count(row["titles"])),
        KeyFigure("Movies", formatting.count(row["movies"])),
        KeyFigure("TV shows", formatting.count(row["shows"])),
        KeyFigure("Countries", formatting.count(row["countries"])),
        KeyFigure(
            "Median running time",
            formatting.minutes(row["minutes"]),
            f"of {formatting.plural(row['with_minutes'], 'movie')}",
        ),
        KeyFigure(
            "Seasons per show",
            formatting.decimal(row["seasons"]),
            f"mean of {formatting.plural(row['with_seasons'], 'show')}",
        ),
    ]
    tables = [
        ReportTable(
            f"Most frequent {what}",
            [column, "Titles#"],
            [(cut(each["name"]), formatting.count(each["titles"])) for each in ask(query)[:TOP]],
        )
        for what, column, query in (
            ("categories", "Category", catalogue.BY_CATEGORY),
            ("countries", "Country", catalogue.BY_COUNTRY),
        )
    ]
    return ReportSection("Catalogue", figures, tables, "" if row["titles"] else "No titles yet.")


def audience_section(ask: Ask) -> ReportSection:
    """Return the section of the streaming service's audience, without single users."""
    (row,) = ask(audience.FIGURES)
    figures = [
        KeyFigure("Views", formatting.count(row["views"])),
        KeyFigure("Titles watched", formatting.count(row["titles"])),
        KeyFigure("Registered users", formatting.count(row["users"])),
    ]
    popular = ReportTable(
        "Popular movies",
        ["Title", "Viewers#", "Views#"],
        [
            (cut(each["title"]), formatting.count(each["viewers"]), formatting.count(each["views"]))
            for each in ask(audience.POPULAR)[:TOP]
        ],
    )
    engagement = ReportTable(
        "Engagement by genre",
        ["Genre", "Viewers#", "Views#", "Minutes#"],
        [
            (cut(each["genre"]), *(formatting.count(each[name]) for name in COUNTED))
            for each in ask(audience.ENGAGEMENT)[:TOP]
        ],
    )
    is_empty = not row["views"] and not row["users"]
    return ReportSection(
        "Audience", figures, [popular, engagement], "No views yet." if is_empty else ""
    )


COUNTED = ("viewers", "views", "minutes")


def titles_section(ask: Ask) -> ReportSection:
    """Return the section of titles across sources: how many are linked, and how well."""
    (row,) = ask(titles.FIGURES)
    evaluated = ask(titles.EVALUATED)
    of_all = [each for each in evaluated if each["slice"] == "all"]
    best = of_all[0] if of_all else {}
    figures = [
        KeyFigure("Titles", formatting.count(row["titles"])),
        KeyFigure(
            "Linked to IMDb",
            formatting.percent(row["linked"] / row["listed"] if row["listed"] else None),
            f"of {formatting.plural(row['listed'], 'title')} of other sources",
        ),
        KeyFigure("To decide on", formatting.count(row["doubtful"])),
        *(
            KeyFigure(name.capitalize(), formatting.percent(best.get(name), 1), hint)
            for name, hint in (("precision", "links that are right"), ("recall", "links found"))
        ),
    ]
    lows = [
        low for each in evaluated for name in MEASURES if (low := each[f"{name}_low"]) is not None
    ]
    # A whole tenth, so that the ends of the axis have short names.
    least = math.floor(min(lows, default=0) * 10) / 10
    axis = f"{formatting.percent(least)} to 100%"
    columns = [*(f"{name.capitalize()}, {axis}" for name in MEASURES), "Labels#"]
    by_source = [(cut(each["member"]), each) for each in evaluated if each["slice"] == "source"]
    by_threshold = [(formatting.percent(each["threshold"]), each) for each in of_all]
    tables = [
        ReportTable(
            f"How good the links are, {by}",
            [heading, *columns],
            [
                (
                    label,
                    *(_interval(each, name, least) for name in MEASURES),
                    formatting.count(each["labels"]),
                )
                for label, each in rows
            ],
            is_wide=True,
        )
        for by, heading, rows in (
            ("by source", "Source", by_source),
            ("by the least likelihood that counts", "At least", by_threshold),
        )
    ]
    return ReportSection(
        "Titles", figures, tables, "" if row["titles"] else "No titles linked yet."
    )


MEASURES = ("precision", "recall")


def _interval(row: Row, name: str, least: float) -> str | Interval:
    """Return a measure with its bounds; a dash if there was nothing to measure."""
    share, low, high = (row[name + suffix] for suffix in ("", "_low", "_high"))
    return formatting.NONE if share is None else Interval(share, low, high, least)


def quality_section(ask: Ask) -> ReportSection:
    """Return the section of data quality: findings of checks, and refused rows."""
    (row,) = ask(quality.FIGURES)
    figures = [
        KeyFigure(
            "Checks passed",
            formatting.count(row["passed"]),
            f"of {formatting.count(row['checks'])}",
        ),
        KeyFigure("Warned", formatting.count(row["warned"])),
        KeyFigure("Failed", formatting.count(row["failed"])),
        KeyFigure(
            "Rows in quarantine",
            formatting.count(row["refused"]),
            f"of {formatting.plural(row['refusing'], 'table')}",
        ),
        KeyFigure("Failed runs", formatting.count(row["broken"]), f"of the last {row['runs']}"),
    ]
    found = [each for each in ask(quality.CHECKS) if each["verdict"] in quality.FOUND]
    checks = ReportTable(
        f"What checks found{_of(found, MOST_CHECKS)}",
        ["Check", "Finding"],
        [
            (
                f"{each['table_name']} {each['check_name']}: {each['verdict']}",
                cut(each["finding"], LONGEST_FINDING),
            )
            for each in found[:MOST_CHECKS]
        ],
        is_wide=True,
    )
    refused = ask(quality.QUARANTINE)
    quarantine = ReportTable(
        f"Rows in quarantine{_of(refused, MOST_REFUSED)}",
        ["Table", "Broken rules", "Rows#"],
        [
            (
                each["table_name"],
                cut(sentences(each["broken_rules"]), LONGEST_FINDING),
                formatting.count(each["rows"]),
            )
            for each in refused[:MOST_REFUSED]
        ],
        is_wide=True,
    )
    empty = "" if row["checks"] else "No checks have been recorded."
    return ReportSection("Quality", figures, [checks, quarantine], empty)


def _of(rows: Sequence[Row], most: int) -> str:
    """Return the part of a heading that shows that a table is cut."""
    return f", the first {most} of {formatting.count(len(rows))}" if len(rows) > most else ""


SECTIONS: Iterable[Callable[[Ask], ReportSection]] = (
    movies_section,
    series_section,
    releases_section,
    catalogue_section,
    audience_section,
    titles_section,
    quality_section,
)


def cut(text: str | None, longest: int = LONGEST) -> str:
    """Cut a text to the length that the report shows."""
    if text is None:
        return formatting.NONE
    return text if len(text) <= longest else text[: longest - 1] + ELLIPSIS
