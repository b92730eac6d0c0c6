"""Every setting of the project, and the only reader of the environment.

Values come, first match wins, from arguments, the environment (`MOVIES_...`), a `.env` file, a
directory of secret files (`MOVIES_SECRETS_DIR`, as Docker and Kubernetes mount them) and an Azure
key vault (`MOVIES_KEY_VAULT_URL`). What a setting means to a component belongs in that component.
"""

import os
import re
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableError

from movies_assets.core.errors import DescribedError
from movies_assets.sources.ott.users_api import PATH, PLACE, SHAPES, UsersApi

PREFIX = "MOVIES_"
ENV_FILE = ".env"
PROJECT_ROOT = Path(__file__).resolve().parents[1]

Positive = Annotated[float, Field(gt=0)]
BytesPerSecond = Annotated[
    float,
    Field(
        ge=0,
        description="slowest pace at which a body may arrive, measured over as long as the longest "
        "silence; slower twice in a row is given up; 0 for any",
    ),
]
ResponseBytes = Annotated[int, Field(ge=1024, description="largest reply that is read")]


def _place_in_reply(path: str) -> str:
    if not re.fullmatch(PLACE, path):
        raise ValueError(
            "is no path: names with dots between them, such as meta.total; of several, `a | b` is "
            "the first that is there"
        )
    return path


def _path_of_field(path: str) -> str:
    if not re.fullmatch(PATH, path):
        raise ValueError(
            "is no path: names with dots between them, such as address.country; of several, "
            "`a | b` is the first that has something, `first + last` both"
        )
    return path


SIZE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)\s*([KMGT])i?B", re.IGNORECASE)
# With less, DuckDB cannot open a file and compile the queries of this project.
LEAST_MEMORY_MB = 32


def _size(size: str, *, least: float = 0) -> str:
    """Refuse what DuckDB does not take for a size, or one of fewer megabytes than the least."""
    found = SIZE.fullmatch(size.strip())
    if not found:
        raise ValueError(
            "is no size: a number and one of KB, MB, GB, TB, KiB, MiB, GiB, TiB, such as 512MB"
        )
    if float(found[1]) * 1_000 ** ("KMGT".index(found[2].upper()) - 1) < least:
        raise ValueError(f"is too little memory for DuckDB: at least {least:g}MB")
    return size


Size = Annotated[str, AfterValidator(_size)]
Memory = Annotated[str, AfterValidator(partial(_size, least=LEAST_MEMORY_MB))]
PlaceInReply = Annotated[str, AfterValidator(_place_in_reply)]
PathOfField = Annotated[str, AfterValidator(_path_of_field)]
UserColumn = Literal["user_id", "full_name", "email", "signup_date", "preferred_genres", "country"]


class SettingsError(DescribedError):
    """A setting is unknown, malformed or missing; the message says which and what to do."""


class Section(BaseModel):
    """A group of settings; unknown names are errors, not silently ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class YtsSettings(Section):
    """Where the YTS API is and how hard it may be asked."""

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the API, https://[user:password@]host/api/v2"
    )
    first_day: date = Field(
        date(2015, 10, 31), description="first partition: day of the oldest upload"
    )
    concurrency: int = Field(8, ge=1, le=64, description="requests under way at once")
    requests_per_second: Positive | None = Field(
        None, description="upper bound of the request rate"
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")
    page_size: int = Field(50, ge=1, le=50, description="movies a page")
    margin_pages: int = Field(
        2, ge=1, description="pages read beyond a window, for date inversions"
    )
    max_requests: int = Field(
        20_000, ge=1, description="requests a run may send; reading 74,000 movies takes 1,500"
    )
    max_seconds: Positive = Field(
        3600, description="time a run may spend on the API; a reading of all movies takes minutes"
    )


ImdbFile = Literal[
    "title.basics",
    "title.ratings",
    "title.episode",
    "title.crew",
    "title.principals",
    "name.basics",
    "title.akas",
]


class ImdbSettings(Section):
    """Where IMDb's dumps are, which of them are loaded, and how long they are kept."""

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the dumps, https://[user:password@]host"
    )
    first_run_date: date = Field(
        date(2025, 10, 1),
        description="first partition: the first day on which dumps may be fetched",
    )
    files: tuple[ImdbFile, ...] = Field(
        (
            "title.basics",
            "title.ratings",
            "title.episode",
            "title.crew",
            "title.principals",
            "name.basics",
        ),
        min_length=1,
        description="JSON list of the dumps to load; of the seven only `title.akas` is left out, "
        "which tells Oscar winners",
    )
    keep_run_dates: int = Field(
        2, ge=1, description="newest run dates kept in landing and bronze; older ones are removed"
    )
    keep_ratings: int = Field(
        90, ge=2, description="newest run dates of ratings kept in silver; trends need two"
    )
    concurrency: int = Field(4, ge=1, le=7, description="downloads under way at once")
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(60, description="longest silence within a download")
    max_download_bytes: int = Field(
        4 * 1024**3, ge=1024, description="largest dump that is fetched; the largest has 0.8 GB"
    )
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(
        300, description="time that may pass without progress before a download fails"
    )
    max_requests: int = Field(
        1_000, ge=1, description="requests a run may send: seven, and one for each break"
    )
    max_seconds: Positive = Field(
        21_600, description="time a run may spend on downloads: 8 GB at 0.4 MB/s"
    )


