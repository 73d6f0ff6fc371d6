"""What every registered label model keeps to; a new one is picked up by its name."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from labelkit import registry
from labelkit.errors import LabelModelError, RegistryError
from labelkit.labelmodels import LabelModel, label_model, load_label_model

NAMES = registry.names("label_models")
CARDINALITIES = (2, 4)


def matrix(k: int, n: int = 150, m: int = 5) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(k)
    truth = rng.integers(0, k, (n, 1))
    right = rng.random((n, m)) < 0.8
    L = np.where(right, truth, rng.integers(0, k, (n, m)))
    L[rng.random((n, m)) < 0.4] = -1
    L[0] = -1
    L[1] = [0, 0, 0, 0, -1]
    return L.astype(np.int8)


@pytest.fixture(params=[(name, k) for name in NAMES for k in CARDINALITIES], ids=lambda p: f"{p[0]}-{p[1]}")
def made(request: pytest.FixtureRequest) -> tuple[LabelModel, npt.NDArray[np.int8]]:
    name, k = request.param
    return label_model(name, cardinality=k), matrix(k)


Made = tuple[LabelModel, npt.NDArray[np.int8]]


def test_probabilities_have_their_shape_and_sum_to_one(made: Made) -> None:
    model, L = made
    assert model.fit(L) is model
    probabilities = model.predict_proba(L)
    assert probabilities.shape == (len(L), model.cardinality)
    assert probabilities.dtype == np.float64
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert all(isinstance(note, str) for note in model.notes)


def test_the_same_seed_gives_the_same_bytes(made: Made) -> None:
    model, L = made
    first = model.fit(L).predict_proba(L).tobytes()
    again = label_model(model.name, **model.get_params()).fit(L)
    assert again.predict_proba(L).tobytes() == first
    assert model.fit(L).predict_proba(L).tobytes() == first


def test_input_is_left_untouched(made: Made) -> None:
    model, L = made
    L.setflags(write=False)
    gold = np.full(len(L), -1)
    gold[1] = 0
    gold.setflags(write=False)
    model.fit(L, gold=gold).predict_proba(L)
    model.predict(L)
    model.contributions(L[1])


def test_predictions_are_the_most_probable_class_or_none(made: Made) -> None:
    model, L = made
    decided, probabilities = model.fit(L).predict(L), model.predict_proba(L)
    assert decided[0] == -1, "nothing was voted"
    assert decided[1] == 0, "four functions agree"
    sure = decided != -1
    np.testing.assert_array_equal(decided[sure], probabilities.argmax(axis=1)[sure])


def test_uncovered_items_get_one_prior(made: Made) -> None:
    model, L = made
    nothing = np.full((3, L.shape[1]), -1)
    np.testing.assert_allclose(model.fit(L).predict_proba(nothing), 1 / model.cardinality)


def test_a_row_does_not_depend_on_its_neighbours(made: Made) -> None:
    model, L = made
    whole = model.fit(L).predict_proba(L)
    order = np.random.default_rng(0).permutation(len(L))
    assert model.predict_proba(L[order]).tobytes() == whole[order].tobytes()
    assert model.predict_proba(L[5:6]).tobytes() == whole[5:6].tobytes()


def test_no_items_give_no_rows(made: Made) -> None:
    model, L = made
    model.fit(L)
    assert model.predict_proba(L[:0]).shape == (0, model.cardinality)
    assert model.predict(L[:0]).shape == (0,)


def test_contributions_have_their_shape_and_order_the_classes(made: Made) -> None:
    model, L = made
    model.fit(L)
    for row in L[1:20]:
        added = model.contributions(row)
        assert added.shape == (L.shape[1], model.cardinality)
        assert not added[row == -1].any()
        decided = model.predict(row[None, :])[0]
        if decided != -1:
            assert (model.log_prior + added.sum(axis=0)).argmax() == decided


def test_state_comes_back_from_json_and_arrays(made: Made) -> None:
    model, L = made
    state, arrays = model.fit(L).to_state()
    assert all(array.dtype != object for array in arrays.values())
    again = load_label_model(json.loads(json.dumps(state, allow_nan=False)), arrays)
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert again.predict_proba(L).tobytes() == model.predict_proba(L).tobytes()
    assert again.contributions(L[1]).tobytes() == model.contributions(L[1]).tobytes()


def test_it_is_cloned_by_scikit_learn(made: Made) -> None:
    from sklearn.base import clone

    model, L = made
    copy = clone(model.fit(L))
    assert copy.get_params() == model.get_params()
    with pytest.raises(LabelModelError, match="is not fitted"):
        copy.predict(L)


def test_parameters_can_be_changed(made: Made) -> None:
    model, L = made
    k = model.cardinality
    model.fit(L).set_params(cardinality=k + 1)
    assert model.get_params()["cardinality"] == k + 1
    assert model.fit(L).predict_proba(L).shape[1] == k + 1
    with pytest.raises(LabelModelError, match="has no parameter 'colour'"):
        model.set_params(colour="red")


def test_it_refuses_what_is_no_label_matrix(made: Made) -> None:
    model, L = made
    with pytest.raises(LabelModelError, match="is not fitted"):
        model.predict_proba(L)
    with pytest.raises(LabelModelError, match="every labeling function abstained on all 150 items"):
        model.fit(np.full_like(L, -1))
    with pytest.raises(LabelModelError, match="no items"):
        model.fit(L[:0])
    with pytest.raises(LabelModelError, match="voted nan on row 0"):
        model.fit(np.where(L == -1, np.nan, L))
    with pytest.raises(LabelModelError, match="gold is 9 on row 0"):
        model.fit(L, gold=np.full(len(L), 9))
    model.fit(L)
    with pytest.raises(LabelModelError, match="was fitted on 5 labeling functions"):
        model.predict(L[:, :4])
    with pytest.raises(LabelModelError, match="have 2 dimensions, expected 1"):
        model.contributions(L)


def test_unknown_names_and_options_are_refused() -> None:
    with pytest.raises(RegistryError, match="unknown label model 'oracle'; choose one of snorkel, majority"):
        label_model("oracle", cardinality=2)
    for name in NAMES:
        with pytest.raises(LabelModelError, match="has no option 'colour'"):
            label_model(name, cardinality=2, colour="red")
    with pytest.raises(LabelModelError, match="names no model"):
        load_label_model({}, {})
