"""Build ECharts options as plain values.

Titles are data and tooltips are HTML: `TIP` builds tooltips of text nodes only; everything else is
drawn, not parsed. Choosing the rows of a chart belongs in the pages.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from movies_assets.serving import theme

Options = dict[str, Any]

# NiceGUI evaluates options whose name begins with a colon as JavaScript. These are constants.
# A data item has the text of its tooltip in `tip`, line by line.
TIP = (
    "params => { const box = document.createElement('div'); box.className = 'tip'; "
    "box.textContent = (params.data && params.data.tip) || params.name; return box; }"
)
SHARE = "value => Math.round(100 * value) + '%'"
DECIMAL = "value => value == null ? '–' : Number(value).toFixed(1)"  # noqa: RUF001
# Of counts, whose axes have whole numbers only.
COMPACT = (
    "value => new Intl.NumberFormat('en-US', {notation: 'compact', maximumFractionDigits: 1})"
    ".format(value)"
)
WHOLE = "value => Number.isInteger(value) ? String(value) : ''"
FADED = 0.28
NO_COLORS: Mapping[str, str] = MappingProxyType({})
# Every point of a line is marked; in lines of more points than this, those with a neighbour are
# marked smaller.
MANY_SYMBOLS = 60
SYMBOL, SMALL_SYMBOL = 7, 4
SYMBOLS = ("circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect")
# The remainder of a stack.
OTHER = "Other"
# A cell without a value, which no scale colours.
HOLLOW: Options = {"color": "transparent", "borderColor": theme.REST, "borderWidth": 1}
# The least space of a cell with a label, in pixels.
CELL_WIDTH, CELL_HEIGHT = 28, 26
# Up to this number, all names of an axis are shown if they have room.
FEW_NAMES = 8
# Above this luminance, dark text has more contrast than light text.
BRIGHT = 0.18


@dataclass(frozen=True)
class Figure:
    """A chart, with a description and its data as a table.

    Attributes:
        options: the options of ECharts.
        description: one sentence for screen readers.
        columns: headings of the table.
        rows: its cells, as text.
        picks: the choices of a click on each row; empty if nothing can be chosen.
        left_out: what the chart does not show, as a sentence.
        height: in pixels, if it depends on the data.
        width: the minimum in pixels; in less space, the chart is scrolled.
    """

    options: Options
    description: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    picks: Sequence[Mapping[str, Any]] = ()
    left_out: str = ""
    height: int | None = None
    width: int | None = None


@dataclass(frozen=True)
class Point:
    """One bar, cell or point.

    Attributes:
        value: the value to draw; None draws nothing.
        tip: the tooltip's text, line by line.
        pick: the choices of a click, as texts of the address by field.
        faded: whether something else is chosen.
        color: instead of that of its series.
    """

    value: Any
    tip: str
    pick: Mapping[str, str] | None = None
    faded: bool = False
    color: str | None = None

    def item(self) -> dict[str, Any]:
        """Return the data item without defaults, as a chart has hundreds of items."""
        style: dict[str, Any] = {}
        if self.faded:
            style["opacity"] = FADED
        if self.color:
            style["color"] = self.color
        return (
            {"value": self.value, "tip": self.tip}
            | ({"pick": dict(self.pick)} if self.pick else {})
            | ({"itemStyle": style} if style else {})
        )


def bars(
    names: Sequence[str],
    points: Sequence[Point],
    *,
    horizontal: bool = False,
    formatter: str = COMPACT,
    unit: str = "",
) -> Options:
    """Return one bar per name; horizontal ones from the top."""
    value = _value_axis(formatter, unit, at_end=horizontal)
    category = _category_axis(names) | (
        {"inverse": True, "axisLabel": {"color": theme.TEXT, "width": 110, "overflow": "truncate"}}
        if horizontal
        else {}
    )
    return _base() | {
        "grid": _grid(top=8 if horizontal else 28),
        "xAxis": value if horizontal else category,
        "yAxis": category if horizontal else value,
        "series": [_bar("", points)],
    }


def stacked(
    names: Sequence[str],
    series: Mapping[str, Sequence[Point]],
    *,
    formatter: str = COMPACT,
    unit: str = "",
    highest: float | None = None,
    colors: Mapping[str, str] = NO_COLORS,
) -> Options:
    """Return a stacked bar per name, with a layer per series; some have a colour of their own."""
    value = _value_axis(formatter, unit) | ({"max": highest} if highest is not None else {})
    return _base() | {
        "legend": _legend(),
        "grid": _grid(top=64),
        "xAxis": _category_axis(names),
        "yAxis": value,
        "series": [
            _bar(name, points)
            | {"stack": "all"}
            | ({"color": theme.REST} if name == OTHER else {})
            | ({"color": colors[name]} if name in colors else {})
            for name, points in series.items()
        ],
    }


def lines(
    names: Sequence[str],
    series: Mapping[str, Sequence[Point]],
    *,
    formatter: str = COMPACT,
    unit: str = "",
    bounds: tuple[float, float] | None = None,
) -> Options:
    """Return a line per series over the names; missing values are gaps."""
    axis = _category_axis(names) | {"boundaryGap": len(names) == 1}
    numbered = {name: dict(enumerate(points)) for name, points in series.items()}
    return _lines(axis, numbered, _bounded(_value_axis(formatter, unit), bounds))


def numbered_lines(  # noqa: PLR0913 (two axes, and colours)
    series: Mapping[str, Mapping[int, Point]],
    *,
    name: str,
    ends: tuple[int, int],
    formatter: str = COMPACT,
    unit: str = "",
    bounds: tuple[float, float] | None = None,
    colors: Mapping[str, str] = NO_COLORS,
) -> Options:
    """Return a line per series, whose points are at their numbers; missing numbers are gaps.

    Args:
        series: points by number.
        name: what the numbers are.
        ends: the lowest and the highest number of the axis.
        formatter: formats the values.
        unit: of the values.
        bounds: of the values' axis.
        colors: of some of the series.
    """
    axis = _bounded(_value_axis(WHOLE, name, at_end=True), ends) | {
        "minInterval": 1,
        "splitLine": {"show": False},
        "axisLine": {"show": True, "onZero": False, "lineStyle": {"color": theme.LINE}},
    }
    return _lines(axis, series, _bounded(_value_axis(formatter, unit), bounds), colors)


def _bounded(axis: Options, bounds: tuple[float, float] | None) -> Options:
    return axis | ({"min": bounds[0], "max": bounds[1]} if bounds else {})


def _lines(
    axis: Options,
    series: Mapping[str, Mapping[int, Point]],
    value: Options,
    colors: Mapping[str, str] = NO_COLORS,
) -> Options:
    longest = max((len(_drawn(points)) for points in series.values()), default=0)
    size = SYMBOL if longest <= MANY_SYMBOLS else SMALL_SYMBOL
    return _base() | {
        "legend": _legend(),
        "grid": _grid(top=64 if value["name"] else 40, bottom=32 if axis.get("name") else 8),
        "xAxis": axis,
        "yAxis": value,
        "series": [
            {
                "type": "line",
                "name": name,
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "symbolSize": size,
                "showSymbol": True,
                # Otherwise points whose name has no room at the axis have no mark.
                "showAllSymbol": True,
                "lineStyle": {
                    "width": 2,
                    "opacity": FADED if all(point.faded for point in points.values()) else 1,
                },
                "connectNulls": False,
                "data": _joined(points, size),
            }
            | ({"color": colors[name]} if name in colors else {})
            for number, (name, points) in enumerate(series.items())
        ],
    }


def _drawn(points: Mapping[int, Point]) -> set[int]:
    return {number for number, point in points.items() if point.value is not None}


def _joined(points: Mapping[int, Point], size: int) -> list[Options]:
    """Return the items of a line: joined where numbers follow each other, with gaps between."""
    drawn = _drawn(points)
    items: list[Options] = []
    for number in sorted(drawn):
        is_first, is_last = number - 1 not in drawn, number + 1 not in drawn
        if is_first and items:
            items.append({"value": [number - 1, None], "tip": ""})
        item = points[number].item() | {"value": [number, points[number].value]}
        if is_first and is_last and size < SYMBOL:
            item["symbolSize"] = SYMBOL
        items.append(item)
    return items


def heat(  # noqa: PLR0913 (two axes, a scale and its labels)
    columns: Sequence[str],
    rows: Sequence[str],
    points: Sequence[Point],
    *,
    scale: tuple[float, float],
    label: Callable[[float], str],
    colors: Sequence[str] = theme.HEAT,
    column_name: str = "",
    row_name: str = "",
    is_log: bool = False,
) -> Options:
    """Return a heat map.

    Args:
        columns: names of the columns.
        rows: names of the rows, from the bottom.
        points: values are `[column, row, value]`; a cell whose third value is None is hollow.
        scale: the lowest and the highest value.
        label: formats a value, for its cell and for the ends of the scale.
        colors: from low to high.
        column_name: what the columns are.
        row_name: what the rows are.
        is_log: whether colours rise with the logarithm of the values, which begin at 1.
    """
    low, high = (_scaled(value, is_log=is_log) for value in scale)
    high = max(high, low + 0.1)
    ends = [label(value) for value in scale]

    def cell(point: Point) -> Options:
        column, row, value = point.value
        item = point.item()
        style = item.get("itemStyle", {})
        if value is None:
            hollow = {"value": [column, row, low], "visualMap": False, "label": {"show": False}}
            return item | hollow | {"itemStyle": HOLLOW | style}
        at = _scaled(value, is_log=is_log)
        ink = _ink((at - low) / (high - low), colors)
        return item | {
            "value": [column, row, at],
            "label": {"formatter": label(value), "color": ink},
        }

    return _base() | {
        "grid": _grid(top=30 if row_name else 8, bottom=64 if column_name else 40),
        "xAxis": _category_axis(columns) | {"name": column_name, "nameLocation": "middle",
                                            "nameGap": 30, "splitArea": {"show": False}},
        "yAxis": _category_axis(rows) | {"name": row_name, "inverse": False},
        "visualMap": {
            "min": low,
            "max": high,
            "calculable": False,
            "orient": "horizontal",
            "right": 8,
            "bottom": 0,
            "itemWidth": 10,
            "itemHeight": 120,
            "inRange": {"color": list(colors)},
            "textStyle": {"color": theme.MUTED},
            "text": [ends[1] + (" (log scale)" if is_log else ""), ends[0]],
        },
        "series": [
            {
                "type": "heatmap",
                "name": "",
                "data": [cell(point) for point in points],
                "label": {"show": True, "fontSize": 11},
                "labelLayout": {"hideOverlap": True},
                "itemStyle": {"borderColor": theme.SURFACE, "borderWidth": 2, "borderRadius": 3},
                "emphasis": {"itemStyle": {"borderColor": theme.TEXT}},
                "cursor": "pointer" if any(point.pick for point in points) else "default",
            }
        ],
    }  # fmt: skip


def _scaled(value: float, *, is_log: bool) -> float:
    return round(math.log10(value), 4) if is_log else value


def shades(colors: Sequence[str], number: int) -> list[str]:
    """Return a number of colours, evenly spaced from the first to the last of some colours."""
    return [_mixed(colors, place / max(number - 1, 1)) for place in range(number)]


def _mixed(colors: Sequence[str], share: float) -> str:
    """Return the colour at a share of the way through some colours."""
    place = min(max(share, 0), 1) * (len(colors) - 1)
    left = min(int(place), len(colors) - 2)
    pairs = zip(_channels(colors[left]), _channels(colors[left + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - left)):02x}" for a, b in pairs)


def _channels(color: str) -> list[int]:
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def _ink(share: float, colors: Sequence[str]) -> str:
    """Return the colour of text that is readable on a colour of a scale."""
    red, green, blue = ((channel / 255) ** 2.2 for channel in _channels(_mixed(colors, share)))
    is_bright = 0.2126 * red + 0.7152 * green + 0.0722 * blue > BRIGHT
    return "#000000" if is_bright else "#ffffff"


@dataclass(frozen=True)
class Node:
    """A box of a flow chart.

    Attributes:
        key: its name in edges.
        name: its label.
        column: its place from the left, from 0.
        row: its place from the top; halves are allowed.
        color: of its border.
        tip: the tooltip's text.
        pick: what a click chooses.
        faded: whether something else is chosen.
    """

    key: str
    name: str
    column: int
    row: float
    color: str
    tip: str
    pick: Mapping[str, str] | None = None
    faded: bool = False

    def item(self) -> dict[str, Any]:
        """Return the data item."""
        return {
            "id": self.key,
            "name": self.name,
            "value": [self.column, self.row],
            "tip": self.tip,
            "pick": dict(self.pick) if self.pick else None,
            "label": {"borderColor": self.color, "opacity": FADED if self.faded else 1},
        }


def flow(
    columns: Sequence[str], rows: int, nodes: Sequence[Node], edges: Sequence[tuple[str, str]]
) -> Options:
    """Return boxes in columns, with a line for each edge to a box further right."""
    faded = {node.key for node in nodes if node.faded}
    links = [
        {
            "source": source,
            "target": target,
            "tip": f"{source} → {target}",
            "lineStyle": {"opacity": 0.08 if {source, target} & faded else 0.6},
        }
        for source, target in edges
    ]
    return _base() | {
        "grid": {"left": 0, "right": 0, "top": 28, "bottom": 0},
        "xAxis": _category_axis(columns) | {"position": "top", "axisLine": {"show": False}},
        "yAxis": {"type": "value", "show": False, "inverse": True, "min": -0.5, "max": rows - 0.5},
        "series": [
            {
                "type": "graph",
                "coordinateSystem": "cartesian2d",
                # The label is drawn as the box, as a symbol would be stretched.
                "symbol": "rect",
                "symbolSize": [BOX_WIDTH, 24],
                "itemStyle": {"color": "transparent"},
                "label": {"show": True, "color": theme.TEXT, "fontSize": 11,
                          "width": BOX_WIDTH - 12, "overflow": "truncate",
                          "align": "center", "padding": [6, 5],
                          "backgroundColor": "#1e1e22", "borderWidth": 1.5, "borderRadius": 5},
                "lineStyle": {"color": theme.MUTED, "width": 1.2},
                "cursor": "pointer" if any(node.pick for node in nodes) else "default",
                "data": [node.item() for node in nodes],
                "links": links,
            }
        ],
    }  # fmt: skip


BOX_WIDTH = 144


def _base() -> Options:
    return {
        "backgroundColor": "transparent",
        "color": list(theme.SEQUENCE),
        "animation": False,
        "textStyle": {"fontFamily": theme.FONT, "color": theme.TEXT},
        "aria": {"enabled": True},
        "tooltip": {
            "trigger": "item",
            "confine": True,
            "backgroundColor": "#232328",
            "borderColor": theme.LINE,
            "textStyle": {"color": theme.TEXT, "fontSize": 13},
            ":formatter": TIP,
        },
    }


def _grid(top: int, bottom: int = 8) -> Options:
    return {"left": 16, "right": 16, "top": top, "bottom": bottom, "containLabel": True}


def _legend() -> Options:
    return {
        "type": "scroll",
        "top": 0,
        "left": 0,
        "right": 0,
        "icon": "roundRect",
        "itemWidth": 14,
        "itemHeight": 10,
        "textStyle": {"color": theme.TEXT},
        "pageTextStyle": {"color": theme.MUTED},
        "pageIconColor": theme.TEXT,
        "pageIconInactiveColor": theme.LINE,
    }


def _category_axis(names: Sequence[str]) -> Options:
    return {
        "type": "category",
        "data": list(names),
        "axisTick": {"show": False},
        "axisLine": {"lineStyle": {"color": theme.LINE}},
        "axisLabel": {"color": theme.MUTED, "hideOverlap": True}
        | ({"interval": 0} if len(names) <= FEW_NAMES else {}),
        "nameTextStyle": {"color": theme.MUTED},
    }


def _value_axis(formatter: str, unit: str, *, at_end: bool = False) -> Options:
    return {
        "type": "value",
        "name": unit,
        "nameLocation": "middle" if at_end else "end",
        "nameGap": 26 if at_end else 12,
        "nameTextStyle": {"color": theme.MUTED, "align": "center" if at_end else "left"},
        "axisLabel": {"color": theme.MUTED, "hideOverlap": True, ":formatter": formatter},
        "splitLine": {"lineStyle": {"color": theme.LINE}},
    } | ({"minInterval": 1} if formatter == COMPACT else {})


def _bar(name: str, points: Sequence[Point]) -> Options:
    return {
        "type": "bar",
        "name": name,
        "barMaxWidth": 44,
        "itemStyle": {"borderColor": theme.SURFACE, "borderWidth": 0.5},
        "data": [point.item() for point in points],
        "cursor": "pointer" if any(point.pick for point in points) else "default",
        "emphasis": {"itemStyle": {"borderColor": theme.TEXT, "borderWidth": 1}},
    }
