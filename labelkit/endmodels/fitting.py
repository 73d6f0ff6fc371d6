"""Making and training an end model from its name, the items and their soft labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from labelkit import registry
from labelkit.endmodels.base import EndModel
from labelkit.endmodels.embeddings import Embeddings
from labelkit.endmodels.features import MAX_FEATURES, FeatureFields, FeatureSet, fit_features
from labelkit.errors import EndModelError
from labelkit.types import FloatArray, IntArray

MAX_COEFFICIENTS = 2_000_000
"""Features × classes at most: the optimiser keeps some twenty float64 vectors of that length (0.4 GB)."""
TOLERANCE = 5e-3


def fit_end_model(
    spec: str = "logistic",
    *,
    table: pa.Table,
    Y: FloatArray,
    weights: FloatArray | None = None,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    fields: FeatureFields | None = None,
    label_names: Sequence[str] | None = None,
    features: FeatureSet | None = None,
    X: sp.csr_matrix | None = None,
    embeddings: Embeddings | None = None,
    start: EndModel | None = None,
) -> EndModel:
    """Train an end model.

    The features are made from all rows of ``table`` without labels, the classifier from the rows with a
    weight above 0: pass every item, and weight 0 for those that must not teach (test and audit items).

    Parameters
    ----------
    spec
        A registered name, or ``"package.module:Class"`` of a scikit-learn classifier.
    table
        n items: ``id``, ``text`` and further fields.
    Y
        (n, k) soft labels in index order; rows with weight 0 are not looked at.
    weights
        (n,) finite, not negative; 1 for all if None.
    options
        Keyword arguments of the model.
    fields
        Which fields become features; text and what further fields are good for, if None.
    label_names
        k class names, for the notes.
    features
        Fitted features to use again, in place of fitting new ones.
    X
        (n, d) the matrix of ``table`` under ``features``, where the caller has it.
    embeddings
        Sentence embeddings for the features, where these are fitted here.
    start
        An earlier model to begin from: of the same kind and classes, else it is not used. Its features may
        be others; what they share is carried over.

    Raises
    ------
    EndModelError
        If the model cannot be made, or there is nothing to learn from.
    """
    model = make_end_model(spec, options)
    Y, weights, rows = checked_targets(Y, weights, int(table.num_rows))
    if features is None:
        if X is not None:
            raise EndModelError("a feature matrix was given without the features that made it")
        most = most_features(Y.shape[1])
        features = fit_features(table, fields, max_features=most, seed=seed, embeddings=embeddings)
    matrix = features.matrix(table.take(rows) if X is None else X[rows])
    return model.fit(matrix, Y, weights, features=features, seed=seed, label_names=label_names, start=start)


def most_features(cardinality: int) -> int:
    """How many features an end model for so many classes may have."""
    return min(MAX_FEATURES, MAX_COEFFICIENTS // max(1, cardinality))


def make_end_model(spec: str, options: Mapping[str, Any] | None = None) -> EndModel:
    """An unfitted end model by registered name or import path."""
    from labelkit.endmodels.custom import CustomEndModel

    options = dict(options or {})
    if ":" in spec:
        return CustomEndModel(spec, **options)
    known = registry.names("end_models")
    if spec not in known:
        raise EndModelError(
            f"unknown end model {spec!r}; choose {', '.join(known)}, or the import path of a scikit-learn classifier",
            hint='For instance "sklearn.naive_bayes:MultinomialNB"',
        )
    try:
        model = registry.resolve("end_models", spec)(**options)
    except TypeError as error:
        raise EndModelError(f"end model {spec!r} does not take these options: {error}") from None
    if not isinstance(model, EndModel):
        raise EndModelError(f"the end model {spec!r} is a {type(model).__name__}, not an EndModel")
    return model


def checked_targets(Y: FloatArray, weights: FloatArray | None, items: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """Labels and weights of the rows to train on, float64, and which rows these are.

    Raises
    ------
    EndModelError
        If shapes do not fit, values are no probabilities or weights, or no row is left.
    """
    Y = np.asarray(Y)
    weights = np.ones(items) if weights is None else np.asarray(weights, dtype=np.float64)
    if Y.ndim != 2 or len(Y) != items or weights.shape != (items,):
        raise EndModelError(
            f"{items:,} items came with labels of shape {Y.shape} and weights of shape {weights.shape};"
            f" ({items}, k) and ({items},) were expected"
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if wrong.size:
        raise EndModelError(f"the weight of row {int(wrong[0])} is {weights[wrong[0]]}; a number from 0 was expected")
    rows = np.flatnonzero(weights > 0)
    if not rows.size:
        raise EndModelError(
            f"none of {items:,} items has a label to learn from",
            hint="Write a labeling function that votes, or label some items",
        )
    kept = Y[rows].astype(np.float64)
    sums = kept.sum(axis=1)
    wrong = np.flatnonzero(~(np.abs(sums - 1) <= TOLERANCE) | (kept.min(axis=1) < 0))
    if wrong.size:
        row = int(rows[wrong[0]])
        raise EndModelError(
            f"the label of row {row} is {[float(p) for p in Y[row]]}; probabilities that sum to 1 were expected"
        )
    return kept / sums[:, None], weights[rows], rows
