"""People's answers as a list."""

from __future__ import annotations

import numpy as np

from labelkit.annotate import people_answers
from labelkit.types import Annotation


def answer(item: int, who: str, label: int | None, *, simulated: bool = False) -> Annotation:
    return Annotation(item=item, annotator=who, label=label, at="", role="active", simulated=simulated)


def test_only_labels_that_people_gave_are_listed_in_order() -> None:
    stored = [
        answer(5, "ben", 2),
        answer(1, "zoe", 0),
        answer(5, "ada", 1),
        answer(2, "ada", None),
        answer(3, "simulation", 1, simulated=True),
    ]
    found = people_answers(stored)
    assert found.item.tolist() == [1, 5, 5]
    assert found.annotator == ("zoe", "ada", "ben")
    assert found.label.tolist() == [0, 1, 2]


def test_merged_classes_are_followed_and_items_can_be_left_out() -> None:
    left_out = np.array([False, True, False])
    found = people_answers([answer(0, "ada", 3), answer(1, "ada", 1)], merged={3: 1}, left_out=left_out)
    assert found.item.tolist() == [0]
    assert found.label.tolist() == [1]


def test_no_answers_are_empty_arrays_of_whole_numbers() -> None:
    found = people_answers([])
    assert found.item.dtype == found.label.dtype == np.int64
    assert found.item.shape == found.label.shape == (0,)
