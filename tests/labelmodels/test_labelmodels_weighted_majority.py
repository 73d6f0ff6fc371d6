"""Weighted majority: who is borne out by the others weighs more, without their being alike or frequent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelModelError
from labelkit.labelmodels import MajorityLabelModel, VoteStatistics, WeightedMajorityLabelModel
from labelkit.labelmodels.corrections import Corrections

Votes = npt.NDArray[np.int8]


def functions(
    n: int, accuracies: list[float], coverages: list[float], k: int = 2, seed: int = 0
) -> tuple[Votes, npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    L = np.full((n, len(accuracies)), -1, dtype=np.int8)
    for at, (accuracy, coverage) in enumerate(zip(accuracies, coverages, strict=True)):
        wrong = (truth + rng.integers(1, k, n)) % k
        vote = np.where(rng.random(n) < accuracy, truth, wrong)
        L[:, at] = np.where(rng.random(n) < coverage, vote, -1)
    return L, truth


@pytest.mark.parametrize("k", [2, 5])
def test_weights_follow_accuracy(k: int) -> None:
    accuracies = [0.95, 0.85, 0.75, 0.65, 0.55]
    L, truth = functions(4000, accuracies, [0.7] * 5, k=k)
    model = WeightedMajorityLabelModel(k).fit(L)
    weights = model.get_weights()
    assert (np.diff(weights) < 0).all()
    voted = (L != -1).any(axis=1)

    def right(probabilities: npt.NDArray[np.float64]) -> float:
        top = probabilities >= probabilities.max(axis=1, keepdims=True) - 1e-5
        return float((top[np.arange(len(truth)), truth] / top.sum(axis=1))[voted].mean())

    assert right(model.predict_proba(L)) > right(MajorityLabelModel(k).fit(L).predict_proba(L)) + 0.02


def test_a_good_function_for_a_rare_class_is_not_held_against_it() -> None:
    rng = np.random.default_rng(0)
    n = 6000
    truth = (rng.random(n) < 0.1).astype(int)
    L = np.full((n, 6), -1, dtype=np.int8)
    for at in range(5):
        fires = rng.random(n) < 0.5
        L[fires, at] = np.where(rng.random(n) < 0.8, truth, 1 - truth)[fires]
    L[(truth == 1) & (rng.random(n) < 0.5), 5] = 1
    L[(truth == 0) & (rng.random(n) < 0.005), 5] = 1
    weights = WeightedMajorityLabelModel(2).fit(L).get_weights()
    assert weights[5] > weights[:5].max(), "its precision is about 0.9 where chance gives 0.1"


def test_functions_that_never_meet_another_keep_the_prior() -> None:
    L = np.full((300, 4), -1, dtype=np.int8)
    L[:100, 0], L[100:200, 1], L[200:, 2], L[200:, 3] = 0, 1, 0, 0
    L[260:, 3] = 1
    model = WeightedMajorityLabelModel(2).fit(L, names=["a", "b", "c", "d"])
    np.testing.assert_allclose(model.get_weights()[:2], np.log(3), rtol=1e-9)
    assert "2 of 4 labeling functions vote on no item that another one votes on ('a', 'b')" in model.notes[0]


def test_known_labels_update_the_accuracies() -> None:
    L, truth = functions(2000, [0.9, 0.8, 0.7, 0.2], [0.8] * 4, seed=3)
    without = WeightedMajorityLabelModel(2).fit(L)
    assert (without.get_weights() > 0).all(), "nobody is turned round without known labels"
    gold = np.where(np.arange(len(L)) < 200, truth, -1)
    model = WeightedMajorityLabelModel(2).fit(L, gold)
    assert model.get_weights()[3] < 0
    assert model.diagnostics["gold_n"] == int((L[:200] != -1).any(axis=1).sum())
    assert "no better than chance or worse: 3" in model.notes[0]
    assert (model.predict(L) == truth)[200:].mean() > (without.predict(L) == truth)[200:].mean()
    named = WeightedMajorityLabelModel(2).fit(L, gold, names=["a", "b", "c", "d"])
    assert "'d'" in named.notes[0]


@pytest.mark.parametrize("copied", [0, 3])
def test_exact_copies_of_a_function_change_nothing(copied: int) -> None:
    L, _ = functions(3000, [0.9, 0.8, 0.7, 0.55], [0.7, 0.5, 0.6, 0.8], seed=5)
    alone = WeightedMajorityLabelModel(2).fit(L)
    crowd = WeightedMajorityLabelModel(2).fit(np.concatenate([L, L[:, [copied] * 5]], axis=1))
    np.testing.assert_allclose(
        crowd.predict_proba(np.concatenate([L, L[:, [copied] * 5]], axis=1)), alone.predict_proba(L), atol=1e-9
    )
    assert "6 labeling functions largely repeat others" in crowd.notes[0]


def test_equal_functions_are_majority_vote() -> None:
    rows = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    model = WeightedMajorityLabelModel(2).fit(rows)
    np.testing.assert_array_equal(model.predict(rows), MajorityLabelModel(2).fit(rows).predict(rows))
    assert np.ptp(model.get_weights()) < 1e-9


def test_blocks_of_patterns_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    L, _ = functions(800, [0.9, 0.7, 0.6, 0.8], [0.6, 0.2, 0.9, 0.4], k=3)
    whole = WeightedMajorityLabelModel(3).fit(L).get_weights()
    monkeypatch.setattr("labelkit.labelmodels.agreement._BLOCK_CELLS", 50)
    np.testing.assert_allclose(WeightedMajorityLabelModel(3).fit(L).get_weights(), whole, rtol=1e-9)


def test_five_thousand_functions_and_a_thousand_classes_work() -> None:
    rng = np.random.default_rng(0)
    wide = np.full((400, 5000), -1, dtype=np.int8)
    wide[rng.random(wide.shape) < 0.01] = 1
    wide[rng.random(wide.shape) < 0.01] = 0
    assert np.isfinite(WeightedMajorityLabelModel(2).fit(wide).predict_proba(wide)).all()
    truth = rng.integers(0, 1000, 500)
    many = np.where(rng.random((500, 4)) < 0.7, truth[:, None], rng.integers(0, 1000, (500, 4)))
    model = WeightedMajorityLabelModel(1000).fit(many)
    assert (model.predict(many) == truth).mean() > 0.8
    probabilities = model.predict_proba(many)
    assert model.predict_proba(many[7:8]).tobytes() == probabilities[7:8].tobytes()


def dependent(k: int = 2, n: int = 600, seed: int = 0) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Two functions of which each alone is right about class 1, and both together mean class 0."""
    rng = np.random.default_rng(seed)
    patterns = np.array([[1, -1, -1], [-1, 1, -1], [1, 1, -1], [-1, -1, 0], [1, -1, k - 1], [-1, -1, -1]])
    which = rng.integers(0, len(patterns), n)
    truth = np.array([1, 1, 0, 0, k - 1, 0])[which]
    return patterns[which].astype(np.int8), np.where(rng.random(n) < 0.1, rng.integers(0, k, n), truth)


