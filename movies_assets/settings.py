"""Every setting of the project, and the only reader of the environment.

Values come, first match wins, from arguments, the environment (`MOVIES_...`), a `.env` file, a
directory of secret files (`MOVIES_SECRETS_DIR`, as Docker and Kubernetes mount them) and an Azure
key vault (`MOVIES_KEY_VAULT_URL`). Each component interprets its own settings.
"""

import os
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableError

from movies_assets import sources
from movies_assets.core.settings import (
    PREFIX,
    PROJECT_ROOT,
    CommonSettings,
    Positive,
    SampleSettings,
    Section,
    SettingsError,
)

__all__ = [
    "PREFIX",
    "PROJECT_ROOT",
    "SampleSettings",
    "Section",
    "Settings",
    "SettingsError",
    "load",
]

ENV_FILE = ".env"

SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([KMGT])i?B", re.IGNORECASE)
# With less, DuckDB cannot open a file and compile the queries of this project.
LEAST_MEMORY_MB = 32


def bytes_of(size: str) -> int:
    """Return a size in bytes.

    Raises:
        ValueError: it is no size.
    """
    found = SIZE.fullmatch(size.strip())
    if not found:
        raise ValueError(
            "is no size: a number and one of KB, MB, GB, TB, KiB, MiB, GiB, TiB, such as 512MB"
        )
    base = 1_024 if "i" in size.lower() else 1_000
    return int(float(found[1]) * base ** ("KMGT".index(found[2].upper()) + 1))


def _size(size: str, *, least: float = 0) -> str:
    """Refuse a text that is no size for DuckDB, or a size of fewer megabytes than the least."""
    if bytes_of(size) < least * 1_000_000:
        raise ValueError(f"is too little memory for DuckDB: at least {least:g}MB")
    return size


Size = Annotated[str, AfterValidator(_size)]
Memory = Annotated[str, AfterValidator(partial(_size, least=LEAST_MEMORY_MB))]


class WarehouseSettings(Section):
    """How the DuckDB warehouse is opened."""

    path: Path | None = Field(
        None, description="database file; default DATA_DIR/warehouse/movies.duckdb"
    )
    memory_limit: Memory = Field(
        "192MB", description="DuckDB's memory limit; more than that spills to disk"
    )
    spill_limit: Size = Field(
        "20GB", description="most that DuckDB spills to disk at once; a run that needs more fails"
    )
    threads: int = Field(2, ge=1, description="DuckDB's threads")
    lock_wait_seconds: Positive = Field(
        600, description="how long to wait while another process holds the database file"
    )


class PublishedSettings(Section):
    """Where audited tables are published, and how many snapshots of them are kept."""

    folder: Path | None = Field(
        None, description="folder of the published snapshots; default DATA_DIR/published"
    )
    keep: int = Field(
        3, ge=1, description="newest snapshots kept; a reader may go on with an older one"
    )
    strict: bool = Field(
        default=False,
        description="publish nothing while any table has not passed its blocking checks; "
        "otherwise the sources that share no table with it are published, and the others keep "
        "the rows of the snapshot before",
    )


class PowerbiSettings(Section):
    """The dataset in Power BI's service that is refreshed, and the service principal that asks."""

    tenant_id: str | None = Field(None, description="tenant of the service principal")
    client_id: str | None = Field(None, description="its application (client) id")
    client_secret: SecretStr | None = Field(None, description="its secret")
    workspace_id: str | None = Field(None, description="workspace (group) of the dataset")
    dataset_id: str | None = Field(
        None, description="dataset to refresh after each load into Postgres; unset: none"
    )
    poll_seconds: int = Field(
        5, ge=0, description="time between two status requests during a refresh"
    )
    timeout_seconds: int = Field(1800, ge=1, description="longest time to wait for a refresh")


