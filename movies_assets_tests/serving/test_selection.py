"""What a snapshot takes from the warehouse: never less than readers had, never a red day."""

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from rich.console import Console

from movies_assets.core.window import Window
from movies_assets.definitions import TABLES
from movies_assets.orchestration import summary
from movies_assets.orchestration.publishing.published import Publication, published_tables
from movies_assets.orchestration.publishing.selection import Selection, held_with
from movies_assets.settings import Settings, load
from movies_assets.warehouse import snapshot
from movies_assets.warehouse.audit_log import accept, record_write
from movies_assets.warehouse.published import HELD_BACK, Published
from movies_assets_tests.conftest import STORED_DAY, FakeYts, Platform, movie

PUBLIC = published_tables(TABLES)
YTS, IMDB, NETFLIX, OMDB, OTT, TITLES, QUALITY = (
    {name for name, table in PUBLIC.items() if table.group == group}
    for group in ("yts", "imdb", "netflix", "omdb", "ott", "titles", "quality")
)
RED = "silver.yts_movies"
TITLE = "SELECT max(title) FROM gold.dim_movie"
MOVIE = "SELECT max(primary_title) FROM gold.imdb_movie_facts"
# Of a file of DuckDB: three headers, then blocks.
HEADER_BYTES, BLOCK_BYTES = 4096, 262_144


@pytest.fixture
def data(stored_day: Path, tmp_path: Path) -> Settings:
    """A data folder with a day of every source, all of it published."""
    folder = tmp_path / "data"
    shutil.copytree(stored_day.parents[1], folder)
    return load(data_dir=folder)


@pytest.fixture
def stored(data: Settings, instance: dg.DagsterInstance) -> "Stored":
    return Stored(data, instance)


class Stored:
    """A data folder, and means to change and publish it as runs do."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.platform = Platform(settings, instance)
        self.published = Published(settings.published_folder)

    def publish(self, **settings: Any) -> Selection:
        """Publish, and return what was selected."""
        changed = self.settings.model_copy(
            update={"published": self.settings.published.model_copy(update=settings)}
        )
        publication = Publication(
            changed, self.platform.warehouse, TABLES, [], self.platform.instance, "0123abcd"
        )
        found, result = publication.publish()
        assert (result is None) == found.is_refused
        return found

    def change(self, *statements: str, red: str | None = None) -> None:
        """Change the warehouse; `red` is a table whose checks have not passed."""
        warehouse = self.platform.warehouse
        with warehouse.session() as session, warehouse.transaction(session):
            for statement in statements:
                session.execute(statement)
            if red:
                record_write(session, red, Window(STORED_DAY, STORED_DAY), "run of a red day")

    def change_published(self, *statements: str) -> None:
        """Change the snapshot that readers have, as `old`."""
        with self.platform.warehouse.session() as session:
            session.execute(f"ATTACH '{self.published.current()}' AS old")
            for statement in statements:
                session.execute(statement)
            session.execute("DETACH old")

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the snapshot that readers have."""
        with self.published.reading() as connection:
            return connection.execute(query).fetchall()

    def rows(self) -> dict[str, int]:
        """Return how many rows each published table has for readers."""
        return {name: self.ask(f"SELECT count(*) FROM {name}")[0][0] for name in PUBLIC}


NEW_ROWS = (
    "UPDATE gold.dim_movie SET title = 'Zebra'",
    "UPDATE gold.imdb_movie_facts SET primary_title = 'Zebra'",
)


