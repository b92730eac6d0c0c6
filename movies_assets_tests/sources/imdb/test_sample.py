"""The fictional dumps have the format, the oddities and the course of the real ones."""

import gzip
import json
from datetime import UTC, date, datetime
from hashlib import sha256

import duckdb
import pytest

from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.imdb.settings import FILES

SCALE = 0.0005
DAY, NEXT_DAY = date(2025, 10, 30), date(2025, 10, 31)
HEADERS = {
    "name.basics": "nconst primaryName birthYear deathYear primaryProfession knownForTitles",
    "title.akas": "titleId ordering title region language types attributes isOriginalTitle",
    "title.basics": "tconst titleType primaryTitle originalTitle isAdult startYear endYear "
    "runtimeMinutes genres",
    "title.crew": "tconst directors writers",
    "title.episode": "tconst parentTconst seasonNumber episodeNumber",
    "title.principals": "tconst ordering nconst category job characters",
    "title.ratings": "tconst averageRating numVotes",
}
# Not a work of the sample's world, which is the same at any scale.
SCALED = "{}[3:] < '999'"
# Of the content at scale 0.0001 and NEXT_DAY: on any machine, with any DuckDB.
DIGESTS = {
    "name.basics": "4d4f4459e27f53ec",
    "title.akas": "9e5104eac07c0225",
    "title.basics": "50d3c3f9f702dd58",
    "title.crew": "608814c78b46e5f5",
    "title.episode": "e7b4ab949c539a55",
    "title.principals": "d92e5ad712fbb3d0",
    "title.ratings": "7628e30944c3b056",
}


def content(folder, file):
    return gzip.decompress((folder / f"{file}.tsv.gz").read_bytes())


def generate(folder, run_date=DAY, scale=SCALE, **options):
    imdb.generate(folder, run_date=run_date, scale=scale, **options)
    return folder


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    root = tmp_path_factory.mktemp("dumps")
    return generate(root / "day"), generate(root / "next", NEXT_DAY)


@pytest.fixture(scope="module")
def dumps(days):
    """The dumps of both days as tables such as `basics` and `next_basics`, all text."""
    with duckdb.connect() as connection:
        for prefix, folder in zip(("", "next_"), days, strict=True):
            for file in FILES:
                name = prefix + file.split(".")[1].replace("basics", file.split(".")[0])
                connection.execute(
                    f"CREATE TABLE {name} AS FROM read_csv('{folder}/{file}.tsv.gz', delim = '\t',"
                    "quote = '', escape = '', nullstr = '\\N', header = true, all_varchar = true)"
                )
        yield connection


@pytest.fixture(scope="module")
def ask(dumps):
    """Answers a query with one value, or with one row."""

    def answer(query):
        row = dumps.execute(query).fetchone()
        return row[0] if len(row) == 1 else row

    return answer


# Format


@pytest.mark.parametrize("file", FILES)
def test_each_line_has_the_fields_of_the_header_and_nothing_is_quoted(days, file):
    text = content(days[0], file).decode()
    lines = text.split("\n")
    assert lines[0] == HEADERS[file].replace(" ", "\t")
    assert lines.pop() == ""
    assert {line.count("\t") for line in lines} == {lines[0].count("\t")}
    assert "\r" not in text
    assert all(field for line in lines[:500] for field in line.split("\t"))


def test_ids_have_seven_or_eight_digits_and_order_the_files_as_text(days):
    for file in FILES:
        ids = [line.split(b"\t", 1)[0] for line in content(days[0], file).splitlines()[1:]]
        assert ids == sorted(ids)
        assert {len(one) for one in ids} == {9, 10}
        assert {one[:2] for one in ids} == {b"nm" if file == "name.basics" else b"tt"}
        assert not any(len(one) == 10 and one[2:3] == b"0" for one in ids)


