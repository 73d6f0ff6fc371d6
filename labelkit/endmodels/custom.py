"""Any scikit-learn classifier as end model, by import path: ``"sklearn.svm:LinearSVC"``."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from labelkit import registry
from labelkit.endmodels.base import EndModel
from labelkit.endmodels.softmax import softmax
from labelkit.errors import EndModelError
from labelkit.types import FloatArray, IntArray

SMALL: float = 1e-3
"""A class with less than this probability in a row is not repeated for it."""
MAX_DENSE_BYTES = 2**30
NEGLIGIBLE: float = 1e-3
"""How far an estimator's probabilities may be off without being wrong."""


class CustomEndModel(EndModel):
    """A classifier with scikit-learn's interface.

    scikit-learn's classifiers learn from hard labels. Where the estimator takes ``sample_weight``, a row
    is repeated for each class with the weight p·w, which is the same as a soft label; where it does not,
    the likeliest class stands for the row, and a note says so. It is not saved: no format but pickle
    fits every estimator, and labelkit reads no pickles.

    Parameters
    ----------
    spec
        ``"package.module:Class"``.
    options
        Keyword arguments of the class. ``random_state`` is the project's seed unless given.

    Raises
    ------
    EndModelError
        If the class cannot be made with these options, or is no classifier that gives probabilities
        or scores.
    """

    def __init__(self, spec: str, /, **options: Any) -> None:
        super().__init__()
        self.spec = spec
        self._options = options
        self._class = registry.load(spec)
        self._estimator: Any = None
        self._dense = False
        self._make(seed=0)

    def options(self) -> dict[str, Any]:
        """See :meth:`EndModel.options`."""
        return dict(self._options)

    def _make(self, seed: int) -> Any:
        if not isinstance(self._class, type):
            raise EndModelError(f"{self.spec!r} is a {type(self._class).__name__}; a classifier's class was expected")
        try:
            estimator = self._class(**self._options)
        except Exception as error:
            raise EndModelError(f"{self.spec} cannot be made with the options {self._options!r}: {error}") from error
        for method in ("fit", "predict"):
            if not callable(getattr(estimator, method, None)):
                raise EndModelError(f"{self.spec} has no method {method}(): it is no scikit-learn classifier")
        if _is_regressor(estimator):
            raise EndModelError(f"{self.spec} is a regressor; an end model has to be a classifier")
        if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
            raise EndModelError(
                f"{self.spec} has neither predict_proba nor decision_function, so it gives no probabilities",
                hint="Choose another classifier, or wrap it in sklearn.calibration:CalibratedClassifierCV",
            )
        if "random_state" in _parameters(estimator) and "random_state" not in self._options:
            estimator.set_params(random_state=seed)
        return estimator

    def _fit(self, X: sp.csr_matrix, Y: FloatArray, weights: FloatArray, seed: int) -> None:
        estimator = self._make(seed)
        rows: IntArray
        labels: IntArray
        arguments: dict[str, FloatArray] = {}
        if _takes_weights(estimator):
            rows, labels = np.nonzero(Y >= SMALL)
            arguments["sample_weight"] = Y[rows, labels] * weights[rows]
        else:
            rows, labels = _hard(Y)
            self._notes.append(f"{self.spec} takes no sample weights: it learned from each item's likeliest class")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self._estimator = self._fit_any(estimator, X[rows], labels, arguments)
        self._notes += [f"{self.spec}: {message}" for message in _convergence(caught)]
        if getattr(self._estimator, "classes_", None) is None:
            raise EndModelError(f"{self.spec} has no classes_ after fitting: it is no scikit-learn classifier")
        if not hasattr(self._estimator, "predict_proba"):
            self._notes.append(f"{self.spec} gives no probabilities: its scores are turned into some, uncalibrated")

    def _fit_any(self, estimator: Any, X: sp.csr_matrix, labels: IntArray, arguments: dict[str, FloatArray]) -> Any:
        """Fit on the sparse matrix, or on a dense one where the estimator insists and memory allows."""
        self._dense = False
        try:
            return estimator.fit(X, labels, **arguments)
        except TypeError as error:
            if "dense" not in str(error).lower():
                raise self._failed("trained", error) from error
        except Exception as error:
            raise self._failed("trained", error) from error
        size = X.shape[0] * X.shape[1] * X.dtype.itemsize
        if size > MAX_DENSE_BYTES:
            raise EndModelError(
                f"{self.spec} takes no sparse features, and {X.shape[0]:,} rows of {X.shape[1]:,} features"
                f" would need {size / 2**30:.1f} GB otherwise",
                hint="Choose a classifier that takes sparse input, or leave the text out",
            )
        self._dense = True
        try:
            return estimator.fit(X.toarray(), labels, **arguments)
        except Exception as error:
            raise self._failed("trained", error) from error

    def _failed(self, what: str, error: Exception) -> EndModelError:
        return EndModelError(f"{self.spec} could not be {what}: {type(error).__name__}: {error}")

    def _proba(self, X: sp.csr_matrix) -> FloatArray:
        out = np.zeros((X.shape[0], len(self._need().present)))
        step = max(1, MAX_DENSE_BYTES // (8 * max(1, X.shape[1]))) if self._dense else max(1, X.shape[0])
        for start in range(0, X.shape[0], step):
            part = X[start : start + step]
            out[start : start + step, self._estimator.classes_] = self._proba_part(
                part.toarray() if self._dense else part
            )
        return out

    def _proba_part(self, X: Any) -> FloatArray:
        probable = hasattr(self._estimator, "predict_proba")
        try:
            asked = self._estimator.predict_proba(X) if probable else self._estimator.decision_function(X)
            given: FloatArray = np.asarray(asked, dtype=np.float64)
        except Exception as error:
            raise self._failed("asked", error) from error
        if not np.isfinite(given).all():
            raise EndModelError(f"{self.spec} gave probabilities or scores that are not finite numbers")
        classes = len(self._estimator.classes_)
        if not probable and classes == 2 and given.size == X.shape[0]:
            given = given.reshape(-1, 1) * np.array([-0.5, 0.5])
        if given.shape != (X.shape[0], classes):
            raise EndModelError(
                f"{self.spec} gave {'probabilities' if probable else 'scores'} of shape {given.shape};"
                f" {(X.shape[0], classes)} was expected: one column for each class it learned"
            )
        return self._checked(given) if probable else softmax(given)

    def _checked(self, P: FloatArray) -> FloatArray:
        """Probabilities that may be a little off, and then sum to 1."""
        sums = P.sum(axis=1, keepdims=True)
        if P.size and (P.min() < -NEGLIGIBLE or np.abs(sums - 1).max() > NEGLIGIBLE):
            wrong = int(np.flatnonzero((P.min(axis=1) < -NEGLIGIBLE) | (np.abs(sums[:, 0] - 1) > NEGLIGIBLE))[0])
            raise EndModelError(
                f"{self.spec} gave {[float(p) for p in P[wrong]]}; probabilities that sum to 1 were expected"
            )
        clipped = np.maximum(P, 0.0)
        return np.asarray(clipped / clipped.sum(axis=1, keepdims=True)) if P.size else clipped

    def _coefficients(self) -> tuple[FloatArray, FloatArray] | None:
        weights = getattr(self._estimator, "coef_", None)
        intercepts = getattr(self._estimator, "intercept_", None)
        classes = getattr(self._estimator, "classes_", ())
        present, width = len(self._need().present), self.n_features
        if weights is None or intercepts is None or len(classes) != present:
            return None
        table = np.asarray(weights.toarray() if sp.issparse(weights) else weights, dtype=np.float64)
        offsets = np.broadcast_to(np.asarray(intercepts, dtype=np.float64), (len(table),))
        if table.shape == (1, width) and present == 2:
            return np.outer(table[0], [-0.5, 0.5]), np.array([-0.5, 0.5]) * offsets[0]
        if table.shape == (present, width):
            return table.T, offsets
        return None


def _parameters(estimator: Any) -> dict[str, Any]:
    found: dict[str, Any] = estimator.get_params(deep=False) if hasattr(estimator, "get_params") else {}
    return found


def _is_regressor(estimator: Any) -> bool:
    from sklearn.base import is_regressor

    try:
        return bool(is_regressor(estimator))
    except (AttributeError, TypeError):  # a duck-typed class without scikit-learn's tags
        return False


def _takes_weights(estimator: Any) -> bool:
    try:
        return "sample_weight" in inspect.signature(estimator.fit).parameters
    except (TypeError, ValueError):
        return False


def _hard(Y: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows and their likeliest classes; rows in which two classes tie are left out, if others remain."""
    ordered = np.sort(Y, axis=1)
    clear = np.flatnonzero(ordered[:, -1] > ordered[:, -2])
    rows = clear if len(clear) else np.arange(len(Y))
    return rows, Y[rows].argmax(axis=1)


def _convergence(caught: list[warnings.WarningMessage]) -> list[str]:
    """First lines of the warnings that say that training did not converge, each once; others are passed on."""
    from sklearn.exceptions import ConvergenceWarning

    lines: dict[str, None] = {}
    for w in caught:
        if issubclass(w.category, ConvergenceWarning):
            lines[str(w.message).splitlines()[0]] = None
        else:
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    return list(lines)
