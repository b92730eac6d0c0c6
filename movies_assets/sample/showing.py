"""Show works of the world with the differences that real sources have.

Each function returns a value and the difficulties that it makes, see `world.DIFFICULTIES`. Shares
are in percent.
"""

from movies_assets.sample.draws import Draws
from movies_assets.sample.spellings import NUMERALS, other_spelling
from movies_assets.sample.world import LAST_YEAR, Work

NONE: frozenset[str] = frozenset()
Difficulties = frozenset[str]

_NUMERALS_CHANGED = 50
_LONG = 120


def name_of(
    work: Work, draws: Draws, *, original: int, alias: int, spelling: int, only_english: bool
) -> tuple[str, Difficulties]:
    """Return a name that IMDb knows, perhaps in another spelling.

    Args:
        work: The work.
        draws: Three numbers of them are used.
        original: The share of works with a name in their own language that are shown with it.
        alias: The share of the others with an alternate name that are shown with it.
        spelling: The share of all others that have another spelling.
        only_english: Whether only English alternate names are shown.
    """
    kind, chance, which = draws.below(100), draws.below(100), draws.below(1_000)
    if work.part > 1 and chance < _NUMERALS_CHANGED:
        others = [each.format(work.stem) for each in NUMERALS[work.part]]
        others.remove(work.english)
        return others[which % len(others)], frozenset({"numeral"})
    if work.original != work.english and kind < original:
        return work.original, frozenset({"original name"})
    aliases = [each.name for each in work.aliases if each.language == "en" or not only_english]
    if aliases and kind < alias:
        return aliases[which % len(aliases)], frozenset({"alternate name"})
    if chance < spelling:
        # Not in capitals.
        return other_spelling(work.english, 1 + which % 5), frozenset({"spelling"})
    return work.english, NONE


def year_of(work: Work, draws: Draws, *, other: int) -> tuple[int, Difficulties]:
    """Return the year of a work, or for a share of works the one before or after."""
    chance, is_later = draws.below(100), draws.below(2) and work.start_year < LAST_YEAR
    if chance < other:
        return work.start_year + (1 if is_later else -1), frozenset({"year"})
    return work.start_year, NONE


def runtime_of(work: Work, draws: Draws, *, unknown: int, cut: int) -> tuple[int, Difficulties]:
    """Return minutes, 0 if they are unknown; two fifths of the works differ by up to three.

    Args:
        work: The work.
        draws: Two numbers of them are used.
        unknown: The share of works without minutes.
        cut: The share of works that are longer by more than a tenth; long ones are shorter.
    """
    chance, drawn = draws.below(100), draws.below(1_000)
    missing = NONE if work.has_runtime else frozenset({"no runtime"})
    if chance < unknown:
        return 0, frozenset({"no runtime"})
    if chance < unknown + cut:
        by = 12 + drawn % 20
        minutes = work.runtime * (100 + (by if work.runtime < _LONG else -by)) // 100
        return minutes, missing or frozenset({"other cut"})
    if chance < unknown + cut + 40:
        minutes = work.runtime + (-3, -2, -1, 1, 2, 3)[drawn % 6]
        return minutes, missing or frozenset({"runtime"})
    return work.runtime, missing
