"""IMDb's ids, which several sources have."""

import ibis.expr.types as ir

# Ids have unique digits: longer ones do not begin with 0.
TITLE = r"^tt([0-9]{7}|[1-9][0-9]{7,8})$"
NO_ID = "not an IMDb id"
PERSON = r"^nm([0-9]{7}|[1-9][0-9]{7,8})$"


def digits_of(imdb_id: ir.StringColumn) -> ir.IntegerColumn:
    """Return the digits of an id as an integer; NULL if it has none, or too many."""
    digits: ir.IntegerColumn = imdb_id.substr(2).try_cast("int32")
    return digits
