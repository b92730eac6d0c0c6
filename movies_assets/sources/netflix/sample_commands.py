"""Commands of the sample of Netflix."""

from datetime import date
from pathlib import Path

import click

from movies_assets.sample.commands import DATE, FOLDER, HOST, PORT, SEED, day, deliver, serve
from movies_assets.sources.netflix import sample as netflix
from movies_assets.sources.netflix import sample_server as netflix_server

_TITLES = click.option("--titles", default=netflix.TITLES, help="How many.")


@click.command("netflix")
@FOLDER
@click.option(
    "--last-day", type=DATE, callback=day, help="Last day of the 30 [default: yesterday]."
)
@_TITLES
@SEED
def deliver_titles(*, folder: Path, last_day: date, titles: int, seed: int) -> None:
    """Deliver fictional titles into a folder, as files of 30 days, and print each new file."""
    deliver(folder, lambda: netflix.deliver(folder, last_day=last_day, titles=titles, seed=seed))


@click.command("netflix-server")
@_TITLES
@SEED
@HOST
@PORT
def serve_lookups(*, titles: int, seed: int, host: str, port: int) -> None:
    """Serve the look-ups about titles until interrupted; the first line is the base URL."""
    serve(
        lambda: netflix_server.create_netflix_app(titles, seed),
        netflix_server.BASE_PATH,
        host,
        port,
    )


COMMANDS = (
    deliver_titles,
    serve_lookups,
)
