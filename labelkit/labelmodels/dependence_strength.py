"""How far functions repeat each other, pair by pair, and what each should count for that.

The strength of a pair is the share of their votes that they have in common beyond what the class explains,
(s − e) / (v − e): s items on which they vote the same, e as many as expected of independent functions, v their
votes. This is Cohen's kappa given the class, 1 for copies and 0 for independent functions.

What e and v are depends on what abstaining says. If functions say something by voting at all, as those that vote for
a single class do, v are their votes on average, and e comes from the class as all votes tell it
(:mod:`labelkit.labelmodels.pairs`). Sources that vote for several classes may abstain for no reason, so they are
compared where both vote, if others can vouch for them (:mod:`labelkit.labelmodels.vouching`). Where they abstain on
the same items, the greater of both strengths counts.

A copy of which one vote in ten was changed or withdrawn at random has a strength of about 0.7 to 0.9, with one in five
of about 0.4 to 0.8: the more accurate the function, the less, since votes that the class explains say nothing. What
the class explains is an estimate, so the test asks for more than chance: the rarer function must repeat more than a
fifth of the votes that the class leaves open. It falls short where two functions find nearly all items of a class that
others seldom vote for: then they pass for copies.

Weights follow the reweighting of near-identical sequences in statistical genetics: one over the number of
near-copies, itself included (Morcos et al., PNAS 2011).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.pairs import ExpectedVotes, Floats, PairCounts
from labelkit.labelmodels.vouching import Vouching
from labelkit.types import BoolArray, IntArray

CORRELATED: Final = 0.4
"""From this strength on, a pair is shown."""
SUBSET: Final = 0.9
"""So much of a function's votes repeat another's, beyond what the class explains, if it is a subset of it."""
DISCOUNT: Final = (0.7, 0.95)
"""Strengths at which a function begins to count less for another, and at which both count as one."""
TOLERATED: Final = 0.2
"""Share of a function's votes, of those that the class leaves open, that may repeat another's without being tested
as dependence: what is expected of independent functions is seldom further off."""
FEWEST_SHARED: Final = 5
"""Items that two functions must vote the same on: fewer are no evidence, even where all votes are the same."""
FALSE_DISCOVERIES: Final = 0.01
"""Share of the pairs shown that may be chance."""
_TOGETHER: Final = 0.5
"""Share of the votes, beyond chance, on items that both vote on, from which on two sources abstain alike."""
_PASSES: Final = 2
_ROWS: Final = 512


class Strengths:
    """Strengths of all pairs that could matter, one function standing for all whose votes are identical.

    Parameters
    ----------
    counts
        Of the label matrix.
    abstaining_tells
        Whether sources that vote for several classes may say something by what they abstain on. If not, as where
        workers get items assigned, they are only compared where both vote, and not without others that vouch.

    Attributes
    ----------
    voted
        int64, shape (m,): votes of each function.
    stands_for
        int64, shape (m,): the first function whose votes are the very same, and not too few.
    first, second
        The pairs: indices of functions, shape (p,).
    expected
        Items on which each pair would vote the same if it were independent given the class, shape (p,).
    vouched
        Which pairs are compared where both vote, shape (p,).
    evidence
        What each function's votes count as evidence of the class, shape (m,); 0 for all copies but one.
    """

    def __init__(self, counts: PairCounts, *, abstaining_tells: bool = True) -> None:
        self.counts = counts
        self._abstaining_tells = abstaining_tells
        self.voted = counts.vote_counts.sum(axis=1)
        self.stands_for = _first_identical(counts.same, self.voted)
        different = (self.stands_for == np.arange(counts.m)) & (self.voted > 0)
        self.evidence = different.astype(np.float64)
        self.model = ExpectedVotes(counts)
        self._vouching = Vouching(counts, different)
        others = self._vouching.candidates(CORRELATED, FEWEST_SHARED)
        self.first, self.second = _united(_candidates(counts.same, self.voted, different), others, counts.m)
        self._sources = self._vouching.several[self.first] & self._vouching.several[self.second]
        self.expected = np.zeros(len(self.first))
        self.vouched = np.zeros(len(self.first), dtype=bool)
        if len(self.first):
            self._learn()

    @property
    def weights(self) -> Floats:
        """(m,): what a function counts, shared out among those whose votes are the same; 1 if it never votes."""
        copies = np.bincount(self.stands_for, minlength=self.counts.m)[self.stands_for]
        return np.asarray(np.where(self.voted > 0, self.evidence[self.stands_for] / copies, 1.0))

    @property
    def tests(self) -> int:
        """Pairs of functions that vote."""
        voters = int((self.voted > 0).sum())
        return voters * (voters - 1) // 2

    def _learn(self) -> None:
        """Alternate between who repeats whom and what the class explains; at first it explains nothing."""
        sources = self._sources
        pair = self.first[sources], self.second[sources]
        vouched = np.full(len(self.first), np.nan)
        vouched[sources] = self._vouching.by_chance(*pair)
        twice = self._discount(self.model.by_chance(self.first, self.second), vouched)
        for _ in range(_PASSES):
            tied = self._vouching.table(*pair, twice[sources])
            vouched[sources] = self._vouching.given_class(*pair, self.evidence, tied)
            twice = self._discount(self.model.given_class(self.evidence, self.first, self.second), vouched)

    def _discount(self, expected: Floats, vouched: Floats) -> Floats:
        """How surely each pair is one vote cast twice, 0 to 1, shape (p,); what functions count follows from it."""
        first, second, (low, high) = self.first, self.second, DISCOUNT
        same, both = self.counts.same[first, second], self.counts.both[first, second]
        fewer = np.minimum(self.voted[first], self.voted[second])
        mean = (self.voted[first] + self.voted[second]) / 2
        strength = beyond(same, expected, mean)
        if not self._abstaining_tells:  # and nobody vouches: no evidence that they repeat each other
            vouched = np.where(self._sources & np.isnan(vouched), same, vouched)
        known = ~np.isnan(vouched)
        where_both = np.where(known, beyond(same, np.nan_to_num(vouched), both), 0.0)
        together = beyond(both, self.voted[first] * self.voted[second] / self.counts.n, mean) > _TOGETHER
        self.vouched = known & ((where_both > strength) | ~(together & self._abstaining_tells))
        self.expected = np.where(self.vouched, vouched, expected)
        strength = np.where(self.vouched, where_both, strength)
        near = np.flatnonzero(strength > low)
        tested = np.where(self.vouched, both, fewer)[near]
        sure = near[q_values(same[near], self.expected[near], tested, self.tests) <= FALSE_DISCOVERIES]
        twice = np.zeros(len(strength))
        twice[sure] = np.clip((strength[sure] - low) / (high - low), 0.0, 1.0)
        # Compared where both vote, a function repeats the other in so many of its votes only.
        ours, theirs = (np.where(self.vouched, both / self.voted[each], 1.0) * twice for each in (first, second))
        m = self.counts.m
        others = np.bincount(first, ours, minlength=m) + np.bincount(second, theirs, minlength=m)
        self.evidence = np.where(self.evidence > 0, 1.0 / (1.0 + others), 0.0)
        return twice


def _first_identical(same: npt.NDArray[np.int64], voted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first function whose votes are the very same, shape (m,); one with next to no votes stands alone."""
    m = len(voted)
    stands_for = np.arange(m)
    for start in range(0, m, _ROWS):
        some = slice(start, min(start + _ROWS, m))
        identical = (same[some] == voted[some, None]) & (same[some] == voted)
        enough = voted[some] >= FEWEST_SHARED
        stands_for[some] = np.where(enough, identical.argmax(axis=1), stands_for[some])
    return stands_for


