"""Known labels teach weights: the solution and its evidence against scipy and a plain integral."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.special import logsumexp

from labelkit.labelmodels import taught
from labelkit.labelmodels.agreement import agreement_weights, vote_weights
from labelkit.labelmodels.taught import SHARED, teach


def problem(k: int, seed: int = 0, g: int = 40, m: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, k, g)
    votes = np.where(rng.random((g, m)) < 0.7, gold[:, None], rng.integers(0, k, (g, m)))
    votes[rng.random((g, m)) < 0.4] = -1
    return votes.astype(np.int8), gold, rng.normal(1, 0.3, (m, k))


@pytest.mark.parametrize("k", [2, 4])
def test_one_setting_is_the_maximum_of_the_posterior(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    votes, gold, weights = problem(k)
    for name, values in (("SCALES", (1.0,)), ("VARIANCES", (0.4,)), ("BALANCE", 0.2)):
        monkeypatch.setattr(taught, name, values)
    found = teach(weights, np.zeros(k), votes, gold)
    m = votes.shape[1]
    kept = (votes != -1).any(axis=1)
    # the same model as one normal prior over weights: shared and own deviations summed
    covariance = np.kron(np.eye(m), SHARED * 0.4 * np.ones((k, k)) + (1 - SHARED) * 0.4 * np.eye(k))
    precision = np.linalg.inv(covariance)

    def loss(u: np.ndarray) -> float:
        moved, start = u[: m * k].reshape(m, k), u[m * k :]
        total = 0.5 * u[: m * k] @ precision @ u[: m * k] + 0.5 * start @ start / 0.2
        for row, label in zip(votes[kept], gold[kept], strict=True):
            scores = start.copy()
            for i in np.flatnonzero(row != -1):
                scores[row[i]] += weights[i, row[i]] + moved[i, row[i]]
            total += logsumexp(scores) - scores[label]
        return float(total)

    best = optimize.minimize(loss, np.zeros(m * k + k), method="BFGS", options={"gtol": 1e-8})
    voted = np.zeros((m, k), dtype=bool)
    for i in range(m):
        voted[i, np.unique(votes[:, i][votes[:, i] >= 0])] = True
    moved = best.x[: m * k].reshape(m, k)
    np.testing.assert_allclose((found.weights - weights)[voted], moved[voted], atol=1e-4)
    np.testing.assert_allclose(found.start, best.x[m * k :], atol=1e-4)
    # with more classes, those that a pattern says nothing of share a slot, which leaves their start out
    monkeypatch.setattr(taught, "FEW_CLASSES", 0)
    summed = teach(weights, np.zeros(k), votes, gold)
    np.testing.assert_allclose((summed.weights - weights)[voted], moved[voted], atol=0.12)


def test_the_evidence_is_the_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taught, "BALANCE", 1e-12)
    votes, gold = np.array([[0], [0], [0], [1], [1]], dtype=np.int8), np.array([0, 0, 1, 1, 1])
    lesson = taught._Lesson.of(votes, gold, 2)
    weights = np.array([[0.8, 0.8]])
    _, evidence = lesson.solve(lesson.offsets(weights, np.zeros(2)), 0.5)
    # two weights, normal with variance 0.5 and correlation SHARED, integrated on a grid
    grid = np.linspace(-4, 4, 401)
    a, b = np.meshgrid(grid, grid, indexing="ij")
    covariance = 0.5 * np.array([[1, SHARED], [SHARED, 1]])
    inverse, determinant = np.linalg.inv(covariance), np.linalg.det(covariance)
    prior = np.exp(-0.5 * (inverse[0, 0] * a**2 + 2 * inverse[0, 1] * a * b + inverse[1, 1] * b**2))
    prior /= 2 * np.pi * np.sqrt(determinant)

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    likelihood = sigmoid(0.8 + a) ** 2 * sigmoid(-0.8 - a) * sigmoid(0.8 + b) ** 2
    integral = float((prior * likelihood).sum() * (grid[1] - grid[0]) ** 2)
    assert evidence == pytest.approx(np.log(integral), abs=0.05)


def test_ten_labels_move_little_and_a_thousand_much() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1200)
    votes = np.where(rng.random((1200, 3)) < [0.95, 0.75, 0.3], truth[:, None], 1 - truth[:, None]).astype(np.int8)
    weights = np.full((3, 2), np.log(3))
    few = teach(weights, np.zeros(2), votes[:10], truth[:10])
    many = teach(weights, np.zeros(2), votes, truth)
    assert np.abs(few.weights / few.scale - weights).max() < 1.0
    assert many.weights[0].mean() > 2.2 and many.weights[2].mean() < -0.4
    assert (few.n, many.n) == (10, 1200)


def alike(g: int, k: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two functions of which each alone is right about class 1, and both together mean class 0."""
    rng = np.random.default_rng(seed)
    patterns = np.array([[1, -1, -1], [-1, 1, -1], [1, 1, -1], [-1, -1, 0], [1, -1, 0]], dtype=np.int8)
    which = rng.integers(0, len(patterns), g)
    gold = np.array([1, 1, 0, 0, 1])[which]
    return patterns[which], np.where(rng.random(g) < 0.1, rng.integers(0, k, g), gold)


