"""Bands of ratings, from 0 to 10, which sources share."""

import ibis
import ibis.expr.types as ir


def rating_band(rating: ir.FloatingColumn) -> ir.StringColumn:
    """Sort a rating into its band."""
    return ibis.cases(
        (rating.isnull(), "Unknown"),
        (rating >= 8, "Excellent"),  # noqa: PLR2004 (the description has the bounds)
        (rating >= 7, "Great"),  # noqa: PLR2004
        (rating >= 6, "Good"),  # noqa: PLR2004
        else_="OK",
    )