@pytest.mark.parametrize("k", [2, 4, 40])
def test_what_patterns_add_is_explained_saved_and_the_same_in_every_block(k: int) -> None:
    L, truth = dependent(k)
    model = WeightedMajorityLabelModel(k).fit(L, np.where(np.arange(len(L)) < 300, truth, -1))
    assert model.diagnostics["corrected_patterns"] == 2
    probabilities = model.predict_proba(L)
    both = np.flatnonzero((L == [1, 1, -1]).all(axis=1))
    assert (model.predict(L)[both] == 0).all(), "no weights of single votes could say this"
    for row, expected in zip(L[:60], probabilities, strict=False):
        scores = model.log_prior + model.contributions(row).sum(axis=0)
        shifted = np.exp(scores - scores.max())
        np.testing.assert_allclose(shifted / shifted.sum(), expected, atol=1e-12)
    added = model.contributions(L[both[0]])
    assert added[0].any() and added[1].any() and not added[2].any()
    assert added[0, 0] == pytest.approx(added[1, 0]), "shared evenly"
    order = np.random.default_rng(1).permutation(len(L))
    assert model.predict_proba(L[order]).tobytes() == probabilities[order].tobytes()
    assert model.predict_proba(L[both[:1]].astype(np.int64)).tobytes() == probabilities[both[:1]].tobytes()
    state, arrays = model.to_state()
    again = WeightedMajorityLabelModel.from_state(state, arrays)
    assert again.predict_proba(L).tobytes() == probabilities.tobytes()
    assert again.contributions(L[both[0]]).tobytes() == added.tobytes()
    with pytest.raises(LabelModelError, match="is incomplete"):
        WeightedMajorityLabelModel.from_state(state, {**arrays, "corrections": arrays["corrections"][:1]})
    assert "patterns" not in WeightedMajorityLabelModel(k).fit(L).to_state()[1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(0, 6), st.integers(0, 40))
