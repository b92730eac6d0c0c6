"""Commands of the sample of OMDb."""

from datetime import UTC, datetime

import click

from movies_assets.sample.commands import HOST, LATENCY, PORT, SEED, serve
from movies_assets.sources.omdb.sample import Titles
from movies_assets.sources.omdb.sample_server import QUOTA, SAMPLE_KEY, create_omdb_app


@click.command("omdb-server")
@click.option(
    "--last-year",
    type=int,
    default=lambda: datetime.now(UTC).year,
    show_default="this year",
    help="Year of the newest titles.",
)
@click.option("--key", default=SAMPLE_KEY, help="The key that is valid.")
@click.option("--quota", default=QUOTA, help="Requests until it is spent.")
@SEED
@HOST
@PORT
@LATENCY
def serve_searches(  # noqa: PLR0913 - one an option
    *, last_year: int, key: str, quota: int, seed: int, host: str, port: int, latency: float
) -> None:
    """Serve OMDb's search until interrupted; the first line printed is the base URL."""
    titles = Titles(last_year, seed)
    serve(
        lambda: create_omdb_app(titles, key=key, quota=quota, latency_seconds=latency),
        "",
        host,
        port,
    )


COMMANDS = (serve_searches,)
