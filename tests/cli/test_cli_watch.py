"""``labelkit vote --watch``: a real process, real saves."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.conftest import FUNCTIONS, write_rows

LONG = 40.0


class Watching:
    """A running watch, its lines as they come."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "labelkit.cli.main", "vote", "--watch", "-p", str(folder), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        try:
            return self._lines.get(timeout=LONG)
        except queue.Empty:
            self.process.kill()
            raise AssertionError(f"nothing came: {self.process.communicate()[1]}") from None

    def round(self) -> Any:
        return json.loads(self.line())

    def until(self, part: str) -> str:
        lines = [self.line()]
        while part not in lines[-1]:
            lines.append(self.line())
        return "".join(lines)

    def stop(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(LONG)


@contextmanager
def watching(folder: Path, *options: str) -> Iterator[Watching]:
    started = Watching(folder, *options)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def save(folder: Path, text: str, name: str = "functions.py") -> None:
    """As many editors do: write another file, then rename it over the old one."""
    file = folder / "labeling_functions" / name
    other = file.with_name(f".{name}.new")
    other.write_text(text, encoding="utf-8")
    other.replace(file)


def test_every_save_is_voted_on_and_compared(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
    with watching(folder, "--json") as watch:
        first = watch.round()
        assert (first["result"]["items"], first["edits"], first["error"]) == (60, [], None)

        save(folder, FUNCTIONS.replace('"cash", "prize"', '"prize"'))
        (edit,) = watch.round()["edits"]
        assert (edit["name"], edit["change"], edit["compared"], edit["changed"]) == ("money", "edited", 60, 10)
        assert edit["coverage"] == [pytest.approx(20 / 60), pytest.approx(10 / 60)]
        assert edit["accuracy"][0]["n"] > edit["accuracy"][1]["n"] > 0
        assert len(edit["examples"]) == 10
        assert {(e["before"], e["after"]) for e in edit["examples"]} == {("spam", None)}
        assert all("cash" in e["text"] for e in edit["examples"])

        save(folder, FUNCTIONS.replace('keywords("money"', 'keywords("money'))
        broken = watch.round()
        assert broken["result"] is None
        assert "labeling_functions/functions.py:4: SyntaxError" in broken["error"]

        save(folder, FUNCTIONS.replace('keywords("money"', 'keywords("riches"') + "from helper import WORD\n")
        assert "helper" in watch.round()["error"]
        helper = "from labelkit import regex\nWORD = 'win'\nregex('wins', WORD, label='spam')\n"
        (folder / "helper.py").write_text(helper, encoding="utf-8")
        save(folder, FUNCTIONS.replace('keywords("money"', 'keywords("riches"') + "from helper import WORD\n\n")
        edits = {e["name"]: e["change"] for e in watch.round()["edits"]}
        assert edits == {"riches": "added", "wins": "added", "money": "removed"}

        (folder / "helper.py").write_text(helper.replace("'win'", "'free'"), encoding="utf-8")
        (edit,) = watch.round()["edits"]
        assert (edit["name"], edit["change"]) == ("wins", "edited")


def test_others_can_work_while_nothing_is_saved(folder: Path, tmp_path: Path) -> None:
    with watching(folder, "--json") as watch:
        assert watch.round()["result"]["items"] == 60
        with Project.open(folder) as project:  # would not get the lock if the watch held it
            project.import_items(write_rows(tmp_path / "more.csv", [["id", "text"], ["new", "cash"]]))
        save(folder, FUNCTIONS.replace('"cash", "prize"', '"prize"'))
        after = watch.round()
        assert after["result"]["items"] == 61
        assert [(e["name"], e["compared"]) for e in after["edits"]] == [("money", 60)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_tells_in_words_and_ends_well(folder: Path, number: int) -> None:
    with watching(folder) as watch:
        assert "5 functions on 60 items" in watch.until("Watching the labeling functions; Ctrl-C stops.")
        save(folder, FUNCTIONS.replace('"cash", "prize"', '"prize"'))
        told = watch.until("Watching.")
        assert "money was edited: coverage 33.3% → 16.7%" in told
        assert "10 of 60 items changed their vote" in told
        assert "spam → abstain" in told
        assert "1 computed, 4 reused" in told
        save(folder, "keywords(\n")
        assert "labeling_functions/functions.py:1: SyntaxError" in watch.until("Watching.")
        assert watch.stop(number) == 0
        assert watch.line() == "Stopped watching.\n"


def test_without_items_it_says_so_at_once(tmp_path: Path) -> None:
    Project.init(tmp_path / "empty", labels=["a", "b"]).close()
    with watching(tmp_path / "empty") as watch:
        assert watch.process.wait(LONG) == 2
        assert "labelkit import FILE" in watch.process.stderr.read()  # type: ignore[union-attr]
