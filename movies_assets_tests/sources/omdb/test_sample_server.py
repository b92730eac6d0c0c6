"""The sample of OMDb: fictional titles, and a server that speaks as the real one does."""

import subprocess
import sys
from collections import Counter

import httpx
import pytest

from movies_assets.sample.serving import serve
from movies_assets.sources.omdb.sample import COMMON, FIRST_YEAR, Titles
from movies_assets.sources.omdb.sample_server import QUOTA, SAMPLE_KEY, create_omdb_app

TITLES = Titles(2025)


@pytest.fixture(scope="module")
def server():
    app = create_omdb_app(TITLES)
    with serve(app) as url, httpx.Client(base_url=url) as client:
        yield app, client


@pytest.fixture
def app(server):
    app, _ = server
    app.state.used.clear()
    app.state.quota = QUOTA
    app.state.traffic.requests.clear()
    return app


@pytest.fixture
def ask(server, app):  # noqa: ARG001 (a fresh quota)
    def ask(**asked: object) -> tuple[int, dict[str, object]]:
        reply = server[1].get("/", params={"apikey": SAMPLE_KEY, **asked})
        return reply.status_code, reply.json()

    return ask


class TestTitles:
    def test_are_the_same_each_time_and_of_another_seed_others(self):
        assert Titles(2025).of(2000) == TITLES.of(2000)
        assert Titles(2025, seed=2).of(2000) != TITLES.of(2000)

    def test_have_an_id_each(self):
        ids = Counter(
            title["imdbID"]
            for year in range(FIRST_YEAR, 2026)
            for title in TITLES.of(year)
            if title["Year"].startswith(str(year))
        )
        assert len(ids) > 5000
        assert max(ids.values()) == 1

    def test_are_more_of_later_years(self):
        assert len(TITLES.of(1900)) < len(TITLES.of(1960)) < len(TITLES.of(2025))

    def test_are_of_all_kinds_with_all_oddities(self):
        titles = [title for year in range(2015, 2026) for title in TITLES.of(year)]
        assert {title["Type"] for title in titles} == {"movie", "series", "game", "episode"}
        assert any(title["Poster"] == "N/A" for title in titles)
        assert any(title["Title"] != title["Title"].strip() for title in titles)
        assert any(title["Year"].endswith("–") for title in titles)  # noqa: RUF001
        assert any(len(title["Year"]) == len("1999–2001") for title in titles)  # noqa: RUF001

    def test_that_run_for_years_are_found_in_each_of_them(self):
        by_year = {year: {t["imdbID"]: t for t in TITLES.of(year)} for year in range(2015, 2026)}
        (series, *_) = [t for t in by_year[2015].values() if t["Year"] == "2015–2017"]  # noqa: RUF001
        found = [year for year, titles in by_year.items() if series["imdbID"] in titles]
        assert found == [2015, 2016, 2017]

    def test_are_found_under_several_terms(self):
        found = Counter(t["imdbID"] for term in COMMON for t in TITLES.search(term, 2025, ""))
        assert max(found.values()) > 1

    def test_a_year_outside_of_the_world_has_none(self):
        assert TITLES.of(FIRST_YEAR - 1) == []
        assert Titles(2020).search("storm", 2040, "") == []


class TestSearch:
    def test_has_ten_results_a_page(self, ask):
        status, first = ask(s="storm", y=2025)
        _, second = ask(s="storm", y=2025, page=2)
        found = TITLES.search("storm", 2025, "")
        assert status == 200
        assert first == {
            "Search": found[:10],
            "totalResults": str(len(found)),
            "Response": "True",
        }
        assert second["Search"] == found[10:20]

    def test_of_a_type_finds_only_that(self, ask):
        _, reply = ask(s="storm", y=2025, type="series")
        assert {title["Type"] for title in reply["Search"]} == {"series"}

    def test_finds_whole_words_in_any_case(self, ask):
        assert ask(s="STORM", y=2025) == ask(s="storm", y=2025)
        assert ask(s="stor", y=2025)[1]["Response"] == "False"

    def test_without_a_year_finds_the_newest_first(self, ask):
        _, reply = ask(s="storm")
        assert reply["Search"][0]["Year"].startswith("2025")
        assert int(reply["totalResults"]) > 100

    @pytest.mark.parametrize(
        ("asked", "status", "error"),
        [
            ({"s": "zyzzyva"}, 200, "Movie not found!"),
            ({"s": "zyzzyva", "type": "series"}, 200, "Series not found!"),
            ({"s": "storm", "y": 2025, "page": 9}, 200, "Movie not found!"),
            ({"s": "storm", "y": 2025, "page": 101}, 200, "Movie not found!"),
            ({"s": "st"}, 200, "Too many results."),
            ({}, 200, "Incorrect IMDb ID."),
            ({"s": "storm", "apikey": ""}, 401, "No API key provided."),
            ({"s": "storm", "apikey": "x"}, 401, "Invalid API key!"),
        ],
        ids=str,
    )
    def test_that_fails_says_why(self, ask, asked, status, error):
        assert ask(**asked) == (status, {"Response": "False", "Error": error})

    def test_beyond_the_quota_is_refused_until_it_is_renewed(self, ask, app):
        app.state.quota = 2
        assert [ask(s="storm")[0] for _ in range(3)] == [200, 200, 401]
        assert ask(s="storm")[1]["Error"] == "Request limit reached!"
        app.state.used.clear()
        assert ask(s="storm")[0] == 200


def test_the_command_serves_it():
    command = [sys.executable, "-m", "movies_assets.sample", "omdb-server", "--last-year", "2025"]
    with subprocess.Popen([*command, "--key", "abc"], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            url = server.stdout.readline().strip()
            reply = httpx.get(url, params={"apikey": "abc", "s": "storm", "y": "2025"})
            assert reply.json()["Response"] == "True"
        finally:
            server.terminate()
