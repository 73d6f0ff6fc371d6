"""SnorkelLabelModel against Snorkel itself, and what Snorkel does wrong."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelModelError
from labelkit.labelmodels import SnorkelLabelModel, VoteStatistics, load_label_model
from labelkit.labelmodels.scoring import to_probabilities

Matrix = npt.NDArray[np.int8]


def votes_of(
    n: int, accuracies: Sequence[float], *, k: int = 2, cover: float = 0.6, seed: int = 0
) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Votes of independent functions with the given accuracies, and the true labels."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    L = np.full((n, len(accuracies)), -1, dtype=np.int8)
    for j, accuracy in enumerate(accuracies):
        wrong = (truth + rng.integers(1, k, n)) % k
        vote = np.where(rng.random(n) < accuracy, truth, wrong)
        voted = rng.random(n) < cover
        L[voted, j] = vote[voted]
    return L, truth


@pytest.mark.parametrize(("k", "unequal"), [(2, False), (2, True), (5, True)])
@pytest.mark.parametrize("options", [{}, {"l2": 0.1, "lr": 0.02}, {"optimizer": "adam"}, {"mu_eps": 0.05}])
def test_without_guard_it_is_snorkel_to_the_bit(k: int, options: dict[str, object], unequal: bool) -> None:
    from snorkel.labeling.model import LabelModel

    L, _ = votes_of(400, [0.9, 0.7, 0.8, 0.6], k=k)
    balance = [0.6, *[0.4 / (k - 1)] * (k - 1)] if unequal else None
    stock = LabelModel(k, verbose=False)
    stock.fit(L, class_balance=balance, n_epochs=40, seed=7, progress_bar=False, **options)
    ours = SnorkelLabelModel(k, guard=False, n_epochs=40, seed=7, class_balance=balance, **options).fit(L)  # type: ignore[arg-type]
    assert ours.mu.tobytes() == stock.mu.detach().numpy().tobytes()
    np.testing.assert_allclose(ours.predict_proba(L), stock.predict_proba(L), rtol=1e-12, atol=0)
    np.testing.assert_array_equal(ours.predict(L), stock.predict(L))
    np.testing.assert_array_equal(ours.get_weights(), stock.get_weights())


def test_enough_elements_for_torch_to_split_sums_over_threads() -> None:
    from snorkel.labeling.model import LabelModel

    L, _ = votes_of(300, np.linspace(0.6, 0.9, 100).tolist(), cover=0.1)
    stock = LabelModel(2, verbose=False)
    stock.fit(L, n_epochs=20, seed=3, progress_bar=False)
    ours = SnorkelLabelModel(2, guard=False, n_epochs=20, seed=3).fit(L)
    assert ours.mu.tobytes() == stock.mu.detach().numpy().tobytes()


def test_fitting_from_summed_shards_is_fitting_from_the_matrix() -> None:
    L, _ = votes_of(500, [0.9, 0.7, 0.8])
    whole = SnorkelLabelModel(2, n_epochs=50).fit(L)
    parts = [VoteStatistics.from_votes(part, 2) for part in np.array_split(L, 4)]
    summed = SnorkelLabelModel(2, n_epochs=50).fit_statistics(VoteStatistics.merge(parts))
    assert summed.mu.tobytes() == whole.mu.tobytes()
    assert summed.diagnostics == whole.diagnostics


def test_statistics_that_cannot_be_learned_from_are_refused() -> None:
    model = SnorkelLabelModel(2)
    with pytest.raises(LabelModelError, match="have 3 classes, expected 2"):
        model.fit_statistics(VoteStatistics.from_votes(np.zeros((2, 3), np.int8), 3))
    with pytest.raises(LabelModelError, match="at least three labeling functions, got 2"):
        model.fit_statistics(VoteStatistics.from_votes(np.zeros((2, 2), np.int8), 2))
    with pytest.raises(LabelModelError, match="abstained on all 7 items"):
        model.fit_statistics(VoteStatistics.from_votes(np.full((7, 3), -1, np.int8), 2))


def flipping_votes() -> tuple[Matrix, npt.NDArray[np.int64]]:
    return votes_of(1000, [0.8, 0.75, 0.7, 0.85, 0.8], cover=0.5, seed=4)


def test_the_guard_finds_and_mends_flips() -> None:
    """Seeds whose starting point is tiny flip stock Snorkel where class shares differ; none may pass."""
    L, truth = flipping_votes()
    small = [s for s in range(60) if np.random.RandomState(s).random_sample() < 0.08]
    flipped = 0
    for seed in small:
        options = {"n_epochs": 300, "seed": seed, "class_balance": [0.75, 0.25]}
        stock = SnorkelLabelModel(2, guard=False, **options).fit(L)  # type: ignore[arg-type]
        bad = _accuracy(stock, L, truth) < 0.6
        flipped += bad
        guarded = SnorkelLabelModel(2, **options).fit(L)  # type: ignore[arg-type]
        assert _accuracy(guarded, L, truth) > 0.6
        assert (guarded.diagnostics["restarts"] > 0) == bad
        assert guarded.diagnostics["agreement_with_majority"] > 0.7
        assert not guarded.diagnostics["warning"]
        assert guarded.notes == []
    assert flipped, "no seed flipped: the test shows nothing"


def _accuracy(model: SnorkelLabelModel, L: Matrix, truth: npt.NDArray[np.int64]) -> float:
    decided = model.predict(L)
    return float((decided == truth)[decided != -1].mean())


def test_the_guard_changes_nothing_where_nothing_is_wrong() -> None:
    L, _ = votes_of(600, [0.9, 0.7, 0.8, 0.65])
    plain = SnorkelLabelModel(2, guard=False, n_epochs=100, seed=2).fit(L)
    guarded = SnorkelLabelModel(2, n_epochs=100, seed=2).fit(L)
    assert guarded.mu.tobytes() == plain.mu.tobytes()
    assert guarded.diagnostics["restarts"] == 0


def test_a_flip_is_mended_by_a_penalty_where_restarts_are_not_allowed() -> None:
    L, truth = flipping_votes()
    seed = next(s for s in range(60) if np.random.RandomState(s).random_sample() < 0.03)
    model = SnorkelLabelModel(2, n_epochs=300, seed=seed, class_balance=[0.75, 0.25], max_restarts=0).fit(L)
    assert _accuracy(model, L, truth) > 0.6
    assert model.diagnostics["penalty"] is not None
    assert "all votes agree" in model.notes[0]


def contrary_votes() -> tuple[Matrix, npt.NDArray[np.int64]]:
    """Functions that vote for one class each and never conflict with their own side: Snorkel overrules some."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 1500)
    L = np.full((1500, 5), -1, dtype=np.int8)
    for j, (side, cover, right) in enumerate(
        [(1, 0.1, 0.94), (1, 0.35, 0.97), (0, 0.3, 0.7), (0, 0.25, 0.7), (1, 0.05, 0.6)]
    ):
        voted = rng.random(1500) < np.where(truth == side, 2 * cover * right, 2 * cover * (1 - right))
        L[voted, j] = side
    return L, truth


