"""Scores of probabilistic labels against gold labels, ties and uncovered items counted fairly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.analysis.intervals import wilson
from labelkit.types import ABSTAIN, BoolArray, Estimate, FloatArray, IntArray

TIE: Final = 1e-5
"""Probabilities closer than this tie; a tie counts as a uniform choice among the tied classes."""


@dataclass(frozen=True)
class ClassScore:
    """One class on the covered items with gold. Ties count in fractions; NaN where nothing is to divide by."""

    index: int
    support: int
    """Covered items whose gold label is this class."""
    predicted: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Score:
    """How labels compare with gold.

    Attributes
    ----------
    covered_accuracy
        Over the covered items with gold; n is their number.
    accuracy
        Over all items with gold; an uncovered one counts as a guess, 1/K.
    macro_f1
        Unweighted mean F1 on covered items, over the classes that occur in gold or in the labels.
    coverage
        Share of the items with gold that are covered; NaN if there are none.
    classes
        One entry for each class, in index order.
    """

    covered_accuracy: Estimate
    accuracy: Estimate
    macro_f1: float
    coverage: float
    classes: tuple[ClassScore, ...]


def score(probabilities: FloatArray, gold: IntArray, covered: BoolArray | None = None) -> Score:
    """Score class probabilities against gold labels.

    Parameters
    ----------
    probabilities
        Shape (n, k). A tie between classes counts as the expected accuracy of a uniform choice among
        them. For a label matrix, score ``MajorityLabelModel(k).fit(L).predict_proba(L)``.
    gold
        Class indices, shape (n,), −1 where unknown; such items are left out.
    covered
        Shape (n,): items on which something voted; all if None.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    n, k = probabilities.shape
    if covered is None:
        covered = np.ones(n, dtype=bool)
    if gold.shape != (n,) or covered.shape != (n,):
        raise ValueError(f"shapes {probabilities.shape}, {gold.shape} and {covered.shape} do not fit together")
    if gold.size and (gold.min() < ABSTAIN or gold.max() >= k):
        raise ValueError(f"gold labels must lie between -1 and {k - 1}")
    known = gold != ABSTAIN
    kept = known & covered
    shares = tie_shares(probabilities[kept])
    truth = gold[kept].astype(np.intp)
    right = float(shares[np.arange(len(truth)), truth].sum())
    uncovered = int((known & ~covered).sum())
    classes = _classes(shares, truth)
    return Score(
        covered_accuracy=wilson(right, len(truth)),
        accuracy=wilson(right + uncovered / k, len(truth) + uncovered),
        macro_f1=_macro_f1(classes),
        coverage=len(truth) / int(known.sum()) if known.any() else float("nan"),
        classes=classes,
    )


def tie_shares(probabilities: FloatArray) -> npt.NDArray[np.float64]:
    """1 for the most probable class of each row; tied classes share it equally. Shape (n, k)."""
    top = probabilities >= probabilities.max(axis=1, keepdims=True) - TIE
    return np.asarray(top / top.sum(axis=1, keepdims=True))


def _classes(shares: npt.NDArray[np.float64], truth: IntArray) -> tuple[ClassScore, ...]:
    k = shares.shape[1]
    support = np.bincount(truth, minlength=k)
    hits = np.bincount(truth, weights=shares[np.arange(len(truth)), truth], minlength=k)
    predicted = shares.sum(axis=0)
    return tuple(
        ClassScore(
            index=c,
            support=int(support[c]),
            predicted=float(predicted[c]),
            precision=_ratio(hits[c], predicted[c]),
            recall=_ratio(hits[c], support[c]),
            f1=_ratio(2 * hits[c], predicted[c] + support[c]),
        )
        for c in range(k)
    )


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _macro_f1(classes: tuple[ClassScore, ...]) -> float:
    present = [c.f1 for c in classes if c.support or c.predicted]
    return float(np.mean(present)) if present else float("nan")
