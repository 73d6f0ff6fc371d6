"""The best of a pool, exactly and fast: no sort of a million to find a hundred."""

from __future__ import annotations

import numpy as np

from labelkit.types import FloatArray, IntArray


def top(utilities: FloatArray, keys: FloatArray, count: int) -> IntArray:
    """Rows of the ``count`` highest utilities, best first; equal utilities in ascending order of key.

    Linear in the pool: one partition finds the lowest utility that is in, and only the rows at or
    above it are ordered.

    Parameters
    ----------
    utilities, keys
        (m,) finite.
    count
        How many; all m where there are fewer.
    """
    count = min(count, len(utilities))
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    threshold = np.partition(utilities, len(utilities) - count)[len(utilities) - count]
    inside = np.flatnonzero(utilities > threshold)
    level = np.flatnonzero(utilities == threshold)
    missing = count - len(inside)
    if len(level) > missing:
        level = level[np.argpartition(keys[level], missing - 1)[:missing]]
    rows = np.concatenate([inside, level])
    best: IntArray = rows[np.lexsort((keys[rows], -utilities[rows]))]
    return best
