"""auto: what it chooses, why, how it stands against majority vote, and what known labels change."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.labelmodels import (
    AutoLabelModel,
    CrowdLabelModel,
    LabelModel,
    MajorityLabelModel,
    VoteStatistics,
    load_label_model,
)
from labelkit.labelmodels.halves import kappa, split_half_reliability
from labelkit.labelmodels.known_labels import KnownLabels, held_out
from labelkit.labelmodels.standing import Standing, paired_difference
from labelkit.labelmodels.weighted_majority import WeightedMajorityLabelModel

Votes = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]


def one_sided(n: int = 3000, k: int = 2, seed: int = 0) -> tuple[Votes, Labels]:
    """Functions that vote for a single class each, three for every class, of different precision."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    L = np.full((n, 3 * k), -1, dtype=np.int8)
    for function in range(3 * k):
        label = function % k
        fires = rng.random(n) < np.where(truth == label, 0.5, (0.02, 0.1, 0.3)[function // k])
        L[fires, function] = label
    return L, truth


def crowd(n: int = 600, k: int = 3, sources: int = 20, seed: int = 0) -> tuple[Votes, Labels]:
    """Workers who answer a third of the items; half of them mix up the last two classes."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    L = np.full((n, sources), -1, dtype=np.int8)
    for source in range(sources):
        told = truth.copy()
        if source % 2:
            swapped = (truth >= k - 2) & (rng.random(n) < 0.8)
            told[swapped] = 2 * k - 3 - truth[swapped]
        told = np.where(rng.random(n) < 0.85, told, rng.integers(0, k, n))
        L[:, source] = np.where(rng.random(n) < 0.33, told, -1)
    return L, truth


def right(model: LabelModel, L: Votes, truth: Labels) -> float:
    P = model.predict_proba(L)
    top = P.max(axis=1, keepdims=True) - 1e-5 <= P
    return float((top[np.arange(len(truth)), truth] / top.sum(axis=1))[(L != -1).any(axis=1)].mean())


@pytest.mark.parametrize("k", [2, 4])
def test_functions_of_one_class_get_weights(k: int) -> None:
    L, truth = one_sided(k=k)
    model = AutoLabelModel(k).fit(L)
    assert model.chosen.name == "weighted-majority"
    assert "100% of the votes come from functions that vote for a single class" in model.notes[0]
    assert "than majority vote" in model.notes[1] and "only known labels can confirm" in model.notes[1]
    assert right(model, L, truth) > right(MajorityLabelModel(k).fit(L), L, truth) + 0.01


@pytest.mark.parametrize(
    ("standing", "told"),
    [
        (Standing(0.0, 0.0, 0.0, 0.0, 0.0), "it decides every covered item as majority vote does"),
        (Standing(0.2, 0.2, 0.0004, 0, 0.01), "tied on all of them; by its own estimate its accuracy is no different,"),
        (
            Standing(0.2, 0.0, -0.0004, -0.01, 0),
            "tied on none of them; by its own estimate its accuracy is no different,",
        ),
        (
            Standing(0.2, 0.05, 0.013, 0, 0.02),
            "tied on 25% of them; by its own estimate its accuracy is 1.3 points higher,",
        ),
        (Standing(0.0002, 0.0, -0.01, -0.02, 0), "it decides less than 0.1% of the covered items otherwise"),
        (
            Standing(0.2, 0.2, 0.01, 0, 0.02, known=6),
            "6 known labels of covered items are too few to tell (10 are enough)",
        ),
        (Standing(0.2, 0.2, 0.01, -0.02, 0.04, 50, 50), "is 1.0 points higher [-2.0, +4.0], which may be chance"),
        (
            Standing(0.2, 0.2, 0.03, 0.01, 0.05, 50, 50),
            "with known labels its accuracy is 3.0 points higher [+1.0, +5.0]",
        ),
        (Standing(0.2, 0.2, -0.03, -0.05, -0.01, 50, 50), "its accuracy is 3.0 points lower [-5.0, -1.0]"),
        (Standing(0.2, 0.2, 0.0, -0.03, 0.03, 50, 50), "its accuracy is no different [-3.0, +3.0]"),
        (Standing(0.0, 0.0, 0.0, -0.03, 0.03, 50, 50), "as majority vote does; on 50 covered items with known labels"),
    ],
)
def test_the_standing_in_words(standing: Standing, told: str) -> None:
    assert told in standing.sentence
    assert " 0.0 points" not in standing.sentence
    assert ("only known labels can confirm" in standing.sentence) == (not standing.known and bool(standing.differs))


def test_a_crowd_gets_confusion_matrices() -> None:
    L, truth = crowd()
    model = AutoLabelModel(3).fit(L)
    assert model.chosen.name == "crowd"
    assert "two halves of the 20 sources agree with kappa" in model.notes[0]
    assert right(model, L, truth) > right(MajorityLabelModel(3).fit(L), L, truth) + 0.05
    considered = {one["name"]: one for one in model.diagnostics["candidates"]}
    assert considered["crowd"]["reliability"] > considered["weighted-majority"]["reliability"]


def test_a_latent_class_that_is_not_the_class_is_not_followed() -> None:
    """Two functions copy a topic that has nothing to do with the class: that is what confusion matrices find."""
    rng = np.random.default_rng(3)
    truth, topic = rng.integers(0, 2, (2, 4000))
    L = np.empty((4000, 6), dtype=np.int8)
    for function in range(6):
        told = np.where(rng.random(4000) < 0.95, topic, 1 - topic)
        L[:, function] = told if function < 2 else np.where(rng.random(4000) < 0.64, truth, 1 - truth)
    assert right(CrowdLabelModel(2).fit(L), L, truth) < 0.6
    model = AutoLabelModel(2).fit(L)
    assert model.chosen.name == "weighted-majority"
    assert right(model, L, truth) > right(MajorityLabelModel(2).fit(L), L, truth) - 0.01


def test_three_sources_are_too_few_to_tell() -> None:
    L, _ = crowd(sources=3)
    assert "only three functions voted, too few to tell" in AutoLabelModel(3).fit(L).notes[0]


def test_many_classes_and_few_votes_are_no_case_for_confusion_matrices() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 90, 300)
    L = np.where(rng.random((300, 5)) < 0.8, truth[:, None], rng.integers(0, 90, (300, 5))).astype(np.int8)
    model = AutoLabelModel(90).fit(L)
    assert "1,500 votes are too few for confusion matrices of 90 × 90 classes" in model.notes[0]
    assert right(model, L, truth) > 0.9


def test_known_labels_choose_measure_and_calibrate() -> None:
    L, truth = one_sided()
    gold = np.where(np.arange(len(L)) < 200, truth, -1)
    model = AutoLabelModel(2).fit(L, gold)
    standing = model.diagnostics["standing"]
    covered = int((L[:200] != -1).any(axis=1).sum())
    assert standing["gold_n"] == covered
    assert f"on {covered} covered items with known labels its accuracy is" in model.notes[1]
    assert standing["low"] <= standing["lead"] <= standing["high"]
    assert model.calibration is not None and model.calibration.n == covered
    majority = right(MajorityLabelModel(2).fit(L), L, truth)
    assert right(model, L, truth) - majority == pytest.approx(standing["lead"], abs=0.08)


def test_only_labels_drawn_at_random_are_used() -> None:
    L, truth = one_sided()
    gold = np.where(np.arange(len(L)) < 300, truth, -1)
    drawn = np.arange(len(L)) % 3 == 0
    model = AutoLabelModel(2).fit(L, gold, tuning=drawn)
    alone = AutoLabelModel(2).fit(L, np.where(drawn, gold, -1))
    assert model.predict_proba(L).tobytes() == alone.predict_proba(L).tobytes()
    assert model.diagnostics["standing"]["gold_n"] == int(((L != -1).any(axis=1) & drawn)[:300].sum())
    none = AutoLabelModel(2).fit(L, gold, tuning=np.zeros(len(L), dtype=bool))
    assert none.diagnostics["standing"]["gold_n"] == 0 and none.calibration is None


def test_ten_labels_do_not_decide_alone_between_models() -> None:
    L, _ = crowd()
    wrong = np.full(len(L), -1)
    weighted = WeightedMajorityLabelModel(3).fit(L).predict(L)
    crowds = AutoLabelModel(3).fit(L).predict(L)
    against = np.flatnonzero((weighted != crowds) & (weighted != -1))
    assert len(against) >= 12
    wrong[against[:12]] = weighted[against[:12]]
    few = AutoLabelModel(3).fit(L, wrong)
    assert few.diagnostics["candidates"][0]["gold_accuracy"] is not None
    lead = few.diagnostics["candidates"][1]["gold_accuracy"] - few.diagnostics["candidates"][0]["gold_accuracy"]
    assert (few.chosen.name == "crowd") == (12 * lead + 50 * 0.02 > 0)


def test_labels_that_contradict_every_function_turn_them_round() -> None:
    L, truth = one_sided()
    gold = np.where(np.arange(len(L)) < 400, 1 - truth, -1)
    model = AutoLabelModel(2).fit(L, gold)
    assert right(model, L, 1 - truth) > 0.6
    assert "no better than chance or worse" in " ".join(model.notes)


def test_it_is_saved_with_its_choice_and_its_calibration() -> None:
    for (L, truth), k in ((one_sided(), 2), (crowd(), 3)):
        gold = np.where(np.arange(len(L)) < 150, truth, -1)
        model = AutoLabelModel(k, seed=4).fit(L, gold)
        state, arrays = model.to_state()
        again = load_label_model(json.loads(json.dumps(state)), arrays)
        assert again.predict_proba(L).tobytes() == model.predict_proba(L).tobytes()
        assert again.contributions(L[0]).tolist() == model.contributions(L[0]).tolist()
        assert isinstance(again, AutoLabelModel) and again.chosen.name == model.chosen.name


def test_calibration_keeps_decisions_and_items_without_votes() -> None:
    L, truth = one_sided()
    gold = np.where(np.arange(len(L)) < 300, truth, -1)
    model = AutoLabelModel(2).fit(L, gold)
    assert model.calibration is not None
    probabilities, decided = model.label(L)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    model.calibration = None
    raw, before = model.label(L)
    np.testing.assert_array_equal(decided, before)
    nothing = ~(L != -1).any(axis=1)
    np.testing.assert_array_equal(probabilities[nothing], raw[nothing])
    assert not np.array_equal(probabilities, raw)


def test_held_out_probabilities_come_from_models_that_did_not_see_the_label() -> None:
    L, truth = one_sided(400)
    statistics = VoteStatistics.from_votes(L, 2)
    votes, gold = L[:60], truth[:60]
    found = held_out(statistics, votes, gold, lambda: WeightedMajorityLabelModel(2), seed=1)
    flipped = gold.copy()
    flipped[7] = 1 - flipped[7]
    again = held_out(statistics, votes, flipped, lambda: WeightedMajorityLabelModel(2), seed=1)
    np.testing.assert_array_equal(found[7], again[7])
    assert not np.array_equal(found, again), "the others' models saw it"


def test_judges_need_votes() -> None:
    L, truth = one_sided(200)
    statistics = VoteStatistics.from_votes(L, 2)
    evidence = KnownLabels.of(statistics, L, truth, seed=0)
    assert evidence.n == int((L != -1).any(axis=1).sum()) and evidence.enough
    assert not KnownLabels.of(statistics, L[:0], truth[:0], seed=0).enough


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
@settings(deadline=None)
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = (np.array(side) for side in zip(*pairs, strict=True))
    ours = kappa(first, second)
    if len(set(first)) == len(set(second)) == 1 and first[0] == second[0]:
        assert ours == 1.0
    else:
        assert ours == pytest.approx(cohen_kappa_score(first, second))


def test_halves_that_never_meet_have_no_reliability() -> None:
    rows = np.array([[0, -1, -1, -1], [-1, 1, -1, -1], [-1, -1, 0, -1], [-1, -1, -1, 1]])
    assert np.isnan(split_half_reliability(rows, lambda: MajorityLabelModel(2), seed=0))


def test_paired_difference_by_hand() -> None:
    # 10 pairs, 4 won and 1 lost: 0.5 is added to each of the four cells
    mean, low, high = paired_difference(np.array([1.0] * 4 + [-1.0] + [0.0] * 5))
    middle = 3 / 12
    spread = 1.959963984540054 * np.sqrt((6 / 12 - middle**2) / 12)
    assert (mean, low, high) == pytest.approx((0.3, middle - spread, middle + spread))
    covered = 0
    rng = np.random.default_rng(0)
    for _ in range(400):
        _, low, high = paired_difference(rng.choice([1.0, -1.0, 0.0], 80, p=[0.15, 0.05, 0.8]))
        covered += low <= 0.1 <= high
    assert covered / 400 > 0.92
