"""How far functions can be trusted, learned from how they agree with each other, with class shares taken out.

A function that votes for a frequent class agrees with others by chance. So a vote's precision against the other
functions' opinion on the same item (its own vote left out) is divided by what chance would give: the odds of the
class among all items. What remains is the accuracy that the function would have if all classes were equally
frequent. It is believed by half only, and only as far as there are items to judge by: functions are seldom as
independent as their agreement assumes (dependence makes estimates extreme in both directions), and with few
items a vote is worth what it is in majority vote.

Weights from agreement without labels are an old idea (one-coin Dawid-Skene; "worker agreement with aggregate"
in crowdsourcing); leaving a function's own vote out follows the jackknife. Measured on the eleven sets of
``benchmarks/labelmodels.py`` and about 200 variations of them (functions left out, other class shares), both
parts matter: without taking class shares out the mean falls by three points, without the leave-one-out more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, FloatArray, IntArray

PRIOR_ACCURACY: Final = 0.75
"""What a vote is worth before anything is known: right in three of four cases if classes were equally frequent."""
PRIOR_VOTES: Final = 50.0
"""Pseudo-votes behind it."""
BELIEF: Final = 0.5
"""Share of what agreement says that is believed however many items there are."""
SHARE_PRIOR: Final = 10.0
"""Pseudo-items, spread evenly, behind the class shares."""
ROUNDS: Final = 8
DAMPING: Final = 0.5
LEAST: Final = 0.02
MOST: Final = 0.98
SMALLEST_WEIGHT: Final = 1e-3
"""No function counts against what it votes for: unlabelled votes cannot tell that from a wrong class name."""
_MOST_VOTES: Final = 5_000_000
"""Votes looked at; of a larger sample every so-manieth pattern."""
_BLOCK_CELLS: Final = 4_000_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AgreementWeights:
    """What agreement says about each function.

    Attributes
    ----------
    accuracy
        Shape (m, k): how often function i's votes for class c would be right if all classes were equally
        frequent; the prior accuracy where it never voted so.
    shares
        Shape (k,): shares of the classes among the covered items, as decided with these weights.
    judged
        Shape (m, k): items on which another function voted beside function i's vote for class c.
    """

    accuracy: FloatArray
    shares: FloatArray
    judged: FloatArray


def vote_weights(accuracy: FloatArray) -> Floats:
    """Log-odds of votes (m, k) from their accuracies: log(a (k − 1) / (1 − a)), never below a small positive number."""
    k = accuracy.shape[1]
    return np.asarray(np.maximum(np.log(accuracy * (k - 1) / (1 - accuracy)), SMALLEST_WEIGHT))


def agreement_weights(
    patterns: IntArray,
    counts: npt.NDArray[Any],
    cardinality: int,
    *,
    prior_accuracy: float = PRIOR_ACCURACY,
    prior_votes: float = PRIOR_VOTES,
    belief: float = BELIEF,
    counts_as: FloatArray | None = None,
) -> AgreementWeights:
    """Estimate accuracies of functions from votes alone.

    Parameters
    ----------
    patterns
        Distinct vote rows, shape (d, m), −1 = abstain; rows without a vote are ignored.
    counts
        How many items have each, shape (d,); weights will do.
    cardinality
        Number of classes k.
    prior_accuracy, prior_votes, belief
        See the constants of the same names.
    counts_as
        Shape (m,): what each function counts where others are held against it, 1 if None; less for functions
        that repeat each other.
    """
    votes = _Votes.of(patterns, counts, cardinality)
    accuracy = np.full(patterns.shape[1] * cardinality, prior_accuracy)
    share = np.ones(len(accuracy)) if counts_as is None else np.repeat(counts_as, cardinality)
    judged = votes.judged()
    for _ in range(ROUNDS):
        right, shares = votes.agreement(vote_weights(accuracy.reshape(-1, cardinality)).ravel() * share)
        precision = (right + 0.5) / (judged + 1.0)
        chance = np.tile(shares, patterns.shape[1])
        odds = precision / (1 - precision) * (1 - chance) / chance / (cardinality - 1)
        believed = belief * odds / (1 + odds) + (1 - belief) * prior_accuracy
        found = (prior_votes * prior_accuracy + judged * believed) / (prior_votes + judged)
        accuracy = (1 - DAMPING) * accuracy + DAMPING * np.clip(found, LEAST, MOST)
    return AgreementWeights(accuracy.reshape(-1, cardinality), shares, judged.reshape(-1, cardinality))


@dataclass(frozen=True)
class _Votes:
    """The votes of some patterns, one after the other: pattern, and function · k + class."""

    k: int
    columns: int
    counts: Floats
    row: npt.NDArray[np.intp]
    cell: npt.NDArray[np.intp]
    several: npt.NDArray[np.bool_]
    """Which votes have another one beside them on their item."""

    @classmethod
    def of(cls, patterns: IntArray, counts: npt.NDArray[Any], k: int) -> _Votes:
        step = 1 + int((patterns != ABSTAIN).sum() // _MOST_VOTES)
        kept = patterns[::step]
        row, function = np.nonzero(kept != ABSTAIN)
        on_item = np.bincount(row, minlength=len(kept))
        cell = function * k + kept[row, function].astype(np.intp)
        weights = np.asarray(counts[::step], dtype=np.float64)
        return cls(k, patterns.shape[1] * k, weights, row, cell, on_item[row] > 1)

    def judged(self) -> Floats:
        """Items on which each (function, class) voted beside another function, shape (m·k,)."""
        weights = self.counts[self.row] * self.several
        found = np.bincount(self.cell, weights=weights, minlength=self.columns)
        return np.asarray(found, dtype=np.float64)

    def agreement(self, weights: Floats) -> tuple[Floats, Floats]:
        """Votes (m·k,) that the other functions bear out, by their probability, and class shares (k,)."""
        right, shares = np.zeros(self.columns), np.full(self.k, SHARE_PRIOR / self.k)
        for rows, votes in self._blocks():
            here, cell = self.row[votes] - rows.start, self.cell[votes]
            size, voted = rows.stop - rows.start, cell % self.k
            scores = np.bincount(here * self.k + voted, weights=weights[cell], minlength=size * self.k)
            share = np.exp(scores.reshape(size, self.k) - scores.reshape(size, self.k).max(axis=1, keepdims=True))
            total = share.sum(axis=1)
            own = share[here, voted]
            without = own * np.exp(-weights[cell])
            # Rounding may leave nothing of a sum that one class dominates by many orders of magnitude.
            others = without / np.maximum(total[here] - own + without, np.finfo(np.float64).tiny)
            counted = self.counts[rows][here] * self.several[votes]
            right += np.bincount(cell, weights=counted * others, minlength=self.columns)
            shares += self.counts[rows] @ (share / total[:, None])
        return right, np.asarray(shares / shares.sum())

    def _blocks(self) -> Iterator[tuple[slice, slice]]:
        """Rows and their votes, so many at a time that k scores for each fit in memory."""
        size = max(1, _BLOCK_CELLS // self.k)
        for start in range(0, len(self.counts), size):
            stop = min(start + size, len(self.counts))
            first, last = np.searchsorted(self.row, [start, stop])
            yield slice(start, stop), slice(int(first), int(last))
