"""Pandera's checks for Ibis tables, registered without hypothesis.

Pandera imports hypothesis where it is installed, as for the tests of this project, to draw rows
that fit a schema. Nothing here draws rows, and the import takes a tenth of a command's start.
"""

import sys

_HYPOTHESIS = "hypothesis"

if _HYPOTHESIS in sys.modules:
    from pandera.backends.ibis import builtin_checks
else:
    # An import of it fails, as where it is not installed.
    sys.modules[_HYPOTHESIS] = None  # type: ignore[assignment]
    try:
        from pandera.backends.ibis import builtin_checks
    finally:
        del sys.modules[_HYPOTHESIS]

__all__ = ["builtin_checks"]
