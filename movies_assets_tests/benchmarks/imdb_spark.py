"""A reference for IMDb's dumps: the tables of imdb_reference.py by PySpark on two cores.

PySpark is no dependency of the project: give this file to the Python of an environment with it,
`python movies_assets_tests/benchmarks/imdb_spark.py --dumps DIR --output DIR`.
"""

import argparse
import re
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

COLUMNS = {
    "title.basics": (
        "tconst STRING, title_type STRING, primary_title STRING, original_title STRING, "
        "is_adult BIGINT, start_year BIGINT, end_year BIGINT, runtime_minutes BIGINT, genres STRING"
    ),
    "title.ratings": "tconst STRING, average_rating STRING, num_votes BIGINT",
    "title.episode": (
        "tconst STRING, parent_tconst STRING, season_number BIGINT, episode_number BIGINT"
    ),
    "title.crew": "tconst STRING, directors STRING, writers STRING",
    "title.principals": (
        "tconst STRING, ordering BIGINT, nconst STRING, category STRING, job STRING, "
        "characters STRING"
    ),
    "name.basics": (
        "nconst STRING, primary_name STRING, birth_year BIGINT, death_year BIGINT, "
        "primary_profession STRING, known_for_titles STRING"
    ),
    "title.akas": (
        "title_id STRING, ordering BIGINT, title STRING, region STRING, language STRING, "
        "types STRING, attributes STRING, is_original_title BIGINT"
    ),
}
"""What each dump holds, in order."""

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.memory": "8g",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}

