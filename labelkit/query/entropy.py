"""Entropy sampling: the items whose class probabilities are most spread."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query import measures
from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, ranked, said
from labelkit.types import FloatArray

SHOWN_CLASSES = 3


class Entropy:
    """Shannon entropy of the end model's probabilities, in nats.

    Settles, "Active learning literature survey", 2009, section 3.1.
    """

    name: Final = "entropy"
    needs: frozenset[PoolPart] = frozenset({"end_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (one class certain) to log k (all classes level)."""
        del rng
        probabilities = part(pool.end_model, "end_model", self.name)
        return measures.entropy(probabilities)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        order = ranked(row)
        listed = ", ".join(said(pool, row, int(c)) for c in order[:SHOWN_CLASSES])
        others = len(order) - SHOWN_CLASSES
        tail = f" and {others} more" if others > 0 else ""
        return f"end model spreads its belief over {listed}{tail}"
