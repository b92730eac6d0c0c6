"""Build the components of pages: cards of figures, charts and tables.

Every component is created once, shows a text while it loads, and shows new data in place. Choosing
the data belongs in the pages. Data is shown as text: nothing here accepts HTML.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Literal

from nicegui import background_tasks, ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import EChartPointClickEventArguments, GenericEventArguments

from movies_assets.dashboard.charts import Figure
from movies_assets.dashboard.filters import Field
from movies_assets.dashboard.menus import Rows, add_menu, heading, slug
from movies_assets.dashboard.sorting import order
from movies_assets.serving import formatting

LOADING = "Loading …"
# About what a column of texts and one of numbers take, and what a phone has, in pixels: in a wider
# table, a phone shows each row as a list.
TEXT_PIXELS, NUMBER_PIXELS, PHONE_PIXELS = 130, 50, 340
# Receives the texts of the address that a click chooses, by field.
Pick = Callable[[Mapping[str, Any]], None]
Tone = Literal["", "good", "fair", "bad", "unsure"]

# The cell of a row that opens something is a link or a button, for the keyboard.
PICKED_CELL = (
    '<q-td :props="props" :data-label="props.col.label">'
    '<a v-if="props.row.href" class="pick" :href="props.row.href">'
    '<bdi dir="auto">{{ props.value }}</bdi></a>'
    '<button v-else-if="props.row.pick" type="button" class="pick" '
    "@click=\"() => $parent.$emit('pick', props.row.pick)\">{{ props.value }}</button>"
    '<bdi v-else dir="auto">{{ props.value }}</bdi></q-td>'
)
# Titles may be of any script: each keeps its own direction without affecting its surroundings.
CELL = (
    '<q-td :props="props" :data-label="props.col.label">'
    '<bdi dir="auto">{{ props.value }}</bdi></q-td>'
)


# A heading is a button within: Quasar sorts on the click of the cell around it.
HEADING = (
    "<q-th :props=\"props\" :aria-sort=\"!props.col.__thClass.includes('sorted') ? 'none' : "
    "props.col.__thClass.includes('sort-desc') ? 'descending' : 'ascending'\">"
    '<button type="button" class="heading">{{ props.col.label }}</button></q-th>'
)
# Rows have the place of each cell in its column, or null if it is unknown, which comes last.
SORT = (
    "(rows, column, descending) => rows.slice().sort((one, other) => {"
    "const [a, b] = [one.order[column], other.order[column]];"
    "return a === b ? 0 : a === null ? 1 : b === null ? -1 : descending ? b - a : a - b; })"
)


def text(tag: str, words: str = "", classes: str = "") -> TextElement:
    """Create an HTML element with text."""
    return TextElement(tag=tag, text=words).classes(classes)


def box(tag: str = "div", classes: str = "") -> Element:
    """Create an HTML element that contains others."""
    return ui.element(tag).classes(classes)


@dataclass(frozen=True)
class Scope:
    """The filters of the page that a card does not obey; it obeys all others.

    Attributes:
        ignores: they change nothing on the card.
        marks: the card shows all values, and marks the chosen one.
    """

    ignores: Sequence[Field] = ()
    marks: Sequence[Field] = ()

    def __str__(self) -> str:
        """Return it for people: `Ignores the day. Marks the chosen genre.`."""
        parts = (("Ignores the", self.ignores), ("Marks the chosen", self.marks))
        return " ".join(
            f"{words} {' and '.join(one.label.lower() for one in fields)}."
            for words, fields in parts
            if fields
        )


EVERYTHING = Scope()


@contextmanager
def card(
    title: str, note: str = "", *, span: int = 12, scope: Scope = EVERYTHING
) -> Iterator[Element]:
    """Create a titled card, to be filled within the context.

    Args:
        title: the heading.
        note: a line below that explains how to read it.
        span: its width in twelfths of the page; on a phone it takes the full width.
        scope: the filters that it does not obey, which the card states.
    """
    with box("section", f"card span-{span}") as section:
        section.props["id"] = slug(title)
        heading = text("h2", title)
        section.props(f"aria-labelledby={heading.html_id}")
        if words := " ".join(filter(None, [note, str(scope)])):
            text("p", words, "note")
        yield section


@dataclass(frozen=True)
class Kpi:
    """The content of a card of one figure.

    Attributes:
        value: the figure, with its unit.
        hint: a line below.
        tone: whether that is good or bad; also shown by a sign, for colour-blind users. A figure
            of too little data is `unsure`; the hint has the size of the sample.
        label: its name, if that depends on the data.
    """

    value: str
    hint: str = ""
    tone: Tone = ""
    label: str = ""


ALL_OBEY: Mapping[str, Scope] = MappingProxyType({})
SIGNS: Mapping[Tone, str] = {"": "", "good": "▲ ", "fair": "● ", "bad": "▼ ", "unsure": ""}
SPOKEN: Mapping[Tone, str] = {
    "": "",
    "good": "good",
    "fair": "middling",
    "bad": "poor",
    "unsure": "of little data",
}


class KpiCards:
    """A row of figures."""

    def __init__(self, labels: Sequence[str], scopes: Mapping[str, Scope] = ALL_OBEY) -> None:
        """Create the cards, without figures yet; `scopes` has those that ignore a filter."""
        self.labels, self.scopes = labels, scopes
        self._parts: list[tuple[Element, TextElement, TextElement, TextElement]] = []
        with box("dl", "kpis"):
            for label in labels:
                with box("div", "kpi") as frame:
                    name = text("dt", label)
                    value = text("dd", "…", "value")
                    hint = text("dd", "", "hint")
                    if label in scopes:
                        text("dd", str(scopes[label]), "hint")
                self._parts.append((frame, name, value, hint))

    def show(self, figures: Sequence[Kpi]) -> None:
        """Show the figures, one per label."""
        for label, parts, figure in zip(self.labels, self._parts, figures, strict=True):
            frame, name, value, hint = parts
            name.set_text(figure.label or label)
            value.set_text(SIGNS[figure.tone] + figure.value)
            hint.set_text(figure.hint)
            frame.classes(replace=f"kpi {figure.tone}")
            if figure.tone:
                value.props(f'aria-label="{figure.value}, {SPOKEN[figure.tone]}"')
            else:
                value.props(remove="aria-label")


class ChartCard:
    """A chart, its data as a table, and a sentence if there is nothing to draw."""

    def __init__(
        self,
        title: str,
        note: str = "",
        *,
        span: int = 12,
        height: int = 320,
        pick: Pick | None,
        scope: Scope = EVERYTHING,
    ) -> None:
        """Create the card; it shows that it is loading until it is given something to show.

        Args:
            title: the heading.
            note: how to read it.
            span: width in twelfths of the page.
            height: of the chart, in pixels.
            pick: called with the choices of a click on a point; None: nothing can be chosen.
            scope: the filters that it does not obey.
        """
        self.title, self.scope, self._pick = title, scope, pick
        self._shown: Figure | str | None = None
        with card(title, note, span=span, scope=scope):
            self._empty = text("p", LOADING, "empty").style(f"min-height: {height}px")
            with box("div", "chart-frame") as self._frame:
                self._chart = ui.echart({}, renderer="svg", on_point_click=self._clicked)
            self._chart.classes("chart").style(f"height: {height}px").props("role=img")
            self._chart.set_visibility(False)
            self._left_out = text("p", "", "note left-out")
            self._more = box("details", "as-table")
            with self._more:
                text("summary", "Show as a table")
                self._table = DataTable(title, [], pick=pick)
            self._more.on("toggle", self._toggled, args=["newState"])
            self._more.set_visibility(False)
            add_menu(title, self._rows, self._chart)
        self._is_open = False

    def _rows(self) -> Rows:
        return (self._shown.columns, self._shown.rows) if isinstance(self._shown, Figure) else None

    def show(self, what: Figure | str) -> None:
        """Show a chart, or the reason why there is none; do not send what is already shown."""
        if what == self._shown:
            return
        self._shown = what
        drawn = isinstance(what, Figure)
        self._empty.set_visibility(not drawn)
        self._chart.set_visibility(drawn)
        self._more.set_visibility(drawn)
        self._left_out.set_text(what.left_out if isinstance(what, Figure) else "")
        if isinstance(what, Figure):
            options = what.options
            if what.height:
                self._chart.style(f"height: {what.height}px")
            self._chart.style(f"min-width: {what.width or 0}px")
            if what.width:
                # In less space it is scrolled, also by keyboard.
                self._frame.props(f'tabindex=0 role=group aria-label="{self.title}"')
            label = {"label": {"description": what.description}}
            whole = options | {"aria": {**options.get("aria", {"enabled": True}), **label}}
            # Bypasses NiceGUI, which would wrap each value to observe changes: that took longer
            # than all else in the server. Options are never changed, only replaced.
            dict.__setitem__(self._chart.props, "options", whole)
            self._chart.update()
            self._fill()
        else:
            self._empty.set_text(what)

    def _fill(self) -> None:
        """Fill the table while it is open; a closed one costs nothing."""
        if self._is_open and isinstance(self._shown, Figure):
            figure = self._shown
            self._table.head(figure.columns)
            self._table.show(
                [(row, pick or None) for row, pick in zip_longest(figure.rows, figure.picks)]
            )

    def _toggled(self, event: GenericEventArguments) -> None:
        # Messages of the browser are untrusted.
        self._is_open = isinstance(event.args, dict) and event.args.get("newState") == "open"
        self._fill()

    def _clicked(self, event: EChartPointClickEventArguments) -> None:
        pick = event.data.get("pick") if isinstance(event.data, dict) else None
        if self._pick and isinstance(pick, dict):
            self._pick(pick)


# The cells of a row, and what it opens: choices of the page, an address, or nothing.
TableRow = tuple[Sequence[str], Mapping[str, str] | str | None]


class DataTable:
    """A table of texts with right-aligned numbers, sorted by a click on a heading."""

    def __init__(
        self, label: str, columns: Sequence[str], *, pick: Pick | None, opens: int = 0
    ) -> None:
        """Create a table without rows.

        Args:
            label: its name, for screen readers.
            columns: its headings; one that ends in `#` is of numbers, and `#` alone of ranks.
            pick: called with the choices of a click on a row.
            opens: the column whose cells are clicked.
        """
        self._table = ui.table(rows=[], columns=[], row_key="id", pagination=0)
        self._table.props("flat dense hide-pagination wrap-cells").props(f'aria-label="{label}"')
        self._table.props[":sort-method"] = SORT
        self._table.add_slot("header-cell", HEADING)
        self._table.add_slot("body-cell", CELL)
        self._table.add_slot(f"body-cell-{opens}", PICKED_CELL)
        if pick:
            self._table.on("pick", lambda event: _picked(event, pick))
        self._count = text("p", "", "count")
        self._columns: Sequence[str] | None = None
        self.head(columns)

    def head(self, columns: Sequence[str]) -> None:
        """Set the headings."""
        if columns == self._columns:
            return
        self._columns = columns
        pixels = sum(NUMBER_PIXELS if label.endswith("#") else TEXT_PIXELS for label in columns)
        self._table.classes(replace="data stacked" if pixels > PHONE_PIXELS else "data")
        self._table.columns = [
            {
                "name": str(number),
                "label": heading(label),
                "field": str(number),
                "align": "right" if label.endswith("#") else "left",
                "sortable": True,
            }
            for number, label in enumerate(columns)
        ]

    def show(self, rows: Sequence[TableRow], of: int | None = None) -> None:
        """Show rows: their cells, and what a click opens.

        Args:
            rows: the rows.
            of: how many there are, if these are only some of them.
        """
        columns = zip(*(cells for cells, _ in rows), strict=True)
        orders = zip(*(order(column) for column in columns), strict=True)
        self._table.rows = [
            {
                "id": number,
                "order": places,
                "pick": dict(opened) if isinstance(opened, Mapping) else None,
                "href": opened if isinstance(opened, str) else None,
            }
            | {str(column): cell for column, cell in enumerate(cells)}
            for number, ((cells, opened), places) in enumerate(zip(rows, orders, strict=True))
        ]
        self._count.set_text(count_text(len(rows), of))

    @property
    def content(self) -> Rows:
        """Return the headings and the cells that the table shows; None if it has no rows."""
        rows = [
            [row[str(at)] for at in range(len(self._columns or ()))] for row in self._table.rows
        ]
        return (self._columns or (), rows) if rows else None

    def set_visibility(self, visible: bool) -> None:  # noqa: FBT001 (as NiceGUI has it)
        """Show or hide the table."""
        self._table.set_visibility(visible)
        self._count.set_visibility(visible)


def found(rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Return how many rows a query has found, if it returns the first of them with that column."""
    return rows[0]["found"] if rows else None


