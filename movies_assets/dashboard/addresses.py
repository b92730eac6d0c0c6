"""The addresses of the pages of single things."""

from urllib.parse import quote, urlencode


def title(key: str) -> str:
    """Return the address of a title's page."""
    return f"/title/{quote(key, safe=':')}"


def found(key: str | None) -> str | None:
    """Return the address of a title's page; None for a title that is not linked yet."""
    return title(key) if key else None


def movie(number: int) -> str:
    """Return the address of the page of a movie of IMDb, known by the digits of its id."""
    return title(f"tt{number:07}")


def series(number: int) -> str:
    """Return the address of a series' page, known by the digits of its id at IMDb."""
    return f"/series/{number}"


def person(name: str) -> str:
    """Return the address of a person's page; names are compared without case."""
    return f"/person/{quote(name.lower(), safe='')}"


def table(name: str) -> str:
    """Return the address of a table's page."""
    return f"/table/{quote(name)}"


def sql(query: str) -> str:
    """Return the address of the page SQL with a query, which it runs."""
    return f"/sql?{urlencode({'q': query})}"
