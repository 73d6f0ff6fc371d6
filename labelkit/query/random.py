"""Random sampling: the yardstick that every other strategy has to beat."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query.base import PoolPart
from labelkit.query.keys import random_keys
from labelkit.query.pool import Pool
from labelkit.types import FloatArray


class Random:
    """A uniform random order.

    An item's score depends on the generator and its number alone, so that the order of the rest stays
    as it is when answered items leave the pool. (Drawing by position would hand an answered item's
    draw to its neighbour, and walk through a sorted file item by item.)
    """

    name: Final = "random"
    needs: frozenset[PoolPart] = frozenset()

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores uniform in [0, 1)."""
        return random_keys(pool.items, int(rng.integers(2**63)))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        del i
        return f"chosen at random among {len(pool):,} items"
