"""From a likelihood table to class probabilities, in log space: hundreds of functions do not underflow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from labelkit.types import IntArray

Floats = npt.NDArray[np.float64]


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


def log_scores(rows: IntArray, log_prior: Floats, table: Floats) -> Floats:
    """Unnormalised log posterior (d, k) of vote patterns (d, m), functions added in their order."""
    scores = np.tile(log_prior, (len(rows), 1))
    for function in range(rows.shape[1]):
        scores += table[function][rows[:, function].astype(np.intp) + 1]
    return scores


def softmax(scores: Floats) -> Floats:
    """Rows of (n, k) exponentiated and normalised."""
    if not len(scores):
        return scores.copy()
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
