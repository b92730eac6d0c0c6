"""The fictional catalogue is deterministic, plausible, and as odd as the real one."""

import json
import re
import time
import unicodedata
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from statistics import mean, stdev
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from movies_assets.sources.yts.sample import Catalogue, Shifting
from movies_assets_tests.places import RECORDED
from movies_assets_tests.sources.yts.catalogues import Patched, RecordedCatalogue

LAST_DAY = date(2025, 4, 2)
FOLDER = RECORDED / "yts"
# ruff: noqa: SIM905 - reads better than one quoted name a line
KEYS = (
    "id url imdb_code title title_english title_long slug year rating runtime genres summary "
    "description_full synopsis yt_trailer_code language mpa_rating background_image "
    "background_image_original small_cover_image medium_cover_image large_cover_image state "
    "torrents date_uploaded date_uploaded_unix"
).split()
TORRENT_KEYS = (
    "url hash quality type seeds peers size size_bytes date_uploaded date_uploaded_unix"
).split()


@pytest.fixture(scope="module")
def catalogue():
    return Catalogue(2000, LAST_DAY)


def all_of(catalogue):
    return [catalogue[position] for position in range(len(catalogue))]


@pytest.fixture(scope="module")
def of_last_day(catalogue):
    return all_of(catalogue)


@pytest.fixture(scope="module")
def with_works():
    """The movies of a day up to which many are works of the sample's world."""
    return all_of(Catalogue(2000, date(2025, 10, 31)))


