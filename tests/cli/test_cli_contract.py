"""What every command keeps: help with an example, JSON, its page in the documents; and a light start."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from labelkit.cli.main import COMMANDS
from tests.conftest import ROOT, Ran

HEAVY = ("torch", "streamlit", "snorkel", "modAL", "sklearn", "pandas", "pyarrow", "pydantic", "rich", "sqlite3")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_a_worked_example_of_the_command(name: str, run: Callable[..., Ran]) -> None:
    done = run(name, "--help")
    assert done.code == 0
    assert "Example:" in done.out
    assert f"labelkit {name}" in done.out.split("Example:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_speak_json(name: str, run: Callable[..., Ran]) -> None:
    assert "--json" in run(name, "--help").out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_the_reference(name: str) -> None:
    assert f"labelkit {name}" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"## labelkit {name}\n" in (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def test_the_reference_is_what_the_commands_say() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == make.commands_page(), "run `make docs`"
    assert (ROOT / "docs" / "loop.svg").read_text(encoding="utf-8") == make.loop_picture(), "run `make docs`"


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys, labelkit\n"
        "from labelkit.cli.main import build\n"
        "build()\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_unknown_command_and_option_are_one_line(run: Callable[..., Ran]) -> None:
    for arguments in (["vot"], ["vote", "--fats"], ["export"], ["rank", "--size", "many"]):
        done = run(*arguments)
        assert done.code == 2
        assert re.fullmatch(r"labelkit: error: [^\n]+\n", done.err), done.err
        assert "--help" in done.err


def test_version(run: Callable[..., Ran]) -> None:
    from labelkit import __version__

    assert run("--version").out == f"labelkit {__version__}\n"


def test_without_a_project_every_command_says_where_it_looked(
    run: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for arguments in (["status"], ["vote"], ["run"], ["export", "x.csv"], ["lfs"], ["doctor"], ["serve"]):
        done = run(*arguments)
        assert done.code == 2, arguments
        assert "labelkit.toml" in done.err
        assert "labelkit init" in done.err
        assert done.err.count("\n") == 1
