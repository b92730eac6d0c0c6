"""What tests share: a whole platform on a temporary warehouse, and hand-made movies."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.definitions import build_defs, open_warehouse
from movies_assets.settings import Settings, load
from movies_assets.sources.yts import MovieRow
from movies_assets.warehouse.database import Warehouse


def movie(movie_id: int, uploaded: str, **changes: Any) -> dict[str, Any]:
    """Return a sound movie as the API sends it; `uploaded` is an ISO instant in UTC."""
    instant = datetime.fromisoformat(uploaded).replace(tzinfo=UTC)
    return {
        "id": movie_id,
        "url": f"https://movies.invalid/{movie_id}",
        "imdb_code": f"tt{movie_id:07}",
        "title": f"Movie {movie_id}",
        "title_english": f"Movie {movie_id}",
        "title_long": f"Movie {movie_id} (2020)",
        "slug": f"movie-{movie_id}",
        "year": 2020,
        "rating": 7.3,
        "runtime": 95,
        "genres": ["Drama", "Comedy"],
        "summary": "A summary.",
        "description_full": "A description.",
        "synopsis": "A synopsis.",
        "yt_trailer_code": "",
        "language": "en",
        "mpa_rating": "",
        "state": "ok",
        "torrents": [{"date_uploaded_unix": int(instant.timestamp())}],
        "date_uploaded_unix": int(instant.timestamp()),
        **changes,
    }


@dataclass
class FakeYts:
    """A source whose movies a test sets: what the real client would return, without HTTP."""

    movies_listed: list[dict[str, Any]] = field(default_factory=list)
    source_url: str = "https://yts.invalid/api/v2/list_movies.json"
    fail_after: int | None = None

    def row(self, payload: dict[str, Any], day: date | None = None) -> MovieRow:
        text = json.dumps(payload, ensure_ascii=False).replace("\x00", "\\u0000")
        unix = payload.get("date_uploaded_unix")
        return MovieRow(
            uploaded_date=day or datetime.fromtimestamp(unix, UTC).date(),
            movie_id=payload.get("id"),
            content_hash=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
            payload=text,
            page=1,
        )

    def crawl(self) -> Iterator[list[MovieRow]]:
        for number, payload in enumerate(self.movies_listed):
            if number == self.fail_after:
                raise ConnectionError("the source went away")
            yield [payload if isinstance(payload, MovieRow) else self.row(payload)]

    def movies(self, first_day: date, last_day: date) -> Iterator[list[MovieRow]]:
        for page in self.crawl():
            yield [row for row in page if first_day <= row.uploaded_date <= last_day]


def contents_of(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows, in order, without what says when and by which run."""
    with warehouse.reading() as connection:
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns() "
            "WHERE database_name = 'warehouse' AND column_name NOT IN "
            "('_ingested_at', '_run_id', 'run_id', 'quarantined_at', 'page') GROUP BY ALL"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT {', '.join(columns)} FROM {name} ORDER BY ALL"
            ).fetchall()
            for name, columns in tables
        }


@dataclass
class Platform:
    """The whole project on a temporary warehouse."""

    settings: Settings
    instance: dg.DagsterInstance
    yts: Callable[[], Any] | None = None

    def __post_init__(self) -> None:
        self.defs = build_defs(self.settings, **({"yts": self.yts} if self.yts else {}))
        self.warehouse = open_warehouse(self.settings)

    def run(
        self, first: str, last: str | None = None, *, select: list[str] | None = None, **kwargs: Any
    ) -> dg.ExecuteInProcessResult:
        """Run `yts_daily` for a day or a range; `select` takes `layer/table` keys."""
        tags = (
            {"dagster/partition": first}
            if last is None
            else {
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
            }
        )
        selection = [dg.AssetKey(key.split("/")) for key in select] if select else None
        return self.defs.resolve_job_def("yts_daily").execute_in_process(
            instance=self.instance,
            tags=tags,
            asset_selection=selection,
            raise_on_error=kwargs.pop("raise_on_error", True),
            **kwargs,
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with self.warehouse.reading() as connection:
            return connection.execute(query).fetchall()

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every table's rows, see `contents_of`."""
        return contents_of(self.warehouse)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def yts() -> FakeYts:
    return FakeYts()


@pytest.fixture
def platform(settings: Settings, instance: dg.DagsterInstance, yts: FakeYts) -> Platform:
    """A platform whose YTS is the fixture `yts`."""
    return Platform(settings, instance, lambda: yts)


@pytest.fixture
def sample_platform(settings: Settings, instance: dg.DagsterInstance) -> Platform:
    """A platform on the embedded sample, through the real client."""
    return Platform(settings, instance)


STORED_DAY = "2025-10-30"


@pytest.fixture(scope="session")
def stored_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one day of sound movies in every table; copy it before changing it."""
    source = FakeYts([movie(n, f"{STORED_DAY}T12:00:00", language="fr") for n in range(1, 4)])
    with dg.DagsterInstance.ephemeral() as ephemeral:
        stored = Platform(load(data_dir=tmp_path_factory.mktemp("day")), ephemeral, lambda: source)
        stored.run(STORED_DAY)
    return stored.warehouse.path
