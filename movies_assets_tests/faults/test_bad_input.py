"""What a source may send: every movie ends in silver or in quarantine, and none is lost."""

import json
from datetime import date
from typing import Any

import dagster as dg
import pytest

from movies_assets_tests.conftest import FakeYts, Platform, movie

DAY = "2025-10-30"
NOON = f"{DAY}T12:00:00"
BAD = 1_000
STEPS = ["bronze/yts_movies", "silver/yts_movies"]


def bad(**changes: Any) -> dict[str, Any]:
    """Return a movie with changed fields; a change to `...` removes the field."""
    changed = {**movie(BAD, NOON), **changes}
    return {name: value for name, value in changed.items() if value is not ...}


def no_date(**changes: Any) -> dict[str, Any]:
    return bad(date_uploaded_unix=..., torrents=..., **changes)


REFUSED = {
    "no id": (bad(id=...), ["movie_id: required"]),
    "id null": (bad(id=None), ["movie_id: required"]),
    "id text": (bad(id="seven"), ["id: not a number", "movie_id: required"]),
    "id negative": (bad(id=-7), ["movie_id: less than 1"]),
    "id with fraction": (bad(id=7.5), ["id: not a whole number", "movie_id: required"]),
    "no title": (bad(title=...), ["title: required"]),
    "title empty": (bad(title=""), ["title: required"]),
    "title blank": (bad(title=" \t "), ["title: required"]),
    "title too long": (bad(title="x" * 501), ["title: not from 1 to 500 characters long"]),
    "no date": (no_date(), ["uploaded_at: required"]),
    "date text": (
        bad(date_uploaded_unix="yesterday"),
        ["date_uploaded_unix: not a number", "uploaded_at: required"],
    ),
    "date in the far future": (
        bad(date_uploaded_unix=4_102_444_800, torrents=[]),
        ["uploaded_date: not the UTC day of uploaded_at"],
    ),
    "year text": (bad(year="nineteen"), ["year: not a number"]),
    "year 4000": (bad(year=4000), ["year: more than 5 years after the upload"]),
    "year 12": (bad(year=12), ["year: less than 1870"]),
    "rating 11": (bad(rating=11), ["rating: more than 10"]),
    "rating negative": (bad(rating=-1), ["rating: less than 0.1"]),
    "rating a list": (bad(rating=[7.3]), ["rating: not a number"]),
    "runtime of days": (bad(runtime=5000), ["runtime_minutes: more than 1440"]),
    "genres text": (bad(genres="Drama, Comedy"), ["genres: not a list"]),
    "genres an object": (bad(genres={"a": "Drama"}), ["genres: not a list"]),
    "unknown language": (bad(language="klingon"), ["language_code: not an ISO 639-1 code"]),
    "other IMDb code": (bad(imdb_code="nm42"), ["imdb_code: not an IMDb id"]),
    "100 kB of description": (
        bad(description_full="x" * 100_000),
        ["description_full: more than 20000 characters long"],
    ),
    "10 MB of description": (
        bad(description_full="x" * 10_000_000),
        [
            "movie_id: required",
            "payload: too long to be read",
            "title: required",
            "uploaded_at: required",
        ],
    ),
    "NaN": (bad(rating=float("nan")), ["rating: not a number"]),
    "infinity": (bad(year=float("inf")), ["year: not a number"]),
    "several at once": (
        bad(rating=11, year="x"),
        ["rating: more than 10", "year: not a number"],
    ),
}
KEPT = {
    "NUL": (bad(title="A\x00B"), {"title": "AB"}),
    "right to left": (
        bad(title="\u202e\u05e9\u05dc\u05d5\u05dd"),
        {"title": "\u202e\u05e9\u05dc\u05d5\u05dd"},
    ),
    "emoji and CJK": (bad(title="🎬 千と千尋"), {"title": "🎬 千と千尋"}),
    "padding": (bad(title="  A film \n"), {"title": "A film"}),
    "quotes": (bad(title="O'Hara \"; DROP TABLE x"), {"title": "O'Hara \"; DROP TABLE x"}),
    "unknown field": (bad(colour="red"), {"movie_id": BAD}),
    "numbers as text": (bad(id=str(BAD), year="2020", rating="7.3"), {"year": 2020, "rating": 7.3}),
    "zeros": (bad(year=0, rating=0, runtime=0), {"year": None, "rating": None}),
    "no genres": (bad(genres=...), {"genres": None}),
    "genres null": (bad(genres=None), {"genres": None}),
    "language by name": (bad(language="French"), {"language_code": "fr"}),
}


def deliver(yts: FakeYts, *movies: dict[str, Any], sound: int = 40) -> list[str]:
    """List movies of the day among sound ones; return the raw forms of the former."""
    rows = [yts.row(payload, day=date.fromisoformat(DAY)) for payload in movies]
    # The source's id is a number or unknown; the client ensures it.
    rows = [
        row._replace(movie_id=row.movie_id if type(row.movie_id) is int else None) for row in rows
    ]
    yts.movies_listed = [*rows, *(movie(number, NOON) for number in range(1, sound + 1))]
    return [row.payload for row in rows]


def evaluation(result: dg.ExecuteInProcessResult, name: str) -> dg.AssetCheckEvaluation:
    key = dg.AssetKey(STEPS[1].split("/"))
    found = result.get_asset_check_evaluations()
    return next(item for item in found if item.check_name == name and item.asset_key == key)


