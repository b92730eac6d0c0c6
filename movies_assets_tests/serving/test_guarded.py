"""The guarded reader: what it answers, what it refuses, and what a query cannot do to it."""

import asyncio
import io
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import shared_tables
from movies_assets.serving import guarded_process, sql_rules
from movies_assets.serving.guarded import Answer, BusyError, GuardedReader, QueryError, readable
from movies_assets.serving.guarded_process import META, Session, open_session
from movies_assets.serving.sql_rules import RefusedError
from movies_assets.settings import PROJECT_ROOT, DashboardSettings
from movies_assets.warehouse.meta import CONTRACTS
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets_tests.dashboard.snapshots import HOSTILE, publish
from movies_assets_tests.serving.attacks import FORBIDDEN, GREEDY, OF_USERS, SECRET, publish_world

COOKBOOK = PROJECT_ROOT / "docs" / "reference" / "cookbook.md"
SERIES = "SELECT series_key, series_title FROM gold.imdb_dim_series ORDER BY series_key"


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return publish_world(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def session(path) -> Session:
    return open_session(str(path), "128MB", 1)


def reader(path: Path, **limits: Any) -> GuardedReader:
    return GuardedReader(Published(path.parent), DashboardSettings(**limits))


def ask(path: Path, sql: str, kind: Any = "json", **limits: Any) -> Answer:
    return asyncio.run(reader(path, **limits).query(sql, kind))


def rows(path: Path, sql: str, **limits: Any) -> Any:
    return json.loads(ask(path, sql, **limits).content)


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_text_that_means_harm_is_refused_before_it_runs(session, path, name):
    with pytest.raises(RefusedError) as refused:
        session.check(FORBIDDEN[name].replace("{path}", str(path)))
    assert len(str(refused.value)) < 400
    assert "snapshot_" not in str(refused.value).replace("snapshot_0", "")


# Ways to put a query into another one.
WITHIN = [
    "SELECT ({})",
    "SELECT 1 WHERE EXISTS ({})",
    "SELECT 1 WHERE 1 IN ({})",
    "SELECT count(*) FROM ({}) AS t",
    "FROM range(3) AS r, LATERAL ({}) AS t",
    "FROM range(3) AS r LEFT JOIN ({}) AS t ON true",
    "WITH a AS ({}) SELECT count(*) FROM a",
    "WITH a AS MATERIALIZED ({}), b AS (FROM a) SELECT count(*) FROM b",
    "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT ({}) FROM a) SELECT n FROM a",
    "SELECT 1 UNION ALL ({})",
    "SELECT 1 EXCEPT ({})",
    "SELECT [x FOR x IN [1] IF x IN ({})]",
    "SELECT list_transform([1], lambda x: ({}))",
    "SELECT CASE WHEN ({}) IS NULL THEN 1 ELSE 2 END",
    "SELECT sum(1) FILTER (1 = ({}))",
    "SELECT sum(({})) OVER ()",
    "SELECT 1 ORDER BY ({}) LIMIT ({})",
    "SELECT 1 AS x GROUP BY x HAVING ({}) > 0",
    "SELECT {{'a': ARRAY ({})}}",
    "SELECT CAST(({}) AS VARCHAR)",
    "SELECT coalesce(NULL, ({}))",
    "VALUES (({}))",
    "FROM (SUMMARIZE {})",
    "FROM (DESCRIBE {})",
    "FROM (SELECT 1 AS a, ({}) AS b) PIVOT (sum(b) FOR a IN (1))",
    "UNPIVOT (SELECT 1 AS a, ({}) AS b) ON a, b",
]
ONE = "SELECT count(*) FROM {}"


@given(ways=st.lists(st.sampled_from(WITHIN), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_table_of_users_is_found_at_any_depth(session, ways):
    for table, is_allowed in (("gold.imdb_dim_series", True), ("gold.ott_dim_user", False)):
        sql = ONE.format(table)
        for way in ways:
            sql = way.replace("{{", "{").replace("}}", "}").replace("{}", sql)
        if is_allowed:
            session.check(sql)
        else:
            with pytest.raises(RefusedError, match=r"no table “gold\.ott_dim_user”"):
                session.check(sql)


# What the session itself holds back, where the rules would have a hole.
ESCAPES = [
    *(f"FROM {name}" for name in OF_USERS),
    "FROM snapshot.gold.ott_dim_user",
    "FROM ott_dim_user",
    "FROM query_table('gold.ott_dim_user')",
    "FROM query('FROM gold.ott_dim_user')",
    "FROM read_duckdb('{path}', table_name := 'ott_dim_user')",
    "FROM '{path}'",
    "ATTACH '{path}' AS other",
    "FROM read_text('/etc/hostname')",
    "FROM read_csv('/etc/passwd')",
    "FROM glob('/etc/*')",
    "FROM '/etc/passwd.csv'",
    "COPY (SELECT 1) TO '/tmp/guarded.csv'",
    "EXPORT DATABASE '/tmp/guarded'",
    "SET enable_external_access = true",
    "RESET disabled_filesystems",
    "SET lock_configuration = false",
    "SET memory_limit = '100GB'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FROM path",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_the_session_holds_back_what_the_rules_would_let_pass(session, path, sql):
    with session.connection.cursor() as cursor, pytest.raises(duckdb.Error):
        cursor.execute(sql.replace("{path}", str(path))).fetchall()


def test_the_name_of_the_attached_snapshot_is_another_one_each_time(path):
    sql = "SELECT database_name FROM duckdb_databases() WHERE NOT internal ORDER BY ALL"
    names = {
        open_session(str(path), "128MB", 1).connection.execute(sql).fetchall()[1] for _ in range(3)
    }
    assert len(names) == 3


def test_the_tables_are_those_that_leave_for_other_systems_and_the_metadata(session):
    assert set(session.tables) == {*shared_tables(TABLES), *(f"meta.{name}" for name in CONTRACTS)}
    assert "gold.ott_dim_user" in OF_USERS


def test_a_table_with_keys_of_users_that_nobody_declared_is_left_out(tmp_path):
    made = publish(tmp_path, "a", {
        "meta.tables": [{"table_name": name, "is_published": True} for name in TABLES],
    })  # fmt: skip
    found = open_session(str(made), "128MB", 1).tables
    assert not {"gold.ott_dim_user", *OF_USERS} & set(found)
    assert "gold.imdb_dim_series" in found


def test_metadata_has_no_row_about_tables_of_single_users(path):
    for table in ("tables", "columns", "checks"):
        found = rows(path, f"SELECT DISTINCT table_name FROM meta.{table}")
        assert not {"gold.ott_dim_user", "silver.ott_users"} & {name for (name,) in found}
    assert rows(path, "SELECT count(*) FROM meta.tables WHERE table_name = 'gold.dim_title'") == [
        [1]
    ]
    assert SECRET not in str(rows(path, "FROM meta.checks"))


def test_descriptions_of_metadata_are_those_of_its_contracts():
    assert {f"meta.{name}": contract.grain() for name, contract in CONTRACTS.items()} == META


def queries_of_the_cookbook() -> list[str]:
    text = COOKBOOK.read_text(encoding="utf-8")
    return [part.partition("```")[0] for part in text.split("```sql\n")[1:]]


def test_every_query_of_the_cookbook_may_run(session):
    for sql in queries_of_the_cookbook():
        session.check(sql)
        session.connection.execute(sql).fetchall()


POSSIBLE = [
    (
        "SELECT a + 1, -a, a || 'x', a::VARCHAR LIKE 'x', a NOT IN (1, 2), [a], {'k': a}, "
        "CASE WHEN a > 1 THEN 1 END, a ^ 2, 7 // 2, 7 % 2 FROM (VALUES (1), (2)) AS t(a)"
    ),
    "SELECT [x + 1 FOR x IN l IF x > 1], list_transform(l, lambda x: x * 2) FROM (SELECT [1] AS l)",
    (
        "SELECT row_number() OVER w, lag(range IGNORE NULLS) OVER w FROM range(3) "
        "WINDOW w AS (ORDER BY range) QUALIFY row_number() OVER w < 3"
    ),
    "SELECT count(*) FILTER (range > 1), string_agg(DISTINCT range, ',') FROM range(3)",
    "FROM range(10) USING SAMPLE 3",
    "SELECT range % 2, count(*) FROM range(9) GROUP BY ALL HAVING count(*) > 1",
    "SELECT a FROM (SELECT 1 AS a) GROUP BY GROUPING SETS ((a), ())",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 4",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 9) FROM t",
    "WITH a AS MATERIALIZED (SELECT 1 AS x) FROM a JOIN a AS b USING (x)",
    "FROM (SELECT 1 AS a, 'x' AS b) PIVOT (sum(a) FOR b IN ('x', 'y'))",
    "UNPIVOT (SELECT 1 AS a, 2 AS b) ON a, b INTO NAME n VALUE v",
    "SELECT COLUMNS('series_.*') FROM gold.imdb_dim_series",
    (
        "SELECT * EXCLUDE (series_key) REPLACE (upper(series_title) AS series_title) "
        "FROM gold.imdb_dim_series"
    ),
    (
        "SELECT s.series_title.upper() FROM gold.imdb_dim_series AS s "
        "SEMI JOIN gold.imdb_dim_series USING (series_key)"
    ),
    "DESCRIBE gold.imdb_dim_series",
    "SUMMARIZE gold.imdb_dim_series",
    "FROM generate_series(1, 3)",
    "FROM unnest([1, 2])",
    "SELECT unnest([{'a': 1}], recursive := true)",
    "SELECT DATE '2025-01-01' + INTERVAL 1 MONTH, extract(year FROM now()), current_date",
    "SELECT TRY_CAST('x' AS INTEGER), 'a' COLLATE NOCASE, 1 BETWEEN 0 AND 2",
    "SELECT ARRAY (SELECT 1), 1 = ANY (SELECT 1), (SELECT 1)",
    "VALUES (1, 'a')",
    "select 1 -- a comment\n ; -- and another one",
    "SELECT DISTINCT ON (a) a FROM (SELECT 1 AS a) ORDER BY a DESC NULLS LAST",
    "SELECT 'x'::ENUM('x', 'y'), 1::DECIMAL(3, 1), '[1]'::JSON ->> '$[0]'",
]


@pytest.mark.parametrize("sql", POSSIBLE)
def test_all_of_a_select_is_possible(session, sql):
    session.check(sql)
    request = {"rows": 10, "bytes": 10_000, "defuses": True, "sql": sql}
    for kind in guarded_process.FORMATS:
        head, _ = guarded_process.answer(session, {**request, "kind": kind})
        assert head["rows"] > 0
        assert head["cut"] is None


def test_every_function_on_the_list_exists(session):
    found = session.connection.execute("SELECT function_name FROM duckdb_functions()").fetchall()
    assert sql_rules.FUNCTIONS - {name.lower() for (name,) in found} == {"->"}


def test_rows_come_as_json_with_columns_and_types(path):
    answer = ask(path, f"{SERIES} LIMIT 1")
    assert json.loads(answer.content) == [[10, "The Lamp"]]
    assert answer.columns == [
        {"name": "series_key", "type": "BIGINT"},
        {"name": "series_title", "type": "VARCHAR"},
    ]
    assert (answer.rows, answer.cut) == (1, None)
    assert answer.seconds > 0


@pytest.mark.parametrize(("sql", "value"), [
    ("1.5::DECIMAL(3, 1)", 1.5),
    ("'nan'::DOUBLE", None),
    ("'infinity'::FLOAT", None),
    ("9223372036854775807", 9223372036854775807),
    ("170141183460469231731687303715884105727", 170141183460469231731687303715884105727),
    ("NULL", None),
    ("true", True),
    ("DATE '2025-10-31'", "2025-10-31"),
    ("TIMESTAMPTZ '2025-10-31 12:00:00+02'", "2025-10-31 10:00:00+00"),
    ("[1, NULL]", [1, None]),
    ("NULL::INTEGER[]", None),
    ("{'a': [DATE '2025-10-31']}", {"a": ["2025-10-31"]}),
    ("MAP {'a': 1}", {"a": 1}),
    ("'\\xAA'::BLOB", "\\xAA"),
    ("INTERVAL 1 DAY", "1 day"),
    ("'é\u2028'", "é\u2028"),
    ("'[1]'::JSON", "[1]"),
])  # fmt: skip
def test_a_value_as_json(path, sql, value):
    assert rows(path, f"SELECT {sql}") == [[value]]


def test_columns_of_one_name_are_all_there(path):
    assert rows(path, "SELECT 1 AS a, 2 AS a") == [[1, 2]]
    assert ask(path, "SELECT 1 AS a, 2 AS a", "csv").content == b"a,a\r\n1,2\r\n"


def test_the_order_of_an_answer_is_that_of_the_query(path):
    sql = "SELECT range AS n FROM range(50_000) ORDER BY hash(range)"
    found = [n for (n,) in rows(path, sql)]
    with duckdb.connect() as connection:
        assert found == [n for (n,) in connection.execute(f"{sql} LIMIT 10_000").fetchall()]


def test_csv_has_a_line_of_names_and_is_defused(path):
    sql = "SELECT '=1+1' AS \"=name\", -1 AS n, 'a,b' AS t, NULL AS nothing"
    assert ask(path, sql, "csv").content == b"'=name,n,t,nothing\r\n'=1+1,-1,\"a,b\",\r\n"
    assert ask(path, sql, "csv", defuse_csv=False).content.startswith(b"=name,n")


def test_arrow_has_the_types_of_duckdb(path):
    content = ask(path, "SELECT 1::TINYINT AS a, [DATE '2025-10-31'] AS b", "arrow").content
    table = pa.ipc.open_stream(io.BytesIO(content)).read_all()
    assert table.schema.types == [pa.int8(), pa.list_(pa.date32())]
    assert table.num_rows == 1


@pytest.mark.parametrize("kind", guarded_process.FORMATS)
def test_an_answer_ends_at_the_limit_of_rows_and_says_so(path, kind):
    assert ask(path, "FROM range(3)", kind, sql_rows=3).cut is None
    cut = ask(path, "FROM range(1_000_000_000_000)", kind, sql_rows=3)
    assert (cut.rows, cut.cut) == (3, "rows")


@pytest.mark.parametrize("kind", guarded_process.FORMATS)
def test_an_answer_ends_at_the_limit_of_bytes_and_says_so(path, kind):
    sql = "SELECT repeat('x', 1_000) FROM range(10_000)"
    cut = ask(path, sql, kind, sql_bytes=900_000)
    assert cut.cut == "bytes"
    assert 200 < cut.rows < 1_000
    assert len(cut.content) < 900_000
    whole = ask(path, "SELECT repeat('x', 2_000)", kind, sql_bytes=1_000)
    assert (whole.rows, whole.cut) == (0, "bytes")


@pytest.mark.slow
@pytest.mark.parametrize("name", GREEDY)
def test_a_greedy_query_is_ended_and_the_next_one_is_answered(path, name):
    started = time.monotonic()
    with pytest.raises(QueryError, match=r"longer than 3 s|more memory than it may have"):
        ask(path, GREEDY[name], sql_seconds=3, sql_memory="64MB")
    assert time.monotonic() - started < 10
    assert rows(path, "SELECT 1") == [[1]]


def test_a_query_that_takes_too_long_is_ended_within_any_function(path):
    with pytest.raises(QueryError, match=r"longer than 0\.8 s.*SQL_SECONDS"):
        ask(path, GREEDY["one call that never ends"], sql_seconds=0.8)


def test_a_query_that_takes_too_much_memory_is_ended(path):
    with pytest.raises(QueryError, match="SQL_MEMORY=64MB"):
        ask(path, GREEDY["a long text"], sql_memory="64MB")


ENDLESS = GREEDY["a large product"]


def children() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children()
        if any("guarded_process" in part for part in process.cmdline())
    ]


async def process_of_a_query() -> psutil.Process:
    while not (found := children()):  # noqa: ASYNC110 (another process starts)
        await asyncio.sleep(0.01)
    return found[0]


def test_a_cancelled_query_ends_its_process_and_frees_its_place(path):
    async def cancel() -> Any:
        asked = reader(path, sql_queries=1)
        query = asyncio.create_task(asked.query(ENDLESS))
        await process_of_a_query()
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)
        assert children() == []
        return (await asked.query("SELECT 1")).content

    assert asyncio.run(cancel()) == b"[[1]]"


def test_one_query_too_many_is_refused_as_busy_at_once(path):
    async def crowd() -> None:
        asked = reader(path, sql_queries=1)
        query = asyncio.create_task(asked.query(ENDLESS))
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="1 queries are running, the maximum"):
            await asked.query("SELECT 1")
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)

    asyncio.run(crowd())


