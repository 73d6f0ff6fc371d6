"""Known labels teach the weights of votes: Bayesian logistic regression around what was found without labels.

The score of class c on an item is a sum of weights, one for each vote for c. Each weight has a normal prior around
``scale`` times the weight found without labels; a function's weights for different classes share most of the
variance, so that a label of one class says something about its votes for others. How far the weights found
without labels are to be trusted (``scale``) and how far labels may move them (the variance) is not set but
averaged over a small grid, each setting by the evidence that the labels give it (Laplace's approximation; MacKay
1992, The evidence framework applied to classification networks). So ten labels move little, a thousand much, and
labels that contradict every function turn the functions round. Unlike naive Bayes, the regression sees that two
functions that always vote together are not twice as sure.

Functions also depend on each other in ways that no sum of weights can say. So items with exactly the same votes,
where enough of them have known labels, get a correction of their own, with a normal prior around zero; whether
there should be any is one more thing that the evidence decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.corrections import Corrections
from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.labelmodels.validation import covered
from labelkit.types import ABSTAIN, FloatArray, IntArray

SCALES: Final = (0.5, 1.0, 2.0)
VARIANCES: Final = (0.05, 0.3, 1.0)
INTERACTIONS: Final = (0.0, 0.5)
"""Prior variance of the corrections of vote patterns."""
FEWEST_ALIKE: Final = 8
"""Known labels of items with the same votes from which on the pattern is corrected; with fewer, corrections were
measured to hurt about as often as to help."""
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
_ONE, _ANY, _START, _PATTERN = range(4)

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
    scale, variance, interaction
        Their posterior means over the grid; ``interaction`` is the variance of the corrections.
    n
        Covered items with known labels that taught.
    corrections
        Of vote patterns with enough of these items; None if there are none.
    """

    weights: Floats
    start: Floats
    scale: float
    variance: float
    n: int
    interaction: float = 0.0
    corrections: Corrections | None = None


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
    interactions = INTERACTIONS if (lesson.kind == _PATTERN).any() else (0.0,)
    settings = np.array(list(product(SCALES, VARIANCES, interactions)))
    offsets = {scale: lesson.offsets(scale * own, begin) for scale in SCALES}
    found = [lesson.solve(offsets[scale], *variances) for scale, *variances in settings]
    evidence = np.array([each for _, each in found])
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    moved = share @ np.array([deviation for deviation, _ in found])
    scale, variance, interaction = (float(mean) for mean in share @ settings)
    by_vote, by_class = lesson.by_vote(moved, own.shape)
    return TaughtWeights(
        scale * own + by_vote,
        begin + by_class,
        scale,
        variance,
        int(voted.sum()),
        interaction,
        lesson.by_pattern(moved, own.shape[1]),
    )


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
    kind: Ints
    """What each column is, shape (p,): a function's votes for one class or for any, a class's start, a pattern."""
    at: Ints
    label: Ints
    """Which function or pattern, and which class; −1 where there is none."""

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
        several = (labels.sum(axis=1) >= FEWEST_ALIKE) & ((rows != ABSTAIN).sum(axis=1) > 1)
        apart = np.flatnonzero(several[owner])
        sizes = [len(cells), len(functions), len(starts), len(apart)]
        first_of = np.concatenate([[0], np.cumsum(sizes)])
        slot = position[np.searchsorted(slots, at * k + voted)]
        ones = [
            np.concatenate([at, at, owner, owner[apart]]),
            np.concatenate([slot, slot, position, position[apart]]),
            np.concatenate(
                [
                    cell,
                    first_of[_ANY] + shared,
                    first_of[_START] + np.searchsorted(starts, slots % k),
                    first_of[_PATTERN] + np.arange(len(apart)),
                ]
            ),
        ]
        which = (
            np.repeat([_ONE, _ANY, _START, _PATTERN], sizes),
            np.concatenate([cells // k, functions, np.full(len(starts), -1), owner[apart]]),
            np.concatenate([cells % k, np.full(len(functions), -1), starts, slots[apart] % k]),
        )
        kept = _most_labelled(ones[2], labels.sum(axis=1)[ones[0]], int(first_of[-1]))
        design = _dense(ones, kept, classes.shape)
        return cls(rows, classes, labels, design, *(each[kept] for each in which))

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

    def solve(self, offsets: Floats, variance: float, interaction: float = 0.0) -> tuple[Floats, float]:
        """Most probable deviations of the columns from their prior means (p,), and the log evidence."""
        spread = np.sqrt(np.array([(1 - SHARED) * variance, SHARED * variance, BALANCE, interaction]))[self.kind]
        free = spread > 0
        found = np.zeros(len(spread))
        u, evidence = _solve(self.design[:, :, free] * spread[free], offsets, self.labels)
        found[free] = u * spread[free]
        return found, evidence

    def by_vote(self, moved: Floats, shape: tuple[int, ...]) -> tuple[Floats, Floats]:
        """Deviations (p,) as deviations of the weights (m, k) and of the start (k,)."""
        found, start = np.zeros(shape), np.zeros(shape[1])
        one, shared, begins = (self.kind == kind for kind in (_ONE, _ANY, _START))
        found[self.at[one], self.label[one]] += moved[one]
        found[self.at[shared]] += moved[shared][:, None]
        start[self.label[begins]] += moved[begins]
        return found, start

    def by_pattern(self, moved: Floats, k: int) -> Corrections | None:
        """Deviations (p,) as corrections of patterns, if there are any."""
        here = self.kind == _PATTERN
        if not here.any():
            return None
        patterns, pattern = np.unique(self.at[here], return_inverse=True)
        added = np.zeros((len(patterns), k))
        added[pattern, self.label[here]] = moved[here]
        return Corrections(self.rows[patterns], added)


def _solve(design: Floats, offsets: Floats, labels: Floats) -> tuple[Floats, float]:
    """Most probable standard normal weights (p,) of the columns of a design (d, s, p), and the log evidence."""
    d, s, p = design.shape
    rows = design.reshape(d * s, p)
    items = labels.sum(axis=1)

    def loss(u: Floats) -> tuple[float, Floats]:
        scores = offsets + (rows @ u).reshape(d, s)
        top = scores.max(axis=1, keepdims=True)
        scores -= top + np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
        return float(-(labels * scores).sum() + 0.5 * u @ u), scores

    u = np.zeros(p)
    value, logs = loss(u)
    hessian = np.eye(p)
    for _ in range(_STEPS):
        expected = items[:, None] * np.exp(logs)
        gradient = rows.T @ (expected - labels).ravel() + u
        mean = np.einsum("dsp,ds->dp", design, np.exp(logs))
        hessian = (rows * expected.reshape(-1, 1)).T @ rows - (mean * items[:, None]).T @ mean
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
    return u, -value - 0.5 * float(np.linalg.slogdet(hessian)[1])


def _most_labelled(columns: Ints, items: Floats, count: int) -> Ints:
    """Columns that stay, in order: all, or those that bear on the most labels.

    Parameters
    ----------
    columns, items
        Column and labelled items of each one in the design, shape (e,).
    count
        Number of columns p.
    """
    if count <= MOST_COLUMNS:
        return np.arange(count)
    bearing = np.bincount(columns, weights=items, minlength=count)
    return np.sort(np.argsort(-bearing, kind="stable")[:MOST_COLUMNS])


def _dense(ones: Sequence[Ints], kept: Ints, shape: tuple[int, ...]) -> Floats:
    """The design (d, s, p) of the kept columns, from the row, slot and column of each one in it."""
    row, slot, column = ones
    place = np.minimum(np.searchsorted(kept, column), len(kept) - 1)
    here = kept[place] == column
    design = np.zeros((*shape, len(kept)))
    design[row[here], slot[here], place[here]] = 1.0
    return design
