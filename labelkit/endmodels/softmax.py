"""Multinomial logistic regression on soft labels: the optimiser, without names or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from labelkit.errors import EndModelError
from labelkit.types import FloatArray, IntArray

Objective = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class SoftmaxFit:
    """(d, k) coefficients, (k,) intercepts, both float32; whether the optimiser got to the bottom."""

    coefficients: FloatArray
    intercepts: FloatArray
    iterations: int
    converged: bool


def fit_softmax(
    X: sp.csr_matrix | FloatArray,
    Y: FloatArray,
    weights: FloatArray,
    *,
    C: float,
    max_iter: int,
    tol: float,
    start: SoftmaxFit | None = None,
    offset: FloatArray | None = None,
) -> SoftmaxFit:
    """Minimise the weighted cross-entropy to soft labels plus ‖W‖² / 2C, intercepts unpenalised.

    Soft targets enter the gradient as they are. Repeating each row once per class with weight p·w, as
    scikit-learn needs it, has the same optimum and was measured to take twice the time where labels are
    dense (semeval .26 against .46 s, with character n-grams 1.1 against 2.6 s, agnews 6.1 against 11.4 s).
    For two classes the scores are ±u/2 with one vector u: the same minimum at half the work. L-BFGS is
    deterministic.

    A column that is zero in all of these rows has zero weights at the minimum. Only the others are given
    to the optimiser: a fit on few rows of many features costs what its own words cost.

    Parameters
    ----------
    X
        (n, d), sparse or dense.
    Y
        (n, k) rows summing to 1, k ≥ 2.
    weights
        (n,) positive.
    start
        An earlier fit of the same shape to begin from instead of zero. The minimum is the same; how near
        to it the optimiser stops is a matter of ``tol`` for both.
    offset
        (n, k) added to the scores of the rows, as they are: what is known before these features speak.
        Whoever predicts has to add theirs.

    Raises
    ------
    EndModelError
        If ``start`` or ``offset`` have another shape, or ``offset`` holds a number that is not finite.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    d, k = X.shape[1], Y.shape[1]
    _check(start, offset, X.shape[0], d, k)
    scale = float(weights.sum())
    narrow, used = _used_columns(X)
    wide = narrow.astype(np.float64)
    begin = _beginning(start, used, narrow.shape[1], k)
    if k == 2:
        ahead = None if offset is None else np.asarray(offset[:, 1] - offset[:, 0], dtype=np.float64)
        objective = _binary(wide, Y[:, 1], weights / scale, 1.0 / (C * scale), ahead)
    else:
        ahead = None if offset is None else np.asarray(offset, dtype=np.float64)
        objective = _multinomial(wide, Y * (weights / scale)[:, None], weights / scale, 1.0 / (C * scale), ahead)
    # One BLAS thread: the vectors are short, threads that wait for each other cost up to eight times as much
    # on a busy machine, and the order of summation must not depend on the number of cores.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(
            objective, begin, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "gtol": tol, "ftol": 1e-10}
        )
    solution = np.outer(found.x, [-0.5, 0.5]) if k == 2 else found.x.reshape(-1, k)
    coefficients = np.zeros((d, k), dtype=np.float32)
    coefficients[used] = solution[:-1]
    return SoftmaxFit(coefficients, solution[-1].astype(np.float32), int(found.nit), found.status == 0)


def softmax(scores: FloatArray) -> FloatArray:
    """(n, k) scores → probabilities; rows sum to 1."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def _check(start: SoftmaxFit | None, offset: FloatArray | None, n: int, d: int, k: int) -> None:
    if start is not None and (start.coefficients.shape != (d, k) or start.intercepts.shape != (k,)):
        raise EndModelError(f"the fit to start from has coefficients of shape {start.coefficients.shape}, not {(d, k)}")
    if offset is not None and offset.shape != (n, k):
        raise EndModelError(f"the offset has shape {offset.shape}; {(n, k)} was expected")
    if offset is not None and not np.isfinite(offset).all():
        raise EndModelError("the offset holds a number that is not finite")


def _used_columns(X: Any) -> tuple[Any, IntArray | slice]:
    """The columns in which a row has an entry, and where they stand; all of a dense matrix."""
    if not sp.issparse(X):
        return np.asarray(X), slice(None)
    d = X.shape[1]
    seen = np.zeros(d, dtype=bool)
    seen[X.indices] = True
    used: IntArray = np.flatnonzero(seen)
    if len(used) == d:
        return X, slice(None)
    place = np.cumsum(seen, dtype=X.indices.dtype) - 1
    return sp.csr_matrix((X.data, place[X.indices], X.indptr), shape=(X.shape[0], len(used))), used


def _beginning(start: SoftmaxFit | None, used: IntArray | slice, width: int, k: int) -> FloatArray:
    """The vector that the optimiser begins with."""
    if start is None:
        return np.zeros(width + 1 if k == 2 else (width + 1) * k)
    table = np.vstack([start.coefficients[used], start.intercepts]).astype(np.float64)
    return np.asarray(table[:, 1] - table[:, 0] if k == 2 else table.ravel())


def _multinomial(
    X: Any, targets: FloatArray, weights: FloatArray, penalty: float, ahead: FloatArray | None
) -> Objective:
    d, k = X.shape[1], targets.shape[1]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        V = flat.reshape(d + 1, k)
        scores = X @ V[:d] + V[d]
        if ahead is not None:
            scores += ahead
        top = scores.max(axis=1, keepdims=True)
        P = np.exp(scores - top)
        total = P.sum(axis=1, keepdims=True)
        loss = weights @ (np.log(total) + top)[:, 0] - np.vdot(targets, scores) + 0.5 * penalty * np.vdot(V[:d], V[:d])
        residual = P * (weights[:, None] / total) - targets
        gradient = np.empty_like(V)
        gradient[:d] = X.T @ residual + penalty * V[:d]
        gradient[d] = residual.sum(axis=0)
        return float(loss), gradient.ravel()

    return objective


def _binary(X: Any, positive: FloatArray, weights: FloatArray, penalty: float, ahead: FloatArray | None) -> Objective:
    """As above with W = (−u/2, u/2): ‖W‖² = ‖u‖² / 2."""

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        u, intercept = flat[:-1], flat[-1]
        scores = X @ u + intercept
        if ahead is not None:
            scores += ahead
        loss = weights @ (np.logaddexp(0.0, scores) - positive * scores) + 0.25 * penalty * (u @ u)
        residual = weights * (0.5 * (1.0 + np.tanh(0.5 * scores)) - positive)
        gradient = np.empty_like(flat)
        gradient[:-1] = X.T @ residual + 0.5 * penalty * u
        gradient[-1] = residual.sum()
        return float(loss), gradient

    return objective