def quarantine(platform: Platform) -> dict[str, tuple[Any, ...]]:
    query = "SELECT raw, broken_rules, partition_key, run_id FROM quarantine.yts_movies"
    return {raw: rest for raw, *rest in platform.sql(query)}


def test_every_kind_of_bad_movie_is_in_quarantine_with_its_rules_raw_form_day_and_run(
    platform, yts
):
    expected = {
        kind: ({**payload, "id": BAD + n} if payload.get("id") == BAD else payload, rules)
        for n, (kind, (payload, rules)) in enumerate(REFUSED.items())
    }
    raws = deliver(yts, *(payload for payload, _ in expected.values()), sound=600)
    result = platform.run(DAY, select=STEPS)
    found = quarantine(platform)
    assert sorted(found) == sorted(raws)
    for raw, (kind, (_, rules)) in zip(raws, expected.items(), strict=True):
        broken, partition, run = found[raw]
        assert sorted(broken.split("; ")) == rules, kind
        assert (partition, run) == (DAY, result.run_id)
    assert platform.sql("SELECT count(*) FROM silver.yts_movies") == [(600,)]
    conserved = evaluation(result, "conservation")
    fates = ("read", "kept", "quarantined", "duplicate")
    counts = [conserved.metadata[f"rows_{fate}"].value for fate in fates]
    assert counts == [600 + len(raws), 600, len(raws), 0]


@pytest.mark.slow
@pytest.mark.parametrize("unix", [10**14, 10**17, -(10**14)])
def test_a_date_beyond_all_calendars_is_quarantined(platform, yts, unix):
    deliver(yts, bad(date_uploaded_unix=unix, torrents=[]))
    platform.run(DAY, select=STEPS)
    ((broken, *_),) = quarantine(platform).values()
    assert "date_uploaded_unix: not a number" in broken


def test_every_kind_of_odd_movie_is_kept_and_cleaned(platform, yts):
    expected = {}
    payloads = []
    for number, (payload, values) in enumerate(KEPT.values(), BAD):
        as_sent = str(number) if isinstance(payload["id"], str) else number
        payloads.append({**payload, "id": as_sent})
        expected[number] = {**values, "movie_id": number}
    deliver(yts, *payloads, sound=1)
    platform.run(DAY, select=STEPS)
    for number, values in expected.items():
        query = f"SELECT {', '.join(values)} FROM silver.yts_movies WHERE movie_id = {number}"
        assert platform.sql(query) == [tuple(values.values())], [*KEPT][number - BAD]
    assert quarantine(platform) == {}


@pytest.mark.slow
def test_of_one_id_with_two_contents_in_a_run_one_is_kept_and_the_other_counted(platform, yts):
    first, second = bad(title="First"), bad(title="Second")
    titles = []
    for listed in ([first, second], [second, first]):
        deliver(yts, *listed, sound=1)
        result = platform.run(DAY, select=STEPS)
        titles += platform.sql(f"SELECT title FROM silver.yts_movies WHERE movie_id = {BAD}")
        conserved = evaluation(result, "conservation")
        assert conserved.passed
        assert conserved.metadata["rows_duplicate"].value == 1
    assert titles[0] == titles[1], "for any order of pages"
    assert platform.sql("SELECT count(*) FROM bronze.yts_movies") == [(3,)], "both are kept there"


@pytest.mark.slow
def test_a_movie_that_is_mended_leaves_quarantine(platform, yts):
    deliver(yts, bad(rating=11))
    platform.run(DAY, select=STEPS)
    assert len(quarantine(platform)) == 1
    deliver(yts, bad(rating=8.1))
    platform.run(DAY, select=STEPS)
    assert quarantine(platform) == {}
    assert platform.sql(f"SELECT rating FROM silver.yts_movies WHERE movie_id = {BAD}") == [(8.1,)]


def test_a_share_of_bad_movies_up_to_five_percent_warns_and_gold_is_updated(platform, yts):
    deliver(yts, bad(rating=11), sound=19)
    result = platform.run(DAY, select=[*STEPS, "gold/dim_movie"])
    warned = evaluation(result, "quarantine")
    assert not warned.passed
    assert warned.severity == dg.AssetCheckSeverity.WARN
    assert platform.sql("SELECT count(*) FROM gold.dim_movie") == [(19,)]


@pytest.mark.slow
def test_a_larger_share_blocks_gold_and_says_why(platform, yts):
    deliver(yts, sound=19)
    steps = [*STEPS, "gold/dim_movie"]
    platform.run(DAY, select=steps)
    deliver(yts, bad(rating=11), sound=18)
    result = platform.run(DAY, select=steps, raise_on_error=False)
    assert not result.success
    blocked = evaluation(result, "quarantine")
    assert blocked.severity == dg.AssetCheckSeverity.ERROR
    assert "1 row: rating more than 10, such as 11. " in str(blocked.description)
    assert "quarantine.yts_movies" in str(blocked.description)
    assert platform.sql("SELECT count(*) FROM gold.dim_movie") == [(19,)], "as it was"
    assert json.loads(next(iter(quarantine(platform))))["id"] == BAD


@pytest.mark.slow
@pytest.mark.parametrize("text", ["not json", "[1, 2]", "null", '"text"', "{", ""])
def test_a_row_that_is_no_movie_at_all_is_quarantined(platform, yts, text):
    (row,) = [yts.row(bad(), day=date.fromisoformat(DAY))]
    deliver(yts)
    yts.movies_listed.append(row._replace(payload=text, movie_id=None))
    platform.run(DAY, select=STEPS)
    assert [*quarantine(platform)] == [text]
