"""Peers of ``label_efficiency.py``: people without functions, functions without people, and Active WeaSuL.

All have the features and the logistic regression of labelkit's own loop, so that only the method differs.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from _common import SNORKEL_EPOCHS, SNORKEL_LR
from _efficiency_loop import Predict, State, entry
from _efficiency_sets import Problem

from labelkit.endmodels import EndModel
from labelkit.labelmodels import MajorityLabelModel, SnorkelLabelModel
from labelkit.types import ABSTAIN, FloatArray, IntArray, QueueEntry

START = 10
"""Random questions with which those begin who know nothing, again until two classes are there."""


def uniform(cardinality: int) -> Predict:
    """What somebody predicts who knows nothing."""

    def predict(X: sp.csr_matrix) -> FloatArray:
        return np.full((X.shape[0], cardinality), 1 / cardinality)

    return predict


def random_rows(state: State, rng: np.random.Generator, count: int) -> list[QueueEntry]:
    """So many open rows, drawn at random."""
    rows = state.open_rows
    return [entry(row, "random") for row in rng.choice(rows, min(count, len(rows)), replace=False)]


def classes_seen(state: State) -> int:
    """Number of classes that answers named."""
    return len(np.unique(state.labels[state.labels != ABSTAIN]))


class HumanRandom:
    """Answers to random items alone."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem = problem
        self._rng = np.random.default_rng([seed, 0])
        self._predict = uniform(problem.cardinality)

    def refit(self, state: State) -> Predict:
        """See ``Method.refit``."""
        if classes_seen(state):
            self._predict = self._problem.fit_labels(state.labels).predict_proba
        return self._predict

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        return random_rows(state, self._rng, count)


class _Given:
    """A classifier as modAL wants one, whose probabilities are the features themselves."""

    def predict_proba(self, X: FloatArray) -> FloatArray:
        return X


class HumanMargin(HumanRandom):
    """modAL's ``margin_sampling`` on answers alone, the most common way of active learning."""

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        from modAL.uncertainty import margin_sampling

        rows = state.open_rows
        if classes_seen(state) < 2:
            return random_rows(state, self._rng, min(count, START))
        if len(rows) <= count:
            return [entry(row, "margin") for row in rows]
        probabilities = np.asarray(self._predict(self._problem.X[rows]), dtype=np.float64)
        best, _ = margin_sampling(_Given(), probabilities, n_instances=count)
        return [entry(row, "margin") for row in rows[best]]


class _Unasked:
    """Functions' votes through a label model, and nobody is asked."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed = problem, seed

    def _labels(self) -> FloatArray:
        raise NotImplementedError

    def refit(self, state: State) -> Predict:
        """See ``Method.refit``."""
        return self._problem.fit(self._labels(), self._problem.covered.astype(np.float64)).predict_proba

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        return []


class Majority(_Unasked):
    """Majority vote and the end model."""

    def _labels(self) -> FloatArray:
        return MajorityLabelModel(self._problem.cardinality).fit(self._problem.L).predict_proba(self._problem.L)


class Snorkel(_Unasked):
    """Stock Snorkel (the same fit as in ``real.py``) and the end model."""

    def _labels(self) -> FloatArray:
        model = SnorkelLabelModel(
            self._problem.cardinality, guard=False, n_epochs=SNORKEL_EPOCHS, lr=SNORKEL_LR, seed=self._seed
        )
        return model.fit(self._problem.L).predict_proba(self._problem.L)


def max_kl(patterns: IntArray, believed: FloatArray, first: IntArray, labels: IntArray) -> FloatArray:
    """Divergence of what the label model believes of a vote pattern from what its answers say; (p,) in nats.

    Active WeaSuL (Biegel, El-Khatib, Oliveira, Baak, Aben, 2021, arXiv:2104.14847), for any number of classes: a
    pattern without an answer is taken to have one, the label model's before any answer; shares of n answers are
    kept 0.01 / n away from 0 and 1.

    Parameters
    ----------
    patterns
        (n,) number of each item's vote pattern.
    believed
        (p, k) the label model's probabilities of each pattern.
    first
        (p,) its class of each pattern before any answer.
    labels
        (n,) answers, −1 where there is none.
    """
    p, k = believed.shape
    counts = np.zeros((p, k))
    known = labels != ABSTAIN
    np.add.at(counts, (patterns[known], labels[known]), 1.0)
    empty = counts.sum(axis=1) == 0
    counts[empty, first[empty]] = 1.0
    n = counts.sum(axis=1, keepdims=True)
    said = np.clip(counts / n, 0.01 / n, 1 - 0.01 / n)
    said /= said.sum(axis=1, keepdims=True)
    model = np.clip(believed, 1e-5, 1 - 1e-5)
    model = model / model.sum(axis=1, keepdims=True)
    divergence: FloatArray = (model * np.log(model / said)).sum(axis=1)
    return divergence


class Replacing:
    """Answers replace rows, as in Active WeaSuL: Snorkel fitted again, items from the pattern with the largest MaxKL.

    Snorkel is the guarded one, which takes the answers as evidence against flips; Active WeaSuL's penalty in its
    loss is not there. A batch takes one random item of each pattern, the most divergent first, and begins again:
    one pattern's items are not told apart, and its next share is known only after the answer.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        self._problem, self._seed = problem, seed
        self._rng = np.random.default_rng([seed, 1])
        _, self._rows, patterns = np.unique(problem.L, axis=0, return_index=True, return_inverse=True)
        self._patterns = patterns.ravel()
        self._first: IntArray | None = None
        self._believed = np.empty(0)
        self._end: EndModel | None = None

    def refit(self, state: State) -> Predict:
        """See ``Method.refit``."""
        problem = self._problem
        model = SnorkelLabelModel(problem.cardinality, n_epochs=SNORKEL_EPOCHS, lr=SNORKEL_LR, seed=self._seed)
        Y = np.array(model.fit(problem.L, gold=state.labels).predict_proba(problem.L), dtype=np.float64)
        self._believed = Y[self._rows]
        if self._first is None:
            self._first = self._believed.argmax(axis=1)
        known = state.labels != ABSTAIN
        Y[known] = np.eye(problem.cardinality)[state.labels[known]]
        self._end = problem.fit(Y, (problem.covered | known).astype(np.float64), self._end)
        return self._end.predict_proba

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        assert self._first is not None
        divergence = max_kl(self._patterns, self._believed, self._first, state.labels)
        # Only covered items are asked about there; the others when nothing else is left.
        rows = self._rng.permutation(state.open_rows)
        covered = self._problem.covered[rows]
        turn = _turns(self._patterns[rows])
        order = np.lexsort((-divergence[self._patterns[rows]], turn, ~covered))
        return [entry(row, "maxkl") for row in rows[order[:count]]]


def _turns(patterns: IntArray) -> IntArray:
    """(m,) 0 for the first item of each pattern, 1 for the second …"""
    order = np.argsort(patterns, kind="stable")
    ordered = patterns[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, dtype=np.int64)
    turns = np.empty(len(patterns), dtype=np.int64)
    turns[order] = np.arange(len(patterns)) - np.repeat(starts, np.diff(np.r_[starts, len(patterns)]))
    return turns
