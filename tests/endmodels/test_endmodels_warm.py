"""Warm starts, offsets and columns that no row uses: ways to the same minimum."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.endmodels import committee, fit_end_model, load_end_model, save_end_model
from labelkit.endmodels.softmax import SoftmaxFit, fit_softmax, softmax
from labelkit.errors import EndModelError

EXACT = {"C": 2.0, "max_iter": 2000, "tol": 1e-8}


def problem(n: int, d: int, k: int, seed: int) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = sp.random(n, d, density=0.15, format="csr", dtype=np.float32, random_state=seed)
    return X, rng.dirichlet(np.ones(k), n), rng.random(n) + 0.1


@settings(max_examples=15, deadline=None)
@given(k=st.integers(2, 5), seed=st.integers(0, 99), away=st.floats(0, 3))
def test_any_start_ends_at_the_same_minimum(k: int, seed: int, away: float) -> None:
    X, Y, w = problem(40, 60, k, seed)
    rng = np.random.default_rng(seed + 1)
    begin = SoftmaxFit(rng.normal(0, away, (60, k)).astype(np.float32), np.ones(k, np.float32), 0, False)
    cold, warm = fit_softmax(X, Y, w, **EXACT), fit_softmax(X, Y, w, start=begin, **EXACT)
    np.testing.assert_allclose(warm.coefficients, cold.coefficients, atol=1e-3)
    np.testing.assert_allclose(_centred(warm.intercepts), _centred(cold.intercepts), atol=1e-3)


def test_starting_at_the_end_takes_no_steps() -> None:
    X, Y, w = problem(60, 30, 3, 0)
    cold = fit_softmax(X, Y, w, C=2.0, max_iter=500, tol=1e-5)
    again = fit_softmax(X, Y, w, C=2.0, max_iter=500, tol=1e-4, start=cold)
    assert again.iterations <= 1 < cold.iterations


@settings(max_examples=10, deadline=None)
@given(k=st.integers(2, 4), seed=st.integers(0, 99))
def test_columns_without_an_entry_change_nothing_and_stay_zero(k: int, seed: int) -> None:
    """Few rows of a wide matrix, against the same rows as a dense matrix, of which all columns are fitted."""
    X, Y, w = problem(12, 200, k, seed)
    few, all_columns = fit_softmax(X, Y, w, **EXACT), fit_softmax(X.toarray(), Y, w, **EXACT)
    unused = np.asarray(abs(X).sum(axis=0))[0] == 0
    assert unused.sum() > 10
    assert (few.coefficients[unused] == 0).all()
    np.testing.assert_allclose(few.coefficients, all_columns.coefficients, atol=1e-4)
    begin = SoftmaxFit(np.ones((200, k), np.float32), np.zeros(k, np.float32), 0, False)
    assert (fit_softmax(X, Y, w, start=begin, **EXACT).coefficients[unused] == 0).all()


@pytest.mark.parametrize("k", [2, 3])
def test_an_offset_stands_for_a_feature_with_a_known_weight(k: int) -> None:
    """Scores that already explain the labels leave nothing to learn; a constant offset changes the intercepts only."""
    X, _, w = problem(50, 20, k, 4)
    scores = np.random.default_rng(1).normal(size=(50, k)) * 3
    explained = fit_softmax(X, softmax(scores), w, offset=scores, **EXACT)
    assert abs(explained.coefficients).max() < 1e-3
    Y = np.random.default_rng(2).dirichlet(np.ones(k), 50)
    plain = fit_softmax(X, Y, w, **EXACT)
    moved = fit_softmax(X, Y, w, offset=np.tile(np.arange(k) * 0.7, (50, 1)), **EXACT)
    np.testing.assert_allclose(moved.coefficients, plain.coefficients, atol=1e-3)
    np.testing.assert_allclose(_centred(moved.intercepts + np.arange(k) * 0.7), _centred(plain.intercepts), atol=1e-3)


def test_starts_and_offsets_of_another_shape_are_refused() -> None:
    X, Y, w = problem(10, 5, 2, 0)
    begin = SoftmaxFit(np.zeros((4, 2), np.float32), np.zeros(2, np.float32), 0, True)
    with pytest.raises(EndModelError, match=r"coefficients of shape \(4, 2\), not \(5, 2\)"):
        fit_softmax(X, Y, w, start=begin, **EXACT)
    with pytest.raises(EndModelError, match=r"offset has shape \(10, 3\)"):
        fit_softmax(X, Y, w, offset=np.zeros((10, 3)), **EXACT)
    with pytest.raises(EndModelError, match="not finite"):
        fit_softmax(X, Y, w, offset=np.full((10, 2), np.nan), **EXACT)


TEXTS = ["refund the invoice", "invoice charged twice", "app crash on start", "crash when saving", "thanks a lot"] * 4


def messages(*more: str) -> pa.Table:
    texts = [*TEXTS, *more]
    return pa.table({"id": [str(i) for i in range(len(texts))], "text": texts})


def labels(k: int, n: int = 20) -> np.ndarray:
    return np.eye(k)[np.minimum(np.array([0, 0, 1, 1, 2] * (n // 5)), k - 1)]


def test_a_model_starts_from_an_earlier_one_though_words_and_classes_came() -> None:
    """The vocabulary and the set of present classes differ; words in common carry over, the end is the same."""
    two = fit_end_model(table=messages(), Y=np.pad(labels(2), ((0, 0), (0, 1))), options={"tol": 1e-7})
    grown = messages("a quite new word", "another quite new word", "invoice new", "crash new", "thanks new")
    Y = labels(3, 25)
    cold = fit_end_model(table=grown, Y=Y, options={"tol": 1e-7})
    warm = fit_end_model(table=grown, Y=Y, options={"tol": 1e-7}, start=two)
    np.testing.assert_allclose(warm.predict_proba(grown), cold.predict_proba(grown), atol=1e-3)
    again = fit_end_model(table=grown, Y=Y, options={"tol": 1e-4}, start=cold)
    assert again._learned.iterations < cold._learned.iterations  # type: ignore[attr-defined]


def test_columns_of_other_features_are_found_by_what_they_stand_for() -> None:
    old = fit_end_model(table=messages(), Y=labels(3)).feature_set
    new = fit_end_model(table=messages("zebra zebra", "zebra zebra"), Y=labels(3, 25)[:22]).feature_set
    row = messages().slice(0, 1)
    places = new.places_in(old)
    assert len(places) == new.width
    for column in np.flatnonzero(places >= 0):
        assert new.describe(int(column), row) == old.describe(int(places[column]), row)
    missing = {new.describe(int(c), row) for c in np.flatnonzero(places < 0)}
    assert 'text: "zebra"' in missing
    assert 'text: "refund"' not in missing


def test_a_start_of_another_kind_is_not_used() -> None:
    other = fit_end_model("sklearn.naive_bayes:MultinomialNB", table=messages(), Y=labels(3))
    model = fit_end_model(table=messages(), Y=labels(3), start=other)
    plain = fit_end_model(table=messages(), Y=labels(3))
    assert model.predict_proba(messages()).tobytes() == plain.predict_proba(messages()).tobytes()


def test_a_loaded_model_can_be_started_from(tmp_path: Path) -> None:
    first = fit_end_model(table=messages(), Y=labels(3))
    save_end_model(first, tmp_path)
    again = fit_end_model(table=messages(), Y=labels(3), start=load_end_model(tmp_path))
    np.testing.assert_allclose(again.predict_proba(messages()), first.predict_proba(messages()), atol=2e-3)


def _centred(values: np.ndarray) -> np.ndarray:
    return values - values.mean()


def test_members_of_a_committee_differ_as_much_as_their_resamples_do() -> None:
    """They begin at the model, and must not stay there: against members fitted from zero to the end."""
    X, Y, w = problem(80, 40, 3, 5)
    table = pa.table({"id": [str(i) for i in range(80)], **{f"x{j}": X[:, [j]].toarray()[:, 0] for j in range(40)}})
    model = fit_end_model(table=table, Y=Y, weights=w)
    matrix = model.features(table)
    said = committee(model, table, Y, w, members=4, seed=1)
    for i, child in enumerate(np.random.default_rng(1).spawn(4)):
        times = np.bincount(child.integers(80, size=80), minlength=80)
        rows = np.flatnonzero(times)
        exact = fit_softmax(matrix[rows], Y[rows], w[rows] * times[rows], C=5.0, max_iter=2000, tol=1e-8)
        expected = softmax(np.asarray(matrix @ exact.coefficients) + exact.intercepts)
        np.testing.assert_allclose(said[i], expected, atol=0.03)
    assert said.std(axis=0).mean() > 0.03
