"""Code written against Snorkel's LabelModel runs on ours: the same calls, and without the guard the same results."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelModelError
from labelkit.labelmodels import SnorkelLabelModel

Matrix = npt.NDArray[np.int64]
POLICIES = ["abstain", "random"]


def votes_of(seed: int, *, n: int = 120, m: int = 5, k: int = 2, cover: float = 0.6, single: bool = False) -> Matrix:
    """Votes of functions of many accuracies; with ``single`` each votes for one class only, as many real ones do."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    right = rng.random((n, m)) < rng.uniform(0.5, 0.95, m)
    L = np.where(right, truth[:, None], rng.integers(0, k, (n, m)))
    L[rng.random((n, m)) > cover] = -1
    if single:
        L[np.arange(m) % k != L] = -1
    L[0, : min(m, k)] = np.arange(k)[:m]
    return L


def both(L: Matrix, k: int, **options: Any) -> tuple[Any, SnorkelLabelModel]:
    from snorkel.labeling.model import LabelModel

    theirs = LabelModel(cardinality=k, verbose=False)
    theirs.fit(L_train=L, progress_bar=False, **options)
    ours = SnorkelLabelModel(cardinality=k, verbose=False, guard=False)
    ours.fit(L_train=L, progress_bar=False, **options)
    return theirs, ours


def assert_same(theirs: Any, ours: SnorkelLabelModel, L: Matrix, k: int) -> None:
    assert ours.mu.tobytes() == theirs.mu.detach().numpy().tobytes()
    np.testing.assert_allclose(ours.predict_proba(L), theirs.predict_proba(L), rtol=1e-10)
    np.testing.assert_array_equal(ours.get_weights(), theirs.get_weights())
    np.testing.assert_array_equal(ours.get_conditional_probs(), theirs.get_conditional_probs())
    for policy in POLICIES:
        np.testing.assert_array_equal(
            ours.predict(L=L, tie_break_policy=policy), theirs.predict(L=L, tie_break_policy=policy)
        )
    Y = np.random.default_rng(0).integers(0, k, len(L))
    metrics = ["accuracy", "coverage", "f1_macro", "matthews_corrcoef"]
    assert ours.score(L, Y, metrics) == theirs.score(L, Y, metrics)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    k=st.integers(2, 4),
    single=st.booleans(),
    fit_seed=st.integers(0, 2**32 - 1),
    optimizer=st.sampled_from(["sgd", "adam", "adamax"]),
    scheduler=st.sampled_from(["constant", "linear", "exponential", "step"]),
    l2=st.sampled_from([0.0, 0.3]),
    mu_eps=st.sampled_from([None, 0.02]),
)
def test_random_matrices_and_settings(
    seed: int, k: int, single: bool, fit_seed: int, optimizer: str, scheduler: str, l2: float, mu_eps: float | None
) -> None:
    L = votes_of(seed, k=k, m=6, single=single)
    options = {"optimizer": optimizer, "lr_scheduler": scheduler, "l2": l2, "mu_eps": mu_eps}
    theirs, ours = both(L, k, n_epochs=15, seed=fit_seed, **options)
    assert_same(theirs, ours, L, k)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.05, "log_freq": 1},
        {"optimizer_config": {"sgd_config": {"momentum": 0.0}}},
        {"optimizer_config": {"sgd_config": {"momentum": 0.5}}, "l2": 0.1},
        {"optimizer": "adam", "optimizer_config": {"adam_config": {"amsgrad": True, "betas": (0.8, 0.99)}}},
        {"lr_scheduler_config": {"warmup_steps": 5, "warmup_unit": "epochs"}},
        {"lr_scheduler_config": {"warmup_percentage": 0.3}, "lr_scheduler": "linear"},
        {"lr_scheduler": "exponential", "lr_scheduler_config": {"min_lr": 0.004, "exponential_config": {"gamma": 0.8}}},
        {"lr_scheduler": "step", "lr_scheduler_config": {"step_config": {"gamma": 0.5, "step_size": 3}}},
        {"prec_init": 1},
        {"prec_init": [0.6, 0.7, 0.8, 0.9, 0.5]},
        {"prec_init": np.array([0.6, 0.7, 0.8, 0.9, 0.5])},
        {"class_balance": [0.8, 0.2]},
        {"class_balance": np.array([0.25, 0.75])},
        {"Y_dev": np.array([0, 1, 1, 1, 0, 1, 1])},
        {"Y_dev": [0, 0, 1]},
        {"Y_dev": np.array([0, 1, 1]), "class_balance": [0.9, 0.1]},
    ],
    ids=str,
)
def test_every_setting_of_fit(options: dict[str, Any]) -> None:
    L = votes_of(3)
    theirs, ours = both(L, 2, n_epochs=30, seed=11, **options)
    assert_same(theirs, ours, L, 2)