class NetflixSettings(Section):
    """Where Netflix's look-up files are, and where its titles arrive."""

    base_url: SecretStr | None = Field(
        None,
        description="profile live: address of the look-up files, https://[user:password@]host/path"
        "; only for titles whose own files do not name people, categories and countries",
    )
    titles_url: str | None = Field(
        None,
        description="folder in which titles arrive, as a path or any URL that fsspec knows "
        "(file, s3, abfs, ...); default DATA_DIR/landing/netflix/titles",
    )
    first_day: date = Field(
        date(2025, 10, 1), description="first partition: the first day on which titles may arrive"
    )
    lookup_files: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        {
            "cast": "netflix_cast.csv",
            "category": "netflix_category.csv",
            "countries": "netflix_countries.csv",
            "directors": "netflix_directors.csv",
        },
        description="JSON object of the look-up files: table, and name below the base URL; "
        "what is not named keeps its default",
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a download")
    max_download_bytes: int = Field(
        256 * 1024**2, ge=1024, description="largest look-up file that is fetched"
    )
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(
        120, description="time that may pass without progress before a download fails"
    )
    max_requests: int = Field(
        200, ge=1, description="requests one look-up may take: one, and one for each break"
    )
    max_seconds: Positive = Field(3600, description="time one look-up may take")


class OmdbSettings(Section):
    """Where the OMDb API is, the key to it, and how much may be asked of it."""

    base_url: SecretStr | None = Field(
        None, description="profile live: address of the API, https://[user:password@]host"
    )
    api_key: SecretStr | None = Field(None, description="profile live: the key to the API")
    first_year: int = Field(
        1900, ge=1870, le=2100, description="first partition: the oldest year of release"
    )
    requests_a_run: int = Field(
        1000, ge=1, description="requests after which a run stops; the next one goes on from there"
    )
    max_requests: int = Field(
        10_000, ge=1, description="requests a run may send with all retries, which fails then"
    )
    max_seconds: Positive = Field(
        7200, description="time after which a run stops; the next one goes on from there"
    )
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")


_PARTS_OF_USERS_API = {
    "path": "users_path",
    "users": "users_list",
    "total": "users_total",
    "next": "users_next",
    "paged_by": "users_paged_by",
    "page_parameter": "users_page_parameter",
    "first_page": "users_first_page",
    "size_parameter": "users_size_parameter",
    "position": "users_position",
    "parameters": "users_parameters",
}


