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
from typing import ClassVar, Final

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.agreement import BELIEF, PRIOR_ACCURACY, PRIOR_VOTES, agreement_weights, vote_weights
from labelkit.labelmodels.dependencies import find_dependencies
from labelkit.labelmodels.known_labels import FEWEST, shares_right
from labelkit.labelmodels.majority import MajorityLabelModel
from labelkit.labelmodels.standing import Z95
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.taught import teach
from labelkit.labelmodels.validation import check_number, covered
from labelkit.labelmodels.weighted_votes import Floats, WeightedVotesModel, Weights, check_accuracy
from labelkit.types import BoolArray, IntArray

MOST_FUNCTIONS: Final = 300
"""Functions beyond which copies are not looked for: their number of pairs would take most of the time."""
_SHOWN: Final = 3


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
        taught = teach(unaided.weights, start, gold_votes, gold)
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
        mixed_up = _mixed_up(gold_votes, gold, self.cardinality)
        self.notes = [*mixed_up, *self._said(statistics, unaided, names)]

    def _unaided(self, statistics: VoteStatistics) -> _Unaided:
        m, k = statistics.m, self.cardinality
        stands_for, share = np.arange(m), np.ones(m)
        looked = 1 < m <= MOST_FUNCTIONS
        if looked:
            found = find_dependencies(statistics)
            stands_for, share = found.stands_for, found.weights
        kept, place = np.unique(stands_for, return_inverse=True)
        together = np.bincount(place, weights=share).astype(np.float64)
        agreement = agreement_weights(
            np.ascontiguousarray(statistics.patterns[:, kept]),
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
        if len(alone):
            notes.append(
                f"{len(alone)} of {statistics.m} labeling functions vote on no item that another one votes on"
                f" ({_named(alone, names)}): only known labels can tell how good they are"
            )
        if unaided.repeats.any():
            notes.append(
                f"{int(unaided.repeats.sum())} labeling functions largely repeat others and share their weight;"
                " `labelkit lfs --dependencies` shows them"
            )
        against = np.flatnonzero((voted & (self._need().votes <= 0)).any(axis=1))
        if len(against):
            notes.append(
                f"by the known labels {len(against)} labeling functions are no better than chance or worse:"
                f" {_named(against, names)}; their votes count against the class they name"
            )
        return notes


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


def _named(functions: IntArray, names: Sequence[str] | None) -> str:
    shown = ", ".join(repr(names[i]) if names is not None else str(i) for i in functions[:_SHOWN])
    return f"{shown}, …" if len(functions) > _SHOWN else shown