def test_the_sizes_are_those_of_the_real_dumps_by_scale(ask):
    real = {
        "name": 15.1e6, "akas": 55.3e6, "title": 12.3e6, "crew": 12.3e6, "episode": 9.5e6,
        "principals": 98.1e6, "ratings": 1.6e6,
    }  # fmt: skip
    keys = {"name": "nconst", "akas": "titleId"}
    for table, rows in real.items():
        scaled = f"SELECT count(*) FROM {table} WHERE {SCALED.format(keys.get(table, 'tconst'))}"
        assert ask(scaled) == pytest.approx(rows * SCALE, rel=0.12)


def test_the_archives_have_neither_name_nor_time(days):
    for file in FILES:
        flags_and_time = (days[0] / f"{file}.tsv.gz").read_bytes()[3:8]
        assert flags_and_time == bytes(5)


# The same everywhere


def test_the_content_is_pinned_for_any_machine_and_any_version_of_duckdb(tmp_path):
    generate(tmp_path, NEXT_DAY, scale=0.0001)
    assert {f: sha256(content(tmp_path, f)).hexdigest()[:16] for f in FILES} == DIGESTS


def test_the_same_arguments_give_the_same_bytes_for_any_requested_files(days, tmp_path):
    generate(tmp_path, files=["title.ratings", "title.episode"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "title.episode.tsv.gz",
        "title.ratings.tsv.gz",
    ]
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (days[0] / path.name).read_bytes()


def test_another_seed_is_another_world(days, tmp_path):
    generate(tmp_path, seed=2, files=["title.basics"])
    one, other = (set(content(f, "title.basics").splitlines()) for f in (days[0], tmp_path))
    assert len(one & other) < len(one) / 100


def test_files_are_as_old_as_their_run_date(days):
    midnight = datetime(2025, 10, 30, tzinfo=UTC).timestamp()
    assert {path.stat().st_mtime for path in days[0].iterdir()} == {midnight}


@pytest.mark.parametrize(("options", "message"), [
    ({"files": ["title.basics", "title.nonsense"]}, r"no such dumps: title\.nonsense;"),
    ({"scale": 0}, "leaves no title"),
])  # fmt: skip
def test_impossible_dumps_are_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        generate(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_dump_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setitem(imdb._FILES, "title.crew", ("SELECT 1", "SELECT error('broken'), '', ''"))
    with pytest.raises(duckdb.Error, match="broken"):
        generate(tmp_path, files=["title.crew"])
    assert not list(tmp_path.iterdir())


# Titles


def test_there_are_eleven_types_of_titles_with_the_real_shares(dumps):
    types = dict(
        dumps.execute(
            "SELECT titleType, 100 * count(*) / sum(count(*)) OVER () FROM title "
            f"WHERE {SCALED.format('tconst')} GROUP BY 1"
        ).fetchall()
    )
    assert len(types) == 11
    real = {"tvEpisode": 77, "short": 9, "movie": 6, "video": 2.6, "tvSeries": 2.4}
    assert {name: types[name] for name in real} == pytest.approx(real, rel=0.25)
    assert types["tvPilot"] == min(types.values())


def test_titles_have_odd_quotes_apostrophes_other_scripts_and_odd_beginnings(ask):
    def count(condition):
        return ask(f"SELECT count(*) FROM title WHERE {condition}")

    assert count("length(replace(primaryTitle, '\"', '')) % 2 <> length(primaryTitle) % 2")
    assert count("starts_with(primaryTitle, '\"')")
    assert count("starts_with(primaryTitle, '#')")
    assert count("contains(primaryTitle, '''')") > 100
    assert count(r"regexp_matches(primaryTitle, '[\p{Han}\p{Arabic}\p{Cyrillic}\p{Hangul}]')") > 100
    assert count("primaryTitle IN ('Null', 'NaN', 'N/A', 'None', '0', '-', '?', '...')")
    assert count("primaryTitle <> originalTitle")
    assert count("starts_with(primaryTitle, 'Episode #')") > 1000


def test_years_runtimes_and_genres_are_those_of_titles(ask):
    assert ask("SELECT min(startYear), max(startYear) FROM title") == ("1890", "2027")
    assert ask("SELECT count(*) FROM title WHERE endYear < startYear") == 0
    assert ask("SELECT count(endYear) FROM title WHERE titleType LIKE 'tv%Series'") > 30
    assert ask("SELECT count(endYear) FROM title WHERE titleType NOT LIKE 'tv%Series'") == 0
    assert 0.5 < ask("SELECT avg((runtimeMinutes IS NULL)::INT) FROM title") < 0.75
    assert ask("SELECT max(len(split(genres, ','))), bool_or(genres IS NULL) FROM title") == (3, 1)
    assert ask("SELECT count(*) FROM title WHERE genres <> list_aggregate("
               "list_sort(list_distinct(split(genres, ','))), 'string_agg', ',')") == 0  # fmt: skip
    assert ask("SELECT list_sort(list(DISTINCT isAdult)) FROM title") == ["0", "1"]


def test_some_series_share_title_and_year(ask):
    assert ask("SELECT count(*) FROM (SELECT 1 FROM title WHERE titleType LIKE 'tv%Series' "
               "GROUP BY primaryTitle, startYear HAVING count(*) > 1)") > 2  # fmt: skip


# Episodes


def test_a_fifth_of_the_episodes_has_neither_season_nor_number(ask):
    assert ask("SELECT avg((seasonNumber IS NULL)::INT) FROM episode") == pytest.approx(
        0.206, abs=0.03
    )
    assert not ask("SELECT bool_or((seasonNumber IS NULL) <> (episodeNumber IS NULL)) FROM episode")


def test_numbered_episodes_of_a_series_have_different_numbers(ask):
    assert ask("SELECT count(*) = count(DISTINCT (parentTconst, seasonNumber, episodeNumber)) "
               "FROM episode WHERE seasonNumber IS NOT NULL")  # fmt: skip


def test_some_episodes_have_number_zero_and_some_seasons_are_years(ask):
    assert ask("SELECT count(*) FROM episode WHERE episodeNumber = '0'") > 0
    assert ask("SELECT count(*) FROM episode WHERE seasonNumber::INT BETWEEN 1940 AND 2027") > 0
    assert ask("SELECT count(*) FROM episode WHERE seasonNumber::INT BETWEEN 200 AND 1940") == 0


def test_most_series_are_short_and_some_have_hundreds_of_episodes(ask):
    median, most = ask(
        "SELECT median(n), max(n) FROM (SELECT count(*) n FROM episode GROUP BY parentTconst)"
    )
    assert median < 15
    assert most > 300


def test_a_parent_in_ten_thousand_episodes_is_missing_and_one_at_least(ask):
    orphans = ask("SELECT count(*) FROM episode ANTI JOIN title ON parentTconst = title.tconst")
    assert 1 <= orphans <= 3
    types = ask(
        "SELECT list(DISTINCT titleType) FROM episode JOIN title ON parentTconst = title.tconst"
    )
    assert set(types) == {"tvMiniSeries", "tvSeries"}


# Ratings


def test_an_eighth_of_the_titles_is_rated_around_seven_with_one_decimal(ask):
    rated, mean, deviation, worst, best = ask(
        "SELECT count(*), avg(r), stddev(r), min(r), max(r) "
        f"FROM (SELECT averageRating::DOUBLE AS r FROM ratings WHERE {SCALED.format('tconst')})"
    )
    titles = ask(f"SELECT count(*) FROM title WHERE {SCALED.format('tconst')}")
    assert rated / titles == pytest.approx(0.13, abs=0.015)
    assert mean == pytest.approx(7, abs=0.2)
    assert 0.8 < deviation < 1.5
    assert 1 <= worst < 4
    assert 9 < best <= 10
    assert ask(r"SELECT bool_and(regexp_full_match(averageRating, '\d{1,2}\.\d')) FROM ratings")


def test_few_titles_have_most_of_the_votes(ask):
    least, median, most, top, total = ask(
        "SELECT min(v), median(v), max(v), list_sum(list_sort(list(v), 'DESC')[:20]), sum(v) "
        "FROM (SELECT numVotes::INT AS v FROM ratings)"
    )
    assert least >= 5
    assert median < 300
    assert most > 100_000
    assert top > total / 2


def test_in_some_series_each_episode_is_rated_and_finales_disappoint_or_delight(dumps):
    deltas = dumps.execute(
        "SELECT arg_max(r, number) - avg(r), stddev(r) FROM ("
        "  SELECT parentTconst, averageRating::DOUBLE AS r,"
        "    seasonNumber::INT * 1000 + episodeNumber::INT AS number"
        "  FROM episode LEFT JOIN ratings USING (tconst)"
        ") GROUP BY parentTconst HAVING count(*) > 8 AND count(r) = count(*)"
    ).fetchall()
    assert len(deltas) >= 6
    assert any(delta < -2 for delta, _ in deltas)
    assert any(delta > 0.7 for delta, _ in deltas)
    steady = [delta for delta, deviation in deltas if deviation < 0.4]
    assert len(steady) > len(deltas) / 2


def test_some_episodes_are_rated_and_some_are_not(ask):
    rated = ask("SELECT count(*) FROM episode SEMI JOIN ratings USING (tconst)")
    assert 0.05 < rated / ask("SELECT count(*) FROM episode") < 0.2


# People


def test_characters_are_json_with_escaped_quotes_and_tabs(dumps):
    texts = [
        text
        for (text,) in dumps.execute(
            "SELECT characters FROM principals WHERE characters IS NOT NULL"
        ).fetchall()
    ]
    parsed = [json.loads(text) for text in texts]
    assert {len(names) for names in parsed} == {1, 2}
    assert any('"' in names[0] for names in parsed)
    assert any("\t" in names[0] for names in parsed)
    assert any(r"\"" in text for text in texts)


def test_credits_count_from_one_within_a_title(ask):
    assert ask("SELECT bool_and(o = list_sort(o) AND o[-1] = len(o) AND o[1] = 1) FROM ("
               "SELECT list(ordering::INT) AS o FROM principals GROUP BY tconst)")  # fmt: skip
    assert ask("SELECT avg((job IS NULL)::INT) > 0.8 FROM principals")
    acting = ask("SELECT list(DISTINCT category) FROM principals WHERE characters IS NOT NULL")
    assert set(acting) == {"actor", "actress", "self", "archive_footage"}
    assert ask("SELECT count(DISTINCT category) FROM principals") > 10


def test_the_crew_is_the_same_as_in_the_credits(ask):
    for category in ("director", "writer"):
        assert ask(
            f"SELECT count(*) FROM (SELECT tconst, string_agg(nconst, ',' ORDER BY ordering::INT) "
            f"AS listed FROM principals WHERE category = '{category}' GROUP BY tconst) "
            f"FULL JOIN (FROM crew WHERE {category}s IS NOT NULL) AS crew USING (tconst) "
            f"WHERE listed IS DISTINCT FROM {category}s"
        ) == 0  # fmt: skip
        assert ask(f"SELECT bool_or({category}s IS NULL), bool_or(contains({category}s, ',')) "
                   "FROM crew") == (True, True)  # fmt: skip


def test_an_actor_stays_with_a_series_and_a_role_with_an_actor(ask):
    assert ask("SELECT max(n) FROM (SELECT count(*) AS n FROM principals JOIN episode"
               " USING (tconst) GROUP BY parentTconst, nconst, characters)") > 100  # fmt: skip


def test_most_people_have_no_dates(ask):
    born, dead = ask("SELECT avg((birthYear IS NOT NULL)::INT), avg((deathYear IS NOT NULL)::INT) "
                     "FROM name")  # fmt: skip
    assert 0.02 < born < 0.1
    assert 0 < dead < born
    assert ask("SELECT count(*) FROM name WHERE deathYear <= birthYear") == 0
    for column in ("primaryProfession", "knownForTitles"):
        assert ask(f"SELECT bool_or({column} IS NULL), bool_or(contains({column}, ',')) "
                   "FROM name") == (True, True)  # fmt: skip


# Alternate titles


def test_each_original_title_is_first_and_some_name_a_prize(ask):
    assert ask("SELECT count(*) FROM akas WHERE (ordering = '1') <> (isOriginalTitle = '1')") == 0
    assert ask("SELECT count(*) FROM akas JOIN title ON titleId = tconst "
               "WHERE isOriginalTitle = '1' AND originalTitle <> akas.title") == 0  # fmt: skip
    assert 1 <= ask("SELECT count(DISTINCT titleId) FROM akas "
                    "WHERE regexp_matches(title, '(?i)oscar|academy award')") < 10  # fmt: skip
    for column in ("region", "language", "types", "attributes"):
        assert ask(f"SELECT count(DISTINCT {column}) FROM akas") > 5


# References


@pytest.mark.parametrize("table", ["akas", "crew", "episode", "principals", "ratings"])
@pytest.mark.parametrize("prefix", ["", "next_"])
def test_rows_about_a_title_are_about_one_that_exists(ask, table, prefix):
    key = "titleId" if table == "akas" else "tconst"
    assert not ask(f"SELECT count(*) FROM {prefix}{table} AS t ANTI JOIN {prefix}title AS title "
                   f"ON t.{key} = title.tconst")  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "next_"])
