"""``labelkit lfs --dependencies``: a table with advice, JSON, and what it says when there is nothing to say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import FUNCTIONS, Ran

Run = Callable[..., Ran]

MORE = """
keywords("cash", ["cash", "prize"], label="spam")
keywords("winnings", ["prize", "cash"], label="spam")
"""


def vote(run: Run, folder: Path, functions: str) -> None:
    (folder / "labeling_functions" / "functions.py").write_text(functions, encoding="utf-8")
    assert run("vote", "-p", folder).code == 0


def test_copies_are_shown_with_advice(run: Run, folder: Path) -> None:
    assert "Run `labelkit vote`" in run("lfs", "--dependencies", "-p", folder).err
    vote(run, folder, FUNCTIONS + MORE)
    (folder / "labeling_functions" / "functions.py").write_text("raise SystemExit('imported')", encoding="utf-8")

    done = run("lfs", "--dependencies", "-p", folder)
    assert (done.code, done.err) == (0, "")
    assert "1. money, cash: Delete cash: all its votes are money's too." in done.out
    assert "Copies of each other: money, cash, winnings" in done.out
    assert "7 functions on 60 items: 2 pairs vote the same more often than the class explains." in done.out
    assert "Accuracy is against" in done.out

    table = json.loads(run("lfs", "--dependencies", "--json", "-p", folder).out)
    assert [(p["first"], p["second"], p["kind"], p["strength"]) for p in table["pairs"]] == [
        ("money", "cash", "copy", 1.0),
        ("money", "winnings", "copy", 1.0),
    ]
    assert table["groups"] == [["money", "cash", "winnings"]]
    weights = {function["name"]: function["weight"] for function in table["functions"]}
    assert weights["money"] == weights["winnings"] == pytest.approx(1 / 3)
    assert weights["polite"] == 1.0


def test_nothing_depends(run: Run, folder: Path) -> None:
    vote(run, folder, FUNCTIONS)
    done = run("lfs", "--dependencies", "-p", folder)
    assert done.code == 0
    assert done.out.startswith("5 functions on 60 items: none depends on another beyond what the class explains.\n")
    assert json.loads(run("lfs", "--dependencies", "--json", "-p", folder).out)["pairs"] == []


def test_one_function_and_silent_ones(run: Run, folder: Path) -> None:
    vote(run, folder, 'from labelkit import keywords\nkeywords("odd", ["zzz"], label="spam")\n')
    done = run("lfs", "--dependencies", "-p", folder)
    assert done.code == 0
    assert done.out.startswith("1 function on 60 items.\n")
    assert "note: there is one function, odd: nothing to compare it with" in done.out
    assert "note: odd abstained on every item" in done.out


def test_two_views_at_once_are_refused(run: Run, folder: Path) -> None:
    done = run("lfs", "--dependencies", "--explain", "-p", folder)
    assert done.code == 2
    assert done.err == (
        "labelkit: error: --explain and --dependencies are two views of the functions. Ask for one of them\n"
    )


def test_many_pairs_are_cut_short(run: Run, folder: Path) -> None:
    copies = "\n".join(f'keywords("copy{number}", ["cash"], label="spam")' for number in range(25))
    vote(run, folder, FUNCTIONS + copies)
    done = run("lfs", "--dependencies", "-p", folder)
    assert " 20. copy0, copy20: " in done.out
    assert " 21. " not in done.out
    found = json.loads(run("lfs", "--dependencies", "--json", "-p", folder).out)
    assert len(found["pairs"]) == found["found"]
    assert f"(20 shown, --json has {found['found']})" in done.out
