"""Density-weighted uncertainty: doubtful items that many others are like."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query.base import PoolPart
from labelkit.query.geometry import unit_rows
from labelkit.query.measures import least_confidence
from labelkit.query.parts import is_sparse
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked
from labelkit.types import FloatArray

BLOCK: Final = 65_536
"""Items whose features are scaled at a time."""


class Density:
    """The end model's doubt times the item's mean cosine with the pool.

    Settles and Craven, "An analysis of active learning strategies for sequence labeling tasks", EMNLP
    2008 (information density, beta = 1). The mean of the cosines with all items is the cosine with the
    mean of all unit rows, so that one vector stands for all pairs.
    """

    name: Final = "density"
    needs: frozenset[PoolPart] = frozenset({"end_model", "features"})

    def __init__(self) -> None:
        self._typical: tuple[Pool, FloatArray] | None = None

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from −1 to 1, larger = more doubtful and more typical."""
        del rng
        return least_confidence(part(pool.end_model, "end_model", self.name)) * self._typicality(pool)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        best = int(ranked(row)[0])
        typical = self._typicality(pool)
        share = float((typical <= typical[i]).mean())
        return (
            f"end model is only {percent(float(row[best]))} sure of {pool.label_names[best]},"
            f" and the item is more typical than {percent(share)} of the pool"
        )

    def _typicality(self, pool: Pool) -> FloatArray:
        """(m,) mean cosine with all items of the pool."""
        if self._typical is not None and self._typical[0] is pool:
            return self._typical[1]
        features = part(pool.features, "features", self.name)
        if is_sparse(features):
            features = features.tocsr()
        blocks = [unit_rows(features[start : start + BLOCK]) for start in range(0, len(pool), BLOCK)]
        mean = np.zeros(features.shape[1])
        for block in blocks:
            mean += np.asarray(block.sum(axis=0), dtype=np.float64).ravel() / len(pool)
        parts = [np.asarray(block @ mean, dtype=np.float64).ravel() for block in blocks]
        typical = np.concatenate(parts) if parts else np.zeros(0)
        self._typical = (pool, typical)
        return typical
