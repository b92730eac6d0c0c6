"""Published tables as files: what may leave, what is in the files, and what stays behind."""

import asyncio
import csv
import io
import re
import shutil
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from movies_assets.dashboard import downloads
from movies_assets.dashboard.downloads import DownloadRoute, Downloads, session, sizes, write
from movies_assets.definitions import TABLES
from movies_assets.orchestration.publishing.published import published_tables, shared_tables
from movies_assets.serving.queries import data as queries
from movies_assets.warehouse.published import Published
from movies_assets_tests.dashboard.more import more, title
from movies_assets_tests.dashboard.snapshots import ARABIC, HOSTILE, publish

TABLE = "gold.netflix_dim_title"


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """The folder of temporary files, of this test alone."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    publish(folder, "a", more())
    return folder


@pytest.fixture
def folder(world, tmp_path) -> Path:
    """The small world in a folder of the test's own."""
    return Path(shutil.copytree(world, tmp_path / "published"))


def downloaded(folder: Path, name: str) -> tuple[int, bytes, Any]:
    """Return status, content and headers of a download."""
    route = DownloadRoute(Downloads(Published(folder)), most=8)

    async def ask() -> tuple[int, bytes, Any]:
        answer = await route.answer(name)
        if hasattr(answer, "body_iterator"):
            content = b"".join([chunk async for chunk in answer.body_iterator])
        else:
            content = answer.body
        return answer.status_code, content, answer.headers

    return asyncio.run(ask())


def texts(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_table_comes_as_csv_with_every_row(folder):
    status, content, headers = downloaded(folder, f"{TABLE}.csv")
    assert status == 200
    assert headers["content-disposition"] == f'attachment; filename="{TABLE}.csv"'
    assert int(headers["content-length"]) == len(content)
    assert [row["title"] for row in texts(content)] == ["Aria", "Boats", HOSTILE, "'=1+1", ARABIC]


def test_a_table_comes_as_parquet_with_every_value_as_it_is(folder):
    status, content, headers = downloaded(folder, f"{TABLE}.parquet")
    assert (status, headers["content-type"]) == (200, "application/vnd.apache.parquet")
    frame = pd.read_parquet(io.BytesIO(content))
    assert list(frame["title"]) == ["Aria", "Boats", HOSTILE, "=1+1", ARABIC]
    assert len(frame.columns) == len(TABLES[TABLE].contract.types())


def test_no_text_of_a_csv_file_begins_like_a_formula(tmp_path):
    starts = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]  # noqa: RUF001
    rows = [
        title(key, f'{start}cmd|" /C calc"!A0', 1, None, 2020, None, 90)[0]
        for key, start in enumerate(starts)
    ]
    publish(tmp_path / "published", "a", more() | {TABLE: rows})
    _, content, _ = downloaded(tmp_path / "published", f"{TABLE}.csv")
    assert [row["title"] for row in texts(content)] == [f"'{row['title']}" for row in rows]


SIGNS = "=+-@＝＋－＠"  # noqa: RUF001 (spreadsheets of some languages take these too)
SEPARATORS = ",;|\t\r\n\v\f\x85\u2028\u2029"
IGNORED = ' "\xa0\ufeff'
CELLS = st.lists(st.sampled_from(f"{SIGNS}{SEPARATORS}{IGNORED}'a1é"), max_size=8).map("".join)
EVERY = [
    f"{before}{separator}{ignored}{sign}1"
    for before, separator, ignored, sign in product(
        ["", "a"], ["", *SEPARATORS], ["", *IGNORED], SIGNS
    )
]


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=st.lists(CELLS, min_size=10, max_size=40))
@example(cells=EVERY)
def test_no_text_is_a_formula_at_any_split_of_a_csv_file_by_a_spreadsheet(cells, tmp_path):
    frame = pd.DataFrame({"text": cells, "number": -5, "list": [[cell, "-1"] for cell in cells]})
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        connection.execute("CREATE OR REPLACE TABLE cells AS SELECT * FROM frame")
        path = write(connection, "cells", "csv", tmp_path)
    content = path.read_bytes().decode()
    for separators in (",", ";", "|", "\t", ",;|\t"):
        for field in re.split(rf"[{separators}\r\n\v\f\x85\u2028\u2029]", content):
            assert field == "-5" or not field.lstrip(IGNORED).startswith(tuple(SIGNS)), field
    rows = list(csv.reader(io.StringIO(content, newline="")))[1:]
    for (text, number, _), cell in zip(rows, cells, strict=True):
        assert number == "-5"
        assert text[:1] not in {"\t", "\r", "\n"}
        # Only apostrophes are added, and only where there is something to defuse.
        assert text.replace("'", "") == cell.replace("'", "")
        assert text == cell or set(cell) & {*SIGNS, "\t", "\r", "\n"}


def test_a_setting_leaves_texts_of_csv_files_as_they_are(folder):
    made = Downloads(Published(folder), defuses=False).file(TABLE, "csv")
    assert made
    with made[0] as file:
        assert "=1+1" in [row["title"] for row in texts(file.read())]