@pytest.fixture(scope="module", params=["of_last_day", "with_works"])
def movies(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def big():
    return Catalogue(74_000, LAST_DAY)


def uploaded(movie):
    return movie["date_uploaded_unix"] or movie["torrents"][0]["date_uploaded_unix"]


def texts(catalogue, count):
    return [catalogue.json(position) for position in range(count)]


# Determinism


def test_equal_arguments_make_equal_bytes():
    assert texts(Catalogue(2000, LAST_DAY), 100) == texts(Catalogue(2000, LAST_DAY), 100)


def test_another_seed_makes_another_catalogue(catalogue):
    assert texts(Catalogue(2000, LAST_DAY, seed=2), 50) != texts(catalogue, 50)


def test_a_bigger_catalogue_is_a_smaller_one_and_older_movies(catalogue, big):
    # The oldest five percent may spell the language in the old style.
    smaller = texts(catalogue, 1800)
    known = set(catalogue.ids.tolist())
    common = [position for position in range(2000) if int(big.ids[position]) in known]
    assert [big.json(position) for position in common[:1800]] == smaller
    assert len(common) > 1950


def test_a_later_last_day_is_an_earlier_one_and_newer_movies(catalogue):
    later = Catalogue(2030, LAST_DAY + timedelta(days=1))
    before = Catalogue(2030, LAST_DAY + timedelta(days=1), as_of=datetime(2025, 4, 3, tzinfo=UTC))
    assert len(later) > len(before)
    assert texts(before, 1800) == texts(catalogue, 1800)


def test_the_catalogue_stays_the_same_over_versions_of_its_libraries(catalogue):
    assert (catalogue[0]["id"], catalogue[0]["title_long"]) == (
        512738,
        "Hexley: The Hushed Painter (1998)",
    )


# Size and density


@pytest.mark.parametrize("count", [1, 500, 2000, 74_000])
def test_a_catalogue_has_exactly_as_many_movies_as_asked_for(count):
    assert len(Catalogue(count, LAST_DAY)) == count


@pytest.mark.parametrize(("count", "days"), [(2000, 100), (74_000, 3650)])
def test_about_20_movies_a_day(count, days):
    at = Catalogue(count, LAST_DAY).uploaded_unix
    assert (at.max() - at.min()) / 86_400 == pytest.approx(days, rel=0.05)


def test_days_differ_and_some_are_empty(catalogue):
    days, counts = np.unique(catalogue.uploaded_unix // 86_400, return_counts=True)
    assert days[-1] - days[0] >= len(days)
    assert counts.max() > 35
    assert 5 < counts.std() < 12


def test_all_uploads_are_before_the_end_of_the_last_day(big):
    assert big.uploaded_unix.max() < datetime(2025, 4, 3, tzinfo=UTC).timestamp()
    assert big.uploaded_unix.max() > datetime(2025, 4, 1, 12, tzinfo=UTC).timestamp()


def test_more_movies_than_the_timeline_holds_are_refused():
    with pytest.raises(ValueError, match="possible"):
        Catalogue(10_000_000, LAST_DAY)


def test_no_movies_at_all_are_refused():
    with pytest.raises(ValueError, match="from 1 to"):
        Catalogue(0, LAST_DAY)


def test_building_a_catalogue_is_fast():
    begin = time.perf_counter()
    Catalogue(74_000, LAST_DAY)
    assert time.perf_counter() - begin < 1


# Order


@pytest.mark.parametrize("offset", [0, 7, 23, 41])
def test_each_page_of_50_holds_one_to_three_date_inversions(big, offset):
    later = np.diff(big.uploaded_unix) > 0
    pages = Counter(
        int(later[start : start + 49].sum()) for start in range(offset, len(big) - 50, 50)
    )
    assert set(pages) <= {1, 2, 3}


def test_a_movie_is_at_most_17_hours_out_of_order(big):
    newest_behind = np.maximum.accumulate(big.uploaded_unix[::-1])[::-1]
    displaced = (newest_behind - big.uploaded_unix).max() / 3600
    assert 10 < displaced <= 17.5


def test_late_every_3_makes_as_many_inversions_as_the_busiest_recorded_page():
    busy = Catalogue(2000, LAST_DAY, late_every=3).uploaded_unix
    pages = [int((np.diff(busy[start : start + 50]) > 0).sum()) for start in range(0, 1950, 50)]
    assert 10 < mean(pages) < 22


def test_ids_increase_with_gaps_along_the_order_but_for_small_swaps(catalogue):
    steps = -np.diff(catalogue.ids)
    assert 1.1 < (catalogue.ids.max() - catalogue.ids.min()) / len(catalogue) < 1.4
    assert 0.9 < (steps > 0).mean() < 0.99


# Re-uploads


def test_about_one_movie_in_a_hundred_was_uploaded_again(big):
    oldest_first = big.ids[::-1]
    far_behind = oldest_first < np.maximum.accumulate(oldest_first) - 60
    assert 0.005 < far_behind.mean() < 0.02


def test_a_reupload_moves_a_movies_date_and_place_and_keeps_its_id():
    now = Catalogue(2000, LAST_DAY)
    before = Catalogue(2000, LAST_DAY, as_of=datetime(2025, 3, 20, tzinfo=UTC))
    date_now = dict(zip(now.ids.tolist(), now.uploaded_unix.tolist(), strict=True))
    date_before = dict(zip(before.ids.tolist(), before.uploaded_unix.tolist(), strict=True))
    moved = [movie for movie, at in date_before.items() if date_now[movie] != at]
    assert moved
    cutoff = datetime(2025, 3, 20, tzinfo=UTC).timestamp()
    for movie in moved:
        assert date_before[movie] < cutoff <= date_now[movie]
        assert date_now[movie] - date_before[movie] > 86_400
        neighbours = now.uploaded_unix[np.flatnonzero(now.ids == movie)[0] :][:3]
        assert abs(neighbours - date_now[movie]).max() < 2 * 86_400


def test_a_reuploaded_movie_is_the_same_movie_with_new_dates():
    as_of = datetime(2025, 3, 20, tzinfo=UTC)
    now, before = Catalogue(2000, LAST_DAY), Catalogue(2000, LAST_DAY, as_of=as_of)
    old = {int(movie): position for position, movie in enumerate(before.ids)}
    position = next(
        p
        for p, movie in enumerate(now.ids.tolist())
        if movie in old and now.uploaded_unix[p] != before.uploaded_unix[old[movie]]
    )
    new_row, old_row = now[position], before[old[int(now.ids[position])]]
    differing = {key for key in KEYS if new_row[key] != old_row[key]}
    assert differing <= {"torrents", "date_uploaded", "date_uploaded_unix"}
    assert differing


def test_as_of_shows_no_movie_of_later():
    as_of = datetime(2025, 3, 20, 12, tzinfo=UTC)
    before = Catalogue(2000, LAST_DAY, as_of=as_of)
    assert before.uploaded_unix.max() < as_of.timestamp() == before.server_time
    assert 1500 < len(before) < 1900


def test_as_of_the_end_is_the_catalogue_itself(catalogue):
    end = Catalogue(2000, LAST_DAY, as_of=datetime(2025, 4, 3, tzinfo=UTC))
    assert texts(end, 60) == texts(catalogue, 60)


def test_an_instant_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        Catalogue(500, LAST_DAY, as_of=datetime(2025, 3, 20))  # noqa: DTZ001


def test_each_movie_is_listed_once(big):
    assert len(np.unique(big.ids)) == len(big)


# Rows


def test_a_movie_has_the_keys_of_the_wire_format_in_their_order(movies):
    assert all(list(movie) == KEYS for movie in movies)
    assert all(list(torrent) == TORRENT_KEYS for movie in movies for torrent in movie["torrents"])


@pytest.mark.recorded
@pytest.mark.skipif(not FOLDER.exists(), reason="no recordings here")
def test_keys_and_types_are_those_of_the_recordings(movies):
    recorded = [
        movie
        for path in FOLDER.glob("list_movies_*.json")
        for movie in json.loads(path.read_text())["data"]["movies"]
    ]
    assert all(list(movie) == KEYS for movie in recorded)
    for key in KEYS:
        types = {type(movie[key]) for movie in movies} - {type(None)}
        assert types == {type(movie[key]) for movie in recorded}
    torrents = [torrent for movie in movies for torrent in movie["torrents"]]
    for torrent in (torrent for movie in recorded for torrent in movie["torrents"]):
        assert [(key, type(value)) for key, value in torrent.items()] == [
            (key, type(value)) for key, value in torrents[0].items()
        ]


def test_json_is_of_realistic_size(catalogue):
    assert 2000 < mean(len(text.encode()) for text in texts(catalogue, 200)) < 3000


def test_ratings_are_int_or_float_around_6_with_rare_ones_above_8_5(movies):
    ratings = [movie["rating"] for movie in movies if movie["rating"]]
    assert {type(rating) for rating in ratings} == {int, float}
    assert not any(isinstance(rating, float) and rating.is_integer() for rating in ratings)
    assert mean(ratings) == pytest.approx(6.2, abs=0.1)
    assert stdev(ratings) == pytest.approx(1.2, abs=0.1)
    assert 8.5 < max(ratings) <= 9.5


def share(movies, condition):
    return sum(map(condition, movies)) / len(movies)


def test_about_one_rating_and_one_runtime_in_twenty_are_unknown(movies):
    assert share(movies, lambda movie: movie["rating"] == 0) == pytest.approx(0.05, abs=0.02)
    assert share(movies, lambda movie: movie["runtime"] == 0) == pytest.approx(0.05, abs=0.02)


def test_runtimes_are_15_to_240_minutes(movies):
    runtimes = [movie["runtime"] for movie in movies if movie["runtime"]]
    assert 15 <= min(runtimes) < 40
    assert 140 < max(runtimes) <= 240
    assert 85 < mean(runtimes) < 105


def test_years_begin_in_1920_and_most_are_recent(movies):
    years = [movie["year"] for movie in movies]
    assert 1920 <= min(years) < 1930
    assert max(years) == LAST_DAY.year
    assert share(years, lambda year: year >= 2015) > 0.5


def test_genres_are_one_to_four_sorted_or_null(movies):
    genres = [movie["genres"] for movie in movies]
    assert 0.005 < share(genres, lambda names: names is None) < 0.03
    known = [names for names in genres if names is not None]
    assert {len(names) for names in known} == {1, 2, 3, 4}
    assert all(names == sorted(set(names)) for names in known)
    counts = Counter(name for names in known for name in names)
    assert len(counts) == 24
    assert counts.most_common(1)[0][0] == "Drama"


def test_languages_are_mostly_english_and_many_others(movies):
    languages = Counter(movie["language"] for movie in movies)
    assert 0.6 < (languages["en"] + languages["English"]) / len(movies) < 0.85
    assert len(languages) >= 15
    assert all(re.fullmatch("[a-z]{2}|English", language) for language in languages)


def test_only_some_of_the_oldest_movies_spell_the_language_in_the_old_style(movies):
    positions = [p for p, movie in enumerate(movies) if movie["language"] == "English"]
    assert len(positions) > 10
    assert share(positions, lambda position: position > 1850) > 0.9


def test_most_age_ratings_and_many_trailers_are_empty(movies):
    assert 0.75 < share(movies, lambda movie: movie["mpa_rating"] == "") < 0.95
    assert 0.3 < share(movies, lambda movie: movie["yt_trailer_code"] == "") < 0.5
    assert all(re.fullmatch(r"[\w-]{11}|", movie["yt_trailer_code"]) for movie in movies)


def test_upload_dates_are_the_servers_local_time_of_the_instant(movies):
    zone = ZoneInfo("Europe/Berlin")
    for row in (row for movie in movies for row in (movie, *movie["torrents"])):
        if row["date_uploaded_unix"] is not None:
            local = datetime.fromtimestamp(row["date_uploaded_unix"], zone)
            assert row["date_uploaded"] == f"{local:%Y-%m-%d %H:%M:%S}"


def test_some_dates_are_null_and_then_the_first_torrents_date_holds(of_last_day, catalogue):
    undated = [movie for movie in of_last_day if movie["date_uploaded_unix"] is None]
    assert 5 < len(undated) < 60
    assert all(movie["date_uploaded"] is None for movie in undated)
    assert [uploaded(movie) for movie in of_last_day] == catalogue.uploaded_unix.tolist()


def test_codes_and_torrent_hashes_are_unique(movies):
    assert len({movie["imdb_code"] for movie in movies}) == len(movies)
    assert all(re.fullmatch(r"tt\d{8}", movie["imdb_code"]) for movie in movies)
    hashes = [torrent["hash"] for movie in movies for torrent in movie["torrents"]]
    assert len(set(hashes)) == len(hashes)
    assert all(re.fullmatch("[0-9A-F]{40}", hash_) for hash_ in hashes)


def test_torrents_are_one_to_three_with_rising_quality(movies):
    qualities = Counter(tuple(t["quality"] for t in movie["torrents"]) for movie in movies)
    assert {len(names) for names in qualities} == {1, 2, 3}
    assert all(
        torrent["size"].endswith((" MB", " GB")) and torrent["size_bytes"] > 10**8
        for movie in movies
        for torrent in movie["torrents"]
    )


def test_every_address_is_under_a_reserved_domain(catalogue):
    for text in texts(catalogue, 500):
        addresses = re.findall(r"https?://[^/\"]+", text)
        assert addresses
        assert set(addresses) == {"https://movies.invalid"}


def test_titles_are_varied(movies):
    assert len({movie["title"] for movie in movies}) > 0.97 * len(movies)


def test_slugs_are_plain(movies):
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*-\d{4}", movie["slug"]) for movie in movies)


def test_the_long_title_ends_with_the_year(movies):
    assert all(m["title_long"] == f"{m['title']} ({m['year']})" for m in movies)


@pytest.mark.parametrize("mark", ['"', ",", ":", "'"])
def test_some_titles_hold_punctuation_that_breaks_careless_readers(movies, mark):
    assert share(movies, lambda movie: mark in movie["title"]) > 0.01


@pytest.mark.parametrize(
    "name", ["WITH ACUTE", "CJK UNIFIED", "HIRAGANA", "HANGUL", "ARABIC", "HEBREW", "CYRILLIC"]
)
def test_some_titles_are_written_in_other_scripts(movies, name):
    letters = {letter for movie in movies for letter in movie["title"]}
    assert any(name in unicodedata.name(letter, "") for letter in letters)


def test_some_titles_hold_emoji(movies):
    assert any(ord(letter) > 0xFFFF for movie in movies for letter in movie["title"])


def test_english_titles_use_the_right_article(movies):
    assert not [
        movie["title_english"]
        for movie in movies
        if re.search(r"\b[Aa] [AEIOU]|\b[Aa]n [^AEIOUH]", movie["title_english"])
    ]


def test_the_three_descriptions_are_a_few_sentences(movies):
    told = [movie for movie in movies if movie["summary"]]
    assert 0.95 < len(told) / len(movies) < 1
    assert all(m["summary"] == m["description_full"] == m["synopsis"] for m in movies)
    assert 200 < mean(len(movie["summary"]) for movie in told) < 500
    assert not any("{" in movie["summary"] + movie["title"] for movie in movies)


# The other lists of movies


def test_the_claimed_count_overstates(catalogue, big):
    assert catalogue.movie_count == 2003
    assert big.movie_count == 74_074


def test_recorded_movies_stay_as_they_are(movies):
    recorded = RecordedCatalogue(movies[:3], movie_count=7)
    assert [json.loads(recorded.json(position)) for position in range(3)] == movies[:3]
    assert (len(recorded), recorded.movie_count) == (3, 7)


def test_a_patch_replaces_keys_or_the_whole_movie_and_adds_others(movies):
    def without_year(movie):
        return {key: value for key, value in movie.items() if key != "year"}

    first, second, third = movies[:3]
    patched = Patched(
        RecordedCatalogue(movies[:3]),
        {first["id"]: {"year": 4000}, second["id"]: without_year},
        added=[{"id": 1}],
    )
    assert len(patched) == patched.movie_count == 4
    assert [patched[p] for p in range(4)] == [
        {"id": 1},
        first | {"year": 4000},
        without_year(second),
        third,
    ]


def test_a_shifting_catalogue_publishes_what_it_held_back(catalogue, of_last_day):
    shifting = Shifting(catalogue, hold_back=2)
    assert (len(shifting), shifting.movie_count, shifting[0]) == (1998, 2001, of_last_day[2])
    shifting.publish()
    assert (len(shifting), shifting[0], shifting[1]) == (1999, of_last_day[1], of_last_day[2])
    shifting.publish()
    shifting.publish()
    assert (len(shifting), shifting[0]) == (2000, of_last_day[0])


def test_a_shifting_catalogue_moves_a_reupload_to_the_front(catalogue, of_last_day):
    shifting = Shifting(catalogue)
    shifting.reupload(100)
    moved = json.loads(shifting.json(0))
    assert (len(shifting), moved["id"], shifting[101]) == (
        2000,
        of_last_day[100]["id"],
        of_last_day[101],
    )
    assert uploaded(moved) == uploaded(of_last_day[0]) + 60
