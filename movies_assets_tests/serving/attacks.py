"""Texts that mean harm, for each door of the guarded reader, and a snapshot with secrets."""

from pathlib import Path
from typing import Any

from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import published_tables, shared_tables
from movies_assets.privacy.identifiers import USER_KEY
from movies_assets_tests.dashboard.snapshots import few, publish

# A value in a table of single users.
SECRET = "key-of-a-single-user"  # noqa: S105
OF_USERS = sorted(set(published_tables(TABLES)) - set(shared_tables(TABLES)))

# Texts that are refused before they run. {path} is the file of the snapshot.
FORBIDDEN = {
    # Tables of single users, by any name.
    "table of users": "FROM gold.ott_dim_user",
    "in capitals": "SELECT * FROM GOLD.OTT_DIM_USER",
    "quoted": 'SELECT * FROM "gold"."ott_dim_user"',
    "by database": "FROM snapshot.gold.ott_dim_user",
    "by guessed database": "FROM snapshot_0.gold.ott_dim_user",
    "by schema of the database": "FROM memory.main.ott_dim_user",
    "known table by database": "FROM memory.gold.imdb_dim_series",
    "unqualified": "FROM ott_dim_user",
    "in a subquery": "SELECT (SELECT count(*) FROM gold.ott_dim_user)",
    "in a condition": "SELECT 1 WHERE EXISTS (FROM gold.ott_dim_user)",
    "in a named subquery": "WITH a AS (FROM gold.ott_dim_user) FROM a",
    "in an unused subquery": "WITH a AS (FROM gold.ott_dim_user) SELECT 1",
    "in a recursive subquery":
        "WITH RECURSIVE a(x) AS (SELECT 1 UNION ALL SELECT 1 FROM gold.ott_dim_user) FROM a",
    "in a join": "FROM gold.imdb_dim_series, gold.ott_dim_user",
    "in a lateral join": "FROM gold.imdb_dim_series, LATERAL (FROM gold.ott_dim_user)",
    "in a union": "SELECT 1 UNION ALL SELECT count(*) FROM gold.ott_dim_user",
    "in a limit": "SELECT 1 LIMIT (SELECT count(*) FROM gold.ott_dim_user)",
    "in an order": "SELECT 1 ORDER BY (SELECT max(user_key) FROM gold.ott_dim_user)",
    "in a lambda": "SELECT [(SELECT max(user_key) FROM gold.ott_dim_user) FOR x IN [1]]",
    "in a pivot": "PIVOT gold.ott_dim_user ON user_key IN ('a') USING count(*)",
    "in an unpivot": "UNPIVOT gold.ott_dim_user ON user_key INTO NAME n VALUE v",
    "in a window": "SELECT sum((SELECT count(*) FROM gold.ott_dim_user)) OVER ()",
    "in a filter": "SELECT count(*) FILTER (1 IN (SELECT 1 FROM gold.ott_dim_user))",
    "in values": "VALUES ((SELECT max(user_key) FROM gold.ott_dim_user))",
    "in a function of tables": "FROM range((SELECT count(*) FROM gold.ott_dim_user))",
    "described": "DESCRIBE gold.ott_dim_user",
    "summarized": "SUMMARIZE gold.ott_dim_user",
    "as table": "TABLE gold.ott_dim_user",
    "behind a name out of scope":
        'SELECT (WITH "ott_dim_user" AS (SELECT 1) SELECT 1) FROM ott_dim_user, sqlite_master',
    "query_table": "FROM query_table('gold.ott_dim_user')",
    "query_table of a list": "FROM query_table(['gold.ott_dim_user'])",
    "query": "FROM query('FROM gold.ott_dim_user')",
    "json_execute_serialized_sql":
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM gold.ott_dim_user'))",
    "json_serialize_plan": "SELECT json_serialize_plan('FROM gold.ott_dim_user')",
    "the file again": "FROM read_duckdb('{path}', table_name := 'ott_dim_user')",
    "the file as a table": "FROM '{path}'",
    "the file as a named subquery":
        'SELECT * FROM "{path}", (WITH "{path}" AS (SELECT 1) SELECT 1)',
    "storage": "FROM pragma_storage_info('gold.ott_dim_user')",
    "summary": "FROM summary((FROM gold.ott_dim_user))",
    "seq_scan": "FROM seq_scan('gold.ott_dim_user')",
    # What the session is: names, paths, settings.
    "databases": "FROM duckdb_databases()",
    "databases as a view": "FROM duckdb_databases",
    "view of the catalog by a named subquery":
        "WITH duckdb_databases AS (SELECT 1) FROM duckdb_databases",
    "a view of the catalog out of scope":
        "SELECT (WITH pg_class AS (SELECT 1) SELECT 1), * FROM pg_class",
    "information_schema": "FROM information_schema.tables",
    "pg_catalog": "FROM pg_catalog.pg_class",
    "system": "FROM system.information_schema.tables",
    "sqlite_master": "FROM sqlite_master",
    "tables": "FROM duckdb_tables()",
    "views": "SELECT sql FROM duckdb_views()",
    "settings": "FROM duckdb_settings()",
    "secrets": "FROM duckdb_secrets()",
    "memory": "FROM duckdb_memory()",
    "logs": "FROM duckdb_logs()",
    "show": "SHOW TABLES",
    "show all": "SHOW ALL TABLES",
    "show in a query": "FROM (SHOW DATABASES)",
    "current_setting": "SELECT current_setting('secret_directory')",
    "current_database": "SELECT current_database()",
    "current_schemas": "SELECT current_schemas(true)",
    "current_query": "SELECT current_query()",
    "getvariable": "SELECT getvariable('x')",
    "getenv": "SELECT getenv('HOME')",
    "pragma": "PRAGMA database_list",
    "pragma function": "FROM pragma_database_size()",
    "explain": "EXPLAIN SELECT 1",
    "explain analyze": "EXPLAIN ANALYZE SELECT 1",
    # Files and networks.
    "read_csv": "FROM read_csv('/etc/passwd')",
    "read_text": "SELECT content FROM read_text('/etc/passwd')",
    "read_blob": "FROM read_blob('/etc/*')",
    "read_parquet": "FROM read_parquet('https://example.org/x.parquet')",
    "parquet_metadata": "FROM parquet_metadata('x.parquet')",
    "read_json": "FROM read_json_auto('/etc/passwd')",
    "sniff_csv": "FROM sniff_csv('/etc/passwd')",
    "glob": "FROM glob('/*')",
    "a file as a table": "FROM '/etc/passwd'",
    "a file as a table, quoted": 'SELECT * FROM "/etc/passwd.csv"',
    "a file as a named subquery":
        'SELECT * FROM "/etc/x.csv", (WITH "/etc/x.csv" AS (SELECT 1) SELECT 1)',
    "a file in a subquery": "SELECT (SELECT max(content) FROM read_text('/etc/hostname'))",
    "copy": "COPY (SELECT 1) TO '/tmp/x.csv'",
    "copy from": "COPY gold.imdb_dim_series FROM '/etc/passwd'",
    "export": "EXPORT DATABASE '/tmp/x'",
    "import": "IMPORT DATABASE '/tmp/x'",
    "attach": "ATTACH '{path}' AS other",
    "detach": "DETACH memory",
    "install": "INSTALL httpfs",
    "load": "LOAD httpfs",
    "a variable of Python": "FROM session",
    "memory by address": "FROM arrow_scan(1, 2, 3)",
    "pandas": "FROM pandas_scan(1)",
    "python": "FROM python_map_function(1, 2)",
    # Statements that change something, and several.
    "two statements": "SELECT 1; SELECT 2",
    "a second statement": "SELECT 1; DROP VIEW gold.imdb_dim_series",
    "a pivot that makes a type": "PIVOT gold.imdb_dim_series ON series_title",
    "insert": "INSERT INTO gold.imdb_dim_series SELECT 1",
    "insert in a subquery": "WITH a AS (INSERT INTO x VALUES (1) RETURNING 1) FROM a",
    "update": "UPDATE meta.snapshot SET version = ''",
    "delete": "DELETE FROM meta.snapshot",
    "create": "CREATE TABLE x AS SELECT 1",
    "create macro": "CREATE MACRO f() AS TABLE FROM gold.ott_dim_user",
    "create view": "CREATE VIEW x AS FROM gold.ott_dim_user",
    "select into": "SELECT 1 INTO x",
    "drop": "DROP VIEW gold.imdb_dim_series",
    "alter": "ALTER VIEW gold.imdb_dim_series RENAME TO x",
    "set": "SET memory_limit = '100GB'",
    "set variable": "SET VARIABLE x = 1",
    "reset": "RESET lock_configuration",
    "use": "USE memory",
    "call": "CALL duckdb_databases()",
    "call pragma": "CALL pragma_version()",
    "prepare": "PREPARE p AS SELECT 1",
    "execute": "EXECUTE p",
    "parameters": "SELECT $1",
    "begin": "BEGIN",
    "checkpoint": "CHECKPOINT",
    "vacuum": "VACUUM",
    "comment": "COMMENT ON VIEW gold.imdb_dim_series IS 'x'",
    "logging": "SELECT write_log('x')",
    "sequence": "SELECT nextval('x')",
    # Time and memory that the rules can foresee.
    "sleep": "SELECT sleep_ms(100000)",
    "pg_sleep": "SELECT pg_sleep(100)",
    "by method": "SELECT 'x'.getvariable()",
    "ten megabytes": "SELECT '" + "x" * 10_000_000 + "'",
    "nested parentheses": "SELECT " + "abs(" * 5_000 + "1" + ")" * 5_000,
    "nested subqueries": "SELECT " + "(SELECT " * 3_000 + "1" + ")" * 3_000,
    "a long sum": "SELECT " + "1+" * 20_000 + "1",
    # No query.
    "nothing": "",
    "a comment": "-- SELECT 1",
    "a semicolon": ";",
    "no SQL": "Which movies are best?",
    "a null character": "SELECT '\0'",
    "an open quote": "SELECT '",
    "an open comment": "SELECT 1 /* ",
    "a surrogate": "SELECT '\ud800'",
}  # fmt: skip

