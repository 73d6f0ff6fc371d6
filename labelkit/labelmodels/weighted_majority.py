"""Weighted majority: each function's votes count as much as the other functions, and known labels, bear them out.

Without labels the weights come from agreement (:mod:`labelkit.labelmodels.agreement`): in the spirit of "worker
agreement with aggregate" (crowd-kit's Wawa; Ustalov, Pavlichenko, Tseitlin: Learning from crowds with Crowd-Kit,
JOSS 2024), but with each function held against the others only, and with class shares taken out. Functions that
repeat each other share their weight (:mod:`labelkit.labelmodels.dependencies`), and known labels teach the
weights (:mod:`labelkit.labelmodels.taught`), and what some whole patterns of votes add to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.agreement import BELIEF, PRIOR_ACCURACY, PRIOR_VOTES, agreement_weights, vote_weights
from labelkit.labelmodels.dependencies import MOST_FUNCTIONS, find_dependencies
from labelkit.labelmodels.known_labels import FEWEST, shares_right
from labelkit.labelmodels.majority import MajorityLabelModel
from labelkit.labelmodels.standing import Z95
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.taught import teach
from labelkit.labelmodels.validation import check_number, covered
from labelkit.labelmodels.weighted_votes import Floats, WeightedVotesModel, Weights, check_accuracy
from labelkit.labelmodels.wording import (
    against_note,
    named,
    one_class,
    one_class_note,
    some_of,
    unseen_classes,
    unseen_note,
)
from labelkit.types import BoolArray, IntArray


@dataclass(frozen=True)
class _Unaided:
    """Weights without labels (m, k), items that each was judged on (m, k), and which functions repeat others (m,)."""

    weights: Floats
    judged: Floats
    repeats: BoolArray
    looked_for_copies: bool


class WeightedMajorityLabelModel(WeightedVotesModel):
    """Majority vote with a weight for each function and class, from agreement and from known labels.

    Parameters
    ----------
    cardinality
        Number of classes k.
    prior_accuracy
        Accuracy that a vote is taken to have before any evidence if classes were equally frequent, above 1/k
        and below 1.
    prior_votes
        Votes that this assumption counts as much as.
    belief
        Share of what agreement says that is believed however many votes there are, 0 … 1.
    class_balance
        Share of each class, where items start from; uniform if None.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1], [0, 1, -1]] * 10)
    >>> model = WeightedMajorityLabelModel(2).fit(L)
    >>> bool(model.get_weights()[2] < model.get_weights()[0])
    True
    """

    name: ClassVar[str] = "weighted-majority"
    uses_cooccurrence: ClassVar[bool] = False

    def __init__(
        self,
        cardinality: int,
        *,
        prior_accuracy: float = PRIOR_ACCURACY,
        prior_votes: float = PRIOR_VOTES,
        belief: float = BELIEF,
        class_balance: Sequence[float] | None = None,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        check_accuracy("prior_accuracy", prior_accuracy, cardinality)
        check_number("prior_votes", prior_votes, above=0.0)
        check_number("belief", belief, least=0.0)
        if belief > 1:
            raise LabelModelError(f"belief is {belief!r}, expected a share of at most 1")
        self.prior_accuracy = prior_accuracy
        self.prior_votes = prior_votes
        self.belief = belief
        self._weights = None

    def get_weights(self) -> Floats:
        """Weight of each function in log-odds, shape (m,): the mean over the classes that it votes for."""
        weights, voted = self._need().votes, np.asarray(self.diagnostics["votes_for"], dtype=bool)
        return np.asarray((weights * voted).sum(axis=1) / np.maximum(voted.sum(axis=1), 1))

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        settings = (self.name, self.prior_accuracy, self.prior_votes, self.belief)
        unaided = statistics.remembered(settings, lambda: self._unaided(statistics))
        start = np.log(self._prior())
        # Whatever leans to the one class would look right.
        told = slice(0, 0) if one_class(gold_votes, gold) else slice(None)
        taught = teach(unaided.weights, start, gold_votes[told], gold[told])
        self._weights = Weights(taught.weights, taught.start, taught.corrections)
        self.n_functions = statistics.m
        self.diagnostics = {
            "votes_for": (statistics.vote_counts > 0).tolist(),
            "exact_patterns": statistics.exact,
            "gold_n": taught.n,
            "gold_scale": taught.scale,
            "gold_variance": taught.variance,
            "gold_interaction": taught.interaction,
            "corrected_patterns": 0 if taught.corrections is None else len(taught.corrections.patterns),
            "copies": int(unaided.repeats.sum()),
            "looked_for_copies": unaided.looked_for_copies,
        }
        unseen = unseen_classes(statistics.vote_counts, gold) if self.class_balance is None else []
        self.notes = [
            *one_class_note(gold_votes, gold),
            *_mixed_up(gold_votes[told], gold[told], self.cardinality),
            *self._said(statistics, unaided, names),
            *unseen_note(unseen),
        ]

    def _unaided(self, statistics: VoteStatistics) -> _Unaided:
        m, k = statistics.m, self.cardinality
        stands_for, share = np.arange(m), np.ones(m)
        looked = 1 < m <= MOST_FUNCTIONS
        if looked:
            found = find_dependencies(statistics)
            stands_for, share = found.stands_for, found.weights
        kept, place = np.unique(stands_for, return_inverse=True)
        patterns = statistics.patterns if len(kept) == m else np.take(statistics.patterns, kept, axis=1)
        together = np.bincount(place, weights=share).astype(np.float64)
        agreement = agreement_weights(
            patterns,
            statistics.counts,
            k,
            prior_accuracy=self.prior_accuracy,
            prior_votes=self.prior_votes,
            belief=self.belief,
            counts_as=together,
        )
        weights = vote_weights(agreement.accuracy)[place] * np.asarray(share)[:, None]
        judged = np.asarray(agreement.judged, dtype=np.float64)[place]
        return _Unaided(np.asarray(weights, dtype=np.float64), judged, np.asarray(share < 1), looked)

    def _said(self, statistics: VoteStatistics, unaided: _Unaided, names: Sequence[str] | None) -> list[str]:
        """Notes for the user."""
        notes = []
        voted = statistics.vote_counts > 0
        alone = np.flatnonzero(voted.any(axis=1) & (unaided.judged.sum(axis=1) == 0) & ~unaided.repeats)
        if statistics.m == 1:
            notes.append("there is only one labeling function: only known labels can tell how good it is")
        elif len(alone):
            votes, they = ("votes", "it is") if len(alone) == 1 else ("vote", "they are")
            notes.append(
                f"{some_of(len(alone), statistics.m)} {votes} on no item that another one votes on"
                f" ({named(alone, names)}): only known labels can tell how good {they}"
            )
        repeats = int(unaided.repeats.sum())
        if repeats:
            notes.append(
                f"{repeats} labeling function{'s' if repeats > 1 else ''} largely repeat{'' if repeats > 1 else 's'}"
                " others and count for less; `labelkit lfs --dependencies` shows them"
            )
        against = np.flatnonzero((voted & (self._need().votes <= 0)).any(axis=1))
        return [*notes, *against_note(against, statistics.m, names)]


def _mixed_up(gold_votes: IntArray, gold: IntArray, cardinality: int) -> list[str]:
    """What to say where even majority vote is no better than chance on known labels (g,) of vote rows (g, m).

    Where chance is often right, that must be sure: few labels may be so by accident.
    """
    voted = covered(gold_votes)
    n = int(voted.sum())
    if n < FEWEST:
        return []
    rows = gold_votes[voted]
    shares = shares_right(MajorityLabelModel(cardinality).fit(rows).predict_proba(rows), gold[voted])
    right = float(shares.mean())
    middle = (right + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    spread = Z95 / (1 + Z95**2 / n) * math.sqrt(right * (1 - right) / n + Z95**2 / (4 * n**2))
    if right > 1 / cardinality or middle + spread >= 0.5:
        return []
    return [
        f"of {n:,} covered items with known labels majority vote gets {right:.0%} right, no more than chance"
        f" ({1 / cardinality:.0%}): check whether the classes of the labels or those of the functions are mixed up;"
        " as they are, the labels are followed against the votes"
    ]
