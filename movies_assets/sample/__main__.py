"""Serves and writes the fictional sources: `python -m movies_assets.sample COMMAND`.

The commands belong to the sources, see `--help`.
"""

import click

from movies_assets import sources


@click.group(context_settings={"show_default": True})
def main() -> None:
    """Serve a fictional source on this machine, or write its files into a folder."""


for commands in sources.sample_commands().values():
    for command in commands:
        main.add_command(command)

if __name__ == "__main__":
    main(prog_name="python -m movies_assets.sample")
