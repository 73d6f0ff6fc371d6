"""Label models in which a vote speaks for the class it names and for no other, with a weight of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.base import Arrays, LabelModel
from labelkit.labelmodels.corrections import Corrections
from labelkit.labelmodels.scoring import VoteScorer, to_probabilities
from labelkit.labelmodels.threads import over_rows
from labelkit.labelmodels.validation import check_number
from labelkit.types import ABSTAIN, IntArray

Floats = npt.NDArray[np.float64]

_MANY_CLASSES: Final = 32
"""From so many classes on, adding up single votes is cheaper than looking up what they add to every class."""
_CELLS: Final = 1 << 21


@dataclass(frozen=True)
class Weights:
    """What one fit found; replaced as a whole, so that predicting threads never see half of another.

    Attributes
    ----------
    votes
        What a vote of function i for class a adds to the log score of a, shape (m, k).
    log_prior
        What every item starts from, shape (k,).
    corrections
        What some whole vote patterns add; None if there are none.
    """

    votes: Floats
    log_prior: Floats
    corrections: Corrections | None = None

    @cached_property
    def scorer(self) -> VoteScorer:
        """Log scores of vote rows."""
        m, k = self.votes.shape
        table = np.zeros((m, k + 1, k))
        table[:, np.arange(1, k + 1), np.arange(k)] = self.votes
        return VoteScorer(table, self.log_prior)


class WeightedVotesModel(LabelModel):
    """Base of these models: a subclass learns :attr:`_weights`; the probabilities are the softmax of the sums."""

    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"

    _weights: Weights | None = None

    def _predict_proba(self, votes: IntArray) -> Floats:
        weights = self._need()
        probabilities = np.empty((len(votes), self.cardinality))

        def score(start: int, stop: int) -> None:
            for rows, scores in weights.scorer.blocks(votes, start, stop):
                if weights.corrections is not None:
                    weights.corrections.add_to(scores, votes[rows])
                probabilities[rows] = to_probabilities(scores)[:, : rows.stop - rows.start].T

        if self.cardinality < _MANY_CLASSES:
            over_rows(score, len(votes))
        else:
            _add_up(weights, votes, probabilities)
        return probabilities

    def contributions(self, votes: IntArray) -> Floats:
        """Log-odds that each vote adds to its class, shape (m, k).

        ``softmax(log_prior + contributions(votes).sum(axis=0))`` is the item's row of :meth:`predict_proba`.
        Where known labels taught a correction for exactly these votes together, each vote has an equal share
        of it, which may speak for and against any class.
        """
        one = self._checked_item(votes)
        weights = self._need()
        added = np.zeros((len(one), self.cardinality))
        voted = np.flatnonzero(one != ABSTAIN)
        added[voted, one[voted]] = weights.votes[voted, one[voted]]
        if weights.corrections is not None and len(voted):
            added[voted] += weights.corrections.of(one) / len(voted)
        return added

    @property
    def log_prior(self) -> Floats:
        """Log of the class balance, shape (k,); a copy."""
        return self._need().log_prior.copy()

    @property
    def vote_weights(self) -> Floats:
        """What a vote of each function for each class adds to that class's log score, shape (m, k); a copy.

        Corrections of whole vote patterns, where known labels taught some, come on top: :meth:`contributions`.
        """
        return self._need().votes.copy()

    def _need(self) -> Weights:
        self._fitted_on()
        assert self._weights is not None
        return self._weights

    def _arrays(self) -> Arrays:
        weights = self._need()
        arrays: Arrays = {"vote_weights": weights.votes, "log_prior": weights.log_prior}
        if weights.corrections is not None:
            arrays |= {"patterns": weights.corrections.patterns, "corrections": weights.corrections.added}
        return arrays

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        assert self.n_functions is not None
        m, k = self.n_functions, self.cardinality
        corrections = None
        if "patterns" in arrays:
            corrections = Corrections(np.asarray(arrays["patterns"]), np.asarray(arrays["corrections"]))
        found = Weights(np.asarray(arrays["vote_weights"]), np.asarray(arrays["log_prior"]), corrections)
        shapes, expected = [found.votes.shape, found.log_prior.shape], [(m, k), (k,)]
        if corrections is not None:
            shapes += [corrections.patterns.shape, corrections.added.shape]
            expected += [(len(corrections.patterns), m), (len(corrections.patterns), k)]
        if shapes != expected:
            raise ValueError(f"array shapes {shapes} do not fit {m} functions")
        self._weights = found


def _add_up(weights: Weights, votes: IntArray, probabilities: Floats) -> None:
    """Probabilities (n, k) vote by vote, in the order of the functions: equal rows have equal bits."""
    k = len(weights.log_prior)
    size = max(1, _CELLS // k)
    for start in range(0, len(votes), size):
        block = votes[start : start + size]
        items, functions = np.nonzero(block != ABSTAIN)
        labels = block[items, functions].astype(np.intp)
        flat = labels * np.intp(len(block)) + items
        sums = np.bincount(flat, weights=weights.votes[functions, labels], minlength=len(block) * k)
        # a single column is padded: one number alone may take another path through ``exp``, with other bits
        scores = np.zeros((k, max(len(block), 16)))
        scores[:, : len(block)] = sums.reshape(k, len(block))
        scores += weights.log_prior[:, None]
        if weights.corrections is not None:
            weights.corrections.add_to(scores, block)
        probabilities[start : start + size] = to_probabilities(scores)[:, : len(block)].T


def check_accuracy(name: str, value: float, cardinality: int) -> None:
    """Refuse an accuracy that is no better than chance among so many classes, or perfect."""
    check_number(name, value, above=0.0)
    if not 1 / cardinality < value < 1:
        raise LabelModelError(f"{name} is {value!r}, expected more than 1/{cardinality} and less than 1")