class OttSettings(Section):
    """Where the streaming service's users are asked for, and where its files arrive."""

    base_url: SecretStr | None = Field(
        None,
        description="profile live: address of the users API, https://[user:password@]host/path",
    )
    user_key_secret: SecretStr | None = Field(
        None,
        description="profile live: secret of the keyed hash by which gold knows users; "
        "another secret, other keys",
    )
    titles_url: str | None = Field(
        None,
        description="folder in which the catalogue arrives, as a path or any URL that fsspec "
        "knows; default DATA_DIR/landing/ott/titles",
    )
    views_url: str | None = Field(
        None,
        description="folder in which watch events arrive; default DATA_DIR/landing/ott/views",
    )
    first_day: date = Field(
        date(2025, 10, 1), description="first partition: the first day on which files may arrive"
    )
    keep_user_days: int = Field(
        7,
        ge=1,
        description="newest days of users kept in bronze; older ones are removed by the next run",
    )
    users_api: Literal["dummyjson", "reqres", "randomuser", "jsonapi"] = Field(
        "dummyjson",
        description="how the users API answers: the service after which a shape is named; the "
        "settings below override parts of it",
    )
    users_path: str | None = Field(
        None, description="where users are below the address; empty: the address itself"
    )
    users_list: PlaceInReply | None = Field(
        None, description="path of the list of users in a reply"
    )
    users_total: PlaceInReply | Literal[""] | None = Field(
        None,
        description="path of the number of all users; empty: replies state none, or a wrong one, "
        "and the list ends where its pages end",
    )
    users_next: PlaceInReply | Literal[""] | None = Field(
        None, description="path of the link to the next page; empty: replies have none"
    )
    users_paged_by: Literal["page", "skip", "none"] | None = Field(
        None,
        description="whether pages are asked for by number, by how many users to skip, or not at "
        "all, because one reply has all users",
    )
    users_page_parameter: str | None = Field(None, description="parameter of that number")
    users_first_page: int | None = Field(
        None, ge=0, description="number of the first page, or users to skip for it"
    )
    users_size_parameter: str | None = Field(
        None, description="parameter of how many users a page should have; empty: none"
    )
    users_position: PlaceInReply | Literal[""] | None = Field(
        None,
        description="path at which a reply repeats the number that was asked for; empty: none",
    )
    users_parameters: dict[str, str] | None = Field(
        None, description="JSON object of parameters that go with every request"
    )
    users_fields: dict[UserColumn, PathOfField] = Field(
        default={},
        description="JSON object of the paths of `user_id`, `full_name`, `email`, `signup_date`, "
        "`preferred_genres` and `country` in a user; what is not named keeps the shape's",
    )
    page_size: int = Field(100, ge=1, le=1000, description="users a page")
    max_requests: int = Field(
        100_000, ge=1, description="requests a run may send: ten million users, 100 a page"
    )
    max_seconds: Positive = Field(7200, description="time a run may spend on the users API")
    concurrency: int = Field(4, ge=1, le=64, description="requests under way at once")
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")

    def shape(self) -> UsersApi:
        """Return how the users API answers: the named shape with the parts that are overridden."""
        parts = {
            attribute: value
            for attribute, name in _PARTS_OF_USERS_API.items()
            if (value := getattr(self, name)) is not None
        }
        named = SHAPES[self.users_api]
        if (by := self.users_paged_by) and by != named.paged_by:
            named = named.paged(by)
        fields = {**named.fields, **{str(name): path for name, path in self.users_fields.items()}}
        # A path that somebody names is where the total has to be.
        may_miss = named.total_may_miss and self.users_total is None
        return replace(named, **parts, fields=fields, total_may_miss=may_miss)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := "; ".join(self.shape().faults()):
            raise ValueError(f"the users API does not fit together: {faults}")
        return self


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
    poll_seconds: int = Field(5, ge=0, description="time between looks at a refresh under way")
    timeout_seconds: int = Field(1800, ge=1, description="longest that a refresh is waited for")