def test_people_and_what_they_are_known_for_exist(ask, prefix):
    assert not ask(f"SELECT count(*) FROM {prefix}principals ANTI JOIN {prefix}name USING (nconst)")
    assert not ask("SELECT count(*) FROM (SELECT unnest(split(knownForTitles, ',')) AS tconst "
                   f"FROM {prefix}name) ANTI JOIN {prefix}title USING (tconst)")  # fmt: skip


def test_each_title_has_a_crew_row_and_each_episode_a_parent(ask):
    assert not ask("SELECT count(*) FROM title ANTI JOIN crew USING (tconst)")
    assert not ask("SELECT count(*) FROM title ANTI JOIN episode USING (tconst) "
                   "WHERE titleType = 'tvEpisode'")  # fmt: skip


# From day to day


@pytest.mark.parametrize("table", ["title", "episode"])
def test_a_hundredth_of_titles_and_episodes_changes_in_a_day(ask, table):
    changed = ask(f"SELECT count(*) FROM (FROM next_{table} EXCEPT FROM {table})")
    assert 0.003 < changed / ask(f"SELECT count(*) FROM {table}") < 0.02


def test_titles_come_and_vanish(ask):
    assert ask("SELECT count(*) FROM next_title ANTI JOIN title USING (tconst)") > 0
    assert ask("SELECT count(*) FROM title ANTI JOIN next_title USING (tconst)") > 0


