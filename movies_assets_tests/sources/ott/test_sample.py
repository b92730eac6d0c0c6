"""The fictional streaming service is believable, as odd as real ones, and the same everywhere."""

import csv
import io
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from time import process_time

import numpy as np
import pytest
from click.testing import CliRunner

from movies_assets.sample.__main__ import main
from movies_assets.sample.spellings import normalised
from movies_assets.sources.ott.sample import (
    TITLE_COLUMNS,
    VIEW_COLUMNS,
    deliver_all,
    deliver_titles,
    deliver_users,
    deliver_views,
)
from movies_assets.sources.ott.sample_titles import catalogue
from movies_assets.sources.ott.sample_users import GENRES, Users
from movies_assets.sources.ott.sample_views import VIEW_DAYS, Events, Viewership
from movies_assets.sources.ott.users_api import COLUMNS as USER_COLUMNS

LAST_DAY = date(2025, 10, 31)
FIRST_DAY = date(2025, 10, 2)
CP1252, EMPTY, MISSING = date(2025, 10, 16), date(2025, 10, 13), date(2025, 10, 19)
SIZES = {"users": 300, "titles": 240, "views": 9_000}
FEWEST = {"users": 50, "titles": 40, "views": 100}
# Of all content of the default service: on any machine.
DIGESTS = {
    "titles": "a41733e310e1104b",
    "views": "da75c3246ab33244",
    "users": "8dbdcff0f6dbd19f",
}
DELIVER = {"titles": deliver_titles, "views": deliver_views, "users": deliver_users}
IN_WORDS = re.compile(r"[A-Z][a-z]+ \d{1,2}, \d{4}")


def digests(folder):
    return {
        name: sha256(
            b"".join(
                str(path.relative_to(folder)).encode() + path.read_bytes()
                for path in sorted((folder / name).rglob("*.csv"))
            )
        ).hexdigest()[:16]
        for name in DIGESTS
    }


def parse(path):
    special = path.match(f"titles/{CP1252}/*")
    text = path.read_bytes().decode("cp1252" if special else "utf-8")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if special else ",")
    return list(rows)


def by_day(folder):
    return {
        date.fromisoformat(path.parent.name): parse(path) for path in sorted(folder.rglob("*.csv"))
    }


def day_of(text):
    if IN_WORDS.fullmatch(text.replace(".", ",")):
        return datetime.strptime(text.replace(".", ","), "%B %d, %Y").date()  # noqa: DTZ007
    return date.fromisoformat(text)


def some(found, most=8):
    """Whether there are some, but not many."""
    return 1 <= len(found) <= most


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ott")
    assert len(list(deliver_all(folder, last_day=LAST_DAY, **SIZES))) == 28 + 29 + 29
    return folder


@pytest.fixture(scope="module")
def titles(folder):
    """The rows of the catalogue by day."""
    return by_day(folder / "titles")


@pytest.fixture(scope="module")
def listed(titles):
    return [row for rows in titles.values() for row in rows]


@pytest.fixture(scope="module")
def views(folder):
    """The events by day; torn ones lack a moment or a title."""
    return by_day(folder / "views")


@pytest.fixture(scope="module")
def watched(views):
    """The events whose lines are whole."""
    return [row for rows in views.values() for row in rows if row["minutes"]]


@pytest.fixture(scope="module")
def users(folder):
    """The users by day."""
    return by_day(folder / "users")


@pytest.fixture(scope="module")
def world():
    """Users, titles and all events of a service that is large enough to measure."""
    users = Users(1_000, LAST_DAY)
    titles = catalogue(last_day=LAST_DAY, titles=800)
    chunks = list(Viewership(users, titles, 40_000).chunks())
    return users, titles, Events(*map(np.concatenate, zip(*chunks, strict=True)))


# The same everywhere


def test_the_same_seed_gives_the_same_bytes(folder):
    assert digests(folder) == DIGESTS


def test_another_seed_gives_others(folder, tmp_path):
    list(deliver_all(tmp_path, last_day=LAST_DAY, seed=2, **SIZES))
    one, other = digests(folder), digests(tmp_path)
    assert all(one[name] != other[name] for name in one)


