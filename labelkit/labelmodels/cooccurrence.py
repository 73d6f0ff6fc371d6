"""How often functions i and j voted a and b on the same item, counted exactly.

The counts are AᵀA of the one-hot votes A. Blocks of A that fit into the cache are made and multiplied in
float32, which is exact for so few rows, and summed in float64, which is exact up to 2⁵³ items: so the
counts do not depend on how the rows are cut or in which order they are summed.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.threads import over_rows
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

Counts = npt.NDArray[np.float64]

_BLOCK: Final = 2_048
"""Rows of A made at a time: 0.8 MB at 50 functions and two classes."""
_PEEKED: Final = 4_096
"""Rows looked at to choose between the two products; the result is the same with either."""
_SPARSE_COST: Final = 700
"""One multiply-add of the sparse product costs about as much as this many of the dense one."""


def cooccurrence(votes: IntArray, cardinality: int, *, threads: int | None = None) -> npt.NDArray[np.int64]:
    """AᵀA of a checked label matrix (n, m), int64, shape (m·k, m·k), at row i·k + a and column j·k + b."""
    product = _sparse_product if _mostly_abstains(votes, cardinality) else _dense_product
    parts = over_rows(lambda start, stop: product(votes[start:stop], cardinality), len(votes), threads=threads)
    total = parts[0]
    for part in parts[1:]:
        total += part
    return total.astype(np.int64)


def _mostly_abstains(votes: IntArray, k: int) -> bool:
    peeked = votes[:: max(1, len(votes) // _PEEKED)]
    pairs = float(np.square((peeked != ABSTAIN).sum(axis=1), dtype=np.float64).sum())
    return pairs * _SPARSE_COST < len(peeked) * float(votes.shape[1] * k) ** 2


def _dense_product(votes: IntArray, k: int) -> Counts:
    n, m = votes.shape
    width = m * k
    size = min(max(_BLOCK, 2 * width), max(n, 1))
    same = np.empty((size, m), dtype=bool)
    onehot = np.empty((size, width), dtype=np.float32)
    total = np.zeros((width, width))
    for start in range(0, n, size):
        block = votes[start : start + size]
        rows = len(block)
        for label in range(k):
            np.equal(block, label, out=same[:rows])
            # one class after the other: whole rows are written, and told apart again at the end
            onehot[:rows, label * m : (label + 1) * m] = same[:rows].view(np.int8)
        total += onehot[:rows].T @ onehot[:rows]
    return total.reshape(k, m, k, m).transpose(1, 0, 3, 2).reshape(width, width)


def _sparse_product(votes: IntArray, k: int) -> Counts:
    from scipy import sparse

    width = votes.shape[1] * k
    total = np.zeros((width, width))
    for start in range(0, len(votes), SHARD_SIZE):
        block = np.ascontiguousarray(votes[start : start + SHARD_SIZE])
        voted = block != ABSTAIN
        flat = np.flatnonzero(voted)
        columns = (flat % max(block.shape[1], 1)).astype(np.int32) * k + block.ravel()[flat]
        ends = np.concatenate([[0], np.cumsum(voted.sum(axis=1))])
        onehot = sparse.csr_matrix((np.ones(len(flat), dtype=np.int32), columns, ends), shape=(len(block), width))
        total += (onehot.T @ onehot).toarray()
    return total