def test_the_default_settings_are_snorkels_without_the_guard() -> None:
    L = votes_of(1, k=3)
    theirs, ours = both(L, 3, seed=5)
    assert_same(theirs, ours, L, 3)


@pytest.mark.parametrize("guard", [True, False])
def test_a_tensor_of_precisions_counts(guard: bool) -> None:
    """Snorkel lets a tensor pass, then has no precisions or the last fit's."""
    import torch

    L = votes_of(2)
    given = [0.6, 0.7, 0.8, 0.9, 0.5]
    listed = SnorkelLabelModel(2, guard=guard, n_epochs=10, prec_init=given).fit(L)
    tensor = SnorkelLabelModel(2, guard=guard, n_epochs=10).fit(L, prec_init=torch.tensor(given))
    np.testing.assert_allclose(tensor.mu, listed.mu, rtol=1e-5)
    kept = SnorkelLabelModel(2, guard=guard, prec_init=torch.tensor(given)).fit(L, n_epochs=2).to_state()[0]
    assert kept["params"]["prec_init"] == pytest.approx(given)


def test_snorkels_positional_arguments() -> None:
    from snorkel.labeling.model import LabelModel

    L, Y_dev = votes_of(4), np.array([0, 1, 1, 1])
    theirs = LabelModel(2, verbose=False)
    theirs.fit(L, Y_dev, None, False, n_epochs=20, seed=1)
    ours = SnorkelLabelModel(2, guard=False).fit(L, Y_dev, None, False, n_epochs=20, seed=1)
    assert ours.mu.tobytes() == theirs.mu.detach().numpy().tobytes()
    guarded = SnorkelLabelModel(2).fit(L, Y_dev, None, False, n_epochs=20, seed=1)
    np.testing.assert_allclose(np.exp(guarded.log_prior), [0.25, 0.75])
    assert guarded.diagnostics["gold_n"] == 0


def test_as_many_labels_as_items_are_known_labels_for_the_guard() -> None:
    L = votes_of(5)
    known = np.where(np.arange(len(L)) < 40, 1, -1)
    known[1] = 0
    by_position = SnorkelLabelModel(2, n_epochs=20).fit(L, known)
    by_name = SnorkelLabelModel(2, n_epochs=20).fit(L=L, gold=known)
    assert by_position.diagnostics == by_name.diagnostics
    assert by_position.diagnostics["gold_n"] == (known[(L != -1).any(axis=1)] != -1).sum()
    np.testing.assert_allclose(np.exp(by_position.log_prior), 0.5)
    with pytest.raises(LabelModelError, match=r"fit takes known labels once, .* given known and gold"):
        SnorkelLabelModel(2).fit(L, known, gold=known)
    with pytest.raises(LabelModelError, match=r"labels of a development set once, .* given known and Y_dev"):
        SnorkelLabelModel(2).fit(L, [0, 1], Y_dev=[0, 1])
    with pytest.raises(LabelModelError, match=r"gold has shape \(3,\), expected \(120,\)"):
        SnorkelLabelModel(2).fit(L, gold=[0, 1, 1])


