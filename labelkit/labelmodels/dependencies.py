"""Functions that do not judge independently: copies that vote twice, and what they should count.

Label models multiply the evidence of functions as if these were independent given the class. Structure
learning finds where they are not (Bach et al.: Learning the structure of generative models without labeled
data, ICML 2017; Varma et al.: Learning dependency structures for weak supervision models, ICML 2019), but
modelling the dependencies that are found can make labels worse (Cachay et al.: Dependency structure
misspecification in multi-source weak supervision models, WeaSuL 2021). So it was measured here, on the eleven
sets of the benchmarks: with the dependencies read from gold labels, discounting all of them by their strength
changed the accuracy by −2.5 to +5.8 points for majority vote and by −5.4 to +0.1 for sums of log-odds, on
average by +0.4 and −1.0. Copies, however, are surely one vote cast several times. So all clear dependencies
are shown, and only the nearest copies are discounted, which costs those sets 0.05 points on average. To begin at a
strength of 0.5 instead of 0.7 was measured to make the worst set worse, and the mean over variations of the sets.

How strong a dependence is, and what functions count for it: :mod:`labelkit.labelmodels.dependence_strength`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.dependence_strength import (
    CORRELATED,
    FALSE_DISCOVERIES,
    SUBSET,
    Strengths,
    beyond,
    q_values,
)
from labelkit.labelmodels.pairs import Floats, PairCounts
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import IntArray

COPY: Final = 0.6
"""From this strength on, two functions are near-copies of each other: most of what they vote is the same."""
MOST_SHOWN: Final = 1_000
MOST_FUNCTIONS: Final = 300
"""Functions beyond which label models do not look for copies: their number of pairs would take most of the time."""

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
        "copy": strength of at least 0.6, or all votes identical. "subset": at least 0.9 of the second's
        votes that the class leaves open repeat the first's. "correlated": strength of at least 0.4. All of them
        vote the same on :data:`FEWEST_SHARED` items or more.
    strength
        0 to 1. For copies and correlated functions the share of their votes in common beyond what the class
        explains, either of all or of those where both vote; for subsets the same share of the second's votes.
    both
        Items on which both vote.
    same
        Items on which both vote the same.
    expected
        Items on which they would vote the same if they were independent given the class.
    q_value
        Least false discovery rate (Benjamini, Hochberg 1995) at which this pair counts as dependent, over
        all pairs of functions that vote; dependent is who repeats more than :data:`TOLERATED`.
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
        int64, shape (m,): the first function whose votes are the very same, and not too few; mostly the function
        itself. Models that judge functions by each other learn from these alone, lest copies bear each other out.
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


def find_dependencies(votes: VoteStatistics | PairCounts, *, abstaining_tells: bool = True) -> Dependencies:
    """Find the functions that depend on each other beyond what the class explains.

    Parameters
    ----------
    votes
        Counts of the label matrix.
    abstaining_tells
        Whether sources that vote for several classes may say something by what they abstain on; not where workers
        get items assigned: then voting on the same items is no sign of dependence.

    Notes
    -----
    A pair is tested by the chance that so many of the rarer function's votes are shared when each is shared
    with probability e / v + t (1 − e / v), t being :data:`TOLERATED`: among a million items the smallest error in
    e would be significant. Chernoff's bound of the binomial tail stands for it, which errs on the safe side.
    """
    counted = votes if isinstance(votes, PairCounts) else PairCounts.of_statistics(votes)
    strengths = Strengths(counted, abstaining_tells=abstaining_tells)
    counts = strengths.counts
    found = _judged(strengths)
    copies = found.kind == _COPY
    return Dependencies(
        pairs=_shown(found, counts),
        found=len(found.first),
        groups=_groups(found.first[copies], found.second[copies], counts.m),
        weights=strengths.weights,
        stands_for=strengths.stands_for,
        vote_counts=strengths.voted,
        items=counts.n,
    )


def dependence_weights(votes: VoteStatistics | PairCounts) -> Floats:
    """What each function should count so that near-copies together count about once.

    Parameters
    ----------
    votes
        Counts of the label matrix.

    Returns
    -------
    ndarray of float64, shape (m,), in (0, 1]
        1 / (1 + Σ r) over the other functions that surely depend on it, r rising from 0 at the first strength of
        :data:`DISCOUNT` to 1 at the second, times the share of its votes that stand beside the other's where the two
        are compared there. Identical functions share the weight that one of them would have alone, so copies of a
        function with :data:`FEWEST_SHARED` votes or more change nothing. Multiply a function's votes or log-odds by
        its weight.
    """
    return Strengths(votes if isinstance(votes, PairCounts) else PairCounts.of_statistics(votes)).weights


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


def _judged(of: Strengths) -> _Pairs:
    """The pairs that are dependent enough, and surely, the function that votes more often first."""
    counts, voted = of.counts, of.voted
    twins = np.flatnonzero(of.stands_for != np.arange(counts.m))
    first, second = np.concatenate([of.first, of.stands_for[twins]]), np.concatenate([of.second, twins])
    of_twins = of.model.given_class(of.evidence, of.stands_for[twins], twins)
    expected = np.concatenate([of.expected, of_twins])
    vouched = np.concatenate([of.vouched, np.zeros(len(twins), dtype=bool)])
    swapped = voted[second] > voted[first]
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    same, both, more, fewer = counts.same[first, second], counts.both[first, second], voted[first], voted[second]
    strength = np.where(same == more, 1.0, beyond(same, expected, np.where(vouched, both, (more + fewer) / 2)))
    repeated = beyond(same, expected, fewer)
    # Where both vote, a subset is as strong as a copy: what tells them apart is that the other mostly votes alone.
    subset = (repeated >= SUBSET) & np.where(vouched, 2 * both < more, strength < COPY)
    kind = np.where(subset, _SUBSET, np.where(strength >= COPY, _COPY, _CORRELATED))
    strength = np.where(subset, repeated, strength)
    strong = np.flatnonzero(strength >= CORRELATED)
    q = np.ones(len(same))
    q[strong] = q_values(same[strong], expected[strong], np.where(vouched, both, fewer)[strong], of.tests)
    kept = (same == more) | (q <= FALSE_DISCOVERIES)
    return _Pairs(*(column[kept] for column in (first, second, kind, strength, same, expected, q)))


def _shown(found: _Pairs, counts: PairCounts) -> tuple[Dependency, ...]:
    order = np.lexsort((found.second, found.first, -found.same, -found.strength, found.kind))
    return tuple(
        Dependency(
            first=int(found.first[at]),
            second=int(found.second[at]),
            kind=_KINDS[found.kind[at]],
            strength=float(found.strength[at]),
            both=int(counts.both[found.first[at], found.second[at]]),
            same=int(found.same[at]),
            expected=float(found.expected[at]),
            q_value=float(found.q_values[at]),
        )
        for at in order[:MOST_SHOWN]
    )


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
