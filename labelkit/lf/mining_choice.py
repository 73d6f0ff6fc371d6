"""Which mined candidates to suggest: not what functions or earlier suggestions say already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.lf.mining_figures import TermFigures
from labelkit.types import BoolArray, IntArray

_SAID: Final = 0.8
"""A candidate is redundant if one function votes for its class on such a share of its items."""
_ALIKE: Final = 0.6
"""Or if it shares such a share of its items with an earlier suggestion."""


@dataclass(frozen=True)
class Suggestion(TermFigures):
    """A keyword function worth trying.

    ``new`` and ``gain`` are what it adds to the present functions and to the suggestions before it.
    """


def suggested(
    candidates: Sequence[Mapping[str, Any]], bits: bytes, L: IntArray, covered: BoolArray, *, count: int
) -> list[Suggestion]:
    """The best candidates that say something new, best first.

    Parameters
    ----------
    candidates, bits
        As :func:`labelkit.lf.mining.mined` gave them.
    L
        (n, m) class indices that the present functions vote for, −1 = abstain.
    covered
        (n,) items that one of them votes on.
    count
        Suggestions at most.
    """
    size = -(-len(covered) // 8)
    rows = [_rows(bits[place * size : (place + 1) * size], len(covered)) for place in range(len(candidates))]
    open_ = [p for p, one in enumerate(candidates) if not _redundant(L, rows[p], int(one["label"]))]
    taken = covered.copy()
    found: list[Suggestion] = []
    kept: list[npt.NDArray[np.intp]] = []
    while open_ and len(found) < count:
        gains = [_gain(candidates[p], int((~taken[rows[p]]).sum())) for p in open_]
        best = int(np.argmax(gains))
        place, gain = open_.pop(best), gains[best]
        if gain <= 0:
            break
        if any(_alike(rows[place], other) for other in kept):
            continue
        new = int((~taken[rows[place]]).sum())
        taken[rows[place]] = True
        kept.append(rows[place])
        found.append(Suggestion(**{**candidates[place], "new": new, "gain": gain}))
    return found


def _rows(bits: bytes, n: int) -> npt.NDArray[np.intp]:
    return np.flatnonzero(np.unpackbits(np.frombuffer(bits, np.uint8), count=n))


def _gain(candidate: Mapping[str, Any], new: int) -> float:
    before = candidate["new"] + candidate["corrected"]
    return float(candidate["gain"] * (new + candidate["corrected"]) / before) if before else 0.0


def _redundant(L: IntArray, rows: npt.NDArray[np.intp], label: int) -> bool:
    if not L.shape[1] or not len(rows):
        return False
    return bool((L[rows] == label).mean(axis=0).max() >= _SAID)


def _alike(rows: npt.NDArray[np.intp], other: npt.NDArray[np.intp]) -> bool:
    shared = len(np.intersect1d(rows, other, assume_unique=True))
    return shared >= _ALIKE * min(len(rows), len(other))
