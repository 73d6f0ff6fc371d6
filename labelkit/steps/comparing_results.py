"""What two runs of a step left: labels that changed, class by class and item by item; queues that overlap."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import ABSTAIN, FloatArray, IntArray, QueueEntry

NO_LABEL: Final = "no label"
_TEXT: Final = 100
_TOPS: Final = (10, 25, 50, 100, 250, 500, 1000)


@dataclass(frozen=True)
class ClassChange:
    """One class: items that have it in the first and in the second run, and how many left it and came to it."""

    label: str
    first: int
    second: int
    left: int
    came: int


@dataclass(frozen=True)
class Flow:
    """How many items went from one class to another."""

    first: str
    second: str
    items: int


@dataclass(frozen=True)
class Flip:
    """An item with another label. ``run``: the first of the runs in between that are kept in which it had left the
    label of the first run; ``probabilities``: of the label before in the first, and of the label after in the second.
    """

    id: str
    text: str
    first: str
    second: str
    probabilities: tuple[float, float]
    run: int


@dataclass(frozen=True)
class PredictionChange:
    """How the labels of two runs differ.

    Attributes
    ----------
    compared, changed, share
        Items of both runs, how many have another label, and the share of them.
    moved
        Mean over items of half the sum of absolute differences of the probabilities: 0 alike, 1 turned around.
    classes, flows
        Class by class, and from which class to which, the most first.
    flips
        Items with another label: who changed first, then who changed most.
    """

    compared: int
    changed: int
    share: float
    moved: float
    classes: list[ClassChange]
    flows: list[Flow]
    flips: list[Flip]


@dataclass(frozen=True)
class TopOverlap:
    """How many of the first ``places`` of both queues are the same items."""

    places: int
    shared: int


@dataclass(frozen=True)
class QueueChange:
    """What two queues have in common.

    Attributes
    ----------
    first, second
        Their lengths.
    shared, share
        Items in both; as a share of the shorter one.
    left, came, answered
        Items in the first only, in the second only; and how many of those that left have been answered by now.
    top
        The same for the front of both.
    roles, strategies
        Of each role and each strategy, the number of places in the first and in the second.
    """

    first: int
    second: int
    shared: int
    share: float
    left: int
    came: int
    answered: int
    top: list[TopOverlap]
    roles: dict[str, tuple[int, int]]
    strategies: dict[str, tuple[int, int]]


def changed_predictions(workspace: Workspace, one: Run, other: Run, flips: int) -> PredictionChange:
    """Compare the labels of two runs of label or of train, on the items that both know.

    Raises
    ------
    StepMissing
        If the results of one of them are not kept any more.
    """
    p, first = _results(workspace, one)
    q, second = _results(workspace, other)
    n = min(len(first), len(second))
    p, q, first, second = p[:n], q[:n], first[:n], second[:n]
    changed = first != second
    names = [*workspace.schema.names, NO_LABEL]  # −1, no label, is the last
    return PredictionChange(
        compared=n,
        changed=int(changed.sum()),
        share=float(changed.mean()) if n else 0.0,
        moved=float(np.abs(p - q).sum(axis=1).mean() / 2) if n else 0.0,
        classes=_classes(names, first, second),
        flows=_flows(names, first[changed], second[changed]),
        flips=_flips(workspace, one, other, (p, first), (q, second), flips),
    )


def _results(workspace: Workspace, run: Run) -> tuple[FloatArray, IntArray]:
    """Probabilities (n, k) and labels (n,) as class indices of today's schema, −1 without one."""
    if run.step == "train":
        predictions = workspace.predictions(run)
        return predictions, predictions.argmax(axis=1)
    return workspace.label_probabilities(run)


def _classes(names: list[str], first: IntArray, second: IntArray) -> list[ClassChange]:
    changed = first != second
    out = []
    for place, name in enumerate(names):
        label = ABSTAIN if place == len(names) - 1 else place
        before, after = first == label, second == label
        if label != ABSTAIN or before.any() or after.any():
            counts = (before, after, before & changed, after & changed)
            out.append(ClassChange(name, *(int(rows.sum()) for rows in counts)))
    return out


