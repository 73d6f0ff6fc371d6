"""The audit and the advice on stopping of a real project: what they rest on, and what they say when there is little."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit import Project
from labelkit.query.stopping import Advice
from labelkit.steps.auditing import audit_figures
from labelkit.steps.stopping import change_since, stopping


def figures(project: Project) -> dict[str, Any]:
    workspace = project._workspace
    run = workspace.store.runs.latest("train")
    assert run is not None
    found = audit_figures(workspace, workspace.predictions(run), workspace.people())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def advice(project: Project) -> Advice:
    found = stopping(project._workspace)
    json.dumps(dataclasses.asdict(found), allow_nan=False)
    assert not found.stop or not found.missing
    return found


def ids(project: Project, role: str) -> list[str]:
    store = project._workspace.store
    return store.items.ids([item for item, given in sorted(store.people.roles().items()) if given == role])


def answer(project: Project, items: list[str], *, right: bool = True) -> None:
    gold = dict(zip(project.items()["id"], project.items()["gold"], strict=True))
    other = {"spam": "ham", "ham": "spam"}
    for item in items:
        project.answer(item, gold[item] if right else other[gold[item]], annotator="ann")


def test_every_draw_keeps_its_probability_and_its_run(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        first = project._workspace.store.people.draws("audit")
        queued = {e.item: e.inclusion_probability for e in project._workspace.store.runs.queue(project.rank().run)}
        assert first
        for item, (probability, run) in first.items():
            assert probability == queued[item]
            assert 0 < probability < 1
            assert run == project.rank().run
        answer(project, ids(project, "audit"))
        project.label()
        project.train()
        later = project.rank().run
        second = project._workspace.store.people.draws("audit")
        assert {item: second[item] for item in first} == first
        assert {run for item, (_, run) in second.items() if item not in first} == {later}


def test_only_audit_answers_count(folder: Path, tmp_path: Path) -> None:
    """Right or wrong answers to other items are the same to the audit; that they were given lifts the upper bound."""
    with Project.open(folder) as project:
        project.run()
        assert figures(project)["n"] == 0
        audit = ids(project, "audit")
        answer(project, audit)
        told = figures(project)
        assert told["n"] == told["drawn"] == len(audit)
        assert told["low"] < told["value"] <= told["high"] == 1.0
        assert told["skipped"] == told["waiting"] == told["disputed"] == 0
        others = [item for item in project.items()["id"] if item not in audit][:10]
    found = []
    for right in (True, False):
        home = tmp_path / str(right)
        shutil.copytree(folder, home)
        with Project.open(home) as project:
            answer(project, others, right=right)
            found.append(figures(project))
    assert found[0] == found[1]
    assert found[0]["value"] == told["value"]


def test_skipped_items_are_counted_and_told(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        audit = ids(project, "audit")
        for item in audit[1:]:
            project.answer(item, None, annotator="ann", reason="unclear")
        nothing = figures(project)
        assert nothing["n"] == 0
        assert nothing["value"] is None
        assert nothing["skipped"] == len(audit) - 1
        assert "none of the" in nothing["notes"][0]
        assert "nothing of the audit is answered" in _with_target(project).summary
        answer(project, audit[:1])
        told = figures(project)
        assert told["n"] == 1
        assert told["if_skipped"] == [1 / len(audit), 1.0]
        assert any("were skipped" in note for note in told["notes"])
        assert any("were skipped" in sentence for sentence in advice(project).missing)


def _with_target(project: Project, target: float = 0.6) -> Advice:
    config = project.config
    query = config.query.model_copy(update={"target": target})
    wanted = config.model_copy(update={"query": query})
    return stopping(dataclasses.replace(project._workspace, config=wanted))


def test_advice_before_anything_ran_and_after(folder: Path) -> None:
    with Project.open(folder) as project:
        assert "no end model has been trained" in advice(project).summary
        project.run()
        assert "neither a target nor prices" in advice(project).summary
        assert project.stopping() == advice(project)
        told = _with_target(project)
        assert not told.stop
        assert told.unaudited == ["spam", "ham"]


def test_a_class_that_comes_late_holds_the_stop_back(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        answer(project, ids(project, "audit"))
        project.change_schema("add", "advert")
        project.label()
        project.train()
        told = _with_target(project, 0.1)
        assert "advert" in told.unaudited
        assert not told.stop
        assert figures(project)["classes"]["advert"]["recall"]["value"] is None


def test_what_changed_since_the_last_model(folder: Path) -> None:
    with Project.open(folder) as project:
        workspace = project._workspace
        assert change_since(workspace, np.zeros((60, 2)), 0) is None
        project.run()
        run = workspace.store.runs.latest("train")
        assert run is not None
        now = workspace.predictions(run)
        assert change_since(workspace, now, 7) == {"share": 0.0, "labels": 7}
        assert change_since(workspace, now[:, ::-1], 0) == {"share": 1.0, "labels": 0}


@pytest.mark.parametrize("split", ["test", "train"])
def test_items_outside_the_pool_are_no_audit(folder: Path, split: str) -> None:
    """A role given to a test item counts for nothing: the figures are over the train split."""
    with Project.open(folder) as project:
        project.run()
        frame = project.items()
        item = str(frame["id"][frame["split"] == split].iloc[0])
        workspace = project._workspace
        number = workspace.store.items.number_of(item)
        with workspace.store.database.transaction() as connection:
            connection.execute(
                "insert or replace into item_roles (item, role, inclusion_probability, run, drawn_at)"
                " values (?, 'audit', 0.1, 1, '2026-01-01')",
                (number,),
            )
        answer(project, [item])
        assert figures(project)["n"] == (split == "train")
