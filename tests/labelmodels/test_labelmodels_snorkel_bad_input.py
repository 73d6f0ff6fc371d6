"""What nobody should give a label model and somebody will: it works, or says what to do instead."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from labelkit.errors import LabelModelError
from labelkit.labelmodels import SnorkelLabelModel, VoteStatistics, label_model
from labelkit.labelmodels.snorkel_large import LARGE, check_size
from labelkit.labelmodels.snorkel_optimiser import train_mu
from labelkit.labelmodels.snorkel_settings import FitSettings, SnorkelRefusal

Matrix = npt.NDArray[np.int64]


def votes_of(n: int, m: int, *, k: int = 2, cover: float = 0.6, seed: int = 0) -> tuple[Matrix, Matrix]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    L = np.full((n, m), -1)
    for j in range(m):
        voted = np.flatnonzero(rng.random(n) < cover)
        wrong = (truth[voted] + rng.integers(1, k, len(voted))) % k
        L[voted, j] = np.where(rng.random(len(voted)) < 0.8, truth[voted], wrong)
    return L, truth


def right(decided: Matrix, truth: Matrix) -> float:
    return float((decided == truth)[decided != -1].mean())


def test_a_class_that_nobody_votes_for_attracts_nothing() -> None:
    L, truth = votes_of(500, 5)
    model = SnorkelLabelModel(4, n_epochs=100).fit(L)
    assert model.predict_proba(L)[:, 2:].max() < 1e-3
    assert "no function votes for class 2, 3 and no known label is of it" in model.notes[0]
    assert right(model.predict(L), truth) > 0.8
    unguarded = SnorkelLabelModel(4, guard=False, n_epochs=100).fit(L)
    assert unguarded.predict_proba(L)[:, 2:].max() > 0.1
    majority = label_model("majority", cardinality=4).fit(L)
    assert not majority.predict_proba(L)[(L != -1).any(axis=1), 2:].any()


def test_a_known_label_or_a_given_share_speaks_for_a_class() -> None:
    L, truth = votes_of(500, 5)
    gold = np.where(np.arange(500) < 20, truth, -1)
    gold[0] = 2
    by_label = SnorkelLabelModel(3, n_epochs=20).fit(L, gold=gold)
    np.testing.assert_allclose(np.exp(by_label.log_prior), 1 / 3)
    given = SnorkelLabelModel(3, n_epochs=20, class_balance=[0.5, 0.3, 0.2]).fit(L)
    np.testing.assert_allclose(np.exp(given.log_prior), [0.5, 0.3, 0.2])


def test_one_function() -> None:
    L, _ = votes_of(50, 1)
    with pytest.raises(LabelModelError, match="needs at least three labeling functions, got 1") as caught:
        SnorkelLabelModel(2).fit(L)
    assert 'name = "majority"' in str(caught.value)
    decided = label_model("majority", cardinality=2).fit(L).predict(L)
    np.testing.assert_array_equal(decided, L[:, 0])


def test_hundreds_of_dense_functions() -> None:
    L, truth = votes_of(400, 600, cover=1.0)
    model = SnorkelLabelModel(2, n_epochs=60).fit(L)
    probabilities = model.predict_proba(L)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert right(model.predict(L), truth) > 0.99


@pytest.mark.slow
def test_thousands_of_sparse_functions() -> None:
    L, truth = votes_of(2_000, 5_000, cover=0.004)
    model = SnorkelLabelModel(2, n_epochs=30).fit(L.astype(np.int8))
    assert right(model.predict(L), truth) > 0.9
    majority = label_model("majority", cardinality=2).fit(L)
    assert right(majority.predict(L), truth) > 0.9


def test_more_classes_than_a_byte_holds() -> None:
    L, truth = votes_of(3_000, 6, k=200)
    model = SnorkelLabelModel(200, n_epochs=5).fit(L)
    assert right(model.predict(L), truth) > 0.8


def test_a_thousand_classes() -> None:
    L, truth = votes_of(5_000, 5, k=1000)
    majority = label_model("majority", cardinality=1000).fit(L)
    assert right(majority.predict(L), truth) > 0.8
    with pytest.raises(LabelModelError, match="5 labeling functions × 1,000 classes and 500 epochs") as caught:
        SnorkelLabelModel(1000).fit(L)
    assert "majority" in str(caught.value)
    assert "n_epochs = 80" in str(caught.value)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_counted() -> None:
    """50,000 functions × 1,000 classes."""
    for guard in (True, False):
        with pytest.raises(LabelModelError, match="GB for the 50,000,000 × 50,000,000 matrix") as caught:
            SnorkelLabelModel(1000, guard=guard).fit(np.zeros((1, 50_000), dtype=np.int16))
        assert "majority" in str(caught.value)
    check_size(100, 10, n_epochs=500, guard=False)


@pytest.mark.parametrize(("m", "k", "cover"), [(7, 3, 0.5), (40, 2, 0.03), (5, 6, 0.9)])
@pytest.mark.parametrize("l2", [0.0, 0.2])
def test_the_loss_multiplied_out_is_snorkels(
    m: int, k: int, cover: float, l2: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same mu but for rounding, from sparse and dense counts, also where class shares differ."""
    L, _ = votes_of(600, m, k=k, cover=cover, seed=m)
    statistics = VoteStatistics.from_votes(L, k)
    settings = FitSettings(n_epochs=60, l2=l2, seed=1, lr=0.005)
    for balance in (np.full(k, 1 / k), np.arange(1, k + 1) / np.arange(1, k + 1).sum()):
        exact = train_mu(statistics, balance, settings, exact=True)
        monkeypatch.setattr("labelkit.labelmodels.snorkel_optimiser.LARGE", 1)
        multiplied_out = train_mu(statistics, balance, settings, exact=False)
        monkeypatch.setattr("labelkit.labelmodels.snorkel_optimiser.LARGE", LARGE)
        np.testing.assert_allclose(multiplied_out, exact, atol=2e-5)