def _safe_webhook(url: SecretStr) -> SecretStr:
    """Refuse an address that a password would travel to unencrypted."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme != "https" and (parts.scheme, parts.hostname) not in LOCAL_WEBHOOKS:
        raise ValueError("is no address of a webhook: https://host/path")
    return url


LOCAL_WEBHOOKS = [("http", "localhost"), ("http", "127.0.0.1")]


class AlertsSettings(Section):
    """Where alerts go when a run fails or days need a person; what is unset gets none."""

    webhook_url: Annotated[SecretStr, AfterValidator(_safe_webhook)] | None = Field(
        None,
        description="https address that takes a JSON body by POST, such as Slack's incoming "
        "webhooks; unset: none",
    )
    webhook_body: Literal["text", "adaptive_card"] = Field(
        "text",
        description="`text`: JSON with the field `text` and the facts beside it, for Slack, "
        "Mattermost and programs; `adaptive_card`: for workflows of Microsoft Teams",
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
            raise ValueError("e-mails need smtp_host and email_from beside email_to")
        return self


class ExportsSettings(Section):
    """Where published tables are written to as files for other systems; what is unset is not."""

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
        description="address to listen on; another one than this machine's own needs a token",
    )
    port: int = Field(8080, ge=1, le=65535, description="port to listen on")
    token: SecretStr | None = Field(
        None, min_length=8, description="what visitors are asked for; none: nobody is asked"
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
        description="connections at once; one more closes the one that has kept the server "
        "waiting longest",
    )
    requests: int = Field(100, ge=4, description="requests that are answered at once")
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
        8, ge=1, description="downloads at once, each until it is sent; its file is on the disk"
    )
    pages: int = Field(200, ge=1, description="pages that are open at once; each takes 0.6 MB")
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


class SampleSettings(Section):
    """The fictional data that profile `sample` serves."""

    ott_users: int = Field(300, ge=50, le=1_000_000, description="users of the streaming service")
    ott_titles: int = Field(240, ge=40, le=100_000, description="titles of the streaming service")
    ott_views: int = Field(
        9_000, ge=100, le=100_000_000, description="watch events, which arrive within 30 days"
    )

    imdb_scale: float = Field(
        0.0005, gt=0, le=1, description="size of the IMDb dumps; 1 is that of the real ones"
    )
    netflix_titles: int = Field(
        400, ge=200, le=1_000_000, description="titles of Netflix, which arrive within 30 days"
    )
    movies: int = Field(2_000, ge=1, description="movies in the catalogue; about 20 a day")
    last_day: date = Field(
        date(2025, 10, 31), description="day of the newest upload; partitions end here"
    )
    seed: int = Field(1, description="another seed, another catalogue")


class Settings(BaseSettings):
    """All settings. Names nest with two underscores: `MOVIES_YTS__CONCURRENCY=4`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=ENV_FILE,
        extra="ignore",  # a .env file may serve other programs too; our own names are checked below
        frozen=True,
        nested_model_default_partial_update=True,
    )

    profile: Literal["sample", "live"] = Field(
        "sample", description="embedded sample or real sources"
    )
    data_dir: Path = Field(PROJECT_ROOT / "data", description="landing files and the warehouse")
    private_files: bool = Field(
        default=True,
        description="let only the user who runs the project read what it writes (folders 0700, "
        "files 0600); `false`: the umask of the process decides",
    )
    catch_up_days: int = Field(
        90, ge=1, description="how far back schedules look for missed and failed days"
    )
    catch_up_tries: int = Field(
        3,
        ge=1,
        description="failed runs after which a schedule no longer asks for a day whose blocking "
        "checks are red, and names it instead",
    )
    step_retries: int = Field(
        2,
        ge=0,
        description="how often a step is tried again that failed in passing: a source that was "
        "away, a warehouse in use",
    )
    step_retry_seconds: float = Field(
        10, ge=0, description="time before the first of these tries; the next one waits longer"
    )
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
        description="its schema, all of which every load replaces",
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
    yts: YtsSettings = YtsSettings()
    imdb: ImdbSettings = ImdbSettings()
    netflix: NetflixSettings = NetflixSettings()
    omdb: OmdbSettings = OmdbSettings()
    ott: OttSettings = OttSettings()
    published: PublishedSettings = PublishedSettings()
    powerbi: PowerbiSettings = PowerbiSettings()
    exports: ExportsSettings = ExportsSettings()
    alerts: AlertsSettings = AlertsSettings()
    dashboard: DashboardSettings = DashboardSettings()
    sample: SampleSettings = SampleSettings()

    @property
    def database(self) -> Path:
        """Return the path of the DuckDB database file."""
        return self.warehouse.path or self.data_dir / "warehouse" / "movies.duckdb"

    @property
    def published_folder(self) -> Path:
        """Return the folder of the published snapshots."""
        return self.published.folder or self.data_dir / "published"

    @property
    def landing(self) -> Path:
        """Return the folder in which files arrive."""
        return self.data_dir / "landing"

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

    def secret(self, section: str, name: str) -> str:
        """Return a secret, or say how to provide it.

        Raises:
            SettingsError: the secret is not set anywhere.
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
            "(README, settings reference)"
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
    """Return what the environment and the `.env` file say; names in capitals."""
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
