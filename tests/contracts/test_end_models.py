"""What every end model has to keep, registered or wrapped from scikit-learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from labelkit import registry
from labelkit.endmodels import EndModel, fit_end_model, load_end_model, save_end_model
from labelkit.errors import EndModelError

SPECS = [
    *registry.names("end_models"),
    "sklearn.linear_model:LogisticRegression",
    "sklearn.svm:LinearSVC",
    "sklearn.ensemble:RandomForestClassifier",
    "sklearn.neighbors:KNeighborsClassifier",
]
OPTIONS = {"sklearn.ensemble:RandomForestClassifier": {"n_estimators": 10}}
MESSAGES = (
    "please send the invoice again", "refund my last payment", "card was charged twice", "invoice has the wrong vat",
    "app crashes on start", "board does not load", "error 500 when saving", "the timeline is broken again",
    "love the new editor", "thanks for the quick help", "best tool we ever had", "great update, thank you",
)  # fmt: skip


def items(times: int = 5) -> pa.Table:
    """Messages of three classes in turn with two further fields, the later ones slightly changed."""
    texts = [f"{text} {'!' * (i % 3)}".strip() for i in range(times) for text in MESSAGES]
    n = len(texts)
    return pa.table(
        {
            "id": [f"m{i}" for i in range(n)],
            "text": texts,
            "plan": [("free", "pro", "team", None)[i % 4] for i in range(n)],
            "amount": [None if i % 7 == 0 else f"{(i // 4) % 3 * 10 + i % 5}" for i in range(n)],
        }
    )


def soft_labels(n: int, k: int = 3) -> np.ndarray:
    """0.8 on the class of the message, the rest shared."""
    Y = np.full((n, k), 0.2 / (k - 1))
    Y[np.arange(n), (np.arange(n) // 4) % 3] = 0.8
    return Y


def fitted(spec: str, *, seed: int = 7, table: pa.Table | None = None, Y: np.ndarray | None = None) -> EndModel:
    table = items() if table is None else table
    Y = soft_labels(table.num_rows) if Y is None else Y
    return fit_end_model(spec, table=table, Y=Y, seed=seed, options=OPTIONS.get(spec))


@pytest.fixture(params=SPECS)
def spec(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_probabilities_have_all_classes_and_rows_sum_to_one(spec: str) -> None:
    p = fitted(spec).predict_proba(items())
    assert p.shape == (60, 3)
    assert p.dtype == np.float32
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


def test_learns_what_it_was_shown(spec: str) -> None:
    p = fitted(spec).predict_proba(items())
    assert (p.argmax(axis=1) == soft_labels(60).argmax(axis=1)).mean() >= 0.9


def test_same_seed_same_bytes(spec: str) -> None:
    assert fitted(spec).predict_proba(items()).tobytes() == fitted(spec).predict_proba(items()).tobytes()


def test_inputs_are_left_untouched(spec: str) -> None:
    table, Y, weights = items(), soft_labels(60), np.ones(60)
    weights[::6] = 0
    before = table.to_pylist(), Y.copy(), weights.copy()
    fit_end_model(spec, table=table, Y=Y, weights=weights, options=OPTIONS.get(spec)).predict_proba(table)
    assert table.to_pylist() == before[0]
    np.testing.assert_array_equal(Y, before[1])
    np.testing.assert_array_equal(weights, before[2])


def test_rows_of_weight_zero_do_not_teach(spec: str) -> None:
    wrong = soft_labels(60)
    wrong[::2] = np.nan
    weights = np.tile([0.0, 1.0], 30)
    turned = soft_labels(60)
    turned[::2] = [0, 0, 1]
    options = OPTIONS.get(spec)
    one = fit_end_model(spec, table=items(), Y=wrong, weights=weights, options=options).predict_proba(items())
    two = fit_end_model(spec, table=items(), Y=turned, weights=weights, options=options).predict_proba(items())
    np.testing.assert_array_equal(one, two)


def test_ids_are_no_features(spec: str) -> None:
    table = items()
    renamed = table.set_column(0, "id", pa.array([f"other-{i}" for i in range(60)]))
    np.testing.assert_array_equal(
        fitted(spec, table=table).predict_proba(table), fitted(spec, table=renamed).predict_proba(renamed)
    )


def test_no_rows_in_no_rows_out(spec: str) -> None:
    assert fitted(spec).predict_proba(items().slice(0, 0)).shape == (0, 3)


def test_matrix_and_slices_give_what_the_table_gives(spec: str) -> None:
    model = fitted(spec)
    whole = model.predict_proba(items())
    np.testing.assert_array_equal(model.predict_proba(model.features(items())), whole)
    parts = [model.predict_proba(items().slice(start, 17)) for start in range(0, 60, 17)]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)


def test_a_single_class_gives_a_constant_and_a_note(spec: str) -> None:
    Y = np.zeros((60, 3))
    Y[:, 1] = 1
    model = fitted(spec, Y=Y)
    np.testing.assert_array_equal(model.predict_proba(items()), Y)
    assert any("predicts nothing else" in note for note in model.notes)
    assert model.explain(items().slice(0, 1), 1) == []
    assert model.explain_note is not None


def test_a_class_without_labels_keeps_its_column(spec: str) -> None:
    Y = np.insert(soft_labels(60), 1, 0.0, axis=1)
    model = fitted(spec, Y=Y)
    p = model.predict_proba(items())
    assert p.shape == (60, 4)
    assert (p[:, 1] == 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)


def test_nothing_to_learn_from_says_what_to_do(spec: str) -> None:
    with pytest.raises(EndModelError, match=r"none of 60 items .* Write a labeling function"):
        fit_end_model(spec, table=items(), Y=soft_labels(60), weights=np.zeros(60), options=OPTIONS.get(spec))


def test_explanations_name_features_or_say_why_not(spec: str) -> None:
    model = fitted(spec)
    told = model.explain(items().slice(0, 1), 0, top=5)
    assert len(told) <= 5
    assert bool(told) == (model.explain_note is None)
    assert [abs(w.weight) for w in told] == sorted((abs(w.weight) for w in told), reverse=True)
    assert all(w.against != 0 for w in told)


def test_saved_and_loaded_is_the_same_model(spec: str, tmp_path: Path) -> None:
    model = fitted(spec)
    if not model.can_save:
        with pytest.raises(EndModelError, match="without pickle"):
            save_end_model(model, tmp_path)
        return
    save_end_model(model, tmp_path)
    again = load_end_model(tmp_path)
    assert again.predict_proba(items()).tobytes() == model.predict_proba(items()).tobytes()
    assert again.explain(items().slice(3, 1), 2) == model.explain(items().slice(3, 1), 2)
    assert again.notes == model.notes
    assert again.options() == model.options()
    assert again.n_features == model.n_features
