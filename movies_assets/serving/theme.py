"""Define the visual theme: near-black, one red accent, and colours for colour-blind users, too.

Colours and sizes that charts need in Python are defined here; all others in `static/dashboard.css`,
which uses the same values.
"""

from pathlib import Path

STATIC = Path(__file__).parents[1] / "dashboard" / "static"
STYLESHEET = "/static/dashboard.css"
SCRIPT = "/static/dashboard.js"

PAGE = "#0b0b0d"
SURFACE = "#151518"
LINE = "#2c2c33"
TEXT = "#f3f3f5"
MUTED = "#a9a9b4"
ACCENT = "#e5383b"

# Okabe and Ito's colours, distinct in all kinds of colour vision, led by the accent.
SEQUENCE = (
    "#e5383b",
    "#56b4e9",
    "#e69f00",
    "#00a37a",
    "#f0e442",
    "#cc79a7",
    "#3a86d6",
    "#d9d9de",
    "#8a8a94",
)
# From low to high: lightness rises throughout, so that it also reads without colour.
HEAT = ("#221a1d", "#4a1a20", "#7d1f28", "#b62a33", "#e5483f", "#f58a6b", "#fcd5b5")
# From bad to good: vermilion to bluish green, distinct in red-green blindness.
BAD, FAIR, GOOD = "#e8603c", "#d9b23c", "#2bb58a"
GRADES = ("#a8321d", "#e8603c", "#e0a13c", "#cfc64e", "#58b98d", "#1f9a74")

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
