"""What a dump may hold: every line ends in silver or in quarantine, by the number it has.

A file that cannot be read whole changes nothing; the error names it, the line, what was expected.
"""

import gzip
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import ibis
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from movies_assets.core.window import Window
from movies_assets.sources.imdb.bronze import imdb_title_ratings
from movies_assets.sources.imdb.silver import names_of
from movies_assets.warehouse import writer
from movies_assets.warehouse.database import Warehouse, WarehouseError
from movies_assets.warehouse.files import TextFile, TextFiles
from movies_assets.warehouse.rows import TextRows
from movies_assets.warehouse.schema import ensure_table
from movies_assets_tests.conftest import IMDB_HEADERS, Platform, dump, land

DAY, NEXT_DAY = "2025-10-29", "2025-10-30"
RATINGS = ["bronze/imdb_title_ratings", "silver/imdb_ratings"]
TITLES = [*RATINGS, "bronze/imdb_title_basics", "silver/imdb_titles"]
COLUMNS = IMDB_HEADERS["title.ratings"].split()
HEADER = "\t".join(COLUMNS).encode()
# As many sound lines as keep the bad ones below the share that blocks.
SOUND = [f"tt{number:07}\t5.0\t{number}".encode() for number in range(1, 1001)]
BAD = "tt9999999"


def text(lines: Sequence[bytes], header: bytes = HEADER) -> bytes:
    return b"".join(line + b"\n" for line in [header, *lines])


def numbered(lines: Mapping[int, bytes], among: Sequence[bytes] = SOUND) -> bytes:
    """Put lines among sound ones, so that each is the line of its number."""
    mixed = list(among)
    for number, line in sorted(lines.items()):
        mixed.insert(number - 2, line)
    return text(mixed)


@pytest.fixture
def platform(settings, instance) -> Platform:
    return Platform(settings, instance)


def run(platform: Platform, *days: str, select: list[str] = RATINGS, **options):
    return platform.run(*days, job="imdb_daily", select=select, **options)


def quarantine(platform: Platform, table: str = "imdb_ratings") -> dict[str, tuple[str, str]]:
    rows = platform.sql(
        f"SELECT row_id, broken_rules, raw FROM quarantine.{table} ORDER BY length(row_id), row_id"
    )
    named = {row_id: (rules, raw) for row_id, rules, raw in rows}
    assert len(named) == len(rows)
    return named


def conserved(result: dg.ExecuteInProcessResult, table: str = "silver/imdb_ratings") -> list[int]:
    """Return how many rows were read, kept and quarantined, as the check has counted them."""
    (found,) = [
        item
        for item in result.get_asset_check_evaluations()
        if item.check_name == "conservation" and item.asset_key == dg.AssetKey(table.split("/"))
    ]
    assert found.passed
    counts = [found.metadata[f"rows_{what}"].value for what in ("read", "kept", "quarantined")]
    return [int(str(count)) for count in counts]


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    return str(failure.event_specific_data.error_display_string)


