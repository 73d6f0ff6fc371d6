"""The label schema: no change ever changes what a stored vote means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import new_store

from labelkit.errors import SchemaError, UnknownLabel
from labelkit.store import Store


def test_renaming_keeps_the_id_and_the_old_name_as_an_alias(store: Store) -> None:
    store.labels.rename("spam", "junk", actor="me")
    schema = store.labels.schema()
    assert (schema.names, schema.ids) == (("junk", "ham", "other"), (0, 1, 2))
    assert schema.resolve("spam") == schema.resolve("junk") == 0


def test_a_name_can_be_taken_back_by_the_class_that_had_it(store: Store) -> None:
    store.labels.rename("spam", "junk", actor="me")
    store.labels.rename("junk", "spam", actor="me")
    (spam, *_) = store.labels.schema().classes
    assert (spam.name, spam.aliases) == ("spam", ("junk",))


def test_adding_takes_the_next_id_also_after_a_merge(store: Store) -> None:
    store.labels.merge("other", "ham", actor="me")
    store.labels.add("new", actor="me")
    schema = store.labels.schema()
    assert (schema.names, schema.ids) == (("spam", "ham", "new"), (0, 1, 3))


def test_merging_hands_over_votes_names_and_earlier_merges(store: Store) -> None:
    store.labels.rename("other", "rest", actor="me")
    store.labels.merge("rest", "ham", actor="me")
    store.labels.add("new", actor="me")
    store.labels.merge("ham", "new", actor="me")
    schema = store.labels.schema()
    assert (schema.names, schema.merged) == (("spam", "new"), {1: 3, 2: 3})
    assert {schema.resolve(name) for name in ("new", "ham", "rest", "other")} == {3}
    assert schema.to_indices(np.array([0, 1, 2, 3, -1], np.int8)).tolist() == [0, 1, 1, 1, -1]


def test_reordering_a_name_that_a_merged_class_had_leaves_that_class_merged(store: Store) -> None:
    store.labels.merge("other", "ham", actor="me")
    store.labels.rename("ham", "other", actor="me")
    store.labels.reorder(["other", "spam"], actor="me")
    schema = store.labels.schema()
    assert (schema.names, schema.ids) == (("other", "spam"), (1, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda labels: labels.add("spam", actor="me"), "there is a class 'spam' already"),
        (lambda labels: labels.add("", actor="me"), "a label needs a name"),
        (lambda labels: labels.add(" x", actor="me"), "begins or ends with a space"),
        (lambda labels: labels.rename("spam", "a\nb", actor="me"), "control character"),
        (lambda labels: labels.rename("spam", "x" * 201, actor="me"), "longer than 200"),
        (lambda labels: labels.rename("nope", "x", actor="me"), "no class 'nope'; the classes are spam, ham, other"),
        (lambda labels: labels.rename("spam", "ham", actor="me"), "'ham' belongs to the class 'ham'"),
        (lambda labels: labels.merge("spam", "nope", actor="me"), "no class 'nope'"),
        (lambda labels: labels.merge("spam", "spam", actor="me"), "cannot be merged into itself"),
        (lambda labels: labels.reorder(["spam", "ham"], actor="me"), "each class once"),
        (lambda labels: labels.reorder(["spam", "spam", "ham"], actor="me"), "each class once"),
    ],
)
def test_changes_that_make_no_sense_change_nothing(store: Store, change, message: str) -> None:  # type: ignore[no-untyped-def]
    before = store.labels.schema()
    with pytest.raises(SchemaError, match=message):
        change(store.labels)
    assert store.labels.schema() == before


def test_names_of_the_past_are_not_given_to_another_class(store: Store) -> None:
    store.labels.rename("spam", "junk", actor="me")
    with pytest.raises(SchemaError, match="used by the class that is now called 'junk'"):
        store.labels.add("spam", actor="me")
    with pytest.raises(SchemaError, match="'spam' belongs to the class 'junk'"):
        store.labels.rename("ham", "spam", actor="me")


def test_the_last_two_classes_stay_apart(store: Store) -> None:
    store.labels.merge("other", "ham", actor="me")
    with pytest.raises(SchemaError, match="nothing to tell apart"):
        store.labels.merge("spam", "ham", actor="me")


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("add"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("merge"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("reorder"), st.integers(0, 9), st.integers(0, 9)),
    ),
    max_size=12,
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES)
def test_no_sequence_of_changes_changes_the_meaning_of_a_stored_id(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    """The model: every id stands for a set of ids (itself, or all that were merged); sets only ever join."""
    with new_store(tmp_path_factory.mktemp("labels") / "texts.labelkit.db") as store:
        meaning = {0: 0, 1: 1, 2: 2}
        names = {f"{n}" for n in ("spam", "ham", "other")}
        for kind, a, b in changes:
            schema = store.labels.schema()
            old, into = schema.names[a % schema.cardinality], schema.names[b % schema.cardinality]
            try:
                if kind == "rename":
                    store.labels.rename(old, f"name{b}", actor="me")
                    names.add(f"name{b}")
                elif kind == "add":
                    store.labels.add(f"name{a}", actor="me")
                    names.add(f"name{a}")
                    meaning[max(meaning) + 1] = max(meaning) + 1
                elif kind == "merge":
                    gone, kept = schema.resolve(old), schema.resolve(into)
                    store.labels.merge(old, into, actor="me")
                    meaning = {i: kept if m == gone else m for i, m in meaning.items()}
                else:
                    turned = list(schema.names[a % schema.cardinality :] + schema.names[: a % schema.cardinality])
                    store.labels.reorder(turned, actor="me")
            except SchemaError:
                continue
            check(store, schema, meaning, names)
        assert store.problems() == []


def check(store: Store, before, meaning: dict[int, int], names: set[str]) -> None:  # type: ignore[no-untyped-def]
    schema = store.labels.schema()
    ids = np.array([-1, *meaning], np.int16)
    indices = schema.to_indices(ids)
    assert indices[0] == -1
    assert [schema.ids[i] for i in indices[1:]] == list(meaning.values())
    assert schema.to_ids(indices).tolist() == [-1, *meaning.values()]
    assert sorted(schema.ids) == sorted(set(meaning.values()))
    for name in names:  # every name ever used still resolves, to one class
        schema.resolve(name)
    for name in (*before.names, *(a for c in before.classes for a in c.aliases)):
        assert schema.resolve(name) == meaning[before.resolve(name)]
    with pytest.raises(UnknownLabel):
        schema.to_indices(np.array([max(meaning) + 1]))
