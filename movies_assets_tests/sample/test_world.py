"""The works of the sample's world: the same each time, and hard to tell apart on purpose."""

from collections import Counter, defaultdict

import pytest

from movies_assets.sample import world
from movies_assets.sample.titles import RUNTIMES, imdb_code

WORKS = world.works()


def of(difficulty):
    return [work for work in WORKS if difficulty in work.difficulties]


def test_works_are_the_same_each_time_and_of_another_seed_others():
    assert world.works.__wrapped__(1) == WORKS
    assert {work.english for work in world.works(2)} != {work.english for work in WORKS}


def test_the_world_stays_the_same_over_versions_of_its_libraries():
    first = WORKS[0]
    assert (first.english, first.tconst, first.runtime) == (
        "Chidi's Fragile Mountain",
        "tt99900000",
        129,
    )


def test_movies_and_series_of_many_years_are_mostly_recent():
    assert len(WORKS) == world.WORKS == 1_000
    assert 0.6 < len(world.movies()) / len(WORKS) < 0.8
    years = [work.start_year for work in WORKS]
    assert max(years) == world.LAST_YEAR
    assert min(years) < 1940
    assert 0.4 < sum(year >= 2015 for year in years) / len(years) < 0.8


def test_running_times_are_those_of_other_titles_with_room_for_differences():
    for seed in range(4):
        assert max(work.runtime for work in world.works(seed)) + 3 <= max(RUNTIMES)
    assert min(work.runtime for work in world.movies()) >= 60


def test_ids_are_above_all_others_of_the_samples_and_given_once():
    ids = [work.tconst for work in WORKS] + [w.former_tconst for w in WORKS if w.former_tconst]
    assert len(set(ids)) == len(ids)
    assert min(ids) >= f"tt{world.FIRST_ID}"
    numbers = [*range(400_000, 430_000), *(year * 10_000 + 5 for year in range(1900, 2100))]
    assert max(map(imdb_code, numbers)) < f"tt{world.FIRST_ID}"
    assert len({person.nconst for person in world.people()}) == len(world.people())


def test_only_works_that_are_meant_to_share_a_name():
    named = defaultdict(list)
    for work in WORKS:
        named[work.english].append(work)
    shared = [works for works in named.values() if len(works) > 1]
    meant = {work.number for work in of("remake") + of("namesake")}
    assert {work.number for works in shared for work in works} == meant
    assert {len(works) for works in shared} == {2}


def test_remakes_are_years_apart_and_namesakes_at_most_one():
    named = defaultdict(list)
    for work in of("remake") + of("namesake"):
        named[work.english].append(work)
    for first, second in named.values():
        apart = abs(first.start_year - second.start_year)
        assert apart >= 20 if "remake" in first.difficulties else apart <= 1
        assert abs(first.rating - second.rating) > 10
        assert not set(first.directors) & set(second.directors)


def test_some_namesakes_are_of_another_kind_and_some_have_the_same_running_time():
    pairs = list(zip(of("namesake")[::2], of("namesake")[1::2], strict=True))
    assert all(first.english == second.english for first, second in pairs)
    assert any(first.is_series != second.is_series for first, second in pairs)
    assert any(abs(first.runtime - second.runtime) <= 1 for first, second in pairs)


def test_sequels_share_people_and_the_running_time_with_the_first_part():
    for work in of("sequel"):
        first = WORKS[work.number - work.part + 1]
        assert work.stem == first.english != work.english
        assert len(set(work.cast) & set(first.cast)) >= 3
        assert work.directors == first.directors
        assert abs(work.runtime - first.runtime) <= 2
        assert work.start_year > first.start_year


def test_series_run_over_years_and_some_still_do():
    series = [work for work in WORKS if work.is_series]
    assert all(w.start_year <= w.last_year <= (w.end_year or world.LAST_YEAR) for w in series)
    assert all(work.seasons == work.last_year - work.start_year + 1 for work in series)
    assert any(work.end_year is None for work in series)
    assert Counter(work.title_type for work in series).keys() == {"tvSeries", "tvMiniSeries"}


def test_a_few_works_arrive_are_redirected_or_renamed_in_the_last_days_of_the_sample():
    for when in ("arrives_on", "redirected_on", "corrected_on"):
        days = Counter(getattr(work, when) for work in WORKS)
        assert days[0] > 900
        assert {29, 30} <= set(days)
        assert max(days) == 30


def test_a_work_has_its_former_id_and_name_until_its_day():
    moved = next(work for work in WORKS if work.redirected_on)
    assert moved.tconst_on(moved.redirected_on - 1) == moved.former_tconst
    assert moved.tconst_on(moved.redirected_on) == moved.tconst
    late = next(work for work in WORKS if work.arrives_on)
    assert (late.tconst_on(late.arrives_on - 1), late.tconst_on(30)) == ("", late.tconst)
    corrected = next(work for work in WORKS if work.corrected_on)
    assert corrected.name_on(corrected.corrected_on - 1) == corrected.former_name
    assert corrected.name_on(corrected.corrected_on) == corrected.english


def test_works_have_names_in_other_languages_and_scripts():
    translated = [alias for work in WORKS for alias in work.aliases if alias.language != "en"]
    assert len(translated) > 300
    assert len({alias.language for alias in translated}) > 8
    native = [work for work in WORKS if work.original != work.english]
    assert 50 < len(native) < 300
    assert any("\uac00" <= letter <= "\ud7a3" for work in native for letter in work.original)


@pytest.mark.parametrize("stride", [7, 13, 17])
def test_all_places_of_an_order_have_different_works(stride):
    found = {world.spread(WORKS, place, stride).number for place in range(len(WORKS))}
    assert len(found) == len(WORKS)