LONG = b"x" * 3_000_000
# What each line breaks; the column rules of a line that was not read at all are left out.
BAD_LINES: dict[str, tuple[bytes, str]] = {
    "too few columns": (f"{BAD}\t5.0".encode(), "fewer than 3 columns"),
    "too few columns, the last one empty": (f"{BAD}\t".encode(), "fewer than 3 columns"),
    "one column": (BAD.encode(), "fewer than 3 columns"),
    "blanks": (b"  ", "fewer than 3 columns"),
    "too many columns": (f"{BAD}\t5.0\t1\t1".encode(), "more than 3 columns"),
    "far too many columns": (f"{BAD}\t5.0\t1\t1\t\t\t".encode(), "more than 3 columns"),
    "a column too many that is empty": (f"{BAD}\t5.0\t1\t".encode(), "more than 3 columns"),
    "a column too many that is unknown": (f"{BAD}\t5.0\t1\t\\N".encode(), "more than 3 columns"),
    "a column too many that is blank": (f"{BAD}\t5.0\t1\t ".encode(), "more than 3 columns"),
    "columns without anything": (b"\t\t\t\\N", "more than 3 columns"),
    "nothing": (b"", "empty line"),
    "rating too high": (f"{BAD}\t10.1\t1".encode(), "rating: more than 10"),
    "rating too low": (f"{BAD}\t0.9\t1".encode(), "rating: less than 1"),
    "rating of another notation": (f"{BAD}\t1e0\t1".encode(), "average_rating: not a number"),
    "rating padded": (f"{BAD}\t 5.0\t1".encode(), "average_rating: not a number"),
    "rating empty": (f"{BAD}\t\t1".encode(), "average_rating: not a number"),
    "rating not a number": (f"{BAD}\tNaN\t1".encode(), "average_rating: not a number"),
    "votes negative": (f"{BAD}\t5.0\t-1".encode(), "votes: less than 0"),
    "votes with fraction": (f"{BAD}\t5.0\t20.5".encode(), "num_votes: not a number"),
    "votes padded": (f"{BAD}\t5.0\t 12".encode(), "num_votes: not a number"),
    "votes padded behind": (f"{BAD}\t5.0\t12 ".encode(), "num_votes: not a number"),
    "votes of another notation": (f"{BAD}\t5.0\t1e3".encode(), "num_votes: not a number"),
    "votes grouped": (f"{BAD}\t5.0\t1,000".encode(), "num_votes: not a number"),
    "votes with leading zero": (f"{BAD}\t5.0\t012".encode(), "num_votes: not a number"),
    "votes beyond all numbers": (f"{BAD}\t5.0\t{10**19}".encode(), "num_votes: not a number"),
    "votes beyond all sums": (f"{BAD}\t5.0\t{10**18}".encode(), "votes: more than"),
    "votes empty": (f"{BAD}\t5.0\t".encode(), "num_votes: not a number"),
    "votes unknown": (f"{BAD}\t5.0\t\\N".encode(), "votes: required"),
    "id empty": (b"\t5.0\t1", "tconst: not an IMDb id"),
    "id unknown": (b"\\N\t5.0\t1", "tconst: required"),
    "id of a person": (b"nm9999999\t5.0\t1", "tconst: not an IMDb id"),
    "id too long": (b"tt0000000001\t5.0\t1", "tconst: not an IMDb id"),
    "id with leading zero": (b"tt00000001\t5.0\t1", "tconst: not an IMDb id"),
    "id quoted": (f'"{BAD}"\t5.0\t1'.encode(), "tconst: not an IMDb id"),
    "quote that is not closed": (f'{BAD}\t"5.0\t1'.encode(), "average_rating: not a number"),
    "backslash": (f"{BAD}\t5.0\\\t1".encode(), "average_rating: not a number"),
    "invalid UTF-8": (f"{BAD}\t5.0".encode() + b"\xff\t1", "not UTF-8"),
    "invalid UTF-8 at the end": (f"{BAD}\t5.0\t1".encode() + b"\xc3", "not UTF-8"),
    "carriage return": (f"{BAD}\t5\r.0\t1".encode(), "carriage return"),
    "carriage return at the end": (f"{BAD}\t5.0\t1\r".encode(), "carriage return"),
    "carriage return behind a tab": (f"{BAD}\t5.0\t\r1".encode(), "carriage return"),
    "carriage return before a sound line": (
        f"{BAD}\t5.0\t1\rtt9999998\t5.0\t1".encode(),
        "carriage return",
    ),
    "carriage returns alone": (b"\r\r", "carriage return"),
    "carriage return and too few columns": (f"{BAD}\r\t5.0".encode(), "carriage return"),
    "line of 3 MB": (f"{BAD}\t5.0\t".encode() + LONG, "too long"),
    "line of 30 MB": (f"{BAD}\t5.0\t".encode() + 10 * LONG, "too long"),
    "line of 3 MB in one column": (LONG, "fewer than 3 columns"),
    "line of 30 kB with NUL": (f"{BAD}\t5.0\0\t1".encode() + LONG[:30_000], "NUL character"),
    "NUL": (f"{BAD}\t5\0.0\t1".encode(), "NUL character"),
    "NUL alone": (b"\0", "NUL character"),
}


