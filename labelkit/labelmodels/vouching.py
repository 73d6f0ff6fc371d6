"""How often two sources would agree if only the class joined them, by how each of them agrees with the others.

If sources that vote on all classes are independent given the class, the agreement of two of them beyond chance is
the product of what each has to do with the class: R_ab = r_a·r_b. Then R_ac·R_bd = R_ab·R_cd for any two others, and
others can vouch for a pair: what R_ab should be is told without looking at it (Spearman 1904 on tetrads; the
triplet method rests on the same: Fu et al., ICML 2020). So two experts among poor sources are told from two copies
of a poor one, which agree as much: the others agree with experts more. All quadruples are taken together, as one
ratio of sums. Sources that are near-copies of one of the pair cannot vouch for it, two that are near-copies of each
other make no quadruple, and sources that largely repeat each other count about once together.

Agreement is Cohen's kappa on the items that both vote on: for such sources abstaining is taken to say nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.labelmodels.pairs import Floats, PairCounts
from labelkit.types import BoolArray, IntArray

SEVERAL: Final = 0.1
"""Share of a function's votes that its second most frequent class needs for the function to tell classes apart."""
MOST_SOURCES: Final = 1_000
"""Sources beyond which nobody vouches: the pairs would be too many."""
MOST_VOUCHERS: Final = 100
"""Sources that vouch, at most: those with the most votes."""
_SURE: Final = 2.0
"""Standard errors that the others' agreement may be overestimated by: what they explain is overestimated then."""
_DOUBT: Final = 10.0
"""Shared items that halve what an agreement counts."""
_PAIRS: Final = 1 << 16


class Vouching:
    """Agreement of sources that vote for several classes, and what the others say it should be.

    Parameters
    ----------
    counts
        Of the label matrix.
    usable
        Which functions count: one of those whose votes are identical, shape (m,).
    """

    def __init__(self, counts: PairCounts, usable: BoolArray) -> None:
        votes = np.sort(counts.vote_counts, axis=1)
        several = usable & (votes[:, -2] >= np.maximum(SEVERAL * votes.sum(axis=1), 1.0))
        if several.sum() > MOST_SOURCES:
            several = np.zeros_like(several)
        self.sources = np.flatnonzero(several)
        """Functions that vote for several classes, (s,)."""
        self._place = np.cumsum(several) - 1
        self.several = several
        cell = np.ix_(self.sources, self.sources)
        both = counts.both[cell].astype(np.float64)
        np.fill_diagonal(both, 0.0)
        shares = counts.vote_counts[self.sources] / np.maximum(votes[self.sources].sum(axis=1, keepdims=True), 1)
        self._chance = shares @ shares.T
        beyond = counts.same[cell] - both * self._chance
        self._both = both
        self._kappa = np.where(both > 0, beyond / np.maximum(both * (1 - self._chance), 1e-9), 0.0)
        by_votes = np.argsort(-votes[self.sources].sum(axis=1), kind="stable")
        self._vouchers = np.sort(by_votes[:MOST_VOUCHERS])

    def candidates(self, least: float, fewest: int) -> tuple[IntArray, IntArray]:
        """Pairs whose agreement beyond chance is so high, with so many votes in common at least."""
        same = self._both * (self._chance + (1 - self._chance) * self._kappa)
        first, second = np.nonzero(np.triu((self._kappa >= least) & (same >= fewest), 1))
        return self.sources[first], self.sources[second]

    def by_chance(self, first: IntArray, second: IntArray) -> Floats:
        """Items on which pairs (p,) of sources would vote the same by chance, shape (p,)."""
        at = self._place[first], self._place[second]
        return np.asarray(self._both[at] * self._chance[at])

    def given_class(self, first: IntArray, second: IntArray, counts_as: Floats, tied: Floats) -> Floats:
        """Items on which pairs of sources would vote the same if only the class joined them.

        Parameters
        ----------
        first, second
            The pairs: indices of functions that vote for several classes, shape (p,).
        counts_as
            What each function counts, shape (m,).
        tied
            How surely two of the s sources are near-copies of each other, 0 to 1, shape (s, s).

        Returns
        -------
        ndarray of float64, shape (p,)
            NaN where nobody can vouch for the pair.
        """
        v = self._vouchers
        own = counts_as[self.sources[v]]
        trust = self._both / (self._both + _DOUBT)
        quadruples = np.outer(own, own) * (1 - tied[np.ix_(v, v)]) * trust[np.ix_(v, v)]
        np.fill_diagonal(quadruples, 0.0)
        between = quadruples * self._kappa[np.ix_(v, v)]
        spread = 2 * quadruples**2 / np.maximum(self._both[np.ix_(v, v)], 1.0)
        found = np.full(len(first), np.nan)
        for start in range(0, len(first), _PAIRS):
            some = slice(start, start + _PAIRS)
            a, b = self._place[first[some]], self._place[second[some]]
            apart = (1 - tied[np.ix_(a, v)]) * (1 - tied[np.ix_(b, v)])
            apart[(a[:, None] == v) | (b[:, None] == v)] = 0.0
            of_a, of_b = (apart * trust[np.ix_(each, v)] for each in (a, b))
            product = ((of_a * self._kappa[np.ix_(a, v)]) @ quadruples * (of_b * self._kappa[np.ix_(b, v)])).sum(axis=1)
            others = (of_a @ between * of_b).sum(axis=1)
            least = others - _SURE * np.sqrt((of_a**2 @ spread * of_b**2).sum(axis=1))
            kappa = np.clip(product / np.where(least > 0, least, 1.0), 0.0, 1.0)
            chance = self._chance[a, b]
            told = self._both[a, b] * (chance + (1 - chance) * kappa)
            found[some] = np.where(least > 0, told, np.nan)
        return found

    def table(self, first: IntArray, second: IntArray, values: Floats) -> Floats:
        """Values of pairs (p,) as a symmetric table of the sources (s, s), 0 elsewhere."""
        table = np.zeros_like(self._both)
        a, b = self._place[first], self._place[second]
        table[a, b] = table[b, a] = values
        return table
