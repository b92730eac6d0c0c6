"""The sources. Adding one takes a package of its own, and a line here."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import click

    from movies_assets.core.measure import Measure
    from movies_assets.core.settings import CommonSettings, SourceSettings
    from movies_assets.core.source import Source
    from movies_assets.sample.truth import TitleTruth

SOURCES: tuple[str, ...] = (
    "movies_assets.sources.yts",
    "movies_assets.sources.imdb",
    "movies_assets.sources.netflix",
    "movies_assets.sources.shared",
    "movies_assets.sources.omdb",
    "movies_assets.sources.ott",
)


@cache
def load() -> "tuple[Source, ...]":
    """Return the declarations of the sources: `SOURCE` in the module `source` of each."""
    return tuple(_all("source", "SOURCE").values())


def sections() -> "Mapping[str, type[SourceSettings]]":
    """Return the sections of the settings: `SETTINGS` in the module `settings` of a source.

    Settings are read by commands that need nothing else of a source, so they are loaded alone.
    """
    return _all("settings", "SETTINGS")


def sample_commands() -> "Mapping[str, Sequence[click.Command]]":
    """Return the commands of samples: `COMMANDS` in the module `sample_commands` of a source."""
    return _all("sample_commands", "COMMANDS")


def sample_truths() -> "Mapping[str, Callable[[CommonSettings], Iterable[TitleTruth]]]":
    """Return what yields the truth about titles: `TRUTH` in the module `sample_truth` of a source.

    Only the command of the sample and tests need it.
    """
    return _all("sample_truth", "TRUTH")


def measures() -> "Mapping[str, Sequence[Measure]]":
    """Return the measures for Power BI: `MEASURES` in the module `measures` of a source."""
    return _all("measures", "MEASURES")


def _all(module: str, name: str) -> dict[str, Any]:
    """Return an attribute of a module that sources may have, by the names of their packages."""
    return {
        package.rpartition(".")[2]: getattr(import_module(f"{package}.{module}"), name)
        for package in SOURCES
        if find_spec(f"{package}.{module}")
    }
