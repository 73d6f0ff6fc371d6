"""What estimators and fields may do wrong, and what is said of it."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelkit.endmodels import fit_end_model
from labelkit.errors import EndModelError

Y = np.eye(2)[[0, 1] * 4]


def items(**fields: Any) -> pa.Table:
    return pa.table({"id": [str(i) for i in range(8)], **fields})


class Bare:
    """Fits, and knows its classes."""

    def fit(self, X: Any, y: np.ndarray) -> Bare:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.zeros(X.shape[0])


class Says(Bare):
    """Gives the same row for every item."""

    row: Any = (1.0,)

    def predict_proba(self, X: Any) -> Any:
        return [self.row] * X.shape[0]


class ThreeColumns(Says):
    row = (0.5, 0.25, 0.25)


class Nothing(Says):
    row = (0.0, 0.0)


class Negative(Says):
    row = (-1.0, 2.0)


class NotANumber(Says):
    row = (float("nan"), 1.0)


class Words(Says):
    row = ("yes", "no")


class ALittleOff(Says):
    row = (0.3, 0.70001)


class OneScore(Bare):
    def decision_function(self, X: Any) -> np.ndarray:
        return np.full((X.shape[0], 1), 2.0)


class ScoresOfPairs(Bare):
    def decision_function(self, X: Any) -> np.ndarray:
        return np.ones((X.shape[0], 5))


class WithoutClasses(Says):
    def fit(self, X: Any, y: np.ndarray) -> WithoutClasses:
        return self


def asked(kind: type) -> np.ndarray:
    table = items(text=["a b", "c d"] * 4)
    spec = f"{__name__}:{kind.__name__}"
    assert sys.modules[__name__]
    return fit_end_model(spec, table=table, Y=Y).predict_proba(table)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Bare, "neither predict_proba nor decision_function, .*:CalibratedClassifierCV"),
        (ThreeColumns, r"probabilities of shape \(8, 3\); \(8, 2\) was expected"),
        (Nothing, r"gave \[0.0, 0.0\]; probabilities that sum to 1"),
        (Negative, r"gave \[-1.0, 2.0\]; probabilities that sum to 1"),
        (NotANumber, "not finite"),
        (Words, "could not be asked: ValueError"),
        (ScoresOfPairs, r"scores of shape \(8, 5\)"),
        (WithoutClasses, "has no classes_"),
    ],
)
def test_estimators_that_give_no_probabilities_are_refused_in_words(kind: type, message: str) -> None:
    with pytest.raises(EndModelError, match=message):
        asked(kind)


def test_what_is_nearly_right_is_put_right() -> None:
    np.testing.assert_allclose(asked(ALittleOff).sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(asked(OneScore)[:, 1], 1 / (1 + np.exp(-2.0)), atol=1e-6)


@pytest.mark.parametrize(
    "amounts",
    [
        [1.0, float("nan"), float("inf"), -float("inf"), 2.0, 3.0, 1e300, 5.5],
        [1.7e308, -1.7e308] * 4,
        [1e-320, 2e-320] * 4,
        [float("nan")] * 8,
        ["nan", "inf", "1", "2", "1e400", "4", "", "5"],
    ],
)
def test_numbers_that_are_none_spoil_nothing(amounts: list[Any]) -> None:
    table = items(text=["a b", "c d"] * 4, amount=amounts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = fit_end_model(table=table, Y=Y)
        p = model.predict_proba(table)
    assert np.isfinite(p).all()
    np.testing.assert_array_equal(p.argmax(axis=1), [0, 1] * 4)


@pytest.mark.parametrize("texts", [[""] * 8, [None] * 8, [" \t\n"] * 8])
def test_items_without_a_word_are_told(texts: list[Any]) -> None:
    with pytest.raises(EndModelError, match="no item has a word"):
        fit_end_model(table=items(text=pa.array(texts, pa.string())), Y=Y)
