"""Calibration of end models: what it may change, and what it must not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.endmodels import fit_end_model, load_end_model, save_end_model
from labelkit.endmodels.calibration import Calibration, fit_calibration
from labelkit.errors import EndModelError


def overconfident(n: int, k: int, seed: int, factor: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities whose log-odds are ``factor`` times too large, and labels drawn from the true ones."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(k), n)
    gold = (true.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    said = true**factor
    return (said / said.sum(axis=1, keepdims=True)).astype(np.float32), gold


def test_the_temperature_that_was_put_in_is_found() -> None:
    P, gold = overconfident(2000, 3, 0)
    found = fit_calibration(P, gold)
    assert found.used
    assert found.temperature == pytest.approx(3.0, rel=0.1)
    assert found.before is not None
    assert found.after is not None
    assert found.after < found.before
    fresh, truth = overconfident(2000, 3, 1)
    rows = np.arange(2000)
    after = -np.log(np.maximum(found.apply(fresh)[rows, truth], 1e-12)).mean()
    assert after == pytest.approx(found.after, abs=0.05)  # what is told holds for labels never seen


@settings(max_examples=60, deadline=None)
@given(
    k=st.integers(2, 5), seed=st.integers(0, 999), temperature=st.floats(0.1, 10.0), close=st.sampled_from([1, 30, 1e6])
)
def test_a_temperature_changes_no_label_and_no_sum(k: int, seed: int, temperature: float, close: float) -> None:
    """Also where float32 cannot tell the two best classes apart any more."""
    P = (1 / k + np.random.default_rng(seed).normal(size=(200, k)) / (10 * close)).clip(1e-9)
    P = (P / P.sum(axis=1, keepdims=True)).astype(np.float32)
    changed = Calibration(temperature, (), 100, True, 1.0, 0.9, "").apply(P)
    np.testing.assert_array_equal(changed.argmax(axis=1), P.argmax(axis=1))
    np.testing.assert_allclose(changed.sum(axis=1), 1, atol=1e-5)
    assert changed.dtype == np.float32


def test_too_few_labels_change_nothing() -> None:
    P, gold = overconfident(19, 2, 0)
    found = fit_calibration(P, gold)
    assert not found.used
    assert "19 held-out labels are too few" in found.why
    assert found.apply(P) is P
    assert fit_calibration(P, np.full(19, -1)).before is None


def test_what_is_calibrated_already_is_hardly_changed() -> None:
    P, gold = overconfident(600, 3, 5, factor=1.0)
    found = fit_calibration(P, gold)
    assert not found.used or abs(found.temperature - 1) < 0.2
    np.testing.assert_allclose(found.apply(P), P, atol=0.08)


def test_biases_help_where_a_class_is_said_too_often_and_may_move_labels() -> None:
    rng = np.random.default_rng(3)
    true = rng.dirichlet(np.ones(3), 1500)
    gold = (true.cumsum(axis=1) > rng.random((1500, 1))).argmax(axis=1)
    said = true * np.array([4.0, 1.0, 1.0])
    said /= said.sum(axis=1, keepdims=True)
    plain, biased = fit_calibration(said, gold), fit_calibration(said, gold, method="bias")
    assert biased.after is not None
    assert plain.after is not None
    assert biased.after < plain.after - 0.05
    assert (biased.apply(said).argmax(axis=1) == gold).mean() > (said.argmax(axis=1) == gold).mean() + 0.05
    np.testing.assert_allclose(np.diff(biased.bias), [np.log(4), 0], atol=0.3)


def test_a_class_that_is_ruled_out_stays_so_and_breaks_nothing() -> None:
    P, gold = overconfident(200, 2, 7)
    wider = np.pad(P, ((0, 0), (0, 1)))
    gold = np.where(np.arange(200) % 10 == 0, 2, gold)  # labels that the model says are impossible
    for method in ("temperature", "bias"):
        changed = fit_calibration(wider, gold, method=method).apply(wider)  # type: ignore[arg-type]
        assert np.isfinite(changed).all()
        assert (changed[:, 2] == 0).all()


@pytest.mark.parametrize(
    ("P", "gold", "message"),
    [
        (np.full((3, 2), 0.5), np.zeros(2, int), r"\(3, 2\) came with labels of shape \(2,\)"),
        (np.full((3, 2), 0.5), np.full(3, 2), "from -1 to 1"),
        (np.full((3, 2), 0.5), np.full(3, 0.5), "whole numbers"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "must be finite"),
        (np.full((3, 2), 0.9), np.zeros(3, int), "sum to 1"),
    ],
)
def test_what_cannot_be_used_is_named(P: np.ndarray, gold: np.ndarray, message: str) -> None:
    with pytest.raises(EndModelError, match=message):
        fit_calibration(P, gold)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(EndModelError, match="unknown calibration 'isotonic'; choose temperature or bias"):
        fit_calibration(np.full((3, 2), 0.5), np.zeros(3, int), method="isotonic")  # type: ignore[arg-type]


def items(n: int = 120) -> tuple[pa.Table, np.ndarray]:
    """Messages whose word agrees with the class three times of four."""
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, n)
    shown = np.where(rng.random(n) < 0.7, gold, rng.integers(0, 3, n))
    words = np.array(["invoice refund", "crash error", "thanks great"])
    texts = [f"{words[s]} {rng.integers(0, 20)}" for s in shown]
    return pa.table({"id": [str(i) for i in range(n)], "text": texts}), gold


@pytest.mark.parametrize("method", ["temperature", "bias"])
def test_a_model_keeps_its_calibration_and_explains_calibrated_odds(method: str, tmp_path: Path) -> None:
    table, gold = items()
    shown = np.array([[t.startswith(w) for w in ("invoice", "crash", "thanks")] for t in table["text"].to_pylist()])
    model = fit_end_model(table=table, Y=shown.astype(float), options={"C": 500.0})  # far too sure of itself
    before = model.predict_proba(table)
    found = model.calibrate(before, gold, method=method)  # type: ignore[arg-type]
    assert found.used
    assert found.why in model.notes
    after = model.predict_proba(table)
    assert np.abs(after - before).max() > 0.05
    np.testing.assert_array_equal(model.predict_proba(table, calibrated=False), before)
    save_end_model(model, tmp_path)
    again = load_end_model(tmp_path)
    assert again.calibration == model.calibration
    assert again.predict_proba(table).tobytes() == after.tobytes()
    row = table.slice(0, 1)
    told = model.explain(row, 0, top=10**6)
    coefficients, intercepts = model._in_words(*model._coefficients())  # type: ignore[misc]
    del coefficients
    odds = np.log(after[0, 0]) - np.log(after[0, told[0].against])
    assert sum(w.weight for w in told) + intercepts[0] - intercepts[told[0].against] == pytest.approx(odds, abs=1e-2)


def test_fitting_again_forgets_the_calibration() -> None:
    table, gold = items()
    model = fit_end_model(table=table, Y=np.eye(3)[gold])
    model.calibrate(model.predict_proba(table), gold)
    model.fit(model.features(table), np.eye(3)[gold], np.ones(len(gold)), features=model.feature_set)
    assert model.calibration is None


def test_one_class_and_scores_without_probabilities_are_calibrated_too() -> None:
    table, gold = items()
    constant = fit_end_model(table=table, Y=np.eye(3)[np.zeros(120, int)])
    constant.calibrate(constant.predict_proba(table), gold)
    np.testing.assert_array_equal(constant.predict_proba(table), np.eye(3)[np.zeros(120, int)])
    scores = fit_end_model("sklearn.svm:LinearSVC", table=table, Y=np.eye(3)[gold])
    raw = scores.predict_proba(table)
    scores.calibrate(raw, gold)
    np.testing.assert_array_equal(scores.predict_proba(table).argmax(axis=1), raw.argmax(axis=1))


def test_probabilities_of_other_classes_are_refused() -> None:
    table, gold = items()
    model = fit_end_model(table=table, Y=np.eye(3)[gold])
    with pytest.raises(EndModelError, match="probabilities of 2 classes were given; 3 were expected"):
        model.calibrate(np.full((3, 2), 0.5), np.zeros(3, int))