class TestAWarehouseThatLostItsRows:
    @pytest.fixture
    def emptied(self, stored: Stored) -> Iterator[Stored]:
        stored.settings.database.unlink()
        before = stored.published.current(), stored.rows()
        yield stored
        assert (stored.published.current(), stored.rows()) == before, "readers keep their rows"

    def test_publishes_nothing_where_it_is_empty(self, emptied):
        emptied.change()
        found = emptied.publish()
        assert "no table was ever written in this warehouse" in found.reason
        assert '"confirm_empty": true' in found.reason

    @pytest.mark.slow
    def test_publishes_nothing_after_the_first_run_of_one_source(self, emptied):
        source = FakeYts([movie(1, f"{STORED_DAY}T10:00:00")])
        platform = Platform(emptied.settings, emptied.platform.instance, lambda: source)
        result = platform.run(STORED_DAY, publish=True)
        (verdict,) = [
            each for each in result.get_asset_check_evaluations() if each.check_name == "audited"
        ]
        assert not verdict.passed
        assert verdict.severity == dg.AssetCheckSeverity.ERROR
        assert "gold.imdb_movie_facts: never written" in (verdict.description or "")
        assert "gold.fact_movies" not in (verdict.description or ""), "it was written"

    def test_publishes_nothing_where_it_is_new(self, tmp_path, instance):
        new = Stored(load(data_dir=tmp_path), instance)
        new.change()
        assert "no table was ever written in this warehouse" in new.publish().reason
        assert not new.published.snapshots()


@pytest.mark.slow
def test_tables_confirmed_to_be_empty_are_published_from_then_on(stored):
    stored.change("DROP TABLE gold.omdb_releases")
    assert stored.publish().is_refused
    config = {"ops": {"published_warehouse": {"config": {"confirm_empty": True}}}}
    job = stored.platform.defs.resolve_job_def("publish")
    job.execute_in_process(instance=stored.platform.instance, run_config=config)
    assert {name for name, rows in stored.rows().items() if not rows} == OMDB
    noted = "SELECT table_name, reason FROM audit.accepted"
    assert stored.platform.sql(noted) == [("gold.omdb_releases", "confirmed to be empty")]
    assert not stored.publish().blocked


def test_a_table_that_was_written_and_became_empty_is_published(stored):
    stored.change("DELETE FROM gold.omdb_releases")
    assert not stored.publish().blocked
    assert stored.rows()["gold.omdb_releases"] == 0


class TestANewWarehouse:
    """One run of each source after the file was lost: all tables are there, with a day's rows."""

    ADDED = (
        "INSERT INTO gold.dim_movie BY NAME SELECT 7 AS movie_key, * EXCLUDE movie_key "
        "FROM gold.dim_movie LIMIT 1"
    )
    LOST = (
        "UPDATE audit.begun SET begun_at = now()",
        "DELETE FROM gold.omdb_releases WHERE rowid > 0",
        ADDED,
    )

    @pytest.fixture
    def lost(self, stored: Stored) -> Stored:
        assert stored.rows()["gold.omdb_releases"] > 2
        stored.change(*self.LOST, *NEW_ROWS)
        return stored

    @pytest.mark.slow
    def test_keeps_what_readers_had_of_the_sources_with_few_rows(self, lost):
        before = lost.rows()
        found = lost.publish()
        assert found.held.keys() == OMDB | TITLES | QUALITY
        assert "gold.omdb_releases: 1 rows, and" in found.reason
        assert '"confirm_empty": true' in found.reason
        rows = lost.rows()
        assert rows["gold.omdb_releases"] == before["gold.omdb_releases"]
        assert rows["gold.dim_movie"] == before["gold.dim_movie"] + 1
        assert lost.publish().held.keys() == OMDB | TITLES | QUALITY, "also the next time"

    @pytest.mark.slow
    def test_publishes_them_when_they_are_rebuilt(self, lost):
        lost.publish()
        lost.change(
            "INSERT INTO gold.omdb_releases SELECT r.* FROM gold.omdb_releases AS r, range(9)"
        )
        assert not lost.publish().blocked

    @pytest.mark.slow
    def test_publishes_them_when_somebody_confirms(self, lost):
        config = {"ops": {"published_warehouse": {"config": {"confirm_empty": True}}}}
        job = lost.platform.defs.resolve_job_def("publish")
        job.execute_in_process(instance=lost.platform.instance, run_config=config)
        assert lost.rows()["gold.omdb_releases"] == 1
        assert not lost.publish().blocked

    @pytest.mark.slow
    def test_holds_back_a_conformed_dimension_with_the_facts_that_point_at_it(self, lost):
        before = lost.rows()
        lost.change("DELETE FROM gold.fact_movies", "DELETE FROM gold.dim_released_year")
        found = lost.publish()
        assert not found.is_refused
        assert {"gold.fact_movies", "gold.dim_released_year"} <= found.held.keys()
        assert lost.rows() == before


