"""The verdicts of checks: words that checks, summaries, published tables and the dashboard share.

Readers of published tables import this module instead of `check`, which loads Ibis and Pandera.
"""

from typing import Literal, get_args

Verdict = Literal["passed", "warned", "failed"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
# The verdict of a check that was never evaluated.
NOT_RUN = "not run"


def verdict_of(*, passed: bool, is_warning: bool) -> Verdict:
    """Return the verdict of an evaluation.

    Args:
        passed: whether nothing was found.
        is_warning: whether a finding stops nothing.
    """
    if passed:
        return "passed"
    return "warned" if is_warning else "failed"
