"""The fictional streaming catalogue has the format and the oddities of the real files."""

import csv
import io
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from time import process_time

import httpx
import pytest

from movies_assets.sources.netflix.sample import COLUMNS, LOOKUPS, arrivals, deliver, lookup

LAST_DAY = date(2025, 10, 31)
FIRST_DAY = date(2025, 10, 2)
LATE, LATE_ARRIVED = date(2025, 10, 11), date(2025, 10, 14)
TWO_FILES, CP1252 = date(2025, 10, 9), date(2025, 10, 16)
NEW_COLUMN, LACKING_COLUMN = date(2025, 10, 22), date(2025, 10, 24)
# Of all content of the default catalogue: on any machine.
DIGESTS = {
    "titles": "74b60b54ab33d215",
    "cast": "9389cce1e54867bb",
    "category": "e02c9a381a8c59c2",
    "countries": "d0d49a8513d130af",
    "directors": "814c7761e4dc5d27",
}


COMMAND = [sys.executable, "-m", "movies_assets.sample"]


def digest(content):
    return sha256(content).hexdigest()[:16]


def content_of(**options):
    found = arrivals(last_day=LAST_DAY, **options)
    return b"".join(f"{f.day}/{f.name}\n".encode() + f.content for f in found)


def parse(arrival):
    special = arrival.day == CP1252
    text = arrival.content.decode("cp1252" if special else "utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if special else ",")
    return list(reader)


@pytest.fixture(scope="module")
def files():
    """The arrivals by day, a list a day."""
    days = {}
    for arrival in arrivals(last_day=LAST_DAY):
        days.setdefault(arrival.day, []).append(arrival)
    return days


@pytest.fixture(scope="module")
def rows(files):
    return [row for day in files.values() for arrival in day for row in parse(arrival)]


@pytest.fixture(scope="module")
def sound(rows):
    """The rows that are not torn."""
    return [row for row in rows if (row["show_id"] or "").isdecimal()]


@pytest.fixture(scope="module", params=LOOKUPS.items(), ids=LOOKUPS)
def look(request):
    """A look-up: the column of values, and its rows."""
    name, column = request.param
    return column, list(csv.DictReader(io.StringIO(lookup(name).decode("utf-8-sig"), newline="")))


# The same everywhere


def test_the_same_seed_gives_the_same_bytes():
    assert digest(content_of()) == DIGESTS["titles"]
    assert {name: digest(lookup(name)) for name in LOOKUPS} == {
        name: DIGESTS[name] for name in LOOKUPS
    }


def test_another_seed_gives_others():
    assert content_of(seed=2) != content_of()
    assert all(lookup(name, seed=2) != lookup(name) for name in LOOKUPS)


@pytest.mark.parametrize("titles", [200, 401, 5_000])
def test_the_size_is_a_parameter(titles):
    found = arrivals(last_day=LAST_DAY, titles=titles)
    ids = [row["show_id"] for arrival in found for row in parse(arrival)]
    whole = {show_id for show_id in ids if (show_id or "").isdecimal()}
    torn = len(ids) - len(whole)
    assert len(whole) + torn / 2 == titles
    assert 2 <= torn <= 2 + titles // 100


@pytest.mark.parametrize("titles", [0, 199, 1_000_001])
def test_a_size_that_cannot_be_is_refused(titles):
    for refused in (lambda: lookup("cast", titles=titles), lambda: content_of(titles=titles)):
        with pytest.raises(ValueError, match=r"from 200 to 1,000,000 are possible"):
            refused()


@pytest.mark.slow
def test_a_hundred_thousand_titles_take_seconds():
    begin = process_time()
    content_of(titles=100_000)
    for name in LOOKUPS:
        lookup(name, titles=100_000)
    assert process_time() - begin < 60


# Arrivals


def test_titles_arrive_within_thirty_days_but_not_on_each(files):
    assert (min(files), max(files)) == (FIRST_DAY, LAST_DAY)
    assert len(files) == 25
    assert {day: len(found) for day, found in files.items() if len(found) != 1} == {TWO_FILES: 2}
    assert all(parse(arrival) for found in files.values() for arrival in found)


def test_one_file_is_late(files):
    late = [file for day in files.values() for file in day if file.arrived != file.day]
    assert [(file.day, file.arrived) for file in late] == [(LATE, LATE_ARRIVED)]


def test_files_are_utf_8_with_a_byte_order_mark_but_for_one(files):
    for day, found in files.items():
        for file in found:
            assert file.content.startswith(b"\xef\xbb\xbf") == (day != CP1252)
            assert file.content.count(b"\r\n") > len(parse(file))
    (odd,) = files[CP1252]
    assert odd.content.startswith(b"duration_minutes;duration_seasons;")
    with pytest.raises(UnicodeDecodeError):
        odd.content.decode()
    assert any("€" in row["title"] and "’" in row["title"] for row in parse(odd))  # noqa: RUF001


def test_one_day_brings_a_column_and_one_lacks_a_column(files):
    headers = {day: tuple(parse(found[0])[0]) for day, found in files.items()}
    assert set(headers.pop(NEW_COLUMN)) - set(COLUMNS) == {"original_language"}
    assert set(COLUMNS) - set(headers.pop(LACKING_COLUMN)) == {"description"}
    assert set(headers.values()) == {COLUMNS}


def test_half_of_the_titles_are_the_first_delivery(files):
    counts = {day: sum(len(parse(file)) for file in found) for day, found in files.items()}
    assert counts[FIRST_DAY] == 202
    assert all(3 <= count <= 15 for day, count in counts.items() if day != FIRST_DAY)


def test_titles_arrive_after_they_were_added(files):
    for day in set(files) - {FIRST_DAY, LACKING_COLUMN}:
        plain = [r["date_added"] for f in files[day] for r in parse(f) if "/" in r["date_added"]]
        added = [datetime.strptime(text.strip(), "%m/%d/%Y").date() for text in plain]  # noqa: DTZ007
        assert all(timedelta(0) <= day - each <= timedelta(4) for each in added)


def test_files_are_delivered_in_the_order_in_which_they_arrive(tmp_path, files):
    written = deliver(tmp_path, last_day=LAST_DAY)
    assert len(written) == 26
    assert sorted(written) == sorted(tmp_path.rglob("*.*"))
    for day, found in files.items():
        for file in found:
            path = tmp_path / str(day) / file.name
            assert path.read_bytes() == file.content
            assert datetime.fromtimestamp(path.stat().st_mtime, UTC).date() == file.arrived


def test_what_is_there_is_left_as_it_is(tmp_path):
    first, second, *_ = deliver(tmp_path, last_day=LAST_DAY)
    first.write_bytes(b"changed")
    second.unlink()
    assert deliver(tmp_path, last_day=LAST_DAY) == [second]
    assert first.read_bytes() == b"changed"


def test_files_arrive_day_by_day(tmp_path):
    before = deliver(tmp_path, last_day=LAST_DAY, as_of=LATE_ARRIVED - timedelta(1))
    assert not (tmp_path / str(LATE)).exists()
    assert max(path.parent.name for path in before) == "2025-10-12"
    then = deliver(tmp_path, last_day=LAST_DAY, as_of=LATE_ARRIVED)
    assert {path.parent.name for path in then} == {str(LATE), str(LATE_ARRIVED)}
    assert len(before + then + deliver(tmp_path, last_day=LAST_DAY)) == 26


def test_a_file_that_cannot_be_written_is_not_there(tmp_path, monkeypatch):
    def fail(path, content):
        path.open("wb").write(content[:10])
        raise OSError("full")

    monkeypatch.setattr("pathlib.Path.write_bytes", fail)
    with pytest.raises(OSError, match="full"):
        deliver(tmp_path, last_day=LAST_DAY)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# Oddities


def some(found, most=8):
    """Whether there are some, but not many."""
    return 1 <= len(found) <= most


def test_titles_have_the_usual_shape(sound):
    types = Counter(row["type"] for row in sound)
    assert set(types) == {"Movie", "TV Show"}
    assert types["Movie"] > types["TV Show"] > 80
    assert len({row["show_id"] for row in sound}) == len(sound) == 398
    assert all(re.fullmatch(r"9\d{7}", row["show_id"]) for row in sound)
    both = [row for row in sound if row["duration_minutes"] and row["duration_seasons"]]
    assert both == []


def test_a_few_texts_have_line_breaks(rows):
    assert some([row for row in rows if "\n" in (row.get("description") or "")])
    assert some([row for row in rows if "\n" in (row["title"] or "")])


def test_two_rows_are_torn_in_half(files):
    torn = [row for row in parse(files[FIRST_DAY][0]) if not row["show_id"]]
    assert len(torn) == 4
    for first, second in zip(torn[::2], torn[1::2], strict=True):
        assert first["type"] == "Movie"
        assert second["duration_minutes"].endswith('"')
    # Of the first the title is torn, so that the date is in the place of the seasons.
    assert re.fullmatch(r"\d+/\d+/\d{4}", torn[1]["duration_seasons"])
    assert torn[2]["description"]
    assert re.fullmatch(r"9\d{7}", torn[3]["duration_seasons"])


def test_a_duration_stands_in_the_rating_column(sound):
    odd = [row for row in sound if re.fullmatch(r"\d+ min", row["rating"])]
    assert some(odd)
    assert {row["duration_minutes"] for row in odd} == {""}


@pytest.mark.parametrize(
    "pattern",
    [
        r" \d+/\d+/\d{4}",
        r" [A-Z][a-z]+ \d+, \d{4}",
        "",
    ],
)
def test_a_few_dates_are_odd(sound, pattern):
    assert some([row for row in sound if re.fullmatch(pattern, row["date_added"])])


def test_most_dates_are_plain(sound):
    usual = r"\d{1,2}/\d{1,2}/\d{4}|[A-Z][a-z]+ \d{1,2}, \d{4}"
    plain = [row for row in sound if re.fullmatch(usual, row["date_added"])]
    assert len(plain) > 380


def test_a_file_with_dates_in_numbers_shows_which_number_is_the_month():
    for arrival in arrivals(last_day=LAST_DAY):
        content = arrival.content.replace(b"\0", b"")
        in_numbers = re.search(rb"\d{1,2}/\d{1,2}/\d{4}", content)
        shows_month = re.search(rb"\d{1,2}/(1[3-9]|2\d|3[01])/\d{4}", content)
        assert bool(in_numbers) == bool(shows_month), arrival.name


@pytest.mark.parametrize("space", ["\N{NO-BREAK SPACE}", "\N{ZERO WIDTH SPACE}"])
def test_a_few_titles_have_spaces_that_are_none(sound, space):
    assert some([row for row in sound if space in row["title"]])


def test_a_few_titles_differ_in_case_only(sound):
    loud = [row["title"] for row in sound if row["title"].isupper()]
    plain = {row["title"].upper() for row in sound if not row["title"].isupper()}
    assert some(loud)
    assert set(loud) <= plain


def test_a_few_durations_are_missing(sound):
    odd = [row for row in sound if not row["duration_minutes"] and not row["duration_seasons"]]
    assert some([row for row in odd if not row["rating"].endswith("min")])


def test_titles_have_colons_quotes_and_foreign_letters_and_ratings_have_dashes(sound):
    for has in (
        lambda row: ":" in row["title"],
        lambda row: '"' in row["title"],
        lambda row: not row["title"].isascii(),
        lambda row: "-" in row["rating"],
    ):
        assert len([row for row in sound if has(row)]) > 2


def test_quotes_are_doubled(files):
    assert b'""' in files[FIRST_DAY][0].content


# Look-ups


def test_a_lookup_has_two_columns_and_a_byte_order_mark(look):
    column, rows = look
    assert list(rows[0]) == [column, "show_id"]
    (name,) = [name for name, values in LOOKUPS.items() if values == column]
    assert lookup(name).startswith(f"\ufeff{column},show_id\r\n".encode())


def test_a_lookup_points_at_titles_but_for_a_few(look, rows):
    column, found = look
    # An id is in another column where the row is torn.
    shown = {text for row in rows for text in row.values() if text}
    orphans = [row for row in found if row["show_id"] not in shown]
    assert len(orphans) == 5
    assert all(row[column] for row in found)
    assert len({row["show_id"] for row in found}) > 200


def test_a_lookup_has_a_few_rows_twice(look):
    column, rows = look
    counts = Counter((row[column], row["show_id"]) for row in rows)
    assert some([row for row, count in counts.items() if count > 1])


def test_some_values_have_quotes_and_commas():
    assert b'""' in lookup("cast")
    assert b'""' in lookup("directors")
    assert b'"Poland,"' in lookup("countries")


def test_a_lookup_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no such look-up: titles; there are cast, category"):
        lookup("titles")


# The commands


@pytest.mark.slow
def test_the_commands_deliver_titles_and_serve_lookups(tmp_path):
    options = ["--folder", str(tmp_path), "--last-day", "2025-10-31", "--titles", "200"]
    delivered = subprocess.run(  # noqa: S603 (our own module)
        [*COMMAND, "netflix", *options], capture_output=True, text=True, check=True
    )
    lines = delivered.stdout.splitlines()
    assert len(lines) == 26
    assert re.fullmatch(r"2025-10-02/titles.csv: [\d,]+ bytes", lines[0])
    with subprocess.Popen(  # noqa: S603 (our own module)
        [*COMMAND, "netflix-server", "--titles", "200"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            base = process.stdout.readline().strip()
            reply = httpx.get(f"{base}/netflix_cast.csv")
            assert reply.content == lookup("cast", titles=200)
        finally:
            process.terminate()


@pytest.mark.slow
def test_an_impossible_size_is_an_error_message(tmp_path):
    refused = subprocess.run(  # noqa: S603 (our own module)
        [*COMMAND, "netflix", "--folder", str(tmp_path), "--titles", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert "1 titles: from 200 to 1,000,000 are possible" in refused.stderr
