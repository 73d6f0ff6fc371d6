"""Confusion matrices of many sources at once, each drawn to what all of them have in common.

The rate at which source i answers a where the class is y is softmax over a of

    community[y, a] + ability[i] · [a = y] + leaning[i, a] + residual[i, y, a]

so that a source with few answers looks like the others, one with some is known by how often it is right
(ability) and which classes it prefers (leaning), and one with many has a confusion matrix of its own. All effects
have normal priors of mean zero. How wide these are is estimated from the sources themselves (empirical Bayes),
so that alike sources are drawn together and different ones are not.

The idea of a common prior over confusion matrices is that of Venanzi, Guiver, Kazai, Kohli, Shokouhi:
Community-based Bayesian aggregation models for crowdsourcing (WWW 2014); hierarchical normal effects over answers
are those of Paun, Carpenter, Chamberlain, Hovy, Kruschwitz, Poesio: Comparing Bayesian models of annotation (TACL
2018).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.labelmodels.pattern_votes import Floats

_HEADSTART: Final = 2.0
"""A source's prior odds of being right, in (k − 1) ths above an even guess: rates of 3/4 at two classes."""
_COMMUNITY_VARIANCE: Final = 1.0
_COMMUNITY_WEIGHT: Final = 10.0
_SOURCE_WEIGHT: Final = 100.0
"""Effects that the assumed variance counts as much as, where the sources' own is estimated."""
_LONGEST_STEP: Final = 1.0
_DAMPING: Final = (1.0, 1.0, 1.3, 1.3)
"""For the curvature that a step along effects of a kind, each on its own, leaves out of account."""
_TOGETHER: Final = 0.5
_COMMUNITY_STEP: Final = 0.7
_FEW: Final = 8
"""Fewer answers than this are quicker taken one by one, with the same bits: numpy's loops over short axes are slow."""


class SourceEffects:
    """Effects of m sources over k classes, at their prior means until :meth:`update`.

    Parameters
    ----------
    shape
        Number of sources m and of classes k.
    variance
        What the variances of the sources' effects are taken to be before any answer.

    Attributes
    ----------
    variances
        Of community, ability, leaning and residual, as estimated so far.
    """

    def __init__(self, shape: tuple[int, int], variance: float) -> None:
        m, k = shape
        self._shape = shape
        self._assumed = variance
        self._right = np.eye(k)
        self._start = np.log1p(_HEADSTART * (k - 1) * self._right)
        self._effects = [np.zeros((k, k)), np.zeros(m), np.zeros((m, k)), np.zeros((m, k, k))]
        self._curvatures = [np.zeros_like(effect) for effect in self._effects]
        self.variances = [_COMMUNITY_VARIANCE, variance, variance, variance]

    def update(self, counts: Floats, rounds: int, *, together: bool = False) -> None:
        """Move the effects towards the most probable ones, by Newton's method on one kind after another.

        Parameters
        ----------
        counts
            Expected number of items of class y that source i answered a, shape (m, k, k), at [i, y, a].
        rounds
            How often each kind is moved.
        together
            Move all kinds at once by half steps: four times cheaper, and slower to arrive.
        """
        answered = _along_answers(np.add, counts)
        for _ in range(rounds):
            for kinds in [range(4)] if together else [[kind] for kind in range(4)]:
                rates = self._rates()
                rates *= answered
                missing = counts - rates
                rates -= np.divide(rates * rates, answered, out=np.zeros_like(rates), where=answered > 0)
                for kind in kinds:
                    self._move(kind, missing, rates, _TOGETHER if together else 1.0)

    def _move(self, kind: int, missing: Floats, spread: Floats, share: float) -> None:
        """One step along the effects of a kind; ``spread`` (m, k, k) is the variance of the counts."""
        curvature = self._curvatures[kind] = self._along(kind, spread)
        effect, precision = self._effects[kind], 1 / self.variances[kind]
        step = self._along(kind, missing) - effect * precision
        step /= _DAMPING[kind] * curvature + precision
        step *= share * (_COMMUNITY_STEP if kind == 0 else 1.0)
        self._effects[kind] = effect + np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)

    def update_variances(self) -> None:
        """Estimate how far effects of a kind differ: mean square plus what is uncertain of each (Laplace)."""
        for kind, (effect, curvature) in enumerate(zip(self._effects, self._curvatures, strict=True)):
            weight = _SOURCE_WEIGHT if kind else _COMMUNITY_WEIGHT
            assumed = self._assumed if kind else _COMMUNITY_VARIANCE
            squares = effect**2 + 1 / (curvature + 1 / self.variances[kind])
            self.variances[kind] = float((squares.sum() + weight * assumed) / (effect.size + weight))

    def log_rates(self) -> Floats:
        """Log rate at which source i answers a where the class is y, shape (m, k, k), at [i, a, y]."""
        scores = self._scores()
        scores -= np.log(_along_answers(np.add, np.exp(scores)))
        return np.ascontiguousarray(scores.transpose(0, 2, 1))

    def _rates(self) -> Floats:
        rates = self._scores()
        np.exp(rates, out=rates)
        rates /= _along_answers(np.add, rates)
        return rates

    def _scores(self) -> Floats:
        community, ability, leaning, residual = self._effects
        scores = residual + (self._start + community)
        scores += ability[:, None, None] * self._right
        scores += leaning[:, None, :]
        scores -= _along_answers(np.maximum, scores)
        return np.asarray(scores)

    def _along(self, kind: int, amounts: Floats) -> Floats:
        """Amounts (m, k, k) summed over the cells that each effect of a kind enters."""
        if kind == 0:
            return np.asarray(amounts.sum(axis=0))
        if kind == 1:
            return np.asarray(np.trace(amounts, axis1=1, axis2=2))
        return np.asarray(amounts.sum(axis=1)) if kind == 2 else amounts


def _along_answers(operation: np.ufunc, amounts: Floats) -> Floats:
    """Sums or maxima over the last axis of an array (m, k, k), shape (m, k, 1)."""
    if amounts.shape[2] >= _FEW:
        return np.asarray(operation.reduce(amounts, axis=2, keepdims=True))
    found = amounts[:, :, 0].copy()
    for answer in range(1, amounts.shape[2]):
        operation(found, amounts[:, :, answer], out=found)
    return found[:, :, None]
