"""Scores count ties and uncovered items as the expected result of guessing."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelkit.analysis import score, wilson


def test_ties_count_as_expected_and_uncovered_items_as_a_guess() -> None:
    P = np.array([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3], [0.2, 0.2, 0.6], [0.1, 0.8, 0.1]])
    gold = np.array([0, 0, 2, 0, -1])
    covered = np.array([True, True, False, True, True])
    result = score(P, gold, covered)
    assert result.covered_accuracy.value == pytest.approx((1 + 0.5 + 0) / 3)
    assert result.covered_accuracy.n == 3
    assert result.accuracy.value == pytest.approx((1 + 0.5 + 0 + 1 / 3) / 4)
    assert result.accuracy.n == 4
    assert result.coverage == 0.75


@settings(deadline=None)
@given(hnp.arrays(np.int64, st.integers(1, 50), elements=st.integers(0, 2)), st.integers(0, 2**31))
def test_without_ties_the_figures_are_scikit_learns(gold: npt.NDArray[np.int64], seed: int) -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    P = np.random.default_rng(seed).dirichlet(np.ones(3), len(gold))
    predicted = P.argmax(axis=1)
    result = score(P, gold)
    assert result.accuracy == result.covered_accuracy
    assert result.accuracy.value == pytest.approx(accuracy_score(gold, predicted))
    precision, recall, f1, support = precision_recall_fscore_support(
        gold, predicted, labels=[0, 1, 2], zero_division=np.nan
    )
    for c in result.classes:
        assert c.support == support[c.index]
        np.testing.assert_allclose(
            [c.precision, c.recall, c.f1], [precision[c.index], recall[c.index], f1[c.index]], equal_nan=True
        )
    assert result.macro_f1 == pytest.approx(np.nanmean(f1))


def test_nothing_known_is_no_figure() -> None:
    result = score(np.array([[0.5, 0.5]]), np.array([-1]))
    assert result.accuracy.n == 0
    assert np.isnan(result.accuracy.value)
    assert np.isnan(result.macro_f1)
    assert np.isnan(result.coverage)


def test_shapes_and_values_are_checked() -> None:
    P = np.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="do not fit together"):
        score(P, np.array([0]))
    with pytest.raises(ValueError, match="between -1 and 1"):
        score(P, np.array([0, 2]))


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_the_interval_holds_the_share_and_solves_wilsons_equation(n: int, share: float) -> None:
    successes = share * n
    found = wilson(successes, n)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0
    for bound in (found.low, found.high):
        if 1e-12 < bound < 1 - 1e-12:
            distance = (found.value - bound) ** 2
            assert distance == pytest.approx(1.959963984540054**2 * bound * (1 - bound) / n, rel=1e-6, abs=1e-12)


def test_intervals_of_extremes() -> None:
    assert wilson(0, 10).low == 0.0
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(10, 10).high == 1.0
    nothing = wilson(0, 0)
    assert (nothing.low, nothing.high, nothing.n) == (0.0, 1.0, 0)
    assert np.isnan(nothing.value)
    with pytest.raises(ValueError, match="11 successes of 10"):
        wilson(11, 10)
