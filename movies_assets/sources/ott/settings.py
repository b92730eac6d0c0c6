"""Settings of the streaming service: where its users are fetched, where its files arrive."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from movies_assets.core.settings import BytesPerSecond, Positive, ResponseBytes, SourceSettings
from movies_assets.sources.ott.users_api import PATH, PLACE, SHAPES, UsersApi


def _place_in_reply(path: str) -> str:
    if not re.fullmatch(PLACE, path):
        raise ValueError(
            "is not a path: names with dots between them, such as meta.total; `a | b` means the "
            "first that is present"
        )
    return path


def _path_of_field(path: str) -> str:
    if not re.fullmatch(PATH, path):
        raise ValueError(
            "is not a path: names with dots between them, such as address.country; `a | b` "
            "means the first that has a value, `first + last` both"
        )
    return path


PlaceInReply = Annotated[str, AfterValidator(_place_in_reply)]
PathOfField = Annotated[str, AfterValidator(_path_of_field)]
UserColumn = Literal["user_id", "full_name", "email", "signup_date", "preferred_genres", "country"]

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


class OttSettings(SourceSettings):
    """Where the streaming service's users are fetched, and where its files arrive."""

    fetched_folders: ClassVar[tuple[str, ...]] = ("ott/users",)

    base_url: SecretStr | None = Field(
        None,
        description="profile live: address of the users API, https://[user:password@]host/path",
    )
    user_key_secret: SecretStr | None = Field(
        None,
        description="profile live: secret of the keyed hash that makes the keys of users in gold; "
        "with another secret, all keys change",
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
        description="format of the users API's replies, named after a service that has it; the "
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
        description="whether pages are requested by number (page), by how many users to skip "
        "(skip), or not at all (none), because one reply has all users",
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
        description="path at which a reply repeats the requested number; empty: none",
    )
    users_parameters: dict[str, str] | None = Field(
        None, description="JSON object of parameters that go with every request"
    )
    users_fields: dict[UserColumn, PathOfField] = Field(
        default={},
        description="JSON object of the paths of `user_id`, `full_name`, `email`, `signup_date`, "
        "`preferred_genres` and `country` in a user; fields that are not named keep the path "
        "of the chosen `users_api`",
    )
    page_size: int = Field(100, ge=1, le=1000, description="users a page")
    max_requests: int = Field(
        100_000, ge=1, description="requests a run may send: ten million users, 100 a page"
    )
    max_seconds: Positive = Field(7200, description="time a run may spend on the users API")
    concurrency: int = Field(4, ge=1, le=64, description="concurrent requests")
    connect_timeout_seconds: Positive = Field(10, description="time to reach the server")
    read_timeout_seconds: Positive = Field(30, description="longest silence within a reply")
    max_response_bytes: ResponseBytes = 64 * 1024**2
    min_bytes_per_second: BytesPerSecond = 1000
    retry_budget_seconds: Positive = Field(120, description="time one request may spend on retries")
    sample_users: int = Field(300, ge=50, le=1_000_000, description="profile sample: users")
    sample_titles: int = Field(240, ge=40, le=100_000, description="profile sample: titles")
    sample_views: int = Field(
        9_000,
        ge=100,
        le=100_000_000,
        description="profile sample: watch events, which arrive within 30 days",
    )

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
        # If a setting names a path, the total has to be there.
        may_miss = named.total_may_miss and self.users_total is None
        return replace(named, **parts, fields=fields, total_may_miss=may_miss)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if faults := "; ".join(self.shape().faults()):
            raise ValueError(f"the users API does not fit together: {faults}")
        return self

    def arrival_urls(self) -> Mapping[str, str | None]:
        """Return the folders in which catalogue and watch events arrive, and their URLs."""
        return {"ott/titles": self.titles_url, "ott/views": self.views_url}


SETTINGS = OttSettings
