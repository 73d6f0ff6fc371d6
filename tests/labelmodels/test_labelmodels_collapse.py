"""What is said of a model that puts everything into one class, and of known labels that contradict the votes."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.labelmodels import label_model

MODELS = ["crowd", "dawid-skene", "mace"]


@pytest.mark.parametrize("name", MODELS)
def test_ties_everywhere_are_no_collapse(name: str) -> None:
    L = np.tile(np.array([[0, 1]], dtype=np.int8), (500, 1))
    model = label_model(name, cardinality=2).fit(L)
    assert (model.predict(L) == -1).all()
    assert not model.diagnostics["collapsed"]
    assert not any("collapsed" in note for note in model.notes)


@pytest.mark.parametrize("name", MODELS)
def test_functions_of_one_class_each_make_it_collapse(name: str) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1_000)
    fires = rng.random((1_000, 6)) < np.where(truth[:, None] == np.arange(6) % 2, 0.5, 0.1)
    L = np.where(fires, np.arange(6) % 2, -1).astype(np.int8)
    model = label_model(name, cardinality=2).fit(L)
    share = np.bincount(model.predict(L) + 1, minlength=3)[1:].max() / (L != -1).any(axis=1).sum()
    assert model.diagnostics["collapsed"] == (share > 0.95)
    assert any("collapsed" in note for note in model.notes) == (share > 0.95)


@pytest.mark.parametrize("name", MODELS)
def test_known_labels_that_contradict_the_votes_are_told(name: str) -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, 1_000)
    right = rng.random((1_000, 6)) < 0.85
    L = np.where(right, truth[:, None], 1 - truth[:, None]).astype(np.int8)
    gold = np.where(np.arange(1_000) < 100, 1 - truth, -1)
    notes = label_model(name, cardinality=2).fit(L, gold).notes
    assert len(notes) == 1
    assert notes[0].startswith("the 100 known labels contradict the votes: majority vote is right on ")
    assert "use" not in notes[0]
    honest = label_model(name, cardinality=2).fit(L, np.where(gold == -1, -1, truth))
    assert not any("contradict" in note for note in honest.notes)
    few = label_model(name, cardinality=2).fit(L, np.where(np.arange(1_000) < 5, 1 - truth, -1))
    assert not any("contradict" in note for note in few.notes)
