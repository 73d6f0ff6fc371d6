"""scikit-activeml's pool strategies: the only file that knows scikit-activeml.

Project: scikit-activeml (Kottke et al., 2021), https://github.com/scikit-activeml/scikit-activeml.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Final

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.base import PoolPart, Selection
from labelkit.query.callables import seeded
from labelkit.query.choosing import failed
from labelkit.query.geometry import reduced, rows_of, sampled_note, subsample, unit_rows
from labelkit.query.modal import Classifier
from labelkit.query.pool import Pool
from labelkit.query.words import part, ranked, said
from labelkit.types import FloatArray, IntArray

LIMIT: Final = 2_000
"""Above so many candidates a seeded sample is looked at: many of these strategies measure all pairs."""


def require() -> None:
    """Refuse to go on without scikit-activeml.

    Raises
    ------
    QueryError
        If it, or something that it needs, is not installed.
    """
    try:
        import skactiveml.pool  # noqa: F401
    except ImportError as error:
        raise QueryError(
            f"scikit-activeml cannot be imported ({error})", hint='Install it with pip install "labelkit[activeml]"'
        ) from error


class Activeml:
    """One of scikit-activeml's pool strategies, with its default options.

    It sees at most 2,000 candidates and 2,000 answered items in dense columns (wide features are reduced
    to 64), and the end model's probabilities through a classifier that is not fitted again.

    Parameters
    ----------
    name
        What the mix calls it.
    own
        The class, for instance ``skactiveml.pool.ProbCover``.
    """

    def __init__(self, name: str, own: type) -> None:
        self.name = name
        self._own = own
        self._arguments = set(inspect.signature(own.query).parameters)  # type: ignore[attr-defined]
        model: set[PoolPart] = {"end_model"} if self._arguments & {"clf", "estimator", "discriminator"} else set()
        if "ensemble" in self._arguments:
            raise QueryError(f"{name!r} wants an ensemble of its own; use committee instead")
        self.needs: frozenset[PoolPart] = frozenset({"features", *model})
        self.wants: frozenset[PoolPart] = frozenset({"labelled", "end_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) zeros: scores are made for the candidates of a batch only."""
        del rng
        return np.zeros(len(pool))

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        rows = subsample(pool, candidates, max(LIMIT, count), rng)
        X, y = self._data(pool, rows, rng)
        try:
            # Some of them cluster with numpy's global generator, whatever random_state they are given.
            with warnings.catch_warnings(), seeded(int(rng.integers(2**32))):
                warnings.simplefilter("ignore")
                own = self._own(random_state=int(rng.integers(2**31)))
                given: dict[str, Any] = {"X": X, "y": y, "candidates": np.arange(len(rows)), "batch_size": count}
                chosen = np.asarray(own.query(**given, **self._model(pool, rows, X, y)))
        except Exception as error:  # any of many strategies
            raise failed(self, error) from error
        if chosen.size and not (chosen.min() >= 0 and chosen.max() < len(rows)):
            raise QueryError(f"query strategy {self.name!r} returned row {int(chosen.max())}, which is labelled")
        return Selection(rows[chosen], notes=sampled_note(self.name, len(rows), len(candidates)))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        chosen = f"chosen by {self.name.rpartition(':')[2]} of scikit-activeml"
        if pool.end_model is None:
            return chosen
        row = pool.end_model[i]
        return f"{chosen}; end model's best guess is {said(pool, row, int(ranked(row)[0]))}"

    def _data(self, pool: Pool, rows: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Candidates, then answered items, with class indices and NaN where there is no answer."""
        from labelkit.query.typiclust import stacked

        X = rows_of(part(pool.features, "features", self.name), rows)
        labels = np.zeros(0)
        if pool.labelled is not None and pool.labelled.features is not None and len(pool.labelled):
            kept = np.sort(rng.permutation(len(pool.labelled))[:LIMIT])
            X = stacked(X, rows_of(pool.labelled.features, kept))
            labels = pool.labelled.labels[kept].astype(np.float64)
        return reduced(unit_rows(X), rng), np.concatenate([np.full(len(rows), np.nan), labels])

    def _model(self, pool: Pool, rows: IntArray, X: FloatArray, y: FloatArray) -> dict[str, Any]:
        if not self._arguments & {"clf", "estimator"}:
            return {}
        own = "clf" if "clf" in self._arguments else "estimator"
        model = part(pool.end_model, "end_model", self.name)[rows].astype(np.float64)
        # Answered items are asked about too: their answers stand for the model's opinion.
        answered = np.eye(len(pool.label_names))[y[len(rows) :].astype(np.int64)]
        probabilities = np.concatenate([model / model.sum(axis=1, keepdims=True), answered])
        fitted = _classifier(Classifier(X, probabilities, pool.label_names, None), len(pool.label_names))
        return {own: fitted, f"fit_{own}": False}


def _classifier(stand_in: Classifier, k: int) -> Any:
    """A fitted classifier as scikit-activeml wants it: of its own base class."""
    from skactiveml.base import SkactivemlClassifier

    class Stored(SkactivemlClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            del X, y, sample_weight
            return self

        def predict_proba(self, X: Any) -> FloatArray:
            return stand_in.predict_proba(X)

        def predict(self, X: Any) -> IntArray:
            best: IntArray = self.predict_proba(X).argmax(axis=1)
            return best

    fitted = Stored(classes=list(range(k)))
    fitted.classes_ = np.arange(k)
    fitted.n_features_in_ = stand_in._X.shape[1]
    return fitted