def _safe_webhook(url: SecretStr) -> SecretStr:
    """Refuse an address that a password would travel to unencrypted."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme != "https" and (parts.scheme, parts.hostname) not in LOCAL_WEBHOOKS:
        raise ValueError("is no address of a webhook: https://host/path")
    return url


def _git_url(url: str) -> str:
    """Refuse an address whose form of links to files Dagster does not know."""
    if not re.fullmatch(r"https://[^\s?#]*git(hub|lab)[^\s?#]*", url):
        raise ValueError("is no repository on GitHub or GitLab: https://host/owner/name")
    return url


LOCAL_WEBHOOKS = [("http", "localhost"), ("http", "127.0.0.1")]


class AlertsSettings(Section):
    """Where alerts go when a run fails or days need a person; unset: no alerts."""

    webhook_url: Annotated[SecretStr, AfterValidator(_safe_webhook)] | None = Field(
        None,
        description="https address that takes a JSON body by POST, such as Slack's incoming "
        "webhooks; unset: none",
    )
    webhook_body: Literal["text", "adaptive_card"] = Field(
        "text",
        description="`text`: JSON with the field `text` and the facts in separate fields, for "
        "Slack, Mattermost and programs; `adaptive_card`: for workflows of Microsoft Teams",
    )
    email_to: tuple[str, ...] = Field((), description="JSON list of addresses; empty: none")
    email_from: str | None = Field(None, description="sender of the e-mails")
    smtp_host: str | None = Field(None, description="mail server")
    smtp_port: int = Field(
        587, ge=1, le=65535, description="its port; 465 is encrypted from the first byte"
    )
    smtp_starttls: bool = Field(
        default=True, description="encrypt the connection (STARTTLS), and fail without"
    )
    smtp_user: str | None = Field(None, description="user name; unset: no login")
    smtp_password: SecretStr | None = Field(None, description="its password")
    dagster_url: str | None = Field(
        None, description="address of Dagster's UI, by which alerts link to runs"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.email_to and not (self.smtp_host and self.email_from):
            raise ValueError("e-mails need smtp_host and email_from in addition to email_to")
        return self


class ExportsSettings(Section):
    """Where published tables are exported as files for other systems; unset: not exported."""

    parquet_url: SecretStr | None = Field(
        None,
        description="folder of the Parquet files, as a path or any URL that fsspec knows "
        "(file, s3, abfs, ...); unset: none are written",
    )
    delta_url: SecretStr | None = Field(
        None,
        description="folder of the Delta tables, as a path or a URL (s3, abfs, gs, ...); unset: "
        "none are written",
    )
    delta_retention_hours: int = Field(
        168,
        ge=1,
        description="how long files stay that a newer version of a Delta table no longer has",
    )


class DashboardSettings(Section):
    """Where the dashboard listens, who may see it, and how much memory its queries take."""

    host: str = Field(
        "127.0.0.1",
        description="address to listen on; any address but this machine's own needs a token",
    )
    port: int = Field(8080, ge=1, le=65535, description="port to listen on")
    token: SecretStr | None = Field(
        None,
        min_length=8,
        description="access token that visitors have to enter; unset: no token is required",
    )
    hosts: tuple[str, ...] = Field(
        (),
        description="JSON list of further names under which it is served, such as behind a proxy; "
        "`*` for any",
    )
    memory_limit: Memory = Field("384MB", description="DuckDB's memory limit in the dashboard")
    threads: int = Field(2, ge=1, description="DuckDB's threads in the dashboard")
    cached_answers: int = Field(
        500, ge=1, description="answers of queries that are kept until something new is published"
    )
    connections: int = Field(
        500,
        ge=10,
        description="concurrent connections; at the limit, a new one closes the one that has kept "
        "the server waiting longest",
    )
    requests: int = Field(100, ge=4, description="requests that are answered concurrently")
    request_seconds: Positive = Field(10, description="time in which a request has to arrive")
    header_bytes: int = Field(
        64 * 1024, ge=4096, description="largest headers that are read of a request"
    )
    stalled_seconds: Positive = Field(
        20, description="longest time in which a client takes nothing of what is sent to it"
    )
    sending_seconds: Positive = Field(
        900, description="longest time for which a client may lag behind what is sent to it"
    )
    downloads: int = Field(
        8, ge=1, description="concurrent downloads, each until it is sent; its file is on the disk"
    )
    pages: int = Field(200, ge=1, description="pages open at the same time; each takes 0.6 MB")
    unopened_pages: int = Field(
        60, ge=1, description="those of them that have not opened their websocket yet"
    )
    unopened_seconds: float = Field(
        30,
        gt=0,
        le=60,  # NiceGUI's own limit
        description="time in which a page has to open its websocket",
    )
    defuse_csv: bool = Field(
        default=True,
        description="put an apostrophe before texts of CSV downloads that a spreadsheet would run "
        "as formulas",
    )
    sql_seconds: Positive = Field(
        20, description="longest time of a query on the page SQL, of the API or of an assistant"
    )
    sql_rows: int = Field(10_000, ge=1, description="most rows of its answer; more are cut off")
    sql_bytes: int = Field(
        10_000_000, ge=1_000, description="most bytes of its answer; more rows are cut off"
    )
    sql_memory: Memory = Field(
        "256MB",
        description="DuckDB's memory limit for it; its process may take 256 MiB more",
    )
    sql_queries: int = Field(
        2, ge=1, description="such queries that run concurrently; one more is refused as busy"
    )


class ProjectSettings(CommonSettings):
    """All settings but those of the sources."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        extra="ignore",  # a .env file may serve other programs too; our own names are checked below
        frozen=True,
        nested_model_default_partial_update=True,
    )

    private_files: bool = Field(
        default=True,
        description="let only the user who runs the project read what it writes (folders 0700, "
        "files 0600); `false`: the umask of the process decides",
    )
    catch_up_tries: int = Field(
        3,
        ge=1,
        description="failed runs after which a schedule no longer requests a day whose blocking "
        "checks are red, and reports it instead",
    )
    step_retries: int = Field(
        2,
        ge=0,
        description="how often a step is retried after a temporary failure: a source that was not "
        "available, a warehouse in use",
    )
    step_retry_seconds: float = Field(
        10, ge=0, description="time before the first retry; each next one waits longer"
    )
    git_url: Annotated[str, AfterValidator(_git_url)] | None = Field(
        None,
        description="repository of this code on GitHub or GitLab, https://host/owner/name, to "
        "which Dagster's UI links; unset: the files of this machine",
    )
    git_branch: str = Field("main", description="its branch, tag or commit")
    secrets_dir: Path | None = Field(None, description="directory of secret files, one a setting")
    key_vault_url: str | None = Field(None, description="Azure key vault that holds secrets")
    postgres_url: SecretStr | None = Field(
        None,
        description="database into which published tables are loaded, "
        "postgresql://user:password@host:port/database; unset: none",
    )
    postgres_schema: str = Field(
        "movies",
        pattern=r"^[a-z_][a-z0-9_]{0,47}$",
        description="its schema; every load replaces all of it",
    )
    postgres_reader_password: SecretStr | None = Field(
        None,
        description="lets the read-only role movies_reader log in; unset: others are made its "
        "members",
    )
    postgres_wait_seconds: Positive = Field(
        600, description="how long a load waits for another one, or for readers' transactions"
    )
    warehouse: WarehouseSettings = WarehouseSettings()
    published: PublishedSettings = PublishedSettings()
    powerbi: PowerbiSettings = PowerbiSettings()
    exports: ExportsSettings = ExportsSettings()
    alerts: AlertsSettings = AlertsSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @property
    def database(self) -> Path:
        """Return the path of the DuckDB database file."""
        return self.warehouse.path or self.data_dir / "warehouse" / "movies.duckdb"

    @property
    def published_folder(self) -> Path:
        """Return the folder of the published snapshots."""
        return self.published.folder or self.data_dir / "published"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add the secrets directory and the key vault where they are configured."""
        sources = [init_settings, env_settings, dotenv_settings]
        given = _environment()
        if directory := given.get(f"{PREFIX}SECRETS_DIR"):
            sources.append(
                NestedSecretsSettingsSource(
                    file_secret_settings,
                    secrets_dir=directory,
                    secrets_dir_missing="error",
                    secrets_prefix="",
                    secrets_nested_delimiter="__",
                )
            )
        if url := given.get(f"{PREFIX}KEY_VAULT_URL"):
            sources.append(_key_vault(settings_cls, url))
        return tuple(sources)


if TYPE_CHECKING:
    Settings = ProjectSettings
else:
    Settings = create_model(
        "Settings",
        __base__=ProjectSettings,
        __doc__="All settings. Names nest with two underscores: `MOVIES_YTS__CONCURRENCY=4`.",
        **{name: (section, section()) for name, section in sources.sections().items()},
    )


def load(**overrides: Any) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a setting is unknown or malformed; the message names each one.
    """
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    unknown = sorted(
        name
        for name in _environment()
        if name.startswith(PREFIX) and name.split("__")[0] not in known
    )
    if unknown:
        raise SettingsError(
            f"unknown setting {', '.join(unknown)}; known are {', '.join(sorted(known))} "
            "(docs/reference/settings.md)"
        )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        # include_input=False: a malformed value may be a secret.
        problems = [
            f"{PREFIX}{'__'.join(map(str, item['loc']))}".upper()
            + f": {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings are not valid: " + "; ".join(problems)) from None
    except UnreadableError as error:
        # Its cause would show the value.
        raise SettingsError(f"settings cannot be read ({PREFIX}...): {error}") from None


def _environment() -> dict[str, str | None]:
    """Return the variables of the environment and the `.env` file; names in capitals."""
    given = {**dotenv_values(ENV_FILE), **os.environ}
    return {name.upper(): value for name, value in given.items()}


def _key_vault(settings_cls: type[BaseSettings], url: str) -> PydanticBaseSettingsSource:
    try:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 (heavy, rarely needed)
        from pydantic_settings import AzureKeyVaultSettingsSource  # noqa: PLC0415
    except ImportError as error:
        raise SettingsError(
            f"{PREFIX}KEY_VAULT_URL is set but the Azure libraries are missing: "
            "pip install 'movies_assets[azure]'"
        ) from error
    return AzureKeyVaultSettingsSource(
        settings_cls,
        url,
        DefaultAzureCredential(),
        dash_to_underscore=True,
        case_sensitive=False,
        env_prefix="",  # a vault's names need no prefix: yts--base-url
    )
