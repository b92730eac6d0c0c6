"""The command that shows doubtful links to a person, and keeps the decisions."""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from movies_assets.core.errors import DescribedError

if TYPE_CHECKING:
    from movies_assets.sources.titles.overrides import Override

NONE_OF_THEM, LATER, END = "n", "l", "q"
TABLE = """
FROM information_schema.tables WHERE table_schema = 'gold' AND table_name = 'title_link_review'
"""
QUERY = """
SELECT * FROM gold.title_link_review
WHERE source = coalesce($source, source)
ORDER BY max(probability) OVER (PARTITION BY source, source_id) DESC, source, source_id,
    probability DESC, candidate
"""

Row = dict[str, Any]


@click.command("review")
@click.option("--source", help="Only titles of this source.")
@click.option("--limit", default=20, show_default=True, help="How many titles to show.")
@click.option("--decide", is_flag=True, help="Ask about each title, and keep the decisions.")
@click.option("--by", help="Who decides; asked for if it is not given.")
@click.pass_obj
def review(
    load: Callable[[], Any], source: str | None, limit: int, *, decide: bool, by: str | None
) -> None:
    """Show titles whose link to IMDb is in doubt, the likeliest first, beside their candidates."""
    from movies_assets.sources.titles import overrides  # noqa: PLC0415 (only this command)

    settings = load()
    try:
        path = overrides.path_of(settings)
        decided = [decision for _, decision in overrides.read(path)]
        titles = _undecided(_doubtful(settings.published_folder, source), decided)
        click.echo(f"{len(titles):,} titles are in doubt; decisions are in {path}")
        who = (by or click.prompt("Who decides")) if decide and titles else ""
        for rows in titles[:limit]:
            click.echo(_shown(rows))
            if decide and (made := _asked(rows, who)):
                overrides.add(path, made)
    except DescribedError as error:
        raise click.ClickException(str(error)) from error
    if decide:
        click.echo("The job `titles` applies the decisions.")


def _doubtful(folder: Path, source: str | None) -> list[list[Row]]:
    """Return the candidates of each title in doubt, as of the newest publication.

    Raises:
        NothingPublishedError: there is none, or it has no links.
    """
    from movies_assets.warehouse.published import (  # noqa: PLC0415 (only this command)
        NothingPublishedError,
        Published,
    )

    with Published(folder).reading() as connection:
        if not connection.execute(TABLE).fetchone():
            raise NothingPublishedError("no links are published yet: run the job `titles`.")
        found = connection.execute(QUERY, {"source": source})
        names = [name for name, *_ in found.description or ()]
        rows = [dict(zip(names, values, strict=True)) for values in found.fetchall()]
    return [list(of) for _, of in groupby(rows, itemgetter("source", "source_id"))]


def _undecided(titles: list[list[Row]], decided: "Sequence[Override]") -> list[list[Row]]:
    """Leave out what was decided since the newest publication."""
    from movies_assets.sources.titles.overrides import FORCE  # noqa: PLC0415 (only this command)

    forced = {(made.source, made.source_id) for made in decided if made.decision == FORCE}
    pairs = {(made.source, made.source_id, made.tconst) for made in decided}
    left = [
        [
            row
            for row in rows
            if (row["source"], row["source_id"]) not in forced
            and (row["source"], row["source_id"], row["candidate"]) not in pairs
        ]
        for rows in titles
    ]
    return [rows for rows in left if rows]


def _shown(rows: Sequence[Row]) -> str:
    return "\n".join(_lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    first = rows[0]
    yield f"\n{first['source']} {first['source_id']}: {_title(first, '')}"
    for number, row in enumerate(rows, 1):
        against = f"; {row['contradictions']}" if row["contradictions"] else ""
        yield f"  {number}  {row['candidate']}: {_title(row, 'candidate_')}"
        yield f"     likely by {row['probability']:.0%}{against}"


def _title(row: Row, prefix: str) -> str:
    """Return a title with what tells it from others; what is unknown is left out."""
    name, year, minutes = (row[prefix + part] for part in ("title", "year", "runtime_minutes"))
    votes = row["candidate_votes"] if prefix else None
    parts = [
        str(name),
        str(year) if year else "",
        f"{minutes} min" if minutes else "",
        f"{votes:,} votes" if votes else "",
    ]
    return ", ".join(filter(None, parts))


def _asked(rows: Sequence[Row], by: str) -> "list[Override]":
    """Ask which candidate a title is; return what was decided."""
    from movies_assets.sources.titles.overrides import FORBID, FORCE, Override  # noqa: PLC0415

    numbers = [str(number) for number in range(1, len(rows) + 1)]
    answer = click.prompt(
        f"Which is it? A number, {NONE_OF_THEM} none of them, {LATER} later, {END} end",
        type=click.Choice([*numbers, NONE_OF_THEM, LATER, END]),
        show_choices=False,
    )
    if answer == END:
        raise click.exceptions.Exit
    if answer == LATER:
        return []
    why = click.prompt("Why")
    chosen = rows if answer == NONE_OF_THEM else [rows[int(answer) - 1]]
    decision = FORBID if answer == NONE_OF_THEM else FORCE
    return [
        Override(row["source"], row["source_id"], row["candidate"], decision, by, why)
        for row in chosen
    ]


COMMANDS = (review,)