def test_known_labels_that_contradict_every_function() -> None:
    L, truth = votes_of(500, 5)
    gold = np.where(np.arange(500) < 60, 1 - truth, -1)
    model = SnorkelLabelModel(2, n_epochs=100).fit(L, gold=gold)
    assert "known labels contradict the votes: majority vote is right on" in model.notes[0]
    assert "check the order of the classes" in model.notes[0]
    assert model.diagnostics["warning"]
    assert np.isfinite(model.predict_proba(L)).all()


@pytest.mark.parametrize("label", [0, 1])
def test_known_labels_of_a_single_class(label: int) -> None:
    L, truth = votes_of(500, 5)
    gold = np.where((truth == label) & (np.arange(500) < 100), label, -1)
    model = SnorkelLabelModel(2, n_epochs=100).fit(L, gold=gold)
    assert any("are all of one class" in note for note in model.notes)
    assert right(model.predict(L), truth) > 0.8
    free = SnorkelLabelModel(2, n_epochs=100).fit(L)
    assert model.mu.tobytes() == free.mu.tobytes()


def test_class_shares_that_do_not_sum_to_one() -> None:
    L, _ = votes_of(50, 3)
    for guard in (True, False):
        with pytest.raises(LabelModelError, match=r"class_balance sums to 0\.9, expected 1"):
            SnorkelLabelModel(2, guard=guard, class_balance=[0.5, 0.4])
        with pytest.raises(LabelModelError, match=r"class_balance is 0\.0 for class 1, expected a share above 0"):
            SnorkelLabelModel(2, guard=guard).fit(L, class_balance=[1.0, 0.0])


def test_labels_of_another_length_are_said_to_be_a_development_sets() -> None:
    L, truth = votes_of(200, 5)
    notes = SnorkelLabelModel(2).fit(L, truth[:100]).notes
    assert any("shape (100,) were taken as Snorkel's Y_dev" in note for note in notes)
    assert not any("Y_dev" in note for note in SnorkelLabelModel(2).fit(L, truth).notes)


def test_votes_for_one_class_only_are_no_flip() -> None:
    model = SnorkelLabelModel(2).fit(np.zeros((500, 5), dtype=np.int8))
    assert (model.predict(np.zeros((3, 5), dtype=np.int8)) == 0).all()
    assert model.diagnostics["restarts"] == 0
    assert [note for note in model.notes if "against majority" in note] == []


def test_a_vote_out_of_range_is_told_as_it_is_whatever_its_type() -> None:
    with pytest.raises(SnorkelRefusal, match="L_train has cardinality 256, cardinality=2 passed in"):
        SnorkelLabelModel(2).fit(np.array([[0, 1, 255]], dtype=np.uint8))
