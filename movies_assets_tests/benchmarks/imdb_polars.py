"""The tables of IMDb's series dumps as Parquet, by Polars' lazy, streaming engine.

`PYTHON -m movies_assets_tests.benchmarks.imdb_polars --dumps DIR --output DIR`, for a Python that
has Polars; nothing else is needed. The tables are those of `imdb_reference.sql` for the dumps
`title.basics`, `title.ratings` and `title.episode`.
"""

import argparse
import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

TEXT, NUMBER, FRACTION = pl.String, pl.Int64, pl.Float64
COLUMNS = {
    "title.basics": {
        "tconst": TEXT, "title_type": TEXT, "primary_title": TEXT, "original_title": TEXT,
        "is_adult": NUMBER, "start_year": NUMBER, "end_year": NUMBER, "runtime_minutes": NUMBER,
        "genres": TEXT,
    },
    "title.ratings": {"tconst": TEXT, "average_rating": TEXT, "num_votes": NUMBER},
    "title.episode": {
        "tconst": TEXT, "parent_tconst": TEXT, "season_number": NUMBER, "episode_number": NUMBER,
    },
}  # fmt: skip
KEYS = 1_000_000_000
PLACE = ["episode_year", "season", "episode_number", "episode_key"]
PEOPLE = ("directors", "writers", "top_actors", "top_actor_keys")

c = pl.col


