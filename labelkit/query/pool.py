"""The pool: the items that may be asked about, and what the models say of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.parts import Answers, Features, Labelled, check_features, is_sparse
from labelkit.types import BoolArray, FloatArray, IntArray

TOLERANCE = 5e-3
"""How far the probabilities of an item may be from summing to 1 (they may be stored as float16)."""


@dataclass(frozen=True)
class Pool:
    """Arrays over the m items that may be asked about; row i of each speaks of ``items[i]``.

    Parameters
    ----------
    items
        (m,) item numbers, each once.
    covered
        (m,) whether any labeling function voted on the item.
    label_names
        The k class names, in index order.
    end_model
        (m, k) probabilities of the end model, or None where there is none yet.
    label_model
        (m, k) probabilities of the label model, or None.
    committee
        (c, m, k) probabilities of c committee members, or None.
    features
        (m, d) features, a CSR matrix or an array, or None.
    votes
        (m, functions) votes of the labeling functions as class indices, −1 abstain, or None.
    labelled
        The items that people have answered, or None where nobody has told (an empty one: nobody answered).
    answers
        Every single answer with who gave it, or None.

    Raises
    ------
    QueryError
        If the shapes do not fit together, an item is listed twice, or probabilities are none (NaN included).
    """

    items: IntArray
    covered: BoolArray
    label_names: tuple[str, ...]
    end_model: FloatArray | None = None
    label_model: FloatArray | None = None
    committee: FloatArray | None = None
    features: Features | None = None
    votes: IntArray | None = None
    labelled: Labelled | None = None
    answers: Answers | None = None

    def __post_init__(self) -> None:
        if self.items.ndim != 1 or (self.items.size and not np.issubdtype(self.items.dtype, np.integer)):
            raise QueryError(
                f"the pool's items are an array of shape {self.items.shape} and type {self.items.dtype};"
                " item numbers, shape (m,), were expected"
            )
        m, k = len(self.items), len(self.label_names)
        self._check_shape("covered", self.covered, (m,))
        for name in ("end_model", "label_model"):
            self._check_shape(name, getattr(self, name), (m, k))
        if self.committee is not None:
            self._check_shape("committee", self.committee, (len(self.committee), m, k))
        for name in ("end_model", "label_model", "committee"):
            self._check_probabilities(name, getattr(self, name))
        check_features("pool's features", self.features, m)
        if self.votes is not None:
            self._check_shape("votes", self.votes, (m, self.votes.shape[-1]))
        self._check_people()
        self._check_distinct()

    def __len__(self) -> int:
        return len(self.items)

    @staticmethod
    def _check_shape(name: str, part: FloatArray | BoolArray | IntArray | None, shape: tuple[int, ...]) -> None:
        if part is not None and part.shape != shape:
            raise QueryError(f"the pool's {name} has shape {part.shape}; {shape} was expected")

    def _check_probabilities(self, name: str, part: FloatArray | None) -> None:
        if part is None or not part.size:
            return
        # One bad class in a row is enough to be caught: measures such as the margin may step over a NaN.
        # A product with ones sums short rows several times faster than a reduction does.
        sums = part @ np.ones(part.shape[-1], dtype=part.dtype)
        bad = ~(np.abs(sums - 1.0) <= TOLERANCE)
        if part.min() < -TOLERANCE:
            bad |= (part < -TOLERANCE).any(axis=-1)
        if bad.any():
            where = tuple(int(index[0]) for index in np.nonzero(bad))
            raise QueryError(
                f"the pool's {name} gives item {int(self.items[where[-1]])} the probabilities"
                f" {[float(p) for p in part[where]]}; numbers from 0 that sum to 1 were expected"
            )

    def _check_people(self) -> None:
        """What people answered fits the pool: classes that exist, features and votes of the same width."""
        for what, told in (("labelled items", self.labelled), ("answers", self.answers)):
            labels = None if told is None else told.labels
            if labels is not None and len(labels) and not 0 <= labels.min() <= labels.max() < len(self.label_names):
                raise QueryError(
                    f"the {what} have class indices from {labels.min()} to {labels.max()};"
                    f" 0 to {len(self.label_names) - 1} were expected"
                )
        if self.labelled is None:
            return
        check_features("labelled items' features", self.labelled.features, len(self.labelled))
        for name in ("features", "votes"):
            ours, theirs = getattr(self, name), getattr(self.labelled, name)
            if ours is not None and theirs is not None and ours.shape[1] != theirs.shape[1]:
                raise QueryError(
                    f"the pool's {name} have {ours.shape[1]} columns, the labelled items' {theirs.shape[1]};"
                    " the same number was expected"
                )

    def _check_distinct(self) -> None:
        ordered = self.items if self.is_sorted else np.sort(self.items)
        again = ordered[1:][ordered[1:] == ordered[:-1]]
        if again.size:
            raise QueryError(f"item {int(again[0])} is in the pool twice; each item can be asked once")

    @property
    def is_sorted(self) -> bool:
        """Whether the items are in ascending order."""
        return bool((self.items[1:] >= self.items[:-1]).all())

    def sorted(self) -> Pool:
        """The same pool in ascending order of item number (itself, if it is so already)."""
        return self if self.is_sorted else self.take(np.argsort(self.items, kind="stable"))

    def take(self, rows: IntArray | BoolArray) -> Pool:
        """The pool of these rows, in this order."""

        def part(array: FloatArray | None) -> FloatArray | None:
            return None if array is None else array[rows]

        return Pool(
            items=self.items[rows],
            covered=self.covered[rows],
            label_names=self.label_names,
            end_model=part(self.end_model),
            label_model=part(self.label_model),
            committee=None if self.committee is None else self.committee[:, rows],
            features=None if self.features is None else _rows(self.features, rows),
            votes=None if self.votes is None else self.votes[rows],
            labelled=self.labelled,
            answers=self.answers,
        )


def _rows(features: Features, rows: IntArray | BoolArray) -> Features:
    # Only CSR among scipy's formats takes rows by number.
    chosen: Features = features.tocsr()[rows] if is_sparse(features) else features[rows]
    return chosen