# `-- == NAME` begins a table: that of a layer is stored, another is a view.
TABLES = """
-- == silver.imdb_ratings
SELECT tconst, run_date, CAST(average_rating AS DOUBLE) AS rating, num_votes AS votes
FROM imdb_title_ratings

-- == silver.imdb_titles
SELECT /*+ BROADCAST(newest) */
    tconst, title_type, primary_title, original_title, CAST(is_adult AS BOOLEAN) AS is_adult,
    start_year, end_year, start_year - start_year % 10 AS decade, runtime_minutes,
    split(genres, ',') AS genres, rating, votes, run_date
FROM (
    SELECT *, CAST(substr(tconst, 3) AS BIGINT) AS title_key FROM imdb_title_basics
    WHERE run_date = (SELECT max(run_date) FROM imdb_title_basics)
) AS basics
LEFT JOIN (
    SELECT CAST(substr(tconst, 3) AS BIGINT) AS title_key, rating, votes FROM imdb_ratings
    WHERE run_date = (SELECT max(run_date) FROM imdb_ratings)
) AS newest USING (title_key)

-- == silver.imdb_episodes
SELECT tconst, parent_tconst AS series_tconst, season_number, episode_number, run_date
FROM imdb_title_episode WHERE run_date = (SELECT max(run_date) FROM imdb_title_episode)

-- == silver.imdb_people
SELECT
    nconst, primary_name, birth_year, death_year,
    split(primary_profession, ',') AS primary_profession,
    split(known_for_titles, ',') AS known_for_titles, run_date
FROM imdb_name_basics WHERE run_date = (SELECT max(run_date) FROM imdb_name_basics)

-- == silver.imdb_credits
SELECT tconst, ordering, nconst, category, job, characters, run_date
FROM imdb_title_principals WHERE run_date = (SELECT max(run_date) FROM imdb_title_principals)

-- == silver.imdb_crew
SELECT tconst, split(directors, ',') AS directors, split(writers, ',') AS writers, run_date
FROM imdb_title_crew WHERE run_date = (SELECT max(run_date) FROM imdb_title_crew)

-- == silver.imdb_akas
SELECT
    title_id AS tconst, ordering, title, region, language,
    CAST(is_original_title AS BOOLEAN) AS is_original, run_date
FROM imdb_title_akas WHERE run_date = (SELECT max(run_date) FROM imdb_title_akas)

-- == titles
SELECT CAST(substr(tconst, 3) AS BIGINT) AS title_key, * FROM imdb_titles

-- == day
SELECT max(run_date) AS run_date FROM imdb_titles

-- == episodes
SELECT
    CAST(substr(tconst, 3) AS BIGINT) AS episode_key,
    CAST(substr(series_tconst, 3) AS BIGINT) AS series_key,
    coalesce(season_number, -1) AS season_number, episode_number
FROM imdb_episodes

-- == names
WITH credits AS (
    SELECT tconst, 'actor' AS role, ordering, nconst FROM imdb_credits
    WHERE category IN ('actor', 'actress') AND ordering <= 3
    UNION ALL
    SELECT tconst, 'director', place, person
    FROM imdb_crew LATERAL VIEW posexplode(directors) AS place, person
    UNION ALL
    SELECT tconst, 'writer', place, person
    FROM imdb_crew LATERAL VIEW posexplode(writers) AS place, person
),
collected AS (
    SELECT
        tconst, role,
        array_sort(collect_list(struct(ordering, primary_name, nconst))) AS people
    FROM credits
    LEFT SEMI JOIN (SELECT tconst FROM imdb_titles WHERE title_type = 'movie') USING (tconst)
    JOIN (SELECT nconst, primary_name FROM imdb_people) USING (nconst)
    GROUP BY tconst, role
),
joined AS (
    SELECT
        tconst, role, array_join(people.nconst, ', ') AS keys,
        nullif(array_join(people.primary_name, ', '), '') AS names
    FROM collected
)
SELECT
    CAST(substr(tconst, 3) AS BIGINT) AS title_key,
    max(names) FILTER (WHERE role = 'director') AS directors,
    max(names) FILTER (WHERE role = 'writer') AS writers,
    max(names) FILTER (WHERE role = 'actor') AS top_actors,
    max(keys) FILTER (WHERE role = 'actor') AS top_actor_keys
FROM joined GROUP BY tconst

-- == gold.imdb_movie_facts
WITH
    oscars AS (
        SELECT DISTINCT CAST(substr(tconst, 3) AS BIGINT) AS title_key, true AS won
        FROM imdb_akas
        WHERE lower(title) LIKE '%oscar%' OR lower(title) LIKE '%academy award%'
    ),
    akas AS (SELECT count(*) > 0 AS loaded FROM imdb_akas),
    facts AS (
        SELECT
            title_key AS movie_key, explode(coalesce(genres, array('Unknown'))) AS genre,
            primary_title, original_title, start_year, decade,
            coalesce(concat(decade, 's'), 'Unknown') AS decade_label, runtime_minutes,
            array_join(genres, ', ') AS genres, rating, votes
        FROM titles WHERE title_type = 'movie'
    )
SELECT
    facts.*, directors, writers, top_actors, top_actor_keys,
    CASE WHEN akas.loaded THEN coalesce(won, false) END AS is_oscar_winner,
    CASE
        WHEN votes >= 50000 THEN '50k+'
        WHEN votes >= 10000 THEN '10k\u201349k'
        WHEN votes >= 1000 THEN '1k\u20139k'
        WHEN votes IS NOT NULL THEN '<1k'
        ELSE 'unknown'
    END AS vote_bucket,
    CASE
        WHEN rating >= 8 THEN 'Excellent'
        WHEN rating >= 7 THEN 'Great'
        WHEN rating >= 6 THEN 'Good'
        WHEN rating IS NOT NULL THEN 'OK'
        ELSE 'Unknown'
    END AS rating_band,
    day.run_date
FROM facts
LEFT JOIN names ON names.title_key = movie_key
LEFT JOIN oscars ON oscars.title_key = movie_key
CROSS JOIN akas CROSS JOIN day

-- == seasons
SELECT
    series_key, season_number, count(*) AS episodes,
    min_by(episode_key, struct(episode_number, episode_key))
        FILTER (WHERE season_number <> -1 AND episode_number >= 1) AS premiere_key,
    max_by(episode_key, struct(episode_number, episode_key))
        FILTER (WHERE season_number <> -1 AND episode_number IS NOT NULL) AS finale_key
FROM episodes GROUP BY series_key, season_number

-- == gold.imdb_dim_series
WITH
    parents AS (
        SELECT
            series_key, sum(episodes) AS episodes,
            count_if(season_number <> -1) AS seasons
        FROM seasons GROUP BY series_key
    ),
    described AS (
        SELECT
            coalesce(title_key, series_key) AS series_key,
            coalesce(primary_title, 'Unknown series') AS series_title,
            start_year, decade, genres, coalesce(episodes, 0) AS episodes,
            coalesce(seasons, 0) AS seasons
        FROM titles FULL JOIN parents ON title_key = series_key
        WHERE title_type IN ('tvSeries', 'tvMiniSeries') OR series_key IS NOT NULL
    ),
    labelled AS (
        SELECT
            *, CASE WHEN start_year IS NULL THEN series_title
                ELSE concat(series_title, ' (', start_year, ')') END AS label
        FROM described
    )
SELECT
    series_key, series_title, start_year AS series_start_year, decade AS series_decade,
    CASE WHEN row_number() OVER (PARTITION BY label ORDER BY series_key) = 1 THEN label
        ELSE concat(label, ' [', series_key, ']') END AS series_label,
    array_join(genres, ', ') AS genres, episodes, seasons, day.run_date
FROM labelled CROSS JOIN day

-- == gold.imdb_episode_facts
SELECT /*+ BROADCAST(seasons), BROADCAST(imdb_dim_series), BROADCAST(day) */
    episode_key, series_key, series_title, series_start_year, series_decade, season_number,
    episode_number, primary_title AS episode_title, start_year AS episode_year, rating, votes,
    season_number = 1 AND coalesce(episode_number = 1, false) AS is_pilot,
    coalesce(episode_key = premiere_key, false) AS is_season_premiere,
    coalesce(episode_key = finale_key, false) AS is_finale,
    season_number = -1 AS is_special, day.run_date
FROM episodes
LEFT JOIN (SELECT title_key, primary_title, start_year, rating, votes FROM titles)
    ON title_key = episode_key
JOIN seasons USING (series_key, season_number)
JOIN imdb_dim_series USING (series_key)
CROSS JOIN day

-- == season_facts
SELECT
    series_key, season_number, first(series_title) AS series_title, count(*) AS episodes,
    sum(round(rating * 10)) / nullif(10 * count(rating), 0) AS avg_rating,  -- exact in any order
    count(rating) AS rated_episodes, sum(votes) AS votes,
    min(episode_year) AS first_year, max(episode_year) AS last_year
FROM imdb_episode_facts GROUP BY series_key, season_number

-- == gold.imdb_series_season_summary
SELECT
    series_key, season_number,
    CASE season_number WHEN -1 THEN 'Specials' ELSE concat('Season ', season_number) END
        AS season_label,
    episodes AS episodes_in_season, avg_rating AS avg_season_rating,
    first_year AS season_start_year, last_year AS season_end_year, day.run_date
FROM season_facts CROSS JOIN day

-- == gold.imdb_series_kpis
WITH
    series AS (
        SELECT
            series_key, max(season_number) AS last_season,
            max(avg_rating) FILTER (WHERE season_number <> -1) AS best_season_rating
        FROM season_facts GROUP BY series_key
    ),
    rated AS (
        SELECT *, nullif(season_number, -1) AS season FROM imdb_episode_facts
        WHERE rating IS NOT NULL
    ),
    chosen AS (
        SELECT
            series_key, sum(round(rating * 10)) / (10 * count(rating)) AS mean,
            sum(votes) AS popularity,
            max_by(rating, struct(votes, -episode_key)) FILTER (WHERE is_pilot) AS pilot,
            max(rating) FILTER (WHERE is_season_premiere AND season_number = 1) AS premiere,
            min_by(rating, struct(
                episode_year IS NULL, episode_year, season IS NULL, season,
                episode_number IS NULL, episode_number, episode_key)) AS earliest,
            max_by(struct(rating, is_finale), struct(
                episode_year, season, episode_number, episode_key)) AS latest,
            max(rating) FILTER (WHERE is_finale AND season_number = last_season) AS last_finale
        FROM rated JOIN series USING (series_key) GROUP BY series_key
    ),
    described AS (
        SELECT
            *, coalesce(pilot, premiere, earliest) AS pilot_rating,
            CASE WHEN latest.is_finale THEN latest.rating
                ELSE coalesce(last_finale, latest.rating) END AS finale_rating
        FROM chosen
    )
SELECT
    series_key, coalesce(mean, 0) AS avg_rating, coalesce(pilot_rating, 0) AS pilot_rating,
    coalesce(finale_rating, 0) AS finale_rating,
    coalesce(best_season_rating, 0) AS best_season_rating,
    coalesce(round(finale_rating - mean, 2), 0) AS finale_delta,
    coalesce(popularity, 0) AS popularity,
    coalesce(mean * log10(nullif(episodes, 0)), 0) AS binge_score, imdb_dim_series.run_date
FROM imdb_dim_series
LEFT JOIN described USING (series_key)
LEFT JOIN series USING (series_key)

-- == gold.imdb_top_movies_by_genre
SELECT * FROM (
    SELECT
        genre, decade_label,
        row_number() OVER (
            PARTITION BY genre, decade_label ORDER BY rating DESC, votes DESC, movie_key
        ) AS rank,
        movie_key, primary_title, start_year, decade, rating, votes, run_date
    FROM imdb_movie_facts WHERE votes >= 1000
) WHERE rank <= 25

-- == gold.imdb_season_trends
SELECT
    series_key, season_number, series_title, avg_rating, votes, episodes, rated_episodes,
    avg_rating - lag(avg_rating) OVER (PARTITION BY series_key ORDER BY season_number)
        AS rating_change,
    day.run_date
FROM season_facts CROSS JOIN day
WHERE season_number <> -1 AND rated_episodes > 0

-- == gold.imdb_trending_titles
WITH
    newest AS (
        SELECT * FROM imdb_ratings WHERE run_date = (SELECT max(run_date) FROM imdb_ratings)
    ),
    previous AS (
        SELECT * FROM imdb_ratings WHERE run_date = (
            SELECT max(run_date) FROM imdb_ratings
            WHERE run_date < (SELECT max(run_date) FROM imdb_ratings)
        )
    ),
    moved AS (
        SELECT
            tconst, newest.votes, newest.votes - previous.votes AS votes_gained, newest.rating,
            round(newest.rating - previous.rating, 2) AS rating_change,
            previous.run_date AS previous_run_date, newest.run_date
        FROM newest JOIN previous USING (tconst)
        WHERE newest.votes <> previous.votes OR newest.rating <> previous.rating
    )
SELECT * FROM (
    SELECT
        title_key, title_type, primary_title, start_year,
        row_number() OVER (
            PARTITION BY title_type ORDER BY votes_gained DESC, abs(rating_change) DESC, title_key
        ) AS rank,
        moved.votes, votes_gained, moved.rating, rating_change, previous_run_date, moved.run_date
    FROM moved JOIN titles USING (tconst)
) WHERE rank <= 100

-- == gold.imdb_rating_history
SELECT CAST(substr(tconst, 3) AS BIGINT) AS title_key, run_date, rating, votes FROM imdb_ratings
WHERE votes >= 1000 AND rating IS NOT NULL
"""