def test_settings_of_fit_go_before_the_constructors_and_only_for_that_fit() -> None:
    L = votes_of(6)
    model = SnorkelLabelModel(2, guard=False, n_epochs=30, seed=1, lr=0.02, class_balance=[0.7, 0.3])
    usual = model.fit(L).mu.tobytes()
    other = model.fit(L, n_epochs=3, seed=9, class_balance=[0.5, 0.5]).mu.tobytes()
    expected = SnorkelLabelModel(2, guard=False, n_epochs=3, seed=9, lr=0.02, class_balance=[0.5, 0.5]).fit(L)
    assert other == expected.mu.tobytes() != usual
    assert model.fit(L).mu.tobytes() == usual
    assert model.get_params()["n_epochs"] == 30


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"epochs": 3}, ValueError, "fit has no setting 'epochs'; its settings are n_epochs, lr, l2, optimizer"),
        ({"optimizer": "lbfgs"}, ValueError, "Unrecognized optimizer option: .* expected one of sgd, adam, adamax"),
        ({"lr_scheduler": "cosine"}, ValueError, "Unrecognized lr scheduler option: .* constant, linear"),
        ({"optimizer_config": {"lr": 1}}, ValueError, "optimizer_config has no setting 'lr'; its settings are sgd_c"),
        ({"optimizer_config": {"sgd_config": {"decay": 1}}}, ValueError, "has no setting 'decay'"),
        ({"optimizer_config": 3}, ValueError, "optimizer_config is 3, expected a dict"),
        ({"lr_scheduler_config": {"warmup_steps": 3}}, ValueError, "LabelModel does not support any warmup_unit"),
        ({"lr_scheduler_config": {"warmup_percentage": 3}}, ValueError, "warmup_percentage is 3, expected at most 1"),
        ({"prec_init": "high"}, TypeError, "prec_init is of type <class 'str'>"),
        ({"prec_init": [0.7, 0.7]}, ValueError, "prec_init must have shape 5"),
        ({"prec_init": [0.7, 0.7, -1, 0.7, 0.7]}, ValueError, "prec_init is -1, expected a number above 0"),
        ({"log_freq": 0}, ValueError, "log_freq is 0, expected a whole number of at least 1"),
        ({"class_balance": [0.7, 0.7]}, ValueError, "class_balance sums to 1.4, expected 1"),
        ({"class_balance": [1.0]}, ValueError, "class_balance has 1 entries"),
        ({"L": np.zeros((4, 5), int)}, ValueError, "given matrix and L"),
        ({"known": [0, 1]}, ValueError, "fit has no setting 'known'"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(guard: bool, options: dict[str, Any], kind: type, message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        SnorkelLabelModel(2, guard=guard).fit(votes_of(0), **options)
    assert isinstance(caught.value, LabelModelError)


@pytest.mark.parametrize("guard", [True, False])
def test_refusals_begin_with_snorkels_words(guard: bool) -> None:
    model = SnorkelLabelModel(2, guard=guard)
    with pytest.raises(ValueError, match="L_train has cardinality 3, cardinality=2 passed in: labeling function 1"):
        model.fit(np.array([[0, 2, 1]]))
    with pytest.raises(ValueError, match=r"L_train should have at least 3 labeling functions: .* got 1") as caught:
        model.fit(np.array([[0], [1]]))
    assert "majority" in str(caught.value)
    with pytest.raises(
        ValueError, match="fit takes a label matrix once, as one of matrix, L, L_train; it was given nothing"
    ):
        model.fit()


def test_matrices_of_whole_floats_are_taken() -> None:
    L = votes_of(7)
    whole = SnorkelLabelModel(2, n_epochs=10).fit(L)
    floats = SnorkelLabelModel(2, n_epochs=10).fit(L.astype(float))
    assert floats.mu.tobytes() == whole.mu.tobytes()
    assert floats.predict(L.astype(np.float32)).tolist() == whole.predict(L).tolist()


@pytest.mark.parametrize("guard", [True, False])
def test_save_and_load(guard: bool, tmp_path: Path) -> None:
    L = votes_of(8, k=3)
    model = SnorkelLabelModel(3, guard=guard, n_epochs=20, prec_init=np.full(5, 0.8), class_balance=(0.5, 0.3, 0.2))
    model.fit(L)
    target = tmp_path / "model.pkl"
    model.save(str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["model.pkl"]
    other = SnorkelLabelModel(2)
    other.load(target)
    assert other.cardinality == 3
    assert other.predict_proba(L).tobytes() == model.predict_proba(L).tobytes()
    assert (other.guard, other.diagnostics, other.notes) == (guard, model.diagnostics, model.notes)
    first = target.read_bytes()
    other.save(target)
    assert target.read_bytes() == first
    assert other.fit(L).mu.tobytes() == model.mu.tobytes()


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    import pickle

    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"mu": np.zeros(3)}))
    with pytest.raises(LabelModelError, match=r"holds no label model that labelkit saved\. Files that Snorkel pickled"):
        SnorkelLabelModel(2).load(path)
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    with pytest.raises(LabelModelError, match="holds no label model"):
        SnorkelLabelModel(2).load(tmp_path / "other.npz")
    with pytest.raises(LabelModelError, match="there is no saved label model at"):
        SnorkelLabelModel(2).load(tmp_path / "missing")
    with pytest.raises(LabelModelError, match="is not fitted"):
        SnorkelLabelModel(2).save(path)
    with pytest.raises(LabelModelError, match="cannot be written"):
        SnorkelLabelModel(2, n_epochs=1).fit(votes_of(0)).save(tmp_path / "no" / "model")


