"""Snorkel's policies for items whose most probable classes tie, and ones that do what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.base import TIE
from labelkit.labelmodels.snorkel_settings import SnorkelRefusal
from labelkit.types import FloatArray, IntArray

POLICIES: Final = ("abstain", "random", "true-random")

Draw = Callable[[int, npt.NDArray[np.intp]], int]
"""Row and the classes that tie there → one of them."""


def check_policy(policy: str) -> None:
    """Refuse a policy that Snorkel does not have."""
    if policy not in POLICIES:
        raise SnorkelRefusal(
            f"tie_break_policy={policy} policy not recognized.", hint=f"Choose one of {', '.join(POLICIES)}"
        )


def break_ties(decided: IntArray, probabilities: FloatArray, rows: npt.NDArray[np.intp], draw: Draw) -> IntArray:
    """The decisions with one of the classes that tie in each of these rows; a copy."""
    found = decided.copy()
    for row in rows:
        shares = probabilities[row]
        found[row] = draw(int(row), np.flatnonzero(shares.max() - shares < TIE))
    return found


def by_position() -> Draw:
    """Snorkel's ``"random"``: a hash of the row's number, so an item that moves may get another label."""
    return lambda row, classes: int(classes[_hashed(str(row).encode()) % len(classes)])


def by_item(votes: IntArray, items: Sequence[Any] | None) -> Draw:
    """``"random"``: a hash of the item's id, or else of its votes; the same item gets the same label anywhere."""
    if items is not None and len(items) != len(votes):
        raise LabelModelError(f"items has {len(items)} ids, expected {len(votes)}: one for each row")

    def draw(row: int, classes: npt.NDArray[np.intp]) -> int:
        key = str(items[row]).encode() if items is not None else votes[row].astype("<i2").tobytes()
        return int(classes[_hashed(key) % len(classes)])

    return draw


def by_chance(generator: Any) -> Draw:
    """``"true-random"``: a draw from a generator (Snorkel's is ``np.random``)."""
    return lambda _, classes: int(generator.choice(classes))


def _hashed(key: bytes) -> int:
    return int(hashlib.sha1(key, usedforsecurity=False).hexdigest(), 16)
