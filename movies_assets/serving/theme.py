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

# Okabe and Ito's colours, distinct in all kinds of colour vision; those that are faint on white
# come last. Red is the brand's alone.
SEQUENCE = (
    "#56b4e9",
    "#e69f00",
    "#00a37a",
    "#cc79a7",
    "#3a86d6",
    "#f0e442",
    "#d9d9de",
    "#8a8a94",
)
# From low to high: lightness rises throughout, so that it also reads without colour, and both ends
# differ from the cards of both themes.
HEAT = ("#1f4a70", "#28608f", "#3277ad", "#4a90c4", "#6aa9d6", "#86bee3", "#9fd0ec")
# From bad to good: vermilion to bluish green, distinct in red-green blindness.
BAD, FAIR, GOOD = "#e8603c", "#d9b23c", "#2bb58a"
GRADES = ("#a8321d", "#e8603c", "#e0a13c", "#cfc64e", "#58b98d", "#1f9a74")
# From a series' first season to its last: from blue to ochre, distinct in all colour vision.
SEASONS = ("#4a7de0", "#2a9aa8", "#7d9a3c", "#d08a1e")
# What is combined, without a name, or no season of a series.
REST = "#6b6b76"
# A genre has one colour on all pages, in the order of how many movies IMDb lists.
GENRES = {
    "Drama": "#56b4e9",
    "Documentary": "#00a37a",
    "Comedy": "#f0e442",
    "Action": "#e69f00",
    "Romance": "#cc79a7",
    "Thriller": "#2a63b8",
    "Horror": "#9d6fd0",
    "Crime": "#a9764b",
    "Adventure": "#86cf7e",
    "Family": "#f7c6a3",
    "Biography": "#93d9d0",
    "Fantasy": "#c9a9ff",
    "Mystery": "#6d72c4",
    "Sci-Fi": "#27c6d1",
    "History": "#c2b05a",
    "Music": "#ff9ecb",
    "Animation": "#b5e04a",
    "Musical": "#d884cf",
    "War": "#7f8c5c",
    "Western": "#cf8a55",
    "Sport": "#4fae5b",
    "Film-Noir": "#a3a7b0",
    "Adult": "#a7788f",
    "News": "#8fb3d9",
    "Reality-TV": "#d2c7f0",
    "Talk-Show": "#5f9ea0",
    "Game-Show": "#e6d690",
    "Short": "#d9d9de",
    "Unknown": "#8a8a94",
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"


def genre_color(name: str) -> str:
    """Return the colour of a genre; genres that IMDb does not have are muted."""
    return GENRES.get(name, REST)
