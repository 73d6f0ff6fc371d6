"""Agreement and annotators' quality of a whole project: which answers count, against what, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.steps.quality import AnnotatorRow
from labelkit.steps.reviewing import ReviewReply
from labelkit.store import LoggedAnswer, NewAnnotation
from tests.conftest import Ran


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    with Project.open(folder) as opened:
        yield opened


def answers(project: Project, who: str, labels: str, *, start: int = 0, **more: object) -> None:
    """One answer a letter (s, h, or - for a skip) to consecutive items."""
    codes = {"s": 0, "h": 1, "-": None}
    new = [
        NewAnnotation(item, who, codes[letter], skip_reason="unclear" if letter == "-" else None, **more)  # type: ignore[arg-type]
        for item, letter in enumerate(labels, start)
        if letter != " "
    ]
    project._store.people.append(new)


def person(project: Project, name: str) -> AnnotatorRow:
    return next(row for row in project.agreement().quality if row.annotator == name)


def test_an_empty_project_says_why_nothing_is_defined(project: Project) -> None:
    told = project.agreement()
    assert (told.answers, told.pairs, told.quality) == (0, [], [])
    assert all("nobody has answered" in figure.undefined for figure in told.figures)


def test_what_was_answered_since_is_all_that_is_read_anew(
    project: Project, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labelkit.steps import browsing_state
    from labelkit.store.reviewable import Reviewable

    asked: list[list[int] | None] = []
    read = Reviewable.log

    def log(self: Reviewable, among: set[int] | None = None) -> list[LoggedAnswer]:
        asked.append(None if among is None else sorted(among))
        return read(self, among)

    answers(project, "ann", "ssssshhhhhss")
    answers(project, "bob", "sssshhhhhhss")
    project.agreement()
    monkeypatch.setattr(Reviewable, "log", log)
    assert project.agreement().answers == 24 and asked == []
    answers(project, "cy", "hs", start=3)
    answers(project, "ann", "s", start=9)
    answers(project, "bob", "h", role="gold")
    found = project.agreement()
    assert asked == [[0, 3, 4, 9]]
    browsing_state._kept.clear()
    with Project.open(folder) as again:
        assert again.agreement() == found
    assert asked[1:] == [None]


def test_one_answer_an_item_tells_how_to_compare_people(project: Project) -> None:
    answers(project, "ann", "shsh")
    told = project.agreement()
    assert {figure.value for figure in told.figures} == {None}
    assert any("answers_per_item = 2" in note for note in told.notes)


def test_figures_pairs_and_confusion_of_three_people(project: Project) -> None:
    answers(project, "ann", "ssssshhhhhss--")
    answers(project, "bob", "sssshhhhhhss")
    answers(project, "cy", "shsshhhhhs")
    told = project.agreement(ordered=True)
    assert (told.answers, told.annotators, told.items, told.shared) == (34, 3, 12, 12)
    figures = {figure.measure: figure for figure in told.figures}
    by_item = [2, 1, 2, 2, 1, 2, 2, 2, 2, 1]  # of three answers: how many pairs agree is 3 or 1
    expected = (sum(1.0 if n == 2 else 1 / 3 for n in by_item) + 2) / 12
    assert figures["percent"].value == pytest.approx(expected)
    assert figures["percent"].low is not None and figures["krippendorff_ordinal"].value is not None
    assert [(pair.first, pair.second, pair.n) for pair in told.pairs] == [
        ("ann", "bob", 12), ("ann", "cy", 10), ("bob", "cy", 10)
    ]  # fmt: skip
    assert np.triu(np.array(told.between)).sum() == 12 + 10 + 10
    assert told.disputed == 0  # two of three always agree
    assert project.agreement(ordered=True) == told


def test_known_labels_are_gold_ones_and_what_somebody_else_decided(project: Project) -> None:
    """Items 0 to 5 are spam by gold; a decision overrules that, but not for the one who decided."""
    answers(project, "ann", "ssh")
    answers(project, "bob", "hhh")
    item = project.reviewing.queue("disputed", reviewer="bob").items[0]
    reply = ReviewReply("some page", 1, item.item, item.content, item.state, "ham")
    assert project.reviewing.take([reply], reviewer="bob")[0].status == "stored"
    ann, bob = person(project, "ann"), person(project, "bob")
    assert (ann.decided.value, ann.decided.n) == (pytest.approx(1 / 3), 3)  # item 0: wrong by decision
    assert (bob.decided.value, bob.decided.n) == (0.0, 3)  # item 0: gold, not his own word
    assert project.agreement().known == [[1, 4], [1, 0]]


def test_gold_questions_are_counted_apart_and_decide_nothing(project: Project) -> None:
    answers(project, "ann", "sshs", role="gold")
    ann = person(project, "ann")
    assert (ann.gold.value, ann.gold.n, ann.decided.n) == (0.75, 4, 0)
    assert project.status().answers == 0


def test_who_was_asked_because_others_disagree_is_left_out_of_the_agreement(project: Project) -> None:
    answers(project, "ann", "sshh", lease_token="a")
    answers(project, "bob", "shhs", lease_token="b")
    before = project.agreement()
    answers(project, "cy", " h s", lease_token="c")
    after = project.agreement()
    assert after.figures == before.figures and after.answers == before.answers + 2
    assert any("2 answers of people who were asked because others disagreed" in note for note in after.notes)
    answers(project, "dora", "s")  # imported: nobody asked for it
    assert project.agreement().figures != before.figures


def test_reliability_is_what_models_learn_from_only(project: Project) -> None:
    """In the train split, not in the audit, and where another answer can be held against it."""
    from labelkit.steps.opinions import annotator_figures, consensus

    answers(project, "ann", "ssshhhsssh")
    answers(project, "bob", "sshhhhssss")
    answers(project, "cy", "hhhhhhhhss")
    with project._store.database.transaction() as connection:
        connection.execute("insert into item_roles values (1, 'audit', 0.1, 1, '2026-03-01')")
    found = {f["annotator"]: f for f in annotator_figures(consensus(project._workspace, project._workspace.people()))}
    for name in ("ann", "bob", "cy"):
        row = person(project, name).reliability
        assert row is not None and row.n == found[name]["n"]
        assert row.value == pytest.approx(found[name]["value"], abs=1e-6)


def test_anchoring_is_told_where_hints_were_drawn(project: Project, folder: Path, run: Callable[..., Ran]) -> None:
    assert project.agreement().anchoring.difference is None
    new = [
        NewAnnotation(item, "ann", 0, lease_token=str(item), shown={"guess": guess, "hints": hints})
        for item, (guess, hints) in enumerate([(0, "before")] * 10 + [(0, "hidden"), (1, "hidden")] * 5)
    ]
    project._store.people.append(new)
    found = project.agreement().anchoring
    assert (found.before.value, found.hidden.value) == (1.0, 0.5)
    assert "+50.0 points" in run("agreement", "--project", folder).out


def test_warnings_reach_the_command_line(project: Project, folder: Path, run: Callable[..., Ran]) -> None:
    answers(project, "ann", "ssssss" + "hhhhhh" + "ssssss" + "hhhhhh", role="gold")
    answers(project, "bob", "ssssss" + "hhhhhh" + "ssssss" + "hhhhhh", role="gold")
    answers(project, "eve", "hhhhhh" + "ssssss" + "hhhhhh" + "ssssss", role="gold")
    done = run("agreement", "--project", folder)
    assert done.code == 0 and "Fleiss' kappa" in done.out
    assert "eve: 0% (0% to 14%, n = 24) of the answers to gold questions are right; the others 100%" in done.out
    assert "  next: Go through the wrong ones together" in done.out
    told = json.loads(run("agreement", "--json", "--project", folder).out)
    assert {row["annotator"] for row in told["quality"] if row["warnings"]} == {"eve"}
    assert told["figures"][0]["measure"] == "percent" and told["classes"] == ["spam", "ham"]


def test_an_empty_project_on_the_command_line(folder: Path, run: Callable[..., Ran]) -> None:
    done = run("agreement", "--project", folder)
    assert done.code == 0 and "undefined because nobody has answered" in done.out
