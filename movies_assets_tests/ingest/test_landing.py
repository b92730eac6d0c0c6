"""Files are known by path, size and content; what is not read is named with the reason."""

import os
import socket
import stat
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from movies_assets.ingest import landing as landing_module
from movies_assets.ingest.http import PermanentSourceError
from movies_assets.ingest.landing import Landing

DAY, NEXT_DAY = date(2025, 10, 30), date(2025, 10, 31)


def put(folder: Path, path: str, content: str = "a,b\n") -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content)
    return file


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path, "netflix/titles")


def test_a_folder_that_is_not_there_has_no_arrivals(tmp_path):
    assert Landing(tmp_path / "none", "netflix/titles").arrivals() == []


def test_files_are_listed_by_day_and_name_with_their_size(landing, tmp_path):
    put(tmp_path, "2025-10-31/b.csv", "12345")
    put(tmp_path, "2025-10-30/z.csv")
    put(tmp_path, "2025-10-31/a.csv")
    found = [(file.day, file.path, file.bytes) for file in landing.arrivals()]
    assert found == [
        (DAY, "2025-10-30/z.csv", 4),
        (NEXT_DAY, "2025-10-31/a.csv", 4),
        (NEXT_DAY, "2025-10-31/b.csv", 5),
    ]


def test_only_the_files_of_the_days_asked_for_are_listed(landing, tmp_path):
    put(tmp_path, "2025-10-31/b.csv")
    put(tmp_path, "2025-10-30/z.csv")
    assert [file.day for file in landing.arrivals({DAY})] == [DAY]


@pytest.mark.parametrize(
    "path",
    [
        "2025-10-31/b.csv",
        "2025-10-31/b.CSV",
        "2025-10-31/b.Csv.GZ",
        "2025-10-31/b.tsv",
        "2025-10-31/b.jsonl",
        "2025-10-31/b.ndjson.gz",
        "2025-10-31/b.parquet",
        "2025-10-31/b.xlsx",
        "2025-10-31/b.zip",
        "2025-10-31/b.xls",
        "2025-10-31/more/b.csv",
        "old/2025-10-31/b.csv",
        "date=2025-10-31/b.csv",
        "arrived_date=2025-10-31/part=7/b.csv",
        "20251031/b.csv",
        "2025/10/31/b.csv",
        "2025/10/31/12/b.csv",
        "year=2025/month=10/day=31/b.csv",
        "y=2025/m=10/d=31/b.csv",
        "2025/2025-10-31/b.csv",
        "2025-10-31/2025-10-31/2025-10-01.csv",
    ],
)
def test_a_file_of_any_packing_belongs_to_the_day_in_its_folders(landing, tmp_path, path):
    put(tmp_path, path)
    assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, path)]
    assert [(found.day, found.path) for found in landing.arrivals()] == [(NEXT_DAY, path)]
    assert landing.paths({DAY}) == landing.unread() == []


TEMPORARY, NO_DAY, KIND = "temporary name", "no day in its path", "kind that is not read"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("2025-10-31/.b.csv", TEMPORARY),
        ("2025-10-31/_b.csv", TEMPORARY),
        ("2025-10-31/_temporary/0/b.csv", TEMPORARY),
        ("_old/2025-10-31/b.csv", TEMPORARY),
        ("2025-10-31/~$b.xlsx", TEMPORARY),
        ("2025-10-31/b.csv.part", TEMPORARY),
        ("2025-10-31/b.csv.crdownload", TEMPORARY),
        ("2025-10-31/b.csv.TMP", TEMPORARY),
        ("2025-10-31/b.csv~", TEMPORARY),
        ("2025-13-31/b.csv", NO_DAY),
        ("b.csv", NO_DAY),
        ("2025-10-31.csv", NO_DAY),
        ("x2025-10-31/b.csv", NO_DAY),
        ("2025/b.csv", NO_DAY),
        ("2025-10-31/2025-10-30/b.csv", "several days in its path"),
        ("2025-10-31/b.pdf", KIND),
        ("2025-10-31/b", KIND),
        ("2025-10-31/b.txt", "is a note"),
        ("README.md", "is a note"),
    ],
)
def test_a_file_that_is_not_read_is_named_with_the_reason(landing, tmp_path, path, reason):
    put(tmp_path, path)
    assert landing.arrivals() == landing.paths({DAY, NEXT_DAY}) == []
    ((found, why),) = [(one.path, one.reason) for one in landing.unread({NEXT_DAY})]
    assert found == path
    assert reason in why
    assert landing.everything() == [path]


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "_SUCCESS", ".b.csv.crc", ".lock"])
def test_files_that_systems_leave_and_that_hold_no_data_are_left_out(landing, tmp_path, name):
    put(tmp_path, f"2025-10-31/{name}")
    assert landing.arrivals() == landing.unread() == []


