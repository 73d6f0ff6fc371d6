"""Audit: what the answered audit items say of the end model's predictions over the whole pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from labelkit.analysis import AuditFigures, PoolFacts, SequenceEstimate, audit_estimates
from labelkit.annotate import HumanLabels
from labelkit.query.draws import audit_weights
from labelkit.steps.workspace import Workspace
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray


def audit_figures(workspace: Workspace, predictions: FloatArray, people: HumanLabels) -> dict[str, Any]:
    """Figures of the end model from the audit alone: never from items that trained it, tuned it or were queried.

    Assumed: audit items that people skipped, dispute or have not come to yet are like the answered ones; how many
    there are is told, and where the accuracy would be if all skipped ones were wrong, or right.

    Parameters
    ----------
    predictions
        (n, k) class probabilities of all items, as the model has them now.

    Returns
    -------
    dict
        ``value``, ``low``, ``high``, ``n``: accuracy over the items of the train split with the bounds of a 95%
        confidence sequence (``value`` is None without an answer); ``macro_f1``: the same for it; ``classes``: by name
        ``precision`` and ``recall``, and how many were ``audited`` and ``predicted``; ``design_effect``;
        ``drawn``, ``waiting``, ``skipped``, ``disputed``, ``simulated``: numbers of audit items; ``if_skipped``:
        [low, high] or None; ``looks``: at how many models this audit has been looked at, with this one; ``notes``:
        sentences. All JSON-able, without NaN.
    """
    schema = workspace.schema
    truth = schema.to_indices(people.audited)
    pool = ~people.untaught
    drawn = people.audit & pool
    rows = np.flatnonzero(drawn & (truth != ABSTAIN))
    confidence = predictions.max(axis=1) if predictions.shape[1] else np.zeros(len(predictions))
    figures = audit_estimates(
        predictions[rows].argmax(axis=1),
        truth[rows],
        confidence[rows].astype(np.float64),
        _weights(workspace, rows),
        pool=_pool_facts(confidence, pool, people),
        k=schema.cardinality,
    )
    counts = _counts(people, drawn, truth)
    return {
        **asdict(figures.accuracy),
        "macro_f1": asdict(figures.macro_f1),
        "classes": _classes(figures, schema.names),
        "design_effect": figures.design_effect,
        **counts,
        "if_skipped": _if_skipped(figures.accuracy, counts["skipped"]),
        "looks": _looks(workspace) + int(len(rows) > 0),
        "notes": _notes(figures, counts, schema.names),
    }


def _pool_facts(confidence: FloatArray, pool: BoolArray, people: HumanLabels) -> PoolFacts:
    taught = pool & (people.teaching != ABSTAIN) & ~people.tuning
    rest = pool & ~taught
    return PoolFacts(
        items=int(rest.sum()),
        confidence=float(confidence[rest].mean()) if rest.any() else 1.0,
        taught=float(taught.sum() / max(int(pool.sum()), 1)),
    )


def _weights(workspace: Workspace, rows: IntArray) -> FloatArray:
    """(len(rows),) weights of answered audit items, from the probabilities that their draws had."""
    stored = workspace.store.people.draws("audit")
    rates: dict[int, float] = {}
    by_run: dict[int, list[float]] = {}
    for probability, number in stored.values():
        by_run.setdefault(number, []).append(probability)
    for number, probabilities in by_run.items():
        run = workspace.store.runs.get(number)
        drawable = None if run is None else run.metrics.get("drawable", run.metrics.get("pool"))
        # Without the number of items that were drawn from: what the drawn stand for together.
        rates[number] = len(probabilities) / (drawable or sum(1 / p for p in probabilities))
    found = [stored[int(row)] for row in rows]
    return audit_weights(
        np.array([probability for probability, _ in found]), np.array([number for _, number in found], int), rates
    )


def _counts(people: HumanLabels, drawn: BoolArray, truth: IntArray) -> dict[str, int]:
    disputed = np.zeros(len(drawn), dtype=bool)
    disputed[people.disputed] = True
    unknown = drawn & (truth == ABSTAIN)
    return {
        "drawn": int(drawn.sum()),
        "waiting": int((unknown & ~people.asked).sum()),
        "skipped": int((unknown & people.asked & ~disputed).sum()),
        "disputed": int((unknown & disputed).sum()),
        "simulated": int((drawn & people.simulated & (truth != ABSTAIN)).sum()),
    }


def _classes(figures: AuditFigures, names: Sequence[str]) -> dict[str, Any]:
    return {
        names[one.index]: {
            "audited": one.audited,
            "predicted": one.predicted,
            "precision": asdict(one.precision),
            "recall": asdict(one.recall),
        }
        for one in figures.classes
    }


def _if_skipped(accuracy: SequenceEstimate, skipped: int) -> list[float] | None:
    """The accuracy if all skipped audit items were wrong, and if all were right."""
    if not skipped or accuracy.value is None:
        return None
    right, all_of_them = accuracy.value * accuracy.n, accuracy.n + skipped
    return [right / all_of_them, (right + skipped) / all_of_them]


def _looks(workspace: Workspace) -> int:
    """Earlier train runs that looked at an audit with answers."""
    return sum(bool(metrics.get("audit", {}).get("n")) for _, _, metrics in workspace.store.browsing.metrics("train"))


def _notes(figures: AuditFigures, counts: dict[str, int], names: Sequence[str]) -> list[str]:
    notes = []
    if not counts["drawn"]:
        notes.append("no item has been drawn for the audit yet: `labelkit rank` draws some into every queue")
    elif not figures.accuracy.n:
        told = f"{counts['skipped']:,} were skipped, " if counts["skipped"] else ""
        notes.append(f"none of the {counts['drawn']:,} audit items has a label yet ({told}{counts['waiting']:,} wait)")
    if figures.accuracy.n and counts["skipped"]:
        notes.append(f"{counts['skipped']:,} audit items were skipped; they are taken to be like the answered ones")
    missing = [names[one.index] for one in figures.classes if not one.audited]
    if figures.accuracy.n and missing:
        notes.append(f"no audited item is {' or '.join(missing)}: the recall of such a class is not known")
    return notes
