"""Uncertainty sampling: the items whose best class is least certain."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query import measures
from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked
from labelkit.types import FloatArray


class Uncertainty:
    """Least confidence of the end model: 1 − the probability of its best class.

    Lewis and Gale, "A sequential algorithm for training text classifiers", SIGIR 1994.
    """

    name: Final = "uncertainty"
    needs: frozenset[PoolPart] = frozenset({"end_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (certain) to 1 − 1/k."""
        del rng
        probabilities = part(pool.end_model, "end_model", self.name)
        return measures.least_confidence(probabilities)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        best = int(ranked(row)[0])
        return f"end model is only {percent(float(row[best]))} sure of its best guess, {pool.label_names[best]}"
