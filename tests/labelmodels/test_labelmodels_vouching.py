"""Copies of a poor source are told from experts by the other sources, also where sources abstain at random."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.labelmodels import AutoLabelModel, MajorityLabelModel, VoteStatistics
from labelkit.labelmodels.dependencies import find_dependencies
from labelkit.labelmodels.halves import split_half_reliability
from labelkit.labelmodels.known_labels import shares_right
from labelkit.labelmodels.majority import vote_counts
from labelkit.labelmodels.pairs import PairCounts
from labelkit.labelmodels.validation import covered
from labelkit.labelmodels.vouching import Vouching
from labelkit.types import ABSTAIN, IntArray


def sources(
    accuracies: list[float], copies: int, *, k: int, abstain: float, seed: int, n: int = 2_000
) -> tuple[IntArray, IntArray]:
    """Votes of independent sources, then near-copies of the last one (3% drawn anew), and the classes."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, k, n)
    wrong = (classes[:, None] + random.integers(1, k, (n, len(accuracies)))) % k
    own = np.where(random.random((n, len(accuracies))) < accuracies, classes[:, None], wrong)
    again = [np.where(random.random(n) < 0.97, own[:, -1], random.integers(0, k, n)) for _ in range(copies)]
    votes = np.column_stack([own, *again]).astype(np.int8)
    votes[random.random(votes.shape) < abstain] = ABSTAIN
    return votes, classes


def accuracy(model: AutoLabelModel | MajorityLabelModel, votes: IntArray, classes: IntArray) -> float:
    has = covered(votes)
    return float(shares_right(model.fit(votes).predict_proba(votes[has]), classes[has]).mean())


def test_what_others_vouch_for_is_the_agreement_of_independent_sources() -> None:
    votes, _ = sources([0.95, 0.9, 0.6, 0.6, 0.7, 0.8], 0, k=3, abstain=0.3, seed=0, n=40_000)
    counts = PairCounts.of_votes(votes, 3)
    first, second = np.triu_indices(6, 1)
    vouching = Vouching(counts, np.ones(6, dtype=bool))
    found = vouching.given_class(first, second, np.ones(6), np.zeros((6, 6)))
    np.testing.assert_allclose(found, counts.same[first, second], rtol=0.04)


def test_nobody_vouches_where_there_is_no_fourth_source() -> None:
    votes, _ = sources([0.9, 0.8, 0.7], 0, k=2, abstain=0.0, seed=0)
    vouching = Vouching(PairCounts.of_votes(votes, 2), np.ones(3, dtype=bool))
    assert np.isnan(vouching.given_class(np.array([0]), np.array([1]), np.ones(3), np.zeros((3, 3)))).all()


@pytest.mark.parametrize("abstain", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("k", [2, 4])
def test_experts_among_poor_sources_are_no_copies(k: int, abstain: float) -> None:
    for accuracies in ([0.97, 0.97, 0.6, 0.6, 0.6, 0.6], [0.97] * 4, [0.97] * 4 + [0.6] * 3, [0.99] * 5):
        votes, _ = sources(accuracies, 0, k=k, abstain=abstain, seed=5)
        found = find_dependencies(VoteStatistics.from_votes(votes, k))
        assert found.groups == ()
        assert found.weights.min() > 0.9


@pytest.mark.parametrize("abstain", [0.0, 0.2, 0.4])
def test_near_copies_count_about_once_however_often_they_abstain(abstain: float) -> None:
    votes, _ = sources([0.75] * 5 + [0.45], 2, k=4, abstain=abstain, seed=1)
    found = find_dependencies(VoteStatistics.from_votes(votes, 4))
    assert found.groups == ((5, 6, 7),)
    np.testing.assert_array_equal(found.weights[:5], 1.0)
    # of those that vote on an item: with fewer beside it, each counts more
    assert (found.weights[5:] * (1 + 2 * (1 - abstain))).max() < 1.15


@pytest.mark.parametrize(("k", "poor"), [(2, 0.62), (2, 0.75), (4, 0.45)])
@pytest.mark.parametrize(("abstain", "copies", "seed"), [(0.0, 1, 1), (0.2, 1, 2), (0.2, 2, 1), (0.2, 4, 1)])
def test_auto_does_not_fall_below_majority_vote_where_sources_are_copied(
    k: int, poor: float, abstain: float, copies: int, seed: int
) -> None:
    votes, classes = sources([0.75] * 4 + [poor], copies, k=k, abstain=abstain, seed=seed)
    model = AutoLabelModel(k)
    assert accuracy(model, votes, classes) > accuracy(MajorityLabelModel(k), votes, classes)
    assert model.chosen.name == "weighted-majority"
    assert "of the votes repeat those of another source" in model.notes[0]


def test_copies_come_into_the_same_half() -> None:
    votes, _ = sources([0.75] * 4 + [0.62], 3, k=2, abstain=0.0, seed=3)
    halves: list[int] = []

    class Noting(MajorityLabelModel):
        def _fit(self, votes: IntArray, gold: IntArray | None, names: object) -> None:
            halves.append(votes.shape[1])
            self.n_functions = votes.shape[1]

    split_half_reliability(votes, lambda: Noting(2), seed=0, groups=[(4, 5, 6, 7)])
    assert len(halves) == 10
    # five units: four sources, and the copies together
    assert {tuple(halves[at : at + 2]) for at in range(0, 10, 2)} <= {(2, 6), (5, 3)}
    apart = split_half_reliability(votes, lambda: MajorityLabelModel(2), seed=0)
    assert apart > split_half_reliability(votes, lambda: MajorityLabelModel(2), seed=0, groups=[(4, 5, 6, 7)]) + 0.2


def test_workers_with_the_same_items_are_no_copies_where_abstaining_tells_nothing() -> None:
    random = np.random.default_rng(0)
    classes = random.integers(0, 2, 600)
    votes = np.full((600, 30), ABSTAIN, dtype=np.int8)
    for worker in range(30):  # six of them for each hundred items
        items = np.arange(100) + 100 * (worker % 6)
        votes[items, worker] = np.where(random.random(100) < 0.9, classes[items], 1 - classes[items])
    assert (vote_counts(votes, 2).sum(axis=1) == 5).all()
    found = find_dependencies(VoteStatistics.from_votes(votes, 2), abstaining_tells=False)
    assert found.weights.min() > 0.9
