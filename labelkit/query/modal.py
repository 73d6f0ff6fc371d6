"""modAL's measures, on probabilities that are already there: the only file that imports modAL.

modAL's functions take a fitted classifier and call its ``predict_proba``; here a stand-in hands the
stored probabilities through, so that nothing is fitted, no ``query()`` or ``teach()`` of modAL runs, and
neither its global random state nor its selection is involved. Importing modAL loads torch
(about 3 s, once per process), hence inside the functions.

Project: modAL (Danka and Horvath, 2018, arXiv:1805.00979).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from labelkit.types import FloatArray, IntArray

CHUNK = 16_384
"""Items of a committee that are measured at a time."""


class _Classifier:
    """Answers ``predict_proba(X)`` with X: the probabilities themselves are what modAL is given."""

    def predict_proba(self, X: FloatArray) -> FloatArray:
        return X


class _Committee:
    """The members' probabilities, (c, m, k), behind the methods that modAL asks of a committee."""

    def __init__(self, probabilities: FloatArray) -> None:
        # (c, k, m) in memory, because modAL reads one member's classes at a time, items running fastest.
        members_first = np.ascontiguousarray(np.moveaxis(probabilities, 2, 1), dtype=np.float64)
        self._by_item = members_first.transpose(2, 0, 1)
        self.classes_ = np.arange(probabilities.shape[2])

    def __len__(self) -> int:
        return int(self._by_item.shape[1])

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self)))

    def vote_proba(self, X: FloatArray) -> FloatArray:
        del X
        return self._by_item

    def vote(self, X: FloatArray) -> IntArray:
        del X
        votes: IntArray = self._by_item.argmax(axis=2)
        return votes

    def predict_proba(self, X: FloatArray) -> FloatArray:
        del X
        mean: FloatArray = self._by_item.mean(axis=1)
        return mean


def least_confidence(probabilities: FloatArray) -> FloatArray:
    """1 − the highest probability, per row of (m, k): (m,)."""
    from modAL.uncertainty import classifier_uncertainty

    return _float64(classifier_uncertainty(_Classifier(), probabilities))


def margin(probabilities: FloatArray) -> FloatArray:
    """The highest probability − the second highest, per row of (m, k): (m,); low = unsure."""
    from modAL.uncertainty import classifier_margin

    return _float64(classifier_margin(_Classifier(), probabilities))


def entropy(probabilities: FloatArray) -> FloatArray:
    """Shannon entropy in nats, per row of (m, k): (m,)."""
    from modAL.uncertainty import classifier_entropy

    return _float64(classifier_entropy(_Classifier(), np.asarray(probabilities, dtype=np.float64)))


def vote_entropy(committee: FloatArray) -> FloatArray:
    """Entropy of the members' votes, (c, m, k) → (m,). Slow in modAL: 5 s for 1M items."""
    from modAL.disagreement import vote_entropy as measure

    return _in_chunks(measure, committee)


def consensus_entropy(committee: FloatArray) -> FloatArray:
    """Entropy of the members' mean probabilities, (c, m, k) → (m,)."""
    from modAL.disagreement import consensus_entropy as measure

    return _in_chunks(measure, committee)


def max_kl(committee: FloatArray) -> FloatArray:
    """The largest Kullback-Leibler divergence of a member from the members' mean, (c, m, k) → (m,)."""
    from modAL.disagreement import KL_max_disagreement

    return _in_chunks(KL_max_disagreement, committee)


def _in_chunks(measure: Callable[[_Committee, FloatArray], Any], committee: FloatArray) -> FloatArray:
    """The measure of every item, a chunk that fits the processor's cache at a time."""
    scores = np.zeros(committee.shape[1])
    for start in range(0, len(scores), CHUNK):
        part = committee[:, start : start + CHUNK]
        scores[start : start + CHUNK] = measure(_Committee(part), part[0])
    return scores


def _float64(values: Any) -> FloatArray:
    return np.asarray(values, dtype=np.float64)