def test_numbers_and_other_texts_of_a_csv_file_stay_as_they_are(tmp_path):
    rows = {**title(5, "a = b", 1, None, 2020, None, 90)[0], "release_year": -1}
    publish(tmp_path / "published", "a", more() | {TABLE: [rows]})
    _, content, _ = downloaded(tmp_path / "published", f"{TABLE}.csv")
    (row,) = texts(content)
    assert (row["show_key"], row["title"], row["release_year"]) == ("5", "a = b", "-1")
    assert row["description"] == ""


@pytest.mark.parametrize(
    "name",
    [
        "gold.ott_dim_user.csv",
        "gold.ott_recommendation_quality.csv",
        "silver.netflix_titles.csv",
        "meta.tables.csv",
        "gold.no_such_table.csv",
        "netflix_dim_title.csv",
        "GOLD.NETFLIX_DIM_TITLE.csv",
        'gold.netflix_dim_title"; DROP TABLE gold.netflix_dim_title; --.csv',
        "gold.netflix_dim_title' OR 1=1 --.csv",
        "../../etc/passwd.csv",
        f"{TABLE}.exe",
        f"{TABLE}",
        "",
        "csv",
        "\N{SNOWMAN}\x00.csv",
    ],
)
def test_nothing_else_can_be_downloaded(folder, scratch, name):
    status, content, _ = downloaded(folder, name)
    assert status == 404
    assert len(content) < 100
    assert list(scratch.iterdir()) == []


def test_every_published_table_without_data_of_single_users_can_be_downloaded(tmp_path):
    """The rule is the one by which tables leave for other systems, asked of the snapshot."""
    known = {
        "meta.tables": [
            {"table_name": name, "is_published": name in published_tables(TABLES), "rows": 0}
            for name in TABLES
        ],
        "meta.columns": [
            {
                "table_name": name,
                "column_name": column,
                "is_personal": column in table.contract.personal(),
            }
            for name, table in TABLES.items()
            for column in table.contract.types()
        ],
    }  # fmt: skip
    publish(tmp_path / "published", "a", known)
    path = Published(tmp_path / "published").current()
    with session(path, tmp_path) as connection:
        found = {
            name
            for name in TABLES
            if connection.execute(queries.SHARED, {"table": name}).fetchall()
        }
    assert found == set(shared_tables(TABLES))
    assert "gold.ott_dim_user" not in found


def test_nothing_published_is_a_clear_error(tmp_path):
    status, content, _ = downloaded(tmp_path / "published", f"{TABLE}.csv")
    assert status == 503
    assert b"make run" in content


def test_the_file_is_gone_before_it_is_sent(folder, scratch):
    """So nothing stays behind, however the download ends."""
    made = Downloads(Published(folder)).file(TABLE, "csv")
    assert made
    assert list(scratch.iterdir()) == []
    with made[0] as file:
        assert len(file.read()) == made[1]


def test_a_file_that_cannot_be_made_is_a_clear_error_and_leaves_nothing_behind(
    folder, scratch, monkeypatch
):
    def fail(*given: Any, **_: Any) -> Path:
        (given[-1] / "half.csv").write_text("half")
        raise duckdb.IOException("no space")

    monkeypatch.setattr(downloads, "write", fail)
    status, content, _ = downloaded(folder, f"{TABLE}.csv")
    assert (status, content) == (500, b"The file could not be written. See the dashboard's log.")
    assert list(scratch.iterdir()) == []


def test_a_download_goes_on_when_its_snapshot_is_removed(folder):
    made = Downloads(Published(folder)).file(TABLE, "csv")
    (folder / "CURRENT").unlink()
    (folder / "movies_a.duckdb").unlink()
    assert made
    with made[0] as file:
        assert len(texts(file.read())) == 5


@pytest.mark.parametrize("statement", [
    "COPY (SELECT 1) TO '{elsewhere}/x.csv'",
    "SELECT * FROM read_text('/etc/hostname')",
    "ATTACH '{elsewhere}/x.duckdb'",
    "INSERT INTO gold.netflix_dim_category VALUES ('a', 'b')",
    "SET memory_limit = '100GB'",
])  # fmt: skip
def test_a_session_reaches_no_other_file_and_changes_nothing(folder, scratch, tmp_path, statement):
    with session(folder / "movies_a.duckdb", scratch) as connection:
        write(connection, TABLE, "csv", scratch)
        with pytest.raises(duckdb.Error):
            connection.execute(statement.format(elsewhere=tmp_path))


def test_sizes_of_a_small_table_are_exact(folder, scratch):
    measured = sizes(folder / "movies_a.duckdb", TABLE, 5)
    assert measured.is_exact
    for kind, size in (("csv", measured.csv), ("parquet", measured.parquet)):
        _, content, _ = downloaded(folder, f"{TABLE}.{kind}")
        assert len(content) == size
    assert list(scratch.iterdir()) == []


def test_sizes_of_a_large_table_are_reckoned_from_its_first_rows(folder, monkeypatch):
    monkeypatch.setattr(downloads, "SAMPLE_ROWS", 2)
    measured = sizes(folder / "movies_a.duckdb", "gold.netflix_fact_titles", 5)
    _, content, _ = downloaded(folder, "gold.netflix_fact_titles.csv")
    assert not measured.is_exact
    assert measured.csv == pytest.approx(len(content), rel=1)
    assert measured.csv > len(content) / 2
