"""Arrange tables and their lineage in columns and rows; drawing belongs in `charts`."""

from collections.abc import Collection, Mapping, Sequence

# An upstream table, and the table.
Edge = tuple[str, str]

# Sweeps over the columns until few lines cross; more change nothing.
SWEEPS = 6


def arrange(edges: Sequence[Edge], layers: Sequence[str]) -> list[list[str]]:
    """Return tables column by column, so that every edge leads to the right.

    Within a column they are ordered by their connections, so that few lines cross.

    Args:
        edges: upstream and downstream tables, without cycles.
        layers: schemas from the left; a table is not placed left of its own schema.
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
    """Return a table with all its upstream and downstream tables."""
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
    """Return the upstream tables of each table."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for upper, lower in edges:
        found[lower].append(upper)
    return found


def _measure(
    name: str, above: Mapping[str, Sequence[str]], layers: Sequence[str], depths: dict[str, int]
) -> int:
    """Return the column of a table: right of all its upstream tables."""
    if name not in depths:
        layer = name.split(".", maxsplit=1)[0]
        least = layers.index(layer) if layer in layers else 0
        depths[name] = least  # ends a cycle
        furthest = max((_measure(each, above, layers, depths) for each in above[name]), default=-1)
        depths[name] = max(least, furthest + 1)
    return depths[name]


def _straighten(columns: list[list[str]], neighbours: Mapping[str, Sequence[str]]) -> None:
    """Order each column by the mean place of the tables' neighbours."""
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
    """Return the place of each table in its column, from 0 (top) to 1."""
    return {name: (row + 0.5) / len(column) for row, name in enumerate(column)}