def test_the_default_sizes_take_well_under_a_second(tmp_path):
    begin = process_time()
    list(deliver_all(tmp_path, last_day=LAST_DAY, **SIZES))
    assert process_time() - begin < 1


def test_events_do_not_depend_on_how_many_are_computed_at_once(world, monkeypatch):
    users, titles, events = world
    monkeypatch.setattr("movies_assets.sources.ott.sample_views.CHUNK", 10_000)
    chunks = list(Viewership(users, titles, 40_000).chunks())
    parts = Events(*map(np.concatenate, zip(*chunks, strict=True)))
    assert len(chunks) == 4
    assert (parts.user == events.user).all()
    # Except the users at the seams, who may see a title again.
    assert (parts.title != events.title).mean() < 0.01


@pytest.mark.parametrize("name", ["users", "titles", "views"])
@pytest.mark.parametrize("beyond", ["fewest", "most"])
def test_a_size_that_cannot_be_is_refused(tmp_path, name, beyond):
    most = {"users": 1_000_000, "titles": 100_000, "views": 100_000_000}
    size = FEWEST[name] - 1 if beyond == "fewest" else most[name] + 1
    allowed = f"from {FEWEST[name]} to {most[name]:,} are possible"
    with pytest.raises(ValueError, match=rf"{size} {name}: {allowed}"):
        list(deliver_all(tmp_path, last_day=LAST_DAY, **(SIZES | {name: size})))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_smallest_service_has_no_line_that_is_broken(tmp_path):
    list(deliver_all(tmp_path, last_day=LAST_DAY, **FEWEST))
    rows = [row for rows in by_day(tmp_path / "views").values() for row in rows]
    assert len(rows) >= 100
    assert all(int(row["minutes"]) > 0 for row in rows)
    listed = [row for rows in by_day(tmp_path / "titles").values() for row in rows]
    assert len({row["Title"] for row in listed}) >= 40
    assert all(row["Title"] and row["Runtime"] not in {"0", "4000"} for row in listed)


@pytest.mark.slow
def test_millions_of_events_take_seconds(tmp_path):
    begin = process_time()
    deliver_views(tmp_path, last_day=LAST_DAY, users=100_000, titles=20_000, views=5_000_000)
    assert process_time() - begin < 60


# Files


def test_titles_arrive_on_all_days_but_two(titles):
    assert (min(titles), max(titles)) == (FIRST_DAY, LAST_DAY)
    assert len(titles) == 28


def test_half_of_the_titles_are_the_first_delivery(titles):
    assert len(titles[FIRST_DAY]) == 120 + 3
    later = [len(rows) for day, rows in titles.items() if day != FIRST_DAY]
    assert 3 <= min(later) <= max(later) <= 9


def test_titles_arrive_soon_after_they_were_added(titles):
    new = [(day, row) for day, rows in titles.items() for row in rows if day != FIRST_DAY]
    age = [(day - day_of(row["Added Date"])).days for day, row in new]
    assert min(age) == 0
    assert sum(days < 3 for days in age) > 100


def test_one_day_is_of_another_encoding_separator_and_line_end(folder, titles):
    odd = (folder / "titles" / str(CP1252) / "titles.csv").read_bytes()
    assert odd.startswith(b"Title;Genre;Premiere;Added Date;Runtime;IMDb Score;Views;Language\r\n")
    assert odd.count(b"\r\n") == odd.count(b"\n") == len(titles[CP1252]) + 1
    with pytest.raises(UnicodeDecodeError):
        odd.decode()
    assert all("l\u2019été" in row["Title"] for row in titles[CP1252])


def test_the_other_days_are_plain(folder):
    for path in folder.rglob("*.csv"):
        if path.parent.name != str(CP1252):
            content = path.read_bytes()
            assert b"\r" not in content
            assert not content.startswith(b"\xef\xbb\xbf")
            header = {"titles": TITLE_COLUMNS, "views": VIEW_COLUMNS, "users": USER_COLUMNS}
            assert content.decode().startswith(",".join(header[path.parts[-3]]) + "\n")


def test_one_day_has_no_events_and_one_has_no_file(views):
    assert views[EMPTY] == []
    assert MISSING not in views
    assert len(views) == 29
    assert all(len(rows) > 100 for day, rows in views.items() if day != EMPTY)


