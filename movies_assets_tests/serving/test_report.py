"""The report has the dashboard's figures, no data of single users, and needs no other file."""

import asyncio
import re
import shutil
import subprocess
import sys
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from movies_assets.dashboard.filters import State
from movies_assets.dashboard.pages import audience, catalogue, movies, quality, releases, series
from movies_assets.dashboard.prepared import PREPARED
from movies_assets.orchestration.publishing.published import KEY as PUBLISHED
from movies_assets.orchestration.publishing.report import KEY, report_asset
from movies_assets.serving import formatting, report
from movies_assets.serving.queries import movies as queries
from movies_assets.serving.reader import OpenSnapshot
from movies_assets.serving.report import render, write_report
from movies_assets.settings import PROJECT_ROOT, Settings
from movies_assets.warehouse.database import WarehouseError
from movies_assets.warehouse.published import NothingPublishedError, Published
from movies_assets_tests.dashboard.more import check, more
from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, movie, publish

MAIL_BYTES = 200_000


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    publish(folder, "a", more())
    return folder


@pytest.fixture
def published(world, tmp_path) -> Published:
    """The small world in a folder of the test's own."""
    return Published(Path(shutil.copytree(world, tmp_path / "published")))


@pytest.fixture(scope="module")
def page(world) -> str:
    return rendered(world)


@pytest.fixture(scope="module")
def snapshot(world) -> OpenSnapshot:
    return OpenSnapshot(Published(world).current(), PREPARED, {"threads": 1}, 100)


def rendered(folder: Path) -> str:
    with Published(folder).reading() as connection:
        return render(connection)


