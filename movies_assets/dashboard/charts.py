"""Build ECharts options as plain values.

Titles are data and tooltips are HTML: `TIP` builds tooltips of text nodes only; everything else is
drawn, not parsed. Choosing the rows of a chart belongs in the pages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
COMPACT = (
    "value => new Intl.NumberFormat('en-US', {notation: 'compact', maximumFractionDigits: 1})"
    ".format(value)"
)
FADED = 0.28
# Points of a line are marked up to this number.
MOST_SYMBOLS = 60
# The remainder of a stack is drawn in a muted colour.
OTHER = "Other"
REST: Options = {"color": "#5d5d67"}


@dataclass(frozen=True)
class Figure:
    """A chart, with a description and its data as a table.

    Attributes:
        options: the options of ECharts.
        description: one sentence for screen readers.
        columns: headings of the table.
        rows: its cells, as text.
        picks: the choices of a click on each row; empty if nothing can be chosen.
        height: in pixels, if it depends on the data.
        width: the minimum in pixels; in less space, the chart is scrolled.
    """

    options: Options
    description: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    picks: Sequence[Mapping[str, Any]] = ()
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


def whole_steps(options: Options) -> Options:
    """Restrict a chart's axis to whole numbers."""
    for axis in ("xAxis", "yAxis"):
        if options[axis]["type"] == "value":
            options[axis]["minInterval"] = 1
    return options


def stacked(
    names: Sequence[str],
    series: Mapping[str, Sequence[Point]],
    *,
    formatter: str = COMPACT,
    unit: str = "",
    highest: float | None = None,
) -> Options:
    """Return a stacked bar per name, with a layer per series."""
    value = _value_axis(formatter, unit) | ({"max": highest} if highest is not None else {})
    return _base() | {
        "aria": {"enabled": True, "decal": {"show": True, "decals": DECALS}},
        "legend": _legend(),
        "grid": _grid(top=64),
        "xAxis": _category_axis(names),
        "yAxis": value,
        "series": [
            _bar(name, points) | {"stack": "all"} | (REST if name == OTHER else {})
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
    value = _value_axis(formatter, unit)
    if bounds:
        value |= {"min": bounds[0], "max": bounds[1]}
    symbols = ("circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect")
    return _base() | {
        "legend": _legend(),
        "grid": _grid(top=64),
        "xAxis": _category_axis(names) | {"boundaryGap": len(names) == 1},
        "yAxis": value,
        "series": [
            {
                "type": "line",
                "name": name,
                "symbol": symbols[number % len(symbols)],
                "symbolSize": 7,
                "showSymbol": len(names) <= MOST_SYMBOLS,
                "lineStyle": {"width": 2},
                "connectNulls": False,
                "data": [point.item() for point in points],
            }
            for number, (name, points) in enumerate(series.items())
        ],
    }


def heat(  # noqa: PLR0913 (two axes, a scale and its labels)
    columns: Sequence[str],
    rows: Sequence[str],
    points: Sequence[Point],
    *,
    scale: tuple[float, float],
    colors: Sequence[str] = theme.HEAT,
    column_name: str = "",
    row_name: str = "",
    ends: tuple[str, str],
    labels: bool = False,
) -> Options:
    """Return a heat map; a point's value is `[column, row, value]`, `ends` label the scale."""
    return _base() | {
        "grid": _grid(top=30 if row_name else 8, bottom=64 if column_name else 40),
        "xAxis": _category_axis(columns) | {"name": column_name, "nameLocation": "middle",
                                            "nameGap": 30, "splitArea": {"show": False}},
        "yAxis": _category_axis(rows) | {"name": row_name, "inverse": False},
        "visualMap": {
            "min": scale[0],
            "max": max(scale[1], scale[0] + 0.1),
            "calculable": False,
            "orient": "horizontal",
            "right": 8,
            "bottom": 0,
            "itemWidth": 10,
            "itemHeight": 120,
            "inRange": {"color": list(colors)},
            "textStyle": {"color": theme.MUTED},
            "text": list(ends)[::-1],
        },
        "series": [
            {
                "type": "heatmap",
                "name": "",
                "data": [point.item() for point in points],
                "label": {"show": labels, "color": "#0b0b0d", "fontSize": 11,
                          ":formatter": "params => Number(params.value[2]).toFixed(1)"},
                "labelLayout": {"hideOverlap": True},
                "itemStyle": {"borderColor": theme.SURFACE, "borderWidth": 2, "borderRadius": 3},
                "emphasis": {"itemStyle": {"borderColor": theme.TEXT}},
                "cursor": "pointer" if any(point.pick for point in points) else "default",
            }
        ],
    }  # fmt: skip


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


# Patterns in addition to colours, faint enough to read values through them.
DECALS = [
    {"symbol": "none"},
    *(
        {"color": "rgba(0,0,0,0.2)", "symbol": symbol, "symbolSize": size, "rotation": rotation,
         "dashArrayX": dash_x, "dashArrayY": dash_y}
        for symbol, size, rotation, dash_x, dash_y in (
            ("rect", 1, 0.785, [1, 0], [2, 6]),
            ("circle", 0.7, 0, [[5, 5], [0, 5, 5, 0]], [4, 3]),
            ("rect", 1, -0.785, [1, 0], [2, 6]),
            ("rect", 1, 0, [1, 0], [2, 6]),
            ("rect", 1, 1.571, [1, 0], [2, 6]),
            ("triangle", 0.7, 0, [[7, 7], [0, 7, 7, 0]], [6, 3]),
            ("rect", 0.8, 0, [[6, 6], [0, 6, 6, 0]], [5, 3]),
            ("none", 1, 0, 5, 5),
        )
    ),
]  # fmt: skip


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
    return {"left": 8, "right": 16, "top": top, "bottom": bottom, "containLabel": True}


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
        "axisLabel": {"color": theme.MUTED, "hideOverlap": True},
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
    }


def _bar(name: str, points: Sequence[Point]) -> Options:
    return {
        "type": "bar",
        "name": name,
        "barMaxWidth": 44,
        "data": [point.item() for point in points],
        "cursor": "pointer" if any(point.pick for point in points) else "default",
        "emphasis": {"itemStyle": {"borderColor": theme.TEXT, "borderWidth": 1}},
    }
