"""Dawid and Skene's model: crowd-kit's probabilities, known labels, and collapse found and said."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from labelkit.errors import LabelModelError
from labelkit.labelmodels import DawidSkeneLabelModel, VoteStatistics

Votes = npt.NDArray[np.int8]


def crowd(
    n: int = 300, m: int = 12, k: int = 3, per_item: int = 4, seed: int = 0
) -> tuple[Votes, npt.NDArray[np.int64]]:
    """Answers of people who see a few items each, some of them careless, one of them biased."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(k, n, p=np.arange(1, k + 1) / np.arange(1, k + 1).sum())
    accuracies = rng.uniform(0.4, 0.95, m)
    L = np.full((n, m), -1, dtype=np.int8)
    for item in range(n):
        for person in rng.choice(m, per_item, replace=False):
            right = rng.random() < accuracies[person]
            L[item, person] = truth[item] if right else rng.integers(0, k)
    L[L[:, 0] == 1, 0] = k - 1
    return L, truth


def crowd_kits(L: Votes, rounds: int, gold: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.float64]:
    pd = pytest.importorskip("pandas")
    aggregation = pytest.importorskip("crowdkit.aggregation")
    task, worker = np.nonzero(L != -1)
    data = pd.DataFrame({"task": task, "worker": worker, "label": L[task, worker].astype(int)})
    known = None
    if gold is not None:
        at = np.flatnonzero(gold != -1)
        known = pd.Series(gold[at], index=pd.Index(at, name="task"), name="true_label")
    theirs = aggregation.DawidSkene(n_iter=rounds, tol=-np.inf).fit_predict_proba(data, known)
    return np.asarray(theirs.sort_index()[sorted(theirs.columns)].to_numpy(), dtype=np.float64)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("rounds", [1, 5, 30])
def test_it_gives_crowd_kits_probabilities(k: int, rounds: int) -> None:
    L, _ = crowd(k=k, seed=k)
    ours = DawidSkeneLabelModel(k, n_iter=rounds, tol=0.0, smoothing=0.0).fit(L)
    used = ours.diagnostics["rounds"]
    assert used == rounds or ours.diagnostics["converged"]
    np.testing.assert_allclose(ours.predict_proba(L), crowd_kits(L, used), atol=1e-7)


def test_known_labels_clamp_as_in_crowd_kit() -> None:
    L, truth = crowd(seed=5)
    gold = np.where(np.arange(len(L)) % 4 == 0, truth, -1)
    ours = DawidSkeneLabelModel(3, n_iter=8, tol=0.0, smoothing=0.0).fit(L, gold).predict_proba(L)
    unknown = gold == -1
    np.testing.assert_allclose(ours[unknown], crowd_kits(L, 8, gold)[unknown], atol=1e-7)


def test_it_learns_who_is_right_and_what_is_confused() -> None:
    L, truth = crowd(n=2000, seed=1)
    model = DawidSkeneLabelModel(3).fit(L)
    counts = np.stack([np.equal(L, label).sum(axis=1) for label in range(3)], axis=1)
    ours, majority = (model.predict(L) == truth).mean(), (counts.argmax(axis=1) == truth).mean()
    assert ours > majority + 0.02
    assert model.confusion[0, 2, 1] > 0.3, "the first person says 2 where 1 is right"
    assert model.confusion.shape == (12, 3, 3)
    np.testing.assert_allclose(model.confusion.sum(axis=1), 1.0)
    assert model.diagnostics["converged"]
    assert not model.notes


def test_the_log_likelihood_never_falls() -> None:
    L, _ = crowd(seed=2)
    reached = [
        DawidSkeneLabelModel(3, n_iter=n, tol=0.0, smoothing=0.0).fit(L).diagnostics["log_likelihood"]
        for n in range(1, 15)
    ]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(reached))


