"""The types that every room speaks: ids and indices, names, content hashes, estimates."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.errors import SchemaError, UnknownLabel
from labelkit.types import ABSTAIN, Estimate, LabelClass, LabelSchema, content_hash, label_name_problem

SPAM = LabelSchema.from_names(["spam", "ham", "other"])
GROWN = LabelSchema((LabelClass(7, "b", ("old b",)), LabelClass(2, "a"), LabelClass(40, "c")), {3: 7, 5: 2})


def test_a_class_is_found_by_name_earlier_name_id_and_merged_id() -> None:
    assert [GROWN.resolve(label) for label in ("b", "old b", 7, 3, np.int8(7))] == [7] * 5
    assert (GROWN.index("a"), GROWN.name_of(5), GROWN.cardinality) == (1, "a", 3)


@pytest.mark.parametrize("label", ["nope", "B", "", 1, -1, 6, True, 1.0, None])
def test_an_unknown_label_is_named_with_the_choices(label: Any) -> None:
    with pytest.raises(UnknownLabel, match=r"unknown label .*; the labels are 7 = b, 2 = a, 40 = c"):
        GROWN.resolve(label)


@pytest.mark.parametrize("text, class_id", [("b", 7), ("old b", 7), ("7", 7), ("3", 7), ("2", 2)])
def test_labels_in_files_are_names_or_numbers(text: str, class_id: int) -> None:
    assert GROWN.parse(text) == class_id


def test_a_name_made_of_digits_comes_before_a_number() -> None:
    schema = LabelSchema.from_names(["1", "0"])
    assert (schema.parse("1"), schema.parse("0")) == (0, 1)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "b", "a")])
def test_two_classes_cannot_share_a_name(names: tuple[str, ...]) -> None:
    with pytest.raises(SchemaError, match="'a'"):
        LabelSchema.from_names(names)
    with pytest.raises(SchemaError, match="stands for both 'x' and 'a'"):
        LabelSchema((LabelClass(0, "x", ("a",)), LabelClass(1, "a")))


@given(st.data())
def test_indices_and_ids_are_two_ways_to_say_the_same(data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.integers(0, 300), min_size=1, max_size=200, unique=True))
    gone = data.draw(st.dictionaries(st.integers(301, 330), st.sampled_from(ids), max_size=5))
    schema = LabelSchema(tuple(LabelClass(i, f"c{i}") for i in ids), gone)
    stored = np.array(data.draw(st.lists(st.sampled_from([ABSTAIN, *ids, *gone]), max_size=50)), np.int16)
    indices = schema.to_indices(stored)
    assert indices.tolist() == [ABSTAIN if i == ABSTAIN else schema.index(i) for i in stored.tolist()]
    assert schema.to_ids(indices).tolist() == [gone.get(i, i) for i in stored.tolist()]
    assert indices.dtype == (np.int8 if len(ids) < 128 else np.int16)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (5, 3), (2, 1_300_000)])
def test_matrices_of_any_shape_and_size_are_translated_and_left_untouched(dtype: Any, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.choice(np.array([ABSTAIN, 7, 2, 40, 3], dtype), size=shape)
    before = matrix.copy()
    indices = GROWN.to_indices(matrix)
    assert indices.shape == shape
    for class_id, index in ((ABSTAIN, ABSTAIN), (7, 0), (3, 0), (2, 1), (40, 2)):
        assert (indices[matrix == class_id] == index).all()
    np.testing.assert_array_equal(matrix, before)
    np.testing.assert_array_equal(GROWN.to_indices(matrix.T), indices.T)


@pytest.mark.parametrize("bad", [-2, 6, 41, 100])
def test_a_stored_id_that_is_no_class_is_an_error(bad: int) -> None:
    with pytest.raises(UnknownLabel, match=f"stored class id {bad} is not in the label schema"):
        GROWN.to_indices(np.array([7, bad, -1], np.int8))


@pytest.mark.parametrize("bad", [-2, 3, 100])
def test_an_index_that_is_no_class_is_an_error(bad: int) -> None:
    with pytest.raises(UnknownLabel, match=f"no class with the index {bad}"):
        GROWN.to_ids(np.array([0, bad]))


@pytest.mark.parametrize("name", ["a", "a b", "Ärger", "日本語", "a/b", "x" * 200, "1"])
def test_names_that_classes_can_have(name: str) -> None:
    assert label_name_problem(name) is None


@pytest.mark.parametrize("name", ["", " ", " a", "a\t", "a\nb", "a\x00b", "a\x85b", "a\u2028b", "x" * 201])
def test_names_that_classes_cannot_have(name: str) -> None:
    assert label_name_problem(name)


@given(st.tuples(st.text("ab1:{}é"), st.text("ab1:{}é")), st.tuples(st.text("ab1:{}é"), st.text("ab1:{}é")))
def test_only_the_same_content_has_the_same_hash(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (content_hash(*one) == content_hash(*other)) == (one == other)
    assert len(content_hash(*one)) == 16


def test_estimates_say_how_sure_they_are() -> None:
    assert str(Estimate(0.917, 0.8441, 0.9581, 100)) == "91.7% [84.4%, 95.8%] n=100"
    assert str(Estimate(float("nan"), 0.0, 1.0, 0)) == "n/a"


def test_schemas_travel_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(GROWN)) == GROWN


@pytest.mark.parametrize("wrong", ["Spam", "SPAM", "spma", " spam", "junc"])
def test_a_near_label_is_suggested(wrong: str) -> None:
    schema = LabelSchema((LabelClass(0, "spam", ("junk",)), LabelClass(1, "ham")))
    with pytest.raises(UnknownLabel, match=r"\(did you mean 'spam'\?\); the labels are 0 = spam, 1 = ham"):
        schema.resolve(wrong)
    with pytest.raises(UnknownLabel, match="unknown label 'eggs'; the labels"):
        schema.resolve("eggs")