def test_a_process_that_is_killed_is_an_error_of_its_query(path):
    async def kill() -> None:
        query = asyncio.create_task(reader(path).query(ENDLESS))
        os.kill((await process_of_a_query()).pid, signal.SIGTERM)
        await query

    with pytest.raises(QueryError, match="ended without an answer"):
        asyncio.run(kill())


def test_a_process_knows_no_setting_of_the_project(path, monkeypatch):
    """It gets no secret by its environment, in which a query might find it."""
    monkeypatch.setenv("MOVIES_DASHBOARD__TOKEN", SECRET)
    seen: list[dict[str, str]] = []

    async def look() -> None:
        query = asyncio.create_task(reader(path).query(ENDLESS))
        seen.append((await process_of_a_query()).environ())
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)

    asyncio.run(look())
    assert SECRET not in str(seen)
    assert not any(name.startswith("MOVIES_") for name in seen[0])


def test_an_error_is_readable_and_names_the_place(path):
    with pytest.raises(QueryError) as failed:
        ask(path, "SELECT titel\nFROM gold.imdb_dim_series")
    assert str(failed.value).startswith('Referenced column "titel" not found in FROM clause!')
    assert "LINE 1: SELECT titel" in str(failed.value)
    with pytest.raises(RefusedError, match=r"syntax error at or near .gold. \(line 2\)"):
        ask(path, "SELECT 1\nFORM gold.imdb_dim_series")


