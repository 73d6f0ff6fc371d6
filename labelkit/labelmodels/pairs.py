"""How often two functions vote the same, and how often they would if only the class made them.

The expectation is that of label models, which hold functions to be independent given the class (Ratner et al.:
Training complex models with multi-task weak supervision, AAAI 2019). The class of an item is not known; the
votes on it stand for it, all functions being held for equally accurate, as their rate of agreement says, and
half of that evidence being believed. Measured against gold labels on the eleven sets of the benchmarks, the
strengths that follow are right within 0.02 on average wherever there are strong dependencies. With all of the
evidence, functions that are wrong together pass for accurate, and their dependence for the class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.cooccurrence import cooccurrence
from labelkit.labelmodels.patterns import Patterns, distinct_patterns
from labelkit.labelmodels.sample import VoteSample
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_BELIEVED: Final = 0.5
_MOST_ACCURATE: Final = 0.99
_WORK: Final = 1e11
"""Most multiply-adds for counting pairs: some seconds on one core. 1M items × 50 functions take a tenth of it."""
_SPARSE_COST: Final = 700
"""One multiply-add of a sparse product costs about as much as this many of a dense one."""
_NUMBERS: Final = 1 << 22
"""Most votes, and a quarter of the most class shares, that expectations are read from."""
_LEAST_ROWS: Final = 2_000
_NARROW: Final = 128
"""Up to so many functions, comparing pair by pair is quicker than multiplying one-hot votes for every class."""
_GATHERING: Final = 16
"""A product of picked rows takes about so many times as long as one in a product of matrices."""
_PEEKED: Final = 4_096
"""Rows looked at to choose between the ways to count; the result is the same with each."""
_AT_ONCE: Final = 1 << 22
_CELLS: Final = 1 << 26
"""Cells of a wide label matrix looked at together."""


@dataclass(frozen=True)
class PairCounts:
    """Counts of a label matrix that the dependence of its functions is read from.

    Attributes
    ----------
    n
        Number of items that were counted.
    cardinality
        Number of classes k.
    vote_counts
        int64, shape (m, k): votes of each function for each class.
    same, both
        int64, shape (m, m): items on which two functions vote the same, and on which both vote.
    patterns
        Distinct rows of the items with a vote, or of a uniform sample of them.
    """

    n: int
    cardinality: int
    vote_counts: Counts
    same: Counts
    both: Counts
    patterns: Patterns

    @property
    def m(self) -> int:
        """Number of labeling functions."""
        return len(self.vote_counts)

    @classmethod
    def of_statistics(cls, statistics: VoteStatistics) -> PairCounts:
        """From what label models learn from: exact counts where it has co-occurrences, else those of its sample."""
        m, k = statistics.m, statistics.cardinality
        if statistics.pairs is None:
            return cls._of_sample(statistics.sample, k, statistics.n, int(statistics.vote_counts.sum()))
        together = statistics.pairs.reshape(m, k, m, k)
        same = np.einsum("iaja->ij", together)
        both = together.sum(axis=(1, 3))
        patterns = _patterns(statistics.sample, k)
        return cls(statistics.n, k, statistics.vote_counts.astype(np.int64), same, both, patterns)

    @classmethod
    def of_votes(cls, votes: IntArray, cardinality: int, *, seed: int = 0) -> PairCounts:
        """From a checked label matrix (n, m); what would take too long is counted on a uniform sample of it.

        Parameters
        ----------
        seed
            Of the sample.
        """
        sample = VoteSample.of_rows(votes, seed=seed)
        affordable = _affordable(sample.rows, cardinality)
        if affordable >= len(votes):
            return cls(len(votes), cardinality, *_counted(votes, cardinality), _patterns(sample, cardinality))
        sample = VoteSample.of_rows(votes, seed=seed, size=affordable)
        return cls._of_sample(sample, cardinality, len(votes), int((votes != ABSTAIN).sum()))

    @classmethod
    def _of_sample(cls, sample: VoteSample, cardinality: int, n: int, votes: int) -> PairCounts:
        """From a uniform sample of the rows with a vote among n items with so many votes in all."""
        sample = VoteSample.merge([sample], size=_affordable(sample.rows, cardinality))
        items = round(n * float((sample.rows != ABSTAIN).sum()) / max(votes, 1))
        counts = _counted(sample.rows, cardinality)
        return cls(max(items, len(sample.rows)), cardinality, *counts, _patterns(sample, cardinality))


class ExpectedVotes:
    """What two functions would have in common if they were independent given the class.

    Parameters
    ----------
    counts
        Of the label matrix.
    """

    def __init__(self, counts: PairCounts) -> None:
        self._counts = counts
        self._voted = _one_hot(counts)

    def by_chance(self, first: IntArray, second: IntArray) -> Floats:
        """Items on which pairs (p,) of functions vote the same if not even the class joins them, shape (p,)."""
        shares = self._counts.vote_counts / self._counts.n
        return self._counts.n * _row_products(shares, shares, first, second)

    def given_class(self, weights: Floats, first: IntArray, second: IntArray) -> Floats:
        """Items on which pairs of functions vote the same if only the class joins them.

        Parameters
        ----------
        weights
            What each function's votes count as evidence of the class, shape (m,); 0 for all copies but one.
        first, second
            The pairs: indices of functions, shape (p,).

        Returns
        -------
        ndarray of float64, shape (p,)
        """
        counts, m = self._counts, self._counts.m
        if len(first) == 0:
            return np.empty(0)
        shares = self._classes(weights) * counts.patterns.counts[:, None]
        prior = shares.sum(axis=0) / shares.sum()
        # An item without votes counts as one of the average class.
        sizes = np.maximum(counts.n * prior, np.finfo(np.float64).tiny)
        expected = np.zeros(len(first))
        asked = np.zeros(m, dtype=bool)
        asked[first] = asked[second] = True
        for label in range(counts.cardinality):
            voting = asked & (counts.vote_counts[:, label] > 0)
            pairs = np.flatnonzero(voting[first] & voting[second])
            if len(pairs) == 0:
                continue
            functions, at = np.flatnonzero(voting), np.cumsum(voting) - 1
            seen = self._voted[:, label * m + functions].T @ shares
            total = seen.sum(axis=1, keepdims=True)
            classes = np.where(total > 0, seen / np.maximum(total, 1e-300), prior)
            voted = classes * counts.vote_counts[functions, label, None]
            chances = np.minimum(voted / sizes, 1.0)
            expected[pairs] += _row_products(voted, chances, at[first[pairs]], at[second[pairs]])
        return expected

    def _classes(self, weights: Floats) -> Floats:
        """How probable each class is for each pattern, shape (d, k)."""
        m = self._counts.m
        scores = np.empty((self._voted.shape[0], self._counts.cardinality))
        for label in range(self._counts.cardinality):
            scores[:, label] = self._voted[:, label * m : (label + 1) * m] @ weights
        scores *= _BELIEVED * self._log_odds(weights)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores

    def _log_odds(self, weights: Floats) -> float:
        """Evidence of one vote, from how often two functions that both vote on an item vote the same.

        Functions of accuracy a whose errors are spread evenly do so with probability a² + (1 − a)² / (k − 1).
        """
        counts, k = self._counts, self._counts.cardinality
        alone = weights**2 @ counts.vote_counts.sum(axis=1)
        both = float(weights @ counts.both @ weights - alone)
        if both <= 0:
            return 0.0
        rate = float(weights @ counts.same @ weights - alone) / both
        accuracy = (1 + np.sqrt(max((k - 1) * (k * rate - 1), 0.0))) / k
        accuracy = min(accuracy, _MOST_ACCURATE)
        return float(np.log(accuracy * (k - 1) / (1 - accuracy)))


def _patterns(sample: VoteSample, cardinality: int) -> Patterns:
    """Distinct rows of as many of the sample's rows as expectations can be read from in a short time."""
    votes = max(1.0, float((sample.rows != ABSTAIN).sum()) / max(1, len(sample.rows)))
    size = int(min(_NUMBERS / votes, 4 * _NUMBERS / cardinality))
    return distinct_patterns(VoteSample.merge([sample], size=max(_LEAST_ROWS, size)).rows)


