"""Split-half reliability: do two halves of the functions, fitted apart, find the same classes?

A latent-class model finds whatever structure the votes have. If that is the classes, any half of the functions
finds it too; if it is something else (two near-copies, a topic), another half finds another thing. So the
functions are split in two at random, the model is fitted on each half alone, and its decisions on the items
that both halves vote on are compared: their agreement beyond chance (Cohen's kappa), a mean over several
splits. It needs no label. Psychometrics judges tests this way (Spearman 1910; Brown 1910).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from labelkit.labelmodels.base import LabelModel
from labelkit.labelmodels.validation import covered
from labelkit.types import IntArray

SPLITS: Final = 5


def split_half_reliability(
    rows: IntArray, make: Callable[[], LabelModel], *, seed: int, groups: Sequence[Sequence[int]] = ()
) -> float:
    """Mean kappa between the two halves' decisions; NaN where no split has items that both halves vote on.

    Parameters
    ----------
    rows
        Label matrix, shape (n, m), −1 = abstain.
    make
        Makes the model, unfitted.
    seed
        Of the splits.
    groups
        Functions that repeat each other, which come into the same half: in both they would bear each other out.
    """
    generator = np.random.default_rng(seed)
    unit = np.arange(rows.shape[1])
    for group in groups:
        unit[list(group)] = min(group)
    units = np.unique(unit)
    found = []
    for _ in range(SPLITS):
        order = generator.permutation(len(units))
        first = np.isin(unit, units[order[: len(units) // 2]])
        halves = [np.flatnonzero(first), np.flatnonzero(~first)]
        votes = [np.take(rows, half, axis=1) for half in halves]
        voted = [covered(one) for one in votes]
        both = voted[0] & voted[1]
        if not both.any():
            continue
        first, second = (
            make().fit(one[has]).predict_proba(one[both]).argmax(axis=1) for one, has in zip(votes, voted, strict=True)
        )
        found.append(kappa(first, second))
    return float(np.mean(found)) if found else float("nan")


def kappa(first: IntArray, second: IntArray) -> float:
    """Cohen's kappa of two decisions (n,) of n > 0 items; 1 where both always say the same one class."""
    k = int(max(first.max(), second.max())) + 1
    table = np.bincount(first * k + second, minlength=k * k).reshape(k, k) / len(first)
    agreement, chance = float(np.trace(table)), float(table.sum(axis=0) @ table.sum(axis=1))
    return (agreement - chance) / (1 - chance) if chance < 1 - 1e-12 else 1.0
