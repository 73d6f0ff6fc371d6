"""How sure a calibration error is: an interval around it, and what perfect probabilities would show by chance.

References
----------
Efron (1979): Bootstrap methods: another look at the jackknife.
Bröcker, Smith (2007): Increasing the reliability of reliability diagrams (consistency resampling).
Agresti, Min (2005): Simple improved confidence intervals for comparing matched proportions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.analysis.calibration import BINS, Numbers, measure_calibration
from labelkit.analysis.intervals import Z95
from labelkit.analysis.scores import tie_shares
from labelkit.types import ABSTAIN, FloatArray, IntArray

RESAMPLES: Final = 200
"""Quantiles of 2.5% rest on five of these on either side."""

MOST_RESAMPLED: Final = 2_000
"""Items that are resampled at most."""


@dataclass(frozen=True)
class MeanDifference:
    """A difference of shares with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ErrorInterval:
    """What is known of the expected calibration error behind the measured one.

    Attributes
    ----------
    low, high
        95% interval of the debiased error: quantiles over resampled items; ``low`` is 0 where the measured error
        is not above ``chance``.
    chance
        The error that is measured in one of twenty samples of this size although all probabilities mean what
        they say.
    over
        Mean probability less accuracy: above 0 where the labels are too sure.
    """

    low: float
    high: float
    chance: float
    over: MeanDifference


def error_interval(
    probabilities: FloatArray, gold: IntArray, *, seed: int, resamples: int = RESAMPLES
) -> ErrorInterval | None:
    """The interval of the calibration error of the most probable classes; None without known labels.

    Parameters
    ----------
    probabilities
        Shape (n, k), of covered items.
    gold
        Class indices, shape (n,), −1 where unknown.
    seed
        Of the resampling.
    """
    known = np.flatnonzero(gold != ABSTAIN)
    if not len(known):
        return None
    P, truth = probabilities[known].astype(np.float64), gold[known].astype(np.intp)
    found = measure_calibration(P, truth).top
    confidence, right = P.max(axis=1), tie_shares(P)[np.arange(len(truth)), truth]
    generator = np.random.default_rng(seed)
    below, above = _reach(confidence, right, generator, resamples)
    chance = _by_chance(confidence, generator, resamples)
    return ErrorInterval(
        low=max(0.0, found.ece_debiased - below) if found.ece > chance else 0.0,
        high=min(1.0, found.ece_debiased + above),
        chance=chance,
        over=_mean_difference(confidence - right),
    )


def _reach(confidence: Numbers, right: Numbers, generator: np.random.Generator, resamples: int) -> tuple[float, float]:
    """How far the interval reaches below and above the debiased error: 2.5% and 97.5% quantiles over resampled items.

    Of very many items a random part is resampled; the reach shrinks with the root of their number.
    """
    part = generator.permutation(len(confidence))[:MOST_RESAMPLED]
    n = len(part)
    middle = _debiased(confidence[part], right[part], generator)
    errors = []
    for _ in range(resamples):
        drawn = part[generator.integers(0, n, n)]
        errors.append(_debiased(confidence[drawn], right[drawn], generator))
    low, high = np.quantile(errors, [0.025, 0.975])
    shrunk = math.sqrt(n / len(confidence))
    return shrunk * max(0.0, middle - float(low)), shrunk * max(0.0, float(high) - middle)


def _debiased(confidence: Numbers, right: Numbers, generator: np.random.Generator) -> float:
    # Two columns stand for all classes: the label's own, and one for every other; a tie falls to either.
    P = np.column_stack([confidence, np.zeros(len(confidence))])
    wrong = generator.random(len(right)) >= right
    return measure_calibration(P, wrong.astype(np.intp)).top.ece_debiased


def _by_chance(confidence: Numbers, generator: np.random.Generator, resamples: int) -> float:
    """95% quantile of the error in bins of equal width where each item is right as often as it says."""
    n = len(confidence)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.intp) - 1, 0, BINS - 1)
    errors = []
    for _ in range(resamples):
        right = generator.random(n) < confidence
        errors.append(float(np.abs(np.bincount(bins, confidence - right, minlength=BINS)).sum()) / n)
    return float(np.quantile(errors, 0.95))


def _mean_difference(differences: Numbers) -> MeanDifference:
    """Mean of differences in [−1, 1] with a 95% interval: adjusted Wald, one pseudo-item at either end."""
    n = len(differences) + 2
    middle = float(differences.sum()) / n
    spread = Z95 * math.sqrt(max((float(np.square(differences).sum()) + 2) / n - middle**2, 0.0) / n)
    mean = float(differences.mean())
    return MeanDifference(mean, max(-1.0, min(middle - spread, mean)), min(1.0, max(middle + spread, mean)))