@pytest.mark.parametrize(("sql", "hint"), [
    ("FROM imdb_dim_series", "Did you mean gold.imdb_dim_series?"),
    ("FROM gold.imdb_dim_serie", "Did you mean gold.imdb_dim_series?"),
    ("FROM gold.zzzzzzzzzz", "The tables are in meta.tables."),
])  # fmt: skip
def test_a_wrong_name_of_a_table_comes_with_a_hint(session, sql, hint):
    with pytest.raises(RefusedError) as refused:
        session.check(sql)
    assert str(refused.value).endswith(hint)


def test_an_error_names_nothing_of_the_session():
    text = 'Catalog Error: no x! Did you mean "snapshot_' + "0a" * 16 + '.gold.y"?'
    assert readable(text) == 'no x! Did you mean "gold.y"?'


def test_tables_are_listed_with_their_meaning_and_size(path):
    found = {row["name"]: row for row in asyncio.run(reader(path).tables())}
    assert set(found) == {*shared_tables(TABLES), *META}
    assert found["gold.imdb_dim_series"]["description"]
    assert found["gold.imdb_dim_series"]["columns"] == len(
        TABLES["gold.imdb_dim_series"].contract.types()
    )
    assert found["meta.snapshot"]["description"] == "One row: the snapshot itself."


