"""small-text as a peer of ``label_efficiency.py``: its pool-based learner with prediction entropy.

Project: small-text (Schröder, Müller, Niekler, Potthast, EACL 2023 demo, arXiv:2107.10314). It works without its
optional parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from _efficiency_loop import Predict, State
from _efficiency_peers import START, classes_seen, entry, random_rows, uniform
from _efficiency_sets import Problem
from sklearn.base import BaseEstimator, ClassifierMixin

from labelkit.endmodels import EndModel
from labelkit.endmodels.logistic import LogisticEndModel
from labelkit.types import ABSTAIN, FloatArray, IntArray, QueueEntry


class Shared(ClassifierMixin, BaseEstimator):
    """The shipped end model as a scikit-learn estimator, so that small-text trains what everybody trains."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    def __sklearn_clone__(self) -> Shared:
        return Shared(self.problem)

    def fit(self, X: sp.csr_matrix, y: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Learn from rows of the problem's features."""
        weights = np.ones(len(y)) if sample_weight is None else sample_weight
        Y = np.eye(self.problem.cardinality)[np.asarray(y, dtype=np.int64)]
        self.model_: EndModel = LogisticEndModel().fit(X, Y, weights, features=self.problem.features)
        self.classes_ = np.arange(self.problem.cardinality)
        return self

    def predict_proba(self, X: sp.csr_matrix) -> FloatArray:
        """(m, k) probabilities."""
        return self.model_.predict_proba(X)

    def predict(self, X: sp.csr_matrix) -> IntArray:
        """(m,) class indices."""
        return np.asarray(self.predict_proba(X).argmax(axis=1))


class SmallText:
    """``PoolBasedActiveLearner`` with ``PredictionEntropy``; skipped items are ignored the way it offers.

    Its ``BreakingTies`` gave the curves of modAL's margin sampling on the YouTube set, point for point.
    """

    def __init__(self, problem: Problem, seed: int) -> None:
        from small_text import PoolBasedActiveLearner, PredictionEntropy, SklearnClassifierFactory, SklearnDataset
        from small_text.base import LABEL_UNLABELED

        n, k = problem.X.shape[0], problem.cardinality
        dataset = SklearnDataset(problem.X, np.full(n, LABEL_UNLABELED), target_labels=np.arange(k))
        factory = SklearnClassifierFactory(Shared(problem), k)
        self._learner: Any = PoolBasedActiveLearner(factory, PredictionEntropy(), dataset)
        self._rng = np.random.default_rng([seed, 2])
        self._uniform = uniform(k)
        self._queried: IntArray | None = None
        self._started = False

    def refit(self, state: State) -> Predict:
        """See ``Method.refit``."""
        from small_text.base import LABEL_IGNORED

        if self._queried is not None:
            said = state.labels[self._queried]
            skipped = said == ABSTAIN
            self._learner.update(np.where(skipped, LABEL_IGNORED, said) if skipped.any() else said)
            self._queried = None
        elif not self._started and classes_seen(state) >= 2:
            known = np.flatnonzero(state.labels != ABSTAIN)
            ignored = np.flatnonzero(state.asked & (state.labels == ABSTAIN))
            self._learner.initialize_data(known, state.labels[known], indices_ignored=ignored)
            self._started = True
        return self._learner.classifier.model.predict_proba if self._started else self._before(state)

    def _before(self, state: State) -> Predict:
        """While one class is known, that one."""
        known = state.labels[state.labels != ABSTAIN]
        return state.problem.fit_labels(state.labels).predict_proba if len(known) else self._uniform

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        if not self._started:
            return random_rows(state, self._rng, min(count, START))
        most = min(count, len(state.open_rows))
        if not most:
            return []
        self._queried = np.asarray(self._learner.query(num_samples=most))
        return [entry(row, "prediction entropy") for row in self._queried]