def shown(line: bytes) -> str:
    """Return a line as quarantine keeps it: no database stores what is not UTF-8, few NUL."""
    return line.decode("utf-8", "replace").replace("\ufffd", "?").replace("\0", "␀")


@pytest.mark.slow
def test_every_kind_of_bad_line_is_in_quarantine_by_its_number_and_no_other_is_lost(platform):
    lines = {10 * n: line for n, (line, _) in enumerate(BAD_LINES.values(), 1)}
    land(platform.settings.landing, DAY, {"title.ratings": numbered(lines)})
    result = run(platform, DAY)
    found = quarantine(platform)
    assert [*found] == [f"line {number}" for number in lines]
    for (kind, (line, rule)), (rules, raw) in zip(BAD_LINES.items(), found.values(), strict=True):
        assert rule in rules, kind
        # Of a line that was not read, about the first 10,000 bytes are kept.
        assert raw == shown(line)[: max(9_900, len(raw))], kind
    assert platform.sql(
        "SELECT tconst || chr(9) || rating || chr(9) || votes FROM silver.imdb_ratings ORDER BY 1"
    ) == [(line.decode(),) for line in SOUND]
    assert conserved(result) == [len(SOUND) + len(lines), len(SOUND), len(lines)]


def test_bad_episodes_are_in_quarantine_by_their_number(platform):
    sound = [[f"tt{n:07}", "tt9000000", 1, n] for n in range(1, 201)]
    bad = {
        "series_tconst: required": [BAD, None, 1, 1],
        "series_tconst: the episode itself": [BAD, BAD, 1, 1],
        "season_number: less than": [BAD, "tt9000000", -1, 1],
        "season_number: not a number": [BAD, "tt9000000", "1.5", 1],
        "episode_number: not a number": [BAD, "tt9000000", 1, "01"],
        "episode_number: more than": [BAD, "tt9000000", 1, 10**18],
    }
    land(platform.settings.landing, DAY, {"title.episode": [*sound, *bad.values()]})
    steps = ["bronze/imdb_title_episode", "silver/imdb_episodes"]
    result = run(platform, DAY, select=steps)
    found = quarantine(platform, "imdb_episodes")
    assert [*found] == [f"line {number}" for number in range(202, 208)]
    assert all(rule in rules for rule, (rules, _) in zip(bad, found.values(), strict=True))
    assert conserved(result, "silver/imdb_episodes") == [206, 200, 6]


@pytest.mark.slow
def test_bad_titles_are_in_quarantine_by_their_number(platform):
    sound = [[f"tt{n:07}", "movie", "A", "A", 0, 2000, None, 90, "Drama"] for n in range(1, 201)]
    bad = {
        "title_type: none of": [BAD, "tvShow", "A", "A", 0, 2000, None, 90, "Drama"],
        "primary_title: required": [BAD, "movie", "", "A", 0, 2000, None, 90, "Drama"],
        "is_adult: neither 0 nor 1": [BAD, "movie", "A", "A", 2, 2000, None, 90, "Drama"],
        "start_year: not a number": [BAD, "movie", "A", "A", 0, "20.5", None, 90, "Drama"],
        "start_year: less than": [BAD, "movie", "A", "A", 0, 1066, None, 90, "Drama"],
        "start_year: more than 10 years": [BAD, "movie", "A", "A", 0, 20222, None, 90, "Drama"],
        "end_year: more than 10 years": [BAD, "tvSeries", "A", "A", 0, 2022, 20222, 90, "Drama"],
        "end_year: before": [BAD, "movie", "A", "A", 0, 2000, 1999, 90, "Drama"],
        "runtime_minutes: less than": [BAD, "movie", "A", "A", 0, 2000, None, -90, "Drama"],
        "runtime_minutes: not a number": [BAD, "movie", "A", "A", 0, 2000, None, "Drama", "90"],
    }
    land(platform.settings.landing, DAY, {"title.basics": [*sound, *bad.values()]})
    result = run(platform, DAY, select=TITLES)
    found = quarantine(platform, "imdb_titles")
    assert [*found] == [f"line {number}" for number in range(202, 212)]
    for (rule, row), (rules, raw) in zip(bad.items(), found.values(), strict=True):
        assert rule in rules
        assert raw.encode() == dump("title.basics", [row]).splitlines()[1]
    assert conserved(result, "silver/imdb_titles") == [210, 200, 10]


