"""Query the metadata of tables: dictionary, lineage, and downloadable tables."""

# Tables with personal columns are never offered as files.
IS_SHARED = """is_published AND rows IS NOT NULL AND NOT EXISTS (
    FROM meta.columns AS columns WHERE columns.table_name = tables.table_name AND is_personal)"""

# One row per table with `$words` in its name or description, or in those of its columns.
TABLES = f"""
    WITH columns AS (
        SELECT table_name, count(*) AS columns, bool_or(is_personal) AS is_personal,
            string_agg(column_name || ' ' || description, ' ') AS texts
        FROM meta.columns GROUP BY table_name)
    SELECT tables.table_name, layer, source, description, rows, columns.columns,
        coalesce(columns.is_personal, false) AS is_personal, is_published, {IS_SHARED} AS is_shared
    FROM meta.tables AS tables LEFT JOIN columns USING (table_name)
    WHERE $words IS NULL OR contains(
        lower(concat_ws(' ', tables.table_name, description, columns.texts)), lower($words))
    ORDER BY list_position(['gold', 'silver', 'bronze'], layer), tables.table_name"""

# One row: the table `$table`.
TABLE = f"""
    SELECT table_name, layer, source, description, rows, is_published, {IS_SHARED} AS is_shared
    FROM meta.tables AS tables WHERE table_name = $table"""

# One row per column of a table.
COLUMNS = """
    SELECT column_name, type, description, is_key, is_required, is_personal, references_table
    FROM meta.columns WHERE table_name = $table ORDER BY position"""

# One row per source that has tables, the largest first.
SOURCES = """
    SELECT source, count(*) AS tables FROM meta.tables
    GROUP BY source ORDER BY tables DESC, source"""

# One row per edge of a table of a source. Edges to the profiles lead from every table, so they are
# returned for the source of the profiles only.
LINEAGE = """
    SELECT lineage.table_name, upstream
    FROM meta.lineage AS lineage JOIN meta.tables AS below USING (table_name)
    LEFT JOIN meta.tables AS above ON above.table_name = upstream
    WHERE below.source = $source OR (above.source = $source AND below.source <> 'quality')
    ORDER BY lineage.table_name, upstream"""

# One row: the table `$table`, if it is downloadable.
SHARED = f"""
    SELECT table_name, rows FROM meta.tables AS tables WHERE table_name = $table AND {IS_SHARED}"""

SAMPLE_ROWS = 10
# The first rows of a table that may be shown; it has no parameters, as a name cannot be one.
SAMPLE = f"FROM {{table}} LIMIT {SAMPLE_ROWS}"
# One row per column of a table, of the newest partition that was profiled.
PROFILE = """
    SELECT column_name, row_count, null_count, approximate_distinct, minimum, maximum
    FROM gold.data_quality_snapshot JOIN meta.columns USING (table_name, column_name)
    WHERE table_name = $table
    QUALIFY rank() OVER (ORDER BY last_day DESC, profiled_at DESC, partition) = 1
    ORDER BY position"""
# One row per column of a table and column that it is computed from.
ORIGINS = """
    SELECT column_name, upstream, upstream_column FROM meta.column_lineage
    WHERE table_name = $table ORDER BY ALL"""
# One row per step of the way to the column `$column` of a table.
ABOVE = """
    WITH RECURSIVE above AS (
        SELECT * FROM meta.column_lineage WHERE table_name = $table AND column_name = $column
        UNION
        SELECT more.* FROM meta.column_lineage AS more JOIN above
        ON more.table_name = above.upstream AND more.column_name = above.upstream_column)
    SELECT * FROM above ORDER BY ALL"""
