"""Serves and writes the fictional sources: `python -m movies_assets.sample COMMAND`.

The commands belong to the sources, see `--help`.
"""

from pathlib import Path

import click

from movies_assets import sources
from movies_assets.sample import truth
from movies_assets.sample.commands import FOLDER, deliver
from movies_assets.settings import load


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Serve a fictional source on this machine, or write its files into a folder."""


@main.command("truth")
@FOLDER
def write_truth(*, folder: Path) -> None:
    """Write which work of IMDb each title of the other sources is, as truth.csv in a folder.

    It is about the sample that the settings describe: its seed, sizes and last day.
    """
    settings = load()
    truths = [title for of in sources.sample_truths().values() for title in of(settings)]
    deliver(folder, lambda: [truth.write(folder, truths)])


for commands in sources.sample_commands().values():
    for command in commands:
        main.add_command(command)

if __name__ == "__main__":
    main(prog_name="python -m movies_assets.sample")
