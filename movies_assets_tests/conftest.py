"""What tests share: a platform on a temporary warehouse, hand-made movies, dumps and files."""

import csv
import gzip
import hashlib
import importlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from io import StringIO
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dagster as dg
import fsspec
import httpx
import hypothesis
import pandas as pd
import pytest

from movies_assets import sources
from movies_assets.core.table import Table
from movies_assets.definitions import TABLES, build_defs, open_warehouse
from movies_assets.ingest.editions import Edition
from movies_assets.orchestration.publishing.published import LATER
from movies_assets.settings import Settings, load
from movies_assets.sources.imdb.settings import FILES, ImdbSettings
from movies_assets.sources.netflix.client import Lookup
from movies_assets.sources.netflix.editions import JUSTWATCH, JUSTWATCH_CREDITS
from movies_assets.sources.netflix.sample import COLUMNS
from movies_assets.sources.titles import overrides
from movies_assets.sources.titles.overrides import Override
from movies_assets.sources.yts.client import MovieRow
from movies_assets.warehouse.database import Warehouse
from movies_assets.warehouse.published import Published
from movies_assets.warehouse.schema import create_table, ensure_table, stored_types
from movies_assets.warehouse.types import duckdb_types
from movies_assets_tests.faults.processes import FORKSERVER
from movies_assets_tests.once import folder_of_all_workers, made_once

# The same examples every time; `make test-slow` searches at random (--hypothesis-profile=search),
# also where the variable CI is set, for which Hypothesis has another default.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("search", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

# A step that failed in passing is not tried again: failing runs take no longer than they have to.
# test_retries.py sets another value.
os.environ.setdefault("MOVIES_STEP_RETRIES", "0")
# On a few rows, a second thread of DuckDB only costs: 15% of a run, half of a query.
os.environ.setdefault("MOVIES_WAREHOUSE__THREADS", "1")


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

    def crawl(self, loaded: Collection[date] = ()) -> Iterator[list[MovieRow]]:  # noqa: ARG002
        for number, payload in enumerate(self.movies_listed):
            if number == self.fail_after:
                raise ConnectionError("the source went away")
            yield [payload if isinstance(payload, MovieRow) else self.row(payload)]

    def movies(
        self,
        first_day: date,
        last_day: date,
        loaded: Collection[date] = (),  # noqa: ARG002
    ) -> Iterator[list[MovieRow]]:
        for page in self.crawl():
            yield [row for row in page if first_day <= row.uploaded_date <= last_day]


# The first line of each of IMDb's dumps.
STORED_DAY, STORED_YEAR = "2025-10-30", "2025"

IMDB_HEADERS = {
    "name.basics": "nconst primaryName birthYear deathYear primaryProfession knownForTitles",
    "title.akas": ("titleId ordering title region language types attributes isOriginalTitle"),
    "title.basics": (
        "tconst titleType primaryTitle originalTitle isAdult startYear endYear runtimeMinutes "
        "genres"
    ),
    "title.crew": "tconst directors writers",
    "title.episode": "tconst parentTconst seasonNumber episodeNumber",
    "title.principals": "tconst ordering nconst category job characters",
    "title.ratings": "tconst averageRating numVotes",
}
Rows = Sequence[Sequence[Any]]


def dump(file: str, rows: Rows = (), *, header: str | None = None) -> bytes:
    """Return a dump's text: its first line, and rows of which None is `\\N`."""
    lines = [(header or IMDB_HEADERS[file]).split()]
    lines += [["\\N" if value is None else str(value) for value in row] for row in rows]
    return "".join("\t".join(line) + "\n" for line in lines).encode()