ODD = {
    "quotes": '"A" "film',
    "backslashes": 'A\\"film\\',
    "null in words": r"A \N film",
    "other separators": "A\x1c\x85\u2028\x0b\x0cfilm\x1e\x1e",
    "right to left": "\u202e\u05e9\u05dc\u05d5\u05dd",
    "emoji": "\U0001f3ac",
    "pieces of SQL": "O'Hara'); DROP TABLE x; --",
    "long": "x" * 1_000_000,
    "padded": " A film  ",
}


def test_every_kind_of_odd_title_is_kept(platform):
    rows = [
        [f"tt{n:07}", "movie", title, None, 0, 2000, None, 0, ""]
        for n, title in enumerate(ODD.values(), 1)
    ]
    # The last line has no end.
    content = dump("title.basics", rows).rstrip(b"\n")
    land(platform.settings.landing, DAY, {"title.basics": content})
    run(platform, DAY, select=TITLES)
    assert platform.sql(
        "SELECT primary_title, runtime_minutes, genres FROM silver.imdb_titles ORDER BY tconst"
    ) == [(title.strip(" "), None, None) for title in ODD.values()]


def test_unknown_ratings_and_flags_are_null_and_cost_no_row(platform):
    # Ratings of others are known, so that the delivery as a whole is complete.
    known = [[f"tt{n:07}", 7.0, 9] for n in range(100, 110)]
    ratings = [["tt0000001", "0.0", 5], ["tt0000002", None, 7], ["tt0000003", "0", 0], *known]
    titles = [[f"tt000000{n}", "movie", "A", "A", None, 2000, None, 0, None] for n in (1, 2, 3)]
    land(platform.settings.landing, DAY, {"title.ratings": ratings, "title.basics": titles})
    run(platform, DAY, select=TITLES)
    assert platform.sql(
        "SELECT rating, votes FROM silver.imdb_ratings ORDER BY tconst LIMIT 3"
    ) == [
        (None, 5),
        (None, 7),
        (None, 0),
    ]
    assert platform.sql(
        "SELECT DISTINCT is_adult, runtime_minutes, rating, genres FROM silver.imdb_titles"
    ) == [(None, None, None, None)]


@pytest.mark.parametrize(
    ("received", "read"),
    [
        ("Drama,,Comedy", ["Drama", "Comedy"]),
        (",", None),
        ("", None),
        (" , ,", None),
        ("Drama, Comedy", ["Drama", "Comedy"]),
        (" Drama", ["Drama"]),
        ("Drama,", ["Drama"]),
        ("Sci-Fi,Drama", ["Sci-Fi", "Drama"]),
    ],
)
def test_genres_are_trimmed_and_none_is_empty(received, read):
    column = ibis.memtable({"genres": [received]})
    found = ibis.duckdb.connect().execute(column.select(read=names_of(column.genres)))
    assert found["read"][0] == read


def test_characters_that_are_no_json_stay_as_text(platform):
    texts = ['["Hamlet"]', '["Hamlet', "Hamlet", "[]", "{}"]
    rows = [["tt0000001", n, "nm0000001", "actor", None, text] for n, text in enumerate(texts, 1)]
    land(platform.settings.landing, DAY, {"title.principals": rows})
    run(platform, DAY, select=["bronze/imdb_title_principals", "silver/imdb_credits"])
    kept = platform.sql("SELECT characters FROM silver.imdb_credits ORDER BY ordering")
    assert [characters for (characters,) in kept] == texts


