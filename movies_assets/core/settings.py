"""The settings that every source can read: profile, folders, the sample's world, its own section.

A source declares its section in `sources/<name>/settings.py`. `movies_assets.settings` puts all
sections together, and reads the environment.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings

from movies_assets.core.errors import DescribedError

PREFIX = "MOVIES_"
PROJECT_ROOT = Path(__file__).resolve().parents[2]

Positive = Annotated[float, Field(gt=0)]
BytesPerSecond = Annotated[
    float,
    Field(
        ge=0,
        description="slowest pace at which a body may arrive, measured over as long as the longest "
        "silence; a transfer that is slower twice in a row fails; 0: any pace",
    ),
]
ResponseBytes = Annotated[int, Field(ge=1024, description="largest reply that is read")]


class SettingsError(DescribedError):
    """A setting is unknown, malformed or missing. The message names it and the fix."""


class Section(BaseModel):
    """A group of settings; unknown names are errors, not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(Section):
    """The section of a source.

    Attributes:
        fetched_folders: the folders below the landing zone that the project itself fills.
    """

    fetched_folders: ClassVar[tuple[str, ...]] = ()

    def arrival_urls(self) -> Mapping[str, str | None]:
        """Return the folders below the landing zone in which files arrive, and their URLs.

        The URL is None for a folder in its default place: its name, below the landing zone.
        """
        return {}


SectionT = TypeVar("SectionT", bound=Section)


class SampleSettings(Section):
    """The fictional world of profile `sample`; its sizes are in the sections of the sources."""

    last_day: date = Field(
        date(2025, 10, 31), description="day of the newest upload; partitions end here"
    )
    seed: int = Field(1, description="with another seed, the catalogue is another one")


class CommonSettings(BaseSettings):
    """The settings that sources share, and the sections of all of them."""

    profile: Literal["sample", "live"] = Field(
        "sample", description="embedded sample or real sources"
    )
    data_dir: Path = Field(PROJECT_ROOT / "data", description="landing files and the warehouse")
    catch_up_days: int = Field(
        90, ge=1, description="how far back schedules look for missed and failed days"
    )
    sample: SampleSettings = SampleSettings()

    @property
    def landing(self) -> Path:
        """Return the folder in which files arrive."""
        return self.data_dir / "landing"

    def sections(self) -> Mapping[str, Section]:
        """Return the groups of settings, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: value for name, value in found.items() if isinstance(value, Section)}

    def section(self, kind: type[SectionT]) -> SectionT:
        """Return the section of a source, given its class.

        Raises:
            LookupError: SOURCES does not name the source.
        """
        for section in self.sections().values():
            if isinstance(section, kind):
                return section
        raise LookupError(
            f"the settings have no section {kind.__name__}: name the package of its source in "
            "SOURCES of movies_assets/sources/__init__.py"
        )

    def secret(self, section: str, name: str) -> str:
        """Return a secret.

        Raises:
            SettingsError: the secret is not set anywhere; the message explains how to provide it.
        """
        value = getattr(getattr(self, section), name)
        if not value:
            variable = f"{PREFIX}{section}__{name}".upper()
            raise SettingsError(
                f"{variable} is not set, and profile '{self.profile}' needs it. Set it in the "
                f"environment, or as a file {section}__{name} in the directory that "
                f"{PREFIX}SECRETS_DIR names, or in the key vault that {PREFIX}KEY_VAULT_URL names "
                f"({section}--{name.replace('_', '-')})."
            )
        plain: str = value.get_secret_value()
        return plain
