"""Telling Power BI's service that there is new data, through dagster-powerbi's workspace.

What is refreshed, and when, is said in `assets.serving.powerbi`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from movies_assets.core.errors import DescribedError
from movies_assets.settings import PowerbiSettings

if TYPE_CHECKING:
    from dagster_powerbi import PowerBIWorkspace

# What the service says of a dataset that is being refreshed: with status 400, as of all else.
UNDER_WAY = "already executing"
# Too many requests, and a service that is overloaded or restarts.
AWAY = {429, 500, 502, 503, 504}
NEEDED = ("tenant_id", "client_id", "client_secret", "workspace_id", "dataset_id")


class PowerbiError(DescribedError):
    """The service cannot or will not refresh; the message says why, without secrets."""


class PowerbiAwayError(PowerbiError):
    """The service cannot be reached, or cannot answer now."""

    is_transient = True


class _UnderWayError(PowerbiAwayError):
    """Another refresh is under way."""


def missing(settings: PowerbiSettings) -> list[str]:
    """Return the settings that a refresh needs and that are not set."""
    return [f"MOVIES_POWERBI__{n.upper()}" for n in NEEDED if not getattr(settings, n)]


def refresh(settings: PowerbiSettings, say: Callable[[str], object]) -> None:
    """Refresh the dataset, and wait until that is over.

    A refresh that is under way may have read the old tables: it is waited for, and then another
    one is asked for.

    Args:
        settings: which dataset, and who asks.
        say: is told what is waited for.

    Raises:
        PowerbiError: the service refuses, is away, or the refresh failed.
    """
    workspace = _workspace(settings)
    dataset = settings.dataset_id or ""
    with _plain_errors():
        try:
            _trigger(workspace, dataset)
        except _UnderWayError:
            say("Another refresh is under way; waiting for its end, then asking for one again.")
            workspace.poll_refresh(dataset)
            _trigger(workspace, dataset)
        workspace.poll_refresh(dataset)


def _workspace(settings: PowerbiSettings) -> "PowerBIWorkspace":
    try:
        from dagster_powerbi import PowerBIServicePrincipal, PowerBIWorkspace  # noqa: PLC0415
    except ModuleNotFoundError:
        raise PowerbiError(
            "MOVIES_POWERBI__... is set, but its library is not installed: "
            "pip install 'movies_assets[powerbi]'"
        ) from None
    secret = settings.client_secret.get_secret_value() if settings.client_secret else ""
    return PowerBIWorkspace(
        credentials=PowerBIServicePrincipal(
            client_id=settings.client_id or "",
            # The library puts it into a form as it is.
            client_secret=quote(secret, safe=""),
            tenant_id=settings.tenant_id or "",
        ),
        workspace_id=settings.workspace_id or "",
        refresh_poll_interval=settings.poll_seconds,
        refresh_timeout=settings.timeout_seconds,
    )


def _trigger(workspace: "PowerBIWorkspace", dataset: str) -> None:
    from requests import HTTPError  # noqa: PLC0415 (comes with the library)

    try:
        workspace.trigger_refresh(dataset)
    except HTTPError as error:
        found = _answered(error.response)
        raise (_UnderWayError(str(found)) if UNDER_WAY in str(found) else found) from None


@contextmanager
def _plain_errors() -> Iterator[None]:
    from dagster import Failure  # noqa: PLC0415 (what the library raises)
    from requests import HTTPError, RequestException  # noqa: PLC0415

    try:
        yield
    except HTTPError as error:
        raise _answered(error.response) from None
    except RequestException as error:
        # Its text may show what was sent.
        raise PowerbiAwayError(
            f"Power BI's service cannot be reached ({type(error).__name__})"
        ) from None
    except Failure as error:
        raise PowerbiError(f"Power BI did not refresh the dataset: {error.description}") from None


def _answered(response: Any) -> PowerbiError:
    """Return the error that the service answers: its code and message, and nothing else of it."""
    try:
        told = response.json()["error"]
        text = f"{told.get('code')}: {told.get('message')}" if isinstance(told, dict) else str(told)
    except (ValueError, KeyError, TypeError):
        text = str(response.reason)
    message = f"Power BI's service answers {response.status_code}: {text}"
    passes = response.status_code in AWAY
    return PowerbiAwayError(message) if passes else PowerbiError(message)
