"""Every command does its job from the command line, in words and as one JSON object."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from labelkit.steps.leasing import LeaseReply
from tests.conftest import Ran, write_rows

Run = Callable[..., Ran]


def spoken(done: Ran) -> Any:
    """The one JSON object on standard output; nothing else is printed."""
    assert done.code == 0, done.err
    assert done.err == ""
    return json.loads(done.out)


@pytest.fixture
def ready(folder: Path, run: Run) -> Path:
    """A project on which everything ran."""
    assert run("run", "-p", folder).code == 0
    return folder


def test_majority_vote_is_not_scored_beside_itself(folder: Path, run: Run) -> None:
    assert run("vote", "-p", folder).code == 0
    both = run("label", "-p", folder).out
    assert "label model on gold test items" in both and "majority vote on gold test items" in both
    toml = folder / "labelkit.toml"
    toml.write_text(toml.read_text(encoding="utf-8").replace('name = "auto"', 'name = "majority"'), encoding="utf-8")
    alone = run("label", "-p", folder).out
    assert "label model on gold" not in alone and alone.count("majority vote on gold test items") == 1


def test_init_makes_a_project_that_says_what_to_do(run: Run, tmp_path: Path) -> None:
    done = run("init", tmp_path / "my reviews!", "--labels", "good,bad, so so ")
    assert done.code == 0
    assert "labelkit import" in done.out
    status = spoken(run("status", "-p", tmp_path / "my reviews!", "--json"))
    assert (status["name"], status["labels"], status["items"]) == ("my-reviews", ["good", "bad", "so so"], 0)
    assert status["next"] == "`labelkit import FILE`"


def test_import_from_standard_input(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b'{"id": "x1", "text": "one"}\n{"id": "x2", "text": "two", "stars": 3}\n'
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rows)))
    result = spoken(run("import", "-", "--format", "jsonl", "-p", folder, "--json"))
    assert (result["added"], result["unchanged"]) == (2, 0)


def test_import_tells_changes(run: Run, folder: Path, tmp_path: Path) -> None:
    file = write_rows(tmp_path / "more.csv", [["id", "text"], ["spam-0-0", "changed"], ["new", "text"]])
    done = run("import", file, "-p", folder)
    assert "1 new" in done.out
    assert "1 changed" in done.out
    assert "changed: spam-0-0" in done.out


def test_steps_one_by_one(run: Run, folder: Path) -> None:
    assert spoken(run("vote", "-p", folder, "--json"))["computed"] == ["money", "free", "meeting", "short", "polite"]
    assert spoken(run("label", "-p", folder, "--json"))["reused"] is False
    assert spoken(run("train", "-p", folder, "--json"))["scores"]["end_model"]["accuracy"]["n"] == 20
    ranked = spoken(run("rank", "--size", 7, "-p", folder, "--json"))
    assert [entry["rank"] for entry in ranked["queue"]] == [1, 2, 3, 4, 5, 6, 7]
    assert all(entry["id"] and entry["reason"] for entry in ranked["queue"])
    assert {s["state"] for s in spoken(run("status", "-p", folder, "--json"))["steps"]} == {"up to date"}


def test_the_same_in_words(run: Run, ready: Path) -> None:
    for command, part in (
        ("vote", "0 computed, 5 reused"),
        ("label", "nothing changed since"),
        ("train", "end model on gold test items"),
        ("rank", "asked because"),
        ("lfs", "5 functions on 60 items"),
        ("status", "up to date"),
        ("doctor", "is sound"),
        ("schema", "earlier names"),
    ):
        done = run(command, "-p", ready)
        assert done.code == 0, done.err
        assert part in done.out, done.out


def test_the_project_is_found_from_a_folder_below_and_from_the_environment(
    run: Run, ready: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ready / "labeling_functions")
    assert "60 items" in run("status").out
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABELKIT_PROJECT", str(ready))
    assert "60 items" in run("status").out


def test_lfs_and_explain_as_json(run: Run, ready: Path) -> None:
    table = spoken(run("lfs", "-p", ready, "--json"))
    money = next(f for f in table["functions"] if f["name"] == "money")
    assert money["polarity"] == ["spam"]
    assert 0 < money["accuracy"]["low"] < money["accuracy"]["value"] <= money["accuracy"]["high"] <= 1
    explained = spoken(run("explain", "spam-0-1", "-p", ready, "--json"))
    assert explained["label"] == "spam"
    assert sum(f["added"] for f in explained["explanation"]["functions"]) > 0


def test_simulate_as_json_has_the_curve(run: Run, ready: Path) -> None:
    result = spoken(run("simulate", "--answers", 10, "--batch", 5, "-p", ready, "--json"))
    assert [point["answers"] for point in result["curve"]] == [0, 5, 10]
    assert set(result["curve"][-1]["audit"]) == {"estimate", "low", "high", "n"}
    assert set(result["roles"]) <= {"active", "audit", "tuning"}


def test_export_to_files_and_to_standard_output(run: Run, ready: Path, tmp_path: Path) -> None:
    result = spoken(run("export", tmp_path / "out.jsonl", "-p", ready, "--json"))
    assert result["rows"] == 60
    assert json.loads(Path(result["manifest"]).read_text())["output"]["sha256"] == result["sha256"]
    done = run("export", "-", "--format", "csv", "-p", ready)
    assert done.out.count("\n") == 61
    assert done.out.startswith("id,text,label,p_spam,p_ham,source,rule,answers,weight,split,channel\n")


def test_backup_is_a_project_file(run: Run, ready: Path, tmp_path: Path) -> None:
    assert spoken(run("backup", tmp_path / "copy.db", "-p", ready, "--json"))["bytes"] > 0
    (ready / "texts.labelkit.db").write_bytes((tmp_path / "copy.db").read_bytes())
    for left in ("-wal", "-shm"):
        (ready / f"texts.labelkit.db{left}").unlink(missing_ok=True)
    assert "60 items" in run("status", "-p", ready).out
    again = run("backup", tmp_path / "copy.db", "-p", ready)
    assert again.code == 2
    assert "copy.db" in again.err


def test_schema_changes(run: Run, ready: Path) -> None:
    assert "fine" in run("schema", "rename", "ham", "fine", "-p", ready).out
    classes = spoken(run("schema", "-p", ready, "--json"))["classes"]
    assert [(c["id"], c["name"], c["aliases"]) for c in classes] == [(0, "spam", []), (1, "fine", ["ham"])]
    for wrong in (
        ["rename", "fine"],
        ["rename", "nope", "x"],
        ["merge", "fine", "spam"],
        ["drop", "spam"],
        ["add", "ham"],
    ):
        done = run("schema", *wrong, "-p", ready)
        assert done.code == 2, wrong
        assert done.err.count("\n") == 1
    assert [c["name"] for c in spoken(run("schema", "-p", ready, "--json"))["classes"]] == ["spam", "fine"]
    assert 'labels = ["spam", "fine"]' in (ready / "labelkit.toml").read_text()


def test_doctor_exits_with_1_on_a_finding(run: Run, ready: Path) -> None:
    import sqlite3

    with sqlite3.connect(ready / "texts.labelkit.db") as connection:
        connection.execute("update items set text = 'forged' where item = 3")
    done = run("doctor", "-p", ready)
    assert done.code == 1
    assert "problem:" in done.out


def test_a_reader_that_has_seen_enough_is_no_error(ready: Path) -> None:
    import subprocess

    command = f"{sys.executable} -m labelkit.cli.main export - --format csv -p {ready} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("id,text")
    assert done.stderr == ""


def test_what_user_code_prints_stays_out_of_standard_output(run: Run, folder: Path) -> None:
    file = folder / "labeling_functions" / "functions.py"
    noisy = """
