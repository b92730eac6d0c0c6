"""Reading text as types, the same way on every engine: by regular expression, not by cast.

`'20.5'` cast to an integer is 21 on one engine and NULL on another, so nothing is cast that was not
matched first. Rules of single tables belong beside their function.
"""

import ibis
import ibis.expr.types as ir

INTEGER = r"^-?[0-9]{1,18}$"
PADDING = r"^\s+|\s+$|\x00"
NUMBER = r"^-?[0-9]{1,15}(\.[0-9]{1,15})?$"


def clean(text: ir.StringColumn) -> ir.StringColumn:
    """Trim, drop NUL characters (no other database stores them), and read '' as unknown."""
    return text.re_replace(PADDING, "").nullif("")


def integer(text: ir.StringColumn) -> ir.IntegerColumn:
    """Read whole numbers; anything else is NULL."""
    return ibis.ifelse(text.re_search(INTEGER), text, ibis.null("string")).cast("int64")


def number(text: ir.StringColumn) -> ir.FloatingColumn:
    """Read decimal numbers; anything else is NULL."""
    return ibis.ifelse(text.re_search(NUMBER), text, ibis.null("string")).cast("float64")


def unparsed(**fields: tuple[ir.Value, ir.Value]) -> ir.StringColumn:
    """Name the fields that said something but could not be read, as quarantine shows them.

    Args:
        fields: for each field what was received and what was read.
    """
    found = ibis.array(
        [
            ibis.ifelse(raw.notnull() & read.isnull(), f"{name}: wrong type", ibis.null("string"))
            for name, (raw, read) in fields.items()
        ]
    )
    return found.join("; ").fill_null("")