class TestDuplicates:
    """Of lines with the same id the first one stays, with any content."""

    # Line numbers and ratings; a rating of 11 is refused for itself.
    cases = (
        ("low first", {17: 1.0, 300: 9.0}, 17),
        ("high first", {18: 9.0, 301: 1.0}, 18),
        ("identical", {19: 9.0, 20: 9.0}, 19),
        ("many, the first of them bad", {9: 11.0, 40: 9.0, 41: 1.0, 998: 9.0, 999: 1.0}, 40),
    )

    def test_the_first_one_stays_and_the_others_are_numbered(self, platform):
        lines = {
            number: f"tt{case:07}\t{rating}\t1".encode()
            for case, (_, ratings, _) in enumerate(self.cases, 5_001)
            for number, rating in ratings.items()
        }
        land(platform.settings.landing, DAY, {"title.ratings": numbered(lines)})
        result = run(platform, DAY)
        kept = platform.sql(
            "SELECT tconst || chr(9) || rating || chr(9) || votes FROM silver.imdb_ratings "
            "WHERE tconst >= 'tt0005001' ORDER BY 1"
        )
        assert [line.encode() for (line,) in kept] == [lines.pop(c[2]) for c in self.cases]
        found = quarantine(platform)
        assert {row: raw for row, (_, raw) in found.items()} == {
            f"line {number}": line.decode() for number, line in lines.items()
        }
        assert {rules for row, (rules, _) in found.items() if row != "line 9"} == {
            "key (tconst, run_date): not unique"
        }
        assert conserved(result) == [len(SOUND) + 11, len(SOUND) + 4, 7]

    def test_a_dump_that_holds_every_line_twice_stops_the_run_and_loses_none(self, platform):
        land(platform.settings.landing, DAY, {"title.ratings": text([*SOUND, *SOUND])})
        result = run(platform, DAY, raise_on_error=False)
        assert not result.success
        assert platform.sql("SELECT count(*) FROM silver.imdb_ratings") == [(len(SOUND),)]
        found = quarantine(platform)
        assert [*found] == [f"line {number}" for number in range(1002, 2002)]
        assert [raw.encode() for _, raw in found.values()] == SOUND


class TestTwoRunDates:
    def test_bad_lines_are_numbered_in_the_file_of_their_day(self, platform):
        """The same line is another one on another day."""
        line, other = f"{BAD}\t11\t1".encode(), f"{BAD}\t\t1".encode()
        land(platform.settings.landing, DAY, {"title.ratings": numbered({17: line, 30: other})})
        land(platform.settings.landing, NEXT_DAY, {"title.ratings": numbered({9: other, 99: line})})
        numbers = "SELECT partition_key, row_id FROM quarantine.imdb_ratings ORDER BY ALL"
        expected = [(DAY, "line 17"), (DAY, "line 30"), (NEXT_DAY, "line 9"), (NEXT_DAY, "line 99")]
        result = run(platform, DAY, NEXT_DAY)
        assert platform.sql(numbers) == expected
        assert conserved(result) == [2 * len(SOUND) + 4, 2 * len(SOUND), 4]
        run(platform, NEXT_DAY)
        assert platform.sql(numbers) == expected

    def test_a_mended_dump_empties_the_quarantine_of_its_day_alone(self, platform):
        bad = numbered({17: f"{BAD}\t11\t1".encode()})
        for day in (DAY, NEXT_DAY):
            land(platform.settings.landing, day, {"title.ratings": bad + day.encode()})
        run(platform, DAY, NEXT_DAY)
        land(platform.settings.landing, DAY, {"title.ratings": text(SOUND)}, replaces=True)
        run(platform, DAY)
        assert {
            day for (day,) in platform.sql("SELECT partition_key FROM quarantine.imdb_ratings")
        } == {NEXT_DAY}

    def test_a_bad_second_file_leaves_all_as_it_was(self, platform):
        landing = platform.settings.landing
        land(landing, DAY, {"title.ratings": text(SOUND[:9])})
        run(platform, DAY)
        before = platform.contents()
        land(landing, DAY, {"title.ratings": text(SOUND)}, replaces=True)
        land(landing, NEXT_DAY, {"title.ratings": gzip.compress(text(SOUND))[:-9]}, packed=False)
        result = run(platform, DAY, NEXT_DAY, raise_on_error=False)
        assert not result.success
        assert f"run_date={NEXT_DAY}/title.ratings.tsv.gz, after line 0: expected" in error_of(
            result
        )
        assert platform.contents() == before


