"""Generate fictional IMDb dumps in the format of the real ones, of any size and for any day.

A title is a pure function of the seed and its place on a timeline that grows by the day, and so is
every row about it: each file is written by one SELECT, and the dump of a day is independent of
earlier days. All randomness is integer arithmetic, so a dump is the same on every machine.
Rows about works that other sources have too are appended: they belong in `sample_works`.

Texts belong in `sample.words`, HTTP in `sample_server`.
"""

import gzip
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from hashlib import shake_128
from pathlib import Path
from string import Formatter
from struct import unpack
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import duckdb

from movies_assets.sample import words
from movies_assets.sample.files import whole_file
from movies_assets.sample.titles import NOUN_FORMS
from movies_assets.sources.imdb.sample_works import rows_of
from movies_assets.sources.imdb.settings import FILES

BASE_DAY = date(2025, 10, 1)
"""The dumps grow and change from this day on; all earlier dumps are equal to its dump."""
FULL_TITLES = 12_300_000
FULL_NAMES = 15_100_000
"""Titles and names of the dumps at scale 1 on the base day."""

_NEW_PER_10000 = 4
"""New titles per day and 10,000 titles."""
_MEMORY_LIMIT = "2GB"
_PIPE_CHUNK = 1 << 20


class WrittenDump(NamedTuple):
    """A dump that has been written.

    Attributes:
        file: One of `FILES`.
        rows: Its number of rows, without the header.
        size: Its compressed size in bytes.
        seconds: The seconds it took.
    """

    file: str
    rows: int
    size: int
    seconds: float


def generate(
    folder: Path,
    *,
    run_date: date,
    scale: float,
    seed: int = 1,
    files: Sequence[str] = FILES,
) -> None:
    """Write dumps as `<folder>/<file>.tsv.gz`, each under a temporary name until it is complete.

    Their content depends on the arguments only. Their modification time is the start of
    the run date (UTC), so that a server derives the same headers from them everywhere.

    Args:
        folder: The folder to write to; it is created if missing.
        run_date: The day of the dumps' state.
        scale: The size relative to the real dumps.
        seed: The seed of all titles.
        files: The files to write, of `FILES`.

    Raises:
        ValueError: A file is not one of `FILES`, or the scale is too small for any title.
    """
    for _ in generate_each(folder, run_date=run_date, scale=scale, seed=seed, files=files):
        pass


def generate_each(
    folder: Path,
    *,
    run_date: date,
    scale: float,
    seed: int = 1,
    files: Sequence[str] = FILES,
) -> Iterator[WrittenDump]:
    """Yield each dump as soon as it is written; otherwise like `generate`."""
    if unknown := ", ".join(sorted(set(files) - set(FILES))):
        raise ValueError(f"no such dumps: {unknown}; there are {', '.join(FILES)}")
    if round(FULL_TITLES * scale) < 1:
        raise ValueError(f"a scale of {scale} leaves no title")
    folder.mkdir(parents=True, exist_ok=True)
    with _world(folder, run_date=run_date, scale=scale, seed=seed) as connection:
        made: set[str] = set()
        for file in files:
            begin = perf_counter()
            tables, select = _FILES[file]
            if tables not in made:
                connection.execute(tables)
                made.add(tables)
            path = folder / f"{file}.tsv.gz"
            works = rows_of(file, day=_days(run_date), seed=seed)
            connection.register("works", works)
            both = f"({select}) UNION ALL (FROM works)"
            rows = _write(connection, both, path, run_date)
            yield WrittenDump(file, rows, path.stat().st_size, perf_counter() - begin)


def _days(run_date: date) -> int:
    """Return the number of days in which the dumps have grown and changed."""
    return max((run_date - BASE_DAY).days, 0)


def _write(connection: duckdb.DuckDBPyConnection, select: str, path: Path, run_date: date) -> int:
    with whole_file(path, run_date) as incomplete, incomplete.open("wb") as file:
        return _copy_compressed(connection, select, file.fileno())


def _copy_compressed(connection: duckdb.DuckDBPyConnection, select: str, descriptor: int) -> int:
    """Write with DuckDB into a pipe, as compressing in parallel takes a third of the time.

    Returns:
        The number of rows.
    """
    source, sink = os.pipe()
    with ThreadPoolExecutor(1) as pool:
        compressing = pool.submit(_compress, source, descriptor)
        try:
            [(rows,)] = connection.execute(
                f"COPY ({select}) TO '/dev/fd/{sink}' (FORMAT csv, DELIMITER '\t', QUOTE '', "
                "ESCAPE '', NULLSTR '\\N', HEADER true, USE_TMP_FILE false)"
            ).fetchall()
        finally:
            os.close(sink)
        compressing.result()
    return int(rows)


