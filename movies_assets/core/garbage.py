"""How often Python searches for garbage: seldom while libraries are loaded.

They are a million objects that stay. By default Python searched them again and again, which took a
fifth of a start and a tenth of a run.
"""

import gc

_USUAL = gc.get_threshold()


def collect_seldom() -> None:
    """Search for garbage seldom from now on."""
    gc.set_threshold(50_000, 20, 50)


def keep_all() -> None:
    """Leave everything that exists now out of later searches, which find no garbage in it."""
    gc.freeze()


def collect_as_usual() -> None:
    """Search what comes from now on as often as Python does, for a process that serves for days."""
    keep_all()
    gc.set_threshold(*_USUAL)
