"""Whole materializations of OMDb's searches on a temporary warehouse."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from starlette.applications import Starlette

from movies_assets.ingest.http import HttpOptions
from movies_assets.orchestration.partitions import partitions_def
from movies_assets.sample.faults import Fault
from movies_assets.sample.serving import serve
from movies_assets.settings import load
from movies_assets.sources.omdb.client import OmdbClient
from movies_assets.sources.omdb.partitions import omdb_years
from movies_assets.sources.omdb.sample import OmdbTitle, Titles
from movies_assets.sources.omdb.sample_server import create_omdb_app
from movies_assets_tests.conftest import Platform

KEY = "c0ffee11"
LANDING = "landing/omdb_pages"
TABLES = [f"{layer}/omdb_releases" for layer in ("bronze", "silver", "gold")]
OPTIONS = HttpOptions(concurrency=1, retry_budget_seconds=0.3, retry_wait_max_seconds=0.02)
SILVER = (
    "SELECT imdb_id, movie_title, release_year, end_year, media_type, poster_url "
    "FROM silver.omdb_releases ORDER BY ALL"
)


@dataclass
class Listed:
    """Titles that a test sets, by the year for which they are found."""

    titles: dict[int, list[dict[str, Any]]] = field(default_factory=dict)

    def search(self, term: str, year: int | None, kind: str) -> list[dict[str, Any]]:
        return [
            each
            for each in self.titles.get(year or 0, [])
            if term in each.get("Title", term) and kind in {"", each.get("Type")}
        ]


def title(imdb_id: str, **changes: Any) -> dict[str, Any]:
    """A sound result that the default terms find."""
    sound = OmdbTitle(
        Title="A storm", Year="2024", imdbID=imdb_id, Type="movie", Poster="https://x.invalid/1"
    )
    return {**sound, **changes}


@dataclass
class Omdb:
    """A platform on a server in this process.

    Attributes:
        app: The server.
        platform: The platform.
    """

    app: Starlette
    platform: Platform

    def run(self, *years: str, config: dict[str, Any] | None = None, **options: Any) -> Any:
        """Run OMDb's own tables, or those of `select`."""
        options = {"select": [LANDING, *TABLES], **options}
        ops = {"landing__omdb_pages": {"config": config}} if config else {}
        return self.platform.run(
            *years, job="omdb_yearly", run_config={"ops": ops} if ops else None, **options
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return self.platform.sql(query)

    @property
    def requests(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.app.state.traffic.requests
        return found

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row with everything that does not name the run, the time of the fetch included."""
        columns = "* EXCLUDE (_run_id)"
        return {
            **self.platform.contents(),
            "bronze": self.sql(f"SELECT {columns} FROM bronze.omdb_releases ORDER BY ALL"),
        }


@pytest.fixture
def make(tmp_path, instance) -> Callable[..., Omdb]:
    def build(titles: Any, name: str = "one", quota: int = 1000, **settings: Any) -> Omdb:
        app = create_omdb_app(titles, key=KEY, quota=quota)
        known = load(data_dir=tmp_path / name, omdb=settings)

        def client() -> OmdbClient:
            transport = httpx.ASGITransport(app)
            limit = known.omdb.requests_a_run
            return OmdbClient(
                "http://omdb.invalid", KEY, OPTIONS, transport=transport, requests_a_run=limit
            )

        return Omdb(app, Platform(known, instance, resources={"omdb": client}))

    return build


@pytest.fixture
def sample(make) -> Omdb:
    built: Omdb = make(Titles(2025))
    return built


@pytest.fixture
def listed(make) -> Omdb:
    built: Omdb = make(Listed())
    return built


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    events = result.asset_materializations_for_node("landing__omdb_pages")
    return [str(event.partition) for event in events]


def observed(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.filter_events(lambda event: event.event_type_value == "ASSET_OBSERVATION")
    found = event.asset_observation_data.asset_observation.metadata
    return {name: value.value for name, value in found.items()}


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {
        f"{e.asset_key.path[0]}:{e.check_name}": e for e in result.get_asset_check_evaluations()
    }


def warnings_of(sample: Omdb, result: dg.ExecuteInProcessResult) -> list[str]:
    logs = sample.platform.instance.all_logs(result.run_id)
    return [entry.user_message for entry in logs if entry.level == logging.WARNING]


def test_a_range_goes_from_the_service_to_its_tables(sample):
    result = sample.run("2023", "2025", select=None)
    assert all(check.passed for check in checks(result).values())
    assert materialized(result) == ["2023", "2024", "2025"]
    assert observed(result)["requests"] == len(sample.requests)
    titles = {
        each["imdbID"] for year in (2023, 2024, 2025) for each in sample.app.state.titles.of(year)
    }
    found = {imdb_id for (imdb_id,) in sample.sql("SELECT imdb_id FROM silver.omdb_releases")}
    assert found <= titles
    assert len(found) > 100
    assert sample.sql("SELECT sum(total_releases) FROM gold.omdb_releases") == [(len(found),)]
    assert sample.sql("SELECT count(*) FROM quarantine.omdb_releases") == [(0,)]
    assert sample.sql(
        "SELECT count(*) FROM silver.omdb_releases "
        "WHERE trim(movie_title) <> movie_title OR poster_url = 'N/A'"
    ) == [(0,)]


@pytest.mark.slow
def test_two_runs_give_the_same_rows(sample):
    sample.run("2024", "2025")
    before, asked = sample.contents(), len(sample.requests)
    sample.run("2024", "2025")
    assert sample.contents() == before
    assert len(sample.requests) == asked


@pytest.mark.slow
def test_years_in_any_order_and_years_as_a_range_lead_to_the_same_tables(make):
    one, other = make(Titles(2025), "one"), make(Titles(2025), "other")
    one.run("2023", "2025")
    for year in ("2024", "2025", "2023", "2024"):
        other.run(year)
    timeless = {
        "silver.omdb_releases": "* EXCLUDE (ingested_at)",
        "gold.omdb_releases": "*",
        "bronze.omdb_releases": "* EXCLUDE (_ingested_at, _run_id)",
    }
    for name, columns in timeless.items():
        query = f"SELECT {columns} FROM {name} ORDER BY ALL"
        assert one.sql(query) == other.sql(query), name
    searched = "SELECT count(*) FROM silver.omdb_releases WHERE searched_year > release_year"
    assert one.sql(searched) > [(0,)]


def test_a_year_without_any_title_is_a_normal_year(listed):
    result = listed.run("1999")
    assert all(check.passed for check in checks(result).values())
    assert materialized(result) == ["1999"]
    assert listed.sql("SELECT DISTINCT error, http_status, page FROM bronze.omdb_releases") == [
        ("Movie not found!", 200, 1)
    ]
    assert listed.sql("SELECT count(*) FROM silver.omdb_releases") == [(0,)]
    assert listed.sql("SELECT count(*) FROM gold.omdb_releases") == [(0,)]


TYPED = [
    ({}, ("A storm", 2024, None, "movie", "https://x.invalid/1")),
    (
        {"Title": " \tA storm\u00a0\n"},
        ("A storm", 2024, None, "movie", "https://x.invalid/1"),
    ),
    (
        {"Year": "1999–2001", "Type": "series", "Poster": "N/A"},  # noqa: RUF001
        ("A storm", 1999, 2001, "series", None),
    ),
    (
        {"Year": "2011–", "Type": "series", "Poster": ""},  # noqa: RUF001
        ("A storm", 2011, None, "series", None),
    ),
    ({"Type": "game"}, ("A storm", 2024, None, "game", "https://x.invalid/1")),
    ({"Type": "episode"}, ("A storm", 2024, None, "episode", "https://x.invalid/1")),
    ({"Year": 2024}, ("A storm", 2024, None, "movie", "https://x.invalid/1")),
]
BROKEN = [
    ({"Year": "soon"}, "Year: not a year"),
    ({"Year": "99"}, "Year: not a year"),
    ({"Year": "2001–1999"}, "end_year: before release_year"),  # noqa: RUF001
    ({"Year": "N/A"}, "release_year: required"),
    ({"Year": None}, "release_year: required"),
    ({"Type": "podcast"}, "media_type: none of"),
    ({"Title": "N/A storm", "imdbID": "nm0000001"}, "imdb_id: not an IMDb id"),
    ({"imdbID": None}, "imdb_id: required"),
    ({"Title": "half a surrogate \ud800"}, "movie_title: required"),
    ({"Title": "A storm " + "é" * 10_000_000}, "payload: too long to be read"),
]


class TestReleases:
    """What silver makes of a result."""

    def test_are_typed_and_cleaned(self, listed):
        results = [title(f" tt{n:07} ", **changes) for n, (changes, _) in enumerate(TYPED)]
        listed.app.state.titles.titles = {2024: results}
        listed.run("2024")
        assert listed.sql(SILVER) == [
            (f"tt{n:07}", *expected) for n, (_, expected) in enumerate(TYPED)
        ]

    @pytest.mark.slow
    def test_that_break_a_rule_are_in_quarantine(self, listed):
        # Ten of 210, fewer than stop a run; of each term five pages of ten are read.
        names = ["A river", "A storm", "An island", "A garden"] * 50
        sound = [title(f"tt{n:07}", Title=name) for n, name in enumerate(names, 100)]
        app = listed.app
        app.state.titles.titles = {2024: sound}
        bad = [title(f"tt{n:07}", **changes) for n, (changes, _) in enumerate(BROKEN)]
        reply = {"Search": bad, "totalResults": str(len(bad)), "Response": "True"}
        # Of the eight terms the first, so that its rows are the only ones of the titles.
        fault = Fault("body", body=json.dumps(reply).encode(), times=1)
        app.state.faults.rules[:] = [fault]
        result = listed.run("2024", raise_on_error=False)
        assert result.success
        refused = listed.sql(
            "SELECT partition_key, row_id, broken_rules FROM quarantine.omdb_releases ORDER BY 2"
        )
        assert [row[:2] for row in refused] == [
            ("2024", f"2024/summer//001/{number:02}") for number in range(1, len(BROKEN) + 1)
        ]
        for (*_, rules), (changes, rule) in zip(refused, BROKEN, strict=True):
            assert rule in rules, changes
        quarantine = checks(result)["silver:quarantine"]
        assert not quarantine.passed
        assert quarantine.metadata["broken"].value == len(BROKEN)
        assert checks(result)["silver:conservation"].passed

    def test_of_several_terms_and_pages_the_first_is_kept_and_none_is_lost(self, listed):
        both = title("tt0000001", Title="A storm of summer")
        pages = [title(f"tt{number:07}") for number in range(2, 13)]
        listed.app.state.titles.titles = {2024: [*pages, both, both]}
        result = listed.run("2024")
        assert listed.sql(
            "SELECT result_id FROM silver.omdb_releases WHERE imdb_id = 'tt0000001'"
        ) == [("2024/storm//002/02",)]
        conserved = checks(result)["silver:conservation"].metadata
        assert conserved["rows_duplicate"].value == 3
        assert conserved["rows_read"].value == 15

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "order", [("2023", "2024"), ("2024", "2023"), ("2024", "2023", "2023")]
    )
    def test_of_two_years_the_newest_is_kept_in_any_order(self, listed, order):
        listed.app.state.titles.titles = {
            2023: [title("tt0000001", Title="An old storm"), title("tt0000002", Year="2023")],
            2024: [title("tt0000001", Title="A new storm")],
        }
        for year in order:
            result = listed.run(year)
            assert checks(result)["silver:conservation"].passed
        assert listed.sql(
            "SELECT imdb_id, movie_title, searched_year FROM silver.omdb_releases ORDER BY 1"
        ) == [
            ("tt0000001", "A new storm", 2024),
            ("tt0000002", "A storm", 2023),
        ]

    @pytest.mark.slow
    def test_are_counted_by_year_and_type_the_newest_first(self, listed):
        listed.app.state.titles.titles = {
            2023: [title("tt0000001", Year="2023")],
            2024: [
                title("tt0000002"),
                title("tt0000003"),
                title("tt0000004", Type="game"),
                title("tt0000005", Year="2019–", Type="series"),  # noqa: RUF001
            ],
        }
        listed.run("2023")
        listed.run("2024")
        rows = listed.sql("SELECT release_year, media_type, total_releases FROM gold.omdb_releases")
        assert rows == [
            (2024, "game", 1),
            (2024, "movie", 2),
            (2023, "movie", 1),
            (2019, "series", 1),
        ]
        days = "SELECT DISTINCT first_ingestion_date = current_date FROM gold.omdb_releases"
        assert listed.sql(days) == [(True,)]


class TestQuota:
    def test_that_is_spent_ends_the_run_green_and_says_so(self, make):
        service = make(Titles(2025), quota=30)
        result = service.run("2023", "2025")
        assert result.success
        assert materialized(result) == ["2025"]
        found = observed(result)
        assert found["requests"] == 31
        assert found["years not complete"] == [2023, 2024]
        assert "quota" in found["stopped"]
        assert any(
            "2 years are not complete: run them again" in text
            for text in warnings_of(service, result)
        )
        completeness = checks(result)["bronze:completeness"]
        assert not completeness.passed
        assert completeness.severity == dg.AssetCheckSeverity.WARN
        assert "2023, 2024" in str(completeness.description)
        errors = "SELECT release_year, error FROM bronze.omdb_releases WHERE http_status = 401"
        assert service.sql(errors) == [(2024, "Request limit reached!")]
        assert service.sql(
            "SELECT DISTINCT searched_year FROM silver.omdb_releases ORDER BY 1"
        ) == [
            (2024,),
            (2025,),
        ]

    @pytest.mark.slow
    def test_of_the_next_day_completes_the_years(self, make):
        service, whole = make(Titles(2025), quota=30), make(Titles(2025), "whole")
        service.run("2023", "2025")
        asked = len(service.requests)
        service.app.state.used.clear()
        service.app.state.quota = 1000
        result = service.run("2023", "2025")
        assert materialized(result) == ["2023", "2024", "2025"]
        assert checks(result)["bronze:completeness"].passed
        whole.run("2023", "2025")
        # The one that was refused is asked for twice.
        assert len(service.requests) == len(whole.requests) + 1
        assert observed(result)["requests"] == len(service.requests) - asked
        for query in (SILVER, "FROM gold.omdb_releases"):
            assert service.sql(query) == whole.sql(query)

    @pytest.mark.slow
    def test_a_backfill_of_120_years_goes_on_run_after_run(self, make):
        service, whole = (
            make(Titles(2025), requests_a_run=250),
            make(Titles(2025), "whole", 10**6, requests_a_run=10**6),
        )
        years = ("1906", "2025")
        runs = [service.run(*years)]
        while observed(runs[-1])["years not complete"]:
            assert runs[-1].success
            assert observed(runs[-1])["requests"] == 250
            service.app.state.used.clear()
            runs.append(service.run(*years))
        assert len(runs) > 3
        asked = len(whole.requests), len(service.requests)
        whole.run(*years)
        assert len(service.requests) == len(whole.requests) > asked[0]
        assert len({tuple(each.items()) for each in service.requests}) == len(service.requests)
        assert materialized(runs[-1]) == [str(year) for year in range(1906, 2026)]
        for query in (SILVER, "FROM gold.omdb_releases"):
            assert service.sql(query) == whole.sql(query)


class TestRunConfig:
    def test_names_terms_types_and_pages(self, sample):
        config = {"terms": ["storm"], "types": ["series", "movie"], "page_limit": 1}
        sample.run("2025", config=config)
        assert [(each["s"], each["type"], each["page"]) for each in sample.requests] == [
            ("storm", "series", "1"),
            ("storm", "movie", "1"),
        ]

    @pytest.mark.slow
    def test_refresh_collects_complete_years_again(self, sample):
        sample.run("2025")
        asked = len(sample.requests)
        sample.run("2025", config={"refresh": True})
        assert len(sample.requests) == 2 * asked

    def test_that_cannot_be_is_refused(self, sample):
        with pytest.raises(Exception, match="OMDb has no types"):
            sample.run("2025", config={"types": ["film"]})


@pytest.mark.slow
def test_a_wrong_key_fails_the_run_and_changes_nothing_below(sample):
    sample.run("2024")
    before = sample.contents()
    sample.app.state.key = "another1"
    result = sample.run("2025", raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "MOVIES_OMDB__API_KEY" in failure.event_specific_data.error_display_string
    assert sample.contents() == before
    sample.app.state.key = KEY
    assert sample.run("2025").success


def test_the_current_year_is_a_partition_and_the_sample_ends_with_its_last_day():
    sample = partitions_def(omdb_years, load()).get_partition_keys()
    assert (sample[0], sample[-1], len(sample)) == ("1900", "2025", 126)
    live = partitions_def(
        omdb_years, load(profile="live", omdb={"first_year": 1990})
    ).get_partition_keys()
    assert (live[0], live[-1]) == ("1990", str(datetime.now(UTC).year))


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "outcome",
    [
        "complete",
        *(
            pytest.param(outcome, marks=pytest.mark.slow)
            for outcome in ("spent quota", "wrong key", "outage", "echo")
        ),
    ],
)
def test_the_key_is_in_nothing_that_a_run_leaves_behind(tmp_path, capfd, caplog, outcome):
    """Files, database, Dagster's storage with all events and metadata, logs, and the terminal."""
    caplog.set_level(logging.DEBUG)
    key = "5ecre7ed"
    app = create_omdb_app(Titles(2025), key="another1" if outcome == "wrong key" else key)
    app.state.quota = 3 if outcome == "spent quota" else 1000
    (tmp_path / "dagster").mkdir()
    if outcome == "outage":
        app.state.faults.rules.append(Fault("html", status=503))
    if outcome == "echo":
        echo = {"Response": "False", "Error": "Error getting data.", "url": f"/?apikey={key}"}
        app.state.faults.rules.append(Fault("body", body=json.dumps(echo).encode()))
    with serve(app) as url, dg.DagsterInstance.local_temp(str(tmp_path / "dagster")) as instance:
        omdb = {"base_url": url, "api_key": key, "retry_budget_seconds": 0.3}
        settings = load(data_dir=tmp_path / "data", profile="live", omdb=omdb)
        platform = Platform(settings, instance)
        config = {"ops": {"landing__omdb_pages": {"config": {"terms": ["storm", "river"]}}}}
        result = platform.run("2025", job="omdb_yearly", raise_on_error=False, run_config=config)
        assert result.success == (outcome not in {"wrong key", "outage"})
        events = "".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert app.state.traffic.requests[0]["apikey"] == key
    printed = capfd.readouterr()
    left = files_below(tmp_path) | {
        "events": events.encode(),
        "settings": f"{settings!r} {settings.model_dump_json()}".encode(),
        "log": caplog.text.encode(),
        "terminal": (printed.out + printed.err).encode(),
    }
    assert any(name.endswith(".db") for name in left)
    assert any(".jsonl" in name for name in left) == (outcome != "outage")
    assert [name for name, text in left.items() if key.encode() in text] == []


def test_a_result_of_another_year_is_kept_under_its_own(make):
    """Of a server that ignores the year, and of series that still run."""
    found = [
        title("tt0000001", Year="2019"),
        title("tt0000002", Year="2011–2019", Type="series"),  # noqa: RUF001
        title("tt0000003", Year="N/A"),
    ]
    found += [title(f"tt00001{n:02}", Year="2015") for n in range(27)]
    omdb = make(Listed({2015: found}))
    omdb.run("2015")
    years = omdb.sql(
        "SELECT imdb_id, release_year, searched_year FROM silver.omdb_releases ORDER BY 1"
    )
    assert years[:2] == [("tt0000001", 2019, 2015), ("tt0000002", 2011, 2015)]
    assert omdb.sql("SELECT release_year, total_releases FROM gold.omdb_releases ORDER BY ALL") == [
        (2011, 1),
        (2015, 27),
        (2019, 1),
    ]
    assert omdb.sql("SELECT broken_rules FROM quarantine.omdb_releases") == [
        ("release_year: required",)
    ]
