"""What a few annotators' answers say about items, and about the annotators.

A project has a handful of annotators, most items have one answer, some have several, a few are decided for
certain. So each annotator has one number, how often they are right, with a prior that believes people: a single
answer is nearly the label, and where answers contradict, the annotator whom the others and the decisions bear out
wins, softly. With many answers for each annotator and item, ``crowd_consensus`` knows more.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.crowd_answers import Answers, check_answers, known_labels
from labelkit.labelmodels.pattern_votes import Floats, clamp, normalised
from labelkit.labelmodels.validation import check_number
from labelkit.types import ABSTAIN, IntArray

BELIEVED: Final = (19.0, 1.0)
"""Right and wrong answers that every annotator starts with: 95% right, as sure as after 20 checked answers."""
_ROUNDS: Final = 500
_TOLERANCE: Final = 1e-9
_CLOSEST_TO_CERTAIN: Final = 1e-9
_MOST_KIND: Final = 2**62


@dataclass(frozen=True)
class Reliability:
    """How often an annotator is right, with a 95% credible interval.

    Attributes
    ----------
    value, low, high
        Mean and ends of the interval; they rest on the prior too.
    n
        The annotator's answers that another answer or a decision can be held against.
    """

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}] n={self.n}"


@dataclass(frozen=True)
class AnnotatorConsensus:
    """What the answers say.

    Attributes
    ----------
    items
        int64, shape (i,): the answered items, in ascending order.
    probabilities
        Of each class for each of these items, shape (i, k): the answers' likelihood under each class,
        normalised, so that all classes count the same beforehand; one-hot where decided.
    decided
        bool, shape (i,): the label is certain.
    answers
        int64, shape (i,): answers to each item.
    reliability
        Of each annotator.
    """

    items: npt.NDArray[np.int64]
    probabilities: Floats
    decided: npt.NDArray[np.bool_]
    answers: npt.NDArray[np.int64]
    reliability: dict[Hashable, Reliability]

    def labels(self, least: float = 0.0) -> npt.NDArray[np.int64]:
        """The most probable class of each item, shape (i,); −1 on ties and where it has less than ``least``."""
        top = self.probabilities.max(axis=1, initial=0.0, keepdims=True)
        tied = (self.probabilities >= top - _TOLERANCE).sum(axis=1) > 1
        found: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1).astype(np.int64)
        found[tied | (top[:, 0] < least)] = ABSTAIN
        return found


def annotator_consensus(
    item: Sequence[int] | IntArray,
    annotator: Sequence[Hashable] | npt.NDArray[Any],
    label: Sequence[int] | IntArray,
    cardinality: int,
    *,
    decided: Mapping[int, int] | None = None,
    prior: tuple[float, float] = BELIEVED,
) -> AnnotatorConsensus:
    """How probable each class is for each answered item, and how reliable each annotator.

    An annotator gives the right class at their reliability and each other class equally often. Expectation
    maximisation finds reliabilities and labels together. How much an answer says about its annotator depends
    on how much is known of the item without it: nothing where it is the only one.

    Parameters
    ----------
    item, annotator, label
        Of each answer: item number, who gave it, class index; shape (a,). One answer per annotator and item,
        in any order. There may be none.
    cardinality
        Number of classes k.
    decided
        Item → class index that is certain, for instance by adjudication; items without answers are ignored.
    prior
        Right and wrong answers that every annotator starts with, both above 0.

    Raises
    ------
    LabelModelError
        If an answer, a decision or the prior cannot be used.

    Examples
    --------
    >>> found = annotator_consensus([1, 1, 2], ["ada", "ben", "ben"], [0, 1, 1], 2)
    >>> found.probabilities.round(2).tolist()
    [[0.5, 0.5], [0.06, 0.94]]
    """
    _check_prior(prior)
    answers = check_answers(item, annotator, label, cardinality)
    known = known_labels(answers.items, decided, cardinality)
    people = len(answers.annotators)
    alike, certain, kind, counts = _kinds(answers, known, cardinality)
    right, wrong = np.full(people, float(prior[0])), np.full(people, float(prior[1]))
    for _ in range(_ROUNDS):
        before = right / (right + wrong)
        posterior, weight = _labels(alike, certain, before, cardinality)
        weight *= counts[alike.item]
        hit = weight * posterior[alike.item, alike.label]
        right = prior[0] + np.bincount(alike.annotator, weights=hit, minlength=people)
        wrong = prior[1] + np.bincount(alike.annotator, weights=weight - hit, minlength=people)
        if np.abs(right / (right + wrong) - before).max(initial=0.0) < _TOLERANCE:
            break
    posterior, _ = _labels(alike, certain, right / (right + wrong), cardinality)
    return AnnotatorConsensus(
        answers.items,
        posterior[kind],
        known != ABSTAIN,
        np.bincount(answers.item, minlength=len(answers.items)),
        _reliability(answers, known, right, wrong),
    )


def with_answers(probabilities: Floats, consensus: AnnotatorConsensus) -> Floats:
    """Probabilities of all items (n, k) with the answers taken in: annotators count as further sources.

    Given the class, what people answer and what functions vote are taken as independent, so the two multiply.

    Parameters
    ----------
    probabilities
        Of a label model, shape (n, k), at the item numbers of ``consensus``; not written to.
    consensus
        Of people's answers to some of these items.

    Raises
    ------
    LabelModelError
        If an item or the number of classes does not fit.
    """
    out = np.array(probabilities, dtype=np.float64)
    items = consensus.items
    if not len(items):
        return out
    if out.ndim != 2 or out.shape[1] != consensus.probabilities.shape[1] or items[0] < 0 or items[-1] >= len(out):
        raise LabelModelError(
            f"probabilities of shape {out.shape} do not fit answers to items {items[0]} to {items[-1]} over"
            f" {consensus.probabilities.shape[1]} classes"
        )
    joint = np.log(np.maximum(out[items], _CLOSEST_TO_CERTAIN))
    joint += np.log(np.maximum(consensus.probabilities, _CLOSEST_TO_CERTAIN))
    both, _ = normalised(joint)
    both[consensus.decided] = consensus.probabilities[consensus.decided]
    out[items] = both
    return out


def _kinds(
    answers: Answers, known: IntArray, k: int
) -> tuple[Answers, IntArray, npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """One item of each kind with its known class, each item's kind, and how many items there are of each.

    Of the same kind are items that the same people gave the same answers to, and of which the same is known: they
    are one item that weighs more, and a handful of annotators has few kinds.
    """
    n, base = len(known), len(answers.annotators) * k + 1
    position = np.arange(len(answers.item)) - np.searchsorted(answers.item, answers.item)
    kind = known.astype(np.int64) + 1
    for place in range(int(position.max(initial=-1)) + 1):
        if kind.max(initial=0) > _MOST_KIND // base:
            kind = np.unique(kind, return_inverse=True)[1].astype(np.int64)
        kind *= base
        here = position == place
        kind[answers.item[here]] += answers.annotator[here] * k + answers.label[here] + 1
    _, first, which, counts = np.unique(kind, return_index=True, return_inverse=True, return_counts=True)
    place_of = np.full(n, -1, dtype=np.intp)
    place_of[first] = np.arange(len(first))
    kept = np.flatnonzero(place_of[answers.item] >= 0)
    kept = kept[np.argsort(place_of[answers.item[kept]], kind="stable")]
    alike = Answers(
        answers.items[first],
        answers.annotators,
        place_of[answers.item[kept]],
        answers.annotator[kept],
        answers.label[kept],
    )
    return alike, known[first], which.astype(np.intp), counts.astype(np.int64)


def _labels(answers: Answers, known: IntArray, reliability: Floats, k: int) -> tuple[Floats, Floats]:
    """Class probabilities of the items, shape (i, k), and how much each answer can be checked, shape (a,)."""
    certain = np.clip(reliability, _CLOSEST_TO_CERTAIN, 1 - _CLOSEST_TO_CERTAIN)
    odds = (np.log(certain) - np.log((1 - certain) / (k - 1)))[answers.annotator]
    cells = answers.item * k + answers.label
    scores: Floats = np.bincount(cells, weights=odds, minlength=len(known) * k).astype(np.float64).reshape(-1, k)
    others: Floats = scores[answers.item]
    others[np.arange(len(odds)), answers.label] -= odds
    posterior, _ = normalised(scores)
    without, _ = normalised(others)
    entropy = -(without * np.log(np.maximum(without, _CLOSEST_TO_CERTAIN))).sum(axis=1)
    weight = np.clip(1 - entropy / np.log(k), 0.0, 1.0)
    weight[known[answers.item] != ABSTAIN] = 1.0
    return clamp(posterior, known), weight


def _reliability(answers: Answers, known: IntArray, right: Floats, wrong: Floats) -> dict[Hashable, Reliability]:
    from scipy.special import betaincinv

    shared = (np.bincount(answers.item, minlength=len(known)) > 1) | (known != ABSTAIN)
    n = np.bincount(answers.annotator, weights=shared[answers.item], minlength=len(right))
    low, high = betaincinv(right, wrong, 0.025), betaincinv(right, wrong, 0.975)
    return {
        who: Reliability(float(right[j] / (right[j] + wrong[j])), float(low[j]), float(high[j]), int(n[j]))
        for j, who in enumerate(answers.annotators)
    }


def _check_prior(prior: tuple[float, float]) -> None:
    if len(prior) != 2:
        raise LabelModelError(f"prior is {prior!r}, expected two numbers: right and wrong answers")
    check_number("prior[0]", prior[0], above=0.0)
    check_number("prior[1]", prior[1], above=0.0)