def test_a_table_is_described_with_columns_and_some_rows(path):
    found = asyncio.run(reader(path).table("gold.imdb_dim_series"))
    names = [column["name"] for column in found["columns"]]
    assert names == [*TABLES["gold.imdb_dim_series"].contract.types()]
    assert all(column["type"] and column["description"] for column in found["columns"])
    assert found["sample"][0][names.index("series_title")] == "The Lamp"


@pytest.mark.parametrize("name", [
    "gold.ott_dim_user", "ott_dim_user", "", ".", "gold", "a.b.c", "gold.imdb_dim_series; SELECT 1",
    'gold."imdb_dim_series', "information_schema.tables", "/etc/passwd",
])  # fmt: skip
def test_no_other_table_is_described(path, name):
    with pytest.raises(RefusedError):
        asyncio.run(reader(path).table(name))


def test_titles_that_mean_harm_are_data(path):
    sql = "SELECT DISTINCT primary_title FROM gold.imdb_movie_facts WHERE movie_key = 3"
    assert rows(path, sql) == [[HOSTILE]]


def test_the_newest_snapshot_is_asked(tmp_path):
    publish(tmp_path, "a", {"meta.snapshot": [{"snapshot_id": "a"}]})
    asked = reader(tmp_path / "x")
    sql = "SELECT snapshot_id FROM meta.snapshot"
    assert asyncio.run(asked.query(sql)).content == b'[["a"]]'
    publish(tmp_path, "b", {"meta.snapshot": [{"snapshot_id": "b"}]})
    assert asyncio.run(asked.query(sql)).content == b'[["b"]]'