def test_users_are_kept_of_each_day_but_the_last(users):
    assert list(users) == [FIRST_DAY + timedelta(n) for n in range(29)]


@pytest.mark.parametrize("name", DELIVER)
def test_files_that_are_there_are_left_as_they_are(tmp_path, name):
    first, second, *others = DELIVER[name](tmp_path, last_day=LAST_DAY)
    assert len(others) > 25
    content = second.read_bytes()
    first.write_bytes(b"changed")
    second.unlink()
    assert DELIVER[name](tmp_path, last_day=LAST_DAY) == [second]
    assert (first.read_bytes(), second.read_bytes()) == (b"changed", content)
    assert DELIVER[name](tmp_path, last_day=LAST_DAY) == []


@pytest.mark.parametrize("name", ["titles", "views"])
def test_files_arrive_day_by_day(folder, tmp_path, name):
    today = date(2025, 10, 15)
    before = DELIVER[name](tmp_path / name, last_day=LAST_DAY, as_of=today)
    assert max(path.parent.name for path in before) == str(today)
    then = DELIVER[name](tmp_path / name, last_day=LAST_DAY, as_of=today + timedelta(1))
    assert [path.parent.name for path in then] == ["2025-10-16"]
    for path in before + then:
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize("name", DELIVER)
def test_a_file_is_as_old_as_its_day(folder, name):
    for path in (folder / name).rglob("*.csv"):
        assert str(datetime.fromtimestamp(path.stat().st_mtime, UTC)).startswith(path.parent.name)


