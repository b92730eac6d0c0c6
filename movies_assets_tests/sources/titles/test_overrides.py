"""Decisions of persons: how the file is read, kept whole, and applied."""

import os
import signal
from pathlib import Path

import pytest

from movies_assets.core.errors import DescribedError
from movies_assets.settings import load
from movies_assets.sources.titles import labels, overrides
from movies_assets.sources.titles.overrides import FORBID, FORCE, Override, OverridesError
from movies_assets_tests.faults.processes import FORKSERVER

HEADER = "source,source_id,tconst,decision,by,why\n"
ONE = Override("yts", "1", "tt0000001", FORCE, "Ada", 'Seen: "the same", in full')
OTHER = Override("ott", "a,b", "tt0000002", FORBID, "Zoë", "A remake,\nof 2001")
OVERRIDES = "bronze.title_overrides"


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "overrides" / "title_links.csv"


def write(file: Path, text: str | bytes) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_without_a_file_nothing_is_decided(file):
    assert overrides.read(file) == []


def test_what_is_added_is_read_again(file):
    overrides.add(file, [ONE])
    overrides.add(file, [OTHER, OTHER])
    overrides.add(file, [ONE])
    assert overrides.read(file) == [(2, ONE), (4, OTHER)]
    assert file.read_text("utf-8").startswith(HEADER)


def test_the_file_is_in_the_data_folder_unless_a_setting_names_another(tmp_path):
    default = overrides.path_of(load(data_dir=tmp_path))
    assert default == tmp_path / "overrides" / "title_links.csv"
    named = load(data_dir=tmp_path, titles={"overrides": tmp_path / "own.csv"})
    assert overrides.path_of(named) == tmp_path / "own.csv"


@pytest.mark.parametrize(
    "text",
    [
        HEADER,
        f"\ufeff{HEADER}yts,1,tt1,force,Ada,Why\n",
        f"{HEADER}yts,1,tt1,force,Ada,Why",
        f"{HEADER}\r\n yts , 1,tt1,force,Ada,Why \r\n\r\n".replace("why\n\r", "why\r"),
    ],
    ids=["header alone", "byte order mark", "no line end", "blanks and other line ends"],
)
def test_files_of_other_programs_are_read(file, text):
    found = [decision for _, decision in overrides.read(write(file, text))]
    assert found == [Override("yts", "1", "tt1", FORCE, "Ada", "Why")][: "yts" in text]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the header is not source,source_id,tconst,decision,by,why"),
        ("yts,1,tt1,force,Ada,Why\n", 1, "the header is not"),
        (f"{HEADER}yts,1,tt1,force,Ada\n", 2, "5 values instead of 6"),
        (f"{HEADER}yts,1,tt1,force,Ada,Why,More\n", 2, "7 values instead of 6"),
        (f"{HEADER}yts,1,tt1,force,Ada,Why\nyts,2,tt1,force,,\n", 3, "nothing in by, why"),
        (f"{HEADER}yts, ,tt1,force,Ada,Why\n", 2, "nothing in source_id"),
        (f"{HEADER}\n\nyts,1,tt1,perhaps,Ada,Why\n", 4, "'perhaps' is neither force nor forbid"),
        (f'{HEADER}yts,1,tt1,force,Ada,"Why\n', 2, "unexpected end of data"),
        (f'{HEADER}yts,1,tt1,force,Ada,"Why"?\n', 2, "expected after"),
        (
            f"{HEADER}yts,1,tt1,force,Ada,Why\nyts,1,tt1,forbid,Ada,Why\n",
            3,
            "line 2 decides on the same title",
        ),
        (
            f"{HEADER}yts,1,tt1,force,Ada,Why\nyts,1,tt2,force,Ada,Why\n",
            3,
            "line 2 decides on the same title",
        ),
        (
            f"{HEADER}yts,1,tt1,forbid,Ada,Why\nyts,1,tt1,forbid,Bob,Why\n",
            3,
            "line 2 decides on the same title",
        ),
    ],
)
def test_a_line_that_is_no_decision_is_named(file, text, line, problem):
    with pytest.raises(OverridesError) as error:
        overrides.read(write(file, text))
    message = str(error.value)
    assert message.startswith(f"{file}, line {line}: ")
    assert problem in message
    assert message.endswith("Correct the line, and run again.")


def test_a_file_that_is_no_text_is_refused(file):
    with pytest.raises(OverridesError, match=r"line .*can't decode"):
        overrides.read(write(file, HEADER.encode() + b"yts,1,tt1,force,Zo\xeb,Why\n"))


