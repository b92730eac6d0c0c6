"""Serves the fictional movie catalogue on this machine: `python -m movies_assets.sample`."""

import argparse
import sys
from datetime import UTC, date, datetime, timedelta

from movies_assets.sample import serving
from movies_assets.sample.catalogue import Catalogue
from movies_assets.sample.server import BASE_PATH, create_app


def main(arguments: list[str] | None = None) -> None:
    """Serves until interrupted; the first line of the output is the base URL for clients."""
    options = _parser().parse_args(arguments)
    try:
        catalogue = Catalogue(options.movies, options.last_day, options.seed)
        server = serving.server_of(create_app(catalogue, latency_seconds=options.latency))
        listener, url = serving.bind(options.host, options.port)
    except (ModuleNotFoundError, OSError, ValueError) as error:
        sys.exit(str(error))
    print(f"{url}{BASE_PATH}", flush=True)  # noqa: T201 - the output of the command
    server.run([listener])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m movies_assets.sample", description=__doc__)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser.add_argument("--movies", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument(
        "--last-day",
        type=date.fromisoformat,
        default=yesterday,
        help="UTC day of the newest movies, YYYY-MM-DD (default: yesterday)",
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed is another catalogue")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--latency", type=float, default=0, help="seconds that a reply takes")
    return parser


if __name__ == "__main__":
    main()
