"""Known labels teach the weights of votes: Bayesian logistic regression around what was found without labels.

The score of class c on an item is a sum of weights, one for each vote for c. Each weight has a normal prior around
``scale`` times the weight found without labels; a function's weights for different classes share most of the
variance, so that a label of one class says something about its votes for others. How far the weights found
without labels are to be trusted (``scale``) and how far labels may move them (the variance) is not set but
averaged over a small grid, each setting by the evidence that the labels give it (Laplace's approximation; MacKay
1992, The evidence framework applied to classification networks). So ten labels move little, a thousand much, and
labels that contradict every function turn the functions round. Unlike naive Bayes, the regression sees that two
functions that always vote together are not twice as sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.labelmodels.validation import covered
from labelkit.types import ABSTAIN, FloatArray, IntArray

SCALES: Final = (0.5, 1.0, 2.0)
VARIANCES: Final = (0.05, 0.3, 1.0)
BALANCE: Final = 0.03
"""Prior variance of what every item's score of a class starts from. Class shares move it slowly: taken as they are
in 100 labels they were measured to hurt where the items to label have other shares than those labeled."""
SHARED: Final = 0.7
"""Share of a weight's variance that all of a function's weights have in common."""
MOST_COLUMNS: Final = 400
"""Weights that labels may move; where they bear on more, those with the most labels."""
FEW_CLASSES: Final = 10
"""Up to so many classes each is told from all others also where nothing was voted or labelled so."""
_STEPS: Final = 50
_TOLERANCE: Final = 1e-7
_NEVER: Final = -1e9

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


@dataclass(frozen=True)
class TaughtWeights:
    """Weights after the lesson.

    Attributes
    ----------
    weights
        What a vote of function i for class c adds to the log score of c, shape (m, k).
    start
        What every item's class scores start from, shape (k,).
    scale, variance
        Their posterior means over the grid.
    n
        Covered items with known labels that taught.
    """

    weights: Floats
    start: Floats
    scale: float
    variance: float
    n: int


def teach(weights: FloatArray, start: FloatArray, gold_votes: IntArray, gold: IntArray) -> TaughtWeights:
    """Weights (m, k) after known labels.

    Parameters
    ----------
    weights
        Found without labels, shape (m, k).
    start
        What every item's class scores start from, shape (k,).
    gold_votes, gold
        Rows (g, m) of the label matrix whose labels (g,) are known. Rows without a vote teach nothing.
    """
    own, begin = np.array(weights, dtype=np.float64), np.array(start, dtype=np.float64)
    voted = covered(gold_votes)
    if not voted.any():
        return TaughtWeights(own, begin, 1.0, 0.0, 0)
    lesson = _Lesson.of(gold_votes[voted], gold[voted], own.shape[1])
    settings = np.array(list(product(SCALES, VARIANCES)))
    offsets = {scale: lesson.offsets(scale * own, begin) for scale in SCALES}
    found = [lesson.solve(offsets[scale], variance) for scale, variance in settings]
    evidence = np.array([each for _, each in found])
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    moved = share @ np.array([deviation for deviation, _ in found])
    scale, variance = (float(mean) for mean in share @ settings)
    by_vote, by_class = lesson.by_vote(moved, own.shape)
    return TaughtWeights(scale * own + by_vote, begin + by_class, scale, variance, int(voted.sum()))


@dataclass(frozen=True)
class _Lesson:
    """Labelled vote patterns, their classes in slots: all if few, else those voted or labelled and one for the rest."""

    rows: IntArray
    """Distinct patterns, shape (d, m)."""
    classes: IntArray
    """Shape (d, s), −1 where a slot is empty; the last slot stands for all other classes."""
    labels: Floats
    """How many items of the pattern have the slot's class, shape (d, s)."""
    design: Floats
    """Which columns add to a slot's score, shape (d, s, p)."""
    function: Ints
    label: Ints
    """What each column is: a function's votes for a class, or for any class (−1); or a class's start (function −1)."""

    @classmethod
    def of(cls, votes: IntArray, gold: IntArray, k: int) -> _Lesson:
        distinct = distinct_patterns(votes)
        rows, pattern = distinct.rows, distinct.inverse
        at, function = np.nonzero(rows != ABSTAIN)
        voted = rows[at, function].astype(np.intp)
        slots = np.unique(np.concatenate([at * k + voted, pattern * k + gold]))
        if k <= FEW_CLASSES:
            slots = np.arange(len(rows) * k)
        owner = slots // k
        first = np.searchsorted(owner, np.arange(len(rows)))
        position = np.arange(len(slots)) - first[owner]
        classes = np.full((len(rows), int(position.max()) + 2), ABSTAIN, dtype=np.int64)
        classes[owner, position] = slots % k
        labels = np.zeros(classes.shape)
        np.add.at(labels, (pattern, position[np.searchsorted(slots, pattern * k + gold)]), 1.0)
        cells, cell = np.unique(function * k + voted, return_inverse=True)
        functions, shared = np.unique(function, return_inverse=True)
        starts = np.unique(slots % k)
        design = np.zeros((*classes.shape, len(cells) + len(functions) + len(starts)))
        slot = position[np.searchsorted(slots, at * k + voted)]
        design[at, slot, cell] = 1.0
        design[at, slot, len(cells) + shared] = 1.0
        design[owner, position, len(cells) + len(functions) + np.searchsorted(starts, slots % k)] = 1.0
        which = (
            np.concatenate([cells // k, functions, np.full(len(starts), -1)]),
            np.concatenate([cells % k, np.full(len(functions), -1), starts]),
        )
        kept = _most_labelled(design, labels)
        return cls(rows, classes, labels, design[:, :, kept], which[0][kept], which[1][kept])

    def offsets(self, weights: FloatArray, start: FloatArray) -> Floats:
        """Log scores (d, s) under the prior means; the last slot sums up all classes that have none."""
        full = np.tile(np.asarray(start, dtype=np.float64), (len(self.rows), 1))
        at, function = np.nonzero(self.rows != ABSTAIN)
        voted = self.rows[at, function]
        np.add.at(full, (at, voted), weights[function, voted])
        found = np.full(self.classes.shape, _NEVER)
        row, slot = np.nonzero(self.classes != ABSTAIN)
        found[row, slot] = full[row, self.classes[row, slot]]
        full[row, self.classes[row, slot]] = -np.inf
        top = full.max(axis=1)
        more = np.isfinite(top)
        found[more, -1] = top[more] + np.log(np.exp(full[more] - top[more, None]).sum(axis=1))
        return found

    def solve(self, offsets: Floats, variance: float) -> tuple[Floats, float]:
        """Most probable deviations of the columns from their prior means (p,), and the log evidence."""
        spread = np.sqrt(np.where(self.label < 0, SHARED, 1 - SHARED) * variance)
        spread[self.function < 0] = np.sqrt(BALANCE)
        d, s, p = self.design.shape
        whitened = (self.design * spread).reshape(d * s, p)
        items = self.labels.sum(axis=1)

        def loss(u: Floats) -> tuple[float, Floats]:
            scores = offsets + (whitened @ u).reshape(d, s)
            top = scores.max(axis=1, keepdims=True)
            scores -= top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
            return float(-(self.labels * scores).sum() + 0.5 * u @ u), scores

        u = np.zeros(p)
        value, logs = loss(u)
        hessian = np.eye(p)
        for _ in range(_STEPS):
            expected = items[:, None] * np.exp(logs)
            gradient = whitened.T @ (expected - self.labels).ravel() + u
            mean = np.einsum("dsp,ds->dp", whitened.reshape(d, s, p), np.exp(logs))
            hessian = (whitened * expected.reshape(-1, 1)).T @ whitened - (mean * items[:, None]).T @ mean
            hessian[np.diag_indices(p)] += 1.0
            step = np.linalg.solve(hessian, gradient)
            length, slope = 1.0, float(gradient @ step)
            following, nearer = loss(u - step)
            while following > value - 1e-4 * length * slope and length > 1e-6:
                length /= 2
                following, nearer = loss(u - length * step)
            gain = value - following
            if gain > 0:
                u, value, logs = u - length * step, following, nearer
            if gain < _TOLERANCE:
                break
        return u * spread, -value - 0.5 * float(np.linalg.slogdet(hessian)[1])

    def by_vote(self, moved: Floats, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Deviations (p,) as deviations of the weights (m, k) and of the start (k,)."""
        found, start = np.zeros(shape), np.zeros(shape[1])
        begins, shared = self.function < 0, self.label < 0
        own = ~begins & ~shared
        found[self.function[own], self.label[own]] += moved[own]
        found[self.function[shared]] += moved[shared][:, None]
        start[self.label[begins]] += moved[begins]
        return found, start


def _most_labelled(design: Floats, labels: Floats) -> Ints:
    """Columns that stay, in order: all, or those that bear on the most labels."""
    if design.shape[2] <= MOST_COLUMNS:
        return np.arange(design.shape[2])
    bearing = design.sum(axis=1).T @ labels.sum(axis=1)
    return np.sort(np.argsort(-bearing, kind="stable")[:MOST_COLUMNS])
