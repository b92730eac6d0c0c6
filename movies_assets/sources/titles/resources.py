"""Where the decisions about links, and the labels, are read from."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from movies_assets.core.settings import CommonSettings
from movies_assets.ingest.resources import SettingsResource
from movies_assets.sources.titles import labels, overrides
from movies_assets.sources.titles.overrides import Override
from movies_assets.sources.titles.settings import TitlesSettings


class TitleOverrides(SettingsResource):
    """The file of decisions about links."""

    @property
    def path(self) -> Path:
        """Return where it is, or would be."""
        return overrides.path_of(self.settings)

    def read(self) -> list[tuple[int, Override]]:
        """Return the decisions, each with the number of its line.

        Raises:
            OverridesError: a line is not a decision, or contradicts an earlier one.
        """
        return overrides.read(self.path)


class TitleLabels(SettingsResource):
    """The labelled titles: whose id at IMDb is known."""

    @property
    def path(self) -> Path | None:
        """Return the file of labels, if there is one."""
        return self.settings.section(TitlesSettings).labels

    def read(self) -> list[tuple[str, str, str | None, date]]:
        """Return source, id there, id at IMDb (None where it has none), and today's UTC day.

        Raises:
            LabelsError: a line is not a label.
        """
        today = datetime.now(UTC).date()
        if self.path:
            found = labels.read(self.path)
        else:
            found = [] if self.is_live else labels.of_sample(self.settings)
        return [(*label, today) for label in found]


def resources(settings: CommonSettings) -> Mapping[str, Any]:
    """Return the resources of the links."""
    return {
        "title_overrides": TitleOverrides(project=settings),
        "title_labels": TitleLabels(project=settings),
    }
