"""``labelkit report``: written whole or not at all, to a file or standard output; and what goes wrong."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.report_page import Page

Run = Callable[..., Ran]


@pytest.fixture
def labeled(folder: Path, run: Run) -> Path:
    """The project of sixty items, voted and labeled."""
    assert run("vote", "-p", folder).code == 0
    assert run("label", "-p", folder).code == 0
    return folder


def refused(done: Ran, *parts: str) -> None:
    """One line on standard error with all the parts, and exit status 2."""
    assert done.code == 2, (done.code, done.out, done.err)
    assert re.fullmatch(r"labelkit: error: [^\n]+\n", done.err), done.err
    for part in parts:
        assert part in done.err, f"{part!r} not in {done.err!r}"


def test_a_file(run: Run, labeled: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = run("report", out, "-p", labeled)
    assert (done.code, done.err) == (0, "")
    assert hashlib.sha256(out.read_bytes()).hexdigest() in done.out
    assert "needs `labelkit train`" in " ".join(done.out.split())
    assert Page(out.read_text(encoding="utf-8")).all("h1")[0].text == "The state of texts"
    first = out.read_bytes()
    assert run("report", out, "-p", labeled).code == 0
    assert out.read_bytes() == first
    assert not list(tmp_path.glob(".*"))


def test_standard_output(run: Run, labeled: Path, tmp_path: Path) -> None:
    run("report", tmp_path / "report.html", "-p", labeled)
    done = run("report", "-", "-p", labeled)
    assert (done.code, done.err) == (0, "")
    assert done.out == (tmp_path / "report.html").read_text(encoding="utf-8")


def test_json(run: Run, labeled: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = run("report", out, "-p", labeled, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found["path"] == str(out)
    assert found["bytes"] == out.stat().st_size
    assert found["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert "needs `labelkit train`" in " ".join(found["missing"]["What probabilities mean"])


@pytest.mark.parametrize(
    ("out", "parts"),
    [
        ("nowhere/report.html", ["there is no folder", "nowhere", "Make the folder first"]),
        ("report.txt", ["report.txt does not end in .html"]),
        ("texts.labelkit.db", ["does not end in .html"]),
        ("labelkit.toml", ["does not end in .html"]),
        ("folder.html", ["is a folder, not a file"]),
        ("pipe.html", ["is not an ordinary file"]),
    ],
)
def test_what_cannot_be_written(run: Run, labeled: Path, out: str, parts: list[str]) -> None:
    (labeled / "folder.html").mkdir()
    os.mkfifo(labeled / "pipe.html")
    before = sorted(labeled.iterdir())
    refused(run("report", labeled / out, "-p", labeled), *parts)
    assert sorted(labeled.iterdir()) == before


def test_json_and_standard_output_are_one_too_many(run: Run, labeled: Path) -> None:
    refused(run("report", "-", "--json", "-p", labeled), "--json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(run: Run, labeled: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    refused(run("report", closed / "report.html", "-p", labeled), "cannot be written")


def test_a_failed_write_leaves_the_earlier_report(
    run: Run, labeled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report.html"
    run("report", out, "-p", labeled)
    before = out.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    refused(run("report", out, "-p", labeled), "was not written", "No space left")
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".*"))


def test_a_link_stays_a_link(run: Run, labeled: Path, tmp_path: Path) -> None:
    (tmp_path / "real.html").write_text("old", encoding="utf-8")
    (tmp_path / "link.html").symlink_to(tmp_path / "real.html")
    assert run("report", tmp_path / "link.html", "-p", labeled).code == 0
    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_project_stays_as_it_was_and_no_project_code_runs(run: Run, labeled: Path, tmp_path: Path) -> None:
    (labeled / "labeling_functions" / "functions.py").write_text("raise SystemExit('this file was run')\n")
    runs = run("status", "-p", labeled, "--json").out
    assert run("report", tmp_path / "report.html", "-p", labeled).code == 0
    assert run("status", "-p", labeled, "--json").out == runs