def _affordable(rows: IntArray, cardinality: int) -> int:
    """How many rows like these can be compared pair by pair."""
    return max(_LEAST_ROWS, int(_WORK / max(1.0, min(_costs(rows, cardinality)))))


def _costs(rows: IntArray, cardinality: int) -> tuple[float, float]:
    """What comparing all pairs of functions costs for each row: by dense products, and by sparse ones."""
    voted = (rows != ABSTAIN).sum(axis=1)
    pairs = float(np.square(voted, dtype=np.float64).mean()) if len(rows) else 0.0
    dense = float(rows.shape[1]) ** 2 * (1 if rows.shape[1] <= _NARROW else cardinality + 1)
    return dense, 2 * _SPARSE_COST * pairs


def _counted(votes: IntArray, cardinality: int) -> tuple[Counts, Counts, Counts]:
    """Votes by class (m, k), and items on which two functions vote the same, and both vote, (m, m) each."""
    if votes.shape[1] <= _NARROW:
        return _compared(votes, cardinality)
    dense, sparse = _costs(votes[:: max(1, len(votes) // _PEEKED)], cardinality)
    return (_gathered if sparse < dense else _multiplied)(votes, cardinality)


def _compared(votes: IntArray, cardinality: int) -> tuple[Counts, Counts, Counts]:
    """As :func:`_counted`, column against column."""
    m = votes.shape[1]
    by_class = np.zeros((m, cardinality), dtype=np.int64)
    same, both = np.zeros((m, m), dtype=np.int64), np.zeros((m, m), dtype=np.int64)
    for start in range(0, len(votes), SHARD_SIZE):
        columns = np.ascontiguousarray(votes[start : start + SHARD_SIZE].T)
        voted = columns != ABSTAIN
        for i in range(m):
            by_class[i] += np.bincount(columns[i][voted[i]], minlength=cardinality)
            for j in range(i):
                same[i, j] += np.count_nonzero((columns[i] == columns[j]) & voted[i])
                both[i, j] += np.count_nonzero(voted[i] & voted[j])
    counts = np.diag(by_class.sum(axis=1))
    return by_class, same + same.T + counts, both + both.T + counts


def _multiplied(votes: IntArray, cardinality: int) -> tuple[Counts, Counts, Counts]:
    """As :func:`_counted`, by products of the one-hot votes for one class after the other."""
    m = votes.shape[1]
    by_class = np.zeros((m, cardinality), dtype=np.int64)
    same, both = np.zeros((m, m), dtype=np.int64), np.zeros((m, m), dtype=np.int64)
    step = max(1, _CELLS // max(1, m))
    for start in range(0, len(votes), step):
        block = votes[start : start + step]
        both += cooccurrence(np.where(block == ABSTAIN, np.int8(ABSTAIN), np.int8(0)), 1)
        for label in range(cardinality):
            chosen = block == label
            voters = np.flatnonzero(chosen.any(axis=0))
            if len(voters) == 0:
                continue
            found = cooccurrence(np.where(chosen[:, voters], np.int8(0), np.int8(ABSTAIN)), 1)
            same[np.ix_(voters, voters)] += found
            by_class[voters, label] += np.diagonal(found)
    return by_class, same, both


def _gathered(votes: IntArray, cardinality: int) -> tuple[Counts, Counts, Counts]:
    """As :func:`_counted`, by products of the votes alone: for functions that mostly abstain."""
    m = votes.shape[1]
    items, functions, labels = [], [], []
    step = max(1, _CELLS // max(1, m))
    for start in range(0, len(votes), step):
        block = np.ascontiguousarray(votes[start : start + step])
        places = np.flatnonzero(block != ABSTAIN)
        items.append(start + places // m)
        functions.append(places % m)
        labels.append(block.ravel()[places].astype(np.int64))
    none = np.empty(0, dtype=np.int64)
    item, function, label = (np.concatenate([none, *parts]) for parts in (items, functions, labels))
    by_class = np.bincount(function * cardinality + label, minlength=m * cardinality).reshape(m, cardinality)
    same = _together(item * cardinality + label, function, m)
    return by_class.astype(np.int64), same, _together(item, function, m)


def _together(group: IntArray, function: IntArray, m: int) -> Counts:
    """How many groups of votes two functions share, shape (m, m)."""
    from scipy import sparse

    _, row = np.unique(group, return_inverse=True)
    voted = sparse.csr_matrix(
        (np.ones(len(row), dtype=np.int32), (row, function)), shape=(int(row.max(initial=0)) + 1, m)
    )
    return np.asarray((voted.T @ voted).toarray(), dtype=np.int64)


def _one_hot(counts: PairCounts) -> Any:
    """The votes of the patterns as a sparse matrix (d, k·m); function i's vote a is column a·m + i."""
    from scipy import sparse

    rows = counts.patterns.rows
    at, functions = np.nonzero(rows != ABSTAIN)
    columns = rows[at, functions].astype(np.int64) * counts.m + functions
    shape = (len(rows), counts.cardinality * counts.m)
    return sparse.csc_matrix((np.ones(len(at)), (at, columns)), shape=shape)


def _row_products(left: Floats, right: Floats, first: IntArray, second: IntArray) -> Floats:
    """Row ``first`` of ``left`` times row ``second`` of ``right``, for every pair."""
    m, k = left.shape
    if len(first) * _GATHERING > m * m:
        return np.asarray((left @ right.T)[first, second])
    found = np.empty(len(first))
    step = max(1, _AT_ONCE // k)
    for start in range(0, len(first), step):
        pairs = slice(start, start + step)
        found[pairs] = np.einsum("pk,pk->p", left[first[pairs]], right[second[pairs]])
    return found
