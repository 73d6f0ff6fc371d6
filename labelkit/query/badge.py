"""BADGE: a batch that is uncertain and diverse, by the gradients that its answers would cause."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from labelkit.query.base import PoolPart, Selection
from labelkit.query.geometry import products, rows_of, sampled_note, squared_lengths, subsample
from labelkit.query.pool import Pool
from labelkit.query.words import part, ranked, said
from labelkit.types import FloatArray, IntArray

LIMIT: Final = 100_000
"""Above so many candidates a seeded sample of them is drawn from."""


class Badge:
    """k-means++ seeding on the end model's gradient embedding.

    Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020. For
    a linear model the gradient of an item's loss at its likeliest class is the outer product of
    (p − that class) and its features x. The k·d numbers are never formed: the inner product of two
    outer products is the product of their factors' inner products, and distances need no more.
    """

    name: Final = "badge"
    needs: frozenset[PoolPart] = frozenset({"end_model", "features"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) length of each item's gradient: what its answer could change."""
        del rng
        residual, X = self._factors(pool, np.arange(len(pool)))
        lengths: FloatArray = np.sqrt((residual**2).sum(axis=1) * squared_lengths(X))
        return lengths

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        rows = subsample(pool, candidates, max(LIMIT, count), rng)
        residual, X = self._factors(pool, rows)
        lengths = (residual**2).sum(axis=1) * squared_lengths(X)
        picks = [int(lengths.argmax())]
        far = [float(lengths[picks[0]])]
        nearest = np.full(len(rows), np.inf)
        while len(picks) < count:
            last = picks[-1]
            inner = products(X, last) * (residual @ residual[last])
            np.minimum(nearest, np.maximum(lengths + lengths[last] - 2.0 * inner, 0.0), out=nearest)
            nearest[picks] = 0.0
            pick = _drawn(nearest, picks, rng)
            picks.append(pick)
            far.append(float(nearest[pick]))
        reasons = tuple(
            f"{self.reason(pool, int(rows[pick]))}, and its answer would move the model otherwise than the others'"
            for pick in picks
        )
        chosen = np.array(picks, dtype=np.int64)
        notes = sampled_note(self.name, len(rows), len(candidates))
        return Selection(rows[chosen], np.sqrt(np.array(far)), reasons, notes)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        first, second = (int(c) for c in ranked(row)[:2])
        return f"end model says {said(pool, row, first)} before {said(pool, row, second)}"

    def _factors(self, pool: Pool, rows: IntArray) -> tuple[FloatArray, Any]:
        """(m, k) probabilities minus the likeliest class, and (m, d) features."""
        probabilities = part(pool.end_model, "end_model", self.name)[rows].astype(np.float64)
        X = rows_of(part(pool.features, "features", self.name), rows)
        if len(rows):
            probabilities[np.arange(len(rows)), probabilities.argmax(axis=1)] -= 1.0
        return probabilities, X


def _drawn(nearest: FloatArray, picks: list[int], rng: np.random.Generator) -> int:
    """A row drawn with probability in proportion to its squared distance; uniformly where all are 0."""
    running = np.cumsum(nearest)
    # Differences in the last bits of rounding are no distance.
    if running[-1] <= 1e-12 * len(nearest):
        free = np.ones(len(nearest), dtype=bool)
        free[picks] = False
        return int(rng.choice(np.flatnonzero(free)))
    pick = int(np.searchsorted(running, rng.random() * running[-1], side="right"))
    return pick if pick < len(nearest) and nearest[pick] > 0 else int(nearest.argmax())
