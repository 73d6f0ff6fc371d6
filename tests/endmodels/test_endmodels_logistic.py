"""The soft-label optimiser and the explanations that come from it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.endmodels import committee, fit_end_model
from labelkit.endmodels.logistic import LogisticEndModel
from labelkit.endmodels.softmax import fit_softmax, softmax
from labelkit.errors import EndModelError


def problem(n: int, d: int, k: int, seed: int) -> tuple[sp.csr_matrix, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = sp.csr_matrix(rng.normal(size=(n, d)) * (rng.random((n, d)) < 0.5), dtype=np.float32)
    return X, rng.dirichlet(np.ones(k), n), rng.random(n) + 0.1


@settings(max_examples=12, deadline=None)
@given(k=st.integers(2, 5), seed=st.integers(0, 50))
def test_soft_labels_are_rows_repeated_per_class(k: int, seed: int) -> None:
    """The optimum is that of scikit-learn on each row once per class with weight p·w."""
    from sklearn.linear_model import LogisticRegression

    X, Y, w = problem(60, 6, k, seed)
    ours = fit_softmax(X, Y, w, C=2.0, max_iter=500, tol=1e-8)
    # scikit-learn has one vector for two classes, whose penalty is twice that of ±u/2.
    theirs = LogisticRegression(C=4.0 if k == 2 else 2.0, tol=1e-9, max_iter=2000).fit(
        sp.vstack([X.astype(np.float64)] * k), np.repeat(np.arange(k), 60), sample_weight=(Y * w[:, None]).T.ravel()
    )
    np.testing.assert_allclose(
        softmax(np.asarray(X @ ours.coefficients) + ours.intercepts),
        theirs.predict_proba(X.astype(np.float64)),
        atol=1e-4,
    )


def test_two_classes_are_the_general_case() -> None:
    """A third class with next to no weight leaves the binary solution as it is."""
    X, Y, w = problem(80, 5, 2, 3)
    binary = fit_softmax(X, Y, w, C=3.0, max_iter=500, tol=1e-8)
    third = np.column_stack([Y * (1 - 1e-9), np.full(80, 1e-9)])
    general = fit_softmax(X, third, w, C=3.0, max_iter=500, tol=1e-8)
    np.testing.assert_allclose(binary.coefficients, general.coefficients[:, :2], atol=2e-3)


def test_weights_count_as_repetitions() -> None:
    X, Y, _ = problem(50, 5, 3, 1)
    times = np.random.default_rng(0).integers(1, 4, 50)
    rows = np.repeat(np.arange(50), times)
    weighted = fit_softmax(X, Y, times.astype(float), C=1.0, max_iter=500, tol=1e-8)
    repeated = fit_softmax(X[rows], Y[rows], np.ones(len(rows)), C=1.0, max_iter=500, tol=1e-8)
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-4)


def test_too_few_iterations_are_noted() -> None:
    rows = pa.table({"id": list("abcd"), "text": ["one two", "three", "four five", "six"]})
    model = fit_end_model(table=rows, Y=np.eye(2)[[0, 1, 0, 1]], options={"max_iter": 1})
    assert any("before it converged" in note for note in model.notes)


WORDS = ["refund", "invoice", "crash", "slow", "thanks", "great"]


@settings(max_examples=15, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=6, max_size=20),
    k=st.integers(2, 4),
    seed=st.integers(0, 99),
)
def test_explanations_sum_to_the_log_odds(texts: list[str], k: int, seed: int) -> None:
    n = len(texts)
    rng = np.random.default_rng(seed)
    rows = pa.table({"id": [str(i) for i in range(n)], "text": texts, "amount": rng.normal(size=n)})
    model = fit_end_model(table=rows, Y=rng.dirichlet(np.ones(k), n))
    assert isinstance(model, LogisticEndModel)
    p = model.predict_proba(rows)
    _, intercepts = model._coefficients() or (None, np.zeros(k))
    for class_index in range(k):
        told = model.explain(rows.slice(2, 1), class_index, top=10_000)
        rival = next((w.against for w in told), None)
        if rival is None:
            continue
        odds = np.log(p[2, class_index] / p[2, rival])
        assert p[2, rival] == pytest.approx(max(p[2, c] for c in range(k) if c != class_index))
        added = sum(w.weight for w in told) + intercepts[class_index] - intercepts[rival]
        assert added == pytest.approx(odds, abs=1e-3)


def test_explanations_are_readable_and_refuse_nonsense() -> None:
    rows = pa.table(
        {
            "id": [str(i) for i in range(8)],
            "text": ["refund please", "app crash"] * 4,
            "plan": ["pro", "free"] * 4,
            "amount": [100, 1] * 4,
        }
    )
    model = fit_end_model(table=rows, Y=np.tile(np.eye(2), (4, 1)))
    told = model.explain(rows.slice(0, 1), 0, top=40)
    assert {"plan = pro", "amount = 100", 'text: "refund"'} <= {w.feature for w in told}
    assert all(w.against == 1 for w in told)
    with pytest.raises(EndModelError, match="one item can be explained at a time; 2 were given"):
        model.explain(rows.slice(0, 2), 0)
    with pytest.raises(EndModelError, match="no class 2; the indices go from 0 to 1"):
        model.explain(rows.slice(0, 1), 2)


def test_committee_members_differ_and_agree_where_all_is_clear() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 3)) for _ in range(80)]
    clear = np.array(["refund" in text for text in texts])
    rows = pa.table({"id": [str(i) for i in range(80)], "text": texts})
    Y = np.eye(2)[clear.astype(int)]
    weights = (np.arange(80) < 60).astype(float)
    model = fit_end_model(table=rows, Y=Y, weights=weights)
    asked = np.array([70, 3, 65])
    p = committee(model, rows, Y, weights, rows=asked, members=4, seed=1)
    assert p.shape == (4, 3, 2)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=2), 1, atol=1e-5)
    assert np.ptp(p[:, :, 0], axis=0).max() > 0.01
    assert (p.argmax(axis=2) == clear[asked]).mean() > 0.8
    assert p.tobytes() == committee(model, model.features(rows), Y, weights, rows=asked, members=4, seed=1).tobytes()
    assert p.tobytes() != committee(model, rows, Y, weights, rows=asked, members=4, seed=2).tobytes()
    assert committee(model, rows, Y, weights, members=2).shape == (2, 80, 2)
    with pytest.raises(EndModelError, match="committee of 1 cannot disagree"):
        committee(model, rows, Y, weights, members=1)
