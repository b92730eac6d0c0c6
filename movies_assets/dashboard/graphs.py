"""Arranges tables and what they are made from for a picture; nothing here draws."""

from collections.abc import Collection, Mapping, Sequence

# What a table is made from, and the table.
Edge = tuple[str, str]

# Sweeps over the columns until lines cross little; more change nothing.
SWEEPS = 6


def arrange(edges: Sequence[Edge], layers: Sequence[str]) -> list[list[str]]:
    """Return tables column by column, so that every edge leads to the right.

    Within a column they are ordered like what they are connected with, so that few lines cross.

    Args:
        edges: which tables are made from which; there is no way around a circle.
        layers: schemas from the left; a table is not left of its own.
    """
    names = sorted({name for edge in edges for name in edge})
    above = _neighbours(names, edges)
    below = _neighbours(names, [(lower, upper) for upper, lower in edges])
    depths: dict[str, int] = {}
    for name in names:
        _measure(name, above, layers, depths)
    columns = [
        [name for name in names if depths[name] == depth] for depth in sorted(set(depths.values()))
    ]
    for _ in range(SWEEPS):
        for neighbours in (above, below):
            _straighten(columns, neighbours)
    return columns


def related(name: str, edges: Sequence[Edge]) -> set[str]:
    """Return a table, all that it is made from, and all that is made from it."""
    reverse = [(lower, upper) for upper, lower in edges]
    return {name} | _reached(name, edges) | _reached(name, reverse)


def _reached(name: str, edges: Collection[Edge]) -> set[str]:
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        at = waiting.pop()
        following = {lower for upper, lower in edges if upper == at} - reached
        reached |= following
        waiting += following
    return reached


def _neighbours(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, list[str]]:
    """Return what each table is made from."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for upper, lower in edges:
        found[lower].append(upper)
    return found


def _measure(
    name: str, above: Mapping[str, Sequence[str]], layers: Sequence[str], depths: dict[str, int]
) -> int:
    """Return how far right a table stands: right of all that it is made from."""
    if name not in depths:
        layer = name.split(".", maxsplit=1)[0]
        least = layers.index(layer) if layer in layers else 0
        depths[name] = least  # an edge back to it ends here
        furthest = max((_measure(each, above, layers, depths) for each in above[name]), default=-1)
        depths[name] = max(least, furthest + 1)
    return depths[name]


def _straighten(columns: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> None:
    """Order each column by the middle of what its tables are connected with."""
    places: dict[str, float] = {}

    def middle(name: str) -> tuple[float, str]:
        near = [places[each] for each in neighbours[name]]
        return (sum(near) / len(near) if near else places[name], name)

    for column in columns:
        places.update(_places(column))
    for column in columns:
        column.sort(key=middle)
        places.update(_places(column))


def _places(column: Sequence[str]) -> dict[str, float]:
    """Return how far down each table of a column stands, from 0 to 1."""
    return {name: (row + 0.5) / len(column) for row, name in enumerate(column)}