def _flows(names: list[str], first: IntArray, second: IntArray) -> list[Flow]:
    counts = Counter(zip(first.tolist(), second.tolist(), strict=True))
    return [Flow(names[a], names[b], n) for (a, b), n in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def _flips(
    workspace: Workspace,
    one: Run,
    other: Run,
    before: tuple[FloatArray, IntArray],
    after: tuple[FloatArray, IntArray],
    most: int,
) -> list[Flip]:
    (p, first), (q, second) = before, after
    rows = np.flatnonzero(first != second)
    if not rows.size or most < 1:
        return []
    when = _left_in(workspace, one, other, rows, first)
    names = [*workspace.schema.names, NO_LABEL]
    chosen = np.lexsort((rows, -np.abs(p - q)[rows].sum(axis=1), when))[:most]
    if one.id > other.id:  # the second is the older one: told from there, the first to change are the last here
        chosen = np.lexsort((rows, -np.abs(p - q)[rows].sum(axis=1), -when))[:most]
    table = workspace.store.items.rows([int(row) for row in rows[chosen]])
    texts = zip(table.column("id").to_pylist(), table.column("text").to_pylist(), strict=True)
    return [
        Flip(
            str(item_id), _short(text), names[first[row]], names[second[row]],
            (_of(p[row], first[row]), _of(q[row], second[row])), int(run),
        )
        for row, run, (item_id, text) in zip(rows[chosen], when[chosen], texts, strict=True)
    ]  # fmt: skip


def _left_in(workspace: Workspace, one: Run, other: Run, rows: IntArray, first: IntArray) -> IntArray:
    """(len(rows),) the run in which an item is first seen with another label, going from ``one`` to ``other``."""
    kept = workspace.store.runs.versions.between(one.step, min(one.id, other.id), max(one.id, other.id))
    when = np.full(len(rows), other.id)
    order = [number for number in kept if number not in (one.id, other.id)]
    for number in order if one.id > other.id else reversed(order):  # the one nearest to the first has the last word
        run = workspace.store.runs.get(number)
        if run is None:
            continue
        labels = _results(workspace, run)[1]
        known = rows < len(labels)
        there = np.zeros(len(rows), dtype=bool)
        there[known] = labels[rows[known]] != first[rows[known]]
        when[there] = number
    return when


def _of(probabilities: FloatArray, label: int) -> float:
    return float(probabilities.max() if label == ABSTAIN else probabilities[label])


def _short(text: str) -> str:
    line = " ".join(text[: 4 * _TEXT].split())
    return line if len(line) <= _TEXT and len(text) <= 4 * _TEXT else line[: _TEXT - 1] + "…"


def changed_queue(workspace: Workspace, one: Run, other: Run) -> QueueChange:
    """Compare the queues of two rank runs; errors as in :func:`changed_predictions`."""
    runs = workspace.store.runs
    first, second = runs.kept_queue(one.id), runs.kept_queue(other.id)
    items, others = [entry.item for entry in first], [entry.item for entry in second]
    shared, left = set(items) & set(others), set(items) - set(others)
    asked = workspace.people().asked
    shorter = min(len(items), len(others))
    return QueueChange(
        first=len(items),
        second=len(others),
        shared=len(shared),
        share=len(shared) / shorter if shorter else 0.0,
        left=len(left),
        came=len(set(others) - set(items)),
        answered=sum(bool(asked[item]) for item in left),
        top=[TopOverlap(k, len(set(items[:k]) & set(others[:k]))) for k in _TOPS if k <= shorter],
        roles=_counted(first, second, "role"),
        strategies=_counted(first, second, "strategy"),
    )


def _counted(first: list[QueueEntry], second: list[QueueEntry], what: str) -> dict[str, tuple[int, int]]:
    before, after = (Counter(getattr(entry, what) for entry in queue) for queue in (first, second))
    return {name: (before[name], after[name]) for name in sorted({*before, *after})}
