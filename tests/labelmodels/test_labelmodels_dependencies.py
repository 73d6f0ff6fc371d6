"""Dependent functions are found where they were planted, and copies of a function change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from labelkit.labelmodels import VoteStatistics
from labelkit.labelmodels.base import decide
from labelkit.labelmodels.dependence_strength import FALSE_DISCOVERIES, FEWEST_SHARED, TOLERATED, q_values
from labelkit.labelmodels.dependencies import MOST_SHOWN, Dependencies, dependence_weights, find_dependencies
from labelkit.labelmodels.pairs import ExpectedVotes, PairCounts, _compared, _gathered, _multiplied
from labelkit.labelmodels.scoring import VoteScorer
from labelkit.types import ABSTAIN, IntArray


def independent(
    n: int, accuracies: list[float], k: int = 2, coverage: float = 1.0, seed: int = 0
) -> tuple[IntArray, IntArray]:
    """Votes (n, m) of functions that are independent given the class, and the classes (n,)."""
    random = np.random.default_rng(seed)
    classes = random.integers(k, size=n)
    right = random.random((n, len(accuracies))) < accuracies
    wrong = (classes[:, None] + random.integers(1, k, size=right.shape)) % k
    votes = np.where(right, classes[:, None], wrong)
    votes[random.random(votes.shape) >= coverage] = ABSTAIN
    return votes.astype(np.int8), classes


def noisy(column: IntArray, share: float, k: int, random: np.random.Generator) -> IntArray:
    """A near-copy: so many of the votes are drawn anew or withdrawn."""
    copy = column.copy()
    other = (copy != ABSTAIN) & (random.random(len(copy)) < share)
    copy[other] = random.integers(ABSTAIN, k, size=int(other.sum()))
    return copy


def weighted_majority(votes: IntArray, weights: np.ndarray, k: int) -> IntArray:
    """Class with most weighted votes, −1 for ties."""
    table = np.eye(k + 1, k, -1)[None] * weights[:, None, None]
    shares = VoteScorer(table, np.zeros(k)).scores(votes).T
    return decide(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-300))


def found_in(votes: IntArray, k: int = 2) -> Dependencies:
    return find_dependencies(VoteStatistics.from_votes(votes, k))


@st.composite
def matrices(draw: st.DrawFn) -> tuple[IntArray, int]:
    k = draw(st.integers(2, 5))
    n, m = draw(st.integers(1, 60)), draw(st.integers(1, 7))
    seed, coverage = draw(st.integers(0, 10_000)), draw(st.sampled_from([0.1, 0.5, 1.0]))
    return independent(n, [0.7] * m, k, coverage, seed)[0], k


@settings(max_examples=60, deadline=None)
@given(matrices())
def test_pairs_are_counted_the_same_every_way(given: tuple[IntArray, int]) -> None:
    votes, k = given
    by_class, same, both = _compared(votes, k)
    for other in (_multiplied(votes, k), _gathered(votes, k)):
        for ours, theirs in zip((by_class, same, both), other, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    voted = votes != ABSTAIN
    agree = (votes[:, :, None] == votes[:, None, :]) & voted[:, :, None] & voted[:, None, :]
    np.testing.assert_array_equal(same, agree.sum(axis=0))
    for counts in (
        PairCounts.of_votes(votes, k),
        PairCounts.of_statistics(VoteStatistics.of_checked(votes, k)),
        PairCounts.of_statistics(VoteStatistics.of_checked(votes, k, pairs=False)),
    ):
        np.testing.assert_array_equal(counts.same, same)
        np.testing.assert_array_equal(counts.both, both)
        np.testing.assert_array_equal(counts.vote_counts, by_class)
    np.testing.assert_array_equal(
        dependence_weights(PairCounts.of_votes(votes, k)), dependence_weights(VoteStatistics.of_checked(votes, k))
    )


@settings(max_examples=80, deadline=None)
@given(matrices(), st.integers(0, 6), st.integers(1, 6))
def test_copies_of_a_function_change_nothing(given: tuple[IntArray, int], which: int, times: int) -> None:
    votes, k = given
    which %= votes.shape[1]
    copied = np.column_stack([votes, *[votes[:, which]] * times])
    alone = dependence_weights(VoteStatistics.from_votes(votes, k))
    weights = dependence_weights(VoteStatistics.from_votes(copied, k))
    assert ((weights > 0) & (weights <= 1)).all()

    m = votes.shape[1]
    others = np.flatnonzero((votes != votes[:, [which]]).any(axis=0))
    np.testing.assert_allclose(weights[others], alone[others])
    if (votes[:, which] != ABSTAIN).sum() >= FEWEST_SHARED:
        same = np.flatnonzero((copied == copied[:, [which]]).all(axis=0))
        np.testing.assert_allclose(weights[same].sum(), alone[same[same < m]].sum())
        assert any(set(same) <= set(group) for group in found_in(copied, k).groups)
        np.testing.assert_array_equal(weighted_majority(copied, weights, k), weighted_majority(votes, alone, k))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.05, 0.1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_near_copies_of_a_bad_function_do_not_outvote_the_good_ones(share: float, seed: int) -> None:
    votes, classes = independent(4_000, [0.8, 0.8, 0.8, 0.8, 0.8, 0.5], 3, 0.7, seed)
    random = np.random.default_rng(seed)
    copied = np.column_stack([votes, *[noisy(votes[:, 5], share, 3, random) for _ in range(6)]])

    def accuracy(matrix: IntArray, weights: np.ndarray) -> float:
        return float((weighted_majority(matrix, weights, 3) == classes).mean())

    without = accuracy(votes, np.ones(6))
    weights = dependence_weights(VoteStatistics.from_votes(copied, 3))
    assert accuracy(copied, np.ones(12)) < without - 0.15
    assert accuracy(copied, weights) > without - 0.02
    assert weights[:5].min() > 0.9
    assert 0.8 < weights[5:].sum() < 1.7
    assert found_in(copied, 3).groups == (tuple(range(5, 12)),)


@pytest.mark.parametrize(("accuracies", "k", "coverage"), [
    ([0.97] * 6, 2, 1.0), ([0.9, 0.8, 0.7, 0.6], 2, 1.0), ([0.8] * 8, 5, 0.3), ([0.7] * 60, 2, 0.05),
])  # fmt: skip
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_the_class_explains_is_no_dependence(accuracies: list[float], k: int, coverage: float, seed: int) -> None:
    found = found_in(independent(3_000, accuracies, k, coverage, seed)[0], k)
    assert found.pairs == ()
    assert found.groups == ()
    np.testing.assert_array_equal(found.weights, 1.0)


def test_a_subset_and_correlated_errors_are_told_from_copies() -> None:
    votes, _ = independent(5_000, [0.75] * 7, 2, 0.6, seed=5)
    random = np.random.default_rng(1)
    votes[:, 1] = np.where(random.random(5_000) < 0.2, votes[:, 0], ABSTAIN)  # part of function 0
    follows = random.random(5_000) < 0.4
    votes[:, 3] = np.where(follows, votes[:, 2], votes[:, 3])  # often function 2, else of its own mind
    votes[:, 5] = noisy(votes[:, 4], 0.03, 2, random)
    found = found_in(votes)
    pairs = {(p.first, p.second): p for p in found.pairs}
    assert {key: p.kind for key, p in pairs.items()} in (
        {(4, 5): "copy", (0, 1): "subset", (2, 3): "correlated"},
        {(4, 5): "copy", (0, 1): "subset", (3, 2): "correlated"},
    )
    assert [p.kind for p in found.pairs] == ["copy", "subset", "correlated"]
    assert pairs[0, 1].same == pairs[0, 1].both == (votes[:, 1] != ABSTAIN).sum()
    correlated = found.pairs[2]
    assert 0.4 < correlated.strength < 0.6
    assert correlated.expected < correlated.same <= correlated.both
    assert all(p.q_value <= FALSE_DISCOVERIES for p in found.pairs)
    assert found.groups == ((4, 5),)
    # what comes near a copy is discounted, and the subset, which says nothing of its own; hardly what it repeats
    assert found.weights[1] == pytest.approx(0.5, abs=0.01)
    assert 0.8 < found.weights[0] < 1.0
    assert found.weights[[2, 3, 6]].tolist() == [1.0, 1.0, 1.0]
    assert found.weights[[4, 5]].max() < 0.6


def test_strengths_are_those_that_known_classes_give() -> None:
    votes, classes = independent(20_000, [0.8] * 6, 2, 0.8, seed=2)
    random = np.random.default_rng(3)
    votes[:, 1] = np.where(random.random(20_000) < 0.8, votes[:, 0], votes[:, 1])
    (pair,) = found_in(votes).pairs
    i, j = pair.first, pair.second
    expected = 0.0
    for label in range(2):
        rows = votes[classes == label]
        expected += len(rows) * sum(((rows[:, i] == a).mean() * (rows[:, j] == a).mean()) for a in range(2))
    voted = ((votes[:, i] != ABSTAIN).sum() + (votes[:, j] != ABSTAIN).sum()) / 2
    assert pair.strength == pytest.approx((pair.same - expected) / (voted - expected), abs=0.08)


def test_q_values_control_more_than_the_binomial_tail() -> None:
    random = np.random.default_rng(0)
    fewer = random.integers(1, 400, 300)
    expected = fewer * random.random(300)
    same = np.minimum(random.binomial(fewer, 0.6), fewer)
    p_values = stats.binom.sf(same - 1, fewer, TOLERATED + (1 - TOLERATED) * expected / fewer)
    exact = stats.false_discovery_control(p_values)
    assert (q_values(same, expected, fewer, 300) >= exact - 1e-12).all()
    np.testing.assert_allclose(  # all shared: the bound is the tail
        q_values(np.array([9]), np.array([0.1]), np.array([9]), 50),
        50 * (TOLERATED + (1 - TOLERATED) * 0.1 / 9) ** 9,
    )


def test_few_votes_in_common_are_no_evidence() -> None:
    votes = np.full((400, 30), ABSTAIN, dtype=np.int8)
    random = np.random.default_rng(0)
    for function in range(30):
        votes[random.choice(400, 40, replace=False), function] = function % 2
    votes[:, 28:] = ABSTAIN
    votes[[0, 1], 28], votes[[0, 2], 29] = 0, 0  # one item in common: half of all their votes
    assert found_in(votes).pairs == ()
    votes[:, 28:] = ABSTAIN
    votes[:4, 28:] = 0  # all of their votes in common, and next to none
    found = found_in(votes)
    assert (found.pairs, found.groups) == ((), ())
    np.testing.assert_array_equal(found.weights, 1.0)
    votes[4, 28:] = 0
    assert found_in(votes).groups == ((28, 29),)
    votes[5, 28] = 0  # five of six
    found = found_in(votes)
    assert found.pairs == ()
    np.testing.assert_array_equal(found.weights, 1.0)


def changed(column: IntArray, share: float, random: np.random.Generator) -> IntArray:
    """A copy with so many of its votes turned to the other of two classes."""
    copy = column.copy()
    turned = (copy != ABSTAIN) & (random.random(len(copy)) < share)
    copy[turned] = 1 - copy[turned]
    return copy


@pytest.mark.parametrize("seed", range(4))
def test_copies_with_noise_are_recognised(seed: int) -> None:
    votes, _ = independent(3_000, [0.6, 0.65, 0.7, 0.75, 0.8, 0.85] * 2, 2, 0.5, seed)
    random = np.random.default_rng(seed)
    which = int(random.integers(votes.shape[1]))
    thinned = np.where(random.random(3_000) < 0.8, votes[:, which], ABSTAIN)
    for share, kinds in [(0.05, ("copy",)), (0.1, ("copy",)), (0.2, ("copy", "correlated"))]:
        copy = changed(votes[:, which], share, random)
        (pair,) = found_in(np.column_stack([votes, copy])).pairs
        assert {pair.first, pair.second} == {which, 12}
        assert pair.kind in kinds
    copies = np.column_stack([votes, *[changed(votes[:, which], 0.1, random) for _ in range(5)]])
    assert found_in(copies).groups == ((which, *range(12, 17)),)
    (pair,) = found_in(np.column_stack([votes, thinned])).pairs
    assert (pair.first, pair.second, pair.kind) == (which, 12, "copy")


@pytest.mark.parametrize("votes", [
    np.array([[0], [1], [-1]]),  # one function
    np.full((5, 3), -1),  # uncovered only
    np.empty((0, 3), dtype=np.int64),
    np.array([[0, -1], [-1, 1], [0, -1]]),  # two that never meet
    np.array([[0, -1, 1], [1, -1, 0]]),  # a silent one, and two that always conflict
])  # fmt: skip
def test_where_nothing_can_depend_nothing_is_found(votes: IntArray) -> None:
    for counts in (VoteStatistics.from_votes(votes, 2), PairCounts.of_votes(votes.astype(np.int8), 2)):
        found = find_dependencies(counts)
        assert (found.pairs, found.found, found.groups) == ((), 0, ())
        np.testing.assert_array_equal(found.weights, np.ones(votes.shape[1]))


def test_all_functions_are_copies() -> None:
    column = np.random.default_rng(0).integers(-1, 3, (300, 1)).astype(np.int8)
    found = found_in(np.repeat(column, 40, axis=1), 3)
    assert found.groups == (tuple(range(40)),)
    assert [(p.first, p.second, p.kind, p.strength) for p in found.pairs] == [(0, j, "copy", 1.0) for j in range(1, 40)]
    np.testing.assert_allclose(found.weights, 1 / 40)
    np.testing.assert_array_equal(found.stands_for, 0)
    constant = found_in(np.zeros((50, 4), dtype=np.int8))  # the class explains everything, and they are copies
    assert constant.groups == ((0, 1, 2, 3),)
    np.testing.assert_allclose(constant.weights, 0.25)


def test_many_near_copies_are_counted_and_the_strongest_shown() -> None:
    random = np.random.default_rng(0)
    column = random.choice([ABSTAIN, 0, 1], 2_000, p=[0.8, 0.1, 0.1]).astype(np.int8)
    found = found_in(np.column_stack([noisy(column, 0.03, 2, random) for _ in range(60)]))
    assert found.found == 60 * 59 // 2
    assert len(found.pairs) == MOST_SHOWN
    strengths = [p.strength for p in found.pairs]
    assert strengths == sorted(strengths, reverse=True)
    assert found.groups == (tuple(range(60)),)
    assert found.weights.sum() < 1.5


def test_statistics_without_cooccurrences_are_judged_by_their_sample() -> None:
    votes, _ = independent(40_000, [0.7] * 9, 3, 0.4, seed=1)
    votes[:10_000] = ABSTAIN
    votes[:, 8] = votes[:, 0]
    votes[:, 7] = noisy(votes[:, 1], 0.05, 3, np.random.default_rng(0))
    counts = PairCounts.of_statistics(VoteStatistics.of_checked(votes, 3, keep=5_000, pairs=False))
    assert int(counts.patterns.counts.sum()) == 5_000
    assert counts.n == pytest.approx(5_000 * 40_000 / (votes != ABSTAIN).any(axis=1).sum(), rel=0.01)
    sampled, whole = find_dependencies(counts), find_dependencies(PairCounts.of_votes(votes, 3))
    assert sampled.groups == whole.groups == ((0, 8), (1, 7))
    np.testing.assert_allclose(sampled.weights, whole.weights, atol=0.05)


def test_many_functions_of_many_classes() -> None:
    random = np.random.default_rng(1)
    votes = np.full((600, 150), ABSTAIN, dtype=np.int16)
    voted = random.random(votes.shape) < 0.2
    votes[voted] = np.broadcast_to(random.integers(1_000, size=(600, 1)), votes.shape)[voted]
    votes[:, 149] = votes[:, 0]
    found = find_dependencies(PairCounts.of_votes(votes, 1_000))
    assert found.groups == ((0, 149),)
    assert found.found == 1
    assert found.stands_for.tolist() == [*range(149), 0]


def test_the_order_of_functions_and_items_does_not_matter() -> None:
    votes, _ = independent(800, [0.8] * 5, 2, 0.5, seed=9)
    random = np.random.default_rng(2)
    votes = np.column_stack([votes, noisy(votes[:, 0], 0.1, 2, random), votes[:, 1]])
    before = votes.copy()
    weights = dependence_weights(VoteStatistics.from_votes(votes, 2))
    assert weights.min() < 0.6
    order = random.permutation(7)
    shuffled = np.ascontiguousarray(votes[random.permutation(800)][:, order])
    np.testing.assert_allclose(dependence_weights(VoteStatistics.from_votes(shuffled, 2)), weights[order])
    np.testing.assert_array_equal(votes, before)
    again = found_in(votes)
    assert again.pairs == found_in(votes).pairs


def test_expectations_of_independent_functions_are_met() -> None:
    votes, _ = independent(30_000, [0.9] * 9, 2, 0.7, seed=4)
    counts = PairCounts.of_votes(votes, 2)
    first, second = np.triu_indices(9, 1)
    expected = ExpectedVotes(counts).given_class(np.ones(9), first, second)
    by_chance = ExpectedVotes(counts).by_chance(first, second)
    np.testing.assert_allclose(expected, counts.same[first, second], rtol=0.02)
    assert (by_chance < 0.7 * counts.same[first, second]).all()