def test_files_of_other_days_are_named_with_their_own_days_or_where_no_run_can_have_them(
    landing, tmp_path
):
    put(tmp_path, "2025-10-30/a.pdf")
    put(tmp_path, "2025-10-30/a.csv")
    put(tmp_path, "2025-10-31/b.pdf")
    assert [one.path for one in landing.unread({NEXT_DAY})] == ["2025-10-31/b.pdf"]
    found = landing.unread({NEXT_DAY}, possible=(NEXT_DAY, NEXT_DAY))
    assert [(one.path, one.day) for one in found] == [
        ("2025-10-30/a.csv", DAY),
        ("2025-10-30/a.pdf", DAY),
        ("2025-10-31/b.pdf", NEXT_DAY),
    ]
    assert found[0].reason.endswith(
        "a day without a partition: there are those of 2025-10-31 to 2025-10-31"
    )


class TestLinks:
    def test_links_to_files_and_folders_are_followed(self, landing, tmp_path):
        store = tmp_path / "store"
        put(store, "oldest/x/a.csv")
        file = put(store, "b.csv", "text")
        (tmp_path / "2025-10-31").mkdir()
        (tmp_path / "2025-10-31/b.csv").symlink_to(file)
        (tmp_path / "2025-10-30").symlink_to(store / "oldest")
        (tmp_path / "date=2025-10-31").symlink_to(store / "oldest/x")
        paths = ["2025-10-30/x/a.csv", "2025-10-31/b.csv", "date=2025-10-31/a.csv"]
        assert [path for _, path in landing.paths({DAY, NEXT_DAY})] == paths
        assert [found.path for found in landing.arrivals()] == paths
        assert landing.everything() == [*paths, "store/b.csv", "store/oldest/x/a.csv"]
        with landing.open("2025-10-31/b.csv") as opened:
            assert opened.read() == b"text"

    def test_the_landing_folder_itself_may_be_a_link(self, tmp_path):
        put(tmp_path, "store/2025-10-31/a.csv")
        (tmp_path / "link").symlink_to(tmp_path / "store")
        landing = Landing(tmp_path / "link", "netflix/titles")
        assert [found.path for found in landing.arrivals()] == ["2025-10-31/a.csv"]

    @pytest.mark.slow
    def test_folders_that_all_link_to_each_other_are_listed_in_moderation(self, landing, tmp_path):
        folders = [tmp_path / f"2025-10-{day}" for day in range(20, 26)]
        for folder in folders:
            put(folder, "a.csv")
            for other in folders:
                (folder / other.name[-2:]).symlink_to(other)
        assert landing.arrivals()
        reasons = {one.reason for one in landing.never_opened()}
        assert reasons == {landing_module.LOOP, landing_module.TOO_MANY_LINKS}

    def test_a_loop_of_links_ends_and_is_named(self, landing, tmp_path):
        put(tmp_path, "2025-10-31/a.csv")
        (tmp_path / "2025-10-31/loop").symlink_to(tmp_path)
        assert [found.path for found in landing.arrivals()] == ["2025-10-31/a.csv"]
        assert [(one.path, one.reason) for one in landing.unread()] == [
            ("2025-10-31/loop", landing_module.LOOP)
        ]

    @pytest.mark.parametrize("path", ["2025-10-31/b.csv", "2025-10-31", "2025-10-31/more"])
    @pytest.mark.parametrize("target", ["nowhere", "itself"])
    def test_a_link_that_leads_nowhere_costs_its_own_day_only(
        self, landing, tmp_path, path, target
    ):
        put(tmp_path, "2025-10-30/a.csv")
        link = tmp_path / path
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(link if target == "itself" else tmp_path / "nowhere")
        assert [found.path for found in landing.arrivals()] == ["2025-10-30/a.csv"]
        assert landing.paths({DAY, NEXT_DAY}) == [(DAY, "2025-10-30/a.csv"), (NEXT_DAY, path)]
        ((found, day),) = [(one.path, one.day) for one in landing.survey().closed]
        assert (found, day) == (path, NEXT_DAY)
        assert landing.everything() == ["2025-10-30/a.csv"]
        with pytest.raises(PermanentSourceError, match=f"{path} (is a link to|cannot be read)"):
            landing.open(path)

    def test_a_replaced_link_stays_one_and_the_file_behind_it_is_written(self, landing, tmp_path):
        file = put(tmp_path, "store/b.csv")
        link = tmp_path / "b.csv"
        link.symlink_to(file)
        landing.replace("b.csv", [b"new"])
        assert (link.is_symlink(), file.read_bytes()) == (True, b"new")


