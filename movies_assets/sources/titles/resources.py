"""Where the decisions about links are read from."""

from collections.abc import Mapping
from typing import Any

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import SettingsResource
from movies_assets.sources.titles import overrides
from movies_assets.sources.titles.overrides import Override


class TitleOverrides(SettingsResource):
    """The file of decisions about links."""

    def read(self) -> list[tuple[int, Override]]:
        """Return the decisions, each with the number of its line.

        Raises:
            OverridesError: a line is not a decision, or contradicts an earlier one.
        """
        return overrides.read(overrides.path_of(self.settings))


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of the links."""
    return {"title_overrides": TitleOverrides(project=settings)}
