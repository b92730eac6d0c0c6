"""The sources of the sample show the same works, and the truth says which title is which work."""

import ast
import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import ibis
import pytest
from click.testing import CliRunner

from movies_assets import sources
from movies_assets.sample.__main__ import main
from movies_assets.sample.spellings import normalised
from movies_assets.sample.truth import TitleTruth
from movies_assets.sample.world import DIFFICULTIES
from movies_assets.settings import PROJECT_ROOT, Settings, load
from movies_assets.sources.imdb import sample as imdb
from movies_assets.sources.netflix import sample as netflix
from movies_assets.sources.omdb.sample import Titles
from movies_assets.sources.ott import sample as ott
from movies_assets.sources.ott.silver import UNDATED
from movies_assets.sources.shared.names import identity
from movies_assets.sources.yts.sample import Catalogue

SETTINGS = load()
LAST_DAY = SETTINGS.sample.last_day
OF_ANY = (
    "alternate name, corrected name, late in IMDb, namesake, numeral, only here, remake, same, "
)
OF_ANY += "sequel, spelling, year"
OF_TIMED = f"{OF_ANY}, no runtime, original name, other cut, runtime"
SHOWN = {
    "yts": f"{OF_TIMED}, former id, wrong id",
    "omdb": f"{OF_ANY}, former id",
    "netflix": f"{OF_TIMED}, language version, newest season, other name, region",
    "ott": f"{OF_TIMED}, language version, other score",
}
OF_NAME = {"alternate name", "numeral", "original name", "other name", "region", "language version"}


class Title(NamedTuple):
    """A title as a source's files have it; unknown values are None."""

    names: set[str]
    year: int | None
    runtime: int | None = None
    imdb_id: str | None = None
    score: float | None = None
    is_series: bool = False


class ImdbTitle(NamedTuple):
    """A title as IMDb's dumps have it."""

    tconst: str
    primary: str
    original: str
    kind: str
    year: int
    end_year: int | None
    runtime: int | None
    others: set[str]
    rating: float

    @property
    def names(self) -> set[str]:
        return {self.primary, self.original, *self.others}


def rows_of(folder: Path, file: str) -> list[dict[str, str]]:
    text = gzip.decompress((folder / f"{file}.tsv.gz").read_bytes()).decode()
    header, *lines = text.splitlines()
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]


def number(text: str) -> int | None:
    return None if text == "\\N" else int(text)


def read_imdb(folder: Path, day: object) -> dict[str, ImdbTitle]:
    files = ["title.basics", "title.akas", "title.ratings"]
    imdb.generate(folder, run_date=day, scale=SETTINGS.imdb.sample_scale, files=files)
    others = defaultdict[str, set[str]](set)
    for row in rows_of(folder, "title.akas"):
        others[row["titleId"]].add(row["title"])
    ratings = {r["tconst"]: float(r["averageRating"]) for r in rows_of(folder, "title.ratings")}
    return {
        row["tconst"]: ImdbTitle(
            row["tconst"],
            row["primaryTitle"],
            row["originalTitle"],
            row["titleType"],
            number(row["startYear"]) or 0,
            number(row["endYear"]),
            number(row["runtimeMinutes"]),
            others[row["tconst"]],
            ratings.get(row["tconst"], 0),
        )
        for row in rows_of(folder, "title.basics")
    }


def read_yts(_: Path) -> dict[str, Title]:
    catalogue = Catalogue(SETTINGS.yts.sample_movies, LAST_DAY)
    movies = [catalogue[position] for position in range(len(catalogue))]
    return {
        str(movie["id"]): Title(
            {movie["title"], movie["title_english"]},
            movie["year"],
            movie["runtime"] or None,
            movie["imdb_code"],
        )
        for movie in movies
    }


def read_omdb(_: Path) -> dict[str, Title]:
    titles = Titles(LAST_DAY.year)
    return {
        title["imdbID"]: Title(
            {title["Title"]}, int(title["Year"][:4]), None, title["imdbID"], None, is_series
        )
        for year in range(1900, LAST_DAY.year + 1)
        for title in titles.of(year)
        for is_series in [title["Type"] == "series"]
    }


