"""Known labels of a single class, classes that nothing votes for, and how many functions a sentence speaks of."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.labelmodels import WeightedMajorityLabelModel, label_model
from labelkit.types import ABSTAIN, IntArray

N = 150
MODELS = ["auto", "weighted-majority", "dawid-skene", "mace", "triplet", "crowd"]


def votes_for_three(k: int = 3) -> tuple[IntArray, IntArray]:
    random = np.random.default_rng(0)
    truth = random.integers(0, k, N)
    votes = np.where(random.random((N, 6)) < 0.8, truth[:, None], random.integers(0, k, (N, 6)))
    votes[random.random(votes.shape) > 0.5] = ABSTAIN
    return votes.astype(np.int8), truth


@pytest.mark.parametrize("name", MODELS)
def test_known_labels_of_one_class_are_said_to_be_so(name: str) -> None:
    votes, truth = votes_for_three()
    one = np.where((np.arange(N) < 90) & (truth == 1), truth, ABSTAIN)
    assert any("known labels of covered items are all of one class" in note for note in _notes(name, 3, votes, one))
    two = np.where(np.arange(N) < 90, truth, ABSTAIN)
    assert not any("all of one class" in note for note in _notes(name, 3, votes, two))


@pytest.mark.parametrize("name", ["auto", "weighted-majority"])
def test_labels_of_one_class_do_not_put_every_item_into_it(name: str) -> None:
    votes, _ = votes_for_three()
    # mostly single-class functions, as where auto uses weights
    for function in range(6):
        votes[votes[:, function] != function % 3, function] = ABSTAIN
    gold = np.where(np.arange(N) < 30, 3, ABSTAIN)  # of a class that nothing votes for
    unaided = label_model(name, cardinality=4).fit(votes)
    taught = label_model(name, cardinality=4).fit(votes, gold)
    np.testing.assert_array_equal(taught.predict(votes), unaided.predict(votes))
    np.testing.assert_array_equal(taught.predict_proba(votes), unaided.predict_proba(votes))
    assert not any("followed against the votes" in note for note in taught.notes)


@pytest.mark.parametrize("name", MODELS)
def test_classes_that_nothing_votes_for_are_named(name: str) -> None:
    votes, truth = votes_for_three()
    told = [
        note for note in _notes(name, 5, votes, None) if "votes for class 3, class 4 and no known label is of" in note
    ]
    assert len(told) == 1
    assert not any("votes for class" in note for note in _notes(name, 3, votes, None))
    gold = np.where(np.arange(N) < 30, truth, ABSTAIN)
    gold[:2] = 3
    assert any("votes for class 4 and no known label is of it" in note for note in _notes(name, 5, votes, gold))


def test_one_function_and_several_are_spoken_of_as_such() -> None:
    votes, _ = votes_for_three()
    assert "there is only one labeling function" in WeightedMajorityLabelModel(3).fit(votes[:, :1]).notes[0]
    lonely = np.full((20, 7), ABSTAIN, dtype=np.int8)
    lonely[:, 6] = 1
    apart = np.concatenate([np.column_stack([votes, np.full(N, ABSTAIN)]), lonely]).astype(np.int8)
    (note,) = WeightedMajorityLabelModel(3).fit(apart, names=list("abcdefg")).notes
    assert note.startswith("1 of 7 labeling functions votes on no item that another one votes on ('g')")
    assert note.endswith("how good it is")


def _notes(name: str, k: int, votes: IntArray, gold: IntArray | None) -> list[str]:
    return label_model(name, cardinality=k).fit(votes, gold).notes