class Page(HTMLParser):
    """The elements, attributes, figures and cells of a report."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.figures: dict[tuple[str, str], str] = {}
        self.cells: list[str] = []
        self.headings: list[str] = []
        self.prose: list[str] = []
        self._open: list[str] = []
        self._section = self._label = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(f"{tag}.{dict(attrs).get('class') or ''}")

    def handle_endtag(self, tag: str) -> None:
        while self._open and not self._open.pop().startswith(f"{tag}."):
            pass

    def handle_data(self, text: str) -> None:
        at = self._open[-1] if self._open else ""
        if at == "h2.":
            self._section = text
        elif at == "dt.":
            self._label = text
        elif at == "dd.value":
            self.figures[self._section, self._label] = text
        elif at in {"bdi.", "td.number"}:
            self.cells.append(text)
        elif at == "th.":
            self.headings.append(text)
        elif at in {"p.", "p.lead"}:
            self.prose.append(text)


def loaded(module: Any, snapshot: OpenSnapshot) -> Any:
    return asyncio.run(module.load(snapshot, State({})))


class TestFigures:
    """They are those of the dashboard, where nothing is chosen."""

    def test_of_movies(self, page, snapshot):
        kpis = loaded(movies, snapshot).kpis
        figures = Page(page).figures
        assert kpis["movies"] == 6
        assert figures["Movies", "Movies"] == formatting.count(kpis["movies"])
        assert figures["Movies", "Votes"] == formatting.short(kpis["votes"])
        assert figures["Movies", "Average rating"] == formatting.decimal(kpis["weighted"])
        assert figures["Movies", "Mean rating"] == formatting.decimal(kpis["mean"])
        assert figures["Movies", "Median running time"] == formatting.minutes(kpis["runtime"])

    def test_of_the_best_and_the_trending_movies(self, snapshot, world):
        shown = loaded(movies, snapshot)
        with Published(world).reading() as connection:
            best, trending = (
                [row[0] for row in connection.execute(query).fetchall()]
                for query in (queries.BEST, queries.TRENDING)
            )
        assert best == [row["primary_title"] for row in shown.best]
        assert trending == [row["primary_title"] for row in shown.trending]
        assert len(best) == 4

    def test_of_series(self, page, snapshot):
        about = asyncio.run(series.load(snapshot, State({"series": 10}))).about
        cells = Page(page).cells
        at = cells.index(about["series_label"])
        names = ("avg_rating", "binge_score", "pilot_rating", "finale_rating")
        assert cells[at + 1 : at + 5] == [formatting.decimal(about[name]) for name in names]
        assert cells[at + 5] == formatting.signed(about["finale_delta"])
        assert Page(page).figures["Series", "Episodes"] == "6"
        assert '<div class="hint">pilot S1E1, latest rated S2E2</div>' in page

    def test_of_series_without_rated_episodes_are_unknown(self, page):
        cells = Page(page).cells
        at = cells.index("Lamplight (2020)")
        assert cells[at + 1 : at + 6] == [formatting.NONE] * 5
        assert page.count('<div class="hint">no rated episodes</div>') == 2

    def test_of_releases(self, page, snapshot):
        totals = loaded(releases, snapshot).totals
        figures = Page(page).figures
        assert figures["Releases", "Titles"] == formatting.count(totals["titles"]) == "2,043"
        assert figures["Releases", "Movies"] == formatting.count(totals["movie"])
        assert figures["Releases", "Episodes"] == "0"

    def test_of_the_catalogue(self, page, snapshot):
        row = loaded(catalogue, snapshot).figures
        figures = Page(page).figures
        assert figures["Catalogue", "Titles"] == formatting.count(row["titles"]) == "5"
        assert figures["Catalogue", "Median running time"] == formatting.minutes(row["minutes"])
        assert figures["Catalogue", "Countries"] == "2"

    def test_of_the_audience(self, page, snapshot):
        watched = loaded(audience, snapshot).watched
        figures = Page(page).figures
        assert figures["Audience", "Views"] == formatting.count(watched["views"]) == "7"
        assert figures["Audience", "Titles watched"] == formatting.count(watched["titles"])
        assert figures["Audience", "Registered users"] == formatting.count(watched["users"])

    def test_of_quality(self, page, snapshot):
        row = loaded(quality, snapshot).figures
        figures = Page(page).figures
        assert figures["Quality", "Checks passed"] == formatting.count(row["passed"]) == "2"
        assert figures["Quality", "Failed"] == "1"
        assert figures["Quality", "Rows in quarantine"] == formatting.count(row["refused"]) == "6"
        assert "gold.netflix_fact_titles contract: failed" in Page(page).cells
        assert {"Check", "Finding", "Table", "Broken rules"} <= {*Page(page).headings}


def evaluation(member: str, threshold: float = 0, **figures: float) -> dict[str, Any]:
    """Return a row of an evaluation; the first member of its slice is that of all titles."""
    return {
        "labelled_date": date(2025, 10, 31),
        "rule_version": 1,
        "slice": "all" if member == "all" else "source",
        "member": member,
        "threshold": threshold,
        "labels": 1_000,
        **figures,
    }


PRECISION = {"precision": 0.96, "precision_low": 0.9, "precision_high": 0.98}
RECALL = {"recall": 0.85, "recall_low": 0.825, "recall_high": 0.875}


def linked(*evaluations: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return four titles of sources, two of them linked, and how good their links are."""
    return {
        "gold.dim_title": [{"title_key": str(key)} for key in range(5)],
        "gold.title_links": [
            {"source": "yts", "source_id": str(key), "confidence": 0.9 if key < 2 else None}
            for key in range(4)
        ],
        "gold.title_link_review": [
            {"source": "yts", "source_id": "3", "candidate": candidate} for candidate in "ab"
        ],
        "gold.title_link_evaluation": list(evaluations),
    }


