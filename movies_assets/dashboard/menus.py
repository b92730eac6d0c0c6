"""The menu of a card: a link to it, its rows as CSV, its chart as an image."""

import csv
import io
import re
from collections.abc import Callable, Sequence

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from movies_assets.serving import formatting
from movies_assets.serving.formulas import NUMBER, defused_text

# Rows of texts under their headings; None while there are none.
Rows = tuple[Sequence[str], Sequence[Sequence[str]]] | None
# A chart is an SVG in the page; it is saved with its own colours and size.
SAVE_IMAGE = """() => {
    const drawn = getElement(CHART).chart.getDom().querySelector('svg');
    const copy = drawn.cloneNode(true);
    copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
    copy.style.background = getComputedStyle(document.body).backgroundColor;
    const text = new XMLSerializer().serializeToString(copy);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([text], {type: 'image/svg+xml'}));
    link.download = NAME;
    link.click();
    URL.revokeObjectURL(link.href);
}"""


def add_menu(title: str, rows: Callable[[], Rows], chart: ui.echart | None = None) -> None:
    """Add the menu of a card to what is being built.

    Args:
        title: the card's heading.
        rows: returns what the card shows now.
        chart: its chart, if it has one.
    """
    name = slug(title)

    def save() -> None:
        if found := rows():
            ui.download.content(as_csv(*found), f"{name}.csv", "text/csv")

    with ui.element("details").classes("menu"):
        with ui.element("summary").props(f'aria-label="Menu of {title}"'):
            ui.element("span").classes("dots").props("aria-hidden=true")
        with ui.element("div").classes("items"):
            ui.link("Link to this card", f"#{name}")
            _button("Save these rows as CSV").on("click", save)
            if chart is not None:
                script = SAVE_IMAGE.replace("CHART", str(chart.id)).replace("NAME", f"'{name}.svg'")
                _button("Save as image (SVG)").on("click", js_handler=script)


def _button(words: str) -> TextElement:
    return TextElement(tag="button", text=words).props("type=button")


def slug(title: str) -> str:
    """Return the name of a card in addresses and files: `genres-by-decade`."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def heading(label: str) -> str:
    """Return the heading of a column as people read it: `#` marks one of numbers, alone ranks."""
    return label.removesuffix("#") or "Rank"


def _plain(cell: str) -> str:
    if cell == formatting.NONE:
        return ""
    if NUMBER.fullmatch(cell):
        return cell.replace(",", "").replace("\N{MINUS SIGN}", "-").removeprefix("+")
    return defused_text(cell.replace("\N{NO-BREAK SPACE}", " "))


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return rows as CSV in UTF-8, for programs: numbers are plain, and what is unknown is empty.

    No spreadsheet runs a text as a formula.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow([heading(label) for label in columns])
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return file.getvalue().encode()
