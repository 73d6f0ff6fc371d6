"""The triplet method: accuracies in closed form from how three functions at a time vote together.

Fu, Chen, Sala, Hooper, Fatahalian, Ré: Fast and three-rious: speeding up weak supervision with triplet methods,
ICML 2020 (https://arxiv.org/abs/2002.11955; their code: FlyingSquid). If functions are independent given the
class, the correlation of two votes is the product of each one's correlation with the class. So three functions
give three equations for three unknowns: r_a² = R_ab·R_ac / R_bc. Differences to FlyingSquid: correlations in place
of raw products, so that functions that vote for one class only and unequal vote shares need no case of their own;
and all triplets of a function are taken together, each weighted by R_bc², in place of one triplet drawn for each:
r_a² = Σ R_ab·R_ac·R_bc / Σ R_bc². Triplets that know nothing of the class weigh nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.base import decide
from labelkit.labelmodels.majority import MajorityLabelModel
from labelkit.labelmodels.pattern_votes import Floats
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_number
from labelkit.labelmodels.weighted_votes import WeightedVotesModel, Weights, check_accuracy
from labelkit.labelmodels.wording import (
    against_note,
    named,
    one_class,
    one_class_note,
    some_of,
    unseen_classes,
    unseen_note,
)
from labelkit.types import ABSTAIN, IntArray

MOST_FUNCTIONS: Final = 3_000
"""Several matrices of 2m × 2m are held at a time: 0.3 GB each at this number."""
_SEVERAL_CLASSES: Final = 0.1
"""Share of a function's votes that its second most frequent class needs for the function to tell classes apart."""
_DOUBT: Final = 10.0
"""Shared items that halve a correlation: few of them prove nothing."""
_LEAST: Final = 0.25
"""Smallest weight, as a share of the weight at the prior accuracy: nobody is silenced without known labels."""
_MOST_ABOVE: Final = 3.0
"""Log-odds by which a weight may exceed the one at the prior accuracy."""
_GOLD_PRIOR_VOTES: Final = 10.0
"""Known answers that count as much as everything that the triplets say about a function's votes for a class."""
_NEAR: Final = 1e-6
_LEAST_AGREEMENT: Final = 0.8
"""Share of the items that majority vote decides on which this should decide likewise, else it is said."""


