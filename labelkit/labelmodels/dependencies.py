"""Functions that do not judge independently: copies that vote twice, and what they should count.

Label models multiply the evidence of functions as if these were independent given the class. Structure
learning finds where they are not (Bach et al.: Learning the structure of generative models without labeled
data, ICML 2017; Varma et al.: Learning dependency structures for weak supervision models, ICML 2019), but
modelling the dependencies that are found can make labels worse (Cachay et al.: Dependency structure
misspecification in multi-source weak supervision models, WeaSuL 2021). So it was measured here, on the eleven
sets of the benchmarks: with the dependencies read from gold labels, discounting all of them by their strength
changed the accuracy by −2.5 to +5.8 points for majority vote and by −5.4 to +0.1 for sums of log-odds, on
average by +0.4 and −1.0. Copies, however, are surely one vote cast several times. So all strong dependencies
are shown, and only near-copies are discounted, which costs those sets 0.05 points on average.

The strength of a pair is the share of their votes that they have in common beyond what the class explains,
(s − e) / (v − e): s items on which they vote the same, e as many as expected of independent functions
(:mod:`labelkit.labelmodels.pairs`), v their votes on average. This is Cohen's kappa given the class, 1 for
copies and 0 for independent functions. Weights follow the reweighting of near-identical sequences in
statistical genetics: one over the number of near-copies, itself included (Morcos et al., PNAS 2011).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.pairs import ExpectedVotes, Floats, PairCounts
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import BoolArray, IntArray

CORRELATED: Final = 0.5
"""From this strength on, a pair is shown."""
COPY: Final = 0.9
"""From this strength on, two functions are copies of each other."""
SUBSET: Final = 0.9
"""So much of a function's votes repeat another's, beyond what the class explains, if it is a subset of it."""
DISCOUNT: Final = (0.7, 0.95)
"""Strengths at which a function begins to count less for another, and at which both count as one."""
FALSE_DISCOVERIES: Final = 0.01
"""Share of the pairs shown that may be chance."""
MOST_SHOWN: Final = 1_000
_PASSES: Final = 2
_ROWS: Final = 512

Kind = Literal["copy", "subset", "correlated"]
_KINDS: Final[tuple[Kind, ...]] = ("copy", "subset", "correlated")
_COPY, _SUBSET, _CORRELATED = range(3)


@dataclass(frozen=True)
class Dependency:
    """Two functions that vote the same more often than the class explains.

    Attributes
    ----------
    first, second
        Indices of the functions. Of copies the second votes at most as often as the first; a subset is
        the second, too: nearly all of its votes repeat the first's.
    kind
        "copy": strength of at least 0.9, or all votes identical. "subset": at least 0.9 of the second's
        votes that the class leaves open repeat the first's. "correlated": strength of at least 0.5.
    strength
        0 to 1. For copies and correlated functions the share of their votes in common beyond what the class
        explains; for subsets the same share of the second's votes.
    both
        Items on which both vote.
    same
        Items on which both vote the same.
    expected
        Items on which they would vote the same if they were independent given the class.
    q_value
        Least false discovery rate (Benjamini, Hochberg 1995) at which this pair counts as dependent, over
        all pairs of functions that vote.
    """

    first: int
    second: int
    kind: Kind
    strength: float
    both: int
    same: int
    expected: float
    q_value: float


@dataclass(frozen=True)
class Dependencies:
    """What was found among m functions.

    Attributes
    ----------
    pairs
        Copies first, then subsets, then correlated functions, each by falling strength; at most
        :data:`MOST_SHOWN`. Of functions whose votes are all identical, each stands beside the first only.
    found
        Number of pairs, also those beyond that limit.
    groups
        Functions joined by copies (single linkage), each group in order, of at least two.
    weights
        What each function should count, shape (m,); see :func:`dependence_weights`.
    stands_for
        int64, shape (m,): the first function whose votes are the very same, mostly the function itself. Models that
        judge functions by each other learn from these alone, lest copies bear each other out.
    vote_counts
        int64, shape (m,): votes of each function.
    items
        Number of items that were counted.
    """

    pairs: tuple[Dependency, ...]
    found: int
    groups: tuple[tuple[int, ...], ...]
    weights: Floats
    stands_for: npt.NDArray[np.int64]
    vote_counts: npt.NDArray[np.int64]
    items: int


def find_dependencies(votes: VoteStatistics | PairCounts) -> Dependencies:
    """Find the functions that depend on each other beyond what the class explains.

    Parameters
    ----------
    votes
        Counts of the label matrix.

    Notes
    -----
    A pair is tested by the chance that so many of the rarer function's votes are shared when each is shared
    with probability e / v. Chernoff's bound of the binomial tail stands for it, which errs on the safe side.
    Effects are asked for besides: among a million items the smallest dependence is significant.
    """
    measured = _Measured(votes if isinstance(votes, PairCounts) else PairCounts.of_statistics(votes))
    return measured.result()


def dependence_weights(votes: VoteStatistics | PairCounts) -> Floats:
    """What each function should count so that near-copies together count about once.

    Parameters
    ----------
    votes
        Counts of the label matrix.

    Returns
    -------
    ndarray of float64, shape (m,), in (0, 1]
        1 / (1 + Σ r) over the other functions, r rising from 0 at the first strength of :data:`DISCOUNT` to 1 at
        the second. Identical functions share the weight that one of them would have alone, so copies of a
        function change nothing. Multiply a function's votes or log-odds by its weight.
    """
    measured = _Measured(votes if isinstance(votes, PairCounts) else PairCounts.of_statistics(votes))
    return measured.weights


class _Measured:
    """Strengths of all pairs that could matter, one function standing for all whose votes are identical."""

    def __init__(self, counts: PairCounts) -> None:
        self.counts = counts
        self.voted = counts.vote_counts.sum(axis=1)
        self.stands_for = _first_identical(counts.same, self.voted)
        self.copies = np.bincount(self.stands_for, minlength=counts.m)[self.stands_for]
        different = (self.stands_for == np.arange(counts.m)) & (self.voted > 0)
        self.first, self.second = _candidates(counts.same, self.voted, different)
        self.evidence = different.astype(np.float64)
        self.model = ExpectedVotes(counts)
        self.expected = np.zeros(len(self.first))
        if len(self.first):
            self._discount(self.model.by_chance(self.first, self.second))
            for _ in range(_PASSES):
                self._discount(self.model.given_class(self.evidence, self.first, self.second))

    def _discount(self, expected: Floats) -> None:
        self.expected = expected
        low, high = DISCOUNT
        strength = _beyond(self.counts.same[self.first, self.second], expected, self._mean_votes())
        twice = np.clip((strength - low) / (high - low), 0.0, 1.0)
        m = self.counts.m
        others = np.bincount(self.first, twice, minlength=m) + np.bincount(self.second, twice, minlength=m)
        self.evidence = np.where(self.evidence > 0, 1.0 / (1.0 + others), 0.0)

    @property
    def weights(self) -> Floats:
        """(m,): what a function counts, shared out among those whose votes are the same; 1 if it never votes."""
        shared = self.evidence[self.stands_for] / self.copies
        return np.asarray(np.where(self.voted > 0, shared, 1.0))

    def _mean_votes(self) -> Floats:
        return np.asarray((self.voted[self.first] + self.voted[self.second]) / 2)

    def result(self) -> Dependencies:
        """All pairs that are dependent enough, and surely."""
        twins = np.flatnonzero(self.stands_for != np.arange(self.counts.m))
        first = np.concatenate([self.first, self.stands_for[twins]])
        second = np.concatenate([self.second, twins])
        of_twins = self.model.given_class(self.evidence, self.stands_for[twins], twins)
        found = self._judged(first, second, np.concatenate([self.expected, of_twins]))
        copies = found.kind == _COPY
        return Dependencies(
            pairs=self._shown(found),
            found=len(found.first),
            groups=_groups(found.first[copies], found.second[copies], self.counts.m),
            weights=self.weights,
            stands_for=self.stands_for,
            vote_counts=self.voted,
            items=self.counts.n,
        )

    def _judged(self, first: IntArray, second: IntArray, expected: Floats) -> _Pairs:
        """The pairs that are dependent, the function that votes more often first."""
        swapped = self.voted[second] > self.voted[first]
        first, second = np.where(swapped, second, first), np.where(swapped, first, second)
        same, more, fewer = self.counts.same[first, second], self.voted[first], self.voted[second]
        identical = same == more
        strength = np.where(identical, 1.0, _beyond(same, expected, (more + fewer) / 2))
        repeated = _beyond(same, expected, fewer)
        kind = np.where(strength >= COPY, _COPY, np.where(repeated >= SUBSET, _SUBSET, _CORRELATED))
        strength = np.where(kind == _SUBSET, repeated, strength)
        strong = np.flatnonzero(strength >= CORRELATED)
        voters = int((self.voted > 0).sum())
        q_values = np.ones(len(same))
        q_values[strong] = _q_values(same[strong], expected[strong], fewer[strong], voters * (voters - 1) // 2)
        kept = identical | (q_values <= FALSE_DISCOVERIES)
        return _Pairs(*(column[kept] for column in (first, second, kind, strength, same, expected, q_values)))

    def _shown(self, found: _Pairs) -> tuple[Dependency, ...]:
        order = np.lexsort((found.second, found.first, -found.same, -found.strength, found.kind))
        return tuple(
            Dependency(
                first=int(found.first[at]),
                second=int(found.second[at]),
                kind=_KINDS[found.kind[at]],
                strength=float(found.strength[at]),
                both=int(self.counts.both[found.first[at], found.second[at]]),
                same=int(found.same[at]),
                expected=float(found.expected[at]),
                q_value=float(found.q_values[at]),
            )
            for at in order[:MOST_SHOWN]
        )


@dataclass(frozen=True)
class _Pairs:
    """Columns of a table of pairs, each of shape (p,)."""

    first: IntArray
    second: IntArray
    kind: IntArray
    strength: Floats
    same: IntArray
    expected: Floats
    q_values: Floats


def _first_identical(same: npt.NDArray[np.int64], voted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first function whose votes are the very same, shape (m,); a function that never votes stands alone."""
    m = len(voted)
    stands_for = np.arange(m)
    for start in range(0, m, _ROWS):
        some = slice(start, min(start + _ROWS, m))
        identical = (same[some] == voted[some, None]) & (same[some] == voted)
        identical &= (voted > 0)[None, :]
        stands_for[some] = np.where(voted[some] > 0, identical.argmax(axis=1), stands_for[some])
    return stands_for


