"""Majority vote: every function counts the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.base import Arrays, LabelModel
from labelkit.labelmodels.scoring import VoteScorer
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.threads import over_rows
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

_MANY_CLASSES: Final = 32
"""From so many classes on, counting votes is cheaper than looking up what they add to every class."""


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

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        self.n_functions = statistics.m

    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]:
        shares = np.empty((len(votes), self.cardinality))
        prior = self._prior()

        def share(first: int, last: int) -> None:
            for rows, counts in _blocks_of_counts(votes, self.cardinality, first, last):
                most = counts.max(axis=0)
                top = counts == most
                shares[rows] = (top / top.sum(axis=0)).T
                shares[rows][most == 0] = prior

        over_rows(share, len(votes))
        return shares

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
    found = np.empty((len(votes), cardinality), dtype=np.int64)
    for rows, counts in _blocks_of_counts(votes, cardinality, 0, len(votes)):
        found[rows] = counts.T
    return found


def _blocks_of_counts(votes: IntArray, k: int, start: int, stop: int) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
    """Votes by class, shape (k, rows), a block of rows at a time."""
    if k < _MANY_CLASSES:
        table = np.tile(np.eye(k + 1, k, -1), (votes.shape[1], 1, 1))
        for rows, counts in VoteScorer(table, np.zeros(k)).blocks(votes, start, stop):
            yield rows, counts[:, : rows.stop - rows.start]
        return
    for first in range(start, stop, SHARD_SIZE):
        block = votes[first : min(first + SHARD_SIZE, stop)]
        items, functions = np.nonzero(block != ABSTAIN)
        flat = block[items, functions] * np.int64(len(block)) + items
        yield slice(first, first + len(block)), np.bincount(flat, minlength=len(block) * k).reshape(k, len(block))