class TripletLabelModel(WeightedVotesModel):
    """Naive Bayes with accuracies from the triplet method, from O alone.

    Each class in turn is held against the rest. A function is two detectors then, "votes for the class" and
    "votes for another". For functions that vote for several classes, correlations are taken where they vote,
    for those that vote for one class over all items: there, when they vote is what they say. All detectors are
    taken to be better than chance, which fixes the signs. A function that shares too few items with others to
    be in any triplet, and everything else with few votes, is drawn towards ``prior_accuracy``. With one or
    two functions there is no triplet, and this is majority vote.

    Parameters
    ----------
    cardinality
        Number of classes k.
    prior_accuracy
        Accuracy that a function is taken to have before any evidence, above 1/k and below 1.
    prior_votes
        Votes that this assumption counts as much as.
    class_balance
        Share of each class; uniform if None.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 0], [0, 0, 1], [1, 1, 0], [1, 1, 1], [-1, -1, -1]] * 10)
    >>> TripletLabelModel(2).fit(L).predict(L)[:5].tolist()
    [0, 0, 1, 1, -1]
    """

    name: ClassVar[str] = "triplet"

    def __init__(
        self,
        cardinality: int,
        *,
        prior_accuracy: float = 0.75,
        prior_votes: float = 20.0,
        class_balance: Sequence[float] | None = None,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        check_accuracy("prior_accuracy", prior_accuracy, cardinality)
        check_number("prior_votes", prior_votes, above=0.0)
        self.prior_accuracy = prior_accuracy
        self.prior_votes = prior_votes
        self._weights = None

    def _fit(self, votes: IntArray, gold: IntArray | None, names: Sequence[str] | None) -> None:
        _check_functions(votes.shape[1])  # before their pairs are counted
        super()._fit(votes, gold, names)

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        m, k = statistics.m, self.cardinality
        _check_functions(m)
        prior = self._prior()
        base = np.log(prior) - np.log1p(-prior)
        joint = _Joint.of(statistics)
        correlations = np.column_stack([_class_correlations(joint, label) for label in range(k)])
        start = float(np.log(self.prior_accuracy * (k - 1) / (1 - self.prior_accuracy)))
        precision = self._precision(joint, correlations, prior, base + start)
        weights = np.clip(np.log(precision) - np.log1p(-precision) - base, _LEAST * start, start + _MOST_ABOVE)
        weights, known = _anchored(weights, base, gold_votes, gold)
        self._weights = Weights(weights, np.log(prior))
        self.n_functions = m
        voted, unknown = statistics.vote_counts > 0, np.isnan(correlations)
        alone = np.asarray((unknown | ~voted).all(axis=1) & voted.any(axis=1))
        by_chance = np.asarray((~(correlations > 0) | ~voted).all(axis=1) & voted.any(axis=1) & ~alone)
        self.diagnostics = {
            "without_triplet": np.flatnonzero(alone).tolist(),
            "as_if_by_chance": np.flatnonzero(by_chance).tolist(),
            "gold_n": known,
        }
        against = np.flatnonzero((voted & (weights <= 0)).any(axis=1))
        unseen = unseen_classes(statistics.vote_counts, gold) if self.class_balance is None else []
        self.notes = [
            *_notes(alone, m, names),
            *one_class_note(gold_votes, gold),
            *against_note(against, m, names),
            *unseen_note(unseen),
            *([] if len(against) else self._disagreement(statistics)),
        ]

    def _disagreement(self, statistics: VoteStatistics) -> list[str]:
        """What to say where this decides otherwise than majority vote so often that the class balance is in doubt."""
        if self.class_balance is not None:
            return []
        rows = statistics.some_rows()
        majority = decide(MajorityLabelModel(self.cardinality).fit(rows).predict_proba(rows))
        clear = majority != ABSTAIN
        agreement = float((decide(self._predict_proba(rows))[clear] == majority[clear]).mean()) if clear.any() else 1.0
        self.diagnostics["agreement_with_majority"] = agreement
        if agreement >= _LEAST_AGREEMENT:
            return []
        return [
            f"the triplet method takes classes to be equally frequent where no class_balance is given, and agrees with"
            f" majority vote on only {agreement:.0%} of the items that this decides: give class_balance, or use"
            ' "weighted-majority" or majority vote'
        ]

    def _precision(self, joint: _Joint, correlations: Floats, prior: Floats, base: Floats) -> Floats:
        """Probability of class c where function i votes c, shape (m, k)."""
        share = joint.votes / joint.own_items[:, None]
        spread = np.sqrt(share * (1 - share))
        # how much likelier the vote is where the class is c than where it is not
        gap = correlations * spread / np.sqrt(prior * (1 - prior))
        found = prior * (1 + (1 - prior) * gap / np.where(share > 0, share, 1.0))
        expected = 1 / (1 + np.exp(-base))
        found = np.clip(np.nan_to_num(found), 0.0, 1.0)
        votes = np.where(np.isnan(correlations), 0.0, joint.votes)
        found = (votes * found + self.prior_votes * expected) / (votes + self.prior_votes)
        return np.asarray(np.clip(found, _NEAR * prior, 1 - _NEAR))


@dataclass(frozen=True)
class _Joint:
    """Counts that correlations are made of."""

    pairs: npt.NDArray[np.int64]
    """Items on which function i voted a and j voted b, shape (m, k, m, k)."""
    votes: Floats
    """Votes of each function for each class, shape (m, k)."""
    several: npt.NDArray[np.bool_]
    """Which functions vote for several classes."""
    both: Floats
    """Items on which both functions vote, shape (m, m)."""
    items: Floats
    """Items over which a pair's correlation is taken, shape (m, m)."""
    own_items: Floats
    """Items over which a function's shares are taken, shape (m,)."""

    @classmethod
    def of(cls, statistics: VoteStatistics) -> _Joint:
        m, k = statistics.m, statistics.cardinality
        pairs = statistics.cooccurrence.reshape(m, k, m, k)
        votes = statistics.vote_counts.astype(np.float64)
        total = votes.sum(axis=1)
        several = np.sort(votes, axis=1)[:, -2] >= np.maximum(_SEVERAL_CLASSES * total, 1.0)
        both = pairs.sum(axis=(1, 3)).astype(np.float64)
        own = np.where(several, total, float(statistics.n))
        # where one of the two abstains by habit, its abstentions are no part of what is compared
        items = np.minimum(own[:, None], own[None, :])
        items[np.ix_(several, several)] = both[np.ix_(several, several)]
        return cls(pairs, votes, several, both, items, own)


def _class_correlations(joint: _Joint, label: int) -> Floats:
    """Correlation of each function's vote for one class with the class, NaN where no triplet tells, shape (m,)."""
    m = len(joint.votes)
    together = _correlations(joint, label)
    if m < 3:
        return np.full(m, np.nan)
    products = np.einsum("ab,ab->a", together @ together, together)
    squares = np.square(together).sum(axis=1)
    # triplets of a: the pairs of two others
    others = squares.sum() - 2 * (squares[:m] + squares[m:])
    known = (others > _NEAR) & (squares[:m] > 0)
    found = np.clip(products[:m] / np.where(known, others, 1.0), 0.0, 1.0)
    return np.asarray(np.where(known, np.sqrt(found), np.nan))


def _correlations(joint: _Joint, label: int) -> Floats:
    """Correlations of the detectors of one class, shape (2m, 2m), zero for a function with itself.

    The first m are "votes for the class", the others "votes for another class", with the sign turned.
    """
    m = len(joint.votes)
    class_any = joint.pairs[:, label].sum(axis=2).astype(np.float64)
    hits = joint.pairs[:, label, :, label].astype(np.float64)
    counts = np.empty((2, m, 2, m))
    counts[0, :, 0] = hits
    counts[0, :, 1] = class_any - hits
    counts[1, :, 0] = (class_any - hits).T
    counts[1, :, 1] = joint.both - class_any - class_any.T + hits
    one = np.stack([joint.votes[:, label], joint.votes.sum(axis=1) - joint.votes[:, label]])
    # how often detector (d, i) fires on the items over which its correlation with j is taken
    fires = np.stack([class_any, joint.both - class_any])
    fires = np.where(joint.several[None, None, :], fires, one[:, :, None])
    items = np.maximum(joint.items, 1.0)
    fires /= items
    share = one / np.maximum(joint.own_items, 1.0)
    spread = np.sqrt(share * (1 - share))
    usable = (spread > 0).astype(np.float64)
    scale = usable / np.where(spread > 0, spread, 1.0)
    trust = joint.items / (joint.items + _DOUBT)
    np.fill_diagonal(trust, 0.0)
    for d in (0, 1):
        for e in (0, 1):
            part = counts[d, :, e]
            part /= items
            part -= fires[d] * fires[e].T
            part *= scale[d][:, None] * scale[e][None, :] * trust * (1.0 if d == e else -1.0)
    return np.clip(counts.reshape(2 * m, 2 * m), -1.0, 1.0)


def _anchored(weights: Floats, base: Floats, gold_votes: IntArray, gold: IntArray) -> tuple[Floats, int]:
    """Weights (m, k) after known labels, which update a Beta prior at the precision of each function and class."""
    use = (gold_votes != ABSTAIN).any(axis=1) & (gold != ABSTAIN)
    rows, labels = gold_votes[use], gold[use]
    if one_class(rows, labels):  # every vote for another class would look wrong
        return weights, len(rows)
    updated = weights.copy()
    for label in range(weights.shape[1]):
        voted = (rows == label).sum(axis=0)
        right = (rows[labels == label] == label).sum(axis=0)
        precision = 1 / (1 + np.exp(-(weights[:, label] + base[label])))
        precision = (_GOLD_PRIOR_VOTES * precision + right) / (_GOLD_PRIOR_VOTES + voted)
        precision = np.clip(precision, _NEAR, 1 - _NEAR)
        found = np.log(precision) - np.log1p(-precision) - base[label]
        updated[:, label] = np.where(voted > 0, found, weights[:, label])
    return updated, len(rows)


def _check_functions(functions: int) -> None:
    if functions > MOST_FUNCTIONS:
        raise LabelModelError(
            f"the label model 'triplet' got {functions:,} labeling functions, expected at most {MOST_FUNCTIONS:,}",
            hint='Set [label_model] name = "weighted-majority"',
        )


def _notes(alone: npt.NDArray[np.bool_], functions: int, names: Sequence[str] | None) -> list[str]:
    if functions < 3:
        return ["the triplet method needs three labeling functions; with fewer all weigh the same, as in majority vote"]
    without = np.flatnonzero(alone)
    if not len(without):
        return []
    one = len(without) == 1
    return [
        f"{some_of(len(without), functions)} {'is' if one else 'are'} in no triplet that says how good"
        f" {'it is' if one else 'they are'}: {named(without, names)}; {'it weighs' if one else 'they weigh'} what the"
        f" prior accuracy gives {'it' if one else 'them'}"
    ]