def read_netflix(_: Path) -> dict[str, Title]:
    found = {}
    for file in netflix.arrivals(last_day=LAST_DAY):
        is_odd = not file.content.startswith(b"\xef\xbb\xbf")
        text = file.content.decode("cp1252" if is_odd else "utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if is_odd else ","):
            if (row["show_id"] or "").isdecimal():
                minutes = row["duration_minutes"]
                found[row["show_id"]] = Title(
                    {row["title"]},
                    int(row["release_year"]),
                    int(minutes) if minutes else None,
                    is_series=row["type"] == "TV Show",
                )
    return found


def read_ott(folder: Path) -> dict[str, Title]:
    """Read the titles of the streaming service, by the key that silver gives them."""
    rows = []
    for path in ott.deliver_titles(folder, last_day=LAST_DAY):
        content = path.read_bytes()
        is_odd = content.startswith(b"Title;")
        text = content.decode("cp1252" if is_odd else "utf-8")
        rows += csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if is_odd else ",")
    rows = [row for row in rows if row["Title"]]
    days = [day_of(row["Premiere"]) for row in rows]
    named = ibis.memtable(
        {"title": [row["Title"] for row in rows], "day": days, "n": range(len(rows))}
    )
    key = (identity(named.title) + "\n" + named.day).hexdigest("sha256").left(32)
    keys = named.select("n", key=key).order_by("n").execute()["key"].tolist()
    return {
        key: Title(
            {row["Title"]},
            None if day == UNDATED else int(day[:4]),
            int(row["Runtime"] or 0) or None,
            score=float(row["IMDb Score"] if row["IMDb Score"] not in {"", "N/A"} else "nan"),
        )
        for key, row, day in zip(keys, rows, days, strict=True)
    }


def day_of(text: str) -> str:
    if not text:
        return UNDATED
    if re.match(r"\d{4}-", text):
        return text
    return str(datetime.strptime(text.replace(".", ","), "%B %d, %Y").date())  # noqa: DTZ007


READ: Mapping[str, Callable[[Path], dict[str, Title]]] = {
    "yts": read_yts,
    "omdb": read_omdb,
    "netflix": read_netflix,
    "ott": read_ott,
}


def truths(settings: Settings = SETTINGS) -> list[TitleTruth]:
    return [title for of in sources.sample_truths().values() for title in of(settings)]


@pytest.fixture(scope="module")
def truth() -> list[TitleTruth]:
    return truths()


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImdbTitle]:
    """IMDb's titles on the last day."""
    return read_imdb(tmp_path_factory.mktemp("last"), LAST_DAY)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ImdbTitle]:
    """IMDb's titles on the base day."""
    return read_imdb(tmp_path_factory.mktemp("first"), imdb.BASE_DAY)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Title]]:
    """The titles of each source, by their ids."""
    return {name: read(tmp_path_factory.mktemp(name)) for name, read in READ.items()}