class TestTitles:
    """How many titles are linked, and how good their links are."""

    def test_figures(self, tmp_path):
        before = {"labelled_date": date(2025, 10, 30), "precision": 0.91}
        rows = linked(
            evaluation("all", **PRECISION, **RECALL),
            evaluation("all", 0.9, **RECALL),
            evaluation("all", **PRECISION, **RECALL) | before,
        )
        publish(tmp_path, "a", rows)
        figures = Page(rendered(tmp_path)).figures
        assert {
            label: value for (section, label), value in figures.items() if section == "Titles"
        } == {
            "Titles": "5",
            "Linked to IMDb": "50%",
            "To decide on": "1",
            "Precision": "96.0%",
            "Recall": "85.0%",
        }

    def test_bars_are_at_their_places_on_an_axis_that_begins_below_all_bounds(self, tmp_path):
        publish(tmp_path, "a", linked(evaluation("yts", **PRECISION, **RECALL)))
        page = rendered(tmp_path)
        assert "Precision, 80% to 100%" in page
        assert "96.0% (90.0% to 98.0%)" in page
        # Of the 20 points of the axis.
        assert 'class="bounds" style="margin-left: 50.00%; width: 40.00%"' in page
        assert 'class="share" style="margin-left: 80.00%"' in page
        assert 'class="bounds" style="margin-left: 12.50%; width: 25.00%"' in page
        assert 'class="share" style="margin-left: 25.00%"' in page

    def test_a_bound_of_0_is_on_the_axis(self, tmp_path):
        publish(tmp_path, "a", linked(evaluation("yts", **RECALL | {"recall_low": 0.0})))
        page = rendered(tmp_path)
        assert "Recall, 0% to 100%" in page
        assert 'class="bounds" style="margin-left: 0.00%; width: 87.50%"' in page

    def test_what_could_not_be_measured_is_a_dash(self, tmp_path):
        publish(tmp_path, "a", linked(evaluation("all", 0.99, **RECALL)))
        cells = Page(rendered(tmp_path)).cells
        assert cells[cells.index("99%") + 1 :][:2] == [formatting.NONE, "1,000"]

    def test_without_labels_there_are_titles_and_no_bars(self, tmp_path):
        publish(tmp_path, "a", linked())
        page = rendered(tmp_path)
        assert Page(page).figures["Titles", "Precision"] == formatting.NONE
        assert "How good" not in page


def test_hostile_titles_are_text(page):
    read = Page(page)
    assert HOSTILE in read.cells
    assert ARABIC in read.cells
    assert read.tags.isdisjoint({"script", "img", "iframe", "object", "link", "a", "svg", "form"})
    assert not {name for name in read.attributes if name.startswith("on")}


def test_it_calls_nothing_from_outside(page):
    assert "default-src 'none'" in page
    assert Page(page).attributes.isdisjoint({"src", "href", "srcset", "background", "action"})
    style = page.partition("<style>")[2].partition("</style>")[0]
    assert not re.search(r"url\(|@import|//", style)
    assert "&#" not in style, "a font's quotes would be escaped"


def test_it_has_no_data_of_single_users(page, world):
    with Published(world).reading() as connection:
        keys = [
            key
            for (key,) in connection.execute("SELECT user_key FROM gold.ott_dim_user").fetchall()
        ]
    assert len(keys) == 2
    assert not any(key in page for key in keys)
    assert "you like drama" not in page, "the reason of a recommendation tells of a user"


def test_an_empty_warehouse_is_stated_in_the_report(tmp_path):
    publish(tmp_path, "a", {})
    read = Page(rendered(tmp_path))
    assert any("The warehouse is empty" in text for text in read.prose)
    assert {"No movies yet.", "No series yet.", "No titles yet.", "No views yet."} <= {*read.prose}
    assert "No titles linked yet." in read.prose
    assert read.figures == {}
    assert read.cells == []


def test_a_source_alone_is_no_empty_warehouse(tmp_path):
    publish(tmp_path, "a", {"gold.imdb_movie_facts": movie(1, "A", 2020, "Drama")})
    read = Page(rendered(tmp_path))
    assert not any("The warehouse is empty" in text for text in read.prose)
    assert "No series yet." in read.prose
    assert read.figures["Movies", "Movies"] == "1"
    assert read.figures["Movies", "Mean rating"] == formatting.NONE


