"""Reliability curves, calibration errors, Brier score and log loss."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from labelkit.analysis import classwise_calibration, measure_calibration


def drawn(n: int, k: int, seed: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and gold labels drawn from them raised to a power: 1 means calibrated."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(k), n)
    true = P**sharpness
    true /= true.sum(axis=1, keepdims=True)
    gold = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return P, gold


def plain_ece(P: np.ndarray, gold: np.ndarray, bins: int) -> float:
    """Guo et al.'s formula, item by item."""
    total = 0.0
    for b in range(bins):
        inside = [i for i in range(len(P)) if b / bins < P[i].max() <= (b + 1) / bins]
        if inside:
            confidence = np.mean([P[i].max() for i in inside])
            accuracy = np.mean([P[i].argmax() == gold[i] for i in inside])
            total += len(inside) / len(P) * abs(confidence - accuracy)
    return total


@given(n=st.integers(1, 60), k=st.integers(2, 5), seed=st.integers(0, 10_000), bins=st.integers(1, 20))
def test_the_error_is_the_published_formula(n: int, k: int, seed: int, bins: int) -> None:
    P, gold = drawn(n, k, seed)
    top = np.sort(P, axis=1)[:, -2:]
    assume((top[:, 1] - top[:, 0] > 1e-4).all())  # ties are another test's
    found = measure_calibration(P, gold, bins=bins)
    assert found.top.ece == pytest.approx(plain_ece(P, gold, bins))
    assert sum(b.accuracy.n for b in found.top.equal_width) == sum(b.accuracy.n for b in found.top.equal_mass) == n
    assert 0 <= found.top.ece_debiased <= 1


@given(n=st.integers(1, 60), k=st.integers(2, 5), seed=st.integers(0, 10_000))
def test_brier_and_log_loss_are_the_textbook_ones(n: int, k: int, seed: int) -> None:
    P, gold = drawn(n, k, seed)
    found = measure_calibration(P, gold)
    assert found.log_loss == pytest.approx(log_loss(gold, P, labels=range(k)))
    assert found.brier == pytest.approx(((P - np.eye(k)[gold]) ** 2).sum() / n)


def test_most_of_what_chance_adds_is_taken_off() -> None:
    plain, debiased = [], []
    for seed in range(30):
        found = measure_calibration(*drawn(300, 3, seed))
        plain.append(found.top.ece)
        debiased.append(found.top.ece_debiased)
    assert np.mean(plain) > 0.05
    assert np.mean(debiased) < 0.45 * np.mean(plain)


def test_the_debiased_error_of_few_items_is_that_of_many() -> None:
    many = measure_calibration(*drawn(200_000, 3, 0, sharpness=0.4)).top
    assert many.ece == pytest.approx(many.ece_debiased, abs=0.005)
    few = [measure_calibration(*drawn(200, 3, seed, sharpness=0.4)).top.ece_debiased for seed in range(40)]
    assert np.mean(few) == pytest.approx(many.ece, abs=0.015)


def test_a_tie_counts_as_a_uniform_choice() -> None:
    P = np.array([[0.5, 0.5, 0.0]] * 4 + [[1 / 3, 1 / 3, 1 / 3]] * 3)
    found = measure_calibration(P, np.array([0, 1, 0, 1, 0, 1, 2]))
    assert found.top.ece == pytest.approx(0)
    assert found.top.accuracy.value == pytest.approx(3 / 7)


def test_uncovered_items_and_those_without_gold_are_left_out() -> None:
    P, gold = drawn(100, 3, 1)
    more = np.vstack([P, np.full((50, 3), 1 / 3), P[:20]])
    labels = np.concatenate([gold, np.zeros(50, dtype=int), np.full(20, -1)])
    covered = np.concatenate([np.ones(100, bool), np.zeros(50, bool), np.ones(20, bool)])
    assert measure_calibration(more, labels, covered) == measure_calibration(P, gold)


def test_bins_are_in_order_and_keep_equal_confidences_together() -> None:
    rng = np.random.default_rng(0)
    top = rng.choice([0.6, 0.7, 0.7, 0.7, 0.95], 500)
    P = np.column_stack([top, 1 - top])
    found = measure_calibration(P, (rng.random(500) > top).astype(int)).top
    assert [b.low for b in found.equal_mass] == [b.high for b in found.equal_mass] == [0.6, 0.7, 0.95]
    assert [round(b.confidence, 9) for b in found.equal_width] == [0.6, 0.7, 0.95]
    assert all(b.low < b.confidence <= b.high for b in found.equal_width)
    assert all(b.accuracy.low <= b.accuracy.value <= b.accuracy.high for b in found.equal_width)


def test_a_certain_and_wrong_label_costs_much_but_not_everything() -> None:
    found = measure_calibration(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1, 1]))
    assert found.top.ece == 1.0
    assert found.brier == 2.0
    assert math.isfinite(found.log_loss)


@pytest.mark.parametrize("n", [0, 1])
def test_no_items_and_one_item(n: int) -> None:
    found = measure_calibration(np.full((n, 2), 0.5), np.zeros(n, dtype=int))
    assert found.n == found.top.accuracy.n == n
    assert math.isnan(found.top.ece) is (n == 0)
    assert math.isnan(found.top.ece_debiased) is (n == 0)
    json.dumps(asdict(found))


def test_one_class_against_the_others() -> None:
    P, gold = drawn(5_000, 3, 2)
    P[:, [0, 1]] = P[:, [1, 0]]  # the first two are mistaken for each other
    found = classwise_calibration(P, gold)
    assert [each.index for each in found] == [0, 1, 2]
    assert found[0].curve.ece > 0.1
    assert found[1].curve.ece > 0.1
    assert found[2].curve.ece < 0.03
    assert found[2].curve.accuracy.value == pytest.approx((gold == 2).mean())


def test_nothing_given_is_changed() -> None:
    P, gold = drawn(50, 3, 3)
    kept = P.copy(), gold.copy()
    measure_calibration(P, gold)
    classwise_calibration(P, gold)
    assert np.array_equal(P, kept[0])
    assert np.array_equal(gold, kept[1])


@pytest.mark.parametrize(
    ("P", "gold", "covered", "bins", "words"),
    [
        (np.ones(3), np.zeros(3, int), None, 15, r"\(n, k\)"),
        (np.full((3, 2), 0.5), np.zeros(2, int), None, 15, "do not fit together"),
        (np.full((3, 2), 0.5), np.zeros(3, int), np.ones(2, bool), 15, "do not fit together"),
        (np.full((3, 2), 0.5), np.full(3, 2), None, 15, "between -1 and 1"),
        (np.full((3, 2), np.nan), np.zeros(3, int), None, 15, "NaN"),
        (np.full((3, 2), 0.5), np.zeros(3, int), None, 0, "at least 1"),
    ],
)
def test_what_does_not_fit_is_refused(
    P: np.ndarray, gold: np.ndarray, covered: np.ndarray, bins: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        measure_calibration(P, gold, covered, bins=bins)
