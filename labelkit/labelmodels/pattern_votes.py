"""The votes of distinct vote patterns one below the other: what models that look at whole rows learn from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import ABSTAIN, IntArray

Floats = npt.NDArray[np.float64]

_CELLS: Final = 1 << 22
"""Numbers in the arrays that a block of patterns makes: votes × classes."""


@dataclass(frozen=True)
class PatternVotes:
    """Distinct vote patterns as a list of votes, abstentions left out.

    Attributes
    ----------
    shape
        Number of functions m and of classes k.
    counts
        Items that each pattern stands for, float64, shape (d,).
    gold
        Known label of these items, −1 where unknown, shape (d,).
    pattern, function, vote
        Of each vote, in order of the patterns and within one of the functions, shape (v,).
    """

    shape: tuple[int, int]
    counts: Floats
    gold: IntArray
    pattern: IntArray
    function: IntArray
    vote: IntArray

    @classmethod
    def of(
        cls, statistics: VoteStatistics, gold_votes: IntArray | None = None, gold: IntArray | None = None
    ) -> PatternVotes:
        """The patterns of vote statistics; items whose label is known become patterns of their own.

        Known items without a vote are left out: they say nothing about any function.
        """
        rows, counts = statistics.patterns, statistics.counts.astype(np.float64)
        labels = np.full(len(rows), ABSTAIN, dtype=np.int64)
        if gold_votes is not None and gold is not None:
            use = (gold_votes != ABSTAIN).any(axis=1) & (gold != ABSTAIN)
            known, answers = gold_votes[use], gold[use]
            inverse = distinct_patterns(np.concatenate([rows, known])).inverse[len(rows) :]
            taken = np.bincount(inverse, minlength=len(rows))[: len(rows)]
            counts = np.maximum(counts - taken, 0.0)
            grouped = distinct_patterns(np.column_stack([known.astype(np.int64), answers]))
            rows = np.concatenate([rows, grouped.rows[:, :-1].astype(rows.dtype)])
            counts = np.concatenate([counts, grouped.counts.astype(np.float64)])
            labels = np.concatenate([labels, grouped.rows[:, -1]])
            kept = counts > 0
            rows, counts, labels = rows[kept], counts[kept], labels[kept]
        pattern, function = np.nonzero(rows != ABSTAIN)
        votes = rows[pattern, function].astype(np.intp)
        return cls((statistics.m, statistics.cardinality), counts, labels, pattern, function, votes)

    @cached_property
    def cell(self) -> IntArray:
        """function · k + vote of each vote, shape (v,)."""
        return self.function * self.shape[1] + self.vote

    @cached_property
    def weight(self) -> Floats:
        """Items that each vote was cast on, shape (v,)."""
        return self.counts[self.pattern]

    @cached_property
    def votes_per_pattern(self) -> IntArray:
        """Votes in each pattern, shape (d,)."""
        return np.bincount(self.pattern, minlength=len(self.counts))

    @cached_property
    def place(self) -> IntArray:
        """pattern · k + vote of each vote, shape (v,)."""
        return self.pattern * self.shape[1] + self.vote

    @cached_property
    def cast(self) -> Floats:
        """Votes of each function for each class, known items without a vote left out, shape (m, k)."""
        return self.per_cell(self.weight)

    @cached_property
    def blocks(self) -> tuple[PatternVotes, ...]:
        """The same a few patterns at a time, so that arrays of votes × classes stay small."""
        width = max(1, _CELLS // self.shape[1])
        ends = np.cumsum(self.votes_per_pattern)
        found = []
        first = 0
        while first < len(self.counts):
            used = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, used + width, side="right")))
            votes = slice(used, int(ends[last - 1]))
            part = PatternVotes(
                self.shape,
                self.counts[first:last],
                self.gold[first:last],
                self.pattern[votes] - first,
                self.function[votes],
                self.vote[votes],
            )
            found.append(part)
            first = last
        return tuple(found)

    def scores(self, weights: Floats) -> Floats:
        """Sum for each pattern and class of the weights (m, k) of the votes for it, shape (d, k)."""
        k = self.shape[1]
        sums = np.bincount(self.place, weights=weights.ravel()[self.cell], minlength=len(self.counts) * k)
        return np.asarray(sums.reshape(-1, k), dtype=np.float64)

    def per_cell(self, amounts: Floats) -> Floats:
        """Sum of the amounts (v,) of the votes of each function for each class, shape (m, k)."""
        m, k = self.shape
        sums = np.bincount(self.cell, weights=amounts, minlength=m * k)
        return np.asarray(sums.reshape(m, k), dtype=np.float64)

    def one_hot(self) -> Any:
        """The votes as a CSR matrix of ones, shape (d, m·k)."""
        from scipy import sparse

        m, k = self.shape
        ends = np.concatenate([[0], np.cumsum(self.votes_per_pattern)])
        return sparse.csr_matrix((np.ones(len(self.pattern)), self.cell, ends), shape=(len(self.counts), m * k))


def clamp(posterior: Floats, gold: IntArray) -> Floats:
    """The posterior (d, k) with all of it on the known label where there is one, in place."""
    known = np.flatnonzero(gold != ABSTAIN)
    posterior[known] = 0.0
    posterior[known, gold[known]] = 1.0
    return posterior


def normalised(scores: Floats) -> tuple[Floats, Floats]:
    """Rows of log scores (d, k) as probabilities, in place, and the logarithm of each row's sum, shape (d,)."""
    top = scores.max(axis=1, keepdims=True)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=1, keepdims=True)
    scores /= total
    return scores, (np.log(total) + top)[:, 0]
