"""What the looks of a run say, by labelkit and by its references: intervals, advice, kappa of successive models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from _audit_runs import Look

from labelkit.analysis import AuditFigures, PoolFacts, audit_estimates, wilson
from labelkit.query.stopping import Advice, Change, Measured, TrainPoint, Wanted, advise
from labelkit.types import Estimate

KAPPA, WINDOW = 0.99, 3
"""Bloodgood and Vijay-Shanker (2009): stop when the mean kappa of the last three pairs of models reaches 0.99."""


@dataclass(frozen=True)
class Seen:
    """One look: labelkit's figures, the fixed-n interval beside it, the truths."""

    look: Look
    figures: AuditFigures
    wilson: Estimate
    macro_f1: float


def figures_of(look: Look, k: int) -> AuditFigures:
    """labelkit's estimates at one look."""
    rest = look.confidence[~look.taught]
    pool = PoolFacts(len(rest), float(rest.mean()), float(look.taught.mean()))
    return audit_estimates(
        look.predicted[look.rows], look.said, look.confidence[look.rows], look.weights, pool=pool, k=k
    )


def seen(look: Look, gold: np.ndarray, k: int) -> Seen:
    """Everything one can hold against the truth at one look."""
    right = int((look.predicted[look.rows] == look.said).sum())
    f1 = []
    for c in range(k):
        size = (look.predicted == c).sum() + (gold == c).sum()
        if size:
            f1.append(2 * ((look.predicted == c) & (gold == c)).sum() / size)
    return Seen(look, figures_of(look, k), wilson(right, len(look.rows)), float(np.mean(f1)))


def advised(run: Sequence[Seen], names: Sequence[str], wanted: Wanted) -> list[Advice]:
    """labelkit's advice at every look of a run."""
    points: list[TrainPoint] = []
    changes: list[Change] = []
    found = []
    for number, one in enumerate(run):
        accuracy, look = one.figures.accuracy, one.look
        if accuracy.value is not None:
            points.append(TrainPoint(int(look.taught.sum()), accuracy.value, accuracy.n))
        if number:
            before = run[number - 1].look
            labels = int(look.taught.sum() - before.taught.sum())
            changes.append(Change(float((look.predicted != before.predicted).mean()), labels))
        measured = Measured(accuracy.value, accuracy.low, accuracy.high, accuracy.n)
        unaudited = [names[c.index] for c in one.figures.classes if not c.audited]
        found.append(advise(measured, wanted, points, changes, unaudited))
    return found


def first_stop(advice: Sequence[Advice]) -> int | None:
    """The look at which one is first told to stop."""
    return next((number for number, one in enumerate(advice) if one.stop), None)


def kappa_stop(run: Sequence[Seen], k: int) -> int | None:
    """The look at which successive models agree as well as the reference asks for."""
    kappas = [_kappa(a.look.predicted, b.look.predicted, k) for a, b in pairwise(run)]
    for end in range(WINDOW, len(kappas) + 1):
        if np.mean(kappas[end - WINDOW : end]) >= KAPPA:
            return end
    return None


def _kappa(a: np.ndarray, b: np.ndarray, k: int) -> float:
    agreed = float((a == b).mean())
    chance = float((np.bincount(a, minlength=k) / len(a)) @ (np.bincount(b, minlength=k) / len(b)))
    return 1.0 if chance >= 1 else (agreed - chance) / (1 - chance)