CACHED = ("names", "seasons", "season_facts")
"""Views that are small, and read more than once or costly."""


def main() -> None:
    """Load IMDb's dumps into Parquet files by PySpark, and say what each table costs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--dumps", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--files", default="title.basics,title.ratings,title.episode")
    arguments = parser.parse_args()
    if arguments.output.exists():
        parser.error(f"{arguments.output} exists already")
    started = time.perf_counter()
    spark = _timed("session", _session)
    try:
        _load(spark, arguments.dumps, arguments.output, arguments.files.split(","))
        size = sum(path.stat().st_size for path in arguments.output.rglob("*.parquet"))
        print(  # noqa: T201
            f"{time.perf_counter() - started:.2f} s in all, "
            f"peak {_peak_megabytes(spark):.0f} MB, Parquet {size / 2**20:.0f} MB"
        )
    finally:
        spark.stop()


def _session() -> Any:
    from pyspark.sql import SparkSession  # noqa: PLC0415 (not in the project's environment)

    builder = SparkSession.builder
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _load(spark: Any, dumps: Path, output: Path, files: Sequence[str]) -> None:
    def store(name: str, frame: Any) -> None:
        layer, table = name.split(".")
        path = str(output / layer / table)
        frame.write.parquet(path)
        spark.read.schema(frame.schema).parquet(path).createOrReplaceTempView(table)

    def bronze(file: str) -> None:
        paths = [str(p) for p in sorted(dumps.rglob(f"{file}.tsv.gz"))] if file in files else []
        name = f"bronze.imdb_{file.replace('.', '_')}"
        _timed(name, lambda: store(name, _read(spark, paths, COLUMNS[file])))

    # A gzip file is read by one core, so two files at once.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bronze, COLUMNS))
    _, *parts = re.split(r"^-- == ([\w.]+)$", TABLES, flags=re.MULTILINE)
    stored = []
    for name, query in zip(parts[::2], parts[1::2], strict=True):
        frame = spark.sql(query)
        if "." in name:
            _timed(name, lambda name=name, frame=frame: store(name, frame))
            stored.append(name)
        else:
            (frame.cache() if name in CACHED else frame).createOrReplaceTempView(name)
    _timed("gold.data_quality_snapshot", lambda: _snapshot(spark, stored, output))


def _read(spark: Any, paths: Sequence[str], columns: str) -> Any:
    if not paths:
        frame = spark.createDataFrame([], columns)
    else:
        frame = spark.read.csv(
            list(paths),
            schema=columns,
            sep="\t",
            header=True,
            quote="",
            escape="",
            nullValue="\\N",
            emptyValue="",
            mode="DROPMALFORMED",
        )
    return frame.selectExpr(
        "*",
        "CAST(NULL AS STRING) AS problem",
        "CAST(NULL AS STRING) AS line",
        "CAST(regexp_extract(input_file_name(), 'run_date=([0-9-]+)', 1) AS DATE) AS run_date",
        "current_timestamp() AS _ingested_at",
        "input_file_name() AS _source",
        "'reference' AS _run_id",
    )


def _snapshot(spark: Any, tables: Sequence[str], output: Path) -> None:
    rows = []
    for table in tables:
        frame = spark.table(table.split(".")[1])
        aggregates = ["count(*)", "max(run_date)"]
        for column in frame.columns:
            aggregates += [
                f"count(*) - count({column})",
                f"CAST(min({column}) AS STRING)",
                f"CAST(max({column}) AS STRING)",
                f"approx_count_distinct({column})",
            ]
        count, run_date, *values = frame.selectExpr(*aggregates).first()
        rows += [
            (table, run_date, column, count, *values[4 * place : 4 * place + 4])
            for place, column in enumerate(frame.columns)
        ]
    columns = (
        "table_name STRING, run_date DATE, column_name STRING, row_count BIGINT, "
        "null_count BIGINT, min_value STRING, max_value STRING, approx_distinct BIGINT"
    )
    path = str(output / "gold" / "data_quality_snapshot")
    spark.createDataFrame(rows, columns).coalesce(1).write.parquet(path)


def _timed(name: str, work: Callable[[], Any]) -> Any:
    started = time.perf_counter()
    result = work()
    print(f"{time.perf_counter() - started:7.2f} s {name}", flush=True)  # noqa: T201
    return result


def _peak_megabytes(spark: Any) -> float:
    """Ask Linux for the most that Python and the Java process held."""
    java = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
    status = Path(f"/proc/{java}/status").read_text(encoding="utf-8")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert peak is not None
    return (int(peak[1]) + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


if __name__ == "__main__":
    main()