def test_events_that_cannot_be_written_leave_no_file(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("full")

    monkeypatch.setattr("movies_assets.sources.ott.sample._Script.write", fail)
    with pytest.raises(OSError, match="full"):
        deliver_views(tmp_path, last_day=LAST_DAY)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# Believable


def test_titles_have_one_or_two_of_fourteen_genres(listed):
    genres = [row["Genre"].split("/") for row in listed if row["Genre"]]
    assert {len(own) for own in genres} == {1, 2}
    assert {genre for own in genres for genre in own} == set(GENRES)
    assert len(GENRES) == 14


def test_titles_have_names_of_their_own_but_for_the_remake():
    names = [normalised(title.name) for title in catalogue(last_day=LAST_DAY, titles=4_000)]
    counts = Counter(Counter(names).values())
    assert counts == {1: 4_000 - 2 * 10, 2: 10}


def test_good_titles_are_watched_more(world):
    _, titles, events = world
    counts = np.bincount(events.title, minlength=len(titles))
    assert rank_correlation([title.score for title in titles], counts) > 0.7


def test_a_weighted_score_ranks_a_genre_nearly_as_popularity_does(world):
    _, titles, events = world
    counts = np.bincount(events.title, minlength=len(titles))
    scores = np.array([title.score / 10 for title in titles])
    enough = np.quantile(counts, 0.6)
    weighted = (counts * scores + enough * scores.mean()) / (counts + enough)
    for genre in GENRES:
        own = [title.number for title in titles if genre in title.genres]
        best, popular = (
            set(sorted(own, key=ranking.__getitem__)[-10:]) for ranking in (weighted, counts)
        )
        assert len(best & popular) >= 6


def test_views_follow_a_power_law_over_titles_and_users(world):
    users, titles, events = world
    for number, count in ((events.title, len(titles)), (events.user, len(users))):
        counts = np.sort(np.bincount(number, minlength=count))[::-1]
        assert 0.25 < counts[: count // 10].sum() / counts.sum() < 0.6
        ranks = np.arange(count // 20, count // 2)
        slope, _ = np.polyfit(np.log(ranks), np.log(counts[ranks]), 1)
        assert -1.4 < slope < -0.5


def test_three_quarters_of_the_views_are_of_the_genres_that_a_user_likes(world):
    users, titles, events = world
    tastes, counts = users.tastes()
    likes = [set(own[:n]) for own, n in zip(tastes.tolist(), counts.tolist(), strict=True)]
    genres = [{GENRES.index(genre) for genre in title.genres} for title in titles]
    pairs = list(zip(events.user.tolist(), events.title.tolist(), strict=True))
    assert 0.7 < np.mean([bool(likes[user] & genres[title]) for user, title in pairs]) < 0.82
    # Of any other user's genres there are far fewer.
    assert np.mean([bool(likes[user - 1] & genres[title]) for user, title in pairs]) < 0.45


def test_the_tastes_show_in_the_files(users, listed, watched):
    prefers = {u["user_id"]: set(u["preferred_genres"].split("|")) for u in users[max(users)]}
    genres = {normalised(row["Title"]): set(row["Genre"].split("/")) for row in listed}
    hits = [
        bool(prefers[view["user_id"]] & genres.get(normalised(view["title"]), set()))
        for view in watched
        if prefers.get(view["user_id"], {""}) != {""}
    ]
    assert 0.7 < np.mean(hits) < 0.82


def test_users_prefer_up_to_four_genres_and_a_tenth_has_none(world):
    users, _, _ = world
    counts = Counter(len(user.genres) for user in users.people(np.arange(len(users))))
    assert set(counts) == {0, 1, 2, 3, 4}
    assert 60 < counts[0] < 140


def test_some_titles_are_seen_again(world):
    _, titles, events = world
    seen = np.unique(events.user * len(titles) + events.title)
    assert 0.03 < 1 - len(seen) / len(events.user) < 0.2


def test_users_watch_between_signing_up_and_leaving(world):
    users, _, events = world
    day = VIEW_DAYS[events.slot]
    assert (day >= users.signed_up[events.user]).all()
    assert (day < users.left[events.user]).all()


def test_titles_are_watched_when_they_are_there(world):
    users, titles, events = world
    day = VIEW_DAYS[events.slot]
    gone = users.left[events.user] < 30
    assert (day >= np.array([title.arrives for title in titles])[events.title])[~gone].all()
    premieres = np.array([(title.premiere - FIRST_DAY).days for title in titles])
    assert (day >= premieres[events.title])[~gone].all()


def test_events_arrive_on_their_day_or_a_little_later(views):
    delays = Counter(
        (day - date.fromisoformat(row["watched_at"][:10])).days
        for day, rows in views.items()
        for row in rows
        if row["minutes"]
    )
    # A day without a file is one more.
    assert min(delays) == 0
    assert max(delays) <= 4
    assert delays[0] > 8_000
    assert some([1] * (delays.total() - delays[0]), most=500)


def test_moments_are_written_in_two_ways(watched):
    iso = [row for row in watched if re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", row["watched_at"])]
    plain = [row for row in watched if re.fullmatch(r"[\d-]{10} [\d:]{8}", row["watched_at"])]
    assert len(iso) + len(plain) == len(watched)
    assert min(len(iso), len(plain)) > 2_000


def test_no_view_is_longer_than_the_title(listed, watched):
    runtimes = defaultdict(int)
    for row in listed:
        if row["Runtime"]:
            name = normalised(row["Title"])
            runtimes[name] = max(runtimes[name], int(row["Runtime"]))
    known = [row for row in watched if runtimes[normalised(row["title"])]]
    assert len(known) > 8_000
    assert all(int(row["minutes"]) <= runtimes[normalised(row["title"])] for row in known)
    to_the_end = [int(row["minutes"]) > 0.85 * runtimes[normalised(row["title"])] for row in known]
    assert 0.5 < np.mean(to_the_end) < 0.8


def test_the_catalogue_has_roughly_the_number_of_views_of_a_title(listed, watched):
    counts = Counter(normalised(row["title"]) for row in watched)
    said = {normalised(row["Title"]): int(row["Views"]) for row in listed if row["Title"]}
    often = [name for name in said if counts[name] > 50]
    assert len(often) > 40
    near = [abs(said[name] / counts[name] - 1) < 0.25 for name in often]
    assert np.mean(near) > 0.95  # a remake and its original share a name


# Oddities of the catalogue


@pytest.mark.parametrize(
    "pattern", [r"[A-Z][a-z]+ \d+\. \d{4}", r"\d{4}-\d\d-\d\d", ""], ids=["stop", "iso", "none"]
)
def test_a_few_premieres_are_odd(listed, pattern):
    assert some([row for row in listed if re.fullmatch(pattern, row["Premiere"])])


def test_most_premieres_are_in_words(listed):
    assert len([row for row in listed if IN_WORDS.fullmatch(row["Premiere"])]) > 230


def test_a_few_days_of_adding_are_in_words(listed):
    assert some([row for row in listed if IN_WORDS.fullmatch(row["Added Date"])])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("Runtime", "0"),
        ("Runtime", "4000"),
        ("Runtime", ""),
        ("IMDb Score", "11"),
        ("IMDb Score", "N/A"),
        ("IMDb Score", ""),
        ("Genre", ""),
        ("Language", ""),
        ("Title", ""),
        ("Premiere", ""),
    ],
)
def test_a_few_values_are_missing_or_cannot_be(listed, column, value):
    assert some([row for row in listed if row[column] == value], most=4)


def test_what_cannot_be_is_less_than_a_twentieth_of_the_first_day_and_on_no_other(titles):
    def is_refused(row):
        return (
            row["Runtime"] in {"0", "4000"}
            or row["IMDb Score"] == "11"
            or not (row["Title"] and row["Premiere"])
        )

    refused = {day: [row for row in rows if is_refused(row)] for day, rows in titles.items()}
    assert len(refused.pop(FIRST_DAY)) == 5
    assert not any(refused.values())


def test_a_few_titles_are_listed_twice_in_different_spellings(titles):
    keys = defaultdict(set)
    for row in titles[FIRST_DAY]:
        keys[normalised(row["Title"]), row["Premiere"]].add(row["Title"])
    assert some([names for names in keys.values() if len(names) > 1])
    assert len(keys) == 120


def test_a_remake_has_the_title_of_another_one(listed):
    premieres = defaultdict(set)
    for row in listed:
        if row["Title"] and row["Premiere"]:
            premieres[normalised(row["Title"])].add(day_of(row["Premiere"]))
    (remade,) = [days for days in premieres.values() if len(days) > 1]
    assert max(remade) - min(remade) > timedelta(5_000)


def test_a_few_titles_are_delivered_again_in_a_newer_state(titles):
    seen, again = {}, []
    for rows in titles.values():
        for row in rows:
            key = row["Title"], row["Premiere"]
            again += [(seen[key], row)] if key in seen else []
            seen[key] = row
    assert some(again, most=14)
    for old, new in again:
        assert old["IMDb Score"] != new["IMDb Score"]
        assert int(old["Views"]) <= int(new["Views"])
        same = set(TITLE_COLUMNS) - {"IMDb Score", "Views"}
        assert all(old[column] == new[column] for column in same)


def test_a_title_has_spaces_around_it(listed):
    assert some([row for row in listed if row["Title"] != row["Title"].strip()])


# Oddities of the events


def test_a_few_lines_are_torn(views):
    torn = [row for rows in views.values() for row in rows if not row["minutes"]]
    assert len(torn) == 2 * 18
    for day in views:
        broken = [row for row in views[day] if not row["minutes"]]
        assert len(broken) % 2 == 0
        for first, second in zip(broken[::2], broken[1::2], strict=True):
            assert first["user_id"].isdecimal()
            assert first["watched_at"] is None
            assert second["title"][:4] == "2025"


def test_a_few_minutes_are_negative(watched):
    assert some([row for row in watched if int(row["minutes"]) < 0], most=18)


def test_less_than_a_twentieth_of_a_day_is_broken(views):
    for rows in views.values():
        broken = [row for row in rows if not row["minutes"] or int(row["minutes"]) < 0]
        assert len(broken) <= len(rows) / 40


def test_a_few_events_spell_the_title_otherwise(listed, watched):
    names = {row["Title"] for row in listed}
    by_normal_name = {normalised(name) for name in names}
    other = {
        row["title"]
        for row in watched
        if row["title"] not in names and normalised(row["title"]) in by_normal_name
    }
    assert 20 < len(other) < 120
    assert any(name.isupper() for name in other)
    assert any(name.islower() for name in other)
    assert any("  " in name for name in other)
    assert any("\N{RIGHT SINGLE QUOTATION MARK}" in name for name in other)
    accented = [name for name in names if not name.isascii()]
    assert any(name in other for title in accented for name in [without_accents(title)])


def test_a_few_events_are_of_titles_that_are_in_no_catalogue(watched):
    names = {normalised(t.name) for t in catalogue(last_day=LAST_DAY)}
    unlisted = [row for row in watched if normalised(row["title"]) not in names]
    assert some(unlisted, most=20)
    assert 1 < len({row["title"] for row in unlisted}) <= 5


def test_a_few_events_are_before_the_premiere(listed, watched):
    premieres = {
        normalised(row["Title"]): day_of(row["Premiere"]) for row in listed if row["Premiere"]
    }
    early = [
        row
        for row in watched
        if date.fromisoformat(row["watched_at"][:10])
        < premieres.get(normalised(row["title"]), FIRST_DAY)
    ]
    assert some(early, most=20)


def test_a_few_events_have_unknown_users(users, watched):
    known = {user["user_id"] for day in users.values() for user in day}
    strangers = {row["user_id"] for row in watched} - known
    new = {str(1001 + number) for number in range(300)}
    assert some(strangers - new)


def test_a_few_events_are_delivered_twice_on_the_same_day_and_on_another(views):
    days = defaultdict(list)
    for day, rows in views.items():
        for row in rows:
            if row["minutes"]:
                moment = row["watched_at"].replace("T", " ").rstrip("Z")
                days[row["user_id"], row["title"], moment, row["minutes"]].append(day)
    twice = [found for found in days.values() if len(found) > 1]
    assert some([found for found in twice if found[0] == found[1]], most=18)
    assert some([found for found in twice if found[0] != found[1]], most=18)
    assert len(days) == 9_000 - 18


# Users


def test_users_are_in_the_order_of_their_ids_each_once(users):
    for day, rows in users.items():
        ids = [int(row["user_id"]) for row in rows]
        assert ids == sorted(set(ids))
        assert all(date.fromisoformat(row["signup_date"]) <= day for row in rows)


def test_users_sign_up_and_a_few_leave(users):
    ids = [{row["user_id"] for row in rows} for rows in users.values()]
    assert 250 < len(ids[0]) < len(ids[-1]) < 300
    assert some(set.union(*ids) - ids[-1], most=12)
    last = users[max(users)]
    assert some([row for row in last if row["signup_date"] >= str(FIRST_DAY)], most=50)


def test_a_user_stays_the_same(users):
    rows = {tuple(row.values()) for day in users.values() for row in day}
    assert len(rows) == len({row[0] for row in rows})


def test_emails_differ_and_are_of_no_real_host(users):
    emails = [row["email"] for row in users[max(users)] if row["email"]]
    assert len(set(emails)) == len(emails)
    assert all(email.endswith(".example") for email in emails)


def test_a_few_users_lack_something_or_have_names_that_are_hard(users):
    rows = users[max(users)]
    assert some([row for row in rows if not row["email"]], most=3)
    assert some([row for row in rows if row["email"] and "@" not in row["email"]], most=3)
    assert some([row for row in rows if not row["country"]], most=3)
    assert some([row for row in rows if "'" in row["full_name"]], most=3)
    assert some([row for row in rows if "," in row["full_name"]], most=3)
    assert some([row for row in rows if not row["full_name"].isascii()], most=60)


# The command


def test_the_command_delivers_what_the_functions_do(folder, tmp_path):
    options = ["--folder", str(tmp_path), "--last-day", "2025-10-31"]
    lines = CliRunner().invoke(main, ["ott", *options]).output.splitlines()
    assert len(lines) == 28 + 29 + 29
    assert re.fullmatch(r"titles/2025-10-02/titles.csv: [\d,]+ bytes", lines[0])
    assert digests(tmp_path) == digests(folder)


def test_an_impossible_size_is_an_error_message(tmp_path):
    refused = CliRunner().invoke(main, ["ott", "--folder", str(tmp_path), "--views", "1"])
    assert refused.exit_code == 1
    assert "1 views: from 100 to 100,000,000 are possible" in refused.output


def rank_correlation(one, other):
    ranks = [np.argsort(np.argsort(values, kind="stable")) for values in (one, other)]
    return np.corrcoef(*ranks)[0, 1]


def without_accents(name):
    return name.translate(str.maketrans("àâäçéèêîïôöûüáíóúñåãõžčš", "aaaceeeiioouuaiounaaozcs"))
