"""Which failures of a step Dagster tries again: those that are known to pass.

A request's retries belong to the client that sends it (`ingest.http`), the wait for a lock to what
needs it. When these have given up, the error knows whether a later try of the step may help.
Dagster's `retry_policy` of an asset would try everything again, programming errors and runs that a
person ends included (docs/decisions/0032-retries-of-steps.md).
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar, cast

import dagster as dg

from movies_assets.core.errors import DescribedError
from movies_assets.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

# A step that waits keeps the only slot of the writer's pool. If a source asks for a longer wait,
# the schedule requests the days again.
LONGEST_WAIT_SECONDS = 600


def policy(settings: Settings) -> dg.RetryPolicy:
    """Return how often a step is tried again, and after how long.

    Args:
        settings: both.
    """
    return dg.RetryPolicy(
        max_retries=settings.step_retries,
        delay=settings.step_retry_seconds,
        backoff=dg.Backoff.EXPONENTIAL,
        jitter=dg.Jitter.PLUS_MINUS,
    )


@contextmanager
def mapped(settings: Settings) -> Iterator[None]:
    """Let Dagster retry the step after a temporary error, and fail it permanently otherwise.

    Other errors pass unchanged, and so do all errors outside of a step.

    Args:
        settings: how often to try again.

    Raises:
        RetryRequested: the step is to be tried again.
        Failure: it is not; the message of the error is its description.
    """
    try:
        yield
    except DescribedError as error:
        if (tried := _tries_before()) is None:
            raise
        retries = policy(settings)
        wait = max(retries.calculate_delay(tried + 1), error.retry_after or 0)
        if error.is_transient and tried < retries.max_retries and wait <= LONGEST_WAIT_SECONDS:
            raise dg.RetryRequested(retries.max_retries, wait) from error
        raise dg.Failure(str(error), allow_retries=False) from error


def _tries_before() -> int | None:
    """Return how often the step was tried before; None outside of a step."""
    try:
        return dg.OpExecutionContext.get().retry_number
    except dg.DagsterInvariantViolationError:
        return None


def retrying(settings: Settings) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate the function of an asset or of checks, so that its errors are `mapped`.

    Args:
        settings: how often to try again.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with mapped(settings):
                return function(*args, **kwargs)

        @wraps(function)
        def generate(*args: P.args, **kwargs: P.kwargs) -> Iterator[object]:
            with mapped(settings):
                yield from cast("Iterator[object]", function(*args, **kwargs))

        return cast("Callable[P, T]", generate) if inspect.isgeneratorfunction(function) else call

    return decorate
