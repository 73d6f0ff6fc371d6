"""Probabilities in words, for the reasons that queued items carry."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.pool import Pool
from labelkit.types import FloatArray, IntArray

Part = TypeVar("Part")


def ranked(probabilities: FloatArray) -> IntArray:
    """Class indices of one row (k,), likeliest first; equal ones in schema order."""
    order: IntArray = np.argsort(-probabilities, kind="stable")
    return order


def said(pool: Pool, probabilities: FloatArray, index: int) -> str:
    """One class with its probability: ``billing (41%)``."""
    return f"{pool.label_names[index]} ({percent(float(probabilities[index]))})"


def percent(share: float) -> str:
    """A share as a whole per cent, never rounded to a certainty that is not there."""
    if 0.99 < share < 1:
        return "over 99%"
    if 0 < share < 0.01:
        return "under 1%"
    return f"{share:.0%}"


def part(pool_part: Part | None, name: str, strategy: str) -> Part:
    """A part of the pool that a strategy needs.

    Raises
    ------
    QueryError
        If it is missing.
    """
    if pool_part is None:
        raise QueryError(
            f"the query strategy {strategy!r} needs the pool's {name}, which is missing",
            hint="Run the step that computes it, or leave the strategy out of the mix",
        )
    return pool_part