def one_class_functions(n: int = 1500, seed: int = 0) -> tuple[Votes, npt.NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    L = np.full((n, 8), -1, dtype=np.int8)
    for function in range(8):
        label = function % 2
        fires = rng.random(n) < np.where(truth == label, 0.4, 0.05)
        L[fires, function] = label
    return L, truth


def test_collapse_on_one_class_functions_is_said() -> None:
    L, _ = one_class_functions()
    model = DawidSkeneLabelModel(2).fit(L)
    assert model.diagnostics["collapsed"]
    assert model.diagnostics["warning"]
    assert model.diagnostics["one_class_functions"] == 8
    assert len(model.notes) == 1
    assert model.notes[0].startswith("Dawid-Skene collapsed: it puts 100% of the items with votes into class")
    assert "8 of 8 labeling functions vote for one class only" in model.notes[0]


def test_rates_per_item_learn_from_one_class_functions() -> None:
    L, truth = one_class_functions()
    model = DawidSkeneLabelModel(2, rates="per-item").fit(L)
    covered = (L != -1).any(axis=1)
    assert (model.predict_proba(L).argmax(axis=1) == truth)[covered].mean() > 0.9
    assert not model.notes


def test_the_class_balance_is_learned_or_kept() -> None:
    L, truth = crowd(n=2000, seed=3)
    shares = np.bincount(truth) / len(truth)
    np.testing.assert_allclose(np.exp(DawidSkeneLabelModel(3).fit(L).log_prior), shares, atol=0.05)
    given = [0.2, 0.3, 0.5]
    kept = DawidSkeneLabelModel(3, class_balance=given, learn_balance=False).fit(L)
    np.testing.assert_allclose(np.exp(kept.log_prior), given)
    moved = DawidSkeneLabelModel(3, class_balance=[0.8, 0.1, 0.1]).fit(L)
    np.testing.assert_allclose(np.exp(moved.log_prior), shares, atol=0.05)


def test_uncovered_items_get_the_learned_shares() -> None:
    L, _ = crowd(seed=4)
    L[0] = -1
    model = DawidSkeneLabelModel(3).fit(L)
    np.testing.assert_allclose(model.predict_proba(L[:1])[0], np.exp(model.log_prior))
    assert model.predict(L[:1]).tolist() == [-1]


def test_blocks_of_patterns_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    L, truth = crowd(seed=6)
    gold = np.where(np.arange(len(L)) % 9 == 0, truth, -1)
    whole = DawidSkeneLabelModel(3).fit(L, gold).predict_proba(L)
    monkeypatch.setattr("labelkit.labelmodels.pattern_votes._CELLS", 100)
    np.testing.assert_allclose(DawidSkeneLabelModel(3).fit(L, gold).predict_proba(L), whole, atol=1e-9)


def test_a_crowd_of_two_hundred_on_ten_thousand_items_is_no_burden() -> None:
    L, truth = crowd(n=10_000, m=200, k=8, per_item=5, seed=7)
    model = DawidSkeneLabelModel(8).fit(L)
    assert (model.predict(L) == truth).mean() > 0.8


def test_unknown_options_values_are_refused() -> None:
    with pytest.raises(LabelModelError, match="rates is 'per-day', expected one of per-vote, per-item"):
        DawidSkeneLabelModel(2, rates="per-day")  # type: ignore[arg-type]
    with pytest.raises(LabelModelError, match="learn_balance is 1, expected true or false"):
        DawidSkeneLabelModel(2, learn_balance=1)  # type: ignore[arg-type]
    with pytest.raises(LabelModelError, match="smoothing is -1, expected a number of at least 0"):
        DawidSkeneLabelModel(2, smoothing=-1)
    statistics = VoteStatistics.of_checked(np.zeros((5, 100), dtype=np.int16), 1000, pairs=False)
    with pytest.raises(LabelModelError, match="of 100 labeling functions and 1,000 classes, expected at most"):
        DawidSkeneLabelModel(1000).fit_statistics(statistics)
