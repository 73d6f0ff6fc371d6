"""Names, options, targets: what fit_end_model takes and how it refuses; saving; imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelkit.endmodels import EndModel, fit_end_model, fit_features, load_end_model, save_end_model
from labelkit.endmodels import custom as custom_module
from labelkit.errors import EndModelError, LabelkitError

TEXTS = ["refund please", "invoice wrong", "app crash", "very slow app", "thanks a lot", "great tool"] * 4
ROWS = pa.table({"id": [str(i) for i in range(24)], "text": TEXTS, "plan": ["pro", "free"] * 12})
CLASSES = np.tile([0, 0, 1, 1, 2, 2], 4)
Y = np.full((24, 3), 0.1) + 0.7 * np.eye(3)[CLASSES]


def fit(spec: str, **options: Any) -> EndModel:
    return fit_end_model(spec, table=ROWS, Y=Y, seed=3, options=options)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("forest", {}, "unknown end model 'forest'; choose logistic, or the import path"),
        ("sklearn.nowhere:Thing", {}, "cannot import 'sklearn.nowhere'"),
        ("sklearn.svm:NoSuch", {}, "has no 'NoSuch'"),
        ("logistic", {"c": 1}, "'logistic' does not take these options: .*'c'"),
        ("logistic", {"C": "big"}, "option C of 'logistic' is 'big'; a number above 0"),
        ("logistic", {"C": 0}, "option C of 'logistic' is 0"),
        ("sklearn.svm:LinearSVC", {"CC": 1}, "LinearSVC cannot be made with the options {'CC': 1}"),
        ("sklearn.linear_model:LinearRegression", {}, "is a regressor"),
        ("sklearn.cluster:DBSCAN", {}, r"has no method predict\(\)"),
        ("sklearn.cluster:KMeans", {}, "neither predict_proba nor decision_function"),
        ("json:dumps", {}, "is a function; a classifier's class was expected"),
        ("sklearn.linear_model:LogisticRegression", {"C": -1.0}, "could not be trained: .*'C' parameter"),
    ],
)
def test_models_that_cannot_be(spec: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LabelkitError, match=message):
        fit(spec, **options)


@pytest.mark.parametrize(
    ("targets", "weights", "message"),
    [
        (Y[:5], None, r"24 items came with labels of shape \(5, 3\)"),
        (Y, np.ones(3), r"weights of shape \(3,\)"),
        (Y, np.full(24, -1.0), r"weight of row 0 is -1.0"),
        (Y, np.where(np.arange(24) == 4, np.nan, 1), "weight of row 4 is nan"),
        (np.where(np.arange(24)[:, None] == 7, np.nan, Y), None, "label of row 7 is .*nan"),
        (2 * Y, None, "probabilities that sum to 1"),
        (Y - [0.2, -0.1, -0.1], None, "probabilities that sum to 1"),
    ],
)
def test_labels_and_weights_that_are_none(targets: Any, weights: Any, message: str) -> None:
    with pytest.raises(EndModelError, match=message):
        fit_end_model(table=ROWS, Y=targets, weights=weights)


def test_missing_classes_are_called_by_name() -> None:
    names = ("billing", "bug", "praise", "access")
    wide = np.column_stack([Y, np.zeros(24)])
    assert fit_end_model(table=ROWS, Y=wide, label_names=names).notes == (
        "no training label is 'access': the end model never predicts it",
    )


def test_fitted_features_are_used_again() -> None:
    features = fit_features(ROWS)
    plain = fit_end_model(table=ROWS, Y=Y)
    again = fit_end_model(table=ROWS, Y=Y, features=features, X=features.matrix(ROWS))
    np.testing.assert_array_equal(again.predict_proba(ROWS), plain.predict_proba(ROWS))
    with pytest.raises(EndModelError, match="without the features"):
        fit_end_model(table=ROWS, Y=Y, X=features.matrix(ROWS))


def test_items_that_do_not_teach_widen_the_vocabulary() -> None:
    only = pa.concat_tables([ROWS, ROWS.set_column(1, "text", pa.array(["zebra crossing"] * 24))])
    weights = np.repeat([1.0, 0.0], 24)
    model = fit_end_model(table=only, Y=np.tile(Y, (2, 1)), weights=weights)
    assert model.n_features > fit_end_model(table=ROWS, Y=Y).n_features


def test_sample_weights_where_taken_else_the_likeliest_class() -> None:
    weighted = fit("sklearn.linear_model:LogisticRegression")
    assert not any("sample weights" in note for note in weighted.notes)
    hard = fit("sklearn.neighbors:KNeighborsClassifier", n_neighbors=1)
    assert any("takes no sample weights" in note for note in hard.notes)
    # Soft labels reach the classifier: heavily smoothed ones leave it less sure.
    assert (
        weighted.predict_proba(ROWS).max()
        < fit_end_model(weighted.spec, table=ROWS, Y=np.eye(3)[CLASSES]).predict_proba(ROWS).max()
    )


def test_ties_do_not_teach_a_classifier_of_hard_labels() -> None:
    tied = Y.copy()
    tied[0] = [0.5, 0.5, 0]
    rows, labels = custom_module._hard(tied)
    assert 0 not in rows
    np.testing.assert_array_equal(labels, CLASSES[rows])
    assert len(custom_module._hard(np.full((3, 2), 0.5))[0]) == 3


def test_scores_become_probabilities_with_a_note() -> None:
    model = fit("sklearn.svm:LinearSVC")
    assert any("gives no probabilities" in note for note in model.notes)
    assert (model.predict_proba(ROWS).argmax(axis=1) == CLASSES).all()


@pytest.mark.parametrize("k", [2, 3])
def test_linear_estimators_are_explained_by_their_scores(k: int) -> None:
    targets = np.eye(k)[CLASSES % k]
    model = fit_end_model("sklearn.svm:LinearSVC", table=ROWS, Y=targets)
    linear = model._coefficients()
    assert linear is not None
    p = model.predict_proba(ROWS)[0].astype(np.float64)
    told = model.explain(ROWS.slice(0, 1), 0, top=1000)
    rival = told[0].against
    added = sum(w.weight for w in told) + linear[1][0] - linear[1][rival]
    assert added == pytest.approx(np.log(p[0] / p[rival]), abs=1e-3)


def test_estimators_that_want_dense_features_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fit("sklearn.ensemble:HistGradientBoostingClassifier", max_iter=3, min_samples_leaf=2)
    assert model.predict_proba(ROWS).shape == (24, 3)
    monkeypatch.setattr(custom_module, "MAX_DENSE_BYTES", 1000)
    np.testing.assert_allclose(model.predict_proba(ROWS).sum(axis=1), 1, atol=1e-5)
    with pytest.raises(EndModelError, match="takes no sparse features"):
        fit("sklearn.ensemble:HistGradientBoostingClassifier")


def test_what_the_estimator_says_reaches_the_user() -> None:
    slow = fit("sklearn.linear_model:LogisticRegression", max_iter=1)
    assert any("converge" in note for note in slow.notes)
    numbers = pa.table({"id": [str(i) for i in range(24)], "amount": np.arange(24) % 5})
    with pytest.raises(EndModelError, match="MultinomialNB could not be trained: ValueError: Negative values"):
        fit_end_model("sklearn.naive_bayes:MultinomialNB", table=numbers, Y=Y)


def test_the_seed_reaches_the_estimator_unless_the_user_sets_one() -> None:
    forest = "sklearn.ensemble:RandomForestClassifier"

    def p(seed: int, **options: Any) -> bytes:
        return (
            fit_end_model(forest, table=ROWS, Y=Y, seed=seed, options={"n_estimators": 3, **options})
            .predict_proba(ROWS)
            .tobytes()
        )

    assert p(1) == p(1)
    assert p(1) != p(2)
    assert p(1, random_state=5) == p(2, random_state=5)


def test_an_unfitted_model_says_so() -> None:
    from labelkit.endmodels.logistic import LogisticEndModel

    with pytest.raises(EndModelError, match="not fitted yet"):
        LogisticEndModel().predict_proba(ROWS)


def test_saved_files_are_the_same_bytes_and_no_pickle(tmp_path: Path) -> None:
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        save_end_model(fit("logistic"), folder)
    one, two = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders)
    assert set(one) == {"end_model.json", "end_model.npz"}
    assert one == two


def test_a_model_that_saw_one_class_can_be_saved(tmp_path: Path) -> None:
    constant = np.zeros((24, 3))
    constant[:, 2] = 1
    save_end_model(fit_end_model(table=ROWS, Y=constant), tmp_path)
    np.testing.assert_array_equal(load_end_model(tmp_path).predict_proba(ROWS), constant)


def test_folders_that_hold_no_model(tmp_path: Path) -> None:
    with pytest.raises(EndModelError, match=r"no usable end model in .*Run `labelkit train` again"):
        load_end_model(tmp_path)
    save_end_model(fit("logistic"), tmp_path)
    described = json.loads((tmp_path / "end_model.json").read_text(encoding="utf-8"))
    for changes, message in (
        ({"format": 99}, "has format 99; this labelkit reads 2"),
        ({"spec": "os:system"}, "only registered ones are loaded"),
    ):
        (tmp_path / "end_model.json").write_text(json.dumps({**described, **changes}), encoding="utf-8")
        with pytest.raises(EndModelError, match=message):
            load_end_model(tmp_path)
    (tmp_path / "end_model.json").write_text(json.dumps(described), encoding="utf-8")
    (tmp_path / "end_model.npz").write_bytes(b"PK broken")
    with pytest.raises(EndModelError, match="no usable end model"):
        load_end_model(tmp_path)


def test_importing_the_room_loads_nothing_heavy() -> None:
    code = (
        "import sys, labelkit.endmodels;"
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'pyarrow', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
