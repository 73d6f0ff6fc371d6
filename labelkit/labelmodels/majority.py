"""Majority vote: every function counts the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.base import Arrays, LabelModel
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray


class MajorityLabelModel(LabelModel):
    """The class with most votes takes all; classes that tie share equally.

    Its probabilities are those of Snorkel's ``MajorityLabelVoter``, except that an item that nothing
    voted on gets ``class_balance`` where one is given.

    Parameters
    ----------
    cardinality
        Number of classes k.
    class_balance
        Share of each class, for items without votes; uniform if None.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 1], [0, 1, -1]])
    >>> MajorityLabelModel(2).fit(L).predict_proba(L).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """

    name: ClassVar[str] = "majority"
    unit: ClassVar[Literal["log-odds", "votes"]] = "votes"

    def _fit(self, votes: IntArray, gold: IntArray | None, names: Sequence[str] | None) -> None:
        self.n_functions = votes.shape[1]

    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]:
        out = np.empty((len(votes), self.cardinality))
        for start in range(0, len(votes), SHARD_SIZE):
            shard = votes[start : start + SHARD_SIZE]
            counts = vote_counts(shard, self.cardinality)
            top = counts == counts.max(axis=1, keepdims=True)
            shares = top / top.sum(axis=1, keepdims=True)
            shares[counts.sum(axis=1) == 0] = self._prior()
            out[start : start + SHARD_SIZE] = shares
        return out

    def contributions(self, votes: IntArray) -> npt.NDArray[np.float64]:
        """One vote for the class that each function voted for, shape (m, k); see the base class."""
        one = self._checked_item(votes)
        added = np.zeros((len(one), self.cardinality))
        voted = np.flatnonzero(one != ABSTAIN)
        added[voted, one[voted]] = 1.0
        return added

    @property
    def log_prior(self) -> npt.NDArray[np.float64]:
        """Zero votes for every class, shape (k,)."""
        return np.zeros(self.cardinality)

    def _arrays(self) -> Arrays:
        return {}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        pass


def vote_counts(votes: IntArray, cardinality: int) -> npt.NDArray[np.int64]:
    """Votes for each class on each item, shape (n, k), of a checked label matrix."""
    rows, functions = np.nonzero(votes != ABSTAIN)
    flat = rows * cardinality + votes[rows, functions]
    return np.bincount(flat, minlength=len(votes) * cardinality).reshape(len(votes), cardinality)
