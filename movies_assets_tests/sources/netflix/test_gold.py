"""Netflix's star as functions of the silver tables: a hand-made case for each rule."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import duckdb
import ibis
import pytest

from movies_assets.definitions import TABLES
from movies_assets.warehouse.schema import ensure_table
from movies_assets.warehouse.sql import compile_sql
from movies_assets_tests.conftest import NETFLIX, STORED_DAY, Platform, movie, store_netflix

DIMENSIONS = {
    "person": ("cast", "directors"),
    "category": ("category",),
    "country": ("countries",),
}
JUNCTIONS = {
    "cast": ("cast", "person_key"),
    "director": ("directors", "person_key"),
    "category": ("category", "category_key"),
    "country": ("countries", "country_key"),
}


class Lab:
    """A database with silver tables to fill; a gold table is made of them when it is asked for."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def title(self, show_id: int, **values: Any) -> None:
        known = {"type": "Movie", "type_flag": 1, "title": "A", "source_row": f"a.csv#{show_id}"}
        known |= {"duration_minutes": 90, "duration_rank": 1}
        self._put("netflix_titles", {"show_id": str(show_id), **known, **values})

    def values_of(self, lookup: str, *pairs: tuple[str, int]) -> None:
        for number, (value, show_id) in enumerate(pairs):
            row = {"value": value, "show_id": str(show_id), "source_row": f"{lookup}.csv#{number}"}
            self._put(f"netflix_{lookup}", row)

    def _put(self, name: str, row: dict[str, Any]) -> None:
        marks = ", ".join("?" for _ in row)
        statement = f"INSERT INTO silver.{name} ({', '.join(row)}) VALUES ({marks})"
        self.connection.execute(statement, [*row.values()])

    def gold(self, name: str, *columns: str, where: str = "true") -> list[Any]:
        """Return what a table's function makes of what is stored, in order."""
        table = TABLES[f"gold.{name}"]
        sources = {key: TABLES[n].contract.table(n) for key, n in table.reads().items()}
        sql = compile_sql(table(**sources))
        return self._ask(sql, columns, where)

    def members(
        self, name: str, keys: Sequence[int | None], *columns: str, where: str = "true"
    ) -> list[Any]:
        """Return what a conformed dimension makes of keys, in order."""
        table = TABLES[f"gold.{name}"]
        (key,) = table.contract.key()
        rows = ibis.literal([*keys], "array<int64>").unnest().name(key).as_table()
        return self._ask(compile_sql(table(rows)), columns, where)

    def _ask(self, sql: str, columns: Sequence[str], where: str) -> list[Any]:
        query = f"SELECT {', '.join(columns) or '*'} FROM ({sql}) WHERE {where} ORDER BY ALL"
        return self.connection.execute(query).fetchall()


@pytest.fixture
def lab() -> Iterator[Lab]:
    with duckdb.connect(config={"threads": 1}) as connection:
        for name, table in TABLES.items():
            if table.group == "netflix":
                ensure_table(connection, name, table.contract)
        yield Lab(connection)


# Dimensions and junctions.


@pytest.mark.parametrize(("dimension", "lookups"), DIMENSIONS.items())
def test_a_dimension_has_the_values_of_its_look_ups_and_the_unknown_member(lab, dimension, lookups):
    for number, lookup in enumerate(lookups):
        lab.values_of(lookup, ("Both", 1), (f"Of {number}", 1))
    of_each = [(f"Of {number}",) for number in range(len(lookups))]
    found = lab.gold(f"netflix_dim_{dimension}", f"{dimension}_name")
    assert found == [("Both",), *of_each, ("Unknown",)]


def test_without_values_there_is_the_unknown_member_alone(lab):
    for dimension in DIMENSIONS:
        assert lab.gold(f"netflix_dim_{dimension}") == [("unknown", "Unknown")]


def test_people_of_one_name_are_one_and_the_first_spelling_names_them(lab):
    lab.values_of("cast", ("ada LOVELACE", 1), ("Ada Lovelace", 2))
    lab.values_of("directors", ("ADA Lovelace", 3))
    people = lab.gold("netflix_dim_person")
    assert people == [("ada lovelace", "ADA Lovelace"), ("unknown", "Unknown")]


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("Sci-Fi & Fantasy", "sci-fi-fantasy"),
        ("Kids' TV", "kids-tv"),
        ("日本", "日本"),
        ("unKNOWN", "unknown"),
    ],
)
def test_categories_and_countries_have_slugs_for_keys(lab, value, key):
    lab.values_of("category", (value, 1))
    lab.values_of("countries", (value, 1))
    for name in ("category", "country"):
        found = dict(lab.gold(f"netflix_dim_{name}"))
        assert found == {key: "Unknown" if key == "unknown" else value, "unknown": "Unknown"}


def test_spellings_of_a_country_are_one(lab):
    lab.title(1)
    lab.values_of("countries", ("Poland,", 1), ("Poland", 1))
    assert lab.gold("netflix_dim_country")[0] == ("poland", "Poland")
    assert lab.gold("netflix_title_country") == [("1", "poland")]


@pytest.mark.parametrize(("name", "lookup", "key"), [(n, *j) for n, j in JUNCTIONS.items()])
def test_a_junction_pairs_listed_titles_with_members_once(lab, name, lookup, key):
    lab.title(1)
    lab.title(2)
    lab.values_of(lookup, ("Ada B", 1), ("ADA B", 1), ("Cleo", 1), ("Ada B", 2), ("Ada B", 404))
    pairs = lab.gold(f"netflix_title_{name}", "show_key", key)
    ada = "ada b" if key == "person_key" else "ada-b"
    assert pairs == [("1", ada), ("1", "cleo"), ("2", ada)]
    contract = TABLES[f"gold.netflix_title_{name}"].contract
    members = {row[0] for row in lab.gold(contract.references()[key].removeprefix("gold."))}
    assert {member for _, member in pairs} <= members


