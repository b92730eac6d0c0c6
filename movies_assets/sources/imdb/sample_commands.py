"""Commands of the sample of IMDb."""

from datetime import date
from pathlib import Path

import click

from movies_assets.sample.commands import DATE, HOST, PORT, SEED, day, serve
from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.imdb.sample_server import create_folder_app
from movies_assets.sources.imdb.settings import FILES


def _files(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    return value.split(",")


@click.command("imdb")
@click.option("--scale", default=0.001, help="1 is the size of the real dumps.")
@click.option("--run-date", type=DATE, callback=day, help="Day of the dumps [default: yesterday].")
@click.option("--folder", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--files", default=",".join(FILES), callback=_files, help="Joined by commas.")
@SEED
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


@click.command("imdb-server")
@click.option(
    "--folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@HOST
@PORT
def serve_dumps(*, folder: Path, host: str, port: int) -> None:
    """Serve the dumps in a folder until interrupted; the first line printed is the base URL."""
    serve(lambda: create_folder_app(folder), "", host, port)


COMMANDS = (
    write_dumps,
    serve_dumps,
)