@settings(deadline=None)
def test_corrections_reach_exactly_their_rows(seed: int, m: int, known: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    rows = np.unique(rng.integers(-1, 2, (known, m)), axis=0).astype(np.int8)
    votes = rng.integers(-1, 2, (n, m)).astype(rng.choice([np.int8, np.int16]))
    if len(rows) and n:
        votes[rng.random(n) < 0.5] = rows[rng.integers(len(rows))]
    corrections = Corrections(rows, rng.normal(size=(len(rows), 3)))
    scores = np.zeros((3, n + 5))
    corrections.add_to(scores, votes)
    expected = np.zeros_like(scores)
    for at, row in enumerate(votes):
        for which, known_row in enumerate(rows):
            if row.tolist() == known_row.tolist():
                expected[:, at] = corrections.added[which]
        np.testing.assert_array_equal(corrections.of(row), expected[:, at])
    np.testing.assert_array_equal(scores, expected)


@pytest.mark.parametrize("k", [2, 12])
def test_labels_against_majority_vote_are_followed_and_questioned(k: int) -> None:
    L, truth = functions(1000, [0.8, 0.75, 0.7], [0.8] * 3, k=k)
    mixed_up = np.where(np.arange(len(L)) < 60, (truth + 1) % k, -1)
    model = WeightedMajorityLabelModel(k).fit(L, mixed_up)
    n = model.diagnostics["gold_n"]
    assert model.notes[0].startswith(f"of {n} covered items with known labels majority vote gets ")
    assert "check whether the classes of the labels or those of the functions are mixed up" in model.notes[0]
    for few in (np.where(np.arange(len(L)) < 9, mixed_up, -1), np.where(np.arange(len(L)) < 60, truth, -1)):
        assert "mixed up" not in " ".join(WeightedMajorityLabelModel(k).fit(L, few).notes)


def test_few_labels_below_chance_by_accident_are_not_questioned() -> None:
    L = np.zeros((40, 1), dtype=np.int8)
    gold = np.where(np.arange(40) < 20, (np.arange(40) < 12).astype(int), -1)
    assert "mixed up" not in " ".join(WeightedMajorityLabelModel(2).fit(L, gold).notes), "8 of 20, where 10 are chance"


def test_statistics_without_pairs_are_enough() -> None:
    L, _ = functions(500, [0.9, 0.7, 0.6], [0.6] * 3)
    light = VoteStatistics.of_checked(L, 2, pairs=False)
    one, two = WeightedMajorityLabelModel(2).fit_statistics(light), WeightedMajorityLabelModel(2).fit(L)
    assert one.vote_weights.tobytes() == two.vote_weights.tobytes()
    with pytest.raises(LabelModelError, match="3 labeling functions × 2 classes hold no co-occurrences"):
        _ = light.cooccurrence


def test_wrong_options_are_refused() -> None:
    with pytest.raises(LabelModelError, match=r"prior_accuracy is 0\.5, expected more than 1/2 and less than 1"):
        WeightedMajorityLabelModel(2, prior_accuracy=0.5)
    with pytest.raises(LabelModelError, match="belief is 2, expected a share of at most 1"):
        WeightedMajorityLabelModel(2, belief=2)
    with pytest.raises(LabelModelError, match="prior_votes is 0, expected a number above 0"):
        WeightedMajorityLabelModel(2, prior_votes=0)
