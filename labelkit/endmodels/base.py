"""What every end model is: fitted on features and soft labels, asked for probabilities and for reasons."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from labelkit.endmodels.calibration import Calibration, Method, fit_calibration
from labelkit.endmodels.features import FeatureSet
from labelkit.errors import EndModelError
from labelkit.types import SHARD_SIZE, FloatArray, IntArray

ABSENT: float = 1e-9
"""A class with less than this share of the training weight counts as absent."""


@dataclass(frozen=True, slots=True)
class FeatureWeight:
    """What one feature of an item adds to the log-odds of a class against class index ``against``."""

    feature: str
    weight: float
    against: int


@dataclass(frozen=True)
class Fitted:
    """What an end model knows once it is fitted. ``present``: class indices with training labels."""

    features: FeatureSet
    cardinality: int
    present: IntArray


class EndModel(ABC):
    """A classifier over items, trained on soft labels.

    A subclass takes its options as keyword arguments and fills in :meth:`_fit` and :meth:`_proba`, where
    labels have the P ≥ 2 present classes only; classes without a training label, and training sets of
    one class, are dealt with here. It may fill in :meth:`_coefficients`, :meth:`_state` and :meth:`_restore`
    for explanations and saving, and :meth:`_begin_from` for warm starts.
    """

    can_save: ClassVar[bool] = False
    """Whether :func:`save_end_model` works; where it does not, the caller fits again."""

    spec: str
    """The registered name or import path that makes such a model."""

    def __init__(self) -> None:
        self._fitted: Fitted | None = None
        self._notes: list[str] = []
        self._calibration: Calibration | None = None

    # What a subclass provides

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The options that make an equal model, JSON-able."""

    @abstractmethod
    def _fit(self, X: sp.csr_matrix, Y: FloatArray, weights: FloatArray, seed: int) -> None:
        """Learn from (n, d) features, (n, P) soft labels and (n,) positive weights; P ≥ 2."""

    @abstractmethod
    def _proba(self, X: sp.csr_matrix) -> FloatArray:
        """(n, P) probabilities."""

    def _coefficients(self) -> tuple[FloatArray, FloatArray] | None:
        """(d, P) weights and (P,) intercepts of a linear model in log-odds, or None."""
        return None

    def _state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        """What was learned: a JSON-able part and arrays."""
        raise NotImplementedError

    def _restore(self, state: dict[str, Any], arrays: dict[str, FloatArray]) -> None:
        """Take over what :meth:`_state` gave."""
        raise NotImplementedError

    def _begin_from(self, earlier: EndModel, columns: IntArray, classes: IntArray) -> None:  # noqa: B027
        """Let the next :meth:`_fit` begin where an earlier model stopped; it must come to the same end.

        ``columns`` (d,) and ``classes`` (P,) tell the earlier model's feature and present class for each of
        the new ones, −1 where it has none.
        """

    # What everybody uses

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know, one sentence each."""
        fitted = self._need()
        calibrated = () if self._calibration is None else (self._calibration.why,)
        return (*fitted.features.notes, *self._notes, *calibrated)

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self._need().features.width

    @property
    def cardinality(self) -> int:
        """Number of classes, k."""
        return self._need().cardinality

    @property
    def feature_set(self) -> FeatureSet:
        """The fitted features."""
        return self._need().features

    @property
    def calibration(self) -> Calibration | None:
        """What :meth:`calibrate` found, or None where it was not called."""
        return self._calibration

    @property
    def explain_note(self) -> str | None:
        """Why :meth:`explain` has nothing to say, or None where it has."""
        if len(self._need().present) < 2:
            return "there was one class only to learn from, so no feature matters"
        if self._coefficients() is None:
            return f"{self.spec} is no linear model: its features have no weights of their own"
        return None

    def fit(
        self,
        X: sp.csr_matrix,
        Y: FloatArray,
        weights: FloatArray,
        *,
        features: FeatureSet,
        seed: int = 0,
        label_names: Sequence[str] | None = None,
        start: EndModel | None = None,
    ) -> Self:
        """Learn; an earlier calibration is forgotten.

        Parameters
        ----------
        X
            (n, d) matrix of ``features``, n ≥ 1.
        Y
            (n, k) soft labels, rows summing to 1.
        weights
            (n,) positive.
        label_names
            k class names, for the notes.
        start
            An earlier model to begin from, where this kind of model can; the result is the same up to the
            optimiser's tolerance.
        """
        mass = weights @ Y
        present = np.flatnonzero(mass > ABSENT * mass.sum())
        self._fitted = Fitted(features, Y.shape[1], present)
        self._notes = _absence(present, Y.shape[1], label_names)
        self._calibration = None
        if len(present) > 1:
            self._start(start)
            kept = Y[:, present]
            self._fit(X, kept / kept.sum(axis=1, keepdims=True), weights, seed)
        return self

    def features(self, table: pa.Table) -> sp.csr_matrix:
        """(n, d) float32 feature matrix of a table of items, for use in place of the table."""
        return self._need().features.matrix(table)

    def _start(self, earlier: EndModel | None) -> None:
        fitted, known = self._need(), None if earlier is None else earlier._fitted
        if earlier is None or known is None or type(earlier) is not type(self):
            return
        if known.cardinality != fitted.cardinality or len(known.present) < 2:
            return
        place = np.full(known.cardinality, -1)
        place[known.present] = np.arange(len(known.present))
        self._begin_from(earlier, fitted.features.places_in(known.features), place[fitted.present])

    def calibrate(self, probabilities: FloatArray, gold: IntArray, *, method: Method = "temperature") -> Calibration:
        """Make the probabilities mean what they say, by labels that this model has not learned from.

        From now on :meth:`predict_proba` gives calibrated ones. With fewer than 20 labels, or where it does
        not help labels that were left out, nothing changes. A temperature changes no predicted label.

        Parameters
        ----------
        probabilities
            (m, k) ``predict_proba(rows, calibrated=False)`` of the held-out rows.
        gold
            (m,) their class indices, −1 where unknown.
        method
            ``"temperature"``, or ``"bias"``: one bias per class as well, which may change labels.
        """
        if np.ndim(probabilities) == 2 and np.shape(probabilities)[1] != self.cardinality:
            raise EndModelError(
                f"probabilities of {np.shape(probabilities)[1]} classes were given; {self.cardinality} were expected"
            )
        self._calibration = fit_calibration(probabilities, gold, method=method)
        return self._calibration

    def predict_proba(self, rows: pa.Table | sp.csr_matrix, *, calibrated: bool = True) -> FloatArray:
        """(n, k) float32 probabilities, all k classes in schema order; rows sum to 1.

        Parameters
        ----------
        rows
            Items, or their matrix from :meth:`features`. A table is worked through a shard at a time.
        calibrated
            As :meth:`calibrate` found, where it was called.
        """
        fitted = self._need()
        n = rows.shape[0] if sp.issparse(rows) else rows.num_rows
        out = np.zeros((n, fitted.cardinality), dtype=np.float32)
        for start in range(0, n, SHARD_SIZE):
            stop = min(start + SHARD_SIZE, n)
            part = rows[start:stop] if sp.issparse(rows) else rows.slice(start, stop - start)
            if len(fitted.present) == 1:
                out[start:stop, fitted.present] = 1.0
            else:
                out[start:stop, fitted.present] = self._proba(fitted.features.matrix(part))
                if calibrated and self._calibration is not None:
                    out[start:stop] = self._calibration.apply(out[start:stop])
        return out

    def explain(self, row: pa.Table, class_index: int, *, top: int = 8) -> list[FeatureWeight]:
        """The features of one item that speak most for or against a class, strongest first.

        A weight is exact: what the feature adds to the log-odds of the class against its strongest
        rival on this item. All features' weights and the difference of the intercepts sum to
        ``log p[class] - log p[rival]``.

        Parameters
        ----------
        row
            A table of one item.

        Returns
        -------
        list of FeatureWeight
            Empty where the model is not linear (see :attr:`explain_note`) or never saw the class.
        """
        fitted = self._need()
        if row.num_rows != 1:
            raise EndModelError(f"one item can be explained at a time; {row.num_rows} were given")
        if not 0 <= class_index < fitted.cardinality:
            raise EndModelError(f"there is no class {class_index}; the indices go from 0 to {fitted.cardinality - 1}")
        linear = self._coefficients() if len(fitted.present) > 1 else None
        if linear is None or class_index not in fitted.present:
            return []
        coefficients, intercepts = self._in_words(*linear)
        x = fitted.features.plain(row)
        own = int(np.flatnonzero(fitted.present == class_index)[0])
        scores = np.asarray(x @ coefficients)[0] + intercepts
        scores[own] = -np.inf
        rival = int(scores.argmax())
        added = x.data * (coefficients[x.indices, own] - coefficients[x.indices, rival])
        indices, added = _summed(x.indices, added, fitted.features.together())
        strongest = np.lexsort((indices, -np.abs(added)))[:top]
        return [
            FeatureWeight(fitted.features.describe(int(indices[i]), row), float(added[i]), int(fitted.present[rival]))
            for i in strongest
            if added[i] != 0
        ]

    def _in_words(self, coefficients: FloatArray, intercepts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(d, P) and (P,) → weights of the plain features alone, and of calibrated log-odds."""
        fitted, scaling = self._need(), self._calibration
        plain = fitted.features.folded(coefficients)
        if scaling is None or not scaling.used:
            return plain, intercepts
        bias = np.array(scaling.bias)[fitted.present] if scaling.bias else 0.0
        return plain / scaling.temperature, intercepts / scaling.temperature + bias

    def _need(self) -> Fitted:
        if self._fitted is None:
            raise EndModelError("this end model is not fitted yet", hint="Use fit_end_model, or call fit first")
        return self._fitted


def _absence(present: IntArray, cardinality: int, names: Sequence[str] | None) -> list[str]:
    called = [repr(names[c]) if names is not None else str(c) for c in range(cardinality)]
    if len(present) == 1:
        return [f"all training labels are {called[int(present[0])]}: the end model predicts nothing else"]
    absent = [called[c] for c in range(cardinality) if c not in present]
    if not absent:
        return []
    them = "it" if len(absent) == 1 else "them"
    return [f"no training label is {' or '.join(absent)}: the end model never predicts {them}"]


def _summed(indices: IntArray, added: FloatArray, together: Sequence[range]) -> tuple[IntArray, FloatArray]:
    """One entry, at the first column, for columns that are read together."""
    for columns in together:
        inside = (indices >= columns.start) & (indices < columns.stop)
        total = added[inside].sum()
        indices = np.append(indices[~inside], columns.start)
        added = np.append(added[~inside], total)
    return indices, added
