"""``labelkit errors``: what a person reads, what a program reads, and mistakes on one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labelkit import Project
from tests.conftest import FUNCTIONS, Ran

Run = Callable[..., Ran]

WRONG = """
keywords("wrong", ["meeting", "lunch"], label="spam")
regex("cash_again", r"\\bcash\\b", label="spam")
keywords("nothing", ["zebra"], label="ham")
"""


@pytest.fixture
def voted(run: Run, folder: Path) -> Path:
    (folder / "labeling_functions" / "functions.py").write_text(FUNCTIONS + WRONG, encoding="utf-8")
    assert run("vote", "-p", folder).code == 0
    return folder


def test_it_tells_what_to_do_next(run: Run, voted: Path) -> None:
    done = run("errors", "-p", voted)
    assert (done.code, done.err) == (0, "")
    assert "Labels are by majority vote." in done.out
    assert "note: labels are decided by majority vote here, because `labelkit label` has not run" in done.out
    told = " ".join(done.out.split("Next steps")[1].split())
    assert "`wrong` is right on 0 of" in told
    assert "`short`, `nothing` vote on no item: widen or delete them" in told
    assert "`cash_again` always agrees with `money`" in told
    assert "`money` never decides" not in told  # not before its copy is gone
    line = next(line for line in done.out.splitlines() if line.strip().startswith("wrong "))
    assert "0.0%" in line


def test_parts_of_it(run: Run, voted: Path) -> None:
    conflicts = run("errors", "--conflicts", "-p", voted)
    assert "meeting (ham) against wrong (spam)" in conflicts.out
    assert "right 100.0% against 0.0%" in " ".join(conflicts.out.split())
    assert "lunch" in conflicts.out
    assert "Next steps" not in conflicts.out
    uncovered = run("errors", "--uncovered", "-p", voted)
    assert "known: " in uncovered.out
    assert "Next steps" not in uncovered.out
    limited = run("errors", "--limit", "1", "-p", voted)
    assert " 1. " in limited.out
    assert " 2. " not in limited.out
    assert "and 7 more functions" in limited.out


def test_one_function_with_its_items(run: Run, voted: Path) -> None:
    done = run("errors", "--function", "wrong", "-p", voted)
    assert done.code == 0
    assert "voted spam on 13 known ham items (wrong)" in done.out
    assert "abstained on 20 known spam items" in done.out
    assert "lunch tomorrow?" in done.out
    assert "wrong (spam) against meeting (ham)" in done.out


def test_json_is_the_whole_analysis(run: Run, voted: Path) -> None:
    done = run("errors", "--json", "-p", voted)
    data = json.loads(done.out)
    assert done.err == ""
    assert {"functions", "decisions", "conflicts", "clusters", "next_steps", "texts", "notes"} <= data.keys()
    wrong = next(f for f in data["functions"] if f["name"] == "wrong")
    assert wrong["accuracy"]["value"] == 0.0
    assert {b["vote"] for b in wrong["buckets"]} == {"spam", None}
    assert all(example in data["texts"] for b in wrong["buckets"] for example in b["examples"])
    one = json.loads(run("errors", "--json", "-f", "wrong", "-p", voted).out)
    assert [f["name"] for f in one["functions"]] == ["wrong"]


def test_lfs_ends_with_the_next_steps(run: Run, voted: Path) -> None:
    done = run("lfs", "-p", voted)
    assert "Next steps" in done.out
    assert "`wrong` is right on 0 of" in done.out
    assert len(json.loads(run("lfs", "--json", "-p", voted).out)["next_steps"]) == 3


def test_mistakes_are_one_line(run: Run, folder: Path, voted: Path) -> None:
    done = run("errors", "--function", "mony", "-p", voted)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "Did you mean 'money'?" in done.err
    assert run("errors", "--limit", "0", "-p", voted).code == 2


def test_without_votes_it_says_which_step_is_missing(run: Run, folder: Path) -> None:
    done = run("errors", "-p", folder)
    assert done.code == 2
    assert "Run `labelkit vote`" in done.err


def test_nothing_is_imported_and_texts_do_not_steer_the_terminal(run: Run, folder: Path, tmp_path: Path) -> None:
    evil = tmp_path / "evil.csv"
    evil.write_text('id,text,gold,split\ne1,"\x1b[31mfree [bold]cash[/bold]",ham,train\n', encoding="utf-8")
    assert run("import", evil, "-p", folder).code == 0
    assert run("vote", "-p", folder).code == 0
    (folder / "labeling_functions" / "functions.py").write_text("raise SystemExit('imported')", encoding="utf-8")
    done = run("errors", "--function", "free", "-p", folder)
    assert done.code == 0
    assert "\x1b" not in done.out
    assert "free [bold]cash[/bold]" in done.out


def test_nothing_wrong_is_said_in_words(run: Run, tmp_path: Path) -> None:
    home = tmp_path / "sure"
    with Project.init(home, name="sure", labels=["spam", "ham"]) as project:
        rows = [f"i{i},{'cash' if i % 2 else 'lunch'} {i},{'spam' if i % 2 else 'ham'}" for i in range(40)]
        (tmp_path / "sure.csv").write_text("\n".join(["id,text,gold", *rows]) + "\n", encoding="utf-8")
        project.import_items(tmp_path / "sure.csv")
    (home / "labeling_functions" / "functions.py").write_text(
        'from labelkit import keywords\nkeywords("money", ["cash"], label="spam")\n'
        'keywords("meal", ["lunch"], label="ham")\n',
        encoding="utf-8",
    )
    assert run("vote", "-p", home).code == 0
    done = run("errors", "-p", home)
    assert done.code == 0
    assert "Every known item has the right label." in done.out
    assert "Known items without the right label" not in done.out