def socket_at(path: Path) -> None:
    folder = Path.cwd()
    os.chdir(path.parent)  # the name of a socket has 108 bytes at most
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)
    os.chdir(folder)


def outside(path: Path) -> Path:
    return put(path.parents[1].with_name(f"{path.parents[1].name} other"), "b.csv")


TRAPS: dict[str, tuple[Callable[[Path], object], str]] = {
    "pipe": (os.mkfifo, landing_module.NO_FILE),
    "socket": (socket_at, landing_module.NO_FILE),
    "device": (lambda path: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),
               landing_module.NO_FILE),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), landing_module.OUTSIDE_FOLDER),
    "link out": (lambda path: path.symlink_to(outside(path)), landing_module.OUTSIDE_FOLDER),
    "relative link out": (lambda path: path.symlink_to(f"../../{path.parents[1].name} other/b.csv"),
                          landing_module.OUTSIDE_FOLDER),
    "link to a sibling of the same beginning": (
        lambda path: path.symlink_to(f"{path.parents[1]} other"), landing_module.OUTSIDE_FOLDER),
    "link to a folder above": (lambda path: path.symlink_to(".."), landing_module.LOOP),
    "link to the root": (lambda path: path.symlink_to("/"), landing_module.OUTSIDE_FOLDER),
    "folder": (Path.mkdir, landing_module.EMPTY_FOLDER),
}  # fmt: skip


