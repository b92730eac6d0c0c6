"""Which partitions are done: every table of a selection written, after the tables it reads."""

from collections.abc import Iterable
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph


def complete_days(
    instance: dg.DagsterInstance,
    graph: BaseAssetGraph[Any],
    keys: Iterable[dg.AssetKey],
    partitions: dg.PartitionsDefinition,
) -> set[str]:
    """Return the days on which every table was written, after the tables it reads.

    A run that died after bronze leaves older, complete tables below it: such a day is not done.

    Args:
        instance: where materializations are recorded.
        graph: the assets.
        keys: the tables; those with other partitions do not count.
        partitions: the days.
    """
    written = {
        key: instance.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        for key in keys
        if graph.get(key).partitions_def == partitions
    }
    reads = [(key, read) for key in written for read in graph.get(key).parent_keys & written.keys()]
    return {
        day
        for day in set.intersection(*map(set, written.values()))
        if all(written[read][day] < written[key][day] for key, read in reads)
    }
