"""What every registered label model keeps to; a new one is picked up by its name."""

from __future__ import annotations

import inspect
import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from labelkit import registry
from labelkit.errors import LabelModelError, RegistryError
from labelkit.labelmodels import LabelModel, VoteStatistics, label_model, load_label_model

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


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    shifted = np.exp(scores - scores.max())
    return np.asarray(shifted / shifted.sum())


def test_uncovered_items_get_the_prior(made: Made) -> None:
    model, L = made
    nothing = np.full((3, L.shape[1]), -1)
    prior = model.fit(L).predict_proba(nothing)
    assert (prior == prior[0]).all()
    np.testing.assert_allclose(prior[0], softmax(model.log_prior))
    assert model.predict(nothing).tolist() == [-1, -1, -1]


def test_explanations_add_up(made: Made) -> None:
    model, L = made
    if model.unit != "log-odds":
        pytest.skip("counts votes")
    probabilities = model.fit(L).predict_proba(L)
    for row, expected in zip(L[:40], probabilities, strict=False):
        np.testing.assert_allclose(softmax(model.log_prior + model.contributions(row).sum(axis=0)), expected, atol=1e-9)


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


def test_state_comes_back_from_json_and_npz_without_pickle(made: Made) -> None:
    model, L = made
    state, arrays = model.fit(L).to_state()
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        again = load_label_model(json.loads(json.dumps(state, allow_nan=False)), dict(stored))
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert (again.notes, again.diagnostics) == (model.notes, json.loads(json.dumps(model.diagnostics)))
    assert again.predict_proba(L).tobytes() == model.predict_proba(L).tobytes()
    assert again.contributions(L[1]).tobytes() == model.contributions(L[1]).tobytes()
    assert again.log_prior.tobytes() == model.log_prior.tobytes()
    with pytest.raises(LabelModelError, match="is incomplete"):
        load_label_model({**state, "n_functions": "five"}, arrays)


def test_shards_give_what_the_whole_gives(made: Made) -> None:
    model, L = made
    gold = np.where(np.arange(len(L)) % 10 == 2, np.maximum(L.max(axis=1), 0), -1)
    whole = model.fit(L, gold=gold).predict_proba(L)
    parts = [VoteStatistics.from_votes(L[at : at + 40], model.cardinality, at) for at in range(0, len(L), 40)]
    known = gold != -1
    again = label_model(model.name, **model.get_params())
    again.fit_statistics(VoteStatistics.merge(parts), gold_votes=L[known], gold=gold[known])
    assert again.predict_proba(L).tobytes() == whole.tobytes()


def test_threads_may_predict_at_the_same_time(made: Made) -> None:
    model, L = made
    expected = model.fit(L).predict_proba(L).tobytes()
    rows = [L[at:] for at in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(model.predict_proba, rows * 4))
    assert found[0].tobytes() == expected
    for one, votes in zip(found, rows * 4, strict=True):
        assert one.tobytes() == found[0][len(L) - len(votes) :].tobytes()


@pytest.mark.parametrize("lesson", ["right", "one class", "wrong"])
def test_any_known_labels_can_be_learned_from(made: Made, lesson: str) -> None:
    model, L = made
    k = model.cardinality
    votes = np.maximum(L.max(axis=1), 0).astype(np.int64)
    gold = {"right": votes, "one class": np.zeros(len(L), dtype=np.int64), "wrong": (votes + 1) % k}[lesson]
    gold = np.where(np.arange(len(L)) < 100, gold, -1)
    probabilities = model.fit(L, gold=gold).predict_proba(L)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert all(isinstance(note, str) for note in model.notes)
    json.dumps(model.to_state()[0], allow_nan=False)


def test_a_class_without_a_vote_is_learned_without(made: Made) -> None:
    model, L = made
    rarer = np.where(np.equal(L, model.cardinality - 1), -1, L)
    probabilities = model.fit(rarer).predict_proba(rarer)
    assert np.isfinite(probabilities).all()
    sure = model.predict(rarer)
    assert (sure != model.cardinality - 1).all()
    assert np.isfinite(model.predict_proba(L)).all(), "votes that were never seen"


def test_one_function_is_followed_or_refused(made: Made) -> None:
    model, L = made
    if model.minimum_functions > 1:
        with pytest.raises(LabelModelError, match=r"needs at least \w+ labeling functions, got 1"):
            model.fit(L[:, :1])
        return
    decided = model.fit(L[:, :1]).predict(L[:, :1])
    assert ((decided == L[:, 0]) | (decided == -1)).all()


def test_a_class_balance_has_to_be_one(made: Made) -> None:
    model, _ = made
    k = model.cardinality
    if "class_balance" not in model.get_params():
        pytest.skip("takes no class balance")
    for balance, problem in (
        ([0.5] * k if k > 2 else [0.5, 0.6], "class_balance sums to"),
        ([1.0, *[0.0] * (k - 1)], "expected a share above 0"),
        ([1.0], f"class_balance has 1 entries, expected {k}"),
    ):
        with pytest.raises(LabelModelError, match=problem):
            label_model(model.name, cardinality=k, class_balance=balance)


@pytest.mark.parametrize("name", NAMES)
def test_six_hundred_dense_functions_give_numbers(name: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 120)
    L = np.where(rng.random((120, 600)) < 0.7, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    cls = registry.resolve("label_models", name)
    quick = {"n_epochs": 20} if "n_epochs" in inspect.signature(cls).parameters else {}
    model = label_model(name, cardinality=2, **quick)
    probabilities = model.fit(L).predict_proba(L)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert (model.predict(L) == truth).mean() > 0.95


@pytest.mark.slow
@pytest.mark.parametrize(("functions", "classes"), [(5_000, 2), (4, 1_000)])
@pytest.mark.parametrize("name", NAMES)
def test_very_many_functions_or_classes_work_or_are_refused(name: str, functions: int, classes: int) -> None:
    rng = np.random.default_rng(0)
    L = rng.integers(0, classes, (60, functions)).astype(np.int16)
    L[rng.random(L.shape) < (0.98 if functions > 1_000 else 0.2)] = -1
    cls = registry.resolve("label_models", name)
    if functions > 1_000 and cls.uses_cooccurrence:
        pytest.skip("tested where it is at home: counting the pairs of so many takes long")
    model = label_model(name, cardinality=classes)
    try:
        model.fit(L)
    except LabelModelError as error:
        assert "classes" in error.message or "labeling functions" in error.message
        return
    probabilities = model.predict_proba(L)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


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
    with pytest.raises(RegistryError, match=r"unknown label model 'oracle'; choose one of .*snorkel, majority"):
        label_model("oracle", cardinality=2)
    for name in NAMES:
        with pytest.raises(LabelModelError, match="has no option 'colour'"):
            label_model(name, cardinality=2, colour="red")
    with pytest.raises(LabelModelError, match="names no model"):
        load_label_model({}, {})
