"""A step is tried again where it failed in passing, and fails at once where that would not help."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from starlette.requests import Request
from starlette.responses import Response

from movies_assets.core.errors import DescribedError
from movies_assets.ingest.http import PermanentSourceError, TransientSourceError
from movies_assets.orchestration.executor import executor
from movies_assets.orchestration.retries import LONGEST_WAIT_SECONDS, mapped, policy, retrying
from movies_assets.sample.serving import serve
from movies_assets.settings import Settings, load
from movies_assets.warehouse.database import WarehouseInUseError
from movies_assets_tests.conftest import Platform, movie
from movies_assets_tests.http_servers import Catalogue

DAY = "2025-10-30"
# Before the time that the server asks for.
PAST = "2023-11-01"
TYPE = dg.DagsterEventType
QUICK = {"step_retries": 2, "step_retry_seconds": 0}


def job_of(settings: Settings, error: Exception | None, failures: int) -> dg.JobDefinition:
    """Return a job of one step that fails so often and then succeeds."""
    tries = iter(range(100))

    @dg.op
    @retrying(settings)
    def step() -> None:
        if next(tries) < failures and error:
            raise error

    @dg.op(out=dg.Out(dg.Nothing))
    @retrying(settings)
    def generator() -> Iterator[dg.Output[None]]:
        if next(tries) < failures and error:
            raise error
        yield dg.Output(None)

    @dg.job(executor_def=executor)
    def both() -> None:
        step()
        generator()

    return both


def run(job: dg.JobDefinition) -> dict[str, int]:
    """Run a job; count the events that say how it went."""
    result = job.execute_in_process(raise_on_error=False)
    kinds = [event.event_type for event in result.all_events]
    return {
        "retries": kinds.count(TYPE.STEP_UP_FOR_RETRY),
        "failures": kinds.count(TYPE.STEP_FAILURE),
        "successes": kinds.count(TYPE.STEP_SUCCESS),
    }


@pytest.mark.parametrize(
    ("error", "failures", "expected"),
    [
        (TransientSourceError("away"), 1, {"retries": 1, "failures": 0, "successes": 2}),
        (WarehouseInUseError("in use"), 2, {"retries": 2, "failures": 0, "successes": 2}),
        (TransientSourceError("away"), 9, {"retries": 4, "failures": 2, "successes": 0}),
        (PermanentSourceError("no such key"), 1, {"retries": 0, "failures": 1, "successes": 1}),
        # A mistake in the code would be the same again.
        (TypeError("a mistake"), 1, {"retries": 0, "failures": 1, "successes": 1}),
    ],
)
def test_only_what_passes_is_tried_again(error, failures, expected):
    assert run(job_of(load(**QUICK), error, failures)) == expected


def test_without_retries_a_step_fails_at_once():
    job = job_of(load(step_retries=0), TransientSourceError("away"), 1)
    assert run(job) == {"retries": 0, "failures": 1, "successes": 1}


def test_a_failure_begins_with_the_message_and_keeps_its_cause():
    result = job_of(load(**QUICK), PermanentSourceError("Check the key."), 1).execute_in_process(
        raise_on_error=False
    )
    (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
    assert failure.user_failure_data.description == "Check the key."
    assert (
        failure.error.message.strip() == "dagster._core.definitions.events.Failure: Check the key."
    )
    assert failure.error.cause.cls_name == "PermanentSourceError"


def test_outside_of_a_step_errors_are_what_they_are():
    with pytest.raises(PermanentSourceError, match="as it is"), mapped(load()):
        raise PermanentSourceError("as it is")


def test_waits_grow_and_vary():
    retries = policy(load(step_retry_seconds=10))
    first = {retries.calculate_delay(1) for _ in range(20)}
    assert len(first) > 1
    assert max(first) <= 20
    assert max(retries.calculate_delay(2) for _ in range(50)) > 30


@pytest.mark.parametrize("asked", [0.4, LONGEST_WAIT_SECONDS + 1])
def test_a_source_that_asks_to_wait_is_heeded_or_left_to_the_schedule(asked):
    settings = load(**QUICK)
    result = job_of(settings, TransientSourceError("away", asked), 1).execute_in_process(
        raise_on_error=False
    )
    waits = [e.step_retry_data.seconds_to_wait for e in result.all_events if e.is_step_up_for_retry]
    assert waits == ([asked] if asked < LONGEST_WAIT_SECONDS else [])
    assert result.success == bool(waits)


class TestAgainstAServer:
    """The real client of YTS, within a run."""

    def run(self, tmp_path: Any, instance: dg.DagsterInstance, catalogue: Catalogue) -> Any:
        with serve(catalogue) as url:
            settings = load(
                data_dir=tmp_path,
                profile="live",
                yts={
                    "first_day": "2023-10-01",
                    "base_url": url,
                    "retry_budget_seconds": 3,
                    "margin_pages": 1,
                },
                **QUICK,
            )
            platform = Platform(settings, instance)
            result = platform.run(PAST, select=["bronze/yts_movies"], raise_on_error=False)
            return platform, result

    @pytest.mark.slow
    def test_one_that_fails_once_is_asked_again_by_the_next_try(self, tmp_path, instance):
        def once(_: Request, number: int) -> Response | None:
            # Longer than the client waits for one request, so the next try is that of the step.
            wait = {"Retry-After": "4"}
            return Response(status_code=503, headers=wait) if number == 1 else None

        catalogue = Catalogue([movie(1, f"{PAST}T12:00:00")], overstated=0, fault=once)
        platform, result = self.run(tmp_path, instance, catalogue)
        assert result.success
        (again,) = [e for e in result.all_events if e.is_step_up_for_retry]
        assert again.step_key == "bronze__yts_movies"
        assert again.step_retry_data.seconds_to_wait == 4
        assert "503" in again.step_retry_data.error.cause.message
        assert platform.sql("SELECT count(*) FROM bronze.yts_movies") == [(1,)]

    @pytest.mark.slow
    @pytest.mark.parametrize("status", [403, 404])
    def test_one_that_refuses_is_asked_once(self, tmp_path, instance, status):
        catalogue = Catalogue(fault=lambda *_: Response(status_code=status))
        _, result = self.run(tmp_path, instance, catalogue)
        assert not result.success
        assert not [e for e in result.all_events if e.is_step_up_for_retry]
        assert len(catalogue.requests) == 1
        (failure,) = [e.step_failure_data for e in result.all_events if e.is_step_failure]
        assert f"answered HTTP {status}" in failure.user_failure_data.description

    def test_a_warehouse_that_is_in_use_for_a_moment(self, tmp_path, instance, yts, monkeypatch):
        settings = load(data_dir=tmp_path, yts={"first_day": "2025-10-01"}, **QUICK)
        platform = Platform(settings, instance, lambda: yts)
        yts.movies_listed = [movie(1, f"{DAY}T12:00:00")]
        held = iter([True])
        transaction = type(platform.warehouse).transaction

        def busy_once(self: Any, connection: Any) -> Any:
            if next(held, False):
                raise WarehouseInUseError("in use")
            return transaction(self, connection)

        monkeypatch.setattr(type(platform.warehouse), "transaction", busy_once)
        result = platform.run(DAY, select=["bronze/yts_movies"])
        assert [e.step_key for e in result.all_events if e.is_step_up_for_retry] == [
            "bronze__yts_movies"
        ]
        assert platform.sql("SELECT count(*) FROM bronze.yts_movies") == [(1,)]


def test_every_error_of_ours_says_what_to_do_by_itself():
    assert not DescribedError("x").is_transient
    assert DescribedError("x").retry_after is None
