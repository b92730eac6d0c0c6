"""Query data quality: runs, checks, quarantine, freshness, and rows over time.

Those that take `$table` return rows of all tables for None; it is a name as `gold.fact_movies`.
"""

from movies_assets.core.verdicts import NOT_RUN, VERDICTS
from movies_assets.warehouse.published import HELD_BACK

RUNS = 25
MOST_DAYS = 400
# The verdicts of checks that found something, and all of them from bad to good.
FOUND = ("failed", "warned")
WORST_FIRST = (*FOUND, NOT_RUN, "passed")
OF_TABLE = "($table IS NULL OR table_name = $table)"


def counts_of_verdicts(condition: str = "true") -> str:
    """Return the SQL of a column per verdict, named like it: how many checks had it."""
    return ", ".join(
        f"(SELECT count(*) FROM meta.checks WHERE {condition} AND verdict = '{verdict}') "
        f"AS {verdict}"
        for verdict in VERDICTS
    )


# One row: the snapshot, and the sources that have rows of an earlier one.
SNAPSHOT = f"""
    WITH held_back AS ({HELD_BACK})
    SELECT snapshot_id, published_at, version, {counts_of_verdicts()},
        (SELECT coalesce(sum(rows), 0)::BIGINT FROM meta.tables WHERE is_published) AS rows,
        (SELECT string_agg(source, ', ' ORDER BY source) FROM held_back) AS held_back,
        (SELECT min(taken_at) FROM held_back) AS taken_at
    FROM meta.snapshot"""

# One row: the key figures. A running run has not failed.
FIGURES = f"""
    SELECT
        (SELECT count(*) FROM meta.checks WHERE {OF_TABLE}) AS checks,
        {counts_of_verdicts(OF_TABLE)},
        (SELECT coalesce(sum(rows), 0)::BIGINT FROM meta.quarantine WHERE {OF_TABLE}) AS refused,
        (SELECT count(DISTINCT table_name) FROM meta.quarantine WHERE {OF_TABLE}) AS refusing,
        (SELECT count(*) FROM meta.runs) AS runs,
        (SELECT count(*) FROM meta.runs WHERE status = 'failure') AS broken,
        (SELECT count(*) FROM meta.tables WHERE {OF_TABLE}) AS tables,
        (SELECT count(*) FROM meta.tables WHERE {OF_TABLE} AND rows IS NULL) AS unwritten,
        (SELECT published_at FROM meta.snapshot) AS published_at"""

# One row per run, the newest first. The run that published was still recorded as started when it
# wrote this, with all its work done: it is shown as finished, at the time of publishing.
LAST_RUNS = f"""
    SELECT runs.job, runs.partitions, runs.started_at,
        CASE WHEN runs.run_id = snapshot.run_id THEN 'success' ELSE runs.status END AS status,
        epoch(CASE WHEN runs.run_id = snapshot.run_id
            THEN coalesce(runs.ended_at, snapshot.published_at)
            ELSE runs.ended_at END - runs.started_at) AS seconds
    FROM meta.runs AS runs LEFT JOIN meta.snapshot AS snapshot ON true
    ORDER BY runs.started_at DESC NULLS FIRST, runs.run_id LIMIT {RUNS}"""

# One row per verdict.
BY_VERDICT = f"SELECT verdict, count(*) AS checks FROM meta.checks WHERE {OF_TABLE} GROUP BY ALL"

# One row per check: failed ones first, then those that warned, then those that never ran.
CHECKS = f"""
    SELECT table_name, check_name, description, is_blocking, verdict, finding, evaluated_at
    FROM meta.checks WHERE {OF_TABLE} AND ($verdict IS NULL OR verdict = $verdict)
    ORDER BY list_position({[*WORST_FIRST]}, verdict), table_name,
        check_name"""

# One row per table and set of rules that rows broke together, so that each row counts once.
QUARANTINE = f"""
    SELECT table_name, broken_rules, sum(rows)::BIGINT AS rows, count(*) AS partitions,
        max(newest_at) AS newest_at
    FROM meta.quarantine WHERE {OF_TABLE}
    GROUP BY ALL ORDER BY rows DESC, table_name, broken_rules"""

# One row per table, the least recently written first. Seconds count until publishing.
FRESHNESS = f"""
    SELECT tables.table_name, tables.rows, tables.newest_partition, tables.materialized_at,
        epoch(snapshot.published_at - tables.materialized_at) AS seconds
    FROM meta.tables AS tables LEFT JOIN meta.snapshot AS snapshot ON true WHERE {OF_TABLE}
    ORDER BY tables.materialized_at NULLS FIRST, tables.table_name"""

# The table with most profiled partitions, as the default.
MOST_PROFILED = """
    SELECT table_name FROM gold.data_quality_snapshot
    GROUP BY table_name ORDER BY count(DISTINCT partition) DESC, max(row_count) DESC, table_name
    LIMIT 1"""

# One row per day between the first and the last that were profiled, of the newest MOST_DAYS, with
# the smallest profiled partition of the day; all but the day are NULL where there is none. A
# profile has one row per column, with equal row counts. The counts of a range of days are totals,
# so that only rows per day are comparable; whole tables are never compared with days.
HISTORY = f"""
    WITH profiles AS (
        SELECT partition, first_day, last_day, is_whole_table, any_value(row_count) AS rows,
            (last_day - first_day + 1)::BIGINT AS days
        FROM gold.data_quality_snapshot WHERE table_name = $table
        GROUP BY ALL),
    newest AS (
        SELECT max(last_day) AS day, arg_max(is_whole_table, (last_day, -days)) AS is_whole_table
        FROM profiles),
    of_days AS (
        SELECT unnest(range(greatest(first_day, newest.day - {MOST_DAYS - 1}), last_day + 1,
            INTERVAL 1 DAY))::DATE AS day, profiles.*
        FROM profiles JOIN newest USING (is_whole_table)),
    every_day AS (
        SELECT unnest(range(min(day), max(day) + 1, INTERVAL 1 DAY))::DATE AS day FROM of_days)
    SELECT every_day.day, partition, rows, days, is_whole_table
    FROM every_day LEFT JOIN of_days ON of_days.day = every_day.day
    QUALIFY row_number() OVER (PARTITION BY every_day.day ORDER BY days, partition) = 1
    ORDER BY every_day.day"""

SHOWN_DAYS = 31
# One row per source and day, of the newest days that any source has rows of; `rows` is NULL of a
# day without any. Sources by year are left out.
DAYS = f"""
    WITH counted AS (
        SELECT source, try_cast(partition AS DATE) AS day, sum(days.rows)::BIGINT AS rows
        FROM meta.days AS days JOIN meta.tables USING (table_name)
        WHERE day IS NOT NULL GROUP BY ALL),
    calendar AS (
        SELECT unnest(generate_series(
            greatest(min(day), max(day) - {SHOWN_DAYS - 1}), max(day), INTERVAL 1 DAY))::DATE AS day
        FROM counted)
    SELECT source, day, rows FROM (SELECT DISTINCT source FROM counted) CROSS JOIN calendar
    LEFT JOIN counted USING (source, day) ORDER BY source, day"""