def _candidates(
    same: npt.NDArray[np.int64], voted: npt.NDArray[np.int64], usable: BoolArray
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of usable functions with enough votes in common, dependent if the class explains none: no others can be."""
    first, second = [], []
    functions = np.flatnonzero(usable)
    for start in range(0, len(functions), _ROWS):
        some = functions[start : start + _ROWS]
        shared = same[np.ix_(some, functions)]
        ours, theirs = voted[some, None], voted[functions]
        near = (2 * shared >= CORRELATED * (ours + theirs)) | (shared >= SUBSET * np.minimum(ours, theirs))
        near &= shared >= FEWEST_SHARED
        rows, columns = np.nonzero(near & (some[:, None] < functions))
        first.append(some[rows])
        second.append(functions[columns])
    none = np.empty(0, dtype=np.int64)
    return np.concatenate([none, *first]), np.concatenate([none, *second])


def _united(one: tuple[IntArray, IntArray], other: tuple[IntArray, IntArray], m: int) -> tuple[IntArray, IntArray]:
    """Pairs that are in either, each once, in order."""
    cells = np.unique(np.concatenate([first * m + second for first, second in (one, other)]))
    return cells // m, cells % m


def beyond(same: IntArray, expected: Floats, votes: npt.NDArray[Any]) -> Floats:
    """Share of the votes in common, beyond those that are expected; 0 where all are expected."""
    left = votes - expected
    # Less than a millionth of the votes left open is rounding.
    return np.where(left > 1e-6 * votes, np.clip((same - expected) / np.maximum(left, 1e-300), 0.0, 1.0), 0.0)


def q_values(same: IntArray, expected: Floats, fewer: IntArray, tests: int) -> Floats:
    """Benjamini and Hochberg's q-values of some of ``tests`` tests; the others count as having found nothing."""
    share = same / fewer
    chance = TOLERATED + (1.0 - TOLERATED) * np.minimum(expected / fewer, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        not_shared = np.where(share < 1.0, (1.0 - share) * np.log((1.0 - share) / (1.0 - chance)), 0.0)
        log_p = np.where(share > chance, -fewer * (share * np.log(share / chance) + not_shared), 0.0)
    order = np.argsort(log_p, kind="stable")
    ranked = log_p[order] + np.log(tests / np.arange(1, len(order) + 1))
    q_values = np.empty(len(order))
    q_values[order] = np.exp(np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 0.0))
    return q_values