def _candidates(
    same: npt.NDArray[np.int64], voted: npt.NDArray[np.int64], usable: BoolArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of usable functions that are dependent if the class explains nothing: no others can be."""
    first, second = [], []
    functions = np.flatnonzero(usable)
    for start in range(0, len(functions), _ROWS):
        some = functions[start : start + _ROWS]
        shared = same[np.ix_(some, functions)]
        ours, theirs = voted[some, None], voted[functions]
        near = (2 * shared >= CORRELATED * (ours + theirs)) | (shared >= SUBSET * np.minimum(ours, theirs))
        rows, columns = np.nonzero(near & (some[:, None] < functions))
        first.append(some[rows])
        second.append(functions[columns])
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


def _beyond(same: IntArray, expected: Floats, votes: npt.NDArray[Any]) -> Floats:
    """Share of the votes in common, beyond those that are expected; 0 where all are expected."""
    left = votes - expected
    # Less than a millionth of the votes left open is rounding.
    return np.where(left > 1e-6 * votes, np.clip((same - expected) / np.maximum(left, 1e-300), 0.0, 1.0), 0.0)


def _q_values(same: IntArray, expected: Floats, fewer: IntArray, tests: int) -> Floats:
    """Benjamini and Hochberg's q-values of some of ``tests`` tests; the others count as having found nothing."""
    share = same / fewer
    chance = np.maximum(expected / fewer, np.finfo(np.float64).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        not_shared = np.where(share < 1.0, (1.0 - share) * np.log((1.0 - share) / (1.0 - chance)), 0.0)
        log_p = np.where(share > chance, -fewer * (share * np.log(share / chance) + not_shared), 0.0)
    order = np.argsort(log_p, kind="stable")
    ranked = log_p[order] + np.log(tests / np.arange(1, len(order) + 1))
    q_values = np.empty(len(order))
    q_values[order] = np.exp(np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 0.0))
    return q_values


def _groups(first: IntArray, second: IntArray, m: int) -> tuple[tuple[int, ...], ...]:
    """Functions joined by the pairs, directly or through others."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    joined = sparse.coo_matrix((np.ones(len(first)), (first, second)), shape=(m, m))
    _, group = connected_components(joined, directed=False)
    members: dict[int, list[int]] = {}
    for function in np.flatnonzero(np.bincount(group)[group] > 1):
        members.setdefault(int(group[function]), []).append(int(function))
    return tuple(tuple(each) for each in members.values())