class TestTraps:
    """Only regular files below the folder are opened, without waiting; all others are named."""

    @pytest.mark.parametrize("kind", TRAPS)
    def test_what_is_no_file_of_the_folder_is_named_and_never_opened(self, landing, tmp_path, kind):
        lay, reason = TRAPS[kind]
        outside(tmp_path / "2025-10-31/b.csv")
        put(tmp_path, "2025-10-31/a.csv")
        try:
            lay(tmp_path / "2025-10-31/b.csv")
        except PermissionError:
            pytest.skip("only root makes devices")
        assert [found.path for found in landing.arrivals()] == ["2025-10-31/a.csv"]
        assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, "2025-10-31/a.csv")]
        assert landing.everything() == ["2025-10-31/a.csv"]
        named = [("2025-10-31/b.csv", reason)]
        for found in (landing.unread(), landing.survey().unread, landing.never_opened()):
            assert [(one.path, one.reason) for one in found] == named

    @pytest.mark.parametrize("kind", [kind for kind in TRAPS if kind != "folder"])
    def test_a_trap_that_takes_the_place_of_a_file_after_the_listing_is_not_opened(
        self, landing, tmp_path, kind
    ):
        lay, _ = TRAPS[kind]
        path = put(tmp_path, "2025-10-31/b.csv")
        outside(path)
        assert landing.arrivals()
        path.unlink()
        try:
            lay(path)
        except PermissionError:
            pytest.skip("only root makes devices")
        with pytest.raises(PermanentSourceError, match=r"b\.csv (is|cannot be read)"):
            landing.open("2025-10-31/b.csv")
        if path.is_symlink() and kind != "link to a folder above":
            with pytest.raises(PermanentSourceError, match="is a link out of the landing folder"):
                landing.replace("2025-10-31/b.csv", [b"new"])

    def test_a_folder_that_becomes_a_link_while_a_file_is_opened_leads_nowhere(
        self, landing, tmp_path, monkeypatch
    ):
        path = put(tmp_path, "2025-10-31/b.csv")
        other = outside(path)
        real_path = os.path.realpath

        def swap(given: str) -> str:
            found = real_path(given)
            if found.endswith("b.csv") and not path.parent.is_symlink():
                path.parent.rename(tmp_path / "moved")
                path.parent.symlink_to(other.parent)
            return found

        monkeypatch.setattr(landing_module.os.path, "realpath", swap)
        with pytest.raises(PermanentSourceError, match=r"b\.csv cannot be read"):
            landing.open("2025-10-31/b.csv")

    def test_a_folder_with_the_name_of_a_file_is_a_folder_like_any_other(self, landing, tmp_path):
        put(tmp_path, "2025-10-31/b.csv/part-0.csv")
        assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, "2025-10-31/b.csv/part-0.csv")]
        assert landing.unread() == []

    def test_an_enormous_file_costs_its_day_and_is_not_read(self, landing, tmp_path):
        path = put(tmp_path, "2025-10-31/b.csv")
        os.truncate(path, 1 << 40)
        assert landing.arrivals() == []
        assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, "2025-10-31/b.csv")]
        assert [one.reason for one in landing.survey().closed] == [landing_module.TOO_LARGE]
        with pytest.raises(PermanentSourceError, match=r"b.csv has more than 1,073,741,824 bytes"):
            landing.open("2025-10-31/b.csv")

    def test_a_link_in_the_place_of_the_file_that_replaces_another_is_not_followed(
        self, landing, tmp_path
    ):
        path = put(tmp_path, "2025-10-31/b.csv")
        other = outside(path)
        (path.parent / f".b.csv{landing_module.PART}").symlink_to(other)
        landing.replace("2025-10-31/b.csv", [b"new"])
        assert (path.read_bytes(), path.is_symlink()) == (b"new", False)
        assert other.read_text() == "a,b\n"


def test_a_file_that_may_not_be_opened_is_named_and_never_passes_as_cleared(
    landing, tmp_path, monkeypatch
):
    put(tmp_path, "2025-10-31/b.csv")
    monkeypatch.setattr(landing_module.os, "access", lambda *_: False)
    assert landing.arrivals() == []
    assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, "2025-10-31/b.csv")]
    assert [one.reason for one in landing.survey().closed] == [landing_module.NO_ACCESS]
    assert landing.everything() == ["2025-10-31/b.csv"]


def test_a_name_that_is_no_text_is_named_as_far_as_it_is(landing, tmp_path):
    folder = tmp_path / "2025-10-31"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/\xff.csv", "wb"):  # noqa: PTH123 (bytes)
        pass
    assert landing.paths({NEXT_DAY}) == []
    assert [(one.path, one.reason) for one in landing.unread()] == [
        ("2025-10-31/\\xff.csv", landing_module.NO_NAME)
    ]