def test_a_title_may_be_forced_once_and_forbidden_others(file):
    forbidden = [ONE._replace(tconst=f"tt{n}", decision=FORBID) for n in range(3)]
    overrides.add(file, [ONE, *forbidden])
    assert len(overrides.read(file)) == 4


@pytest.mark.parametrize(
    "second", [ONE._replace(decision=FORBID), ONE._replace(tconst="tt0000009")]
)
def test_what_contradicts_the_file_is_not_added(file, second):
    overrides.add(file, [ONE])
    with pytest.raises(OverridesError, match="line 2 decides on the same title"):
        overrides.add(file, [second])
    assert overrides.read(file) == [(2, ONE)]


def _add_until_killed(file: Path, at: str) -> None:
    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    if at == "before the new file is durable":
        overrides.fsync = kill
    elif at == "before it is renamed":
        Path.replace = kill  # type: ignore[method-assign,assignment]
    else:
        real, seen = overrides.fsync, []

        def second(path: Path) -> None:
            seen.append(path)
            kill() if len(seen) == 2 else real(path)

        overrides.fsync = second
    overrides.add(file, [OTHER])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("before the new file is durable", [ONE]),
        ("before it is renamed", [ONE]),
        ("before the folder is durable", [ONE, OTHER]),
    ],
)
def test_a_kill_leaves_the_old_or_the_new_file(file, at, found):
    overrides.add(file, [ONE])
    process = FORKSERVER.Process(target=_add_until_killed, args=(file, at))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [decision for _, decision in overrides.read(file)] == found
    overrides.add(file, [OTHER])
    assert [decision for _, decision in overrides.read(file)] == [ONE, OTHER]


@pytest.fixture
def listed(lab):
    """A title of YTS that states an id, and two of IMDb of which one is an episode."""
    lab.imdb("tt0000001", "Film")
    lab.imdb("tt0000002", "Part", title_type="tvEpisode")
    lab.yts(1, "Film", stated="tt0000009")
    return lab.make("silver.source_titles")


@pytest.mark.parametrize(
    ("decision", "problem"),
    [
        (("yts", "1", "tt0000001", FORCE), None),
        (("yts", "1", "tt0000001", FORBID), None),
        (("yts", "1", "tt0000002", FORBID), None),
        (("yts", "1", "tt0000009", FORBID), None),
        (("yts", "2", "tt0000001", FORCE), "decisions on titles that no source lists"),
        (("ott", "1", "tt0000001", FORBID), "decisions on titles that no source lists"),
        (("yts", "1", "tt0000002", FORCE), "forced ids that IMDb does not list as a title"),
        (("yts", "1", "tt0000009", FORCE), "forced ids that IMDb does not list as a title"),
        (("yts", "1", "tt9", FORBID), "forbidden ids that neither IMDb nor a source knows"),
    ],
)
def test_a_decision_on_what_is_not_known_is_red_and_shows_its_line(listed, decision, problem):
    listed.decide(*decision)
    listed.connection.execute("UPDATE bronze.title_overrides SET line_number = 7")
    finding = listed.check(OVERRIDES, "known_ids")
    assert finding.passed == (problem is None)
    if problem:
        assert [name for name, count in finding.broken.items() if count] == [problem]
        assert finding.samples[problem][0]["line_number"] == "7"
        assert not finding.is_warning


# Labels.


def test_labels_have_a_source_an_id_and_perhaps_the_id_at_imdb(file):
    text = "\ufefftitle,source,source_id,tconst\nFilm,yts,1,tt1\n,yts,2,\n"
    assert labels.read(write(file, text)) == [("yts", "1", "tt1"), ("yts", "2", None)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("source,source_id,tconst\nyts,1,tt1\nyts,1,tt2\n", 3),
        ("source,source_id,tconst\n,1,tt1\n", 2),
        ("source,source_id,tconst\nyts\n", 2),
        ("source,tconst\nyts,tt1\n", 1),
        ("source,source_id\n", 1),
        ("", 1),
    ],
)
def test_a_line_that_is_no_label_is_named(file, text, line):
    with pytest.raises(labels.LabelsError, match=f"line {line}: each line has"):
        labels.read(write(file, text))


def test_labels_that_are_not_there_are_an_error(file):
    with pytest.raises(DescribedError, match=r"the labels cannot be read: .*title_links\.csv"):
        labels.read(file)
