"""Known labels as evidence: which of them may judge, and what a model says of them that was not told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.base import TIE, LabelModel
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import covered
from labelkit.labelmodels.wording import one_class
from labelkit.types import BoolArray, FloatArray, IntArray

FOLDS: Final = 5
FEWEST: Final = 10
"""Covered items with a known label from which on accuracies on them are told."""
ITEMS: Final = 10_000
"""Items that the models which judge are fitted on: they are fitted five times, to measure and not to label."""

Floats = npt.NDArray[np.float64]
Make = Callable[[], LabelModel]


@dataclass(frozen=True)
class KnownLabels:
    """Items whose label is known.

    Attributes
    ----------
    statistics
        Of the items that models are fitted on beside them.
    votes, gold
        Rows of the label matrix, shape (g, m), and labels (g,); g may be 0.
    judges
        Shape (g,): covered ones, that accuracies are measured on.
    """

    statistics: VoteStatistics
    votes: IntArray
    gold: IntArray
    judges: BoolArray
    seed: int
    _held: dict[Any, Floats] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, statistics: VoteStatistics, votes: IntArray, gold: IntArray, *, seed: int) -> KnownLabels:
        """Known labels (g,) of rows (g, m), drawn at random."""
        most = min(ITEMS, max(300, 2_000_000 // statistics.cardinality))
        return cls(statistics.thinned(most), votes, gold, covered(votes), seed)

    @property
    def n(self) -> int:
        """Number of the judges."""
        return int(self.judges.sum())

    @property
    def several(self) -> bool:
        """Whether there are enough, and of two classes or more: only then they tell models apart."""
        return self.enough and not one_class(self.votes, self.gold)

    @property
    def enough(self) -> bool:
        """Whether there are enough to measure on."""
        return self.n >= FEWEST

    def held_out(self, make: Make) -> Floats:
        """Class probabilities (g, k), each from a model that was told all labels but those of its fold."""
        if make not in self._held:
            self._held[make] = held_out(self.statistics, self.votes, self.gold, make, seed=self.seed)
        return self._held[make]


def held_out(statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, make: Make, *, seed: int) -> Floats:
    """Class probabilities of items with known labels, each from a model that was not told its label.

    Parameters
    ----------
    statistics
        Of the whole label matrix.
    gold_votes, gold
        Rows (g, m) whose labels (g,) are known.
    make
        Makes the unfitted model.
    seed
        Of the five folds.

    Returns
    -------
    ndarray, shape (g, k)
    """
    folds = np.random.default_rng(seed).permutation(len(gold)) % FOLDS
    found = np.zeros((len(gold), statistics.cardinality))
    for fold in np.unique(folds):
        rest, here = folds != fold, folds == fold
        model = make().fit_statistics(statistics, gold_votes=gold_votes[rest], gold=gold[rest])
        found[here] = model.predict_proba(gold_votes[here])
    return found


def tops(probabilities: FloatArray) -> BoolArray:
    """The most probable classes of each row of (n, k); several where they tie."""
    return np.asarray(probabilities >= probabilities.max(axis=1, keepdims=True) - TIE)


def shares_right(probabilities: FloatArray, gold: IntArray) -> Floats:
    """For each of g items 1 if its label is the most probable class, its share where classes tie, else 0."""
    top = tops(probabilities)
    return np.asarray(top[np.arange(len(gold)), gold] / top.sum(axis=1))
