"""Commands of the sample of YTS."""

from datetime import date

import click

from movies_assets.sample.commands import DATE, HOST, LATENCY, PORT, SEED, day, serve
from movies_assets.sources.yts.sample import Catalogue
from movies_assets.sources.yts.sample_server import BASE_PATH, create_app


@click.command("yts-server")
@click.option("--movies", default=2000, help="How many.")
@click.option(
    "--last-day",
    type=DATE,
    callback=day,
    help="UTC day of the newest movies [default: yesterday].",
)
@SEED
@HOST
@PORT
@LATENCY
def serve_catalogue(
    *, movies: int, last_day: date, seed: int, host: str, port: int, latency: float
) -> None:
    """Serve the movie catalogue until interrupted; the first line printed is the base URL."""
    serve(
        lambda: create_app(Catalogue(movies, last_day, seed), latency_seconds=latency),
        BASE_PATH,
        host,
        port,
    )


COMMANDS = (serve_catalogue,)
