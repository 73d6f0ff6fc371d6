"""A temperature and a share of doubt: what they do to probabilities, and how they are fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import softmax

from labelkit.errors import LabelModelError
from labelkit.labelmodels.calibration import apply_temperature, fit_temperature
from labelkit.temperature import HIGHEST, LOWEST, MINIMUM

Numbers = np.ndarray


def calibrated(n: int, k: int, seed: int) -> tuple[Numbers, Numbers]:
    """Probabilities, and gold labels drawn from them."""
    rng = np.random.default_rng(seed)
    P = rng.dirichlet(np.ones(k), n)
    return P, (P.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def error(P: Numbers, gold: Numbers) -> float:
    """Expected calibration error of the top class, 15 bins."""
    bins = np.minimum((P.max(axis=1) * 15).astype(int), 14)
    right = P.argmax(axis=1) == gold
    return sum(abs((P.max(axis=1) - right)[bins == b].sum()) for b in range(15)) / len(P)


tables = st.integers(2, 5).flatmap(
    lambda k: hnp.arrays(
        np.float64, st.tuples(st.integers(1, 20), st.just(k)), elements=st.sampled_from([0, 1, 1, 2, 7])
    )
)


@given(tables, st.floats(LOWEST, HIGHEST), st.floats(0, 0.9))
def test_no_label_changes_and_no_tie(counts: Numbers, value: float, mixing: float) -> None:
    P = (counts + (counts.sum(axis=1, keepdims=True) == 0)) / (counts + (counts.sum(axis=1, keepdims=True) == 0)).sum(
        axis=1, keepdims=True
    )
    out = apply_temperature(P, value, mixing)
    np.testing.assert_allclose(out.sum(axis=1), 1)
    top = P.max(axis=1, keepdims=True) == P
    assert np.array_equal(top, out == out.max(axis=1, keepdims=True))
    same = P[:, :, None] == P[:, None, :]
    assert (out[:, :, None] == out[:, None, :])[same].all()
    if mixing == 0:
        assert ((out == 0) >= (P == 0)).all()


@given(hnp.arrays(np.float64, (7, 3), elements=st.floats(-6, 6)), st.floats(LOWEST, HIGHEST))
def test_it_is_the_softmax_at_a_temperature(logits: Numbers, value: float) -> None:
    expected = softmax(logits / value, axis=1)
    np.testing.assert_allclose(apply_temperature(softmax(logits, axis=1), value), expected, rtol=1e-7, atol=1e-12)


def test_as_it_is_means_to_the_bit_and_a_copy() -> None:
    P, _ = calibrated(50, 3, 0)
    out = apply_temperature(P, 1.0)
    assert np.array_equal(out, P)
    assert out is not P
    assert apply_temperature(np.array([[1e-300, 1 - 1e-300, 0]]), 0.1)[0, 2] == 0
    assert apply_temperature(np.empty((0, 3)), 2.0).shape == (0, 3)


@pytest.mark.parametrize("wrong", [0.5, 2.0, 4.0])
def test_a_wrong_temperature_is_found(wrong: float) -> None:
    P, gold = calibrated(5_000, 4, 1)
    found = fit_temperature(apply_temperature(P, 1 / wrong), gold, mixing=False)
    assert found.used
    assert found.value == pytest.approx(wrong, rel=0.1)


def test_a_share_of_doubt_is_found_where_no_temperature_helps() -> None:
    rng = np.random.default_rng(2)
    gold = rng.integers(0, 4, 4_000)
    votes = np.where(rng.random(4_000) < 0.7, gold, rng.integers(0, 4, 4_000))
    P = np.eye(4)[votes]
    found = fit_temperature(P, gold)
    assert found.mixing == pytest.approx(0.3, abs=0.02)
    assert error(apply_temperature(P, found.value, found.mixing), gold) < 0.02 < error(P, gold)
    assert fit_temperature(P, gold, mixing=False).value == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_a_hundred_labels_help_where_probabilities_are_off_and_hardly_hurt_where_they_are_not(seed: int) -> None:
    P, gold = calibrated(4_000, 3, seed)
    sharp = apply_temperature(P, 1 / 4)
    for probabilities, before in ((sharp, error(sharp, gold)), (P, error(P, gold))):
        found = fit_temperature(probabilities[:100], gold[:100])
        after = error(apply_temperature(probabilities, found.value, found.mixing), gold)
        assert after < max(0.6 * before, 0.12)


def test_few_labels_move_less_than_many() -> None:
    def mean(n: int) -> float:
        found = []
        for seed in range(20):
            P, gold = calibrated(n, 3, seed)
            found.append(np.log(fit_temperature(apply_temperature(P, 1 / 4), gold, mixing=False, minimum=1).value))
        return float(np.mean(found))

    assert 0 < mean(5) < mean(20) < mean(500) < np.log(4.4)


def test_too_few_labels_change_nothing() -> None:
    P, gold = calibrated(200, 3, 4)
    gold[MINIMUM - 1 :] = -1
    found = fit_temperature(P, gold)
    assert (found.used, found.value, found.mixing, found.n) == (False, 1.0, 0.0, MINIMUM - 1)
    assert "too few" in found.why
    assert fit_temperature(P[:0], gold[:0]).used is False


def test_rows_without_a_label_do_not_count() -> None:
    P, gold = calibrated(200, 3, 5)
    known = gold.copy()
    known[100:] = -1
    assert fit_temperature(P, known) == fit_temperature(P[:100], gold[:100])


@pytest.mark.parametrize("mixing", [True, False])
def test_labels_that_contradict_everything_and_labels_of_one_class(mixing: bool) -> None:
    P = np.tile([1.0, 0.0], (100, 1))
    wrong = fit_temperature(P, np.ones(100, int), mixing=mixing)
    out = apply_temperature(P, wrong.value, wrong.mixing)
    assert np.isfinite(out).all()
    assert (out[:, 0] >= out[:, 1]).all()
    one = fit_temperature(calibrated(100, 3, 6)[0], np.zeros(100, int), mixing=mixing)
    assert LOWEST <= one.value <= HIGHEST
    assert 0 <= one.mixing < 1


def test_a_thousand_classes() -> None:
    P, gold = calibrated(300, 1_000, 7)
    found = fit_temperature(P, gold)
    assert apply_temperature(P, found.value, found.mixing).shape == (300, 1_000)


def test_the_same_labels_give_the_same_bytes_in_any_order() -> None:
    P, gold = calibrated(150, 3, 8)
    kept = P.copy()
    first, again = fit_temperature(P, gold), fit_temperature(P, gold)
    assert first == again
    assert np.array_equal(P, kept)
    assert fit_temperature(P[::-1], gold[::-1]).value == pytest.approx(first.value, rel=1e-4)


@pytest.mark.parametrize(
    ("proba", "gold", "words"),
    [
        (np.full((3, 2), 0.5), np.zeros(2, int), r"shape \(2,\), expected \(3,\)"),
        (np.full((3, 2), 0.5), np.full(3, 2), "from -1 to 1"),
        (np.full((3, 2), 0.5), np.full(3, 0.5), "whole numbers"),
        (np.full((3, 2), np.nan), np.zeros(3, int), "finite"),
        (np.array([[-0.5, 1.5]]), np.zeros(1, int), "from 0 on"),
        (np.full((3, 2), 0.7), np.zeros(3, int), "sum to one"),
        (np.ones(3), np.zeros(3, int), r"expected \(n, k\)"),
    ],
)
def test_what_cannot_be_fitted_is_refused(proba: Numbers, gold: Numbers, words: str) -> None:
    with pytest.raises(LabelModelError, match=words):
        fit_temperature(proba, gold)


@pytest.mark.parametrize(("value", "mixing"), [(0, 0), (-1, 0), (np.nan, 0), (np.inf, 0), (1, -0.1), (1, 1.1)])
def test_numbers_that_are_no_temperature_are_refused(value: float, mixing: float) -> None:
    with pytest.raises(LabelModelError):
        apply_temperature(np.full((1, 2), 0.5), value, mixing)
