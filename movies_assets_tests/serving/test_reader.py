"""The reader asks the newest snapshot, once for each question, and reaches nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import duckdb
import pytest

from movies_assets.dashboard.prepared import PREPARED
from movies_assets.serving import reader as reader_module
from movies_assets.serving.reader import OpenSnapshot, SnapshotReader
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets_tests.dashboard.snapshots import few, publish

MOVIES = "SELECT count(DISTINCT movie_key) AS movies FROM gold.imdb_movie_facts"


def reader_of(folder: Path, answers: int = 10) -> SnapshotReader:
    return SnapshotReader(
        Published(folder), PREPARED, {"memory_limit": "200MB", "threads": 1}, answers=answers
    )


@pytest.fixture
def folder(tmp_path) -> Path:
    publish(tmp_path, "a", few())
    return tmp_path


def asked(folder: Path, query: str, **parameters: Any) -> list[dict[str, Any]]:
    async def ask() -> list[dict[str, Any]]:
        return await (await reader_of(folder).snapshot()).ask(query, **parameters)

    return asyncio.run(ask())


def test_rows_come_by_name_and_values_by_parameter(folder):
    query = "SELECT $genre AS genre, count(*) AS n FROM gold.imdb_movie_facts WHERE genre = $genre"
    assert asked(folder, query, genre="Drama", unused=1) == [{"genre": "Drama", "n": 3}]
    assert asked(folder, query, genre="' OR 1=1 --") == [{"genre": "' OR 1=1 --", "n": 0}]


def test_a_question_is_answered_once_however_many_ask_it(folder, monkeypatch):
    run: list[str] = []
    rows = OpenSnapshot.rows
    monkeypatch.setattr(
        OpenSnapshot, "rows", lambda self, query, p: run.append(query) or rows(self, query, p)
    )

    async def ask() -> None:
        snapshot = await reader_of(folder).snapshot()
        together = await asyncio.gather(*(snapshot.ask(MOVIES) for _ in range(20)))
        assert together == [[{"movies": 6}]] * 20
        assert run == [MOVIES]
        assert await snapshot.ask(MOVIES) == [{"movies": 6}]
        assert run == [MOVIES]

    asyncio.run(ask())


def test_the_answers_used_least_recently_go_first(folder, monkeypatch):
    run: list[Any] = []
    rows = OpenSnapshot.rows
    monkeypatch.setattr(
        OpenSnapshot, "rows", lambda self, query, p: run.append(p["x"]) or rows(self, query, p)
    )

    async def ask() -> None:
        snapshot = await reader_of(folder, answers=2).snapshot()
        for x in (1, 2, 1, 3, 1, 2):
            assert await snapshot.ask("SELECT $x AS x", x=x) == [{"x": x}]

    asyncio.run(ask())
    assert run == [1, 2, 3, 2]


def test_a_reader_that_leaves_does_not_cancel_the_answer_of_the_others(folder):
    async def ask() -> None:
        snapshot = await reader_of(folder).snapshot()
        first = asyncio.create_task(snapshot.ask(MOVIES))
        await asyncio.sleep(0)
        first.cancel()
        assert await snapshot.ask(MOVIES) == [{"movies": 6}]

    asyncio.run(ask())


def test_a_question_that_failed_is_asked_again(folder):
    async def ask() -> None:
        snapshot = await reader_of(folder).snapshot()
        for _ in range(2):
            with pytest.raises(duckdb.Error, match="no_such_table"):
                await snapshot.ask("FROM gold.no_such_table")
        assert not snapshot._answers

    asyncio.run(ask())


def test_more_rows_than_a_page_shows_are_refused(folder, monkeypatch):
    monkeypatch.setattr(reader_module, "MOST_ROWS", 3)
    assert len(asked(folder, "FROM range(3)")) == 3
    with pytest.raises(duckdb.Error, match="more than 3 rows"):
        asked(folder, "FROM range(4)")


def test_a_new_snapshot_is_noticed_and_the_old_one_goes_on_answering(folder):
    async def ask() -> None:
        reader = reader_of(folder)
        old = await reader.snapshot()
        assert await reader.snapshot() is old
        publish(folder, "b", {})
        new = await reader.snapshot()
        assert (old.name, new.name, reader.name) == ("movies_a.duckdb", "movies_b.duckdb", new.name)
        (folder / "movies_a.duckdb").unlink()
        assert await old.ask(MOVIES) == [{"movies": 6}]
        assert await new.ask(MOVIES) == [{"movies": 0}]

    asyncio.run(ask())


def test_without_a_snapshot_the_message_explains_how_to_publish_one(tmp_path):
    with pytest.raises(NothingPublishedError, match="make run"):
        asked(tmp_path, MOVIES)


def test_what_is_withdrawn_is_not_shown_any_longer(folder):
    async def ask() -> None:
        reader = reader_of(folder)
        await reader.snapshot()
        (folder / "CURRENT").unlink()
        with pytest.raises(NothingPublishedError):
            await reader.snapshot()
        assert reader.name is None

    asyncio.run(ask())


def test_a_snapshot_that_cannot_be_opened_leaves_the_one_before(folder, caplog):
    async def ask() -> None:
        reader = reader_of(folder)
        old = await reader.snapshot()
        (folder / "movies_b.duckdb").write_text("this is no database")
        (folder / "CURRENT").write_text("movies_b.duckdb")
        assert await reader.snapshot() is old
        assert await reader.snapshot() is old
        publish(folder, "c", {})
        assert (await reader.snapshot()).name == "movies_c.duckdb"

    asyncio.run(ask())
    assert [record.message[:38] for record in caplog.records] == [
        "the newest snapshot cannot be opened, "
    ]


def test_a_first_snapshot_that_cannot_be_opened_is_an_error(tmp_path):
    (tmp_path / "movies_b.duckdb").write_text("this is no database")
    (tmp_path / "CURRENT").write_text("movies_b.duckdb")
    with pytest.raises(duckdb.Error):
        asked(tmp_path, MOVIES)


@pytest.mark.parametrize(
    "query",
    [
        "FROM read_csv('/etc/passwd')",
        "FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/dashboard_was_here.csv'",
        "ATTACH '/tmp/dashboard_was_here.duckdb'",
        "INSTALL httpfs",
        "SET memory_limit = '8GB'",
        "SET enable_external_access = true",
        "DELETE FROM snapshot.gold.imdb_movie_facts",
        "DROP TABLE snapshot.gold.imdb_movie_facts",
    ],
)
def test_a_query_reaches_no_file_and_changes_nothing(folder, query):
    with pytest.raises(duckdb.Error):
        asked(folder, query)


def test_instants_are_in_utc(folder):
    query = "SELECT published_at::VARCHAR AS text FROM meta.snapshot"
    assert asked(folder, query) == [{"text": "2026-11-21 20:30:00+00"}]
