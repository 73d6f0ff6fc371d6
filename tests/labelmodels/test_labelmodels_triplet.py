"""The triplet method: true accuracies recovered from how functions vote together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from labelkit.errors import LabelModelError
from labelkit.labelmodels import TripletLabelModel, VoteStatistics

Votes = npt.NDArray[np.int8]


def independent(
    n: int, rates: list[list[list[float]]], balance: list[float], seed: int = 0
) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Votes drawn from P(function i votes a | class y) = rates[i][y][a]; what is left of a row abstains."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(len(balance), n, p=balance)
    L = np.full((n, len(rates)), -1, dtype=np.int8)
    for at, table in enumerate(rates):
        upper = np.cumsum(np.array(table)[truth], axis=1)
        drawn = rng.random(n)
        L[:, at] = np.where(drawn < upper[:, -1], (drawn[:, None] >= upper).sum(axis=1), -1)
    return L, truth


def log_ratios(rates: list[list[list[float]]]) -> npt.NDArray[np.float64]:
    """log P(votes c | c) / P(votes c | another class), two classes."""
    table = np.array(rates)
    return np.log(
        np.stack([table[:, 0, 0] / table[:, 1, 0], table[:, 1, 1] / np.maximum(table[:, 0, 1], 1e-9)], axis=1)
    )


BOTH = [[[a * c, (1 - a) * c], [(1 - a) * c, a * c]] for a, c in ((0.9, 0.8), (0.8, 0.6), (0.7, 0.9), (0.6, 0.7))]


@pytest.mark.parametrize("balance", [[0.5, 0.5], [0.3, 0.7]])
def test_accuracies_of_functions_with_two_classes(balance: list[float]) -> None:
    L, _ = independent(200_000, BOTH, balance)
    model = TripletLabelModel(2, class_balance=balance).fit(L)
    np.testing.assert_allclose(model.vote_weights, log_ratios(BOTH), atol=0.12)


def test_accuracies_of_functions_with_one_class() -> None:
    rates = [
        [[0.4, 0.0], [0.05, 0.0]],
        [[0.2, 0.0], [0.1, 0.0]],
        [[0.0, 0.02], [0.0, 0.3]],
        [[0.0, 0.1], [0.0, 0.25]],
        [[0.3, 0.0], [0.1, 0.0]],
    ]
    L, _ = independent(300_000, rates, [0.5, 0.5])
    weights = TripletLabelModel(2).fit(L).vote_weights
    label = [0, 0, 1, 1, 0]
    found = weights[np.arange(5), label]
    expected = [np.log(table[c][c] / table[1 - c][c]) for table, c in zip(rates, label, strict=True)]
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_three_classes_against_the_rest() -> None:
    accuracies = (0.85, 0.75, 0.65, 0.55)
    rates = [[[0.8 * (a if y == v else (1 - a) / 2) for v in range(3)] for y in range(3)] for a in accuracies]
    L, truth = independent(60_000, rates, [1 / 3] * 3)
    model = TripletLabelModel(3).fit(L)
    expected = [np.log(a / ((1 - a) / 2)) for a in accuracies]
    np.testing.assert_allclose(model.vote_weights, np.repeat(np.array(expected)[:, None], 3, axis=1), atol=0.2)
    best = np.mean(TripletLabelModel(3).fit(L).predict(L) == truth)
    ideal = np.stack([(np.equal(L, c) * np.array(expected)).sum(axis=1) for c in range(3)], axis=1).argmax(axis=1)
    assert best > (ideal == truth).mean() - 0.02


def test_weights_lie_within_bounds_and_few_votes_near_the_prior() -> None:
    L, _ = independent(200, BOTH, [0.5, 0.5])
    start = np.log(3)
    weights = TripletLabelModel(2).fit(L[:8]).vote_weights
    assert (np.abs(weights - start) < 0.9).all()
    weights = TripletLabelModel(2).fit(L).vote_weights
    assert (weights >= 0.25 * start - 1e-12).all()
    assert (weights <= start + 3 + 1e-12).all()


def test_functions_without_a_triplet_are_named() -> None:
    L, _ = independent(500, BOTH, [0.5, 0.5])
    lonely = np.full((20, 5), -1, dtype=np.int8)
    lonely[:, 4] = 1
    L = np.concatenate([np.column_stack([L, np.full(500, -1)]), lonely]).astype(np.int8)
    model = TripletLabelModel(2).fit(L, names=["a", "b", "c", "d", "e"])
    assert model.diagnostics["without_triplet"] == [4]
    assert "1 of 5 labeling functions is in no triplet that says how good it is: 'e'; it weighs" in model.notes[0]
    assert model.vote_weights[4, 1] == pytest.approx(np.log(3), abs=0.35)
    two = TripletLabelModel(2).fit(L[:, :2])
    assert two.notes[0].startswith("the triplet method needs three labeling functions")
    np.testing.assert_allclose(two.vote_weights, two.vote_weights[0, 0], atol=0.05)


def test_known_labels_update_precisions() -> None:
    L, truth = independent(3000, [*BOTH, [[0.1, 0.6], [0.6, 0.1]]], [0.5, 0.5])
    gold = np.where(np.arange(3000) < 200, truth, -1)
    without, taught = TripletLabelModel(2).fit(L), TripletLabelModel(2).fit(L, gold)
    assert (without.vote_weights[4] > 0).all()
    assert (taught.vote_weights[4] < 0).all()
    assert (taught.predict(L) == truth)[200:].mean() > (without.predict(L) == truth)[200:].mean()


def test_statistics_alone_are_enough() -> None:
    L, _ = independent(1000, BOTH, [0.5, 0.5])
    parts = [VoteStatistics.from_votes(L[at : at + 300], 2, at) for at in range(0, 1000, 300)]
    summed = TripletLabelModel(2).fit_statistics(VoteStatistics.merge(parts))
    assert summed.vote_weights.tobytes() == TripletLabelModel(2).fit(L).vote_weights.tobytes()


def test_too_many_functions_are_refused() -> None:
    L = np.zeros((2, 3001), dtype=np.int8)
    with pytest.raises(LabelModelError, match="'triplet' got 3,001 labeling functions, expected at most 3,000"):
        TripletLabelModel(2).fit_statistics(VoteStatistics.of_checked(L, 2, pairs=False))
    with pytest.raises(LabelModelError, match="expected at most 3,000"):
        TripletLabelModel(2).fit(L)


def test_known_labels_of_one_class_say_nothing_of_the_others() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 2_000)
    L = np.where(rng.random((2_000, 6)) < 0.75, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    gold = np.where((np.arange(2_000) < 200) & (truth == 1), truth, -1)
    model = TripletLabelModel(2).fit(L, gold)
    assert abs((model.predict(L) == 1).mean() - 0.5) < 0.1
    assert any("all of one class" in note for note in model.notes)


def test_it_is_said_where_unequal_classes_make_it_disagree_with_majority_vote() -> None:
    random = np.random.default_rng(2)
    truth = random.choice(4, 2_000, p=[0.85, 0.05, 0.05, 0.05])
    wrong = (truth[:, None] + random.integers(1, 4, (2_000, 3))) % 4
    L = np.where(random.random((2_000, 3)) < 0.9, truth[:, None], wrong).astype(np.int8)
    model = TripletLabelModel(4).fit(L)
    assert model.diagnostics["agreement_with_majority"] < 0.8
    assert any("agrees with majority vote on only" in note and "give class_balance" in note for note in model.notes)
    even = random.integers(0, 4, 2_000)
    L = np.where(random.random((2_000, 3)) < 0.9, even[:, None], (even[:, None] + 1) % 4).astype(np.int8)
    assert TripletLabelModel(4).fit(L).notes == []


def test_functions_that_known_labels_contradict_are_named() -> None:
    L, truth = independent(400, BOTH, [0.5, 0.5])
    names = ["first", "second", "third", "fourth"]
    taught = TripletLabelModel(2).fit(L, np.where(np.arange(400) < 200, 1 - truth, -1), names=names)
    (note,) = taught.notes
    assert "4 of 4 labeling functions are no better than chance or worse: 'first', 'second', 'third', …;" in note
    assert TripletLabelModel(2).fit(L, np.where(np.arange(400) < 200, truth, -1), names=names).notes == []