def land(
    landing: Path,
    run_date: str,
    dumps: Mapping[str, Rows | bytes],
    *,
    packed: bool = True,
    replaces: bool = False,
) -> None:
    """Lay dumps into the landing zone, as the client does on a run date.

    A file that is that of the newest run date before is not stored again. Those that are not given
    have no rows.

    Args:
        landing: the landing zone.
        run_date: when they were fetched.
        dumps: rows, or the whole text, of each file.
        packed: whether the text is still to be compressed.
        replaces: whether they replace dumps of this run date.
    """
    for file in FILES:
        given = dumps.get(file, ())
        text = given if isinstance(given, bytes) else dump(file, given)
        content = gzip.compress(text, mtime=0) if packed else text
        folder = landing / "imdb" / file / f"run_date={run_date}"
        folder.mkdir(parents=True, exist_ok=replaces)
        path, state = folder / f"{file}.tsv.gz", "updated"
        for older in sorted(folder.parent.glob("run_date=*/manifest.json")):
            known = landing / json.loads(older.read_text())["path"]
            if older.parent < folder:
                same = known.read_bytes() == content
                path, state = (known, "unchanged") if same else (folder / known.name, "updated")
        if state == "updated":
            path.write_bytes(content)
        manifest = {
            "file": file,
            "run_date": run_date,
            "state": state,
            "path": path.relative_to(landing).as_posix(),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "etag": None,
            "last_modified": None,
            "url": f"https://imdb.invalid/{file}.tsv.gz",
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
        (folder / "_SUCCESS").touch()


def contents_of(warehouse: Warehouse) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table's rows, in order, without the time and the run of the write.

    The profiles are left out: as a history of runs they differ between a range and its days.
    """
    with warehouse.reading() as connection:
        tables = connection.execute(
            "SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns() "
            "WHERE database_name = 'warehouse' AND column_name NOT IN "
            "('_ingested_at', '_run_id', 'run_id', 'quarantined_at', 'read_at', 'page') "
            "AND table_name NOT IN ('data_quality_snapshot', 'unaudited', 'begun', 'passed', "
            "'changed', 'computed_from') "
            "GROUP BY ALL"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT {', '.join(columns)} FROM {name} ORDER BY ALL"
            ).fetchall()
            for name, columns in tables
        }


def hold(warehouse: Warehouse, table: Table, days: Sequence[str]) -> None:
    """Store a row of each day in a table; the row only has the day."""
    with warehouse.session() as connection, warehouse.transaction(connection):
        create_table(connection, table.name, table.contract)
        for name in stored_types(connection, table.name):
            connection.execute(f"ALTER TABLE {table.name} ALTER {name} DROP NOT NULL")
        for day in days:
            connection.execute(
                f"INSERT INTO {table.name} ({table.partition_column}) VALUES (?)", [day]
            )


def netflix_title(show_id: int, **changes: Any) -> dict[str, Any]:
    """Return a sound title as a file has it."""
    return {
        "duration_minutes": 90,
        "type": "Movie",
        "title": f"Title {show_id}",
        "date_added": "9/9/2019",
        "release_year": 2019,
        "rating": "PG-13",
        "description": "A description.",
        "show_id": show_id,
        **changes,
    }


def arrive(
    landing: Path,
    path: str,
    titles: Sequence[Mapping[str, Any]],
    columns: Sequence[str] = COLUMNS,
    folder: str = "netflix/titles",
) -> Path:
    """Let a file of Netflix's titles arrive, or take the place of the one that is there.

    Args:
        landing: the landing zone.
        path: its day and name: `2025-10-30/titles.csv`.
        titles: what columns of its titles say.
        columns: its header.
        folder: where else than among Netflix's titles.
    """
    text = StringIO(newline="")
    rows = csv.DictWriter(text, columns, restval="", extrasaction="ignore")
    rows.writeheader()
    rows.writerows(titles)
    file = landing / folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.getvalue(), encoding="utf-8")
    return file


OTT_COLUMNS = {
    "titles": [
        "Title", "Genre", "Premiere", "Added Date", "Runtime", "IMDb Score", "Views", "Language"
    ],
    "views": ["user_id", "title", "watched_at", "minutes"],
    "users": ["user_id", "full_name", "email", "signup_date", "preferred_genres", "country"],
}  # fmt: skip


def ott_title(title: str, **changes: Any) -> dict[str, Any]:
    """Return a sound title of the streaming service as a file has it."""
    return {
        "Title": title,
        "Genre": "Drama",
        "Premiere": "August 5, 2019",
        "Added Date": "2020-01-31",
        "Runtime": 90,
        "IMDb Score": 7.1,
        "Views": 100,
        "Language": "English",
        **changes,
    }


def ott_view(user_id: Any, title: str, **changes: Any) -> dict[str, Any]:
    """Return a sound watch event as a file has it."""
    sound = {"watched_at": f"{STORED_DAY}T20:15:00Z", "minutes": 45}
    return {"user_id": user_id, "title": title, **sound, **changes}


def ott_user(user_id: Any, **changes: Any) -> dict[str, Any]:
    """Return a sound user as our file has it."""
    return {
        "user_id": user_id,
        "full_name": f"Subscriber {user_id}",
        "email": f"person{user_id}@mail.example",
        "signup_date": "2024-02-29",
        "preferred_genres": "Drama",
        "country": "Poland",
        **changes,
    }


def arrive_unknown_ott(landing: Path, day: str) -> None:
    """Let a file of the streaming service's titles arrive whose columns have other names."""
    header = ["Title", "Kind", "Stars"]
    rows = [dict(zip(header, (f"Film [{n}]", "Drama", 7), strict=True)) for n in range(5)]
    arrive(landing, f"{day}/a.csv", rows, header, "ott/titles")
    for folder in ("views", "users"):
        (landing / "ott" / folder).mkdir()


def arrive_ott(landing: Path, day: str, **rows: Sequence[Mapping[str, Any]]) -> None:
    """Let files of the streaming service arrive: `titles`, `views`, `users`."""
    for folder, found in rows.items():
        path = f"{day}/{folder}.csv"
        arrive(landing, path, found, OTT_COLUMNS[folder], f"ott/{folder}")


SOUND_OTT: dict[str, list[dict[str, Any]]] = {
    "titles": [
        ott_title("Seen by all"),
        ott_title("Seen by none", Genre="Drama/Science fiction", Views=10),
        # What one user watched first; the others, who like drama, then watch drama.
        *(ott_title(f"Thriller {n}", Genre="Thriller", Views="") for n in range(40)),
    ],
    "views": [
        *(ott_view(1 + n % 2, "Seen by all", minutes=n) for n in range(2)),
        *(ott_view(n, "Seen by all") for n in range(3, 30)),
        ott_view(1, "Not in the catalogue"),
        *(ott_view(30, f"Thriller {n}", watched_at=f"{STORED_DAY}T10:00:00Z") for n in range(40)),
    ],
    "users": [ott_user(n) for n in range(1, 31)],
}


# DuckDB 1.5 plans a prepared query by the rows that are there then, and does not plan it again when
# there are others: a column that was empty stays NULL.
FOR_ANY_ROWS = "SET disabled_optimizers = 'statistics_propagation,compressed_materialization'"

# The tables below Netflix's bronze.
NETFLIX = [
    "/".join(table.key)
    for table in TABLES.values()
    if table.group in {"netflix", "shared"} and not table.name.startswith("bronze.")
]


def store_netflix(
    warehouse: Warehouse, titles: Sequence[Mapping[str, Any]] = (), **lookups: Rows
) -> None:
    """Let bronze hold these titles and values, and nothing else, as if their files had arrived.

    Args:
        warehouse: where.
        titles: what columns of a title say; the rest is that of a sound one.
        lookups: `cast`, `category`, `countries`, `directors`: values and their titles.
    """
    sound = {"type": "Movie", "title": "Title", "date_added": "9/9/2019", "release_year": 2019}
    sound |= {"duration_minutes": 90, "rating": "PG-13", "arrived_date": STORED_DAY}
    rows: dict[str, Any] = {
        "netflix_titles": [{"show_id": n, **sound, **row} for n, row in enumerate(titles, 1)],
        "netflix_credits": [],
    }
    for name in ("cast", "category", "countries", "directors"):
        values = lookups.get(name, ())
        rows[f"netflix_{name}"] = [{"value": value, "show_id": show} for value, show in values]
    with warehouse.session() as connection, warehouse.transaction(connection):
        for name, received in rows.items():
            table = TABLES[f"bronze.{name}"]
            ensure_table(connection, table.name, table.contract)
            connection.execute(f"DELETE FROM {table.name}")
            origin = {"_ingested_at": datetime.now(UTC), "_source": f"{name}.csv", "_run_id": "run"}
            frame = pd.DataFrame(
                [{"source_row": f"{name}.csv#{n:07}", **row} for n, row in enumerate(received, 1)],
                columns=None if received else ["source_row"],
            ).assign(**origin)
            known = ", ".join(
                f"CAST({column} AS {duckdb_types(table.contract)[column]}) AS {column}"
                for column in frame.columns
            )
            connection.execute(f"INSERT INTO {table.name} BY NAME SELECT {known} FROM frame")


# Assets reach the outside world by the first of these methods that a resource has.
OUTSIDE = ("fetch", "open", "client")


def replaced_resource(settings: Settings, name: str, instead: Callable[..., Any]) -> Any:
    """Return a source's resource that calls a function instead of the outside world."""
    (kind,) = [
        type(resource)
        for source in sources.load()
        for known, resource in source.resources(settings).items()
        if known == name
    ]
    outside = next(method for method in OUTSIDE if hasattr(kind, method))
    method = {outside: lambda _, *args: instead(*args)}
    return type(kind.__name__, (kind,), {**method, "__module__": __name__})(project=settings)


@dataclass
class Platform:
    """The whole project on a temporary warehouse."""

    settings: Settings
    instance: dg.DagsterInstance
    yts: Callable[[], Any] | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = {"yts": self.yts} if self.yts else {}
        replaced = {
            name: replaced_resource(self.settings, name, instead)
            for name, instead in {**own, **self.resources}.items()
        }
        self.defs = build_defs(self.settings, **replaced)
        self.warehouse = open_warehouse(self.settings)

    def run(
        self,
        first: str,
        last: str | None = None,
        *,
        job: str = "yts_daily",
        select: list[str] | None = None,
        publish: bool = False,
        **kwargs: Any,
    ) -> dg.ExecuteInProcessResult:
        """Run a job for a day or a range; `select` takes `layer/table` keys.

        What is published is the business of the tests that say so: it takes half a second a run.
        """
        tags = (
            {"dagster/partition": first}
            if last is None
            else {
                "dagster/asset_partition_range_start": first,
                "dagster/asset_partition_range_end": last,
            }
        )
        selection = [dg.AssetKey(key.split("/")) for key in select] if select else None
        if not publish:
            tags |= LATER
        return self.defs.resolve_job_def(job).execute_in_process(
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


# Dagster lists all partitions of a table for each of its checks: of ten years that takes 0.3 s.
FIRST_DAY = "2025-01-01"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what needs `stored_day` last: one worker makes it, while the others run the rest."""
    last = {item.path for item in items if "stored_day" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: item.path in last)


@pytest.fixture(scope="session", autouse=True)
def _made_once() -> Iterator[None]:
    with made_once():
        yield


@pytest.fixture
def first_day() -> str:
    """First partition of YTS; a test of older days sets a parameter of this name."""
    return FIRST_DAY


@pytest.fixture
def settings(tmp_path: Path, first_day: str) -> Settings:
    return load(data_dir=tmp_path, yts={"first_day": first_day})


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


def _serve_s3(parent: Connection) -> None:
    moto_server = importlib.import_module("moto.server")
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    parent.send(f"http://{host}:{port}")
    with suppress(EOFError):
        parent.recv()


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[str]:
    """Serve S3's protocol on loopback.

    In a process of its own: deltalake keeps Python's lock while it waits for some answers.
    """
    pytest.importorskip("moto.server", reason="needs moto[server]")
    pytest.importorskip("s3fs", reason="needs s3fs: pip install 'movies_assets[s3]'")
    ours, its = FORKSERVER.Pipe()
    process = FORKSERVER.Process(target=_serve_s3, args=(its,), daemon=True)
    process.start()
    its.close()
    yield ours.recv()
    process.kill()
    process.join()


@pytest.fixture
def _s3(_s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let S3's variables name a server without any bucket."""
    httpx.post(f"{_s3_server}/moto-api/reset").raise_for_status()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", _s3_server)
    # A client keeps its listings.
    fsspec.get_filesystem_class("s3").clear_instance_cache()


ALL_DUMPS = ImdbSettings(files=FILES)
A_MOVIE, A_SERIES, EPISODES = "tt0000001", "tt0000002", ["tt0000003", "tt0000004"]
SOUND_DUMPS: dict[str, Rows] = {
    "title.basics": [
        [A_MOVIE, "movie", "Movie 1", "Le film 1", 0, 2020, None, 95, "Drama,Comedy"],
        [A_SERIES, "tvSeries", "Series 2", "Series 2", 0, 2019, 2021, 40, "Drama"],
        *([e, "tvEpisode", e, e, 0, 2019, None, 40, "Drama"] for e in EPISODES),
    ],
    "title.ratings": [[A_MOVIE, 7.3, 1500], [A_SERIES, 8.1, 900], [EPISODES[0], 8.4, 300]],
    "title.episode": [[e, A_SERIES, 1, number] for number, e in enumerate(EPISODES, 1)],
    "title.crew": [[A_MOVIE, "nm0000001", "nm0000001,nm0000002"]],
    "title.principals": [
        [A_MOVIE, 1, "nm0000002", "actress", None, '["Herself"]'],
        [A_MOVIE, 2, "nm0000001", "director", "director", None],
    ],
    "name.basics": [
        ["nm0000001", "Person 1", 1950, 2020, "director,writer", A_MOVIE],
        ["nm0000002", "Person 2", 1960, None, "actress", f"{A_MOVIE},{A_SERIES}"],
    ],
    "title.akas": [[A_MOVIE, 1, "The Oscar", "US", "en", "imdbDisplay", None, 0]],
}


def on_disk(folder: Path, name: str, header: Sequence[str], **values: Any) -> Lookup:
    """Return a look-up of Netflix whose rows a test sets, and which has none otherwise."""
    lines = [",".join(header), *(f"{value},{show}" for value, show in values.get(name, ()))]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([*lines, ""]))
    return Lookup(path, f"https://netflix.invalid/{name}.csv", path.stat().st_size, "")


SOUND_LOOKUPS: dict[str, Any] = {
    "cast": [("Ada", 1), ("Bob", 2)],
    "category": [("Dramas", 1), ("Sci-Fi & Fantasy", 2)],
    "countries": [("Poland", 1), ("United States", 2)],
    "directors": [("Ada", 1), ("Cleo", 2)],
}


SHOW = {"type": "TV Show", "duration_minutes": None, "duration_seasons": 3, "rating": "TV-MA"}
SOUND_TITLES = [
    netflix_title(1, title="Black Mirror: Bandersnatch"),
    netflix_title(2, **SHOW | {"title": "Series 2"}),
]
# A title whose credits are a file of their own.
A_PART = {"person_id": 1, "id": "tm1", "name": "Ada", "role": "ACTOR"}
SOUND_PAIR: list[tuple[Edition, dict[str, Any]]] = [
    (
        JUSTWATCH,
        {"id": "tm1", "title": "Le Film 1", "type": "MOVIE", "release_year": 2019, "runtime": 90},
    ),
    (JUSTWATCH_CREDITS, A_PART),
]


# Of YTS the first movie has an id that IMDb has merged, the second that of a series, the third that
# of an episode. The first file of Netflix has a series of IMDb, the second a movie that may be one.
SOUND_DECISION = Override("yts", "3", EPISODES[0], "forbid", "Ada", "An episode.")
SOUND_LABELS = f"source,source_id,tconst\nyts,1,{A_MOVIE}\nnetflix,2,{A_SERIES}\nott,none,\n"
MERGED = "tt0000009"


Prepare = Callable[[str, Callable[[Path], None]], None]


@pytest.fixture
def prepare(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Prepare:
    """Copy a data directory to the test's own; a function fills it once for all tests of a run."""

    def copy(name: str, fill: Callable[[Path], None]) -> None:
        filled = folder_of_all_workers(tmp_path_factory, name, fill)
        shutil.copytree(filled, tmp_path, dirs_exist_ok=True)

    return copy


@contextmanager
def platform_in(folder: Path, movies: list[dict[str, Any]]) -> Iterator[Platform]:
    """Yield a platform on a data directory, whose YTS lists these movies."""
    settings = load(data_dir=folder, yts={"first_day": FIRST_DAY})
    with dg.DagsterInstance.ephemeral() as instance:
        yield Platform(settings, instance, lambda: FakeYts(movies))


@pytest.fixture(scope="session")
def stored_day(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a day, or year, of sound rows in every table; copy it before changing it."""
    folder = folder_of_all_workers(tmp_path_factory, "stored_day", store_day)
    return load(data_dir=folder).database


@pytest.fixture(scope="session")
def published_day(stored_day: Path) -> Published:
    """What is published of `stored_day`; to be read only."""
    return Published(load(data_dir=stored_day.parents[1]).published_folder)


def store_day(folder: Path) -> None:
    """Fill every table of a data directory, and publish it at the end of the last run."""
    movies = [movie(n, f"{STORED_DAY}T12:00:00", language="fr") for n in range(1, 4)]
    movies[0]["imdb_code"] = MERGED
    source = FakeYts(movies)
    labels = folder / "labels.csv"
    labels.write_text(SOUND_LABELS)
    settings = load(data_dir=folder, imdb=ALL_DUMPS, titles={"labels": labels})
    overrides.add(overrides.path_of(settings), [SOUND_DECISION])
    # Trends are computed from two run dates.
    ratings = SOUND_DUMPS["title.ratings"]
    before = [[tconst, rating, votes - 10] for tconst, rating, votes in ratings]
    land(settings.landing, "2025-10-29", {**SOUND_DUMPS, "title.ratings": before})
    land(settings.landing, STORED_DAY, SOUND_DUMPS)
    arrive(settings.landing, f"{STORED_DAY}/titles.csv", SOUND_TITLES)
    for edition, row in SOUND_PAIR:
        path = f"{STORED_DAY}/{edition.name}.csv"
        arrive(settings.landing, path, [row], [*edition.columns])
    arrive_ott(settings.landing, STORED_DAY, **SOUND_OTT)
    run_dates = {"imdb_daily": ("2025-10-29", STORED_DAY)}
    with dg.DagsterInstance.ephemeral() as ephemeral:
        lookups = partial(on_disk, settings.landing, **SOUND_LOOKUPS)
        resources = {"netflix_lookup": lookups, "ott_users": lambda _: []}
        stored = Platform(settings, ephemeral, lambda: source, resources=resources)
        jobs = [job for source in sources.load() for job in source.jobs]
        *_, last_job = (job for job in jobs if job.newest == 0)
        for job in jobs:
            if job.newest and job.partitions:
                last = STORED_YEAR if job.partitions.unit == "year" else STORED_DAY
                stored.run(*run_dates.get(job.name, (last,)), job=job.name)
            elif job.newest == 0:
                stored.defs.resolve_job_def(job.name).execute_in_process(
                    instance=ephemeral, tags={} if job is last_job else LATER
                )
