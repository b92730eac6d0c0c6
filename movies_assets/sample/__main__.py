"""Serves the fictional sources on this machine: `python -m movies_assets.sample`.

Without a command it serves the movie catalogue; `imdb` writes dumps, `imdb-server` serves them;
`netflix` delivers titles, `netflix-server` serves the look-ups about them, `omdb-server` OMDb's
search; `ott` delivers what a streaming service does, `ott-server` serves its users.
Commands only: what is served and written belongs in the other modules.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from starlette.types import ASGIApp

from movies_assets.sample import serving
from movies_assets.sample.catalogue import Catalogue
from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.imdb.sample_server import create_folder_app
from movies_assets.sources.netflix import sample as netflix
from movies_assets.sources.netflix import sample_server as netflix_server
from movies_assets.sources.omdb.sample import Titles
from movies_assets.sources.omdb.sample_server import QUOTA, SAMPLE_KEY, create_omdb_app
from movies_assets.sources.ott import sample as ott
from movies_assets.sources.ott import sample_server as ott_server
from movies_assets.sources.ott.sample_titles import TITLES
from movies_assets.sources.ott.sample_users import USERS
from movies_assets.sources.ott.sample_views import VIEWS
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app


def _day(_: click.Context, __: click.Parameter, value: datetime | None) -> date:
    return value.date() if value else datetime.now(UTC).date() - timedelta(days=1)


def _files(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    return value.split(",")


_DATE = click.DateTime(["%Y-%m-%d"])
_SEED = click.option("--seed", default=1, help="Another seed is another world.")
_HOST = click.option("--host", default="127.0.0.1", help="Address to listen on.")
_TITLES = click.option("--titles", default=netflix.TITLES, help="How many.")
_USERS = click.option("--users", default=USERS, help="How many ever sign up.")
_PORT = click.option("--port", default=0, help="0 takes a free one.")


@click.group(invoke_without_command=True, context_settings={"show_default": True})
@click.option("--movies", default=2000, help="How many.")
@click.option(
    "--last-day",
    type=_DATE,
    callback=_day,
    help="UTC day of the newest movies [default: yesterday].",
)
@_SEED
@_HOST
@_PORT
@click.option("--latency", default=0.0, help="Seconds that a reply takes.")
@click.pass_context
def main(  # noqa: PLR0913 - one an option
    context: click.Context,
    *,
    movies: int,
    last_day: date,
    seed: int,
    host: str,
    port: int,
    latency: float,
) -> None:
    """Serve the movie catalogue until interrupted; the first line printed is the base URL."""
    if context.invoked_subcommand is None:
        _serve(
            lambda: create_app(Catalogue(movies, last_day, seed), latency_seconds=latency),
            BASE_PATH,
            host,
            port,
        )


@main.command("imdb")
@click.option("--scale", default=0.001, help="1 is the size of the real dumps.")
@click.option(
    "--run-date", type=_DATE, callback=_day, help="Day of the dumps [default: yesterday]."
)
@click.option("--folder", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--files", default=",".join(imdb.FILES), callback=_files, help="Joined by commas.")
@_SEED
def write_dumps(*, scale: float, run_date: date, folder: Path, files: list[str], seed: int) -> None:
    """Write fictional IMDb dumps into a folder, and print a line for each."""
    try:
        for dump in imdb.generate_each(
            folder, run_date=run_date, scale=scale, seed=seed, files=files
        ):
            click.echo(
                f"{dump.file}: {dump.rows:,} rows, {dump.size:,} bytes, {dump.seconds:.1f} s"
            )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@main.command("imdb-server")
@click.option(
    "--folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@_HOST
@_PORT
def serve_dumps(*, folder: Path, host: str, port: int) -> None:
    """Serve the dumps in a folder until interrupted; the first line printed is the base URL."""
    _serve(lambda: create_folder_app(folder), "", host, port)


@main.command("netflix")
@click.option("--folder", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--last-day", type=_DATE, callback=_day, help="Last day of the 30 [default: yesterday]."
)
@_TITLES
@_SEED
def deliver_titles(*, folder: Path, last_day: date, titles: int, seed: int) -> None:
    """Deliver fictional titles into a folder, as files of 30 days, and print each new file."""
    try:
        for path in netflix.deliver(folder, last_day=last_day, titles=titles, seed=seed):
            click.echo(f"{path.relative_to(folder)}: {path.stat().st_size:,} bytes")
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@main.command("netflix-server")
@_TITLES
@_SEED
@_HOST
@_PORT
def serve_lookups(*, titles: int, seed: int, host: str, port: int) -> None:
    """Serve the look-ups about titles until interrupted; the first line is the base URL."""
    _serve(
        lambda: netflix_server.create_netflix_app(titles, seed),
        netflix_server.BASE_PATH,
        host,
        port,
    )


@main.command("omdb-server")
@click.option(
    "--last-year",
    type=int,
    default=lambda: datetime.now(UTC).year,
    show_default="this year",
    help="Year of the newest titles.",
)
@click.option("--key", default=SAMPLE_KEY, help="The key that is valid.")
@click.option("--quota", default=QUOTA, help="Requests until it is spent.")
@_SEED
@_HOST
@_PORT
@click.option("--latency", default=0.0, help="Seconds that a reply takes.")
def serve_searches(  # noqa: PLR0913 - one an option
    *, last_year: int, key: str, quota: int, seed: int, host: str, port: int, latency: float
) -> None:
    """Serve OMDb's search until interrupted; the first line printed is the base URL."""
    titles = Titles(last_year, seed)
    _serve(
        lambda: create_omdb_app(titles, key=key, quota=quota, latency_seconds=latency),
        "",
        host,
        port,
    )


@main.command("ott")
@click.option("--folder", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--last-day", type=_DATE, callback=_day, help="Last day of the 30 [default: yesterday]."
)
@_USERS
@click.option("--titles", default=TITLES, help="How many.")
@click.option("--views", default=VIEWS, help="How many are watched.")
@_SEED
def deliver_service(
    *, folder: Path, last_day: date, users: int, titles: int, views: int, seed: int
) -> None:
    """Deliver a fictional streaming service into titles, views and users below a folder.

    What arrives are files of 30 days; each new one is printed.
    """
    sizes = {"users": users, "titles": titles, "views": views}
    try:
        for path in ott.deliver_all(folder, last_day=last_day, seed=seed, **sizes):
            click.echo(f"{path.relative_to(folder)}: {path.stat().st_size:,} bytes")
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@main.command("ott-server")
@_USERS
@click.option("--last-day", type=_DATE, callback=_day, help="The day it is [default: yesterday].")
@_SEED
@_HOST
@_PORT
@click.option("--latency", default=0.0, help="Seconds that a reply takes.")
def serve_users(
    *, users: int, last_day: date, seed: int, host: str, port: int, latency: float
) -> None:
    """Serve the users of the service until interrupted; the first line is the base URL."""
    _serve(
        lambda: ott_server.create_ott_app(
            users, last_day=last_day, seed=seed, latency_seconds=latency
        ),
        ott_server.BASE_PATH,
        host,
        port,
    )


def _serve(create: Callable[[], ASGIApp], path: str, host: str, port: int) -> None:
    try:
        server = serving.server_of(create())
        listener, url = serving.bind(host, port)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{url}{path}")
    server.run([listener])


if __name__ == "__main__":
    main(prog_name="python -m movies_assets.sample")