@pytest.fixture(scope="module")
def holds(
    listed: dict[str, ImdbTitle], before: dict[str, ImdbTitle], truth: Sequence[TitleTruth]
) -> Callable[[str, TitleTruth, Title], bool]:
    """Answers whether the files show a difficulty of a title."""
    by_name = defaultdict[str, list[ImdbTitle]](list)
    for title in listed.values():
        by_name[title.primary].append(title)
    copies = Counter((title.source, title.tconst) for title in truth)

    def others(work: ImdbTitle, years: range) -> list[ImdbTitle]:
        return [
            other
            for other in by_name[work.primary]
            if other.tconst != work.tconst
            and other.kind != "tvEpisode"
            and abs(other.year - work.year) in years
        ]

    def has_name(title: Title, names: Iterable[str]) -> bool:
        return bool({normalised(n) for n in names} & {normalised(n) for n in title.names})

    def minutes_apart(work: ImdbTitle, title: Title) -> int:
        return abs((title.runtime or 0) - (work.runtime or 0))

    def is_same(work: ImdbTitle, title: Title) -> bool:
        is_timed = title.runtime is None or minutes_apart(work, title) == 0
        return is_timed and title.year == work.year and title.names <= work.names

    rules: dict[str, Callable[[ImdbTitle, Title, TitleTruth], bool]] = {
        "alternate name": lambda work, title, _: has_name(
            title, work.others - {work.primary, work.original}
        ),
        "corrected name": lambda work, *_: before[work.tconst].primary != work.primary,
        "former id": lambda work, title, _: (
            title.imdb_id != work.tconst and title.imdb_id not in listed
        ),
        "language version": lambda work, _, known: copies[known.source, work.tconst] > 1,
        "late in IMDb": lambda work, *_: work.tconst not in before,
        "namesake": lambda work, *_: bool(others(work, range(2))),
        "newest season": lambda work, title, _: (
            title.is_series and work.year < (title.year or 0) <= (work.end_year or LAST_DAY.year)
        ),
        "no runtime": lambda work, title, _: not (work.runtime and title.runtime),
        "numeral": lambda work, title, _: (
            not title.names & work.names and bool(re.search(r"\d|II", work.primary))
        ),
        "original name": lambda work, title, _: work.original in title.names - {work.primary},
        "other cut": lambda work, title, _: minutes_apart(work, title) > (work.runtime or 0) / 10,
        "other name": lambda work, title, _: not has_name(title, work.names),
        "other score": lambda work, title, _: abs((title.score or 0) - work.rating) > 1,
        "region": lambda work, title, _: bool(
            {re.sub(r" \([A-Z.]+\)", "", name) for name in title.names} & work.names
        ),
        "remake": lambda work, *_: bool(others(work, range(2, 200))),
        "runtime": lambda work, title, _: 1 <= minutes_apart(work, title) <= 3,
        "same": lambda work, title, _: is_same(work, title),
        "sequel": lambda work, *_: bool(re.search(r" (\d|I+)$", work.primary)),
        "spelling": lambda work, title, known: (
            not title.names <= work.names
            and (bool(known.difficulties & OF_NAME) or has_name(title, work.names))
        ),
        "wrong id": lambda work, title, _: title.imdb_id in listed.keys() - {work.tconst},
        "year": lambda work, title, _: abs((title.year or 0) - work.year) == 1,
    }

    def answer(difficulty: str, known: TitleTruth, title: Title) -> bool:
        if difficulty == "only here":
            return known.tconst == "" and title.imdb_id not in listed
        return rules[difficulty](listed[known.tconst], title, known)

    return answer


@pytest.mark.parametrize(
    ("source", "difficulty"),
    [(source, name) for source, names in SHOWN.items() for name in names.split(", ")],
)
def test_the_files_of_a_source_show_each_of_its_difficulties(
    truth, shown, holds, source, difficulty
):
    found = [
        (known, shown[source][known.source_id])
        for known in truth
        if known.source == source
        and (difficulty in known.difficulties or (difficulty == "same" and not known.difficulties))
        and known.source_id in shown[source]
    ]
    assert found
    assert [pair for pair in found if not holds(difficulty, *pair)] == []


def test_each_difficulty_that_a_title_has_is_one_of_its_source_and_is_described(truth):
    found = {(title.source, name) for title in truth for name in title.difficulties}
    expected = {
        (source, name)
        for source, names in SHOWN.items()
        for name in names.split(", ")
        if name != "same"
    }
    assert found == expected
    assert {name for _, name in found} == set(DIFFICULTIES)


@pytest.mark.parametrize("source", READ)
def test_the_truth_names_each_title_of_a_source_once(truth, shown, source):
    counts = Counter(title.source_id for title in truth if title.source == source)
    assert set(counts.values()) == {1}
    # Netflix tears a few rows in half.
    assert set(counts) >= set(shown[source])
    assert len(set(counts) - set(shown[source])) <= 4


