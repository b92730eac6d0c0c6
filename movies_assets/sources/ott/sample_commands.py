"""Commands of the sample of the streaming service."""

from datetime import date
from pathlib import Path

import click

from movies_assets.sample.commands import (
    DATE,
    FOLDER,
    HOST,
    LATENCY,
    PORT,
    SEED,
    day,
    deliver,
    serve,
)
from movies_assets.sources.ott import sample as ott
from movies_assets.sources.ott import sample_server as ott_server
from movies_assets.sources.ott.sample_titles import TITLES
from movies_assets.sources.ott.sample_users import USERS
from movies_assets.sources.ott.sample_views import VIEWS

_USERS = click.option("--users", default=USERS, help="How many ever sign up.")


@click.command("ott")
@FOLDER
@click.option(
    "--last-day", type=DATE, callback=day, help="Last day of the 30 [default: yesterday]."
)
@_USERS
@click.option("--titles", default=TITLES, help="How many.")
@click.option("--views", default=VIEWS, help="How many are watched.")
@SEED
def deliver_service(
    *, folder: Path, last_day: date, users: int, titles: int, views: int, seed: int
) -> None:
    """Deliver a fictional streaming service into titles, views and users below a folder.

    What arrives are files of 30 days; each new one is printed.
    """
    sizes = {"users": users, "titles": titles, "views": views}
    deliver(folder, lambda: ott.deliver_all(folder, last_day=last_day, seed=seed, **sizes))


@click.command("ott-server")
@_USERS
@click.option("--last-day", type=DATE, callback=day, help="The day it is [default: yesterday].")
@SEED
@HOST
@PORT
@LATENCY
def serve_users(
    *, users: int, last_day: date, seed: int, host: str, port: int, latency: float
) -> None:
    """Serve the users of the service until interrupted; the first line is the base URL."""
    serve(
        lambda: ott_server.create_ott_app(
            users, last_day=last_day, seed=seed, latency_seconds=latency
        ),
        ott_server.BASE_PATH,
        host,
        port,
    )


COMMANDS = (
    deliver_service,
    serve_users,
)
