"""Annotators' answers: what is new, what replaces what, what counts."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, import_items, new_store

from labelkit.errors import AnnotationError
from labelkit.store import NewAnnotation, Store


@pytest.fixture
def items(store: Store) -> Store:
    import_items(store, batch(["a", "b", "c"]))
    return store


def say(store: Store, item: int, label: int | None, who: str = "ann", **more: Any) -> int:
    return store.people.append([NewAnnotation(item, who, label, **more)])


def present(store: Store) -> list[tuple[int, str, int | None]]:
    return [(a.item, a.annotator, a.label) for a in store.people.annotations()]


def test_an_answer_comes_back_with_everything(items: Store) -> None:
    say(items, 1, 2, role="tuning", comment="sure", seconds=2.5, answered_at="2026-03-01T10:00:00+01:00")
    (answer,) = items.people.annotations()
    assert (answer.item, answer.annotator, answer.label, answer.role) == (1, "ann", 2, "tuning")
    assert (answer.comment, answer.seconds, answer.at) == ("sure", 2.5, "2026-03-01T09:00:00.000Z")
    assert answer.simulated is False


def test_another_answer_supersedes_and_the_earlier_stays_in_the_history(items: Store) -> None:
    say(items, 0, 0)
    say(items, 0, 1, "bob")
    say(items, 0, 2)
    assert present(items) == [(0, "bob", 1), (0, "ann", 2)]
    assert [(h["label"], bool(h["superseded"])) for h in items.people.history(0)] == [(0, True), (1, False), (2, False)]
    assert items.people.counts() == {"labels": 2, "skips": 0, "simulated": 0, "annotators": 2}


def test_a_skip_is_an_answer(items: Store) -> None:
    say(items, 0, None, skip_reason="unclear")
    (answer,) = items.people.annotations()
    assert (answer.label, answer.skip_reason) == (None, "unclear")
    say(items, 0, 1)
    assert present(items) == [(0, "ann", 1)]


class TestRepeats:
    """The same answer again is no news."""

    def test_of_a_client(self, items: Store) -> None:
        assert say(items, 0, 0, client_id="tab", client_sequence=1) == 1
        assert say(items, 0, 0, client_id="tab", client_sequence=1) == 0
        assert say(items, 0, 0, client_id="tab", client_sequence=2) == 1
        assert say(items, 0, 0, client_id="other tab", client_sequence=1) == 1

    def test_of_a_file_with_several_answers_of_one_person(self, items: Store) -> None:
        days = ((1, 0), (2, 1), (3, 0))
        rows = [NewAnnotation(0, "ann", label, answered_at=f"2026-03-0{day}T00:00:00Z") for day, label in days]
        assert items.people.append(rows) == 3
        assert items.people.append(rows) == 0
        assert items.people.append(rows[::-1]) == 0
        assert present(items) == [(0, "ann", 0)]

    def test_of_a_file_without_times(self, items: Store) -> None:
        rows = [NewAnnotation(0, "ann", 0), NewAnnotation(1, "ann", None, skip_reason="unclear")]
        assert items.people.append(rows) == 2
        assert items.people.append(rows) == 0
        assert say(items, 0, 0, comment="now with a comment") == 1

    def test_two_times_that_are_one_moment(self, items: Store) -> None:
        assert say(items, 0, 0, answered_at="2026-03-01T10:00:00+01:00") == 1
        assert say(items, 0, 0, answered_at="2026-03-01T09:00:00Z") == 0


def test_an_older_answer_from_elsewhere_does_not_replace_a_newer_one(items: Store) -> None:
    say(items, 0, 0)
    assert say(items, 0, 1, answered_at="2020-01-01T00:00:00Z") == 1
    assert present(items) == [(0, "ann", 0)]
    assert [h["label"] for h in items.people.history(0)] == [0, 1]


def test_the_order_of_a_file_does_not_matter(items: Store) -> None:
    say(items, 0, 1, answered_at="2026-03-02")
    say(items, 0, 0, answered_at="2026-03-01")
    say(items, 0, 2, answered_at="2026-03-03")
    assert present(items) == [(0, "ann", 2)]


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 9)), max_size=12))
def test_what_counts_is_the_newest_of_each_person_on_each_item(
    tmp_path_factory: pytest.TempPathFactory, answers: list[tuple[int, str, int, int]]
) -> None:
    expected: dict[tuple[int, str], tuple[int, int]] = {}
    seen: set[tuple[int, str, int, int]] = set()
    for item, who, label, day in answers:
        if (item, who, label, day) not in seen and day >= expected.get((item, who), (0, 0))[0]:
            expected[item, who] = (day, label)
        seen.add((item, who, label, day))
    with new_store(tmp_path_factory.mktemp("people") / "texts.labelkit.db") as store:
        import_items(store, batch(["x", "y"]))
        for item, who, label, day in answers:
            say(store, item, label, who, answered_at=f"2026-03-0{day}")
        assert {(i, w): label for i, w, label in present(store)} == {k: label for k, (_, label) in expected.items()}
        assert len(present(store)) == len(expected)
        assert store.problems() == []


class TestContent:
    """An answer is about the content that was there."""

    def test_answers_to_an_earlier_content_do_not_count(self, items: Store) -> None:
        say(items, 0, 0)
        import_items(items, batch(["a"], ["changed"]))
        assert present(items) == []
        assert [bool(h["current_content"]) for h in items.people.history(0)] == [False]

    def test_each_content_keeps_its_own_answer(self, items: Store) -> None:
        say(items, 0, 0)
        import_items(items, batch(["a"], ["changed"]))
        say(items, 0, 1)
        assert present(items) == [(0, "ann", 1)]
        import_items(items, batch(["a"]))
        assert present(items) == [(0, "ann", 0)]

    def test_an_old_file_imported_again_does_not_answer_the_new_content(self, items: Store) -> None:
        say(items, 0, 0, answered_at="2026-03-01")
        import_items(items, batch(["a"], ["changed"]))
        assert say(items, 0, 0, answered_at="2026-03-01") == 0
        assert present(items) == []

    def test_a_decision_on_an_earlier_content_does_not_count(self, items: Store) -> None:
        decide(items, 0, 1)
        decide(items, 1, 1)
        decide(items, 1, 2)
        assert items.people.adjudications() == {0: 1, 1: 2}
        import_items(items, batch(["a"], ["changed"]))
        assert items.people.adjudications() == {1: 2}


def decide(store: Store, item: int, label: int) -> None:
    with store.database.transaction() as connection:
        lead = store.people.annotator(connection, "lea", "lead")
        connection.execute(
            "insert into adjudications (item, content_hash, label, annotator, annotations, decided_at)"
            " select item, content_hash, ?, ?, '[]', '2026-03-01T00:00:00.000Z' from items where item = ?",
            (label, lead, item),
        )


def test_simulated_answers_are_marked_and_counted_apart(items: Store) -> None:
    say(items, 0, 0, "simulated", simulated=True)
    say(items, 1, 0)
    assert [a.simulated for a in items.people.annotations()] == [True, False]
    assert items.people.counts() == {"labels": 1, "skips": 0, "simulated": 1, "annotators": 2}


def test_an_answer_to_no_item_stores_nothing_of_its_file(items: Store) -> None:
    with pytest.raises(AnnotationError, match="no item number 7"):
        items.people.append([NewAnnotation(0, "ann", 0), NewAnnotation(7, "ann", 0)])
    assert present(items) == []
    assert items.database.one("select count(*) from annotators")[0] == 0


def test_a_time_that_is_none_is_named(items: Store) -> None:
    with pytest.raises(AnnotationError, match="'yesterday' is not an ISO 8601 time"):
        say(items, 0, 0, answered_at="yesterday")


def test_answers_are_append_only(items: Store) -> None:
    say(items, 0, 0)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), items.database.transaction() as connection:
        connection.execute("update annotations set label = 1")
    assert present(items) == [(0, "ann", 0)]