def test_a_dump_with_the_lines_of_another_system_stops_the_run(platform):
    crlf = text([line + b"\r" for line in SOUND[:50]])
    land(platform.settings.landing, DAY, {"title.ratings": crlf})
    result = run(platform, DAY, raise_on_error=False)
    assert not result.success
    assert "quarantine" in error_of(result)
    found = quarantine(platform)
    assert len(found) == 50
    assert found["line 51"][1] == SOUND[49].decode() + "\r"


class TestFiles:
    """Files read straight into bronze."""

    table = imdb_title_ratings

    def load(self, folder: Path, *contents: bytes) -> list[tuple[str, ...]]:
        """Read packed files, a day each; return the lines as they are stored."""
        paths = [folder / f"{number}.tsv.gz" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        days = [date(2025, 10, 1 + number) for number in range(len(paths))]
        named = [TextFile(path, path.name, day) for path, day in zip(paths, days, strict=True)]
        given = TextRows(TextFiles(tuple(COLUMNS), tuple(named), days, "run"))
        warehouse = Warehouse(folder / "w.duckdb")
        window = Window(str(days[0]), str(days[-1]))
        with (
            warehouse.session() as connection,
            given.opened(),
            warehouse.transaction(connection),
        ):
            ensure_table(connection, self.table.name, self.table.contract)
            given.stage(connection, self.table)
            loaded = writer.write(connection, self.table, window, "run")
            rows = given.complete(connection, self.table, loaded.rows)
            lines = connection.execute(
                "SELECT coalesce(_line, concat_ws(chr(9), coalesce(tconst, '\\N'), "
                "coalesce(average_rating, '\\N'), coalesce(num_votes::VARCHAR, '\\N'))) "
                f"FROM {self.table.name} ORDER BY run_date, 1"
            ).fetchall()
        assert rows == len(lines)
        return lines

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (gzip.compress(b""), "line 1: expected the columns .*, but the file is empty"),
            (b"", "line 1: expected the columns .*, but the file is empty"),
            (b"<html>", "line 1: expected the columns .* no sound gzip"),
            (text(SOUND), "line 1: expected the columns .* no sound gzip"),
            (gzip.compress(text(SOUND))[:40], "line 1: expected the columns .* no sound gzip"),
            (gzip.compress(text(SOUND))[:-9], "after line .*: expected the rest of a sound gzip"),
            (gzip.compress(text(SOUND))[:-1], "after line .*: expected the rest of a sound gzip"),
            (
                gzip.compress(text(SOUND))[:-8] + bytes(8),
                "after line .*: expected the rest of a sound gzip.*CRC",
            ),
            (gzip.compress(text(SOUND)) + b"more", "after line .*: .*Not a gzipped file"),
            (gzip.compress(text(SOUND, b"tconst\tnumVotes\taverageRating")), "line 1: expected"),
            (gzip.compress(text(SOUND, HEADER + b"\tisNew")), "line 1: expected"),
            (gzip.compress(text(SOUND, b"tconst\taverageRating\tvotes")), "line 1: expected"),
            (gzip.compress(text(SOUND, b"tconst\taverageRating")), "line 1: expected"),
            (gzip.compress(text(SOUND, b"\xef\xbb\xbf" + HEADER)), "line 1: expected"),
            (gzip.compress(text(SOUND, HEADER + b"\r")), "line 1: expected"),
            (gzip.compress(b"\n".join(SOUND)), "line 1: expected the columns .* has 'tt0000001"),
            (gzip.compress(text(SOUND).replace(b"\n", b"\r")), "line 1: expected"),
            (gzip.compress(text(SOUND).decode().encode("utf-16")), "line 1: expected"),
        ],
        ids=[
            "empty", "0 bytes", "HTML", "not packed", "cut off at its start",
            "cut off before its checksum", "cut off in its length", "wrong checksum",
            "garbage behind it", "columns in another order", "another column",
            "a renamed column", "a missing column", "byte order mark", "CRLF", "no header",
            "old Macintosh", "UTF-16",
        ],
    )  # fmt: skip
    def test_a_file_that_cannot_be_read_whole_is_named_with_line_and_expectation(
        self, tmp_path, content, message
    ):
        with pytest.raises(WarehouseError, match=f"(?s)0.tsv.gz, {message}"):
            self.load(tmp_path, content)

    @pytest.mark.slow
    @pytest.mark.parametrize("end", [b"\n", b""])
    @pytest.mark.parametrize("place", [0, 500, 999, 1_000])
    def test_a_line_without_an_end_costs_itself_alone(self, tmp_path, place, end):
        lines = [*SOUND[:place], b"\xc3\xa9" * 10_000_000, *SOUND[place:]]
        stored = self.load(tmp_path, gzip.compress(b"\n".join([HEADER, *lines]) + end))
        assert sorted(line for (line,) in stored if len(line) < 100) == [
            line.decode() for line in SOUND
        ]
        ((long,),) = [line for line in stored if len(line[0]) >= 100]
        assert long.startswith("é" * 4_000)

    def test_a_missing_file_is_named(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Path, "write_bytes", lambda *_: None)
        with pytest.raises(WarehouseError, match=r"0\.tsv\.gz is missing: fetch it again"):
            self.load(tmp_path, b"")

    def test_a_header_alone_is_an_empty_day(self, tmp_path):
        assert self.load(tmp_path, gzip.compress(HEADER + b"\n"), gzip.compress(HEADER)) == []

    def test_a_file_in_several_gzip_members_is_one(self, tmp_path):
        content = text(SOUND)
        packed = gzip.compress(content[:777]) + gzip.compress(b"") + gzip.compress(content[777:])
        assert self.load(tmp_path, packed) == [(line.decode(),) for line in SOUND]

    line = st.lists(
        st.sampled_from([b"\t", b"\t5.0\t1", b"tt1", b"\r", b"\0", b"\xff", b'"', b"\\N", b" "]),
        max_size=5,
    ).map(b"".join)

    @pytest.mark.slow
    @given(st.lists(line, max_size=12), st.sampled_from([b"\n", b""]))
    @example([b"\t\t\t\\N"], b"\n")
    @example([b"tt1\t5.0\t1\t\\N", b"tt1\t5.0\t1\t \t"], b"")
    @example([b"tt1\t5.0\t1\t\x1d", b"tt1\t5.0\x1d", b"\x1d", b"\t\x1d"], b"\n")
    @settings(
        max_examples=30,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    def test_every_line_of_any_kind_is_stored(self, tmp_path, lines, end):
        content = b"\n".join([HEADER, *lines]) + end
        expected = content.split(b"\n")[1 : None if content[-1:] != b"\n" else -1]
        stored = self.load(tmp_path, gzip.compress(content))
        assert sorted(line for (line,) in stored) == sorted(map(shown, expected))

    @pytest.mark.slow
    def test_odd_lines_are_found_in_any_place_of_a_large_file(self, tmp_path):
        lines = [b"tt%07d\t5.0\t%d" % (n, n) for n in range(200_000)]
        odd = [b"\r", b"", b"\0", b"x" * 5_000_000, b"\t\r1"]
        for place in (0, 11_111, 99_999, 200_015):
            lines[place:place] = odd
        assert len(self.load(tmp_path, gzip.compress(text(lines), 1))) == len(lines)
