"""Shared parts of the sample's commands: options, serving an app, printing delivered files."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import click
from starlette.types import ASGIApp

from movies_assets.sample import serving


def day(_: click.Context, __: click.Parameter, value: datetime | None) -> date:
    """Return the day of an option; yesterday by default."""
    return value.date() if value else datetime.now(UTC).date() - timedelta(days=1)


DATE = click.DateTime(["%Y-%m-%d"])
FOLDER = click.option("--folder", required=True, type=click.Path(file_okay=False, path_type=Path))
SEED = click.option("--seed", default=1, help="Another seed is another world.")
HOST = click.option("--host", default="127.0.0.1", help="Address to listen on.")
PORT = click.option("--port", default=0, help="0 takes a free one.")
LATENCY = click.option("--latency", default=0.0, help="Seconds that a reply takes.")


def serve(create: Callable[[], ASGIApp], path: str, host: str, port: int) -> None:
    """Serve an app until interrupted; the first line printed is the base URL.

    Args:
        create: returns the app.
        path: of the base URL.
        host: address to listen on.
        port: 0 takes a free one.

    Raises:
        ClickException: it cannot be made or served.
    """
    try:
        server = serving.server_of(create())
        listener, url = serving.bind(host, port)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{url}{path}")
    server.run([listener])


def deliver(folder: Path, write: Callable[[], Iterable[Path]]) -> None:
    """Write files into a folder, and print each.

    Raises:
        ClickException: they cannot be made or written.
    """
    try:
        for path in write():
            click.echo(f"{path.relative_to(folder)}: {path.stat().st_size:,} bytes")
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
