"""Calibration: whether probabilities mean what they say.

Of the items that a label gives 80% to, 80% should be right. The *reliability curve* compares the two in
bins of confidence, the *expected calibration error* (ECE) is the mean distance between them. Ties and
uncovered items are treated as in :mod:`labelkit.analysis.scores`: a tie counts as a uniform choice among
the tied classes, and an item on which nothing voted is left out.

References
----------
Naeini, Cooper, Hauskrecht (2015): Obtaining well calibrated probabilities using Bayesian binning.
Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks.
Kumar, Liang, Ma (2019): Verified uncertainty calibration.
Nixon et al. (2019): Measuring calibration in deep learning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.analysis.intervals import wilson
from labelkit.analysis.scores import tie_shares
from labelkit.types import ABSTAIN, BoolArray, Estimate, FloatArray, IntArray

BINS: Final = 15
"""Number of bins of equal width in the usual definition."""

BIN_ITEMS: Final = 10
"""Items that a bin of equal mass holds at least, as far as equal confidences allow."""

SMALLEST: Final = 1e-15
"""What a probability counts as at least in the log loss: a gold label that was ruled out costs 34.5 nats."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReliabilityBin:
    """Items of similar confidence.

    Attributes
    ----------
    low, high
        The bin's edges; in bins of equal mass the lowest and highest confidence in it.
    confidence
        Mean probability of the class in question.
    accuracy
        Share of the items that are of this class; n is the number of items in the bin.
    """

    low: float
    high: float
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True)
class ReliabilityCurve:
    """Confidence against accuracy.

    Attributes
    ----------
    equal_width, equal_mass
        Bins in ascending order, empty ones left out. Equal confidences are in one bin, so bins of equal
        mass are not of quite equal mass.
    ece
        Mean distance between confidence and accuracy over the bins of equal width, weighted by items; 0 … 1.
        NaN without items.
    ece_debiased
        The same over the bins of equal mass, less what chance adds to it: with few items the plain figure is
        too high. Not below zero; what is left is still somewhat too high.
    confidence, accuracy
        Over all items.
    """

    equal_width: tuple[ReliabilityBin, ...]
    equal_mass: tuple[ReliabilityBin, ...]
    ece: float
    ece_debiased: float
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True)
class Calibration:
    """How far class probabilities mean what they say.

    Attributes
    ----------
    top
        Of the most probable class of each item.
    brier
        Mean squared distance to the one-hot gold label, summed over the classes: 0 … 2.
    log_loss
        Mean negative log-probability of the gold label, in nats; see :data:`SMALLEST`.
    n
        Covered items with gold.
    """

    top: ReliabilityCurve
    brier: float
    log_loss: float
    n: int


@dataclass(frozen=True)
class ClassCalibration:
    """One class against all others: every item's probability of it, and whether it is the gold label."""

    index: int
    curve: ReliabilityCurve


def measure_calibration(
    probabilities: FloatArray, gold: IntArray, covered: BoolArray | None = None, *, bins: int = BINS
) -> Calibration:
    """Compare class probabilities with gold labels.

    Parameters
    ----------
    probabilities
        Shape (n, k), rows summing to one.
    gold
        Class indices, shape (n,), −1 where unknown; such items are left out.
    covered
        Shape (n,): items on which something voted; all if None. Others are left out.
    bins
        Number of bins of equal width, and the most of equal mass.

    Raises
    ------
    ValueError
        If the shapes do not fit, a label is out of range, a probability is NaN, or ``bins`` is below 1.

    Examples
    --------
    >>> P = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    >>> found = measure_calibration(P, np.array([0, 0, 1, 1]))
    >>> round(found.top.ece, 3), found.n
    (0.25, 4)
    """
    P, truth = _known(probabilities, gold, covered, bins)
    at = np.arange(len(truth)), truth
    right = tie_shares(P)[at] if len(P) else np.empty(0)
    one_hot = np.zeros_like(P)
    one_hot[at] = 1.0
    losses = -np.log(np.maximum(P[at], SMALLEST))
    return Calibration(
        top=_curve(P.max(axis=1) if len(P) else np.empty(0), right, bins),
        brier=_mean(((P - one_hot) ** 2).sum(axis=1)),
        log_loss=_mean(losses),
        n=len(P),
    )


def classwise_calibration(
    probabilities: FloatArray, gold: IntArray, covered: BoolArray | None = None, *, bins: int = BINS
) -> tuple[ClassCalibration, ...]:
    """The same for each class by itself, in index order; parameters and errors as :func:`measure_calibration`.

    The mean of their ``ece`` is the static calibration error of Nixon et al. (2019).
    """
    P, truth = _known(probabilities, gold, covered, bins)
    return tuple(ClassCalibration(c, _curve(P[:, c], (truth == c).astype(np.float64), bins)) for c in range(P.shape[1]))