class TestARedDayOfOneSource:
    @pytest.mark.parametrize(
        ("red", "held"),
        [
            (RED, YTS | TITLES),
            ("silver.netflix_titles", NETFLIX | TITLES),
            ("gold.dim_date", YTS | NETFLIX | TITLES | {"gold.dim_date"}),
            ("bronze.imdb_title_crew", IMDB | TITLES),
            ("silver.omdb_releases", OMDB | TITLES),
            ("gold.ott_dim_title", OTT | TITLES),
            ("bronze.title_overrides", TITLES),
            ("gold.data_quality_snapshot", set()),
        ],
    )
    def test_holds_back_all_tables_that_share_one_with_it(self, red, held):
        assert held_with(TABLES, red) & PUBLIC.keys() == held | QUALITY

    def test_leaves_the_other_sources_their_new_rows(self, stored):
        (before,) = stored.ask(TITLE)
        stored.change(*NEW_ROWS, red=RED)
        found = stored.publish()
        assert found.blocked
        assert stored.ask(TITLE) == [before], "as readers had it"
        assert stored.ask(MOVIE) == [("Zebra",)]
        assert "keep the rows that were published before" in found.reason
        assert f"{RED} {STORED_DAY} (run run of a" in found.reason

    def test_shows_readers_how_old_the_rows_are(self, stored):
        ((published_at,),) = stored.ask("SELECT published_at FROM meta.snapshot")
        extent = (
            "SELECT rows, newest_partition FROM meta.tables WHERE table_name = 'gold.dim_movie'"
        )
        before = stored.ask(extent)
        stored.change("DELETE FROM gold.dim_movie", red=RED)
        for _ in range(2):
            stored.publish()
            assert stored.ask(extent) == before
            held = stored.ask("SELECT table_name FROM meta.tables WHERE held_back_by IS NOT NULL")
            assert {name for (name,) in held} == YTS | TITLES | QUALITY
            ages: list[tuple[bool, datetime, datetime]] = stored.ask(
                "SELECT held_back_by IS NULL, min(taken_at), max(taken_at) FROM meta.tables "
                "WHERE is_published GROUP BY 1 ORDER BY 1"
            )
            (_, oldest, newest), (_, current, _) = ages
            assert oldest <= newest <= published_at < current

    def test_is_named_at_the_end_of_a_summary(self, stored, capsys):
        stored.change(red=RED)
        stored.publish()
        summary.show(stored.settings, None, Console(width=200))
        shown = capsys.readouterr().out
        assert re.search(r"\n +yts as of [-\d]{10} [:\d]{5} UTC: newer rows have not", shown)
        assert "imdb as of" not in shown

    def test_comes_in_when_it_has_passed(self, stored):
        stored.change(*NEW_ROWS, red=RED)
        stored.publish()
        warehouse = stored.platform.warehouse
        with warehouse.session() as session, warehouse.transaction(session):
            accept(session, RED, ("", "~"), "seen")
        assert not stored.publish().blocked
        assert stored.ask(TITLE) == [("Zebra",)]
        assert stored.ask("FROM meta.tables WHERE held_back_by IS NOT NULL") == []

    def test_stops_publishing_where_the_setting_says_so(self, stored):
        before = stored.published.current()
        stored.change(*NEW_ROWS, red=RED)
        assert stored.publish(strict=True).is_refused
        assert stored.published.current() == before

    @pytest.mark.slow
    def test_is_distinguished_also_if_only_references_break(self, stored):
        before = stored.rows()
        stored.change("DELETE FROM gold.netflix_dim_person", *NEW_ROWS[1:])
        found = stored.publish()
        assert "gold.netflix_title_cast.person_key -> gold.netflix_dim_person" in found.reason
        assert stored.rows() == before
        assert stored.ask(MOVIE) == [("Zebra",)]
        assert len(list(stored.published.folder.glob("*.new*"))) == 0

    def test_stops_publishing_where_the_rows_before_no_longer_fit(self, stored):
        stored.change_published("ALTER TABLE old.gold.dim_movie DROP COLUMN slug")
        stored.change(red=RED)
        found = stored.publish()
        assert found.is_refused
        assert "gold.dim_movie: published before with other columns" in found.reason

    def test_of_which_nothing_was_published_yet_is_empty_and_marked(self, stored):
        shutil.rmtree(stored.published.folder)
        stored.change("DROP TABLE gold.dim_genre", red=RED)
        found = stored.publish()
        assert not found.is_refused
        assert found.held.keys() == (YTS | TITLES | QUALITY) - {"gold.dim_genre"}
        rows = stored.rows()
        assert {name for name in YTS if rows[name]} == set()
        assert all(rows[name] for name in IMDB)
        assert stored.ask("SELECT rows FROM meta.tables WHERE table_name = 'gold.dim_movie'") == [
            (None,)
        ]

    def test_keeps_rows_of_a_snapshot_of_an_earlier_version(self, stored):
        columns = ("taken_at", "held_back_by")
        stored.change_published(*(f"ALTER TABLE old.meta.tables DROP COLUMN {c}" for c in columns))
        assert stored.ask(HELD_BACK) == []
        ((published_at,),) = stored.ask("SELECT published_at FROM meta.snapshot")
        stored.change(red=RED)
        stored.publish()
        held = dict(stored.ask(HELD_BACK))
        assert held == dict.fromkeys(("quality", "titles", "yts"), published_at)

    @pytest.mark.slow
    def test_is_carried_from_an_older_snapshot_where_the_newest_is_damaged(self, stored):
        (before,) = stored.ask(TITLE)
        stored.publish()
        stored.published.current().write_bytes(b"damaged" * 1000)
        stored.change(*NEW_ROWS, red=RED)
        stored.publish()
        assert stored.ask(TITLE) == [before]


