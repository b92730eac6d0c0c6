"""Refresh a dataset of Power BI's service, through dagster-powerbi's workspace.

The asset is in `orchestration.publishing.powerbi`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from movies_assets.core.errors import DescribedError
from movies_assets.settings import PowerbiSettings

if TYPE_CHECKING:
    from dagster_powerbi import PowerBIWorkspace

# The service's text if a refresh is running; its status is 400, as of all other errors.
UNDER_WAY = "already executing"
# Too many requests, and a service that is overloaded or restarts.
AWAY = {429, 500, 502, 503, 504}
NEEDED = ("tenant_id", "client_id", "client_secret", "workspace_id", "dataset_id")


class PowerbiError(DescribedError):
    """The service did not refresh. The message gives the reason, without secrets."""


class PowerbiAwayError(PowerbiError):
    """The service cannot be reached, or cannot answer now."""

    is_transient = True


class _UnderWayError(PowerbiAwayError):
    """Another refresh is running."""


def missing(settings: PowerbiSettings) -> list[str]:
    """Return the names of required settings that are not set."""
    return [f"MOVIES_POWERBI__{n.upper()}" for n in NEEDED if not getattr(settings, n)]


def refresh(settings: PowerbiSettings, log: Callable[[str], object]) -> None:
    """Refresh the dataset, and wait for the end.

    A refresh that is already running may have read the old tables: wait for its end, then start
    another one.

    Args:
        settings: the dataset and the credentials.
        log: receives a line if another refresh is running.

    Raises:
        PowerbiError: the service refuses, is down, or the refresh failed.
    """
    workspace = _workspace(settings)
    dataset = settings.dataset_id or ""
    with _plain_errors():
        try:
            _trigger(workspace, dataset)
        except _UnderWayError:
            log("Another refresh is running; waiting for its end, then starting a new one.")
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
            # The library does not encode it for the form.
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
        # Its text may show the request.
        raise PowerbiAwayError(
            f"Power BI's service cannot be reached ({type(error).__name__})"
        ) from None
    except Failure as error:
        raise PowerbiError(f"Power BI did not refresh the dataset: {error.description}") from None


def _answered(response: Any) -> PowerbiError:
    """Return the service's error: its code and message, and nothing else of the reply."""
    try:
        found = response.json()["error"]
        is_pair = isinstance(found, dict)
        text = f"{found.get('code')}: {found.get('message')}" if is_pair else str(found)
    except (ValueError, KeyError, TypeError):
        text = str(response.reason)
    message = f"Power BI's service answered HTTP {response.status_code}: {text}"
    passes = response.status_code in AWAY
    return PowerbiAwayError(message) if passes else PowerbiError(message)
