"""k-means for choosing typical items: a few rounds on a few thousand rows."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.types import FloatArray, IntArray

ROUNDS: Final = 10
_BLOCK: Final = 4_000_000


def kmeans(X: FloatArray, k: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii, SODA 2007).

    Returns
    -------
    clusters, centres
        (m,) cluster of each row, and (at most k, d) centres; identical rows share one, so that there
        may be fewer.
    """
    centres = _seeds(X, k, rng)
    clusters = assigned(X, centres)
    for _ in range(ROUNDS):
        counts = np.bincount(clusters, minlength=len(centres))
        held = np.flatnonzero(counts)
        starts = (np.cumsum(counts) - counts)[held]
        sums = np.add.reduceat(X[np.argsort(clusters, kind="stable")], starts, axis=0)
        centres[held] = sums / counts[held, None]
        again = assigned(X, centres)
        if (again == clusters).all():
            break
        clusters = again
    return clusters, centres


def assigned(X: FloatArray, centres: FloatArray) -> IntArray:
    """(m,) nearest centre of each row, a block of rows at a time."""
    lengths = (centres**2).sum(axis=1)
    height = max(1, _BLOCK // max(1, len(centres)))
    out = np.zeros(len(X), dtype=np.int64)
    for start in range(0, len(X), height):
        out[start : start + height] = (lengths - 2.0 * (X[start : start + height] @ centres.T)).argmin(axis=1)
    return out


def _seeds(X: FloatArray, k: int, rng: np.random.Generator) -> FloatArray:
    lengths = np.einsum("ij,ij->i", X, X)
    picks = [int(rng.integers(len(X)))]
    nearest = np.maximum(lengths + lengths[picks[0]] - 2.0 * (X @ X[picks[0]]), 0.0)
    # Differences in the last bits of rounding are no distance.
    floor = 1e-12 * max(float(lengths.max(initial=0.0)), 1e-300)
    while len(picks) < min(k, len(X)):
        nearest[nearest <= floor] = 0.0
        running = np.cumsum(nearest)
        if running[-1] <= 0.0:
            break
        pick = min(int(np.searchsorted(running, rng.random() * running[-1], side="right")), len(X) - 1)
        picks.append(pick)
        np.minimum(nearest, lengths + lengths[pick] - 2.0 * (X @ X[pick]), out=nearest)
    return X[picks].copy()
