"""A vote that is killed, and run again, leaves what an undisturbed one leaves."""

from __future__ import annotations

import shutil
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
from labelkit.types import SHARD_SIZE
from tests.conftest import write_rows

FUNCTIONS = """
import time

from labelkit.lf import keywords, labeling_function, regex

keywords("even", ["even"], label="spam")
regex("sevens", r"7\\s*7", label="ham")


@labeling_function(fault_tolerant=True)
def slow(row):
    number = int(row.text.split()[1])
    if number % 4096 == 0:
        time.sleep(0.01)  # a shard takes long enough to be killed in
    return "ham" if 100 // (number % 50) > 40 else None
"""
VOTE = "from labelkit.cli.main import main; main()"


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three shards and no votes."""
    home = tmp_path_factory.mktemp("killed") / "project"
    words = ("odd", "even")
    rows = [["id", "text"], *[[f"i{n}", f"number {n} is {words[n % 2 == 0]}"] for n in range(2 * SHARD_SIZE + 5000)]]
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(home.parent / "items.csv", rows))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    toml = home / "labelkit.toml"
    toml.write_text(toml.read_text().replace('name = "auto"', 'name = "majority"'))
    return home


def stored(home: Path) -> int:
    with closing(sqlite3.connect(home / "texts.labelkit.db")) as raw:
        return int(raw.execute("select count(*) from votes").fetchone()[0])


def vote_and_kill(home: Path, columns: int) -> None:
    """Run `labelkit vote` and kill it when at least so many columns are stored."""
    with subprocess.Popen([sys.executable, "-c", VOTE, "vote"], cwd=home, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + 120
        while stored(home) < columns and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def everything(home: Path) -> dict[str, Any]:
    """All votes, all label probabilities and an export, byte for byte."""
    with Project.open(home) as project:
        project.vote()
        project.label()
        project.export(home / "out.csv")
        assert project.doctor() == []
    with closing(sqlite3.connect(home / "texts.labelkit.db")) as raw:
        votes = raw.execute(
            "select fingerprint, shard_digest, rows, dtype, digest, fault_count, faults, votes from votes"
        ).fetchall()
        labels = raw.execute("select shard, rows, probabilities, labels from label_probabilities").fetchall()
    return {"votes": votes, "labels": labels, "export": (home / "out.csv").read_bytes()}


@pytest.mark.parametrize("columns", [0, 3])
def test_killed_and_run_again_is_undisturbed(big: Path, tmp_path: Path, columns: int) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for home in (calm, killed):
        shutil.copytree(big, home)
    vote_and_kill(killed, columns)
    assert columns <= stored(killed) < 9
    expected = everything(calm)
    assert len(expected["votes"]) == 9 and len(expected["labels"]) == 3
    assert everything(killed) == expected
