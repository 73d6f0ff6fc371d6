"""An import of people's answers makes room for others while the project is served, and may be killed at any row."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from labelkit.store import serving
from labelkit.store.presence import Pace
from tests.conftest import sample_rows, write_rows

HEADER = ["item", "annotator", "label", "time", "comment"]
IMPORT = "from labelkit.cli.main import main; main()"


class Stopped(Exception):
    """The import ended here."""


def answers(*, times: bool) -> list[list[str]]:
    """Three people answer every item; one of them changes his mind, and back."""
    items = [row[0] for row in sample_rows()[1:]]
    rows = []
    for turn in range(2):
        for n, item in enumerate(items):
            at = f"2026-03-0{turn + 1}T10:00:{n:02d}Z" if times else ""
            rows.append([item, "ann", ("spam", "ham")[(n + turn) % 2], at, f"turn {turn}"])
            if turn == 0:
                rows += [[item, who, "spam", at, ""] for who in ("bob", "cy")]
    return [HEADER, *rows]


def said(home: Path) -> list[Any]:
    """All answers in order, those that no longer count included, without what differs from run to run."""
    with closing(sqlite3.connect(home / "texts.labelkit.db")) as raw:
        return raw.execute(
            "select a.item, p.name, a.label, a.comment, a.outdated,"
            " exists (select 1 from annotations b where b.supersedes = a.id)"
            " from annotations a join annotators p on p.id = a.annotator order by a.id"
        ).fetchall()


def twin(folder: Path) -> Path:
    """Another project with the same items."""
    home = folder.with_name("twin")
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(home.parent / "twin.csv", sample_rows()))
    return home


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the import makes, without waiting for them."""
    made: list[float] = []
    monkeypatch.setattr("labelkit.store.presence.sleep", made.append)
    return made


@pytest.mark.parametrize("times", [True, False])
def test_while_people_are_served_it_pauses_and_ends_the_same(
    folder: Path, tmp_path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch, times: bool
) -> None:
    file = write_rows(tmp_path / "answers.csv", answers(times=times))
    other = twin(folder)
    with Project.open(other) as project:
        assert project.import_annotations(file).added == 240
    assert pauses == []
    monkeypatch.setattr(Pace, "rows", lambda self, left, rows=Pace.rows: min(rows(self, left), 16))
    with Project.open(folder) as project, serving(project.path, "http://127.0.0.1:1"):
        done = project.import_annotations(file)
        assert (done.rows, done.added) == (240, 240)
        assert len(pauses) == 15
        assert project.import_annotations(file).added == 0
        assert project.doctor() == []
    assert said(folder) == said(other)


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("portions", [1, 7, 12, 14])
def test_an_import_that_was_stopped_goes_on_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: bool, portions: int
) -> None:
    file = write_rows(tmp_path / "answers.csv", answers(times=times))
    monkeypatch.setattr(Pace, "rows", lambda self, left: min(left, 16))
    left = [portions]

    def stopping(self: Pace, rows: int, seconds: float) -> None:
        left[0] -= 1
        if not left[0]:
            raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(Pace, "measured", stopping)
        with Project.open(folder) as project, pytest.raises(Stopped):
            project.import_annotations(file)
    assert len(said(folder)) == 16 * portions
    with Project.open(folder) as project:
        assert project.import_annotations(file).added == 240 - 16 * portions
        assert project.doctor() == []
    whole = twin(folder)
    with Project.open(whole) as project:
        project.import_annotations(file)
    assert said(folder) == said(whole)


def test_a_row_that_cannot_be_used_leaves_nothing_of_its_file(folder: Path, tmp_path: Path) -> None:
    from labelkit.errors import SourceError

    file = write_rows(tmp_path / "answers.csv", [*answers(times=True), ["nobody", "ann", "spam", "", ""]])
    with Project.open(folder) as project, pytest.raises(SourceError, match="'nobody'"):
        project.import_annotations(file)
    assert said(folder) == []


def test_progress_is_told(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    told: list[Any] = []

    class Told:
        @contextmanager
        def track(self, what: str, total: int | None) -> Any:
            told.append((what, total))
            yield told.append

    file = write_rows(tmp_path / "answers.csv", answers(times=True))
    monkeypatch.setattr("labelkit.store.annotation_writer._MOST_ROWS", 100)
    with Project.open(folder, progress=Told()) as project:  # type: ignore[arg-type]
        project.import_annotations(file)
    assert told == [("importing answers.csv", 240), 100, 100, 40]


@pytest.mark.slow
def test_a_killed_import_can_be_run_again(folder: Path, tmp_path: Path) -> None:
    items = [row[0] for row in sample_rows()[1:]]
    rows = [[item, f"person {n}", "spam", "", ""] for n in range(60) for item in items]
    file = write_rows(tmp_path / "answers.csv", [HEADER, *rows])
    command = [sys.executable, "-c", IMPORT, "import", str(file), "--annotations", "-p", str(folder)]
    with (
        Project.open(folder) as project,
        serving(project.path, "http://127.0.0.1:1"),
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        until = time.monotonic() + 60
        while len(said(folder)) < 100 and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    before = len(said(folder))
    assert process.returncode == -signal.SIGKILL and 100 <= before < len(rows)
    with Project.open(folder) as project:
        assert project.import_annotations(file).added == len(rows) - before
        assert project.doctor() == []
    assert len({(item, who) for item, who, *_ in said(folder)}) == len(said(folder)) == len(rows)
