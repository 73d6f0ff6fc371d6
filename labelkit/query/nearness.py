"""Near-duplicates: items so alike that one answer says what the other's would."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from labelkit.query.parts import Features, is_sparse
from labelkit.types import FloatArray, IntArray

NEAR: Final = 0.95
"""Cosine from which two items count as near-duplicates."""
WIDE: Final = 64
"""Columns from which a cosine says that two items are alike: in few columns most directions are close."""


class NearDuplicates:
    """The items that are in a queue, asked whether a further one is a near-duplicate of one of them.

    Two items are near-duplicates if their features are equal, or, where there are at least :data:`WIDE`
    columns, if the cosine between them is :data:`NEAR` or more. Sparse rows are compared with the few that
    can be near at all: a row at that cosine shares a column with the heavy columns of the other, those
    without which the rest is too short (prefix filtering; Bayardo, Ma and Srikant, "Scaling up all pairs
    similarity search", WWW 2007).
    """

    def __init__(self, features: Features | None) -> None:
        self._sparse = features is not None and is_sparse(features)
        self._features: Any = features
        if features is not None and self._sparse:
            self._features = features.tocsr()
        self._wide = features is not None and features.shape[1] >= WIDE
        self._rows: set[bytes] = set()
        self._vectors: list[dict[int, float]] = []
        self._by_column: dict[int, list[int]] = {}
        self._dense = np.zeros((0, 0))
        self._count = 0

    def near(self, row: int) -> bool:
        """Whether an item that was added is a near-duplicate of this row."""
        if self._features is None:
            return False
        if self._key(row) in self._rows:
            return True
        if not self._wide:
            return False
        return self._near_sparse(row) if self._sparse else self._near_dense(row)

    def add(self, row: int) -> None:
        """Put a row in."""
        if self._features is None:
            return
        self._rows.add(self._key(row))
        if not self._wide:
            return
        if self._sparse:
            self._add_sparse(row)
        else:
            self._add_dense(row)

    def _key(self, row: int) -> bytes:
        """Equal for equal rows."""
        if not self._sparse:
            # Adding 0 makes the two zeros of floating point one.
            return bytes((np.asarray(self._features[row]) + 0.0).tobytes())
        columns, values = self._sparse_row(row)
        return bytes(columns.tobytes() + b"|" + values.tobytes())

    def _sparse_row(self, row: int) -> tuple[IntArray, FloatArray]:
        matrix = self._features
        start, stop = matrix.indptr[row], matrix.indptr[row + 1]
        columns, values = matrix.indices[start:stop], matrix.data[start:stop]
        kept = values != 0
        columns, values = columns[kept], values[kept]
        order = np.argsort(columns, kind="stable")
        return columns[order], values[order]

    def _unit(self, row: int) -> dict[int, float]:
        """The row at length 1, heaviest columns first."""
        columns, values = self._sparse_row(row)
        length = float(np.sqrt(np.sum(values.astype(np.float64) ** 2))) or 1.0
        order = np.argsort(-np.abs(values), kind="stable")
        return dict(zip(columns[order].tolist(), (values[order] / length).tolist(), strict=True))

    def _near_sparse(self, row: int) -> bool:
        vector = self._unit(row)
        seen: set[int] = set()
        for column in vector:
            for other in self._by_column.get(column, ()):
                if other in seen:
                    continue
                seen.add(other)
                theirs = self._vectors[other]
                if sum(value * theirs.get(c, 0.0) for c, value in vector.items()) >= NEAR:
                    return True
        return False

    def _add_sparse(self, row: int) -> None:
        vector = self._unit(row)
        number = len(self._vectors)
        self._vectors.append(vector)
        rest = 1.0
        for column, value in vector.items():
            # What is left is too short to reach the cosine alone (Cauchy-Schwarz): no more columns are needed.
            if math.sqrt(max(rest, 0.0)) < NEAR - 1e-6:
                break
            self._by_column.setdefault(column, []).append(number)
            rest -= value * value

    def _near_dense(self, row: int) -> bool:
        vector = self._dense_unit(row)
        return bool(self._count) and bool((self._dense[: self._count] @ vector).max() >= NEAR)

    def _add_dense(self, row: int) -> None:
        vector = self._dense_unit(row)
        if self._count == len(self._dense):
            grown = np.zeros((max(64, 2 * self._count), len(vector)))
            if self._count:
                grown[: self._count] = self._dense
            self._dense = grown
        self._dense[self._count] = vector
        self._count += 1

    def _dense_unit(self, row: int) -> FloatArray:
        vector = np.asarray(self._features[row], dtype=np.float64).ravel()
        return vector / (float(np.linalg.norm(vector)) or 1.0)
