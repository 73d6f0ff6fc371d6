"""What label models need to know of a vote matrix: few numbers, exact, summed shard by shard."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.labelmodels.validation import check_votes
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

_EXACT_IN_FLOAT32: Final = 2**24
"""float32 counts exactly up to here: larger sums are taken in float64."""
_BLOCK: Final = 8_000_000
"""Entries of the one-hot matrix made at a time: 32 MB."""


@dataclass(frozen=True)
class VoteStatistics:
    """Sufficient statistics of a label matrix; those of two shards add up to those of both.

    Snorkel's ``LabelModel.fit`` depends on a label matrix only through n, the coverages and
    O = AᵀA / n, A being the one-hot votes; ``predict_proba`` only on the distinct rows.

    Attributes
    ----------
    cardinality
        Number of classes k.
    n
        Number of items.
    patterns
        Distinct rows of the label matrix in order of first appearance, shape (d, m).
    counts
        int64, shape (d,): items with each pattern.
    cooccurrence
        int64, shape (m·k, m·k): items on which function i voted a and function j voted b, at
        row i·k + a and column j·k + b.
    """

    cardinality: int
    n: int
    patterns: IntArray
    counts: npt.NDArray[np.int64]
    cooccurrence: npt.NDArray[np.int64]

    @property
    def m(self) -> int:
        """Number of labeling functions."""
        return int(self.patterns.shape[1])

    @property
    def vote_counts(self) -> npt.NDArray[np.int64]:
        """int64, shape (m, k): votes of each function for each class."""
        return np.diagonal(self.cooccurrence).reshape(self.m, self.cardinality)

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Share of the items that each function votes on, shape (m,)."""
        return np.asarray(self.vote_counts.sum(axis=1) / self.n)

    @property
    def overlaps(self) -> npt.NDArray[np.float64]:
        """Snorkel's matrix O = AᵀA / n in float64, shape (m·k, m·k)."""
        return np.asarray(self.cooccurrence / self.n)

    @classmethod
    def from_votes(cls, L: IntArray, cardinality: int, *, shard_size: int = SHARD_SIZE) -> VoteStatistics:
        """Statistics of a label matrix (n, m), taken ``shard_size`` rows at a time.

        Raises
        ------
        LabelModelError
            If ``L`` is no label matrix of so many classes.
        """
        votes = check_votes(L, cardinality)
        starts = range(0, max(len(votes), 1), shard_size)
        return cls.merge(_of_shard(votes[start : start + shard_size], cardinality) for start in starts)

    @classmethod
    def merge(cls, parts: Iterable[VoteStatistics]) -> VoteStatistics:
        """Statistics of the label matrices of all parts, one below the other.

        Raises
        ------
        LabelModelError
            If there is no part, or the parts differ in their functions or classes.
        """
        held: list[VoteStatistics] = []
        total: npt.NDArray[np.int64] | None = None
        for part in parts:
            if held and (part.m, part.cardinality) != (held[0].m, held[0].cardinality):
                raise LabelModelError(
                    f"vote statistics of {part.m} functions and {part.cardinality} classes cannot be added to those"
                    f" of {held[0].m} functions and {held[0].cardinality} classes"
                )
            total = part.cooccurrence if total is None else total + part.cooccurrence
            held.append(part)
        if total is None:
            raise LabelModelError("there are no vote statistics to add up")
        if len(held) == 1:
            return held[0]
        found = distinct_patterns(np.concatenate([part.patterns for part in held]))
        counts = np.zeros(len(found.rows), dtype=np.int64)
        np.add.at(counts, found.inverse, np.concatenate([part.counts for part in held]))
        return cls(held[0].cardinality, sum(part.n for part in held), found.rows, counts, total)


def _of_shard(votes: IntArray, cardinality: int) -> VoteStatistics:
    found = distinct_patterns(votes)
    # Where few rows repeat, plain rows are cheaper than weighted ones: the product is symmetric then.
    few = len(found.rows) * 2 < len(votes)
    together = _cooccurrence(found.rows if few else votes, found.counts if few else None, cardinality)
    return VoteStatistics(cardinality, len(votes), found.rows, found.counts, together)


def _cooccurrence(rows: IntArray, counts: npt.NDArray[np.int64] | None, k: int) -> npt.NDArray[np.int64]:
    """AᵀA over rows, each as often as ``counts`` says (once if None), by the cheaper of two products."""
    width = rows.shape[1] * k
    pairs = float(np.square((rows != ABSTAIN).sum(axis=1), dtype=np.float64).sum())
    # one multiply-add of the sparse product costs about as much as thirty of the dense one
    if pairs * 30 < float(len(rows)) * width * width:
        return _sparse_product(rows, counts, k)
    total = np.zeros((width, width), dtype=np.int64)
    size = max(1, _BLOCK // max(width, 1))
    for start in range(0, len(rows), size):
        block = slice(start, start + size)
        total += _dense_product(rows[block], None if counts is None else counts[block], k)
    return total


def _dense_product(rows: IntArray, counts: npt.NDArray[np.int64] | None, k: int) -> npt.NDArray[np.int64]:
    items = len(rows) if counts is None else int(counts.sum())
    dtype = np.float32 if items < _EXACT_IN_FLOAT32 else np.float64
    onehot = np.empty((len(rows), rows.shape[1], k), dtype=dtype)
    for label in range(k):
        np.equal(rows, label, out=onehot[:, :, label], casting="unsafe")
    flat = onehot.reshape(len(rows), -1)
    product = flat.T @ flat if counts is None else (flat * counts[:, None].astype(dtype)).T @ flat
    return np.asarray(np.rint(product), dtype=np.int64)


def _sparse_product(rows: IntArray, counts: npt.NDArray[np.int64] | None, k: int) -> npt.NDArray[np.int64]:
    from scipy import sparse

    width = rows.shape[1] * k
    items, functions = np.nonzero(rows != ABSTAIN)
    columns = functions * k + rows[items, functions]
    shape = (len(rows), width)
    onehot = sparse.csr_matrix((np.ones(len(items), dtype=np.int64), (items, columns)), shape=shape)
    weighted = onehot if counts is None else sparse.csr_matrix((counts[items], (items, columns)), shape=shape)
    return np.asarray((weighted.T @ onehot).toarray(), dtype=np.int64)