def test_each_work_is_in_the_dumps_and_most_titles_of_a_source_have_one(truth, listed):
    assert {title.tconst for title in truth} - listed.keys() == {""}
    assert "tvEpisode" not in {listed[title.tconst].kind for title in truth if title.tconst}
    for source in ("netflix", "ott"):
        works = [bool(title.tconst) for title in truth if title.source == source]
        assert 0.5 < sum(works) / len(works) < 0.8


def test_a_show_is_of_a_year_in_which_it_ran(truth, shown, listed):
    for title in truth:
        if title.source == "netflix" and title.tconst and title.source_id in shown["netflix"]:
            work, found = listed[title.tconst], shown["netflix"][title.source_id]
            assert found.is_series == (work.kind in {"tvSeries", "tvMiniSeries"})
            if found.is_series:
                assert work.year - 1 <= found.year <= (work.end_year or LAST_DAY.year) + 1


def test_the_scores_of_the_streaming_service_are_those_of_imdb(truth, shown, listed):
    pairs = [
        (shown["ott"][title.source_id].score, listed[title.tconst].rating)
        for title in truth
        if title.source == "ott" and title.tconst
    ]
    near = [abs(score - rating) <= 0.55 for score, rating in pairs if score == score]  # noqa: PLR0124
    assert 0.9 < sum(near) / len(near) < 1


def test_works_meet_in_several_sources(truth):
    met = defaultdict[str, set[str]](set)
    for title in truth:
        met[title.tconst].add(title.source)
    counts = Counter(len(names) for tconst, names in met.items() if tconst)
    assert set(counts) == {1, 2, 3, 4}
    assert min(counts.values()) > 10


def test_the_truth_is_the_same_each_time_and_of_another_seed_another(truth):
    assert truths() == truth
    assert truth != truths(
        SETTINGS.model_copy(update={"sample": SETTINGS.sample.model_copy(update={"seed": 2})})
    )


def test_the_truth_about_a_title_does_not_depend_on_the_sizes_of_the_sample(truth):
    sizes = {"yts": {"sample_movies": 2_500}, "netflix": {"sample_titles": 600}}
    sections = {
        name: getattr(SETTINGS, name).model_copy(update=size) for name, size in sizes.items()
    }
    bigger = set(truths(SETTINGS.model_copy(update=sections)))
    assert {title for title in truth if title.source != "ott"} <= bigger


def test_the_command_writes_the_truth(tmp_path, truth):
    result = CliRunner().invoke(main, ["truth", "--folder", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"truth\.csv: [\d,]+ bytes\n", result.output)
    with (tmp_path / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["source", "source_id", "tconst", "difficulties"]
    assert [(row["source"], row["source_id"], row["tconst"]) for row in rows] == [
        title[:3] for title in truth
    ]
    assert {"same", "only here", "sequel"} <= {row["difficulties"] for row in rows}


def test_the_documentation_lists_the_difficulties():
    page = (PROJECT_ROOT / "docs/how-to/live-sources.md").read_text(encoding="utf-8")
    for name, meaning in DIFFICULTIES.items():
        assert f"| `{name}` | {meaning} |" in page


def imports_of(path: Path) -> set[str]:
    text = path.read_text(encoding="utf-8")
    # Parsing takes time.
    nodes = list(ast.walk(ast.parse(text))) if "sample" in text else []
    found = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{each.name}" for each in node.names)}
    return found


def test_nothing_of_the_pipeline_knows_the_world_or_the_truth():
    package = PROJECT_ROOT / "movies_assets"
    secret = re.compile(r"sample\.(world|showing|truth)\b|\bsample_(works|truth)\b")
    knowing = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if any(secret.search(name) for name in imports_of(path))
    }
    allowed = re.compile(r"sample/\w+\.py|sources/\w+/sample\w*\.py|sources/__init__\.py")
    assert {path for path in knowing if not allowed.fullmatch(path)} == set()
    assert any("sample_works" in name for name in imports_of(package / "sources/yts/sample.py"))
