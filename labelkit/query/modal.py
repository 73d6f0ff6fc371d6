"""Stand-ins for what modAL-style query functions are given: a fitted classifier or a committee.

The probabilities are already there, so nothing is fitted, and no ``query()`` or ``teach()`` of modAL
runs. A function may ask for all rows of X or for some of them; rows are known by what is in them.

Project: modAL (Danka and Horvath, 2018, arXiv:1805.00979).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.parts import Labelled, is_sparse
from labelkit.types import FloatArray, IntArray


class Classifier:
    """Answers ``predict_proba`` and ``predict`` over the rows of X with stored probabilities.

    Parameters
    ----------
    X
        (n, d) CSR matrix or array: what the function is given.
    probabilities
        (n, k).
    label_names
        The k class names, in index order: ``classes_``.
    labelled
        Answered items, ``X_training`` and ``y_training``, or None.
    """

    on_transformed = False

    def __init__(
        self, X: Any, probabilities: FloatArray, label_names: tuple[str, ...], labelled: Labelled | None
    ) -> None:
        self._X, self._probabilities = X, np.asarray(probabilities, dtype=np.float64)
        self._known: dict[bytes, int] | None = None
        self.classes_ = np.array(label_names)
        answered = labelled is not None and labelled.features is not None and len(labelled) > 0
        self.X_training = labelled.features if labelled is not None and answered else None
        self.y_training = self.classes_[labelled.labels] if labelled is not None and answered else None

    @property
    def estimator(self) -> Classifier:
        """The classifier inside a learner: itself."""
        return self

    def transform_without_estimating(self, X: Any) -> Any:
        """X as the model sees it: as it is."""
        return X

    def predict_proba(self, X: Any) -> FloatArray:
        """(n, k) probabilities of these rows of the pool, a copy."""
        rows = self._rows(X)
        return self._probabilities.copy() if rows is None else self._probabilities[rows]

    def predict(self, X: Any) -> np.ndarray[Any, Any]:
        """(n,) names of the likeliest classes."""
        best: np.ndarray[Any, Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return best

    def fit(self, *_: Any, **__: Any) -> None:
        """Refuse: training is another step's.

        Raises
        ------
        QueryError
            Always.
        """
        raise QueryError("a query strategy may not train the end model: it gets one that is trained already")

    teach = fit

    def _rows(self, X: Any) -> IntArray | None:
        """Which rows are asked for; None for all in order."""
        if X is self._X:
            return None
        wanted = _keys(X)
        if self._known is None:
            self._known = {key: row for row, key in reversed(list(enumerate(_keys(self._X))))}
        rows = [self._known.get(key, -1) for key in wanted]
        if -1 in rows:
            raise QueryError(
                f"a query strategy asked for a prediction of row {rows.index(-1)} of its own making;"
                " rows of the X that it was given were expected"
            )
        return np.array(rows, dtype=np.int64)


class Committee(Classifier):
    """The same with the votes and probabilities of several members.

    Parameters
    ----------
    members
        (c, n, k) probabilities.
    """

    def __init__(self, X: Any, members: FloatArray, label_names: tuple[str, ...], labelled: Labelled | None) -> None:
        super().__init__(X, members.mean(axis=0, dtype=np.float64), label_names, labelled)
        self._members = members
        self.learner_list = [Classifier(X, member, label_names, labelled) for member in members]

    def __len__(self) -> int:
        return len(self.learner_list)

    def __iter__(self) -> Iterator[Classifier]:
        return iter(self.learner_list)

    def vote_proba(self, X: Any) -> FloatArray:
        """(n, c, k) probabilities of each member."""
        rows = self._rows(X)
        return np.moveaxis(self._members if rows is None else self._members[:, rows], 0, 1).astype(np.float64)

    def vote(self, X: Any) -> np.ndarray[Any, Any]:
        """(n, c) name of each member's likeliest class."""
        votes: np.ndarray[Any, Any] = self.classes_[self.vote_proba(X).argmax(axis=2)]
        return votes


def _keys(X: Any) -> list[bytes]:
    """Equal for rows with equal numbers, whatever their type."""
    if not is_sparse(X):
        return [row.tobytes() for row in np.ascontiguousarray(np.atleast_2d(X), dtype=np.float64) + 0.0]
    matrix = X.tocsr().sorted_indices()
    values, columns = matrix.data.astype(np.float64), matrix.indices.astype(np.int64)
    bounds = matrix.indptr
    return [columns[start:stop].tobytes() + b"|" + values[start:stop].tobytes() for start, stop in pairwise(bounds)]