def test_corrections_of_patterns_are_in_the_maximum_of_the_posterior(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, gold = alike(60)
    for name, values in (("SCALES", (1.0,)), ("VARIANCES", (0.4,)), ("BALANCE", 1e-12), ("INTERACTIONS", (0.3,))):
        monkeypatch.setattr(taught, name, values)
    monkeypatch.setattr(taught, "FEWEST_ALIKE", 2)
    weights = np.ones((3, 2))
    found = teach(weights, np.zeros(2), votes, gold)
    assert found.corrections is not None
    patterns, pattern = np.unique(votes, axis=0, return_inverse=True)
    together = np.flatnonzero((patterns != -1).sum(axis=1) > 1)
    assert {tuple(row) for row in found.corrections.patterns} == {tuple(patterns[i]) for i in together}
    precision = np.linalg.inv(SHARED * 0.4 * np.ones((2, 2)) + (1 - SHARED) * 0.4 * np.eye(2))

    def loss(u: np.ndarray) -> float:
        moved, added = u[:6].reshape(3, 2), np.zeros((len(patterns), 2))
        added[together] = u[6:].reshape(-1, 2)
        total = 0.5 * np.einsum("ia,ab,ib", moved, precision, moved) + 0.5 * np.square(added).sum() / 0.3
        for row, which, label in zip(votes, pattern.ravel(), gold, strict=True):
            scores = added[which].copy()
            for i in np.flatnonzero(row != -1):
                scores[row[i]] += weights[i, row[i]] + moved[i, row[i]]
            total += logsumexp(scores) - scores[label]
        return float(total)

    best = optimize.minimize(loss, np.zeros(6 + 2 * len(together)), method="BFGS", options={"gtol": 1e-8})
    added = {tuple(patterns[i]): best.x[6:].reshape(-1, 2)[at] for at, i in enumerate(together)}
    for row, correction in zip(found.corrections.patterns, found.corrections.added, strict=True):
        np.testing.assert_allclose(correction, added[tuple(row)], atol=1e-4)


def test_the_evidence_decides_whether_patterns_are_corrected() -> None:
    votes, gold = alike(200)
    found = teach(np.ones((3, 2)), np.zeros(2), votes, gold)
    assert found.corrections is not None and found.interaction > 0.45
    both = found.corrections.of(np.array([1, 1, -1]))
    assert both[0] - both[1] > 1
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 400)
    independent = np.where(rng.random((400, 3)) < [0.9, 0.8, 0.7], truth[:, None], 1 - truth[:, None]).astype(np.int8)
    plain = teach(np.full((3, 2), np.log(4)), np.zeros(2), independent, truth)
    assert plain.interaction < 0.25, "less than before any label"


def test_patterns_with_few_labels_or_one_vote_are_not_corrected() -> None:
    votes = np.array([[0, 1]] * (taught.FEWEST_ALIKE - 1) + [[0, -1]] * 20, dtype=np.int8)
    assert teach(np.ones((2, 2)), np.zeros(2), votes, np.arange(len(votes)) % 2).corrections is None
    more = np.concatenate([votes, votes[:1]])
    found = teach(np.ones((2, 2)), np.zeros(2), more, np.arange(len(more)) % 2)
    assert found.corrections is not None and found.corrections.patterns.tolist() == [[0, 1]]


def test_no_covered_label_teaches_nothing() -> None:
    weights, start = np.full((2, 3), 1.0), np.log([0.2, 0.3, 0.5])
    found = teach(weights, start, np.full((4, 2), -1, dtype=np.int8), np.array([0, 1, 2, 0]))
    np.testing.assert_array_equal(found.weights, weights)
    np.testing.assert_array_equal(found.start, start)
    assert found.n == 0


def test_more_columns_than_are_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    votes, gold, weights = problem(3, g=80, m=12)
    monkeypatch.setattr(taught, "MOST_COLUMNS", 5)
    found = teach(weights, np.zeros(3), votes, gold)
    assert np.isfinite(found.weights).all()


def test_agreement_by_brute_force() -> None:
    rng = np.random.default_rng(2)
    k, rows = 3, rng.integers(-1, 3, (60, 4)).astype(np.int8)
    rows = rows[(rows != -1).any(axis=1)]
    counts = rng.integers(1, 5, len(rows))
    found = agreement_weights(rows, counts, k)
    accuracy = np.full((4, k), 0.75)
    judged = np.zeros((4, k))
    for _ in range(8):
        weights = vote_weights(accuracy)
        right, shares = np.zeros((4, k)), np.full(k, 10 / k)
        judged[:] = 0
        for row, count in zip(rows, counts, strict=True):
            scores = np.zeros(k)
            for i in np.flatnonzero(row != -1):
                scores[row[i]] += weights[i, row[i]]
            shares += count * np.exp(scores) / np.exp(scores).sum()
            for i in np.flatnonzero(row != -1):
                if (row != -1).sum() > 1:
                    others = scores.copy()
                    others[row[i]] -= weights[i, row[i]]
                    right[i, row[i]] += count * np.exp(others[row[i]]) / np.exp(others).sum()
                    judged[i, row[i]] += count
        shares /= shares.sum()
        precision = (right + 0.5) / (judged + 1)
        odds = precision / (1 - precision) * (1 - shares) / shares / (k - 1)
        believed = 0.5 * odds / (1 + odds) + 0.5 * 0.75
        accuracy = 0.5 * accuracy + 0.5 * np.clip((50 * 0.75 + judged * believed) / (50 + judged), 0.02, 0.98)
    np.testing.assert_allclose(found.accuracy, accuracy, rtol=1e-9)
    np.testing.assert_allclose(found.shares, shares, rtol=1e-9)
    np.testing.assert_allclose(found.judged, judged)
