"""Latent semantic analysis: words that occur in the same texts share their weights.

With a hundred labels most words of the other texts have never been seen with one. The leading singular
vectors of the term weights of *all* texts, labelled or not, carry what was learned over to them.

The new features are a linear function of the term weights, so a linear model on both is a linear model on
the words alone (:meth:`Projection.folded`), and can be explained in words to the bit.

References
----------
Deerwester, Dumais, Furnas, Landauer, Harshman (1990): Indexing by latent semantic analysis.
Halko, Martinsson, Tropp (2011): Finding structure with randomness (the randomized decomposition).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.sparse as sp

from labelkit.errors import EndModelError
from labelkit.types import SHARD_SIZE, FloatArray

RANK: Final = 100
FIT_ROWS: Final = 20_000
"""The projection is learned from at most this many rows, drawn at random; all are projected."""
_ITERATIONS: Final = 3
"""Power iterations. 3 keep 97% of the variance that 7 keep (TREC .252 of .257, AG News .112 of .115) in two thirds
of the time."""


@dataclass(frozen=True)
class Projection:
    """(d, r) float32 ``components``: features of term weights X are ``X @ components``."""

    components: FloatArray

    @property
    def rank(self) -> int:
        """Number of features, r."""
        return int(self.components.shape[1])

    def apply(self, X: sp.csr_matrix) -> FloatArray:
        """(n, d) → (n, r) float32, a shard of rows at a time."""
        if X.shape[1] != len(self.components):
            raise EndModelError(
                f"the term weights have {X.shape[1]:,} columns; the projection was made for {len(self.components):,}"
            )
        out = np.empty((X.shape[0], self.rank), dtype=np.float32)
        for start in range(0, X.shape[0], SHARD_SIZE):
            out[start : start + SHARD_SIZE] = X[start : start + SHARD_SIZE] @ self.components
        return out

    def folded(self, coefficients: FloatArray) -> FloatArray:
        """Weights (d + more + r, k) on [X, more, X @ components] → the same scores from [X, more] alone."""
        plain: FloatArray = coefficients[: len(coefficients) - self.rank].copy()
        plain[: len(self.components)] += self.components @ coefficients[len(coefficients) - self.rank :]
        return plain


def latent(X: sp.csr_matrix, rank: int = RANK, seed: int = 0) -> tuple[FloatArray, Projection]:
    """The leading directions of term weights, and every row's place along them.

    Parameters
    ----------
    X
        (n, d) sparse term weights, finite.
    rank
        Directions at most; fewer where there are fewer rows or columns.
    seed
        Of the rows drawn and of the randomized decomposition. Same seed, same bytes: it runs on one BLAS
        thread, and each direction's sign is such that its largest entry is positive.

    Returns
    -------
    (n, r) float32, scaled by one factor so that the mean squared norm of a row is 1, and the projection
    that gives the same for other rows.
    """
    from sklearn.utils.extmath import randomized_svd
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if rank < 1:
        raise EndModelError(f"latent features of rank {rank} were asked for; at least 1 was expected")
    if not np.isfinite(X.data).all():
        raise EndModelError("the term weights hold a number that is not finite")
    rows = X
    if X.shape[0] > FIT_ROWS:
        rows = X[np.sort(np.random.default_rng(seed).choice(X.shape[0], FIT_ROWS, replace=False))]
    most = min(rank, *rows.shape)
    if not most or not rows.nnz:
        projection = Projection(np.zeros((X.shape[1], 0), dtype=np.float32))
        return projection.apply(X), projection
    with threadpool_limits(1, user_api="blas"):
        _, values, directions = randomized_svd(
            rows.astype(np.float32), most, n_iter=_ITERATIONS, random_state=seed, flip_sign=False
        )
        # Directions beyond the matrix's rank are rounding noise.
        V = directions[values > values[0] * 1e-5].T.astype(np.float32)
        V *= np.sign(V[np.abs(V).argmax(axis=0), np.arange(V.shape[1])])
        found = Projection(np.ascontiguousarray(V)).apply(X)
        size = float(np.sqrt(np.mean(np.einsum("ij,ij->i", found, found, dtype=np.float64))))
        scale = np.float32(1.0 / size if size > 0 else 1.0)
    return found * scale, Projection(np.ascontiguousarray(V) * scale)
