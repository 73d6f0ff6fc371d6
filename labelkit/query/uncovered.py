"""Uncovered first: the items on which no labeling function voted."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import ranked, said
from labelkit.types import FloatArray


class Uncovered:
    """Items without a vote first; among equals, the one of which the end model is least certain.

    People's answers there teach what the labeling functions cannot. Works without an end model.
    """

    name: Final = "uncovered"
    needs: frozenset[PoolPart] = frozenset()

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores: 1 if uncovered, plus 1 − the end model's highest probability (0 without one)."""
        del rng
        scores = np.where(pool.covered, 0.0, 1.0)
        if pool.end_model is not None:
            scores += 1.0 - pool.end_model.max(axis=1, initial=0.0)
        return scores

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        votes = "a labeling function voted" if pool.covered[i] else "no labeling function voted"
        if pool.end_model is None:
            return votes
        best = int(ranked(pool.end_model[i])[0])
        return f"{votes}; end model's best guess is {said(pool, pool.end_model[i], best)}"