def test_unanimous_votes_are_not_overruled_without_known_labels() -> None:
    L, truth = contrary_votes()
    stock = SnorkelLabelModel(2, guard=False).fit(L)
    unanimous = (L == 1).any(axis=1) ^ (L == 0).any(axis=1)
    votes = L.max(axis=1)
    overruled = stock.predict(L)[unanimous] != votes[unanimous]
    guarded = SnorkelLabelModel(2).fit(L)
    assert (guarded.predict(L)[unanimous] == votes[unanimous]).mean() > 0.98
    assert _accuracy(guarded, L, truth) >= _accuracy(stock, L, truth)
    if overruled.mean() > 0.02:
        assert guarded.diagnostics["penalty"] is not None
        assert any("all votes agree" in note for note in guarded.notes)


def test_unanimous_votes_may_be_overruled_where_known_labels_bear_it_out() -> None:
    """A function that is wrong more often than not, and people who show it."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 2000)
    L = np.full((2000, 4), -1, dtype=np.int8)
    for j, right in enumerate((0.9, 0.85, 0.9, 0.15)):
        voted = rng.random(2000) < (0.6 if j < 3 else 0.5)
        L[voted, j] = np.where(rng.random(voted.sum()) < right, truth[voted], 1 - truth[voted])
    free = SnorkelLabelModel(2).fit(L)
    taught = SnorkelLabelModel(2).fit(L, gold=np.where(np.arange(2000) < 200, truth, -1))
    assert taught.diagnostics["penalty"] is None
    assert _accuracy(taught, L, truth) > _accuracy(free, L, truth)


def test_known_labels_that_speak_against_the_model_are_reported() -> None:
    L, _ = votes_of(600, [0.9, 0.8, 0.8, 0.6])
    # Labels that are known only where the model and majority vote differ, and then side with the latter.
    contrary = np.where((L == 0).sum(axis=1) > (L == 1).sum(axis=1), 0, 1)
    model = SnorkelLabelModel(2, n_epochs=200).fit(L)
    differs = (model.predict(L) != contrary) & (L != -1).any(axis=1) & (model.predict(L) != -1)
    gold = np.where(differs, contrary, -1)
    assert differs.sum() >= 10
    model.fit(L, gold=gold)
    assert model.diagnostics["warning"]
    assert model.diagnostics["gold_n"] == differs.sum()
    assert "consider majority vote" in model.notes[-1]


def test_uncovered_items_get_the_prior_and_no_label() -> None:
    L, _ = votes_of(300, [0.9, 0.8, 0.8])
    nothing = np.full((2, 3), -1)
    model = SnorkelLabelModel(2, n_epochs=50, class_balance=[0.7, 0.3]).fit(L)
    np.testing.assert_allclose(model.predict_proba(nothing), [[0.7, 0.3]] * 2)
    assert model.predict(nothing).tolist() == [-1, -1]
    as_snorkel = SnorkelLabelModel(2, guard=False, n_epochs=50, class_balance=[0.7, 0.3]).fit(L)
    assert as_snorkel.predict(nothing).tolist() == [0, 0]


def test_hundreds_of_functions_do_not_underflow() -> None:
    """Snorkel multiplies 600 small probabilities to 0 / 0 = NaN here."""
    model = SnorkelLabelModel(2, n_epochs=1).fit(np.eye(3, dtype=np.int8))
    state, arrays = model.to_state()
    mu = np.tile(np.array([[0.2, 0.1], [0.1, 0.2]], dtype=np.float32), (600, 1))
    wide = {**arrays, "mu": mu, "coverage": np.full(600, 0.3)}
    many = load_label_model({**state, "n_functions": 600}, wide)
    L = np.zeros((2, 600), dtype=np.int8)
    L[1, ::2] = 1
    assert (np.exp(np.log(mu[0]) * 600.0) == 0).all(), "the products do underflow"
    np.testing.assert_allclose(many.predict_proba(L), [[1.0, 0.0], [0.5, 0.5]], atol=1e-9)


def test_an_optimiser_that_diverges_is_slowed_down_and_says_so() -> None:
    L, _ = votes_of(200, [0.9] * 40, cover=1.0)
    model = SnorkelLabelModel(2, n_epochs=60, lr=1.0).fit(L)
    assert model.diagnostics["lr"] < 1.0
    assert "diverged at lr = 1" in model.notes[-1]
    assert np.isfinite(model.predict_proba(L)).all()
    with pytest.raises(LabelModelError, match="loss became NaN at lr = 1"):
        SnorkelLabelModel(2, guard=False, n_epochs=60, lr=1.0).fit(L)


def test_global_generators_and_logging_are_left_alone() -> None:
    import torch

    L, _ = votes_of(200, [0.9, 0.8, 0.8])
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]
    handlers, level, threads = list(logging.root.handlers), logging.root.level, torch.get_num_threads()
    SnorkelLabelModel(2, n_epochs=5).fit(L)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # type: ignore[index]
    assert after == before
    assert (logging.root.handlers, logging.root.level, torch.get_num_threads()) == (handlers, level, threads)


def test_fits_in_threads_do_not_disturb_each_other() -> None:
    L, _ = votes_of(300, [0.9, 0.7, 0.8, 0.6])
    alone = [SnorkelLabelModel(2, n_epochs=40, seed=s).fit(L).mu.tobytes() for s in range(4)]
    together: dict[int, bytes] = {}
    stop = threading.Event()

    def noise() -> None:
        while not stop.is_set():
            np.random.random()

    def fit(seed: int) -> None:
        together[seed] = SnorkelLabelModel(2, n_epochs=40, seed=seed).fit(L).mu.tobytes()

    disturbing = threading.Thread(target=noise)
    disturbing.start()
    threads = [threading.Thread(target=fit, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    disturbing.join()
    assert [together[seed] for seed in range(4)] == alone


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 4), st.integers(3, 6), st.integers(0, 2**31), st.booleans())
def test_contributions_add_up_to_the_probabilities(k: int, m: int, seed: int, guard: bool) -> None:
    L, _ = votes_of(80, [0.8] * m, k=k, seed=seed)
    model = SnorkelLabelModel(k, guard=guard, n_epochs=10, seed=seed % 1000, max_restarts=1).fit(L)
    probabilities = model.predict_proba(L)
    for row in range(10):
        added = model.contributions(L[row])
        assert not added[L[row] == -1].any()
        whole = to_probabilities((model.log_prior + added.sum(axis=0))[:, None])[:, 0]
        np.testing.assert_allclose(whole, probabilities[row], rtol=1e-11)


def test_a_restored_model_predicts_the_same_bytes() -> None:
    L, _ = votes_of(300, [0.9, 0.7, 0.8], k=3)
    model = SnorkelLabelModel(3, n_epochs=40, class_balance=(0.5, 0.3, 0.2)).fit(L)
    state, arrays = model.to_state()
    again = load_label_model(json.loads(json.dumps(state)), arrays)
    assert again.predict_proba(L).tobytes() == model.predict_proba(L).tobytes()
    assert again.diagnostics == model.diagnostics
    with pytest.raises(LabelModelError, match="array shapes"):
        load_label_model(state, {**arrays, "mu": arrays["mu"][1:]})


def test_the_guarded_model_does_not_depend_on_the_number_of_threads() -> None:
    import torch

    L, _ = votes_of(300, np.linspace(0.6, 0.9, 100).tolist(), cover=0.1)
    found, threads = set(), torch.get_num_threads()
    try:
        for count in (1, 2, 4):
            torch.set_num_threads(count)
            found.add(SnorkelLabelModel(2, n_epochs=20, seed=3).fit(L).mu.tobytes())
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1