def count_text(shown: int, of: int | None) -> str:
    """Return how many rows a table shows, of how many: `25 of 3,104 rows`."""
    if of is None or of <= shown:
        return formatting.plural(shown, "row")
    return f"{formatting.count(shown)} of {formatting.plural(of, 'row')}; headings sort these"


class TableCard:
    """A table, and a sentence if it has no rows."""

    def __init__(  # noqa: PLR0913 (what a card has)
        self,
        title: str,
        note: str = "",
        *,
        columns: Sequence[str],
        span: int = 12,
        pick: Pick | None = None,
        opens: int = 0,
        scope: Scope = EVERYTHING,
    ) -> None:
        """Create the card; see `ChartCard` and `DataTable`."""
        self.title, self.scope = title, scope
        self._shown: Any = None
        with card(title, note, span=span, scope=scope):
            self._empty = text("p", LOADING, "empty")
            self._table = DataTable(title, columns, pick=pick, opens=opens)
            self._table.set_visibility(False)
            add_menu(title, lambda: self._table.content)

    def head(self, columns: Sequence[str]) -> None:
        """Set the headings, for a table whose columns depend on the data."""
        self._table.head(columns)

    def show(self, what: Sequence[TableRow] | str, of: int | None = None) -> None:
        """Show rows, or the reason why there are none; see `DataTable`."""
        if (what, of) == self._shown:
            return
        self._shown = (what, of)
        has_rows = not isinstance(what, str)
        self._table.set_visibility(has_rows)
        self._empty.set_visibility(not has_rows)
        if isinstance(what, str):
            self._empty.set_text(what)
        else:
            self._table.show(what, of)


