"""The declarations of a source, in one place: `SOURCE` in `sources/<name>/source.py`.

Definitions, jobs, schedules, sensors, resources, the summary and the sample's commands are built
from these declarations; none of them names a source.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import ModuleType
from typing import Any, Protocol

from movies_assets.core.partitions import Partitions
from movies_assets.core.settings import CommonSettings
from movies_assets.core.table import Key, Table

# Ends the description of a schedule that does not request all missing partitions.
AGAIN = "Days with a failed run or red blocking checks are requested again."


@dataclass(frozen=True)
class Landed:
    """The result of a function that fetched files into the landing zone.

    Attributes:
        metadata: for the UI, which shows a list of records as a table.
        same_as: the partition that has the same files, where nothing has changed since; None: there
            is something new.
    """

    metadata: Mapping[str, Any] = field(default_factory=dict)
    same_as: str | None = None


@dataclass(frozen=True)
class LandingFiles:
    """Files that a source's own function fetches into the landing zone.

    Attributes:
        key: `landing`, and a name.
        description: for the UI.
        partitions: the days or years of the files.
        function: fetches them. Its parameters are those of a Dagster asset: the context, a config,
            resources.
        counts: whether a result counts for all partitions of a run. Otherwise the function reports
            the partitions that are complete, and downstream tables are still made.
    """

    key: Key
    description: str
    partitions: Partitions
    function: Callable[..., Landed]
    counts: bool = True


@dataclass(frozen=True)
class Schedule:
    """When a job runs, and for which partitions.

    Attributes:
        cron: when the schedule ticks, in UTC.
        description: for the UI, given the settings.
        each_tick: returns the partitions that each tick requests, done or not.
        catches_up: whether the source still has missed partitions: then every one since the first
            is requested until it is done.
        other_jobs: further jobs that fill some of the tables.
        fetched: the assets that only a day itself can bring; a past day whose files were never
            fetched is requested without them.
        config: of assets, in the schedule's runs.
    """

    cron: str | Sequence[str]
    description: Callable[[CommonSettings], str]
    each_tick: Callable[[Sequence[str], datetime], Sequence[str]] = lambda _, __: ()
    catches_up: bool = False
    other_jobs: tuple[str, ...] = ()
    fetched: tuple[Key, ...] = ()
    config: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """Assets of a source that are materialized together, and then published.

    Attributes:
        name: of the job.
        description: for the UI.
        partitions: of its runs; None: it has none, and leaves the profiles of the source alone.
        schedule: when it runs by itself; None: only on request.
        with_shared: whether it makes the dimensions again that sources share: facts only add rows.
        only: all that it materializes; empty: all assets of the source.
        without: assets of the source that it leaves out.
        newest: how many of its newest partitions `make run` runs, 0 of a job without any; None:
            `make run` leaves it out.
        follows: whether a sensor runs it after every publication by a job of another source.
    """

    name: str
    description: str
    partitions: Partitions | None = None
    schedule: Schedule | None = None
    with_shared: bool = False
    only: tuple[Key, ...] = ()
    without: tuple[Key, ...] = ()
    newest: int | None = None
    follows: bool = False

    def materializes(self, key: Key) -> bool:
        """Return whether it materializes an asset of its source."""
        return key not in self.without and (not self.only or key in self.only)


@dataclass(frozen=True)
class Arrivals:
    """A sensor that runs a job for the days to which files have arrived.

    Attributes:
        job: the job.
        partitions: its days.
        resource: the resource that knows the folders: it has a method `zones`.
        tables: the bronze tables of the files, as `schema.table`.
    """

    job: str
    partitions: Partitions
    resource: str
    tables: tuple[str, ...]


class Zones(Protocol):
    """A resource that knows the folders in which files arrive."""

    def zones(self) -> Sequence[Any]:
        """Return the folders in which files arrive."""


@dataclass(frozen=True)
class Listing:
    """A list in the output of `make summary`.

    Attributes:
        needs: the table without which there is nothing to list.
        headers: of its columns; those of numbers begin with `>`.
        query: its rows.
    """

    needs: str
    headers: Sequence[str]
    query: str


@dataclass(frozen=True)
class Source:
    """Everything that a source declares.

    Its settings are in the module `settings` of its package, its sample's commands in
    `sample_commands`, its measures for Power BI in `measures`.

    Attributes:
        name: the group of its assets, and its section of the settings.
        title: as users know it.
        tables: its tables, in the order of the layers.
        files: what it fetches into the landing zone.
        jobs: what is materialized together.
        arrivals: its sensor of files that have arrived.
        resources: returns Dagster's resources, by name: the clients of the services outside.
        other_jobs: return jobs of Dagster that materialize nothing.
        functions: returns functions of Python that its queries call, by their names in SQL.
        listings: its lists in the summary.
        sample_warnings: the rules that its sample is made to break, by table and check.
    """

    name: str
    title: str
    tables: tuple[Table, ...]
    files: tuple[LandingFiles, ...] = ()
    jobs: tuple[Job, ...] = ()
    arrivals: Arrivals | None = None
    resources: Callable[[CommonSettings], Mapping[str, Any]] = lambda _: {}
    other_jobs: tuple[Callable[[CommonSettings], Any], ...] = ()
    functions: Callable[[CommonSettings], Mapping[str, Callable[..., Any]]] = lambda _: {}
    listings: tuple[Listing, ...] = ()
    sample_warnings: Mapping[str, frozenset[str]] = field(default_factory=dict)


def tables_of(group: str, *modules: ModuleType) -> tuple[Table, ...]:
    """Return the tables of a group that modules declare, in their order."""
    found = [
        item
        for module in modules
        for item in vars(module).values()
        if isinstance(item, Table) and item.group == group
    ]
    return tuple({table.name: table for table in found}.values())