def test_a_title_without_date_and_year_points_at_the_unknown_members(lab):
    lab.title(1)
    lab.title(2, date_added=date(2019, 9, 1), release_year=2018)
    keys = lab.gold("netflix_fact_titles", "show_key", "added_date_key", "year_key")
    assert keys == [("1", -1, -1), ("2", 20190901, 2018)]
    assert lab.members("dim_date", [-1, 20190901], where="date_key = -1")
    assert lab.members("dim_released_year", [-1, 2018], where="year_key = -1")


def test_title_and_fact_have_the_values_of_silver(lab):
    day = date(2019, 9, 1)
    texts = {"title": "A: B", "short_title": "A", "rating": "TV-MA", "rating_group": "TV"}
    figures = {
        "type_flag": 2,
        "duration_minutes": None,
        "duration_seasons": 3,
        "duration_rank": None,
    }
    told = {"description": "D", "date_added": day, "release_year": 2018}
    lab.title(5, type="TV Show", **texts, **figures, **told)
    title = ("5", "TV Show", 2, "A: B", "A", "TV-MA", "TV", "D", day, 2018)
    assert lab.gold("netflix_dim_title") == [title]
    assert lab.gold("netflix_fact_titles") == [("5", 20190901, 2018, 2, "TV-MA", None, 3, None)]


# Days and years of all sources.


def test_the_calendar_covers_complete_years_from_the_first_key_to_the_last(lab):
    span = ("min(date)", "max(date)", "count(date)", "count(*)")
    assert lab.members("dim_date", [], *span) == [(None, None, 0, 1)]
    of_2019 = (date(2019, 1, 1), date(2019, 12, 31), 365, 366)
    assert lab.members("dim_date", [20190601], *span) == [of_2019]
    years = 366 + 3 * 365
    found = lab.members("dim_date", [20190601, -1, 20160601, None], *span)
    assert found == [(date(2016, 1, 1), date(2019, 12, 31), years, years + 1)]


@pytest.mark.parametrize("key", [0, 99991232, -20190601])
def test_a_key_that_is_no_day_makes_none(lab, key):
    assert lab.members("dim_date", [key], where=f"date_key = {key}") == []
    assert lab.members("dim_date", [key, 20190601], "max(year)") != [(None,)]


def test_a_day_is_described(lab):
    (found,) = lab.members("dim_date", [20160403], where="date_key = 20160403")
    assert found[1:] == (
        *(date(2016, 4, 3), "April 3, 2016", 7, 3, 94, 13, 4, "April", 2, 2016, True),
    )


def test_of_the_unknown_day_nothing_is_known(lab):
    unknown = (-1, None, "Unknown", None, None, None, None, None, "Unknown", None, None, None)
    assert lab.members("dim_date", []) == [unknown]


def test_years_of_both_sources_are_members_once(lab):
    years = [(-1, None, None, "Unknown"), (1999, 1999, 1990, "1990s"), (2005, 2005, 2000, "2000s")]
    assert lab.members("dim_released_year", [1999, -1, 1999, 2005]) == years


class TestRun:
    """Through Dagster: sources that were never run, and both of them in either order."""

    def fill(self, platform: Platform, yts: Any) -> None:
        yts.movies_listed = [movie(1, f"{STORED_DAY}T12:00:00", year=1990)]
        titles = [{"date_added": "9/9/2019"}, {"date_added": None, "release_year": None}]
        store_netflix(platform.warehouse, titles, cast=[("Ada", 1)])

    def netflix(self, platform: Platform) -> None:
        assert platform.run(STORED_DAY, job="netflix_daily", select=NETFLIX).success

    @pytest.mark.slow
    def test_netflix_alone_has_its_days_and_years(self, platform, yts):
        self.fill(platform, yts)
        self.netflix(platform)
        assert platform.sql("FROM duckdb_tables() WHERE table_name = 'yts_movies'") == []
        assert platform.sql("SELECT DISTINCT year FROM gold.dim_date ORDER BY 1") == [
            (2019,),
            (None,),
        ]
        joined = (
            "SELECT show_key, d.date, y.decade_label FROM gold.netflix_fact_titles "
            "JOIN gold.dim_date d ON added_date_key = date_key "
            "JOIN gold.dim_released_year y USING (year_key) ORDER BY 1"
        )
        assert platform.sql(joined) == [("1", date(2019, 9, 9), "2010s"), ("2", None, "Unknown")]

    @pytest.mark.slow
    def test_both_in_either_order_lead_to_the_same_warehouse(
        self, platform, yts, settings, instance, tmp_path
    ):
        self.fill(platform, yts)
        self.netflix(platform)
        assert platform.run(STORED_DAY).success
        data = settings.model_copy(update={"data_dir": tmp_path / "other"})
        other = Platform(data, instance, lambda: yts)
        self.fill(other, yts)
        assert other.run(STORED_DAY).success
        self.netflix(other)
        mine, others = platform.contents(), other.contents()
        assert mine == others
        assert len({row[-2] for row in mine["gold.dim_date"]}) == 2025 - 2019 + 2

    @pytest.mark.slow
    def test_running_again_changes_nothing(self, platform, yts):
        self.fill(platform, yts)
        self.netflix(platform)
        before = platform.contents()
        self.netflix(platform)
        assert platform.contents() == before