@dataclass(frozen=True)
class Option:
    """An option of a picker.

    Attributes:
        value: its value in the address.
        label: its name.
        note: further details.
    """

    value: str
    label: str
    note: str = ""


class Picker:
    """A search field over many options; the server searches.

    A combobox as in the ARIA patterns: arrows move through the list, Enter chooses, Escape
    closes it.
    """

    def __init__(
        self,
        label: str,
        search: Callable[[str], Awaitable[Sequence[Option]]],
        choose: Callable[[str], None],
    ) -> None:
        """Create the field.

        Args:
            label: its label.
            search: returns the options for a text, the best first.
            choose: receives the value of the chosen option.
        """
        self._search, self._choose = search, choose
        self._options: Sequence[Option] = ()
        self._items: list[Element] = []
        self._at = -1
        self._turn = 0
        self._shown = ""
        with box("div", "picker"):
            self._input = ui.input(label).props(
                "dense outlined debounce=150 autocomplete=off role=combobox "
                "aria-autocomplete=list aria-expanded=false"
            )
            self._list = box("ul", "hits").props(f'role=listbox aria-label="{label}"')
        self._list.set_visibility(False)
        self._input.props(f"aria-controls={self._list.html_id}")
        self._input.on_value_change(self._typed)
        self._input.on("click", js_handler="(event) => event.target.select()")
        self._input.on("blur", self._close)
        self._input.on("keydown.down.prevent", lambda: self._move(1))
        self._input.on("keydown.up.prevent", lambda: self._move(-1))
        self._input.on("keydown.enter.prevent", self._enter)
        self._input.on("keydown.esc", self._close)

    def focus_on(self, key: str) -> None:
        """Go to the field when Ctrl, or Command, and a key are pressed."""
        ui.run_javascript(
            "window.addEventListener('keydown', (event) => {"
            f"if ((event.ctrlKey || event.metaKey) && event.key === '{key}') "
            f"{{ event.preventDefault(); getHtmlElement({self._input.id}).focus(); }} }})"
        )

    def show(self, label: str) -> None:
        """Show the choice."""
        self._shown = label
        self._input.set_value(label)
        self._close()

    async def _typed(self) -> None:
        if self._input.value != self._shown:
            await self._look_up()

    async def _look_up(self) -> None:
        self._turn += 1
        turn = self._turn
        options = await self._search(self._input.value or "")
        if turn == self._turn and not self._input.is_deleted:
            self._offer(options)

    def _offer(self, options: Sequence[Option]) -> None:
        self._options, self._at, self._items = options, -1, []
        self._list.clear()
        with self._list:
            for option in options:
                item = box("li").props("role=option aria-selected=false")
                with item:
                    text("bdi", option.label).props("dir=auto")
                    text("span", option.note, "note")
                # Before the field loses the focus, which closes the list.
                item.on("mousedown.prevent", lambda option=option: self._take(option))
                self._items.append(item)
            if not options:
                text("li", "No name contains this text.", "note").props("role=option")
        self._list.set_visibility(True)
        self._input.props("aria-expanded=true").props(remove="aria-activedescendant")

    def _move(self, by: int) -> None:
        if not self._items:
            background_tasks.create(self._look_up(), context=self._input.client)
            return
        if 0 <= self._at < len(self._items):
            self._items[self._at].props("aria-selected=false")
        self._at = (self._at + by) % len(self._items)
        item = self._items[self._at].props("aria-selected=true")
        self._input.props(f"aria-activedescendant={item.html_id}")
        item.run_method("scrollIntoView", {"block": "nearest"})

    def _enter(self) -> None:
        if self._options and self._list.visible:
            self._take(self._options[max(self._at, 0)])

    def _take(self, option: Option) -> None:
        self._turn += 1
        self.show(option.label)
        self._choose(option.value)

    def _close(self) -> None:
        self._options, self._items, self._at = (), [], -1
        self._list.set_visibility(False)
        self._input.props("aria-expanded=false").props(remove="aria-activedescendant")


def _picked(event: GenericEventArguments, pick: Pick) -> None:
    if isinstance(event.args, dict):
        pick(event.args)
