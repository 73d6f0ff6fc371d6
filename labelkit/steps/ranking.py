"""Rank: which items to ask people about next, and why."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from labelkit.annotate import HumanLabels
from labelkit.endmodels import committee
from labelkit.errors import QueryError
from labelkit.labelmodels import covered as voted_on
from labelkit.query import Answers, Labelled, Pool, compose_queue, scheduled_mix, scheduled_tuning, wants
from labelkit.steps.item_features import features
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.targets import training_targets
from labelkit.steps.training import current_end_model
from labelkit.steps.workspace import Workspace, clamp, digest
from labelkit.store import Run
from labelkit.types import ABSTAIN, FloatArray, IntArray, QueueEntry

COMMITTEE_MEMBERS = 5


@dataclass
class RankResult:
    """The new queue. ``pool``: items that could have been asked."""

    queue: list[QueueEntry]
    pool: int
    roles: dict[str, int]
    notes: list[str]
    run: int
    reused: bool
    seconds: float


def rank(workspace: Workspace, *, size: int | None = None, force: bool = False, simulating: bool = False) -> RankResult:
    """Compose the queue from the pool: items of the train split that want more answers.

    A simulation does not ask twice about an item; people are asked also where a simulation answered.

    Raises
    ------
    StepMissing
        If `train` has not run on the present items.
    """
    started = time.perf_counter()
    train_run = workspace.need_fresh("train", "ranking")
    people = workspace.people()
    settings = workspace.config.query
    size = settings.size if size is None else size
    if size < 1:
        raise QueryError(f"a queue of {size} items cannot be made", hint="Ask for at least 1")
    items = pool_items(workspace, people, simulating=simulating)
    roles = workspace.store.people.roles()
    latest = workspace.store.runs.latest("rank")
    # What the last queue drew is its result, not one of its inputs.
    own = workspace.store.people.drawn_by(latest.id) if latest is not None else set()
    before = sorted((item, role) for item, role in roles.items() if item not in own)
    inputs = digest(train_run.inputs, items, before, size, settings.model_dump(), workspace.seed)
    if latest is not None and latest.inputs == inputs and not force:
        return _result(workspace, latest, started)
    mix, note = scheduled_mix(settings.mix, train_run.metrics.get("mixed", {}).get("lead"))
    composed = compose_queue(
        _pool(workspace, train_run, people, items, mix),
        mix=mix,
        size=size,
        audit_share=settings.audit_share,
        tuning_share=scheduled_tuning(settings.tuning_share, int((people.tuning & people.asked).sum())),
        roles=roles,
        answered=_answered(people),
        seed=workspace.seed,
    )
    run = workspace.store.runs.finish(
        "rank",
        parameters={
            "train_run": train_run.id,
            "size": size,
            "query": settings.model_dump(),
            "items": len(people.label),
            "train_inputs": train_run.inputs,
            "pool": digest(items),
        },
        inputs=inputs,
        versions=workspace.versions,
        seconds=time.perf_counter() - started,
        metrics={"pool": len(items), "notes": [*composed.notes, *([note] if note else [])]},
        seed=workspace.seed,
        queue=composed.entries,
        roles=_drawn(composed.entries, roles),
    )
    stored = workspace.store.runs.get(run)
    assert stored is not None
    return _result(workspace, stored, started, reused=False)


def _answered(people: HumanLabels) -> dict[str, int]:
    """Items that somebody answered, by the role for which they were asked."""
    audit, tuning = people.asked & people.audit, people.asked & people.tuning
    return {
        "audit": int(audit.sum()),
        "tuning": int(tuning.sum()),
        "active": int((people.asked & ~audit & ~tuning).sum()),
    }


def _drawn(entries: Iterable[QueueEntry], roles: Mapping[int, str]) -> list[tuple[int, str, float]]:
    """Items that have got a role for good by being drawn: item, role and inclusion probability."""
    return [
        (e.item, e.role, e.inclusion_probability)
        for e in entries
        if e.role in ("audit", "tuning") and e.item not in roles and e.inclusion_probability is not None
    ]


def _result(workspace: Workspace, run: Run, started: float, *, reused: bool = True) -> RankResult:
    queue = workspace.store.runs.queue(run.id)
    roles: dict[str, int] = {}
    for entry in queue:
        roles[entry.role] = roles.get(entry.role, 0) + 1
    return RankResult(
        queue, run.metrics["pool"], roles, run.metrics["notes"], run.id, reused, time.perf_counter() - started
    )


def pool_items(workspace: Workspace, people: HumanLabels, *, simulating: bool = False) -> IntArray:
    """Item numbers that want another answer: in the train split, too few answers, not decided."""
    wanted = people.answers < workspace.config.annotation.answers_per_item
    if simulating:
        wanted &= ~people.asked
    return np.flatnonzero(~people.untaught & wanted & ~people.adjudicated)


def _pool(workspace: Workspace, train_run: Run, people: HumanLabels, items: IntArray, mix: Mapping[str, float]) -> Pool:
    label_run = workspace.need_fresh("label", "ranking")
    raw, _ = workspace.label_probabilities(label_run)
    teaching = workspace.schema.to_indices(people.teaching)
    labels = clamp(raw, teaching)
    votes_run = workspace.store.runs.get(label_run.parameters["vote_run"])
    assert votes_run is not None
    L = vote_matrix(workspace, votes_run)
    X = features(workspace).X
    parts = wants(mix)
    predictions = workspace.predictions(train_run)
    answered = np.flatnonzero(teaching != ABSTAIN)
    return Pool(
        items=items,
        end_model=predictions[items],
        label_model=labels[items],
        covered=voted_on(L)[items],
        committee=_committee(workspace, train_run, label_run, people, items) if "committee" in parts else None,
        label_names=workspace.schema.names,
        features=X if len(items) == X.shape[0] else X[items],
        votes=L[items] if "votes" in parts else None,
        labelled=Labelled(teaching[answered], X[answered], L[answered], predictions[answered])
        if "labelled" in parts
        else None,
        answers=_answers(workspace, people) if "answers" in parts else None,
    )


def _answers(workspace: Workspace, people: HumanLabels) -> Answers:
    """Every single answer that may teach."""
    opinions = people.opinions
    number = {name: i for i, name in enumerate(sorted(set(opinions.annotator)))}
    who = np.array([number[name] for name in opinions.annotator], dtype=np.int64)
    return Answers(opinions.item, who, workspace.schema.to_indices(opinions.label))


def _committee(
    workspace: Workspace, train_run: Run, label_run: Run, people: HumanLabels, items: IntArray
) -> FloatArray:
    """Probabilities of a bootstrap committee."""
    mixed = training_targets(workspace, label_run, people)
    model = current_end_model(workspace, train_run, people)
    return committee(
        model, features(workspace).X, mixed.targets, mixed.usable.astype(np.float64), rows=items,
        members=COMMITTEE_MEMBERS, seed=workspace.seed,
    )  # fmt: skip
