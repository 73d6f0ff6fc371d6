"""Latent features of term weights: what they are, and that a model on them still speaks in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse as sp

from labelkit.endmodels import fit_end_model, fit_features, latent, load_end_model, save_end_model, smoothing
from labelkit.errors import EndModelError


def terms(n: int = 300, d: int = 80, seed: int = 0) -> sp.csr_matrix:
    """Rows of a few hidden subjects."""
    rng = np.random.default_rng(seed)
    subjects = rng.random((5, d)) ** 8
    counts = rng.poisson(subjects[rng.integers(0, 5, n)] * 3)
    return sp.csr_matrix(counts, dtype=np.float32)


def test_the_directions_are_the_leading_singular_vectors() -> None:
    X = terms()
    found, projection = latent(X, 5, seed=1)
    _, _, exact = np.linalg.svd(X.toarray(), full_matrices=False)
    overlap = np.linalg.svd(np.linalg.qr(projection.components)[0].T @ exact[:5].T)[1]
    assert overlap.min() > 0.99
    assert found.dtype == projection.components.dtype == np.float32
    assert np.mean((found.astype(float) ** 2).sum(axis=1)) == pytest.approx(1, abs=1e-4)


def test_same_seed_same_bytes_and_other_rows_are_projected_alike() -> None:
    X = terms()
    one, projection = latent(X, 8, seed=3)
    two, _ = latent(X.copy(), 8, seed=3)
    assert one.tobytes() == two.tobytes()
    np.testing.assert_allclose(projection.apply(X[40:50]), one[40:50], atol=1e-5)
    turned, _ = latent(X, 8, seed=4)
    np.testing.assert_allclose(turned[:, :4], one[:, :4], atol=0.02)  # another draw, the same signs


def test_few_rows_fit_the_projection_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    X = terms(900)
    monkeypatch.setattr(smoothing, "FIT_ROWS", 300)
    few, projection = latent(X, 5)
    assert few.shape == (900, 5)
    monkeypatch.setattr(smoothing, "FIT_ROWS", 900)
    overlap = np.linalg.svd(np.linalg.qr(projection.components)[0].T @ np.linalg.qr(latent(X, 5)[1].components)[0])[1]
    assert overlap.min() > 0.9


@pytest.mark.parametrize(
    ("X", "rank"),
    [
        (sp.csr_matrix((4, 6), dtype=np.float32), 0),
        (sp.csr_matrix((0, 6), dtype=np.float32), 0),
        (sp.csr_matrix(np.ones((5, 3), dtype=np.float32)), 1),
        (terms(3, 80), 3),
    ],
)
def test_of_little_there_are_few_directions(X: sp.csr_matrix, rank: int) -> None:
    found, projection = latent(X)
    assert found.shape == (X.shape[0], projection.rank)
    assert projection.rank <= rank
    assert np.isfinite(found).all()


def test_what_cannot_be_projected_is_refused() -> None:
    X = terms(20)
    with pytest.raises(EndModelError, match="rank 0"):
        latent(X, 0)
    broken = X.copy()
    broken.data[3] = np.nan
    with pytest.raises(EndModelError, match="not finite"):
        latent(broken)
    with pytest.raises(EndModelError, match=r"7 columns; the projection was made for 80"):
        latent(X)[1].apply(sp.csr_matrix((2, 7), dtype=np.float32))


def messages(n: int = 60) -> tuple[pa.Table, np.ndarray]:
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, n)
    subjects = [["refund", "invoice", "card", "charged"], ["crash", "error", "broken", "slow"], ["thanks", "great"]]
    texts = [" ".join(rng.choice(subjects[g], 2)) for g in gold]
    return pa.table({"id": [str(i) for i in range(n)], "text": texts, "amount": rng.normal(size=n)}), gold


def test_a_model_on_latent_features_is_saved_and_explained_in_words(tmp_path: Path) -> None:
    table, gold = messages()
    plain = fit_features(table)
    features, X = plain.smoothed(plain.matrix(table), rank=4)
    assert X.shape == (60, plain.width + 4) == (60, features.width)
    np.testing.assert_allclose(features.matrix(table).toarray(), X.toarray(), atol=1e-5)
    model = fit_end_model(table=table, Y=np.eye(3)[gold], features=features, X=X)
    save_end_model(model, tmp_path)
    again = load_end_model(tmp_path)
    assert again.predict_proba(table).tobytes() == model.predict_proba(table).tobytes()
    p = model.predict_proba(table)[0]
    told = model.explain(table.slice(0, 1), 0, top=10**6)
    assert {w.feature.split(":")[0].split(" =")[0] for w in told} == {"text", "amount"}
    learned = model._learned  # type: ignore[attr-defined]
    between = learned.intercepts[0] - learned.intercepts[told[0].against]
    odds = float(np.log(p[0]) - np.log(p[told[0].against]))
    assert sum(w.weight for w in told) + between == pytest.approx(odds, abs=1e-3)


def test_a_word_without_a_label_is_understood_from_its_company() -> None:
    """ "charged" is never labelled, but occurs with words that are."""
    texts = ["refund invoice"] * 5 + ["crash error"] * 5 + ["refund charged", "invoice charged", "error broken"] * 10
    table = pa.table({"id": [str(i) for i in range(len(texts))], "text": texts})
    asked = pa.table({"id": ["x"], "text": ["charged"]})
    Y, weights = np.full((len(texts), 2), 0.5), np.zeros(len(texts))
    Y[:10], weights[:10] = np.eye(2)[[0] * 5 + [1] * 5], 1
    plain = fit_features(table)
    features, X = plain.smoothed(plain.matrix(table), rank=3)
    blind = fit_end_model(table=table, Y=Y, weights=weights, features=plain).predict_proba(asked)[0]
    seeing = fit_end_model(table=table, Y=Y, weights=weights, features=features, X=X).predict_proba(asked)[0]
    assert blind[0] == pytest.approx(0.5, abs=0.01)
    assert seeing[0] > 0.6


def test_without_a_text_nothing_is_added() -> None:
    table = pa.table({"id": list("abcd"), "amount": [1.0, 2.0, 3.0, 5.0]})
    plain = fit_features(table)
    features, X = plain.smoothed(plain.matrix(table))
    assert features is plain
    assert X.shape == (4, plain.width)
    words = fit_features(messages()[0])
    twice, matrix = words.smoothed(words.matrix(messages()[0]), rank=2)
    with pytest.raises(EndModelError, match="latent ones already"):
        twice.smoothed(matrix)