def main() -> None:
    """Load IMDb's dumps into Parquet files by Polars, and say what each table costs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--dumps", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.output.exists():
        parser.error(f"{arguments.output} exists already")
    started = time.perf_counter()
    _load(arguments.dumps, Tables(arguments.output))
    size = sum(path.stat().st_size for path in arguments.output.rglob("*.parquet"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(  # noqa: T201
        f"{time.perf_counter() - started:.2f} s in all, {time.process_time():.2f} s CPU, "
        f"peak {peak:.0f} MB, Parquet {size / 2**20:.0f} MB"
    )


class Tables:
    """Tables as Parquet files.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Store rows as a table; return a scan of it."""
        path = self._folder / f"{name.replace('.', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        started, used = time.perf_counter(), time.process_time()
        rows.sink_parquet(path, engine="streaming")
        seconds, cpu = time.perf_counter() - started, time.process_time() - used
        print(f"{seconds:7.2f} s, {cpu:7.2f} s CPU: {name}", flush=True)  # noqa: T201
        return pl.scan_parquet(path)


def _load(dumps: Path, tables: Tables) -> None:
    bronze = {
        file: tables.store(f"bronze.imdb_{file.replace('.', '_')}", _read(dumps, file))
        for file in COLUMNS
    }
    ratings = tables.store("silver.imdb_ratings", _ratings(bronze["title.ratings"]))
    titles = tables.store("silver.imdb_titles", _titles(bronze["title.basics"], ratings))
    episodes = tables.store("silver.imdb_episodes", _episodes(bronze["title.episode"]))
    stored = {
        "silver.imdb_ratings": ratings,
        "silver.imdb_titles": titles,
        "silver.imdb_episodes": episodes,
    }

    def gold(name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
        stored[f"gold.imdb_{name}"] = tables.store(f"gold.imdb_{name}", rows)
        return stored[f"gold.imdb_{name}"]

    day = titles.select(c("run_date").max()).collect().item()
    titles = titles.with_columns(title_key=_key("tconst"))
    keyed = episodes.select(
        "episode_number",
        episode_key=_key("tconst"),
        series_key=_key("series_tconst"),
        season_number=c("season_number").fill_null(-1),
    )
    facts = gold("movie_facts", _movie_facts(titles, day))
    seasons = tables.store("temporary.seasons", _seasons(keyed))
    series = gold("dim_series", _dim_series(titles, seasons, day))
    episode_facts = gold("episode_facts", _episode_facts(keyed, titles, seasons, series, day))
    season_facts = tables.store("temporary.season_facts", _season_facts(episode_facts))
    gold("series_season_summary", _summary(season_facts, day))
    gold("series_kpis", _kpis(series, episode_facts, season_facts, day))
    gold("top_movies_by_genre", _top_movies(facts))
    gold("season_trends", _trends(season_facts, day))
    gold("trending_titles", _trending(ratings, titles))
    known = ratings.filter((c("votes") >= 1000) & c("rating").is_not_null())
    gold(
        "rating_history",
        known.select(_key("tconst").alias("title_key"), "run_date", "rating", "votes"),
    )
    tables.store("gold.data_quality_snapshot", _snapshot(stored))


def _key(name: str) -> pl.Expr:
    return c(name).str.slice(2).cast(NUMBER)


def _read(dumps: Path, file: str) -> pl.LazyFrame:
    (path,) = dumps.rglob(f"{file}.tsv.gz")
    rows = pl.scan_csv(
        path,
        separator="\t",
        quote_char=None,
        null_values="\\N",
        schema=COLUMNS[file],
        has_header=False,
        skip_lines=1,
    )
    return rows.with_columns(
        problem=pl.lit(None, TEXT),
        line=pl.lit(None, TEXT),
        run_date=pl.lit(date.fromisoformat(path.parent.name.removeprefix("run_date="))),
        _ingested_at=pl.lit(datetime.now(UTC)),
        _source=pl.lit(str(path)),
        _run_id=pl.lit("reference"),
    )


def _ratings(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(
        "tconst", "run_date", rating=c("average_rating").cast(FRACTION), votes=c("num_votes")
    )


def _titles(rows: pl.LazyFrame, ratings: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(
        "tconst", "title_type", "primary_title", "original_title",
        is_adult=c("is_adult").cast(pl.Boolean), start_year=c("start_year"),
        end_year=c("end_year"), decade=c("start_year") - c("start_year") % 10,
        runtime_minutes=c("runtime_minutes"), genres=c("genres").str.split(","),
        run_date=c("run_date"),
    ).join(ratings.select("tconst", "rating", "votes"), on="tconst", how="left")  # fmt: skip


def _episodes(rows: pl.LazyFrame) -> pl.LazyFrame:
    return rows.select(
        "tconst", "season_number", "episode_number", "run_date", series_tconst=c("parent_tconst")
    )


def _movie_facts(titles: pl.LazyFrame, day: date) -> pl.LazyFrame:
    votes, rating = c("votes"), c("rating")
    return (
        titles.filter(c("title_type") == "movie")
        .select(
            c("title_key").alias("movie_key"), c("genres").fill_null(["Unknown"]).alias("genre"),
            "primary_title", "original_title", "start_year", "decade",
            (c("decade").cast(TEXT) + "s").fill_null("Unknown").alias("decade_label"),
            "runtime_minutes", c("genres").list.join(", "), "rating", "votes",
            *(pl.lit(None, TEXT).alias(name) for name in PEOPLE),
            pl.lit(None, pl.Boolean).alias("is_oscar_winner"),
            pl.when(votes >= 50_000).then(pl.lit("50k+"))
            .when(votes >= 10_000).then(pl.lit("10k\u201349k"))
            .when(votes >= 1_000).then(pl.lit("1k\u20139k"))
            .when(votes.is_not_null()).then(pl.lit("<1k"))
            .otherwise(pl.lit("unknown")).alias("vote_bucket"),
            pl.when(rating >= 8).then(pl.lit("Excellent"))
            .when(rating >= 7).then(pl.lit("Great"))
            .when(rating >= 6).then(pl.lit("Good"))
            .when(rating.is_not_null()).then(pl.lit("OK"))
            .otherwise(pl.lit("Unknown")).alias("rating_band"),
            pl.lit(day).alias("run_date"),
        )
        .explode("genre")
    )  # fmt: skip


def _seasons(episodes: pl.LazyFrame) -> pl.LazyFrame:
    place = pl.when(c("season_number") != -1).then(c("episode_number") * KEYS + c("episode_key"))
    return episodes.group_by("series_key", "season_number").agg(
        episodes=pl.len().cast(NUMBER),
        premiere_key=place.filter(c("episode_number") >= 1).min() % KEYS,
        finale_key=place.max() % KEYS,
    )


def _dim_series(titles: pl.LazyFrame, seasons: pl.LazyFrame, day: date) -> pl.LazyFrame:
    parents = seasons.group_by("series_key").agg(
        c("episodes").sum(), seasons=(c("season_number") != -1).sum().cast(NUMBER)
    )
    of_type = titles.filter(c("title_type").is_in(["tvSeries", "tvMiniSeries"]))
    members = pl.concat([parents.select("series_key"), of_type.select(series_key="title_key")])
    described = (
        members.unique()
        .join(titles, left_on="series_key", right_on="title_key", how="left")
        .join(parents, on="series_key", how="left")
        .with_columns(series_title=c("primary_title").fill_null("Unknown series"))
        .with_columns(
            label=c("series_title") + (" (" + c("start_year").cast(TEXT) + ")").fill_null("")
        )
    )
    return described.select(
        "series_key", "series_title", c("start_year").alias("series_start_year"),
        c("decade").alias("series_decade"),
        pl.when(c("series_key") == c("series_key").min().over("label")).then(c("label"))
        .otherwise(c("label") + " [" + c("series_key").cast(TEXT) + "]").alias("series_label"),
        c("genres").list.join(", "), c("episodes").fill_null(0), c("seasons").fill_null(0),
        pl.lit(day).alias("run_date"),
    )  # fmt: skip


def _episode_facts(
    episodes: pl.LazyFrame,
    titles: pl.LazyFrame,
    seasons: pl.LazyFrame,
    series: pl.LazyFrame,
    day: date,
) -> pl.LazyFrame:
    known = titles.select("title_key", "primary_title", "start_year", "rating", "votes")
    season, number, key = c("season_number"), c("episode_number"), c("episode_key")
    return (
        episodes.join(known, left_on="episode_key", right_on="title_key", how="left")
        .join(seasons.drop("episodes"), on=["series_key", "season_number"])
        .join(
            series.select("series_key", "series_title", "series_start_year", "series_decade"),
            on="series_key",
        )
        .select(
            "episode_key", "series_key", "series_title", "series_start_year", "series_decade",
            "season_number", "episode_number", c("primary_title").alias("episode_title"),
            c("start_year").alias("episode_year"), "rating", "votes",
            ((season == 1) & (number == 1).fill_null(value=False)).alias("is_pilot"),
            (key == c("premiere_key")).fill_null(value=False).alias("is_season_premiere"),
            (key == c("finale_key")).fill_null(value=False).alias("is_finale"),
            (season == -1).alias("is_special"), pl.lit(day).alias("run_date"),
        )
    )  # fmt: skip


def _mean() -> pl.Expr:
    """Return the mean rating, summed in tenths so that it is exact in any order."""
    count = c("rating").count()
    return pl.when(count > 0).then((c("rating") * 10).round().cast(NUMBER).sum() / (count * 10))


def _season_facts(facts: pl.LazyFrame) -> pl.LazyFrame:
    return facts.group_by("series_key", "season_number", "series_title").agg(
        episodes=pl.len().cast(NUMBER),
        avg_rating=_mean(),
        rated_episodes=c("rating").count().cast(NUMBER),
        votes=pl.when(c("votes").count() > 0).then(c("votes").sum()),
        first_year=c("episode_year").min(),
        last_year=c("episode_year").max(),
    )


def _summary(facts: pl.LazyFrame, day: date) -> pl.LazyFrame:
    season = c("season_number")
    return facts.select(
        "series_key", "season_number",
        pl.when(season == -1).then(pl.lit("Specials"))
        .otherwise("Season " + season.cast(TEXT)).alias("season_label"),
        c("episodes").alias("episodes_in_season"), c("avg_rating").alias("avg_season_rating"),
        c("first_year").alias("season_start_year"), c("last_year").alias("season_end_year"),
        pl.lit(day).alias("run_date"),
    )  # fmt: skip


def _kpis(
    dim_series: pl.LazyFrame, facts: pl.LazyFrame, season_facts: pl.LazyFrame, day: date
) -> pl.LazyFrame:
    numbered = c("season_number") != -1
    series = season_facts.group_by("series_key").agg(
        last_season=c("season_number").max(),
        best_season=c("avg_rating").filter(numbered).max(),
        rated_seasons=c("avg_rating").filter(numbered).count().cast(NUMBER),
    )
    season, number = c("season_number").cast(TEXT), c("episode_number").cast(TEXT)
    rated = (
        facts.filter(c("rating").is_not_null())
        .with_columns(
            season=pl.when(numbered).then(c("season_number")),
            place=pl.when(numbered)
            .then("S" + season + ("E" + number).fill_null(""))
            .otherwise(pl.lit("special")),
        )
        .join(series.select("series_key", "last_season"), on="series_key")
    )

    def first(name: str, rows: pl.LazyFrame, basis: pl.Expr) -> pl.LazyFrame:
        chosen = rows.unique("series_key", keep="first", maintain_order=True)
        return chosen.select(
            "series_key", c("rating").alias(name), (basis + c("place")).alias(f"{name}_basis"),
            c("is_finale").alias(f"{name}_is_finale"),
        )  # fmt: skip

    latest = pl.when(c("is_finale")).then(pl.lit("finale ")).otherwise(pl.lit("latest rated "))
    last_finale = rated.filter(c("is_finale"), c("season_number") == c("last_season"))
    premiere = rated.filter(c("is_season_premiere"), c("season_number") == 1)
    pilots = rated.filter("is_pilot").sort("votes", "episode_key", descending=[True, False])
    parts = [
        first("pilot", pilots, pl.lit("pilot ")),
        first("premiere", premiere, pl.lit("premiere ")),
        first("earliest", rated.sort(PLACE, nulls_last=True), pl.lit("earliest rated ")),
        first("latest", rated.sort(PLACE, descending=True, nulls_last=True), latest),
        first("last_finale", last_finale, pl.lit("finale of the last season ")),
    ]
    rows = dim_series.join(
        rated.group_by("series_key").agg(
            average=_mean(), popularity=c("votes").sum(), rated=pl.len().cast(NUMBER)
        ),
        on="series_key",
        how="left",
    ).join(series, on="series_key", how="left")
    for part in parts:
        rows = rows.join(part, on="series_key", how="left")
    is_latest = c("latest_is_finale") | c("last_finale").is_null()
    shown = pl.coalesce("pilot", "premiere", "earliest")
    finale = pl.when(is_latest).then(c("latest")).otherwise(c("last_finale"))
    basis = pl.when(is_latest).then(c("latest_basis")).otherwise(c("last_finale_basis"))
    bases = ("pilot_basis", "premiere_basis", "earliest_basis")
    episodes = c("episodes")
    plural = pl.when(episodes == 1).then(pl.lit(" episode")).otherwise(pl.lit(" episodes"))
    return rows.select(
        "series_key",
        c("rated").fill_null(0).alias("rated_episodes"),
        c("average").fill_null(0).alias("avg_rating"),
        shown.fill_null(0).alias("pilot_rating"),
        pl.coalesce(*bases).fill_null("none").alias("pilot_basis"),
        finale.fill_null(0).alias("finale_rating"),
        basis.fill_null("none").alias("finale_basis"),
        c("best_season").fill_null(0).alias("best_season_rating"),
        _counted("rated_seasons", "rated season").alias("best_season_basis"),
        (finale - c("average"))
        .round(2, mode="half_away_from_zero")
        .fill_null(0)
        .alias("finale_delta"),
        _counted("rated", "rated episode").alias("finale_delta_basis"),
        c("popularity").fill_null(0),
        (c("average") * pl.when(episodes > 0).then(episodes.log(10)))
        .fill_null(0)
        .alias("binge_score"),
        (c("rated").cast(TEXT) + " rated of " + episodes.cast(TEXT) + plural)
        .fill_null("none")
        .alias("binge_basis"),
        pl.lit(day).alias("run_date"),
    )


def _counted(name: str, noun: str) -> pl.Expr:
    return (
        pl.when(c(name) == 0)
        .then(pl.lit("none"))
        .when(c(name) == 1)
        .then(pl.lit(f"1 {noun}"))
        .otherwise(c(name).cast(TEXT) + f" {noun}s")
        .fill_null("none")
    )


def _ranked(rows: pl.LazyFrame, by: list[str], most: int) -> pl.LazyFrame:
    rank = pl.int_range(1, pl.len() + 1, dtype=NUMBER).over(by)
    return rows.with_columns(rank=rank).filter(c("rank") <= most)


def _top_movies(facts: pl.LazyFrame) -> pl.LazyFrame:
    known = facts.filter(c("votes") >= 1_000)
    ordered = known.sort("rating", "votes", "movie_key", descending=[True, True, False])
    return _ranked(ordered, ["genre", "decade_label"], 25).select(
        "genre", "decade_label", "rank", "movie_key", "primary_title", "start_year", "decade",
        "rating", "votes", "run_date",
    )  # fmt: skip


def _trends(facts: pl.LazyFrame, day: date) -> pl.LazyFrame:
    rated = facts.filter(c("season_number") != -1, c("rated_episodes") > 0)
    average = c("avg_rating")
    return rated.sort("series_key", "season_number").select(
        "series_key", "season_number", "series_title", "avg_rating", "votes", "episodes",
        "rated_episodes", (average - average.shift(1).over("series_key")).alias("rating_change"),
        pl.lit(day).alias("run_date"),
    )  # fmt: skip


def _trending(ratings: pl.LazyFrame, titles: pl.LazyFrame) -> pl.LazyFrame:
    """Return the titles that moved since the run date before: none, as there is one run date."""
    first = c("run_date").min() == c("run_date").max()
    moved = ratings.filter(~first).join(titles, on="tconst")
    return moved.select(
        "title_key", "title_type", "primary_title", "start_year",
        pl.lit(None, NUMBER).alias("rank"), "votes", pl.lit(None, NUMBER).alias("votes_gained"),
        "rating", pl.lit(None, FRACTION).alias("rating_change"),
        pl.lit(None, pl.Date).alias("previous_run_date"), "run_date",
    )  # fmt: skip


def _snapshot(stored: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    return pl.concat([_profile(name, rows) for name, rows in stored.items()]).lazy()


def _profile(table: str, rows: pl.LazyFrame) -> pl.DataFrame:
    schema = rows.collect_schema()
    is_list = {name: isinstance(kind, pl.List) for name, kind in schema.items()}
    figures: list[tuple[str, Callable[[pl.Expr], pl.Expr]]] = [
        ("null_count", pl.Expr.null_count),
        ("minimum", pl.Expr.min),
        ("maximum", pl.Expr.max),
        ("approximate_distinct", pl.Expr.approx_n_unique),
    ]
    found = rows.select(
        pl.len().alias("rows"),
        *(
            figure(c(name)).alias(f"{name}/{what}")
            for name in schema
            for what, figure in figures
            if what == "null_count" or not is_list[name]
        ),
    ).collect(engine="streaming")
    values = found.row(0, named=True)
    return pl.DataFrame(
        {
            "table_name": table,
            "column_name": name,
            "row_count": values["rows"],
            **{
                what: None if (value := values.get(f"{name}/{what}")) is None else str(value)
                for what, _ in figures
            },
        }
        for name in schema
    ).cast({"minimum": TEXT, "maximum": TEXT, "approximate_distinct": TEXT})


if __name__ == "__main__":
    main()
