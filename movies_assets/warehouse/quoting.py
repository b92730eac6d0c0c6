"""Quoting of texts and names for SQL; DuckDB and Postgres quote alike."""


def literal(text: str) -> str:
    """Quote a text."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """Quote the name of a column, table or schema."""
    return '"' + name.replace('"', '""') + '"'