# Queries that are possible, and exceed a limit of time or memory.
GREEDY = {
    "a long text": "SELECT length(repeat('x', 2_000_000_000))",
    "many long texts": "SELECT max(repeat('x', 10_000_000 + range::INTEGER)) FROM range(100_000)",
    "a large product": "SELECT sum(a.range * b.range) FROM range(1_000_000) a, range(1_000_000) b",
    "one call that never ends": "SELECT levenshtein(repeat('a', 900_000), repeat('b', 900_000))",
    "a long list": "SELECT list_sum(range(1_000_000_000))",
    "endless recursion":
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT max(n) FROM t",
    "a large sort": "FROM range(1_000_000_000_000) ORDER BY hash(range) LIMIT 1",
    "a large list": "SELECT list(range) FROM range(1_000_000_000)",
    "a padded text": "SELECT rpad('x', 2_000_000_000, 'y')",
}  # fmt: skip


def world() -> dict[str, list[dict[str, Any]]]:
    """Return the small world with a secret in each table of single users, and their metadata."""
    of_users = {name: [{USER_KEY: SECRET}] for name in OF_USERS}
    return few() | of_users | {
        "meta.tables": [
            {
                "table_name": name,
                "description": TABLES[name].contract.grain(),
                "is_published": name in published_tables(TABLES),
                "rows": 0,
            }
            for name in TABLES
        ],
        "meta.columns": [
            {
                "table_name": name,
                "column_name": column,
                "description": table.contract.descriptions()[column],
                "is_personal": column in table.contract.personal(),
            }
            for name, table in TABLES.items()
            for column in table.contract.types()
        ],
        "meta.checks": [
            {"table_name": name, "check_name": "contract", "finding": SECRET} for name in OF_USERS
        ],
    }  # fmt: skip


def publish_world(folder: Path) -> Path:
    """Publish it, and return the file."""
    return publish(folder, "a", world())
