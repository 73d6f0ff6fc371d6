"""Estimates from an audit drawn with unequal chances: unbiased, honest, never NaN."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from labelkit.analysis import AuditFigures, PoolFacts, audit_estimates
from labelkit.query.draws import audit_weights, draw

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]


def world(seed: int, *, n: int = 3000, k: int = 3) -> Arrays:
    """Predictions, truths and confidences of a model that is more often right where it is sure, and overconfident."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(4, 1, n) * (1 - 1 / k) + 1 / k
    predicted = rng.integers(0, k, n)
    right = rng.random(n) < confidence - 0.05
    return predicted, np.where(right, predicted, (predicted + rng.integers(1, k, n)) % k), confidence


def audited(seed: int, predicted: np.ndarray, truth: np.ndarray, confidence: np.ndarray, n: int) -> AuditFigures:
    """The figures after ten draws; roles keep an item from being drawn twice."""
    roles: dict[int, str] = {}
    rows, chances, numbers, rates = [], [], [], {}
    items = np.arange(len(truth))
    for number in range(10):
        left = np.array([i for i in items if int(i) not in roles])
        drawn = draw(left, roles, {"audit": n // 10, "tuning": 0}, seed, confidence[left])
        rates[number] = n / 10 / drawn.drawable
        for one in drawn.chosen["audit"]:
            assert one.probability is not None
            item = int(left[one.row])
            roles[item] = "audit"
            rows.append(item)
            chances.append(one.probability)
            numbers.append(number)
    weights = audit_weights(np.array(chances), np.array(numbers), rates)
    pool = PoolFacts(len(truth), float(confidence.mean()), 0.0)
    taken = np.array(rows)
    return audit_estimates(predicted[taken], truth[taken], confidence[taken], weights, pool=pool, k=3)


def test_unbiased_and_narrower_than_a_plain_sample() -> None:
    predicted, truth, confidence = world(0)
    right = float((predicted == truth).mean())
    found = [audited(seed, predicted, truth, confidence, 100) for seed in range(60)]
    values = np.array([one.accuracy.value for one in found])
    plain = math.sqrt(right * (1 - right) / 100)
    assert abs(values.mean() - right) < 3 * values.std() / math.sqrt(60) + 0.004
    assert values.std() < plain
    assert sum(one.accuracy.low <= right <= one.accuracy.high for one in found) >= 59
    assert np.mean([one.design_effect or 1 for one in found]) < 0.95


def test_figures_of_classes() -> None:
    predicted, truth, confidence = world(1)
    figures = audited(4, predicted, truth, confidence, 300)
    for one in figures.classes:
        both = float(((predicted == one.index) & (truth == one.index)).sum())
        assert one.precision.low <= both / (predicted == one.index).sum() <= one.precision.high
        assert one.recall.low <= both / (truth == one.index).sum() <= one.recall.high
        assert one.precision.n == one.predicted
        assert one.recall.n == one.audited
    assert figures.macro_f1.value == pytest.approx(float((predicted == truth).mean()), abs=0.08)
    assert 0 < figures.macro_f1.low < figures.macro_f1.high < 1


def test_what_teaching_may_have_changed_only_raises_upper_bounds() -> None:
    predicted, truth, confidence = world(2, n=60)
    weights = np.ones(60)
    plain, taught = (
        audit_estimates(predicted, truth, confidence, weights, pool=PoolFacts(900, 0.8, share), k=3)
        for share in (0.0, 0.25)
    )
    assert taught.accuracy.low == plain.accuracy.low
    assert taught.accuracy.value == plain.accuracy.value
    assert taught.accuracy.high == pytest.approx(plain.accuracy.high + 0.25 * (1 - plain.accuracy.high))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 19, 20, 21])
@pytest.mark.parametrize("right", [True, False])
def test_few_items_all_alike_give_numbers(n: int, right: bool) -> None:
    predicted = np.zeros(n, dtype=int)
    truth = predicted if right else predicted + 1
    figures = audit_estimates(predicted, truth, np.full(n, 0.9), np.ones(n), pool=PoolFacts(900, 0.9, 0.1), k=3)
    told = [figures.accuracy, figures.macro_f1]
    for one in figures.classes:
        told += [one.precision, one.recall]
    for estimate in told:
        values = dataclasses.astuple(estimate)
        assert all(value is None or math.isfinite(value) for value in values)
        assert 0 <= estimate.low <= estimate.high <= 1
        assert (estimate.value is None) == (estimate.n == 0)
    assert figures.accuracy.n == n
    if n:
        assert figures.accuracy.value == float(right)
        assert figures.accuracy.high - figures.accuracy.low > 0.2