def test_a_file_of_the_same_size_and_time_but_other_content_is_another_one(landing, tmp_path):
    file = put(tmp_path, "2025-10-31/a.csv", "abcd")
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    (before,) = landing.arrivals()
    file.write_text("abce")
    os.utime(file, ns=times)
    (after,) = landing.arrivals()
    assert (before.bytes, before.path) == (after.bytes, after.path)
    assert before.digest != after.digest


def test_a_file_that_was_only_touched_is_the_same(landing, tmp_path):
    file = put(tmp_path, "2025-10-31/a.csv")
    before = landing.arrivals()
    os.utime(file, (0, 0))
    assert landing.arrivals() == before


def test_a_file_is_opened_by_its_path(landing, tmp_path):
    put(tmp_path, "2025-10-31/a.csv", "text")
    with landing.open("2025-10-31/a.csv") as file:
        assert file.read() == b"text"


def test_a_file_that_is_gone_is_a_clear_error(landing):
    with pytest.raises(PermanentSourceError, match=r"netflix/titles/2025-10-31/a\.csv was there"):
        landing.open("2025-10-31/a.csv")


@pytest.mark.parametrize(
    ("url", "advice"),
    [("gs://bucket/titles", r"movies_assets\[gcs\]"), ("nosuch://titles", "check the URL")],
)
def test_an_unknown_kind_of_url_is_an_error_with_the_fix(url, advice):
    with pytest.raises(PermanentSourceError, match=advice):
        Landing(url, "netflix/titles")


def test_a_store_has_the_same_rules():
    landing = Landing("memory://landing/rules", "netflix/titles")
    for path in ("year=2025/month=10/day=31/a.Parquet", "a.csv", "2025-10-31/_b.csv"):
        landing._files.pipe_file(f"/landing/rules/{path}", b"a,b\n")
    assert landing.paths({NEXT_DAY}) == [(NEXT_DAY, "year=2025/month=10/day=31/a.Parquet")]
    assert [one.path for one in landing.unread()] == ["2025-10-31/_b.csv", "a.csv"]
    assert len(landing.everything()) == 3


def test_any_file_system_of_fsspec_will_do():
    landing = Landing("memory://landing/titles", "netflix/titles")
    landing._files.pipe_file("/landing/titles/2025-10-31/a.csv", b"a,b\n")
    (file,) = landing.arrivals()
    assert (file.day, file.path, file.bytes) == (NEXT_DAY, "2025-10-31/a.csv", 4)
    with landing.open(file.path) as opened:
        assert opened.read() == b"a,b\n"


@pytest.mark.slow
@pytest.mark.usefixtures("_s3")
def test_s3_gives_size_and_checksum_and_its_listing_is_always_fresh():
    landing = Landing("s3://movies/titles", "netflix/titles")
    landing._files.mkdir("movies")
    assert landing.arrivals() == []
    landing._files.pipe_file("movies/titles/2025-10-31/a.csv", b"a,b\n")
    (first,) = landing.arrivals()
    assert (first.path, first.bytes) == ("2025-10-31/a.csv", 4)
    # Another client replaces it by one of the same size.
    Landing("s3://movies/titles", "x", options={"skip_instance_cache": True})._files.pipe_file(
        "movies/titles/2025-10-31/a.csv", b"a,c\n"
    )
    (second,) = landing.arrivals()
    assert first.digest != second.digest
    with landing.open(second.path) as file:
        assert file.read() == b"a,c\n"
    for path in ("date=2025-10-30/b.CSV.gz", "note.txt", "folder/"):
        landing._files.pipe_file(f"movies/titles/{path}", b"")
    assert [found.path for found in landing.arrivals()] == [
        "date=2025-10-30/b.CSV.gz",
        "2025-10-31/a.csv",
    ]
    assert [one.path for one in landing.unread()] == ["note.txt"]