def _known(
    probabilities: FloatArray, gold: IntArray, covered: BoolArray | None, bins: int
) -> tuple[Numbers, npt.NDArray[np.intp]]:
    """Probabilities and gold labels of the covered items with gold."""
    if probabilities.ndim != 2:
        raise ValueError(f"probabilities have the shape {probabilities.shape}, expected (n, k)")
    n, k = probabilities.shape
    kept = np.ones(n, dtype=bool) if covered is None else covered
    if gold.shape != (n,) or kept.shape != (n,):
        raise ValueError(f"shapes {probabilities.shape}, {gold.shape} and {kept.shape} do not fit together")
    if gold.size and (gold.min() < ABSTAIN or gold.max() >= k):
        raise ValueError(f"gold labels must lie between -1 and {k - 1}")
    if bins < 1:
        raise ValueError(f"{bins} bins given, expected at least 1")
    rows = np.flatnonzero(kept & (gold != ABSTAIN))
    P = probabilities[rows].astype(np.float64)
    if np.isnan(P).any():
        raise ValueError("a probability is NaN")
    return P, gold[rows].astype(np.intp)


def _curve(confidence: Numbers, right: Numbers, bins: int) -> ReliabilityCurve:
    """The curve of n confidences (0 … 1) and how far each was right (0 … 1, fractions for ties)."""
    n = len(confidence)
    width = np.clip(np.ceil(confidence * bins).astype(np.intp) - 1, 0, bins - 1)
    few = min(bins, max(1, n // BIN_ITEMS))
    by_width = [
        _bin(b / bins, (b + 1) / bins, confidence[rows], right[rows]) for b, rows in _members(width, bins) if len(rows)
    ]
    by_mass = [
        _bin(confidence[rows].min(), confidence[rows].max(), confidence[rows], right[rows])
        for _, rows in _members(_equal_mass(confidence, few), few)
        if len(rows)
    ]
    return ReliabilityCurve(
        equal_width=tuple(by_width),
        equal_mass=tuple(by_mass),
        ece=_error(by_width),
        ece_debiased=_debiased(by_mass) if n else math.nan,
        confidence=_mean(confidence),
        accuracy=wilson(float(right.sum()), n),
    )


def _members(codes: npt.NDArray[np.intp], bins: int) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
    """Each bin with the positions of its items."""
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(bins + 1))
    for number in range(bins):
        yield number, order[edges[number] : edges[number + 1]]


def _equal_mass(confidence: Numbers, bins: int) -> npt.NDArray[np.intp]:
    """Bin of each item by its rank; equal confidences share a rank, their middle one."""
    if not len(confidence):
        return np.empty(0, dtype=np.intp)
    _, group, sizes = np.unique(confidence, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - sizes / 2
    return np.asarray((middle * bins / len(confidence)).astype(np.intp)[group])


def _bin(low: float, high: float, confidence: Numbers, right: Numbers) -> ReliabilityBin:
    return ReliabilityBin(float(low), float(high), _mean(confidence), wilson(float(right.sum()), len(right)))


def _error(bins: list[ReliabilityBin]) -> float:
    n = sum(b.accuracy.n for b in bins)
    return sum(b.accuracy.n * abs(b.confidence - b.accuracy.value) for b in bins) / n if n else math.nan


def _debiased(bins: list[ReliabilityBin]) -> float:
    """The mean distance that, with the noise of so many items, would be measured as large as it was.

    True distances in proportion to the measured ones are assumed, and the proportion (0 … 1) found at which
    the mean absolute value of distance plus normal noise is what was measured. Subtracting the noise bin by
    bin, as Kumar et al. (2019) do for the absolute error, takes off a third of the bias only.
    """
    sizes = np.array([b.accuracy.n for b in bins], dtype=np.float64)
    distances = np.array([abs(b.confidence - b.accuracy.value) for b in bins])
    # Jeffreys' smoothed accuracy: a small bin without a mistake is not taken for certain.
    smoothed = (np.array([b.accuracy.value for b in bins]) * sizes + 0.5) / (sizes + 1)
    noise = np.sqrt(smoothed * (1 - smoothed) / sizes)
    weights = sizes / sizes.sum()
    measured = float(weights @ distances)
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if weights @ _folded(middle * distances, noise) > measured else (middle, high)
    return low * measured


def _folded(mean: Numbers, spread: Numbers) -> Numbers:
    """Mean absolute value of normal variables."""
    z = mean / spread
    error = np.array([math.erf(each / math.sqrt(2)) for each in z])
    return np.asarray(spread * math.sqrt(2 / math.pi) * np.exp(-z * z / 2) + mean * error)


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else math.nan
