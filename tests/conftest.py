"""Small real projects for the tests."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from labelkit import Project

# Tests have few texts, and are to show what is done with many.
os.environ.setdefault("LABELKIT_HYPERSCAN", "always")

ROOT = Path(__file__).resolve().parent.parent

SPAM = ("win cash now", "free prize inside", "win a free phone", "cash prize waiting", "free free free", "claim cash")
HAM = (
    "see you at lunch",
    "lunch tomorrow?",
    "the meeting moved",
    "call me after the meeting",
    "thanks mum",
    "ok see you",
)

FUNCTIONS = '''
from labelkit import expression, keywords, labeling_function, regex

keywords("money", ["cash", "prize"], label="spam")
regex("free", r"\\bfree\\b", label="spam")
keywords("meeting", ["meeting", "lunch"], label="ham")
expression("short", "word_count <= 2", label="ham")


@labeling_function()
def polite(row):
    """People who know us say thanks."""
    return "ham" if "thanks" in row.text else None
'''


class Ran(NamedTuple):
    """What a command left: exit status, standard output, standard error."""

    code: int
    out: str
    err: str


def write_rows(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def sample_rows(copies: int = 5) -> list[list[str]]:
    """Rows of id, text, gold, split, channel; every third one is a test item."""
    rows = [["id", "text", "gold", "split", "channel"]]
    for copy in range(copies):
        for label, texts in (("spam", SPAM), ("ham", HAM)):
            for number, text in enumerate(texts):
                split = "test" if (number + copy) % 3 == 0 else "train"
                rows.append([f"{label}-{copy}-{number}", f"{text} {copy}", label, split, "sms" if copy % 2 else "mail"])
    return rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with sixty items imported and five labeling functions, nothing run yet."""
    home = tmp_path / "project"
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(tmp_path / "texts.csv", sample_rows()))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    return home


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a labelkit command in this process."""
    from labelkit.cli.main import main

    monkeypatch.delenv("LABELKIT_PROJECT", raising=False)

    def command(*arguments: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        code = left.value.code
        return Ran(code if isinstance(code, int) else 0, captured.out, captured.err)

    return command
