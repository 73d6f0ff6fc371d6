"""The README is true: its commands run as they stand, its Python too, and so do the examples in docstrings."""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import labelkit
from tests.conftest import ROOT, sample_rows, write_rows

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOOL = [sys.executable, "-m", "labelkit.cli.main"]


def part(title: str) -> str:
    """One section of the README."""
    return re.split(r"^## ", README.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def commands(text: str) -> list[str]:
    """The indented command lines of a section, without comments."""
    lines = [line[4:].split("  #")[0].strip() for line in text.splitlines() if line.startswith("    ")]
    in_code = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return [line for line in lines if line and not any(line in block for block in in_code)]


def python(text: str) -> list[str]:
    """The Python blocks of a section."""
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_your_own_data(tmp_path: Path) -> None:
    rows = [[row[0], row[2], row[1], row[3]] for row in sample_rows()]
    write_rows(tmp_path / "comments.csv", [["id", "class", "comment", "split"], *rows[1:]])
    where = tmp_path
    section = part("Your own data")
    functions, reading = python(section)
    ran = []
    for line in commands(section):
        words = shlex.split(line)
        if words[0] == "cd":
            where /= words[1]
            (where / "labeling_functions" / "functions.py").write_text(functions, encoding="utf-8")
            continue
        assert words[0].endswith("labelkit"), line
        if words[1] == "serve":  # has tests of its own
            continue
        done = subprocess.run([*TOOL, *words[1:]], cwd=where, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        ran.append(words[1])
    assert ran == ["init", "import", "run", "lfs", "simulate", "export"]
    subprocess.run([sys.executable, "-c", reading + "\nassert len(train) > 0"], cwd=where, check=True)
    notebook = python(part("Commands"))[0]
    subprocess.run([sys.executable, "-c", notebook], cwd=tmp_path, check=True)


def test_every_file_that_the_readme_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_demo_output_is_there_and_of_this_shape() -> None:
    shown = README.split("<!-- demo output -->")[1].split("<!-- end of demo output -->")[0]
    for piece in ("make demo", "Imported 1,710 rows", "Labeled", "Ranked", "Simulated 100 answers", "Exported 1,710"):
        assert piece in shown, f"{piece!r} is not in the README's demo output; run `make docs`"


def modules_with_examples() -> list[str]:
    names = [m.name for m in pkgutil.walk_packages(labelkit.__path__, "labelkit.") if "_bundled" not in m.name]
    with_examples = []
    for name in names:
        file = ROOT / (name.replace(".", os.sep) + ".py")
        file = file if file.exists() else ROOT / name.replace(".", os.sep) / "__init__.py"
        if ">>> " in file.read_text(encoding="utf-8"):
            with_examples.append(name)
    return with_examples


@pytest.mark.parametrize("name", modules_with_examples())
def test_docstring_examples(name: str) -> None:
    results = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert results.failed == 0
    assert results.attempted > 0
