"""Draw a cover of a title as SVG, as no image may be loaded from elsewhere."""

import textwrap
from base64 import b64encode
from xml.etree import ElementTree as ET

from movies_assets.serving import theme

WIDTH, HEIGHT = 240, 360
LINE, MOST_LINES, LETTERS = 30, 6, 15
SVG = "http://www.w3.org/2000/svg"


def cover(title: str, below: str) -> str:
    """Return the address (`data:`) of a cover: the title on a colour that follows from it.

    Args:
        title: any text; it is cut after six lines.
        below: a line below, such as the year.
    """
    title = "".join(sign if sign.isprintable() else " " for sign in title)
    color = theme.SEQUENCE[sum(map(ord, title)) % len(theme.SEQUENCE)]
    svg = ET.Element("svg", {"xmlns": SVG, "viewBox": f"0 0 {WIDTH} {HEIGHT}"})
    ET.SubElement(svg, "rect", _place(0, 0, WIDTH, HEIGHT, theme.SURFACE))
    ET.SubElement(svg, "rect", _place(0, 0, 8, HEIGHT, color))
    lines = textwrap.wrap(title, LETTERS, max_lines=MOST_LINES, placeholder=" …")
    for number, line in enumerate(lines, 1):
        _text(svg, line, 60 + LINE * (number - 1), theme.TEXT, 24)
    _text(svg, below, HEIGHT - 28, theme.MUTED, 18)
    return "data:image/svg+xml;base64," + b64encode(ET.tostring(svg)).decode()


def _place(x: int, y: int, width: int, height: int, color: str) -> dict[str, str]:
    numbers = {"x": x, "y": y, "width": width, "height": height}
    return {name: str(number) for name, number in numbers.items()} | {"fill": color}


def _text(svg: ET.Element, words: str, y: int, color: str, size: int) -> None:
    font = {"font-size": str(size), "font-family": theme.FONT, "fill": color}
    ET.SubElement(svg, "text", {"x": "28", "y": str(y), **font}).text = words