class TestUnchangedTables:
    """They stay in the new file as they are; the others are copied from the warehouse."""

    @pytest.fixture
    def copied(self, monkeypatch) -> list[str]:
        """The tables that were copied, without those of `meta`."""
        names: list[str] = []

        def recorded(connection, name, *args):
            names.extend([] if name.startswith("meta.") else [name])
            return insert(connection, name, *args)

        insert = snapshot._insert
        monkeypatch.setattr(snapshot, "_insert", recorded)
        return names

    def test_are_not_copied_again(self, stored, copied):
        before = stored.rows()
        assert not stored.publish().blocked
        assert copied == []
        stored.change(*NEW_ROWS)
        stored.publish()
        assert copied == ["gold.dim_movie", "gold.imdb_movie_facts"]
        assert (stored.rows(), stored.ask(TITLE)) == (before, [("Zebra",)])
        assert stored.ask("SELECT snapshot_id FROM meta.snapshot") == [
            (stored.published.current().stem,)
        ]

    def test_and_changed_ones_say_how_many_rows_the_snapshot_before_had(self, stored):
        counts = "SELECT table_name, rows - rows_before FROM meta.tables WHERE is_published"
        stored.change("DELETE FROM gold.imdb_season_trends WHERE series_key % 2 = 0")
        stored.publish()
        changed = {name: more for name, more in stored.ask(counts) if more}
        assert changed.keys() == {"gold.imdb_season_trends"}
        assert changed["gold.imdb_season_trends"] < 0

    def test_are_not_copied_where_they_are_held_back(self, stored, copied):
        (before,) = stored.ask(TITLE)
        stored.change(*NEW_ROWS, red=RED)
        stored.publish()
        assert copied == ["gold.imdb_movie_facts"]
        assert stored.ask(TITLE) == [before]

    def test_have_the_descriptions_of_their_contracts(self, stored, copied):
        comment = "SELECT comment FROM duckdb_columns() WHERE table_name = 'dim_movie'"
        before = stored.ask(comment)
        stored.change_published("COMMENT ON COLUMN old.gold.dim_movie.title IS 'outdated'")
        stored.publish()
        assert copied == []
        assert stored.ask(comment) == before

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "difference",
        [
            "UPDATE old.gold.dim_movie SET title = title || ' ' WHERE movie_key = 1",
            "DELETE FROM old.gold.dim_movie WHERE movie_key = 1",
            "UPDATE old.gold.dim_movie SET slug = NULL WHERE movie_key = 1",
            "ALTER TABLE old.gold.dim_movie ADD COLUMN more INTEGER",
            (
                "CREATE OR REPLACE TABLE old.gold.dim_movie AS "
                "SELECT title, * EXCLUDE title FROM old.gold.dim_movie"
            ),
        ],
    )
    def test_are_only_those_without_any_difference(self, stored, copied, difference):
        stored.change("UPDATE gold.dim_movie SET movie_key = 1, slug = 'a' WHERE rowid = 0")
        stored.publish()
        copied.clear()
        stored.change_published(difference)
        stored.publish()
        assert copied == ["gold.dim_movie"]
        rows = "FROM gold.dim_movie ORDER BY ALL"
        assert stored.ask(rows) == stored.platform.sql(rows)

    def test_are_copied_where_a_block_of_the_snapshot_is_damaged(self, stored, copied):
        ((block,),) = stored.ask(
            "SELECT min(block_id) FROM pragma_storage_info('gold.dim_movie') WHERE block_id >= 0"
        )
        with stored.published.current().open("r+b") as file:
            file.seek(3 * HEADER_BYTES + block * BLOCK_BYTES + BLOCK_BYTES // 2)
            file.write(b"damaged" * 1000)
        with pytest.raises(duckdb.IOException):
            stored.ask("SELECT max(COLUMNS(*)) FROM gold.dim_movie")
        assert not stored.publish().blocked
        assert {*copied} == {*PUBLIC}
        rows = "FROM gold.dim_movie ORDER BY ALL"
        assert stored.ask(rows) == stored.platform.sql(rows)

    def test_do_not_make_the_file_grow(self, stored, copied):
        sizes = []
        for number in range(6):
            stored.change(f"UPDATE gold.imdb_movie_facts SET primary_title = '{number}'")
            stored.publish()
            sizes.append(stored.published.current().stat().st_size)
        assert copied == ["gold.imdb_movie_facts"] * 6
        assert sizes[-1] == sizes[1]

    def test_are_copied_where_most_of_the_file_is_free(self, stored, copied):
        stored.change_published(
            "CREATE TABLE old.gold.large AS SELECT random() AS it FROM range(4_000_000)",
            "CHECKPOINT old",
            # The block at the end keeps the file from being cut off.
            "CREATE TABLE old.gold.last AS SELECT random() AS it FROM range(200_000)",
            "CHECKPOINT old",
            "DROP TABLE old.gold.large",
            "CHECKPOINT old",
        )
        before = stored.published.current().stat().st_size
        stored.publish()
        assert {*copied} == {*PUBLIC}
        assert stored.published.current().stat().st_size < before / 2

    def test_leave_nothing_of_a_forgotten_person_in_any_file(self, stored):
        ((key,),) = stored.platform.sql("SELECT min(user_key) FROM gold.ott_dim_user")
        erase = [
            f"DELETE FROM {name} WHERE user_key = '{key}'"
            for name in ("gold.ott_dim_user", "gold.ott_recommendations")
        ]

        def files_with_key() -> int:
            folder = stored.published.folder
            files = [path for path in folder.rglob("*") if path.is_file()]
            return sum(key.encode() in path.read_bytes() for path in files)

        warehouse = stored.platform.warehouse
        with warehouse.session() as session:
            session.execute("SET force_compression = 'uncompressed'")
            try:
                for path in stored.published.snapshots():
                    path.unlink()
                stored.publish()
                stored.change(erase[1])
                stored.publish()
                assert files_with_key() == 2, "in tables, or in free blocks"
                stored.change(erase[0])
                stored.published.forget(warehouse, "0123abcd", "gold.ott_dim_user")
                assert files_with_key() == 0
                stored.publish()
                assert files_with_key() == 0
            finally:
                session.execute("RESET force_compression")
