"""The crowd model on a list of answers, without a label matrix of items × annotators."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.crowd import CrowdLabelModel
from labelkit.labelmodels.crowd_fitting import CrowdSettings, fit_crowd
from labelkit.labelmodels.pattern_votes import Floats, PatternVotes
from labelkit.labelmodels.validation import check_cardinality, check_class_balance
from labelkit.types import ABSTAIN, IntArray


@dataclass(frozen=True)
class CrowdConsensus:
    """What the answers of a crowd add up to.

    Attributes
    ----------
    items
        int64, shape (i,): the items that somebody answered, in ascending order.
    probabilities
        Class probabilities of each, shape (i, k).
    annotators
        The m annotators, in ascending order.
    confusion
        Rate at which annotator j answers a where the class is y, shape (m, k, k), at [j, a, y].
    class_shares
        Shape (k,).
    diagnostics
        Figures about the fit, JSON-able.
    """

    items: npt.NDArray[np.int64]
    probabilities: Floats
    annotators: tuple[Hashable, ...]
    confusion: Floats
    class_shares: Floats
    diagnostics: dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """A checked list of answers, in order of items and within one of annotators.

    Attributes
    ----------
    items, annotators
        The distinct ones, in ascending order.
    item, annotator
        Of each answer, positions in these.
    label
        Class index of each answer.
    """

    items: npt.NDArray[np.int64]
    annotators: tuple[Hashable, ...]
    item: npt.NDArray[np.intp]
    annotator: npt.NDArray[np.intp]
    label: npt.NDArray[np.intp]


def check_answers(item: Any, annotator: Any, label: Any, cardinality: int) -> Answers:
    """A list of answers, every value checked.

    Parameters
    ----------
    item
        Item number of each answer, whole numbers, shape (a,).
    annotator
        Who gave it, text or numbers, shape (a,).
    label
        Class index of each answer, 0 … cardinality − 1, shape (a,).
    cardinality
        Number of classes k.

    Raises
    ------
    LabelModelError
        Naming the first answer that is none, or that repeats another's annotator and item.
    """
    check_cardinality(cardinality)
    numbers, given = _whole("item", item), _whole("label", label)
    people = np.asarray(annotator)
    if people.ndim != 1 or (people.size and people.dtype.kind not in "iuUO"):
        raise LabelModelError(f"annotator is an array of {people.ndim} dimension(s) of {people.dtype}, expected names")
    if not len(numbers) == len(people) == len(given):
        raise LabelModelError(
            f"there are {len(numbers)} items, {len(people)} annotators and {len(given)} labels, expected one of each"
            " for every answer"
        )
    wrong = np.flatnonzero((given < 0) | (given >= cardinality))
    if len(wrong):
        who, number, answered = (values[wrong[:1]].tolist()[0] for values in (people, numbers, given))
        raise LabelModelError(
            f"annotator {who!r} answered {answered} on item {number}, expected 0 to {cardinality - 1}"
        )
    items, rows = np.unique(numbers, return_inverse=True)
    names, columns = _distinct(people)
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    twice = np.flatnonzero((rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1]))
    if len(twice):
        raise LabelModelError(
            f"annotator {names.tolist()[columns[twice[0]]]!r} answered item {int(items[rows[twice[0]]])} twice",
            hint="Keep the answer that counts",
        )
    return Answers(items, tuple(names.tolist()), rows, columns, given[order].astype(np.intp))


def crowd_consensus(
    item: Sequence[int] | IntArray,
    annotator: Sequence[Hashable] | npt.NDArray[Any],
    label: Sequence[int] | IntArray,
    cardinality: int,
    *,
    decided: Mapping[int, int] | None = None,
    class_balance: Sequence[float] | None = None,
) -> CrowdConsensus:
    """Fit the crowd model on a list of answers.

    Time and memory grow with the answers and with annotators × classes², not with items × annotators.

    Parameters
    ----------
    item, annotator, label
        Of each answer, shape (a,); see :func:`check_answers`. Their order does not matter.
    cardinality
        Number of classes k.
    decided
        Item → class index that is certain.
    class_balance
        Expected share of each class; uniform if None. The shares are estimated.

    Raises
    ------
    LabelModelError
        If there is no answer, or one that cannot be used.
    """
    answers = check_answers(item, annotator, label, cardinality)
    if not len(answers.items):
        raise LabelModelError("there are no answers to learn from")
    model = CrowdLabelModel(cardinality)
    shares = check_class_balance(class_balance, cardinality)
    settings = CrowdSettings(model.variance, shares / shares.sum(), model.balance_items, model.n_iter, model.tol)
    votes = PatternVotes(
        (len(answers.annotators), cardinality),
        np.ones(len(answers.items)),
        known_labels(answers.items, decided, cardinality),
        answers.item,
        answers.annotator,
        answers.label,
    )
    fit = fit_crowd(votes, settings)
    return CrowdConsensus(
        answers.items, fit.posterior, answers.annotators, np.exp(fit.logs), np.exp(fit.log_prior), fit.figures
    )


def known_labels(
    items: npt.NDArray[np.int64], decided: Mapping[int, int] | None, cardinality: int
) -> npt.NDArray[np.int64]:
    """The decided class index of each of these items, −1 where there is none, shape (i,)."""
    found = np.full(len(items), ABSTAIN, dtype=np.int64)
    for item, label in (decided or {}).items():
        if not 0 <= label < cardinality:
            raise LabelModelError(f"item {item} is decided to be {label}, expected 0 to {cardinality - 1}")
        place = int(np.searchsorted(items, item))
        if place < len(items) and items[place] == item:
            found[place] = label
    return found


def _distinct(people: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.intp]]:
    try:
        who, columns = np.unique(people, return_inverse=True)
    except TypeError:
        kinds = ", ".join(sorted({type(person).__name__ for person in people}))
        raise LabelModelError(f"the annotators are a mixture of {kinds}, expected all names or all numbers") from None
    return who, columns


def _whole(name: str, values: Any) -> npt.NDArray[np.int64]:
    found = np.asarray(values)
    if found.ndim != 1 or (found.size and found.dtype.kind not in "iu"):
        raise LabelModelError(
            f"{name} is an array of {found.ndim} dimension(s) of {found.dtype}, expected one of whole numbers"
        )
    return found.astype(np.int64)
