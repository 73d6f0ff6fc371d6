"""Review from the first disagreement to the exported label."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from labelkit.errors import AnnotationError
from labelkit.steps.reviewing import ReviewReply, ReviewResult
from labelkit.steps.reviewing_items import ReviewItem
from labelkit.store import NewAnnotation
from tests.conftest import Ran, write_rows
from tests.serving import LEAD, ran_project


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


@pytest.fixture
def project(home: Path) -> Iterator[Project]:
    with Project.open(home) as opened:
        yield opened


def disagree(project: Project, item: str = "ham-0-1", one: str = "ann", other: str = "bob") -> None:
    project.answer(item, "spam", annotator=one, comment="it wants something")
    project.answer(item, "ham", annotator=other)


def listed(project: Project, which: str = "disputed", reviewer: str = "rev") -> list[str]:
    return [item.id for item in project.reviewing.queue(which, reviewer=reviewer, limit=50).items]


def first(project: Project, which: str = "disputed", reviewer: str = "rev") -> ReviewItem:
    return project.reviewing.queue(which, reviewer=reviewer).items[0]


def reply(item: ReviewItem, label: str, sequence: int = 1, comment: str | None = None) -> ReviewReply:
    return ReviewReply("some page", sequence, item.item, item.content, item.state, label, comment)


def decide(project: Project, item: ReviewItem, label: str, sequence: int = 1, reviewer: str = "rev") -> ReviewResult:
    (result,) = project.reviewing.take([reply(item, label, sequence)], reviewer=reviewer)
    return result


def test_a_disputed_item_comes_with_everybodys_answer(project: Project) -> None:
    disagree(project)
    project.answer("ham-0-2", "ham", annotator="ann")
    item = first(project, reviewer="bob")
    assert (item.id, item.text, item.fields) == ("ham-0-1", "lunch tomorrow? 0", {"channel": "mail"})
    assert [(a.annotator, a.label, a.comment, a.mine) for a in item.answers] == [
        ("ann", "spam", "it wants something", False),
        ("bob", "ham", None, True),
    ]
    assert item.decision is None and project.status().disputed == 1
    assert listed(project) == ["ham-0-1"]


def test_from_disagreement_to_the_export(project: Project, home: Path, run: Callable[..., Ran]) -> None:
    disagree(project)
    assert decide(project, first(project), "spam").status == "stored"
    assert project.status().disputed == 0 and listed(project) == []
    out = home / "out.csv"
    project.run()
    project.export(out)
    with out.open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["id"] == "ham-0-1")
    assert (row["label"], row["source"], row["weight"], row["p_spam"]) == ("spam", "human", "1", "1")
    manifest = json.loads(out.with_name("out.csv.manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["by_rule"]["adjudication"] == 1
    told = run("explain", "ham-0-1", "--project", home)
    assert "rev decided spam at 20" in told.out and "bob answered ham" in told.out
    assert "Label: spam, by human" in told.out


def test_the_export_says_which_rule_decided_and_leaves_out_what_is_flagged(
    project: Project, home: Path, run: Callable[..., Ran]
) -> None:
    project.answer("ham-0-2", "ham", annotator="ann")
    for name in ("ann", "bob", "cy"):
        project.answer("ham-0-3", "ham", annotator=name)
    disagree(project)
    flag(project, "spam-0-1")
    decide(project, first(project), "spam")
    project.run()
    assert project.status().flagged == 1
    assert any(step.startswith("Look at 1 flagged item: the Review page") for step in project.status().next_steps)
    told, rows, manifest = exported(home, run)
    people = {key: (row["rule"], row["answers"], row["source"]) for key, row in rows.items() if row["answers"] != "0"}
    assert people == {
        "ham-0-1": ("adjudication", "2", "human"),
        "ham-0-2": ("answer", "1", "human"),
        "ham-0-3": ("agreement", "3", "human"),
        "ham-0-4": ("answer", "1", "human"),
    }
    assert {row["rule"] for row in rows.values()} - {"adjudication", "answer", "agreement"} <= {
        "label_model", "end_model", ""
    }  # fmt: skip
    assert "spam-0-1" not in rows and len(rows) == project.status().items - 1 == manifest["counts"]["items"]
    assert "Warning: 1 flagged item is left out, nobody has decided" in told
    assert manifest["settings"]["flagged_items"] == manifest["settings"]["flagged_items_left_out"] == 1
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + '[training_set]\nflagged = "keep"\n', encoding="utf-8")
    told, rows, manifest = exported(home, run)
    assert "1 flagged item is in the export" in told and rows["spam-0-1"]["rule"] == "answer"
    assert (manifest["settings"]["flagged_items"], manifest["settings"]["flagged_items_left_out"]) == (1, 0)


def test_what_was_flagged_and_decided_is_exported(project: Project, home: Path, run: Callable[..., Ran]) -> None:
    flag(project, "spam-0-1")
    assert decide(project, first(project, "flagged"), "spam").status == "stored"
    project.run()
    told, rows, _ = exported(home, run)
    assert "Warning" not in told and rows["spam-0-1"]["rule"] == "adjudication"


def flag(project: Project, item_id: str) -> None:
    """Ann flags an item that Bob labels."""
    project.answer("ham-0-4", "ham", annotator="ann")
    project.answer(item_id, "spam", annotator="bob")
    with project._store.database.transaction() as connection:
        connection.execute(
            "insert into annotations (item, content_hash, annotator, kind, role, comment, answered_at)"
            " select item, content_hash, (select id from annotators where name = 'ann'), 'flag', 'active',"
            " 'names a customer', '2026-03-01T00:00:00.000Z' from items where id = ?",
            (item_id,),
        )


def exported(home: Path, run: Callable[..., Ran]) -> tuple[str, dict[str, dict[str, str]], dict[str, Any]]:
    told = run("export", home / "out.csv", "--project", home).out
    with (home / "out.csv").open(encoding="utf-8") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    return told, rows, json.loads((home / "out.csv.manifest.json").read_text(encoding="utf-8"))


def test_decisions_teach_and_raw_answers_stay(project: Project) -> None:
    disagree(project, "ham-0-1")
    decide(project, first(project), "ham")
    people = project._workspace.people()
    assert people.adjudicated.sum() == 1 and people.teaching[people.adjudicated].tolist() == [1]
    history = project.explain("ham-0-1").answers
    assert [(a["annotator"], a["label"]) for a in history] == [("ann", "spam"), ("bob", "ham")]


def test_an_audit_item_is_reviewed_too_and_stays_out_of_the_training_set(project: Project, home: Path) -> None:
    disagree(project)
    number = project._store.items.number_of("ham-0-1")
    with project._store.database.transaction() as connection:
        connection.execute("insert or replace into item_roles values (?, 'audit', 0.1, 1, '2026-03-01')", (number,))
    item = first(project)
    assert item.role == "audit"
    decide(project, item, "spam")
    people = project._workspace.people()
    assert people.audited[number] == 0 and people.teaching[number] == -1
    project.run()
    project.export(home / "out.csv")
    with (home / "out.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["id"] == "ham-0-1")
    assert (row["label"], row["split"]) == ("spam", "audit")


def test_a_changed_item_is_refused_and_shown_as_it_is_now(project: Project, home: Path) -> None:
    disagree(project)
    item = first(project)
    project.answer("ham-0-1", "ham", annotator="cy")
    disagree(project, "ham-0-2")
    other = listed_item(project, "ham-0-2")
    results = project.reviewing.take([reply(item, "spam"), reply(other, "ham", 2)], reviewer="rev")
    assert [result.status for result in results] == ["refused", "stored"]
    assert "changed the answers" in (results[0].message or "")
    assert results[0].current is not None and len(results[0].current.answers) == 3


def listed_item(project: Project, item_id: str) -> ReviewItem:
    return next(i for i in project.reviewing.queue("disputed", reviewer="rev").items if i.id == item_id)


def test_a_changed_content_is_refused(project: Project, home: Path) -> None:
    disagree(project)
    item = first(project)
    project.import_items(write_rows(home / "new.csv", [["id", "text"], ["ham-0-1", "another text"]]))
    result = decide(project, item, "spam")
    assert result.status == "refused" and "content" in (result.message or "")
    assert result.current is not None and result.current.text == "another text" and result.current.answers == []
    assert listed(project) == []  # nobody has answered the new content


def test_undo_and_decide_again_without_a_reply_in_between(project: Project) -> None:
    disagree(project)
    item = first(project)
    results = project.reviewing.take(
        [
            reply(item, "spam", 1),
            ReviewReply("some page", 2, item.item, of=1),
            reply(item, "ham", 3),
        ],
        reviewer="rev",
    )
    assert [result.status for result in results] == ["stored"] * 3
    assert [result.status for result in project.reviewing.take([reply(item, "ham", 3)], reviewer="rev")] == ["repeated"]
    told = project.explain("ham-0-1")
    assert [(d["label"], d["stands"], d["withdrawn_by"]) for d in told.decisions] == [
        ("spam", False, "rev"),
        ("ham", True, None),
    ]


def test_decided_items_can_be_decided_anew_and_taken_back(project: Project) -> None:
    disagree(project)
    decide(project, first(project), "spam")
    (item,) = project.reviewing.queue("decided", reviewer="boss").items
    assert item.decision is not None and item.decision.label == "spam" and item.decision.reviewer == "rev"
    assert decide(project, item, "ham", 2, reviewer="boss").status == "stored"
    again = first(project, "decided")
    assert again.decision is not None and again.decision.label == "ham"
    taken = project.reviewing.take([ReviewReply("p2", 1, item.item, decision=again.decision.id)], reviewer="rev")
    assert taken[0].status == "stored"
    assert first(project, "decided").decision.label == "spam"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": "nonsense"}, "unknown label"),
        ({"label": None}, "names an item and a label"),
        ({"item": None}, "names an item and a label"),
        ({"state": "1.x/"}, "no state"),
        ({"content": "zz"}, "no content hash"),
        ({"comment": "x" * 10_001}, "10,001 characters"),
        ({"item": 10**6}, "there is no item number"),
        ({"decision": 77}, "no such decision"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(project: Project, change: dict[str, object], words: str) -> None:
    disagree(project)
    wrong = replace(reply(first(project), "spam"), **change)  # type: ignore[arg-type]
    (result,) = project.reviewing.take([wrong], reviewer="rev")
    assert result.status == "refused" and words in (result.message or "")
    assert listed(project) == ["ham-0-1"]


def test_an_unknown_list_and_item_are_named(project: Project) -> None:
    with pytest.raises(AnnotationError, match="disputed, waiting, flagged, late, decided"):
        project.reviewing.queue("others", reviewer="rev")
    with pytest.raises(AnnotationError, match="no item number 999"):
        project.reviewing.item(999, reviewer="rev")


# ------------------------------------------------------------------ which items


def test_the_list_follows_answers_and_leaves_out_what_is_in_hand(project: Project) -> None:
    assert listed(project) == []
    disagree(project, "ham-0-1")
    assert listed(project) == ["ham-0-1"]
    disagree(project, "spam-0-1")
    project.answer("ham-0-1", "spam", annotator="bob")  # bob has thought again
    assert listed(project) == ["spam-0-1"]
    number = project._store.items.number_of("spam-0-1")
    assert project.reviewing.queue("disputed", reviewer="rev", without=[number]).items == []  # type: ignore[list-item]


def test_the_rule_is_that_of_the_settings(home: Path) -> None:
    def items() -> list[str]:
        with Project.open(home) as project:
            return listed(project)

    with Project.open(home) as project:
        for who, label in (("ann", "spam"), ("bob", "spam"), ("cy", "ham")):
            project.answer("ham-0-1", label, annotator=who)
    assert items() == []  # two of three agree
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "min_agreement = 0.9\n", encoding="utf-8")
    assert items() == ["ham-0-1"]
    with Project.open(home) as project:
        assert project.status().disputed == 1


def test_gold_questions_and_simulated_answers_make_no_dispute(project: Project) -> None:
    number = project._store.items.number_of("ham-0-1")
    assert number is not None
    project._store.people.append(
        [NewAnnotation(number, "ann", 0, role="gold"), NewAnnotation(number, "bob", 1, role="gold"),
         NewAnnotation(number, "machine", 0, simulated=True)]
    )  # fmt: skip
    project.answer("ham-0-1", "ham", annotator="cy")
    assert listed(project) == []


def test_items_that_wait_for_a_third_person_are_listed_apart(home: Path) -> None:
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "answers_per_item = 2\n", encoding="utf-8")
    with Project.open(home) as project:
        project.rank()
        queued = [str(item_id) for item_id in project.queue()["id"]][:2]
        outside = next(i for i in ("spam-0-0", "ham-0-0", "spam-1-2") if i not in set(project.queue()["id"]))
        for item in (*queued, outside):
            disagree(project, item)
        for name in ("ann", "bob"):
            project.team.add(name, "annotator", LEAD[1], actor="test")
        assert project.reviewing.queue("disputed", reviewer="rev").counts.waiting == 0  # there is no third person
        project.team.add("rev", "reviewer", LEAD[1], actor="test")
        assert len(listed(project)) == 3  # who decides need not wait for himself
        project.team.add("cy", "annotator", LEAD[1], actor="test")
        found = project.reviewing.queue("waiting", reviewer="rev")
        assert (found.counts.disputed, found.counts.waiting) == (0, 3) and listed(project) == []
        assert {item.id for item in found.items} == {*queued, outside} and found.items[0].waits
        assert project.agreement().waiting == 3 and project.status().disputed == 3
        assert {given.id for given in project.claim("cy", n=3)} == {*queued, outside}  # what waits is given out
        assert decide(project, found.items[0], "ham").status == "stored"  # it is the reviewer's word that counts


def test_answers_to_what_one_has_in_hand_are_not_shown(home: Path) -> None:
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "answers_per_item = 3\n", encoding="utf-8")
    with Project.open(home) as project:
        project.rank()
        (leased,) = project.claim("rev", n=1)
        disagree(project, leased.id)
        assert listed(project, reviewer="rev") == [] and listed(project, reviewer="other") == [leased.id]
        project.release("rev")
        assert listed(project, reviewer="rev") == [leased.id]


def test_votes_and_guess_on_request(project: Project) -> None:
    number = project._store.items.number_of("spam-0-0")  # "win cash now 0"
    assert number is not None
    told = project.reviewing.opinions(number)
    assert {"function": "money", "label": "spam"} in told.votes
    assert told.guess is not None and told.guess["label"] in ("spam", "ham") and 0.5 <= told.guess["probability"] <= 1