def _compress(source: int, descriptor: int) -> None:
    # No name and no time in the header, so that equal dumps are equal files.
    with (
        open(source, "rb", buffering=0) as plain,
        open(descriptor, "wb", closefd=False) as raw,
        gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as compressed,
    ):
        while chunk := plain.read(_PIPE_CHUNK):
            compressed.write(chunk)


@contextmanager
def _world(
    folder: Path, *, run_date: date, scale: float, seed: int
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that holds the vocabulary and the constants of a day's dumps."""
    titles, names = round(FULL_TITLES * scale), max(round(FULL_NAMES * scale), 1)
    days = _days(run_date)
    constants = {
        "seed": int.from_bytes(shake_128(b"imdb/%d" % seed).digest(4), "big"),
        "days": days,
        "base_titles": titles,
        "titles": titles + titles * _NEW_PER_10000 * days // 10_000,
        "base_names": names,
        "names": names + names * _NEW_PER_10000 * days // 10_000,
    }
    with TemporaryDirectory(prefix=".imdb-", dir=folder) as spill:
        connection = duckdb.connect(config={"memory_limit": _MEMORY_LIMIT, "temp_directory": spill})
        try:
            for name, entries in _VOCABULARY.items():
                connection.execute(f"SET VARIABLE {name} = ?", [list(entries)])
            for name, value in constants.items():
                connection.execute(f"CREATE MACRO {name}() AS {value}::BIGINT")
            connection.execute(_MACROS)
            connection.execute("SET enable_progress_bar = false")
            yield connection
        finally:
            connection.close()


def _english_title() -> str:
    """Translate the patterns of English titles into one SQL expression."""
    cases = []
    for number, pattern in enumerate(words.TITLE_PATTERNS):
        parts = []
        for literal, field, _, _ in Formatter().parse(pattern):
            parts += ["'" + literal.replace("'", "''") + "'"] if literal else []
            parts += [field] if field else []
        cases.append(f"WHEN {number} THEN {' || '.join(parts)}")
    return f"CASE pattern {' '.join(cases)} END"


def _weighted(weights: Mapping[str, int]) -> list[str]:
    return [entry for entry, weight in weights.items() for _ in range(weight)]


def _lists(entries: Sequence[str], counts: Sequence[int], always: str = "") -> list[str]:
    """Combine a few entries to lists in IMDb's format: comma-joined, in alphabetical order."""
    lists = []
    for number in range(1024):
        drawn = unpack("<4H", shake_128(b"lists/%d" % number).digest(8))
        picked = dict.fromkeys(entries[entry % len(entries)] for entry in drawn[1:])
        chosen = list({always: None} | picked if always else picked)
        lists.append(",".join(sorted(chosen[: counts[drawn[0] % len(counts)]])))
    return lists


def _native_titles() -> list[str]:
    return [
        f"{first}{conjunction}{second[0].lower()}{second[1:]}"
        for conjunction, nouns in words.NATIVE_TITLES.values()
        for first in nouns
        for second in nouns
        if first != second
    ]


_GENRES = _weighted(words.GENRE_WEIGHTS | words.TV_GENRE_WEIGHTS)
_GENRE_COUNTS = (1, 1, 1, 2, 2, 3, 3, 3)
_VOCABULARY: dict[str, Sequence[str]] = {
    "adjectives": words.ADJECTIVES,
    "nouns": [singular for singular, _, _ in NOUN_FORMS],
    "a_nouns": [with_article for _, with_article, _ in NOUN_FORMS],
    "plurals": [plural for _, _, plural in NOUN_FORMS],
    "places": words.PLACES,
    "first_names": words.NAMES,
    "surnames": words.SURNAMES,
    "epithets": words.EPITHETS,
    "emoji": words.EMOJI,
    "months": words.MONTHS,
    "native_titles": _native_titles(),
    "odd_titles": words.ODD_TITLES,
    "single_types": _weighted(words.SINGLE_TYPE_WEIGHTS),
    "genre_lists": _lists(_GENRES, _GENRE_COUNTS),
    "short_genre_lists": _lists(_GENRES, _GENRE_COUNTS, "Short"),
    "profession_lists": _lists(_weighted(words.PROFESSION_WEIGHTS), (1, 1, 2, 3)),
    "crafts": words.CRAFTS,
    "producer_jobs": words.PRODUCER_JOBS,
    "writer_jobs": words.WRITER_JOBS,
    "regions": [region for region, _, _ in words.REGIONS],
    "languages": [language for _, language, _ in words.REGIONS],
    "episode_words": [episode for _, _, episode in words.REGIONS],
    "alternative_types": _weighted(words.ALTERNATIVE_TYPE_WEIGHTS),
    "alternative_attributes": words.ALTERNATIVE_ATTRIBUTES,
    "prize_editions": words.PRIZE_EDITIONS,
}
"""The lists of the SQL below, by name."""

# `mix` turns a row's number into a pseudo-random one of 32 bits, `draw` turns that into one of 31
# bits for each purpose. DuckDB's hash() may change with its version, and md5 takes 50 times as
# long. `mix` repeats its argument, so that should be a column; // rounds towards zero.
_MACROS = f"""
CREATE MACRO low(x) AS x & 4294967295;
CREATE MACRO shifted(x) AS xor(x, x >> 16);
CREATE MACRO mix(x) AS shifted(low(shifted(low(shifted(low(x)) * 73244475)) * 73244475));
CREATE MACRO of_title(i) AS mix(i + seed());
CREATE MACRO of_series(g) AS mix(g + seed() + 1234567891);
CREATE MACRO of_person(p) AS mix(p + seed() + 2345678901);
CREATE MACRO draw(mixed, what) AS
    (mixed * (md5_number_lower(what) % 2147483629)::BIGINT % 2147483647) * 1103515245 % 2147483629;
CREATE MACRO part(drawn, below) AS drawn * below >> 31;
CREATE MACRO rarely_big(drawn, usual, most) AS
    usual * 2147483648 // (drawn + 1 + usual * 2147483648 // most);
CREATE MACRO nth(list, x) AS list[1 + x % len(list)];
CREATE MACRO word(list, x) AS nth(getvariable(list), x);

-- Ids are spread over the range of the real ones; the last of each stride is never given away.
CREATE MACRO stride() AS greatest(36000000 // base_titles(), 3);
CREATE MACRO title_number(i) AS 1 + i * stride() + i * 7919 % (stride() - 1);
-- Numbers from 9990000 to 9999999 are left out, so that as texts all ids are below those of works.
CREATE MACRO id_of(number) AS
    printf('%07d', number + CASE WHEN number < 9990000 THEN 0 ELSE 10000 END);
CREATE MACRO tconst(number) AS 'tt' || id_of(number);
CREATE MACRO name_stride() AS greatest(17000000 // base_names(), 1);
CREATE MACRO nconst(p) AS 'nm' || id_of(1 + p * name_stride() + p * 7919 % name_stride());

-- The day of a title's first dump; the base day is 0. Few people are in many titles.
CREATE MACRO born(i) AS greatest(
    ((i + 1 - base_titles()) * 10000 + base_titles() * {_NEW_PER_10000} - 1)
    // (base_titles() * {_NEW_PER_10000}), 0);
CREATE MACRO is_hit(title_type, own) AS title_type = 'movie' AND draw(own, 'hit') % 64 = 0;
CREATE MACRO is_winner(title_type, own) AS title_type = 'movie' AND draw(own, 'hit') % 192 = 0;
-- Neither of two twins is featured.
CREATE MACRO twin_of(g) AS CASE WHEN g % 29 = 7 AND g % 23 NOT IN (5, 6) THEN g - 1 ELSE g END;
CREATE MACRO year_of(days) AS year(DATE '{BASE_DAY}' + days::INTEGER);
CREATE MACRO person(drawn, i) AS
    part(drawn * drawn >> 31, base_names() * greatest(i, base_titles()) // base_titles());
"""

# Title number i belongs to series number g, and is number k there: first the series itself, then
# its episodes, then a few unrelated titles. Draws are made from `own`, the title's number, from
# `shared`, that of its series, or from `twins`, that of the previous series for some that share
# title and year with it. Every 23rd series is featured: all its episodes are numbered and rated.
_TITLES = """
CREATE TEMP TABLE series AS
SELECT
    g, featured, is_mini, episodes, series_start,
    greatest(
        usual_season, (episodes + latest - series_start) // (1 + latest - series_start)
    ) AS season_size,
    2 + episodes + draw(shared, 'others') % 11 AS size,
    sum(2 + episodes + draw(shared, 'others') % 11) OVER (ORDER BY g)::BIGINT AS until
FROM (
    SELECT
        *,
        CASE
            WHEN featured THEN (2 + draw(shared, 'seasons') % 4) * usual_season
            WHEN g % 8 = 0 THEN 0
            WHEN is_mini THEN 1 + draw(shared, 'episodes') % 8
            ELSE least(round(11.7 / (sqrt(evenly) * sqrt(sqrt(evenly))))::BIGINT - 10, 4000)
        END AS episodes,
        latest - CASE WHEN featured THEN 5 ELSE 0 END
            - part(part(draw(twins, 'start'), draw(twins, 'start')), 75) AS series_start
    FROM (
        SELECT
            *,
            NOT featured AND draw(shared, 'mini') % 16 < 3 AS is_mini,
            CASE WHEN featured THEN nth([6, 8, 8, 10, 10, 12], draw(shared, 'season'))
                ELSE nth([6, 8, 10, 12, 13, 20, 22, 24, 26], draw(shared, 'season'))
            END AS usual_season,
            of_series(twin) AS twins
        FROM (
            SELECT
                g,
                twin_of(g) AS twin,
                g % 23 = 5 AS featured,
                (low(g * 2654435769 + seed()) + 1) / 4294967296 AS evenly,
                of_series(g) AS shared,
                year_of(born(g * 33)) AS latest
            FROM range(titles() // 16 + 500) AS t(g))));

CREATE TEMP TABLE titles AS
SELECT
    tconst(title_number(i)) AS tconst,
    CASE
        WHEN k = 0 THEN CASE WHEN is_mini THEN 'tvMiniSeries' ELSE 'tvSeries' END
        WHEN k <= episodes THEN 'tvEpisode'
        WHEN g % 150 = 7 AND k = episodes + 1 THEN 'tvPilot'
        ELSE word('single_types', draw(own, 'type'))
    END AS title_type,
    i::INTEGER AS i, g::INTEGER AS g, k::INTEGER AS k, episodes::INTEGER AS episodes,
    series_start::INTEGER AS series_start, season_size::INTEGER AS season_size,
    featured AND k <= episodes AS featured
FROM (
    SELECT *, of_title(i) AS own
    FROM (
        SELECT *, until - size + k AS i
        FROM (SELECT *, unnest(range(size)) AS k FROM series WHERE until - size < titles())))
WHERE i < titles() AND NOT (
    -- Vanished by now.
    i % 4 = 1 AND k > 0 AND NOT (featured AND k <= episodes)
    AND born(i) + 1 + draw(own, 'life') % 600 <= days())
ORDER BY tconst;

CREATE TEMP VIEW title AS
SELECT *, of_series(twin) AS twins
FROM (
    SELECT
        * REPLACE (i::BIGINT AS i, g::BIGINT AS g, k::BIGINT AS k),
        of_title(i::BIGINT) AS own,
        of_series(g::BIGINT) AS shared,
        twin_of(g::BIGINT) AS twin,
        title_type = 'tvEpisode' AS is_episode,
        title_type IN ('movie', 'tvMovie', 'video') AS is_long,
        title_type IN ('short', 'tvShort') AS is_short,
        (k - 1) // season_size + 1 AS season,
        (k - 1) % season_size + 1 AS in_season
    FROM titles);
"""

# A title is corrected every 107 days, first its name, then its runtime, then its genres.
_NAMED = f"""
SELECT
    *,
    CASE WHEN NOT is_episode AND draw(own, 'foreign') % 14 = 0
        THEN word('native_titles', draw(own, 'native')) ELSE primary_title
    END AS original_title
FROM (
    SELECT
        *,
        CASE draw(own, 'oddity') % 512
            WHEN 0 THEN
                left(title, instr(title, ' ')) || '"' || substr(title, instr(title, ' ') + 1)
            WHEN 1 THEN '"' || title
            WHEN 2 THEN title || '"'
            WHEN 3 THEN '#' || title
            WHEN 4 THEN word('odd_titles', draw(own, 'odd title'))
            WHEN 5 THEN title || ' ' || word('emoji', draw(own, 'emoji'))
            ELSE title
        END AS primary_title
    FROM (
        SELECT
            *,
            CASE
                WHEN untitled AND name_version % 2 = 0
                    THEN 'Episode #' || season || '.' || in_season
                WHEN is_episode AND name_version % 2 = 0 AND draw(own, 'untitled') % 20 = 7
                    THEN 'Episode dated ' || (1 + draw(own, 'date') % 28) || ' '
                        || word('months', draw(own, 'month')) || ' ' || (series_start + season - 1)
                WHEN draw(text, 'script') % 16 = 0
                    THEN word('native_titles', draw(text, 'native') + name_version)
                ELSE upper(left(english, 1)) || substr(english, 2)
            END AS title
        FROM (
            SELECT
                *,
                {_english_title()} AS english,
                is_episode AND draw(own, 'untitled') % 20 < 7 AS untitled
            FROM (
                SELECT
                    *,
                    draw(text, 'pattern') % {len(words.TITLE_PATTERNS)} AS pattern,
                    word('adjectives', draw(text, 'adjective')) AS adjective,
                    word('nouns', draw(text, 'noun') + name_version) AS noun,
                    word('a_nouns', draw(text, 'noun') + name_version) AS a_noun,
                    word('nouns', draw(text, 'second')) AS second,
                    word('plurals', draw(text, 'second')) AS nouns,
                    word('places', draw(text, 'place')) AS place,
                    word('first_names', draw(text, 'name')) AS name
                FROM (
                    SELECT
                        *,
                        CASE WHEN k = 0 THEN twins ELSE own END AS text,
                        (version + 2) // 3 AS name_version,
                        (version + 1) // 3 AS runtime_version,
                        version // 3 AS genres_version
                    FROM (
                        SELECT *, (days() + draw(own, 'version') % 107) // 107 AS version
                        FROM title))))))
"""

_BASICS = f"""
SELECT
    tconst,
    title_type AS "titleType",
    primary_title AS "primaryTitle",
    original_title AS "originalTitle",
    is_adult::INTEGER AS "isAdult",
    CASE
        WHEN k = 0 AND episodes = 0 AND draw(own, 'no year') % 8 = 0 THEN NULL
        WHEN k = 0 THEN series_start
        WHEN is_episode THEN series_start + season - 1
        WHEN draw(own, 'no year') % 12 = 0 THEN NULL
        WHEN draw(own, 'future') % 128 < 3 THEN latest + 1 + draw(own, 'future') % 128 // 2
        ELSE latest - part(
            part(part(draw(own, 'year'), draw(own, 'year')), draw(own, 'year')), latest - 1889)
    END AS "startYear",
    CASE
        WHEN k = 0 AND draw(own, 'ongoing') % 3 > 0 AND last_year < latest THEN last_year
    END AS "endYear",
    CASE
        WHEN runtime_version = 0 AND draw(own, 'runtime known') % 100
            >= CASE WHEN is_long OR is_short THEN 64 ELSE 28 END THEN NULL
        WHEN is_long THEN 45 + draw(own, 'runtime') % 50 + draw(own, 'more') % 40
            + runtime_version * 7 % 50
        WHEN is_short THEN 1 + (draw(own, 'runtime') + runtime_version * 7) % 40
        ELSE nth([11, 22, 24, 30, 42, 44, 50, 60], draw(shared, 'runtime')) + runtime_version % 20
    END AS "runtimeMinutes",
    CASE
        WHEN is_adult THEN 'Adult'
        WHEN genres_version = 0 AND draw(own, 'genres known') % 24 = 0 THEN NULL
        WHEN is_short THEN word('short_genre_lists', draw(own, 'genres') + genres_version)
        WHEN k = 0 OR is_episode AND genres_version % 2 = 0
            THEN word('genre_lists', draw(twins, 'genres') + genres_version)
        ELSE word('genre_lists', draw(own, 'genres') + genres_version)
    END AS genres
FROM (
    SELECT
        *,
        year_of(born(i)) AS latest,
        series_start + greatest(episodes - 1, 0) // season_size AS last_year,
        NOT is_episode AND k > 0 AND draw(own, 'adult') % 9 = 0 AS is_adult
    FROM ({_NAMED}))
"""

# Groups of eight episodes of a series gain or lose their numbers every 41 days.
_EPISODES = """
SELECT
    tconst,
    -- Some parents are in no other dump.
    tconst(CASE WHEN g % 373 = 3 AND k = 1 THEN (i - k + 1) * stride()
        ELSE title_number(i - k) END) AS "parentTconst",
    CASE WHEN numbered THEN season + CASE WHEN g % 37 = 4 THEN series_start - 1 ELSE 0 END
    END AS "seasonNumber",
    CASE WHEN numbered THEN in_season - CASE WHEN g % 19 = 6 THEN 1 ELSE 0 END
    END AS "episodeNumber"
FROM (
    SELECT
        *,
        featured OR low(lot + (days() + lot % 41) // 41 * 1654435769) * 10000
            >= 2185 * 4294967296 AS numbered
    FROM (SELECT *, low(shared + k // 8 * 2654435769) AS lot FROM title WHERE is_episode))
"""

# The finale of a featured series may be the worst or the best of its episodes.
_RATINGS = """
SELECT
    tconst,
    printf('%d.%d', tenths // 10, tenths % 10) AS "averageRating",
    least(votes + votes * steps // 400 + steps + votes * surges // 4, 3000000) AS "numVotes"
FROM (
    SELECT
        *,
        least(greatest(CASE
            WHEN NOT featured THEN 69 + spread * CASE WHEN draw(own, 'extreme') % 32 = 0
                THEN 2 ELSE 1 END + nth([0, 0, 1, 0, -1], draw(own, 'drift') + steps)
            WHEN k = 0 THEN quality
            ELSE quality + spread // 6 + CASE g // 23 % 6
                WHEN 0 THEN CASE
                    WHEN k = episodes THEN -26 - draw(shared, 'finale') % 15
                    WHEN k > episodes - season_size THEN -7 ELSE 0 END
                WHEN 3 THEN CASE
                    WHEN k = episodes THEN 11
                    WHEN k > episodes - season_size THEN 4 ELSE 0 END
                ELSE CASE WHEN k = 1 THEN 2 ELSE 0 END END
            END, 10), 100) AS tenths,
        CASE
            WHEN featured AND k = 0 THEN 12 * fans
            WHEN featured THEN 5 + fans * (120 + draw(own, 'votes') % 80) // 100
                * CASE k WHEN 1 THEN 3 WHEN episodes THEN 4 ELSE 2 END // 4
            WHEN is_hit(title_type, own)
                THEN rarely_big(draw(own, 'votes'), 70000, 2400000)
            ELSE 5 + rarely_big(
                draw(own, 'votes'), CASE WHEN is_long THEN 60 WHEN is_episode THEN 8 ELSE 20 END,
                1000000)
        END AS votes
    FROM (
        SELECT
            *,
            -- Steps are small and for all, surges are large and for a few.
            CASE WHEN draw(own, 'followed') % 16 = 0 THEN days()
                ELSE (days() + draw(own, 'step') % 40) // 40
            END AS steps,
            CASE WHEN draw(own, 'trendy') % 16 = 0 THEN
                (days() + draw(own, 'surge') % 87) // 90 * 3
                + least((days() + draw(own, 'surge') % 87) % 90, 3)
            ELSE 0 END AS surges,
            62 + draw(shared, 'quality') % 24 AS quality,
            30 + rarely_big(draw(shared, 'fans'), 100, 180000) AS fans,
            (draw(own, 'rating') % 1024 + draw(own, 'voters') % 1024 + draw(own, 'mood') % 1024
                - 1534) * 13 // 512 AS spread
        FROM title
        WHERE featured OR is_hit(title_type, own) OR draw(own, 'rated') % 1000 < CASE title_type
            WHEN 'tvEpisode' THEN 36
            WHEN 'movie' THEN 410
            WHEN 'tvMovie' THEN 330
            WHEN 'tvSeries' THEN 280
            ELSE 155 END))
"""

# Directors and writers: a series has three teams that take turns.
_CREDITED = """
SELECT
    *,
    (director + 1 + draw(team, 'co-director') % 997) % base_names() AS co_director,
    (writer + 1 + draw(team, 'co-writer') % 997) % base_names() AS co_writer,
    (writer + 1009 + draw(team, 'story') % 997) % base_names() AS story_writer
FROM (
    SELECT
        *,
        CASE WHEN directors > 0 AND draw(team, 'auteur') % 3 = 0 THEN director
            ELSE person(draw(team, 'writer'), i) END AS writer
    FROM (
        SELECT
            *,
            person(draw(team, 'director'), i) AS director,
            CASE WHEN k = 0 THEN 0 ELSE nth([0, 0, 1, 1, 1, 1, 1, 2], draw(own, 'directors'))
            END AS directors,
            nth([0, 0, 0, 1, 1, 1, 2, 3], draw(own, 'writers')) AS writers
        FROM (
            SELECT *, CASE WHEN is_episode THEN shared + k % 3 ELSE own END AS team
            FROM title)))
"""

_CREW = f"""
SELECT
    tconst,
    nullif(array_to_string([nconst(director), nconst(co_director)][:directors], ','), '')
        AS directors,
    nullif(array_to_string(
        [nconst(writer), nconst(co_writer), nconst(story_writer)][:writers], ','), '') AS writers
FROM ({_CREDITED})
"""

# The first four cast members and their roles are the same in all episodes of a series.
_PRINCIPALS = f"""
SELECT
    tconst,
    slot + 1 AS ordering,
    nconst(who) AS nconst,
    category,
    CASE
        WHEN category = 'producer' AND draw(credit, 'job') % 3 > 0
            THEN word('producer_jobs', draw(credit, 'which'))
        WHEN category = 'writer' AND draw(credit, 'job') % 6 = 0
            THEN word('writer_jobs', draw(credit, 'which'))
    END AS job,
    CASE
        WHEN category = 'self' THEN
            CASE draw(credit, 'host') % 8 WHEN 0 THEN '["Self - Host"]' ELSE '["Self"]' END
        WHEN category = 'archive_footage' THEN '["Self"]'
        WHEN category NOT IN ('actor', 'actress') OR draw(credit, 'nameless') % 7 = 0 THEN NULL
        WHEN draw(credit, 'style') % 2048 = 0 THEN '["' || first_name || '\\t(voice)"]'
        WHEN draw(credit, 'style') % 64 = 1 THEN
            '["' || first_name || ' \\"' || word('epithets', draw(credit, 'epithet')) || '\\" '
            || surname || '"]'
        WHEN draw(credit, 'style') % 16 = 2 THEN '["' || first_name || '","' || surname || '"]'
        WHEN draw(credit, 'style') % 2 = 0 THEN '["' || first_name || '"]'
        ELSE '["' || first_name || ' ' || surname || '"]'
    END AS characters
FROM (
    SELECT
        *,
        CASE
            WHEN slot < actors THEN CASE
                WHEN themselves THEN 'self'
                WHEN draw(credit, 'archive') % 256 = 0 THEN 'archive_footage'
                WHEN who % 5 < 3 THEN 'actor'
                ELSE 'actress' END
            WHEN slot < actors + directors THEN 'director'
            WHEN slot < actors + directors + writers THEN 'writer'
            ELSE word('crafts', draw(credit, 'craft'))
        END AS category,
        word('first_names', draw(credit, 'first name')) AS first_name,
        word('surnames', draw(credit, 'surname')) AS surname
    FROM (
        SELECT
            *,
            CASE
                WHEN slot = actors AND directors > 0 THEN director
                WHEN slot = actors + 1 AND directors > 1 THEN co_director
                WHEN slot = actors + directors AND writers > 0 THEN writer
                WHEN slot = actors + directors + 1 AND writers > 1 THEN co_writer
                WHEN slot = actors + directors + 2 AND writers > 2 THEN story_writer
                ELSE person(draw(credit, 'who'), i)
            END AS who
        FROM (
            SELECT
                tconst, i, slot, actors, directors, writers, director, co_director, writer,
                co_writer, story_writer, themselves,
                mix(CASE WHEN (is_episode OR k = 0) AND slot < 4 THEN shared ELSE own END
                    + slot * 2654435769) AS credit
            FROM (
                SELECT
                    *,
                    draw(CASE WHEN is_episode OR k = 0 THEN shared ELSE own END, 'themselves')
                        % 6 = 0 AS themselves,
                    unnest(range(actors + directors + writers + crafts)) AS slot
                FROM (
                    SELECT
                        *,
                        nth([0, 2, 3, 4, 5, 6, 8, 10], draw(own, 'actors')) AS actors,
                        draw(own, 'crafts') % 4 AS crafts
                    FROM ({_CREDITED}))))))
"""

# The first is the original title. Untitled episodes are called 'Episode' in seven languages.
_AKAS = f"""
SELECT
    tconst AS "titleId",
    slot + 1 AS ordering,
    CASE
        WHEN slot = 0 THEN original_title
        WHEN slot = 1 AND winner THEN primary_title || ': ' || word('prize_editions', own)
        WHEN untitled THEN word('episode_words', place) || ' #' || season || '.' || in_season
        WHEN draw(alternative, 'native') % 4 = 0 THEN word('native_titles', alternative)
        WHEN draw(alternative, 'subtitle') % 8 = 0
            THEN primary_title || ' - ' || word('adjectives', alternative)
        ELSE primary_title
    END AS title,
    CASE WHEN slot > 0 THEN word('regions', place) END AS region,
    CASE WHEN slot > 0 AND (untitled OR draw(alternative, 'language') % 4 = 0)
        THEN word('languages', place) END AS language,
    CASE
        WHEN slot = 0 THEN 'original'
        WHEN NOT untitled AND draw(alternative, 'types') % 3 = 0
            THEN word('alternative_types', draw(alternative, 'type'))
    END AS types,
    CASE WHEN slot > 0 AND NOT untitled AND draw(alternative, 'attributes') % 40 = 0
        THEN word('alternative_attributes', draw(alternative, 'attribute'))
    END AS attributes,
    (slot = 0)::INTEGER AS "isOriginalTitle"
FROM (
    SELECT
        * EXCLUDE (start),
        mix(own + slot * 2654435769) AS alternative,
        slot - 1 + CASE WHEN untitled THEN 0 ELSE start END AS place
    FROM (
        SELECT
            tconst, own, season, in_season, untitled, primary_title, original_title,
            draw(own, 'regions') % 18 AS start,
            is_winner(title_type, own) AS winner,
            unnest(range(CASE
                WHEN untitled THEN 8
                WHEN is_episode THEN nth([0, 1, 2, 2, 3, 3, 4, 6], draw(own, 'akas'))
                WHEN title_type = 'movie' THEN 2 + rarely_big(draw(own, 'akas'), 2, 80)
                ELSE nth([1, 1, 2, 2, 3, 4, 6], draw(own, 'akas'))
            END)) AS slot
        FROM ({_NAMED})))
"""

_NAME_TABLE = """
CREATE TEMP TABLE people AS
SELECT nconst(p) AS nconst, p::INTEGER AS p FROM range(names()) AS t(p) ORDER BY nconst
"""

# Titles whose number is a multiple of four never vanish. Names are corrected like titles.
_NAMES = """
SELECT
    nconst,
    CASE
        WHEN draw(own, 'style') % 400 = 0 THEN first_name
        WHEN draw(own, 'style') % 400 = 1 THEN first_name || ' "'
            || word('epithets', draw(own, 'epithet')) || '" ' || surname
        WHEN draw(own, 'style') % 9 = 0 THEN first_name || ' '
            || chr((65 + draw(own, 'initial') % 26)::INTEGER) || '. ' || surname
        WHEN draw(own, 'style') % 9 = 1 THEN first_name || ' ' || surname || '-'
            || word('surnames', draw(own, 'second'))
        WHEN draw(own, 'style') % 9 < 5 THEN first_name || ' '
            || word('first_names', draw(own, 'second')) || ' ' || surname
        ELSE first_name || ' ' || surname
    END AS "primaryName",
    CASE WHEN birth_known THEN birth END AS "birthYear",
    CASE WHEN birth_known AND death <= year_of(0) THEN death END AS "deathYear",
    CASE WHEN draw(own, 'idle') % 5 > 0
        THEN word('profession_lists', draw(own, 'professions') + version)
    END AS "primaryProfession",
    CASE WHEN known_for > 0
        THEN array_to_string([
            tconst(title_number(4 * part(draw(own, 'first'), well_known))),
            tconst(title_number(4 * part(draw(own, 'second'), well_known))),
            tconst(title_number(4 * part(draw(own, 'third'), well_known))),
            tconst(title_number(4 * part(draw(own, 'fourth'), well_known)))
        ][:known_for], ',')
    END AS "knownForTitles"
FROM (
    SELECT
        *,
        1880 + draw(own, 'birth') % 125 AS birth,
        1880 + draw(own, 'birth') % 125 + 30 + draw(own, 'age') % 70 AS death,
        draw(own, 'born') % 25 = 0 OR p % 64 = 1 AS birth_known,
        nth([0, 1, 1, 1, 2, 2, 3, 4, 4], draw(own, 'known')) AS known_for,
        (base_titles() + 3) // 4 AS well_known,
        word('first_names', draw(own, 'first name')) AS first_name,
        word('surnames', draw(own, 'surname')) AS surname,
        (days() + draw(own, 'version') % 107) // 107 AS version
    FROM (
        SELECT nconst, p::BIGINT AS p, of_person(p::BIGINT) AS own FROM people))
"""

_FILES: dict[str, tuple[str, str]] = {
    "name.basics": (_NAME_TABLE, _NAMES),
    "title.akas": (_TITLES, _AKAS),
    "title.basics": (_TITLES, _BASICS),
    "title.crew": (_TITLES, _CREW),
    "title.episode": (_TITLES, _EPISODES),
    "title.principals": (_TITLES, _PRINCIPALS),
    "title.ratings": (_TITLES, _RATINGS),
}
"""The preparing statements and the SELECT of each dump."""
