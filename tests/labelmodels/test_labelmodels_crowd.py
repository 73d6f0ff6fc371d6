"""Crowds: sources that answer any class, each with a confusion matrix."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelModelError
from labelkit.labelmodels import CrowdLabelModel, MajorityLabelModel, crowd_consensus

Votes = npt.NDArray[np.int8]
Labels = npt.NDArray[np.int64]


def crowd(
    seed: int,
    *,
    n: int = 400,
    m: int = 30,
    k: int = 3,
    each: int = 5,
    accuracy: tuple[float, float] = (6, 2),
    spammers: float = 0.0,
    adversaries: float = 0.0,
    balance: list[float] | None = None,
) -> tuple[Votes, Labels]:
    """A label matrix with ``each`` answers per item, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(k, n, p=balance)
    right = rng.beta(*accuracy, m)
    spams, right[rng.random(m) < adversaries] = rng.random(m) < spammers, 0.1
    liked = rng.dirichlet(np.ones(k) * 0.5, m)
    L = np.full((n, m), -1, dtype=np.int8)
    for i in range(n):
        for j in rng.choice(m, each, replace=False):
            wrong = (truth[i] + rng.integers(1, k)) % k
            honest = truth[i] if rng.random() < right[j] else wrong
            L[i, j] = rng.choice(k, p=liked[j]) if spams[j] else honest
    return L, truth


def accuracy_of(probabilities: npt.NDArray[np.float64], truth: Labels) -> float:
    top = probabilities >= probabilities.max(axis=1, keepdims=True) - 1e-9
    return float((top[np.arange(len(truth)), truth] / top.sum(axis=1)).mean())


def gain(L: Votes, truth: Labels, k: int) -> float:
    ours = CrowdLabelModel(k).fit(L).predict_proba(L)
    theirs = MajorityLabelModel(k).fit(L).predict_proba(L)
    return accuracy_of(ours, truth) - accuracy_of(theirs, truth)


@pytest.mark.parametrize(
    ("least", "options"),
    [
        (0.05, {"spammers": 0.4}),
        (0.05, {"k": 2, "each": 7, "adversaries": 0.2}),
        (0.05, {"k": 2, "n": 1000, "balance": [0.95, 0.05]}),
        (0.0, {"k": 30, "n": 600, "each": 4}),
        (0.0, {"n": 1000, "each": 2}),
        (-0.005, {"accuracy": (50, 1)}),
    ],
    ids=["spammers", "adversaries", "one class in twenty", "many classes", "sparse", "all are good"],
)
def test_it_beats_majority_vote_on_a_crowd_that_differs(least: float, options: dict[str, object]) -> None:
    k = int(options.get("k", 3))  # type: ignore[call-overload]
    gains = [gain(*crowd(seed, **options), k) for seed in range(3)]  # type: ignore[arg-type]
    assert np.mean(gains) >= least, gains


def test_scarce_answers_of_alike_sources_change_little() -> None:
    gains = [gain(*crowd(seed, n=40, m=4, k=2, each=3), 2) for seed in range(8)]
    assert np.mean(gains) > -0.03, gains


def test_the_confusion_matrices_are_found() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 4000)
    rates = np.array([[[0.9, 0.1], [0.4, 0.6]], [[0.7, 0.3], [0.2, 0.8]], [[0.95, 0.05], [0.1, 0.9]]] * 3)
    L = (rng.random((4000, 9)) < rates[:, truth, 1].T).astype(np.int8)
    found = CrowdLabelModel(2).fit(L).confusion
    np.testing.assert_allclose(found.transpose(0, 2, 1), rates, atol=0.05)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_a_source_with_few_answers_looks_like_the_others() -> None:
    L, _ = crowd(3, n=600, m=20, accuracy=(40, 4))
    L[:, 0] = -1
    L[:2, 0] = (L[:2].max(axis=1) + 1) % 3
    found = CrowdLabelModel(3).fit(L).confusion
    assert np.diagonal(found[0]).mean() > 0.6, "two odd answers do not make an adversary"
    assert np.diagonal(found[1:], axis1=1, axis2=2).mean() > 0.85


def test_known_labels_turn_round_what_every_source_says() -> None:
    rng = np.random.default_rng(4)
    truth = rng.integers(0, 2, 400)
    L = np.where(rng.random((400, 6)) < 0.85, 1 - truth[:, None], truth[:, None]).astype(np.int8)
    gold = np.full(400, -1)
    assert accuracy_of(CrowdLabelModel(2).fit(L).predict_proba(L), truth) < 0.2
    gold[:100] = truth[:100]
    model = CrowdLabelModel(2).fit(L, gold=gold)
    assert model.diagnostics["gold_n"] == 100
    assert accuracy_of(model.predict_proba(L)[100:], truth[100:]) > 0.9


def test_class_shares_are_learned_and_reported() -> None:
    L, truth = crowd(5, n=1500, k=2, balance=[0.8, 0.2])
    model = CrowdLabelModel(2).fit(L)
    np.testing.assert_allclose(np.exp(model.log_prior), [(truth == 0).mean(), (truth == 1).mean()], atol=0.05)
    np.testing.assert_allclose(np.exp(model.log_prior), model.diagnostics["class_shares"])
    assert set(model.diagnostics["variances"]) == {"community", "ability", "leaning", "residual"}


