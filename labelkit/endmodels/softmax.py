"""Multinomial logistic regression on soft labels: the optimiser, without names or files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from labelkit.types import FloatArray

Objective = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class SoftmaxFit:
    """(d, k) coefficients, (k,) intercepts, both float32; whether the optimiser got to the bottom."""

    coefficients: FloatArray
    intercepts: FloatArray
    iterations: int
    converged: bool


def fit_softmax(
    X: sp.csr_matrix, Y: FloatArray, weights: FloatArray, *, C: float, max_iter: int, tol: float
) -> SoftmaxFit:
    """Minimise the weighted cross-entropy to soft labels plus ‖W‖² / 2C, intercepts unpenalised.

    Soft targets enter the gradient as they are. Repeating each row once per class with weight p·w, as
    scikit-learn needs it, has the same optimum and was measured to take twice the time where labels are
    dense (semeval .26 against .46 s, with character n-grams 1.1 against 2.6 s, agnews 6.1 against 11.4 s).
    For two classes the scores are ±u/2 with one vector u: the same minimum at half the work. L-BFGS from
    zero is deterministic.

    Parameters
    ----------
    X
        (n, d).
    Y
        (n, k) rows summing to 1, k ≥ 2.
    weights
        (n,) positive.
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    d, k = X.shape[1], Y.shape[1]
    scale = float(weights.sum())
    wide = X.astype(np.float64)
    if k == 2:
        objective = _binary(wide, Y[:, 1], weights / scale, 1.0 / (C * scale))
        start = np.zeros(d + 1)
    else:
        objective = _multinomial(wide, Y * (weights / scale)[:, None], weights / scale, 1.0 / (C * scale))
        start = np.zeros((d + 1) * k)
    # One BLAS thread: the vectors are short, threads that wait for each other cost up to eight times as much
    # on a busy machine, and the order of summation must not depend on the number of cores.
    with threadpool_limits(1, user_api="blas"):
        found = minimize(
            objective, start, jac=True, method="L-BFGS-B", options={"maxiter": max_iter, "gtol": tol, "ftol": 1e-10}
        )
    solution = np.outer(found.x, [-0.5, 0.5]) if k == 2 else found.x.reshape(d + 1, k)
    table = solution.astype(np.float32)
    return SoftmaxFit(table[:d].copy(), table[d].copy(), int(found.nit), found.status == 0)


def softmax(scores: FloatArray) -> FloatArray:
    """(n, k) scores → probabilities; rows sum to 1."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities: FloatArray = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def _multinomial(X: sp.csr_matrix, targets: FloatArray, weights: FloatArray, penalty: float) -> Objective:
    d, k = X.shape[1], targets.shape[1]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        V = flat.reshape(d + 1, k)
        scores = X @ V[:d] + V[d]
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


def _binary(X: sp.csr_matrix, positive: FloatArray, weights: FloatArray, penalty: float) -> Objective:
    """As above with W = (−u/2, u/2): ‖W‖² = ‖u‖² / 2."""

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        u, intercept = flat[:-1], flat[-1]
        scores = X @ u + intercept
        loss = weights @ (np.logaddexp(0.0, scores) - positive * scores) + 0.25 * penalty * (u @ u)
        residual = weights * (0.5 * (1.0 + np.tanh(0.5 * scores)) - positive)
        gradient = np.empty_like(flat)
        gradient[:-1] = X.T @ residual + 0.5 * penalty * u
        gradient[-1] = residual.sum()
        return float(loss), gradient

    return objective
