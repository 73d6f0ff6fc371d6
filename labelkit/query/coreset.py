"""Core-set: the items farthest from everything that is answered or chosen."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query.base import PoolPart, Selection
from labelkit.query.geometry import (
    nearest_squared,
    rows_of,
    sampled_note,
    squared_lengths,
    squared_to,
    subsample,
    unit_rows,
)
from labelkit.query.pool import Pool
from labelkit.query.words import part
from labelkit.types import FloatArray, IntArray

LIMIT: Final = 100_000
"""Above so many candidates a seeded sample of them is covered."""


class CoreSet:
    """Greedy k-centre: again and again the item whose nearest answered or chosen item is farthest.

    Sener and Savarese, "Active learning for convolutional neural networks: a core-set approach", ICLR
    2018; the greedy choice is Gonzalez' farthest-first traversal (1985), at most twice the best radius.
    Rows are compared at length 1. Without answered items the first one is drawn at random.
    """

    name: Final = "coreset"
    needs: frozenset[PoolPart] = frozenset({"features"})
    wants: frozenset[PoolPart] = frozenset({"labelled"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) distance to the nearest answered item, 0 to 2; 0 for all where none is answered."""
        del rng
        nearest, *_ = self._start(pool, np.arange(len(pool)))
        return np.sqrt(np.where(np.isfinite(nearest), nearest, 0.0))

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        rows = subsample(pool, candidates, max(LIMIT, count), rng)
        nearest, X, lengths = self._start(pool, rows)
        picks: list[int] = []
        far: list[float] = []
        while len(picks) < count:
            first = not np.isfinite(nearest).any() and not picks
            pick = int(rng.integers(len(rows))) if first else int(nearest.argmax())
            picks.append(pick)
            far.append(float("inf") if first else float(np.sqrt(max(nearest[pick], 0.0))))
            np.minimum(nearest, squared_to(X, lengths, pick), out=nearest)
            nearest[picks] = -1.0
        distances = np.array(far)
        utilities = np.where(np.isfinite(distances), distances, 2.0)
        reasons = tuple(_told(distance) for distance in far)
        return Selection(rows[picks], utilities, reasons, sampled_note(self.name, len(rows), len(candidates)))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        nearest, *_ = self._start(pool, np.array([i]))
        return _told(float(np.sqrt(nearest[0])))

    def _start(self, pool: Pool, rows: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        X = unit_rows(rows_of(part(pool.features, "features", self.name), rows))
        lengths = squared_lengths(X)
        answered = pool.labelled
        if answered is None or answered.features is None or not len(answered):
            return np.full(len(rows), np.inf), X, lengths
        others = unit_rows(rows_of(answered.features, np.arange(len(answered))))
        return nearest_squared(X, lengths, others), X, lengths


def _told(distance: float) -> str:
    if not np.isfinite(distance):
        return "a first item at random: nothing is answered that others could be unlike"
    return f"unlike everything answered or chosen so far: the nearest is at distance {distance:.2f} (0 to 2)"
