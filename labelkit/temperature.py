"""Temperature scaling: the arithmetic that label models and end models share.

A temperature T > 1 takes the log-probabilities of a row closer together, one below 1 further apart; their
order stays. A share of doubt e is spread evenly over the k classes::

    p' = (1 − e) · p^(1/T) / Σ p^(1/T) + e / k

Both are fitted by maximum a posteriori with priors around "as it is", so that few labels move little.
Inputs are not checked here; :mod:`labelkit.labelmodels.calibration` and :mod:`labelkit.endmodels.calibration`
do that in their own words.

References
----------
Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

MINIMUM: Final = 20
"""Labelled rows from which on probabilities are changed at all."""

LOWEST: Final = 0.1
HIGHEST: Final = 10.0
"""Bounds of the temperature."""

SPREAD: Final = 1.0
"""Standard deviation of the normal prior of log T around 0."""

DOUBT: Final = (0.5, 5.0)
"""Pseudo-counts of labels that are pure chance and of ones that are not: Beta prior of e."""

_MOST: Final = 0.99
_STEPS: Final = 48
_GOLDEN: Final = (math.sqrt(5) - 1) / 2

Numbers = npt.NDArray[np.float64]


def tempered(P: Numbers, value: float) -> Numbers:
    """Rows of p^(1/T), summing to one; zeros stay zeros, equal values equal."""
    powers = (P / P.max(axis=1, keepdims=True)) ** (1 / value)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_temperature(P: Numbers, gold: npt.NDArray[np.intp], *, mixing: bool) -> tuple[float, float]:
    """(T, e) of (n, k) probabilities with (n,) known class indices; e = 0 where ``mixing`` is off."""
    return _Fit(P, gold, mixing).best()


class _Fit:
    """The posterior of (T, e): a search over log T, and for each T the best e, which is unique."""

    def __init__(self, P: Numbers, gold: npt.NDArray[np.intp], mixing: bool) -> None:
        self._even = 1 / P.shape[1]
        self._mixing = mixing
        # Without mixing, a label that was ruled out is as unlikely at every temperature.
        possible = np.ones(len(gold), dtype=bool) if mixing else P[np.arange(len(gold)), gold] > 0
        self._P, gold = P[possible], gold[possible]
        self._at = np.arange(len(gold)), gold

    def best(self) -> tuple[float, float]:
        grid = np.linspace(math.log(LOWEST), math.log(HIGHEST), _STEPS + 1)
        scores = [self._profile(t)[0] for t in grid]
        top = int(np.argmax(scores))
        low, high = grid[max(top - 1, 0)], grid[min(top + 1, _STEPS)]
        log_t = _maximum(lambda t: self._profile(t)[0], float(low), float(high))
        return math.exp(log_t), self._profile(log_t)[1]

    def _profile(self, log_t: float) -> tuple[float, float]:
        """The best log-posterior at this temperature, and its e."""
        own = tempered(self._P, math.exp(log_t))[self._at]
        prior = -(log_t**2) / (2 * SPREAD**2)
        if not self._mixing:
            return float(np.log(np.maximum(own, np.finfo(float).tiny)).sum()) + prior, 0.0

        def posterior(e: float) -> float:
            with np.errstate(divide="ignore"):  # e = 0 with a label that was ruled out: −inf
                likelihood = float(np.log((1 - e) * own + e * self._even).sum())
                return likelihood + DOUBT[0] * float(np.log(e)) + DOUBT[1] * math.log(1 - e)

        share = _maximum(posterior, 0.0, _MOST)
        return posterior(share) + prior, share


def _maximum(value: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one number with one maximum is highest: golden-section search, to 1e-6."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = value(left), value(right)
    while high - low > 1e-6:
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
    return (low + high) / 2