def test_a_snapshot_that_is_replaced_meanwhile_is_asked_again(tmp_path, monkeypatch):
    publish(tmp_path, "b", {"meta.snapshot": [{"snapshot_id": "b"}]})
    newest = Published(tmp_path).current()
    named = iter([tmp_path / "movies_a.duckdb", newest])
    monkeypatch.setattr(Published, "current", lambda _: next(named))
    assert rows(newest, "SELECT snapshot_id FROM meta.snapshot") == [["b"]]


def test_a_damaged_snapshot_is_an_error_without_its_path(tmp_path, caplog):
    made = publish(tmp_path, "a", {})
    made.write_bytes(b"x" * 100_000)
    with pytest.raises(QueryError) as failed:
        ask(made, "SELECT 1")
    assert str(failed.value) == "The newest snapshot cannot be opened. See the log."
    assert str(made) in caplog.text


WORDS = r"""
    SELECT FROM WITH AS RECURSIVE UNION ALL WHERE ( ) , ; * . ' " $$ -- /* */ :: [ ] { } : ? $1 =>
    -> @ gold ott_dim_user imdb_dim_series snapshot a x 1 'x' COPY ATTACH PRAGMA read_csv query
    JOIN LATERAL USING DESCRIBE PIVOT ON IN VALUES SET EXECUTE CALL EXPLAIN lambda FOR IF CASE WHEN
    END NULL é"""
