"""Distances between feature rows, dense or sparse, one row against all: never all against all."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from labelkit.query.keys import random_keys
from labelkit.query.parts import Features, is_sparse
from labelkit.query.pool import Pool
from labelkit.types import FloatArray, IntArray

BLOCK: Final = 4_000_000
"""Numbers in the largest intermediate array."""
DIMENSIONS: Final = 64
"""Columns to which wide features are reduced where clusters are sought."""


def rows_of(features: Features, rows: IntArray) -> Any:
    """The rows in double precision, CSR or array."""
    if is_sparse(features):
        return features.tocsr()[rows].astype(np.float64)
    return np.asarray(features[rows], dtype=np.float64)


def squared_lengths(X: Any) -> FloatArray:
    """(m,) squared Euclidean length of each row."""
    if is_sparse(X):
        squares = X.copy()
        squares.data = squares.data**2
        return np.asarray(squares @ np.ones(X.shape[1]))
    lengths: FloatArray = np.einsum("ij,ij->i", X, X)
    return lengths


def products(X: Any, j: int) -> FloatArray:
    """(m,) inner product of every row with row ``j``."""
    if not is_sparse(X):
        dense: FloatArray = X @ X[j]
        return dense
    row = np.zeros(X.shape[1])
    start, stop = X.indptr[j], X.indptr[j + 1]
    np.add.at(row, X.indices[start:stop], X.data[start:stop])
    return np.asarray(X @ row)


def squared_to(X: Any, lengths: FloatArray, j: int) -> FloatArray:
    """(m,) squared distance of every row to row ``j``; ``lengths`` from :func:`squared_lengths`."""
    distances: FloatArray = products(X, j)
    distances *= -2.0
    distances += lengths
    distances += lengths[j]
    return np.maximum(distances, 0.0, out=distances)


def nearest_squared(X: Any, lengths: FloatArray, others: Any) -> FloatArray:
    """(m,) squared distance of every row of X to the nearest row of ``others``; infinite where there is none."""
    best = np.full(X.shape[0], np.inf)
    if not others.shape[0]:
        return best
    theirs = squared_lengths(others)
    width = min(others.shape[0], 1024)
    height = max(1, BLOCK // width)
    for left in range(0, others.shape[0], width):
        turned = others[left : left + width].T
        for top in range(0, X.shape[0], height):
            inner = X[top : top + height] @ turned
            block = inner.toarray() if is_sparse(inner) else inner
            block *= -2.0
            block += theirs[left : left + width]
            np.minimum(
                best[top : top + height], block.min(axis=1) + lengths[top : top + height], out=best[top : top + height]
            )
    return np.maximum(best, 0.0, out=best)


def mean_distances(X: Any, lengths: FloatArray, reference: Any) -> FloatArray:
    """(m,) mean Euclidean distance of every row of X to the rows of ``reference``, a block at a time."""
    theirs = squared_lengths(reference)
    turned = reference.T.tocsc() if is_sparse(reference) else reference.T
    height = max(1, BLOCK // max(1, reference.shape[0]))
    means = np.zeros(X.shape[0])
    for top in range(0, X.shape[0], height):
        inner = X[top : top + height] @ turned
        block = inner.toarray() if is_sparse(inner) else inner
        block = lengths[top : top + height, None] + theirs - 2.0 * block
        means[top : top + height] = np.sqrt(np.maximum(block, 0.0, out=block), out=block).mean(axis=1)
    return means


def unit_rows(X: Any) -> Any:
    """The rows at length 1; rows of zeros stay."""
    lengths = np.sqrt(squared_lengths(X))
    scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    if is_sparse(X):
        scaled = X.copy()
        scaled.data = scaled.data * np.repeat(scale, np.diff(X.indptr))
        return scaled
    return X * scale[:, None]


def reduced(X: Any, rng: np.random.Generator) -> FloatArray:
    """(m, at most 64) coordinates that keep most of the distances between wide rows.

    The range of X is found from random directions with two power iterations (Halko, Martinsson and
    Tropp, "Finding structure with randomness", SIAM Review 2011). Narrow dense rows stay as they are.
    """
    m, d = X.shape
    if not is_sparse(X) and d <= 4 * DIMENSIONS:
        return np.asarray(X, dtype=np.float64)
    if d <= DIMENSIONS or m <= 2:
        return np.asarray(X.toarray() if is_sparse(X) else X, dtype=np.float64)
    width = min(DIMENSIONS + 8, d, m)
    turned = X.T.tocsr() if is_sparse(X) else X.T
    basis = np.linalg.qr(np.asarray(X @ rng.standard_normal((d, width))))[0]
    for _ in range(2):
        basis = np.linalg.qr(np.asarray(X @ np.linalg.qr(np.asarray(turned @ basis))[0]))[0]
    small = np.asarray(turned @ basis).T
    left, sizes, _ = np.linalg.svd(small @ small.T)
    kept = min(DIMENSIONS, width)
    coordinates: FloatArray = (basis @ left[:, :kept]) * np.sqrt(sizes[:kept])
    return coordinates


def subsample(pool: Pool, candidates: IntArray, limit: int, rng: np.random.Generator) -> IntArray:
    """At most ``limit`` of the candidate rows, ascending; which, depends on item numbers and the generator only."""
    salt = int(rng.integers(2**63))
    if len(candidates) <= limit:
        return candidates
    keys = random_keys(pool.items[candidates], salt)
    chosen: IntArray = np.sort(candidates[np.argpartition(keys, limit - 1)[:limit]])
    return chosen


def sampled_note(name: str, looked_at: int, candidates: int) -> tuple[str, ...]:
    """What a queue says where a strategy looked at a part of the pool; empty where it looked at all."""
    if looked_at == candidates:
        return ()
    return (f"{name} chose from a random {looked_at:,} of {candidates:,} items",)