print("loading")


@labeling_function()
def noisy(row):
    print("looking")
    return None
"""
    file.write_text(file.read_text(encoding="utf-8") + noisy, encoding="utf-8")
    done = run("vote", "-p", folder, "--json")
    assert json.loads(done.out)["functions"] == 6
    assert "loading" in done.err
    assert done.err.count("looking") == 60
    assert run("run", "-p", folder).code == 0
    assert run("export", "-", "-p", folder).out.startswith("id,text,label,")


def test_export_to_standard_output_is_csv_by_default(run: Run, ready: Path) -> None:
    assert run("export", "-", "-p", ready).out == run("export", "-", "--format", "csv", "-p", ready).out


def test_run_tells_each_score_once(run: Run, folder: Path) -> None:
    done = run("run", "-p", folder)
    for name in ("end model", "label model", "majority vote"):
        assert done.out.count(f"{name} on gold test items") == 1, done.out
    assert "label model on gold test items" in run("label", "-p", folder).out


def test_simulate_shows_no_point_for_a_few_audited_answers(run: Run, ready: Path) -> None:
    result = spoken(run("simulate", "--answers", 10, "--batch", 10, "-p", ready, "--json"))
    done = run("simulate", "--answers", 10, "--batch", 10, "-p", ready)
    audit = result["curve"][-1]["audit"]
    assert 0 < audit["n"] < 30
    last = next(line for line in done.out.splitlines() if line.split()[:1] == ["10"])
    interval = f"[{audit['low']:.1%}, {audit['high']:.1%}] n={audit['n']}"
    assert last.rstrip().endswith(interval)
    assert len(last.replace(interval, "").split()) == 3  # answers, pool, test
    assert "pool: all items of the train split with gold, answered ones included" in done.out


def test_the_point_is_shown_from_thirty_on() -> None:
    from labelkit.cli.commands.simulate import _estimate

    audit = {"value": 0.9, "low": 0.744, "high": 0.965}
    assert _estimate(audit | {"n": 30}) == "90.0% [74.4%, 96.5%] n=30"
    assert _estimate(audit | {"n": 29}) == "[74.4%, 96.5%] n=29"


def test_explain_tells_a_flag_from_a_skip(run: Run, ready: Path) -> None:
    with Project.open(ready) as project:
        (first, second) = project.claim("ann", n=2)
        project.answer_lease(first, LeaseReply(flag=True, comment="cut off"), annotator="ann")
        project.answer_lease(second, LeaseReply(skip="unclear"), annotator="ann")
    assert "ann answered flag at" in run("explain", first.id, "-p", ready).out
    assert "ann answered skip (unclear) at" in run("explain", second.id, "-p", ready).out
