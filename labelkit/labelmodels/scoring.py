"""Sums of what each function's vote adds, for every item: class scores by table lookup.

A few functions are taken together: their votes make one number, and a table holds what that combination
adds to each class, so that 50 functions and two classes cost eight lookups for an item instead of 50. The
groups and the order of summing depend on the table alone: equal rows have equal bits, wherever they stand
and however many threads work. Scores are logarithms where products would underflow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.threads import over_rows
from labelkit.types import IntArray

Floats = npt.NDArray[np.float64]

_TABLE: Final = 8_192
"""Most entries of one group's table (64 KB), unless a single function needs more."""
_BLOCK: Final = 16_384
"""Rows scored at a time."""
_TOGETHER: Final = 128
"""About so many functions are multiplied at a time: the rest of a wider matrix of group weights is zeros."""
_PADDED: Final = 16
"""Arrays handed to ``exp`` are at least so long: a single number may take another path, with other bits."""


class VoteScorer:
    """Scores (k) of items by their votes: ``start`` plus a row of ``table`` for each function.

    Parameters
    ----------
    table
        What a vote of function i adds to each class, shape (m, k + 1, k), at index vote + 1.
    start
        What every item starts from, shape (k,).
    """

    def __init__(self, table: Floats, start: Floats) -> None:
        m, choices, k = table.shape
        together = 1
        while choices ** (together + 1) * k <= _TABLE:
            together += 1
        self._start = start
        self._weights = np.zeros((-(-m // together), m), dtype=np.float32)
        self._tables: list[Floats] = []
        for group, first in enumerate(range(0, m, together)):
            sums = np.zeros((1, k))
            for function in range(first, min(first + together, m)):
                sums = (sums[:, None, :] + table[function]).reshape(-1, k)
                self._weights[group, first:function] *= choices
                self._weights[group, function] = 1
            self._tables.append(np.ascontiguousarray(sums.T))
        self._abstained = self._weights.sum(axis=1, keepdims=True)
        step = max(1, _TOGETHER // together)
        self._parts = [
            (slice(group, group + step), slice(group * together, min((group + step) * together, m)))
            for group in range(0, len(self._weights), step)
        ]

    def blocks(self, votes: IntArray, start: int = 0, stop: int | None = None) -> Iterator[tuple[slice, Floats]]:
        """Scores of the rows of a checked label matrix (n, m), a block at a time.

        Yields
        ------
        slice, ndarray
            Which rows, and their scores by class, shape (k, rows). There may be more columns than rows:
            the last ones are no items. The array may be written to.
        """
        stop = len(votes) if stop is None else stop
        for first in range(start, stop, _BLOCK):
            rows = min(_BLOCK, stop - first)
            scores = np.empty((len(self._start), max(rows, _PADDED)))
            scores[:] = self._start[:, None]
            for groups, functions in self._parts:
                numbers = votes[first : first + rows, functions].astype(np.float32)
                # Whole numbers far below 2**24: exact in whatever order BLAS adds them. All of them are finite, so an
                # "invalid value" that numpy reports was raised in lanes that a BLAS kernel pads and throws away.
                with np.errstate(invalid="ignore"):
                    indices = self._weights[groups, functions] @ numbers.T
                indices += self._abstained[groups]
                self._add(scores, self._tables[groups], indices.astype(np.intp))
            yield slice(first, first + rows), scores

    def _add(self, scores: Floats, tables: list[Floats], indices: npt.NDArray[np.intp]) -> None:
        """Add to the first columns of the scores what the groups' combinations add."""
        rows = indices.shape[1]
        added = np.empty(rows)
        for table, index in zip(tables, indices, strict=True):
            for label, column in enumerate(table):
                # "clip" lets numpy write to ``added`` directly; every index is in range
                np.take(column, index, out=added, mode="clip")
                scores[label, :rows] += added

    def probabilities(self, votes: IntArray) -> Floats:
        """Softmax of the scores of all rows, shape (n, k); several threads work on it."""
        found = np.empty((len(votes), len(self._start)))

        def score(start: int, stop: int) -> None:
            for rows, scores in self.blocks(votes, start, stop):
                found[rows] = to_probabilities(scores)[:, : rows.stop - rows.start].T

        over_rows(score, len(votes))
        return found

    def scores(self, votes: IntArray) -> Floats:
        """Scores of all rows by class, shape (k, n)."""
        found = np.empty((len(self._start), len(votes)))
        for rows, block in self.blocks(votes):
            found[:, rows] = block[:, : rows.stop - rows.start]
        return found


def log_likelihood(mu: npt.NDArray[np.float32]) -> Floats:
    """What a vote adds to each class's log score, shape (m, k + 1, k), at index vote + 1.

    Parameters
    ----------
    mu
        P(function i votes a | class y) at row i·k + a and column y, shape (m·k, k).

    Returns
    -------
    ndarray
        An abstention adds nothing, as in Snorkel.
    """
    k = mu.shape[1]
    table = np.zeros((len(mu) // k, k + 1, k))
    table[:, 1:, :] = np.log(mu).astype(np.float64).reshape(-1, k, k)
    return table


def to_probabilities(scores: Floats) -> Floats:
    """Columns of contiguous log scores (k, n) exponentiated and normalised, in place."""
    scores -= scores.max(axis=0)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=0)
    return scores
