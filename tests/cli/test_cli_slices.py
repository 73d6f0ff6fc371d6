"""``labelkit slices``: slices of functions, fields and text length, from what is stored; and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.conftest import Ran, write_rows

Run = Callable[..., Ran]

SLICES = """
from labelkit import slice_expression, slicing_function

slice_expression("brief", "word_count <= 3")


@slicing_function()
def by_mail(row):
    return row.channel == "mail"
"""


@pytest.fixture
def sliced(folder: Path) -> Path:
    """The project of sixty items with two slicing functions beside its labeling functions; small slices count."""
    write(folder, SLICES)
    settings(folder, minimum=5)
    return folder


def write(folder: Path, text: str) -> None:
    (folder / "labeling_functions" / "slices.py").write_text(text, encoding="utf-8")


def settings(folder: Path, **values: object) -> None:
    file = folder / "labelkit.toml"
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    file.write_text(file.read_text(encoding="utf-8").split("[slices]")[0] + f"\n[slices]\n{lines}", encoding="utf-8")


def table(run: Run, folder: Path, *options: object) -> dict[str, Any]:
    done = run("slices", "-p", folder, "--json", *options)
    assert (done.code, done.err) == (0, ""), done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def by_name(found: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in found["slices"]}


def refused(done: Ran, *parts: str) -> None:
    """One line on standard error with all the parts, and exit status 2."""
    assert done.code == 2, (done.code, done.out, done.err)
    assert re.fullmatch(r"labelkit: error: [^\n]+\n", done.err), done.err
    for part in parts:
        assert part in done.err, f"{part!r} not in {done.err!r}"


def test_slices_of_functions_fields_length_and_split(run: Run, sliced: Path) -> None:
    assert "slices: brief 15, by_mail 36" in run("run", "-p", sliced).out
    found = table(run, sliced)
    slices = by_name(found)
    assert {"brief", "by_mail", "channel = mail", "channel = sms", "split = test", "split = train"} <= set(slices)
    assert any(name.startswith("words ") for name in slices)
    assert not any(name.startswith("source") for name in slices)  # there is one file
    assert slices["by_mail"]["kind"] == "function"
    assert {**slices["by_mail"], "name": "", "kind": ""} == {**slices["channel = mail"], "name": "", "kind": ""}
    assert found["outputs"] == ["end_model", "label_model", "majority"]
    assert found["reference"] == "20 gold labels of test items"
    assert found["whole"]["known"] == 20
    assert slices["split = train"]["known"] == 0
    assert slices["split = train"]["scores"][0]["accuracy"]["value"] is None
    bounds = [each["scores"][0]["accuracy"]["high"] for each in found["slices"] if each["known"]]
    assert bounds == sorted(bounds)


def test_in_words(run: Run, sliced: Path) -> None:
    run("run", "-p", sliced)
    done = run("slices", "-p", sliced, "--limit", 2)
    assert done.code == 0
    assert "2 of " in done.out
    assert "worst first by the end model" in done.out
    assert "of label model and majority on covered items only." in " ".join(done.out.split())
    assert "20 gold labels of test items" in done.out
    assert run("slices", "-p", sliced, "--output", "majority").out.count("worst first by the majority") == 1


def test_functions_are_counted_apart(run: Run, sliced: Path) -> None:
    result = json.loads(run("vote", "-p", sliced, "--json").out)
    assert (result["functions"], result["slices"]) == (5, {"brief": 15, "by_mail": 36})
    assert len(json.loads(run("lfs", "-p", sliced, "--json").out)["functions"]) == 5
    with Project.open(sliced) as project:
        assert project.votes().shape[1] == 5
        run_of_slices = project._store.runs.latest("slice")
        assert run_of_slices is not None
        assert [s["name"] for s in run_of_slices.parameters["slices"]] == ["brief", "by_mail"]
        assert all(s["fingerprint"] for s in run_of_slices.parameters["slices"])


def test_looking_runs_no_project_code(run: Run, sliced: Path) -> None:
    run("vote", "-p", sliced)
    before = table(run, sliced)
    write(sliced, "raise SystemExit('this file was run')\n")
    assert table(run, sliced) == before
    refused(run("vote", "-p", sliced), "this file was run")


def test_an_edited_slice_changes_no_vote_and_a_removed_one_goes(run: Run, sliced: Path) -> None:
    assert run("run", "-p", sliced).code == 0
    write(sliced, SLICES.replace("<= 3", "<= 2"))
    result = json.loads(run("vote", "-p", sliced, "--json").out)
    assert (result["computed"], result["slices"]) == ([], {"brief": 0, "by_mail": 36})
    states = json.loads(run("status", "-p", sliced, "--json").out)["steps"]
    assert {state["state"] for state in states} == {"up to date"}
    assert "no item is in the slice brief" in "".join(table(run, sliced)["notes"])
    (sliced / "labeling_functions" / "slices.py").unlink()
    assert json.loads(run("vote", "-p", sliced, "--json").out)["slices"] == {}
    assert {"brief", "by_mail"}.isdisjoint(by_name(table(run, sliced)))


def test_only_what_is_new_is_computed(run: Run, sliced: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    write(sliced, f"from labelkit import slicing_function\n\n@slicing_function()\ndef counted(row):\n"
                  f"    with open({str(log)!r}, 'a') as file:\n        file.write('x')\n    return True\n")  # fmt: skip
    run("vote", "-p", sliced)
    assert log.read_text() == "x" * 60
    run("vote", "-p", sliced)
    assert len(log.read_text()) == 120  # the check of 64 items (or all there are) only


def test_one_field_at_a_time(run: Run, sliced: Path) -> None:
    run("vote", "-p", sliced)
    assert set(by_name(table(run, sliced, "--by", "channel"))) == {"channel = mail", "channel = sms"}
    assert all(name.startswith("words") for name in by_name(table(run, sliced, "--by", "words")))
    assert set(by_name(table(run, sliced, "--by", "source"))) == {"source = texts.csv"}
    settings(sliced, minimum=1_000)
    assert "no group of items by channel has 1,000 items" in "".join(table(run, sliced, "--by", "channel")["notes"])


def test_configured_fields_take_the_place_of_all(run: Run, sliced: Path) -> None:
    run("vote", "-p", sliced)
    settings(sliced, fields=[])
    assert not any(name.startswith("channel") for name in by_name(table(run, sliced)))
    settings(sliced, fields=["channel"], minimum=5)
    assert "channel = mail" in by_name(table(run, sliced))


@pytest.mark.parametrize(
    ("options", "configured", "parts"),
    [
        (["--by", "chanel"], {}, ["--by names 'chanel'", "Did you mean channel?"]),
        (["--by", "zzz"], {}, ["There are channel, words, split, source"]),
        ([], {"fields": ["chanel"]}, ["[slices] fields names 'chanel'", "Did you mean channel?"]),
        ([], {"fields": "all"}, ["slices.fields = 'all'", '"auto" or a list']),
        ([], {"minimum": 0}, ["slices.minimum = 0"]),
        ([], {"field": []}, ["did you mean fields?"]),
        (["--output", "model"], {}, ["--output is 'model'", "end_model, label_model, majority"]),
        (["--output", "end_model"], {}, ["has not run yet", "Run `labelkit train`"]),
        (["--limit", "0"], {}, ["--limit"]),
    ],
)
def test_what_cannot_be_asked(
    run: Run, sliced: Path, options: list[str], configured: dict[str, Any], parts: list[str]
) -> None:
    run("vote", "-p", sliced)
    settings(sliced, **configured)
    refused(run("slices", "-p", sliced, *options), *parts)


def test_before_the_vote(run: Run, sliced: Path) -> None:
    refused(run("slices", "-p", sliced), "Run `labelkit vote`")


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        ("return 1 / 0", ["slicing function 'bad' (labeling_functions/slices.py:3)", "ZeroDivisionError", "spam-0-0"]),
        ("return 'no'", ["slicing function 'bad'", "returned 'no' on item 'spam-0-0'", "True or False"]),
        ("return float('nan')", ["returned nan"]),
        ("return -1", ["returned -1"]),
        ("return row.plan == 'free'", ["no field 'plan'"]),
    ],
)
def test_a_bad_slicing_function_is_named_and_the_votes_are_kept(
    run: Run, sliced: Path, body: str, parts: list[str]
) -> None:
    write(sliced, f"from labelkit import slicing_function\n\n@slicing_function()\ndef bad(row):\n    {body}\n")
    refused(run("vote", "-p", sliced), *parts)
    assert len(json.loads(run("lfs", "-p", sliced, "--json").out)["functions"]) == 5


def test_faults_that_are_tolerated_are_told(run: Run, sliced: Path) -> None:
    write(sliced, "from labelkit import slicing_function\n\n@slicing_function(fault_tolerant=True)\ndef bad(row):\n"
                  "    return 1 // (row.channel == 'mail')\n")  # fmt: skip
    done = run("vote", "-p", sliced)
    assert done.code == 0
    assert "bad raised on 24 items, counted as not in it" in done.out
    assert "slices: bad 36" in done.out


def test_the_name_of_a_labeling_function(run: Run, sliced: Path) -> None:
    write(sliced, 'from labelkit import slice_expression\nslice_expression("money", "word_count < 5")\n')
    refused(run("vote", "-p", sliced), "a labeling function and a slicing function are both named 'money'")


def test_without_any_known_label(run: Run, sliced: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with Project.init(other, name="bare", labels=["spam", "ham"]) as project:
        project.import_items(
            write_rows(tmp_path / "bare.csv", [["id", "text"], *([f"{i}", "cash"] for i in range(30))])
        )
    (other / "labeling_functions" / "f.py").write_text(
        (sliced / "labeling_functions" / "functions.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert run("vote", "-p", other).code == 0
    found = table(run, other, "--by", "words")
    assert (found["reference"], found["tested"]) == ("nothing", 0)
    assert "no accuracies: nobody has answered an audit item" in " ".join(found["notes"])
    done = run("slices", "-p", other)
    assert "least covered first" in done.out
    assert "nan" not in done.out


def test_one_item(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "one"
    with Project.init(other, name="one", labels=["spam", "ham"]) as project:
        rows = [["id", "text", "gold", "split"], ["a", "cash", "spam", "test"]]
        project.import_items(write_rows(tmp_path / "one.csv", rows))
    (other / "labeling_functions" / "f.py").write_text(
        'from labelkit import keywords\nkeywords("money", ["cash"], label="spam")\n'
        + SLICES.replace("row.channel", "''"),
        encoding="utf-8",
    )
    assert run("vote", "-p", other).code == 0
    found = table(run, other)
    assert found["whole"]["scores"][0]["accuracy"]["n"] == 1
    assert set(by_name(found)) == {"brief", "by_mail"}
    assert run("slices", "-p", other).code == 0


def test_audit_answers_count_and_others_do_not(run: Run, sliced: Path) -> None:
    assert run("run", "-p", sliced).code == 0
    assert run("simulate", "--answers", 20, "--keep", "-p", sliced).code == 0
    with Project.open(sliced) as project:
        people = project._workspace.people()
        audited = int((people.audited >= 0).sum())
    found = table(run, sliced)
    assert audited
    assert found["whole"]["known"] == 20 + audited
    assert found["reference"] == f"20 gold labels of test items and {audited:,} audit answers"
    assert f"{audited:,} of the audit answers are simulated" in found["notes"]


def test_stale_results_are_left_out_and_told(run: Run, sliced: Path, tmp_path: Path) -> None:
    assert run("run", "-p", sliced).code == 0
    with (sliced / "labeling_functions" / "functions.py").open("a", encoding="utf-8") as file:
        file.write('\nkeywords("more", ["free"], label="spam")\n')
    assert run("vote", "-p", sliced).code == 0
    found = table(run, sliced)
    assert found["outputs"] == ["majority"]
    assert any(note.startswith("the label model is left out") for note in found["notes"])
    run("import", write_rows(tmp_path / "new.csv", [["id", "text"], ["new", "text"]]), "-p", sliced)
    refused(run("slices", "-p", sliced), "Run `labelkit vote` again")


def test_from_python(sliced: Path) -> None:
    with Project.open(sliced) as project:
        project.run()
        frame = project.slices(by="channel").frame()
    assert set(frame["slice"]) == {"all items", "channel = mail", "channel = sms"}
    assert set(frame["output"]) == {"end_model", "label_model", "majority"}
    assert list(frame.columns[:5]) == ["slice", "kind", "items", "coverage", "known"]