TOKENS = [*WORDS.split(), "\n", "\0"]


@given(sql=st.text() | st.lists(st.sampled_from(TOKENS), max_size=30).map(" ".join))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_query_of_known_tables_or_refused(session, sql):
    try:
        session.check(sql)
    except RefusedError:
        return
    assert "ott_dim_user" not in duckdb_tables_of(sql)


def duckdb_tables_of(sql: str) -> set[str]:
    """Return the tables that DuckDB itself finds in a query; none where it cannot tell."""
    try:
        return {name.lower() for name in duckdb.get_table_names(sql)}
    except duckdb.Error:
        return set()


def test_nothing_published_is_a_clear_error(tmp_path):
    asked: Callable[..., Any] = reader(tmp_path / "none" / "x").query
    with pytest.raises(NothingPublishedError, match="make run"):
        asyncio.run(asked("SELECT 1"))


def test_a_query_loads_no_library_that_it_does_not_need(path):
    """A process a query is quick because it loads DuckDB, and not pandas."""
    seen: set[str] = set()

    async def look() -> None:
        query = asyncio.create_task(reader(path).query(ENDLESS))
        process = await process_of_a_query()
        await asyncio.sleep(1)
        seen.update(one.path for one in process.memory_maps())
        query.cancel()
        await asyncio.gather(query, return_exceptions=True)

    asyncio.run(look())
    assert any("duckdb" in one for one in seen)
    assert not any("pandas" in one or "pyarrow" in one for one in seen)