def test_votes_grow_for_some_and_fast_for_a_few_and_ratings_move_a_little(ask):
    grown, fast, moved, least, most = ask(
        "SELECT avg((new > old)::INT), sum((new > old * 1.1 + 10)::INT), avg((move <> 0)::INT),"
        " min(new - old), max(abs(move)) FROM ("
        "  SELECT a.numVotes::INT AS old, b.numVotes::INT AS new,"
        "    round(b.averageRating::DOUBLE - a.averageRating::DOUBLE, 1) AS move"
        "  FROM ratings AS a JOIN next_ratings AS b USING (tconst))"
    )
    assert 0.03 < grown < 0.2
    assert 1 <= fast < 20
    assert 0 < moved < grown
    assert least == 0
    assert most <= 0.2


def test_dumps_from_before_the_base_day_are_those_of_the_base_day(tmp_path):
    for day in (date(2019, 2, 28), imdb.BASE_DAY):
        generate(tmp_path / str(day), day, scale=0.0001, files=["title.basics", "title.ratings"])
    for file in ("title.basics", "title.ratings"):
        assert content(tmp_path / "2019-02-28", file) == content(tmp_path / "2025-10-01", file)


def test_a_dump_of_a_far_day_is_sound_and_its_newest_titles_are_of_that_time(tmp_path):
    generate(tmp_path, date(2031, 6, 1), files=["title.basics"])
    rows = [line.split(b"\t") for line in content(tmp_path, "title.basics").splitlines()[1:]]
    assert {len(row) for row in rows} == {9}
    assert max(int(row[5]) for row in rows if row[5] != rb"\N") in {2032, 2033}
    assert len(rows) > 1.3 * 12_300_000 * SCALE
