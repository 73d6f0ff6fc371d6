"""Answers that agreement is measured on: who gave which class to which item."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import AnnotationError

Ints = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
_MOST_KIND: Final = 2**62


@dataclass(frozen=True)
class Ratings:
    """Answers in the order of items and, within an item, of annotators; made by :func:`ratings`.

    Attributes
    ----------
    items
        int64, shape (n,): the answered item numbers, in ascending order.
    annotators
        The people, in ascending order.
    item, annotator, label
        Of each answer: places in ``items`` and ``annotators``, and the class index; shape (a,).
    cardinality
        Number of classes k, whether anybody used them or not.
    """

    items: npt.NDArray[np.int64]
    annotators: tuple[str, ...]
    item: Ints
    annotator: Ints
    label: Ints
    cardinality: int

    @cached_property
    def counts(self) -> Floats:
        """How many people gave each class to each item, shape (n, k)."""
        cells = self.item * self.cardinality + self.label
        size = len(self.items) * self.cardinality
        return np.bincount(cells, minlength=size).astype(np.float64).reshape(-1, self.cardinality)

    @cached_property
    def answers(self) -> Floats:
        """Answers to each item, shape (n,)."""
        return np.bincount(self.item, minlength=len(self.items)).astype(np.float64)

    @property
    def shared(self) -> int:
        """Items with answers of at least two people."""
        return int((self.answers > 1).sum())

    @cached_property
    def pairs(self) -> tuple[Ints, Ints]:
        """Places of all pairs of answers to the same item, the annotator with the lower place first."""
        first: list[Ints] = []
        second: list[Ints] = []
        places = np.arange(len(self.item))
        for distance in range(1, int(self.answers.max(initial=0.0))):
            same = places[:-distance][self.item[distance:] == self.item[:-distance]]
            first.append(same)
            second.append(same + distance)
        nothing = np.zeros(0, dtype=np.intp)
        return np.concatenate([nothing, *first]), np.concatenate([nothing, *second])

    @cached_property
    def condensed(self) -> tuple[Ratings, Ints]:
        """One item of each kind, and how many of that kind there are, shape (c,).

        Of the same kind are items that the same people gave the same answers to.
        """
        said = self.annotator * self.cardinality + self.label + 1
        starts = np.searchsorted(self.item, np.arange(len(self.items)))
        position = np.arange(len(self.item)) - starts[self.item]
        kind = np.zeros(len(self.items), dtype=np.int64)
        base = len(self.annotators) * self.cardinality + 1
        for place in range(int(self.answers.max(initial=0.0))):
            here = position == place
            if kind.max(initial=0) > _MOST_KIND // base:
                kind = np.unique(kind, return_inverse=True)[1].astype(np.int64)
            kind *= base
            kind[self.item[here]] += said[here]
        _, first, counts = np.unique(kind, return_index=True, return_counts=True)
        kept = np.sort(first)
        answers = np.isin(self.item, kept)
        item = np.searchsorted(kept, self.item[answers]).astype(np.intp)
        one = Ratings(
            self.items[kept], self.annotators, item, self.annotator[answers], self.label[answers], self.cardinality
        )
        return one, counts[np.argsort(first)].astype(np.intp)


def ratings(
    item: Sequence[int] | npt.NDArray[Any],
    annotator: Sequence[str] | npt.NDArray[Any],
    label: Sequence[int] | npt.NDArray[Any],
    cardinality: int,
) -> Ratings:
    """A list of answers, checked and put in order.

    Parameters
    ----------
    item, annotator, label
        Of each answer: item number, who gave it, class index 0 … cardinality − 1; shape (a,), in any order.
    cardinality
        Number of classes k, at least 2.

    Raises
    ------
    AnnotationError
        If lengths differ, a class is out of range, or somebody answered an item twice.
    """
    numbers, given = np.asarray(item, dtype=np.int64), np.asarray(label, dtype=np.int64)
    people = np.asarray(annotator, dtype=str)
    if cardinality < 2:
        raise AnnotationError(f"agreement is about at least 2 classes, given {cardinality}")
    if not len(numbers) == len(people) == len(given):
        raise AnnotationError(
            f"there are {len(numbers)} items, {len(people)} annotators and {len(given)} labels, expected as many"
        )
    if given.size and not (given.min() >= 0 and given.max() < cardinality):
        raise AnnotationError(f"labels range from {given.min()} to {given.max()}, expected 0 to {cardinality - 1}")
    items, rows = np.unique(numbers, return_inverse=True)
    names, columns = np.unique(people, return_inverse=True)
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    twice = np.flatnonzero((rows[1:] == rows[:-1]) & (columns[1:] == columns[:-1]))
    if len(twice):
        raise AnnotationError(
            f"{names[columns[twice[0]]]!r} answered item number {items[rows[twice[0]]]} twice",
            hint="Keep the answer that counts",
        )
    found = given[order].astype(np.intp)
    return Ratings(items, tuple(names.tolist()), rows.astype(np.intp), columns.astype(np.intp), found, cardinality)
