"""Base classes of the sources' Dagster resources: settings, limits, folders of arriving files.

Resources show in the UI with their limits, which a run's config may change. The settings are a
dependency without config: secrets are read from it, and are never shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from movies_assets.core.settings import PREFIX, CommonSettings, Section

if TYPE_CHECKING:
    from movies_assets.ingest.http import HttpOptions

SAMPLE_HOST = "http://sample.invalid"


class SettingsResource(dg.ConfigurableResource[Any]):
    """A resource that reads the settings."""

    project: dg.ResourceDependency[CommonSettings]

    @property
    def settings(self) -> CommonSettings:
        """Return the settings."""
        return self.project

    @property
    def is_live(self) -> bool:
        """Return whether the real source is meant, not the sample."""
        return self.settings.profile == "live"


class HttpResource(SettingsResource):
    """A resource that sends requests."""

    connect_timeout_seconds: float = Field(10, gt=0, description="Time to reach the server.")
    read_timeout_seconds: float = Field(30, gt=0, description="Longest silence within a reply.")
    min_bytes_per_second: float = Field(1000, ge=0, description="Slowest pace of a body; 0: any.")
    retry_budget_seconds: float = Field(120, gt=0, description="Time for the tries of a request.")
    max_requests: int = Field(20_000, ge=1, description="Requests that a run may send.")
    max_seconds: float = Field(3600, gt=0, description="Time that a run may spend.")

    def options(self, name: str, **more: Any) -> "HttpOptions":
        """Return the limits of a client.

        Args:
            name: the section of the settings that messages name.
            more: limits beyond those of the resource.
        """
        from movies_assets.ingest.http import HttpOptions  # noqa: PLC0415 (only runs need it)

        own = {field.name for field in fields(HttpOptions)} & type(self).model_fields.keys()
        limits = {limit: getattr(self, limit) for limit in own} | more
        return HttpOptions(**limits, prefix=f"{PREFIX}{name.upper()}__")


def limits_of(section: Section, resource: type[HttpResource]) -> Mapping[str, Any]:
    """Return the values of a resource's fields that a section of the settings has."""
    known = type(section).model_fields.keys() & resource.model_fields.keys()
    return {name: getattr(section, name) for name in known}


def arrivals_url(
    settings: CommonSettings, name: str, url: str | None, deliver: Callable[[Path], object]
) -> str:
    """Return the URL of a folder in which files arrive, in a folder a day.

    Where the settings name none, profile `sample` delivers its files before the folder is first
    used. A folder that is there is never changed.

    Args:
        settings: where the landing zone is.
        name: the folder's place in it.
        url: the folder that the settings name instead; into it the sample delivers nothing.
        deliver: writes the files of the sample into a folder.
    """
    if url:
        return url
    folder = (settings.landing / name).resolve()
    if settings.profile == "sample" and not folder.exists():
        _deliver_whole(folder, deliver)
    return f"file://{folder.as_posix()}"


def _deliver_whole(folder: Path, deliver: Callable[[Path], object]) -> None:
    """Deliver a folder all at once: one that is there is taken for complete."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as parent:
        delivered = Path(parent) / folder.name
        deliver(delivered)
        try:
            delivered.rename(folder)
        except OSError:
            # Where another process was faster, its folder is not empty, and stays.
            if not folder.is_dir():
                raise
