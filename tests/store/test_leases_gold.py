"""Gold questions and hints, as they are drawn while items are given out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lease_helpers import Desk, add_items, after, new_store, queue, rules

from labelkit.annotate import Draws
from labelkit.store import Store

GOLD = [6, 7, 8]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Items 0 … 5 in the queue, 6 … 8 test items."""
    with new_store(tmp_path / "texts.labelkit.db") as opened:
        add_items(opened, [f"gold {n}" for n in range(3)], splits=["test"] * 3, first=6)
        queue(opened, range(6))
        yield opened


def desk(store: Store, share: float, hints: float = 0.0, places: int = 2) -> Desk:
    return Desk(store, rules(places, draws=Draws(b"secret", share, GOLD, hints)))


def test_gold_questions_come_among_the_others_each_at_most_once(store: Store) -> None:
    one = desk(store, 0.5)
    items: list[int] = []
    while leases := one.claim("ann", 2):
        items += [lease.item for lease in leases]
        for lease in leases:
            one.answer(lease, "ann")
    assert [item for item in items if item not in GOLD] == list(range(6))
    assert sorted(item for item in items if item in GOLD) == GOLD
    assert items[:6] != list(range(6))


def test_a_gold_question_that_nobody_answered_is_not_asked_again(store: Store) -> None:
    one = desk(store, 1.0)
    assert sorted(lease.item for lease in one.claim("ann", 3)) == GOLD
    assert one.items("ann", 3, at=20) == [0, 1, 2]
    assert sorted(lease.item for lease in one.claim("bob", 3, at=20)) == GOLD  # another person's are his own


def test_where_they_come_is_the_same_for_the_same_person_and_count(store: Store) -> None:
    items = [lease.item for lease in desk(store, 0.4).claim("ann", 9)]
    with new_store(store.path.with_name("again.labelkit.db")) as again:
        add_items(again, [f"gold {n}" for n in range(3)], splits=["test"] * 3, first=6)
        queue(again, range(6))
        assert [lease.item for lease in desk(again, 0.4).claim("ann", 9)] == items


def test_their_answers_decide_and_count_nothing(store: Store) -> None:
    one = desk(store, 1.0)
    for lease in one.claim("ann", 3):
        one.answer(lease, "ann", 1, at=1)
    assert store.people.annotations() == [] and store.people.counts()["labels"] == 0
    assert [(a.annotator, a.item, a.label, a.role) for a in store.people.gold_answers()] == [
        ("ann", item, 1, "gold") for item in GOLD
    ]
    tally = store.leases.own.tally("ann", one.rules.places, since=after(0), at=after(2))
    assert (tally.answered, tally.left) == (3, 6)  # a count that stands still would give them away


def test_their_answers_are_undone_and_revised_like_others(store: Store) -> None:
    one = desk(store, 1.0)
    (lease,) = one.claim("ann")
    one.answer(lease, "ann", 1)
    assert one.undo(lease, "ann").live
    assert one.answer(lease, "ann", 0, at=3) == "stored"
    again, own = store.leases.reopen("ann", lease.item, one.rules, client=None, at=after(4))
    assert own.label == 0
    assert one.answer(again, "ann", 2, at=5) == "stored"
    assert [(a.label, a.role) for a in store.people.gold_answers()] == [(2, "gold")]


def test_a_gold_question_that_came_into_the_queue_is_asked_anew(store: Store) -> None:
    one = desk(store, 1.0)
    leases = one.claim("ann", 3)
    one.answer(leases[0], "ann", 1)
    queue(store, [leases[0].item, 0])
    plain = Desk(store)
    assert plain.items("ann", 3) == [lease.item for lease in leases[1:]] + [leases[0].item]
    (asked,) = [lease for lease in plain.claim("ann", 3) if lease.item == leases[0].item]
    plain.answer(asked, "ann", 0)
    assert [a.label for a in store.people.annotations()] == [0]
    assert [a.label for a in store.people.gold_answers()] == [1]


def test_hints_come_before_only_on_items_that_were_chosen(store: Store) -> None:
    queue(
        store,
        range(6),
        roles=["active", "overlap", "active", "active", "active", "active"],
        drawn={2: "audit", 3: "tuning"},
    )
    leases = desk(store, 0.3, hints=1.0).claim("ann", 9)
    assert {lease.item for lease in leases} == set(range(9))
    assert {lease.item for lease in leases if lease.hints_before} == {0, 4, 5}


def test_hints_come_before_only_where_nobody_has_answered_yet(store: Store) -> None:
    one = desk(store, 0.0, hints=1.0)
    for lease in one.claim("ann", 3):
        if lease.item != 2:
            one.answer(lease, "ann", 1)
    leases = one.claim("bob", 6)
    assert {lease.item for lease in leases if lease.hints_before} == {2, 3, 4, 5}  # a lease alone says nothing yet


def test_an_answer_that_was_taken_back_keeps_no_hints_from_others(store: Store) -> None:
    one = desk(store, 0.0, hints=1.0)
    (lease,) = one.claim("ann")
    one.answer(lease, "ann", 1)
    one.undo(lease, "ann")
    (same,) = one.claim("bob")
    assert (same.item, same.hints_before) == (lease.item, True)


def test_who_has_seen_the_hints_is_not_noted_as_if_not(store: Store) -> None:
    one = desk(store, 0.0, hints=1.0)
    (lease,) = one.claim("ann")
    assert lease.hints_before
    (others,) = one.claim("bob", at=20)
    one.answer(others, "bob", 1, at=21)
    (again,) = one.claim("ann", at=22)
    assert (again.item, again.hints_before) == (lease.item, True)
