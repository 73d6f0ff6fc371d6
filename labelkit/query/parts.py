"""What a pool may carry besides probabilities: features, and what people have answered so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from labelkit.errors import QueryError
from labelkit.types import FloatArray, IntArray

Features: TypeAlias = Any
"""A (rows, d) scipy CSR matrix or numpy array of numbers. (scipy is not imported here, and has no types.)"""


@dataclass(frozen=True)
class Labelled:
    """The l items that people have answered, decided to one class each; none of them is in the pool.

    Parameters
    ----------
    labels
        (l,) class indices.
    features
        (l, d) features of the same kind as the pool's, or None.
    votes
        (l, functions) votes of the labeling functions, −1 abstain, or None.
    end_model
        (l, k) probabilities of the end model, or None.
    """

    labels: IntArray
    features: Features | None = None
    votes: IntArray | None = None
    end_model: FloatArray | None = None

    def __post_init__(self) -> None:
        for name, part in (("features", self.features), ("votes", self.votes), ("end_model", self.end_model)):
            if part is not None and part.shape[0] != len(self.labels):
                raise QueryError(
                    f"the labelled items' {name} have {part.shape[0]} rows for {len(self.labels)} labels;"
                    " one each was expected"
                )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Answers:
    """Every answer that people gave, one a row; an item may have several, in the pool or not.

    Parameters
    ----------
    items, annotators, labels
        (n,) item numbers, numbers of annotators from 0, class indices.
    """

    items: IntArray
    annotators: IntArray
    labels: IntArray

    def __post_init__(self) -> None:
        if not len(self.items) == len(self.annotators) == len(self.labels):
            raise QueryError(
                f"the answers name {len(self.items)} items, {len(self.annotators)} annotators and"
                f" {len(self.labels)} labels; one of each per answer was expected"
            )

    def __len__(self) -> int:
        return len(self.items)


def is_sparse(features: Features) -> bool:
    """Whether the features are a scipy matrix (told without importing scipy)."""
    return hasattr(features, "tocsr")


def check_features(name: str, features: Features | None, rows: int) -> None:
    """Refuse features that are no (rows, d) matrix of finite numbers.

    Raises
    ------
    QueryError
        Saying what is wrong with them.
    """
    if features is None:
        return
    if len(features.shape) != 2 or features.shape[0] != rows:
        raise QueryError(f"the {name} have shape {tuple(features.shape)}; ({rows}, d) was expected")
    values = features.data if is_sparse(features) else features
    # A sum is finite if its parts are (short of an overflow): one pass without an array of the same size.
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.sum(values)
    if not np.isfinite(total) and not np.isfinite(values).all():
        raise QueryError(f"the {name} hold NaN or infinite numbers; finite ones were expected")
