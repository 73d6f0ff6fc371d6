"""Measures of doubt over stored probabilities, in plain numpy: no model is asked, nothing is random.

They equal modAL's (Danka and Horvath, 2018, arXiv:1805.00979) on the same probabilities, in single or
double precision, without its loops over items.
"""

from __future__ import annotations

import numpy as np

from labelkit.types import FloatArray

CHUNK = 65_536
"""Items whose logarithms are taken at a time: the intermediate arrays stay in the processor's cache."""
FEW_CLASSES = 24
"""Up to so many classes, running over classes beats partitioning every row."""


def least_confidence(probabilities: FloatArray) -> FloatArray:
    """1 − the highest probability, per row of (m, k): (m,) float64."""
    return 1.0 - _highest(probabilities).astype(np.float64)


def margin(probabilities: FloatArray) -> FloatArray:
    """The highest probability − the second highest, per row of (m, k): (m,) float64; low = unsure.

    A single class leaves no second best: the margin is then 0, as in modAL.
    """
    m, k = probabilities.shape
    if k == 1:
        return np.zeros(m)
    if k == 2:
        return np.abs(probabilities[:, 0] - probabilities[:, 1]).astype(np.float64)
    if k > FEW_CLASSES:
        two = np.partition(probabilities, k - 2, axis=1)[:, k - 2 :]
        return (two[:, 1] - two[:, 0]).astype(np.float64)
    first = np.maximum(probabilities[:, 0], probabilities[:, 1])
    second = np.minimum(probabilities[:, 0], probabilities[:, 1])
    for c in range(2, k):
        column = probabilities[:, c]
        np.maximum(second, np.minimum(first, column), out=second)
        np.maximum(first, column, out=first)
    return (first - second).astype(np.float64)


def entropy(probabilities: FloatArray) -> FloatArray:
    """Shannon entropy in nats, per row of (m, k): (m,) float64."""
    out = np.zeros(len(probabilities))
    for start in range(0, len(out), CHUNK):
        out[start : start + CHUNK] = _entropy(probabilities[start : start + CHUNK].astype(np.float64))
    return out


def vote_entropy(committee: FloatArray) -> FloatArray:
    """Entropy in nats of the members' votes (each its likeliest class), (c, m, k) → (m,) float64."""
    members, m, k = committee.shape
    # A class has 0 … c votes, so that a table of c + 1 numbers holds every logarithm there is.
    shares = np.arange(members + 1) / max(members, 1)
    terms = -_xlogx(shares)
    if k == 2:
        both: FloatArray = terms + terms[::-1]
        entropies: FloatArray = both[(committee[:, :, 1] > committee[:, :, 0]).sum(axis=0, dtype=np.int16)]
        return entropies
    out = np.zeros(m)
    for start in range(0, m, CHUNK):
        votes = committee[:, start : start + CHUNK].argmax(axis=2)
        for c in range(k):
            out[start : start + CHUNK] += terms[(votes == c).sum(axis=0)]
    return out


def consensus_entropy(committee: FloatArray) -> FloatArray:
    """Entropy in nats of the members' mean probabilities, (c, m, k) → (m,) float64."""
    out = np.zeros(committee.shape[1])
    for start in range(0, len(out), CHUNK):
        out[start : start + CHUNK] = _entropy(committee[:, start : start + CHUNK].mean(axis=0, dtype=np.float64))
    return out


def max_kl(committee: FloatArray) -> FloatArray:
    """The largest Kullback-Leibler divergence in nats of a member from the members' mean, (c, m, k) → (m,)."""
    out = np.zeros(committee.shape[1])
    for start in range(0, len(out), CHUNK):
        part = committee[:, start : start + CHUNK].astype(np.float64)
        part /= part.sum(axis=2, keepdims=True)
        mean = part.mean(axis=0)
        log_mean = np.log(np.where(mean > 0, mean, 1.0))
        for member in part:
            divergence = (_xlogx(member) - member * log_mean).sum(axis=1)
            np.maximum(out[start : start + CHUNK], divergence, out=out[start : start + CHUNK])
    return out


def _highest(probabilities: FloatArray) -> FloatArray:
    if probabilities.shape[1] > FEW_CLASSES:
        best: FloatArray = probabilities.max(axis=1)
        return best
    best = probabilities[:, 0].copy()
    for c in range(1, probabilities.shape[1]):
        np.maximum(best, probabilities[:, c], out=best)
    return best


def _entropy(probabilities: FloatArray) -> FloatArray:
    """Entropy of rows that need not sum to 1 exactly: they are scaled first, as scipy's measure does."""
    scaled = probabilities / probabilities.sum(axis=1, keepdims=True)
    total: FloatArray = -_xlogx(scaled).sum(axis=1)
    return total


def _xlogx(p: FloatArray) -> FloatArray:
    result: FloatArray = p * np.log(np.where(p > 0, p, 1.0))
    return result
