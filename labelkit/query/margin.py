"""Margin sampling: the items whose two best classes are closest."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query import measures
from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, ranked, said
from labelkit.types import FloatArray


class Margin:
    """Smallest margin of the end model: 1 − (best probability − second best).

    Scheffer, Decomain and Wrobel, "Active hidden Markov models for information extraction", IDA 2001.
    """

    name: Final = "margin"
    needs: frozenset[PoolPart] = frozenset({"end_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (one class certain) to 1 (the two best are level)."""
        del rng
        probabilities = part(pool.end_model, "end_model", self.name)
        return 1.0 - measures.margin(probabilities)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        first, second = (int(c) for c in ranked(row)[:2])
        return f"end model hesitates between {said(pool, row, first)} and {said(pool, row, second)}"