def test_sources_of_one_class_are_said_not_to_suit() -> None:
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 2, 300)
    L = np.full((300, 6), -1, dtype=np.int8)
    for j in range(6):
        L[(truth == j % 2) & (rng.random(300) < 0.5), j] = j % 2
    model = CrowdLabelModel(2).fit(L)
    assert any("one class only" in note for note in model.notes), model.notes


def test_a_list_of_answers_gives_what_the_label_matrix_gives() -> None:
    L, truth = crowd(7, n=300)
    item, annotator = np.nonzero(L != -1)
    order = np.random.default_rng(0).permutation(len(item))
    item, annotator = item[order], annotator[order]
    names = np.array([f"w{j:02d}" for j in range(L.shape[1])])
    known = {i: int(truth[i]) for i in range(20)}
    gold = np.where(np.arange(300) < 20, truth, -1)
    model = CrowdLabelModel(3).fit(L, gold=gold)
    found = crowd_consensus(
        item + 1000, names[annotator], L[item, annotator], 3, decided={i + 1000: y for i, y in known.items()}
    )
    np.testing.assert_array_equal(found.items, np.arange(1000, 1300))
    assert found.annotators == tuple(names)
    np.testing.assert_allclose(found.confusion, model.confusion, atol=1e-6)
    np.testing.assert_allclose(found.class_shares, np.exp(model.log_prior), atol=1e-6)
    np.testing.assert_array_equal(found.probabilities[:20], np.eye(3)[truth[:20]])
    np.testing.assert_allclose(found.probabilities[20:], model.predict_proba(L)[20:], atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 5), st.integers(1, 12))
def test_any_votes_give_finite_probabilities(seed: int, k: int, m: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    L = rng.integers(-1, k, (n, m)).astype(np.int8)
    L[0, 0] = 0
    model = CrowdLabelModel(k).fit(L)
    probabilities = model.predict_proba(rng.integers(-1, k, (20, m)).astype(np.int8))
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_renaming_classes_and_reordering_sources_changes_nothing_else() -> None:
    L, _ = crowd(8, n=200)
    renamed = np.where(L == -1, -1, (L + 1) % 3).astype(np.int8)[:, ::-1]
    first, other = CrowdLabelModel(3).fit(L), CrowdLabelModel(3).fit(renamed)
    np.testing.assert_allclose(other.predict_proba(renamed)[:, [1, 2, 0]], first.predict_proba(L), atol=1e-6)


def test_bad_options_and_answers_are_refused() -> None:
    for option in ({"variance": 0.0}, {"n_iter": 0}, {"tol": -1.0}, {"balance_items": 0}):
        with pytest.raises(LabelModelError, match=f"{next(iter(option))} is"):
            CrowdLabelModel(2, **option)
    with pytest.raises(LabelModelError, match=r"expected at most 33,554,432.*weighted-majority"):
        CrowdLabelModel(4000).fit(np.zeros((3, 3), dtype=np.int16))
    with pytest.raises(LabelModelError, match="there are no answers"):
        crowd_consensus([], [], [], 2)
    with pytest.raises(LabelModelError, match="'ann' answered 5 on item 3, expected 0 to 1"):
        crowd_consensus([1, 3], ["bo", "ann"], [0, 5], 2)
    with pytest.raises(LabelModelError, match="'bo' answered item 1 twice"):
        crowd_consensus([1, 1], ["bo", "bo"], [0, 1], 2)
    with pytest.raises(LabelModelError, match="2 items, 1 annotators and 2 labels"):
        crowd_consensus([1, 2], ["bo"], [0, 1], 2)
    with pytest.raises(LabelModelError, match="label is an array of 1 dimension"):
        crowd_consensus([1, 2], ["bo", "ann"], [0.5, 1], 2)  # type: ignore[list-item]
    with pytest.raises(LabelModelError, match="mixture of int, str"):
        crowd_consensus([1, 2], np.array(["bo", 3], dtype=object), [0, 1], 2)
    with pytest.raises(LabelModelError, match="item 2 is decided to be 7"):
        crowd_consensus([1, 2], ["bo", "bo"], [0, 1], 2, decided={2: 7})


def test_a_class_that_no_source_votes_for_gets_no_item() -> None:
    L, _ = crowd(3, n=300, m=8, k=2, each=3)
    model = CrowdLabelModel(3).fit(L)
    probabilities = model.predict_proba(L)
    assert probabilities[:, 2].max() < 1e-3
    assert any("no source votes for class 2 and no known label is of it" in note for note in model.notes)
    assert model.diagnostics["unseen_classes"] == [2]
    gold = np.full(len(L), -1)
    gold[:20] = 2
    taught = CrowdLabelModel(3).fit(L, gold)
    assert not any("no source votes" in note for note in taught.notes)
    assert taught.predict_proba(L)[:, 2].max() > 0.05
    told = CrowdLabelModel(3, class_balance=[0.3, 0.3, 0.4]).fit(L)
    assert not any("no source votes" in note for note in told.notes)