def test_predict_returns_probabilities_and_knows_its_policies() -> None:
    L = votes_of(9)
    model = SnorkelLabelModel(2, n_epochs=20).fit(L)
    decided, probabilities = model.predict(L, return_probs=True)
    np.testing.assert_array_equal(decided, model.predict(L))
    np.testing.assert_array_equal(probabilities, model.predict_proba(L))
    with pytest.raises(ValueError, match="tie_break_policy=coin policy not recognized"):
        model.predict(L, tie_break_policy="coin")
    with pytest.raises(ValueError, match="Unrecognized metric: beauty"):
        model.score(L, np.zeros(len(L), int), ["beauty"])
    with pytest.raises(LabelModelError, match="Y has 3 labels, expected 120"):
        model.score(L, [0, 1, 0])


def test_scores_leave_out_unknown_labels() -> None:
    L = votes_of(10)
    model = SnorkelLabelModel(2, n_epochs=20).fit(L)
    Y = model.predict(L)
    Y[::2] = -1
    assert model.score(L, Y) == {"accuracy": 1.0}
    assert model.score(L, Y.astype(float).reshape(-1, 1)) == {"accuracy": 1.0}


def test_the_loss_is_told_to_a_logger_that_nobody_configured(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="labelkit.labelmodels")
    SnorkelLabelModel(2, verbose=True).fit(votes_of(0), n_epochs=20, log_freq=5)
    told = [record.getMessage() for record in caplog.records]
    assert [text.split(":")[0] for text in told] == ["epoch 5", "epoch 10", "epoch 15", "epoch 20"]
    caplog.clear()
    SnorkelLabelModel(2).fit(votes_of(0), n_epochs=20)
    assert not caplog.records


def test_the_inside_of_snorkels_class() -> None:
    """What its own tests reach for: parts before any fit, mu set by hand, and what a fit leaves behind."""
    import torch
    from torch import nn

    L = votes_of(11)
    theirs, ours = both(L, 2, n_epochs=5, seed=1, optimizer="adam", lr_scheduler="step")
    for name in ("O", "mask", "mu_init", "P"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name
    assert (ours.n, ours.m, ours.d) == (theirs.n, theirs.m, theirs.d)
    assert ours._loss_mu().item() == pytest.approx(theirs._loss_mu().item(), rel=1e-6)
    assert isinstance(ours.optimizer, torch.optim.Adam)
    assert isinstance(ours.lr_scheduler, torch.optim.lr_scheduler.StepLR)
    assert ours.get_params()["optimizer"] == "sgd"
    assert ours.eval().train() is ours
    ours.mu = nn.Parameter(ours.mu_init.clone().clamp(0.01, 0.99))
    theirs.mu = nn.Parameter(theirs.mu_init.clone().clamp(0.01, 0.99))
    np.testing.assert_allclose(ours.predict_proba(L), theirs.predict_proba(L), rtol=1e-6)
    assert ours.mu.detach().cpu().numpy().dtype == np.float32
    ours.fit(L, n_epochs=5, seed=1, optimizer="adam", lr_scheduler="step")
    assert ours.predict_proba(L).tobytes() != theirs.predict_proba(L).tobytes()


def test_a_guarded_or_loaded_model_has_no_such_inside(tmp_path: Path) -> None:
    L = votes_of(12)
    guarded = SnorkelLabelModel(2, n_epochs=2).fit(L)
    assert not hasattr(guarded, "mask")
    with pytest.raises(AttributeError, match="'mask' is a part of Snorkel's own class"):
        _ = guarded.mask
    assert guarded.optimizer == "sgd"
    plain = SnorkelLabelModel(2, guard=False, n_epochs=2).fit(L)
    plain.save(tmp_path / "model")
    loaded = SnorkelLabelModel(2, guard=False).load(tmp_path / "model")
    with pytest.raises(AttributeError, match="no longer has: it was loaded"):
        _ = loaded.mask
    assert loaded.optimizer == "sgd"


def test_a_device_that_is_not_there() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="device=cuda but CUDA not available"):
        SnorkelLabelModel(2, device="cuda:0")
