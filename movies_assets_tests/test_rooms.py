"""The rooms of the package import one way, and `make lint` holds it."""

import subprocess
import sys

from movies_assets.settings import PROJECT_ROOT

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def lint() -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own command)
        [
            sys.executable,
            "-c",
            LINT,
            "--config",
            str(PROJECT_ROOT / "pyproject.toml"),
            "--no-cache",
        ],
        cwd=PROJECT_ROOT,
        env={"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_room_imports_one_above_it():
    found = lint()

    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


def test_make_lint_asks():
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")

    assert "\t@$(BIN)/lint-imports" in makefile.partition("\nlint:")[2].partition("\n\n")[0]