def test_it_is_small_enough_for_mail_with_any_titles_and_findings(tmp_path):
    long = HOSTILE * 500
    rows = {
        "gold.imdb_movie_facts": [
            row
            for key in range(30)
            for row in movie(key, long, 2020, "Drama", rating=9.0, votes=5_000)
        ],
        "gold.imdb_dim_series": [
            {"series_key": key, "series_label": long, "episodes": 1} for key in range(30)
        ],
        "gold.netflix_dim_category": [
            {"category_key": str(key), "category_name": long} for key in range(30)
        ],
        "gold.ott_dim_title": [{"title_key": str(key), "title": long} for key in range(30)],
        "gold.ott_popular_movies": [
            {"period": "overall", "title_key": str(key), "rank": key + 1, "watched_date": None}
            for key in range(30)
        ],
        "meta.checks": [
            check(f"gold.t{key}", "contract", "failed", long[:500]) for key in range(90)
        ],
        "meta.quarantine": [
            {"table_name": f"silver.t{key}", "broken_rules": long, "rows": 1} for key in range(90)
        ],
    }  # fmt: skip
    publish(tmp_path, "a", rows)
    page = rendered(tmp_path)
    assert len(page.encode()) < MAIL_BYTES
    assert "What checks found, the first 20 of 90" in page
    assert len(Page(page).cells[0]) == report.LONGEST


class TestWriting:
    def test_puts_it_next_to_its_snapshot(self, published):
        path = write_report(published)
        assert path == published.current().with_suffix(".html")
        assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
        assert {each.name for each in published.folder.iterdir()} == {
            ".lock", "CURRENT", "movies_a.duckdb", "movies_a.html",
        }  # fmt: skip

    def test_again_replaces_it(self, published):
        path = published.current().with_suffix(".html")
        path.write_text("old")
        assert write_report(published) == path
        assert path.read_text(encoding="utf-8") != "old"

    def test_it_goes_with_its_snapshot(self, published):
        publish(published.folder, "20261121T203000000000Z_0000000a", {})
        path = write_report(published)
        publish(published.folder, "20261121T203000000000Z_0000000b", {})
        newer = write_report(published)
        published.keep(1)
        assert not path.exists()
        assert newer.exists()

    def test_that_fails_leaves_the_report_before(self, published, monkeypatch):
        path = write_report(published)
        before = path.read_bytes()

        def fail(_: Path) -> None:
            raise OSError("no space left")

        monkeypatch.setattr(report, "fsync", fail)
        with pytest.raises(WarehouseError, match="no space"):
            write_report(published)
        assert path.read_bytes() == before
        monkeypatch.undo()
        write_report(published)
        assert not list(published.folder.glob("*.new"))

    def test_before_anything_is_published_says_what_to_do(self, tmp_path):
        with pytest.raises(NothingPublishedError, match="make run"):
            write_report(Published(tmp_path / "published"))
        assert not (tmp_path / "published").exists()


class TestTheAsset:
    def test_says_where_the_report_is(self, published):
        settings = Settings(published={"folder": published.folder})
        result = dg.materialize([report_asset(settings)])
        (told,) = result.asset_materializations_for_node("serving__report")
        path = Path(str(told.metadata["path"].value))
        assert path == published.current().with_suffix(".html")
        assert told.metadata["bytes"].value == path.stat().st_size

    def test_comes_after_the_snapshot(self):
        definition = report_asset(Settings())
        assert definition.key == KEY == dg.AssetKey(["serving", "report"])
        assert definition.asset_deps[KEY] == {PUBLISHED}
        assert definition.group_names_by_key[KEY] == "serving"

    @pytest.mark.slow
    def test_needs_no_dashboard(self):
        """The extra `dashboard` may be missing where reports are written."""
        code = "import sys; sys.modules['nicegui'] = None; import movies_assets.serving.report"
        subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)  # noqa: S603


def test_the_same_snapshot_gives_the_same_report(page, world):
    assert rendered(world) == page
