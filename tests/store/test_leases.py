"""Claims: places, people, pages, time, the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lease_helpers import Desk, add_items, adjudicate, after, new_store, queue, rules

from labelkit.errors import LeaseRefused, StepMissing
from labelkit.store import NewAnnotation, Store
from labelkit.store.giving import MOST_HELD


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with new_store(tmp_path / "texts.labelkit.db") as opened:
        yield opened


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store)


def test_items_come_in_queue_order_with_their_content(desk: Desk) -> None:
    queue(desk.store, [4, 1, 3])
    leases = desk.claim("ann", 2)
    assert [(lease.item, lease.item_id, lease.text) for lease in leases] == [(4, "i4", "text 4"), (1, "i1", "text 1")]
    assert leases[0].expires_at == "2026-03-01T09:15:00.000Z"


def test_without_a_queue_it_says_what_to_run(tmp_path: Path) -> None:
    with Store(tmp_path / "empty.labelkit.db", create=True) as empty, pytest.raises(StepMissing, match="no queue"):
        Desk(empty).claim("ann")


def test_nobody_else_gets_a_leased_item_until_its_time_is_over(desk: Desk) -> None:
    assert desk.items("ann", 6) == list(range(6))
    assert desk.items("bob", at=14.9) == []
    assert desk.items("bob", at=15) == [0]


def test_a_reloaded_page_gets_its_items_back_in_order_with_more_time(desk: Desk) -> None:
    queue(desk.store, [5, 2, 4])
    first = desk.claim("ann", 3, client="tab")
    again = desk.claim("ann", 3, client="tab", at=10)
    assert [lease.token for lease in again] == [lease.token for lease in first]
    assert [lease.item for lease in again] == [5, 2, 4]
    assert desk.items("bob", at=20) == []
    assert again[0].expires_at == "2026-03-01T09:25:00.000Z"


def test_two_pages_of_one_person_hold_different_items(desk: Desk) -> None:
    one, two = desk.claim("ann", 2, client="one"), desk.claim("ann", 2, client="two")
    assert [lease.item for lease in one + two] == [0, 1, 2, 3]
    assert desk.store.leases.release("ann", client="one", everywhere=False, at=after(1)) == 2
    assert desk.items("ann", 2, client="two", at=2) == [2, 3]
    assert desk.items("bob", 2, at=2) == [0, 1]


def test_a_page_with_a_new_id_takes_over_what_it_says_it_holds(desk: Desk) -> None:
    mine, other = desk.claim("ann", 2, client="before"), desk.claim("bob", 1)
    held = [mine[1].token, other[0].token, "nonsense"]
    claimed = desk.store.leases.claim("ann", desk.rules, n=2, client="now", held=held, at=after(1))
    assert [lease.item for lease in claimed.leases] == [1, 3]
    assert claimed.ended == held[1:]
    assert desk.items("bob", 1, at=2) == [2]  # nobody can take over another's


def test_a_sign_of_life_keeps_leases_and_names_those_that_are_over(desk: Desk) -> None:
    first, second = desk.claim("ann", 2, client="tab")
    alive = desk.store.leases.renew("ann", [first.token, "nonsense"], client="tab", minutes=15, at=after(14))
    assert alive == ([first.token], ["nonsense"])
    assert desk.items("bob", 6, at=20)[0] == 1
    assert desk.store.leases.renew("ann", [second.token, first.token], client="tab", minutes=15, at=after(21)) == (
        [first.token],
        [second.token],
    )
    assert desk.store.leases.renew("bob", [first.token], client="tab", minutes=15, at=after(21)) == ([], [first.token])


def test_released_items_are_free_at_once(desk: Desk) -> None:
    first, second = desk.claim("ann", 2)
    assert desk.store.leases.release("ann", [first.token, "nonsense"], at=after(1)) == 1
    assert desk.items("bob", at=1) == [first.item]
    assert desk.store.leases.release("bob", [second.token], at=after(1)) == 0
    assert desk.store.leases.release("ann", at=after(1)) == 1
    assert desk.answer(second, "ann", at=2) == "late"  # genuine, so kept


def test_nobody_can_hoard_the_queue(tmp_path: Path) -> None:
    with new_store(tmp_path / "many.labelkit.db", items=2 * MOST_HELD) as store:
        desk = Desk(store)
        for tab in range(6):
            desk.claim("ann", 100, client=f"tab {tab}")
        live = store.database.one("select count(*) from leases where ended_at is null")[0]
        assert live == MOST_HELD
        assert desk.items("bob") == [MOST_HELD]


def test_an_item_goes_to_as_many_different_people_as_it_has_places(store: Store) -> None:
    desk = Desk(store, rules(2))
    queue(store, [0])
    ann, bob = desk.claim("ann"), desk.claim("bob")
    assert ann and bob and desk.claim("cid") == []
    desk.answer(ann[0], "ann")
    assert desk.claim("ann", at=2) == []  # has answered: not once more
    assert desk.claim("cid", at=2) == []  # ann's answer and bob's lease fill it
    assert desk.items("cid", at=16) == [0]  # bob's time is over


def test_a_third_person_breaks_a_tie(store: Store) -> None:
    desk = Desk(store, rules(2, tie_break=1))
    queue(store, [0, 1])
    for who, labels in (("ann", [0, 1]), ("bob", [0, 2])):
        for lease, label in zip(desk.claim(who, 2), labels, strict=True):
            desk.answer(lease, who, label)
    assert desk.items("cid", 2, at=2) == [1]  # on item 0 they agree
    assert desk.items("dan", 2, at=2) == []  # one at a time
    (lease,) = desk.claim("cid", at=3)
    desk.answer(lease, "cid", 0, at=3)
    assert desk.items("dan", 2, at=4) == []  # still undecided, but that was the last place


def test_a_tie_is_broken_also_when_a_new_queue_has_other_items(store: Store) -> None:
    desk = Desk(store, rules(2, tie_break=1))
    queue(store, [3])
    for who, label in (("ann", 0), ("bob", 1)):
        desk.answer(desk.claim(who)[0], who, label)
    queue(store, [0, 1])
    assert desk.items("ann", 1, at=2) == [0]  # has answered it
    assert desk.items("cid", 2, at=2) == [3, 0]
    (lease, *_) = desk.claim("cid", 2, at=3)
    desk.answer(lease, "cid", 1, at=3)
    assert [a.role for a in store.people.annotations() if a.annotator == "cid"] == ["overlap"]
    assert desk.items("dan", 2, at=4) == [1]
    assert store.database.rows("select * from tie_breaks") == []


def test_ties_from_before_a_change_of_the_rules_are_broken_too(store: Store) -> None:
    before, now = Desk(store, rules(2)), Desk(store, rules(2, tie_break=1))
    queue(store, [3])
    for who, label in (("ann", 0), ("bob", 1)):
        before.answer(before.claim(who)[0], who, label)
    queue(store, [0])
    assert before.items("cid", 2, at=2) == [0]
    assert now.items("dan", 2, at=2) == [3, 0]


def test_a_revised_answer_opens_a_place_that_was_closed(store: Store) -> None:
    desk = Desk(store, rules(2, tie_break=1))
    queue(store, [0])
    ann, bob = desk.claim("ann")[0], desk.claim("bob")[0]
    desk.answer(ann, "ann", 0)
    desk.answer(bob, "bob", 0)
    assert desk.items("cid", at=2) == []
    assert closed(store) == [0]
    assert desk.answer(bob, "bob", 1, at=3) == "stored"
    assert desk.items("cid", at=4) == [0]


def closed(store: Store) -> list[int]:
    """Items of the present queue that no claim looks at any more."""
    return [
        row[0]
        for row in store.database.rows(
            "select item from queue where run = (select max(run) from queue) and closed = 1 order by rank"
        )
    ]


def test_what_is_done_is_not_looked_at_again_until_something_happens(desk: Desk) -> None:
    store = desk.store
    for lease in desk.claim("ann", 3):
        desk.answer(lease, "ann")
    assert desk.items("bob", 2, at=2) == [3, 4] and closed(store) == [0, 1, 2]
    desk.undo(lease, "ann", at=3)
    assert closed(store) == [0, 1]
    add_items(store, ["another text"])
    assert closed(store) == [1]
    adjudicate(store, 5)
    assert desk.items("cid", 3, at=4) == [0]  # 2 is ann's again, 3 and 4 are bob's
    assert closed(store) == [1, 5]


def test_more_places_by_the_settings_open_everything(store: Store) -> None:
    one, two = Desk(store), Desk(store, rules(2))
    for lease in one.claim("ann", 6):
        one.answer(lease, "ann")
    assert one.items("bob", 6, at=2) == []
    assert two.items("bob", 6, at=2) == list(range(6))


def test_adjudicated_items_are_not_asked_again(desk: Desk) -> None:
    (held,) = desk.claim("ann")
    adjudicate(desk.store, held.item)
    assert desk.items("ann", at=1) == [1]
    assert desk.items("bob", at=20) == [1]
    assert desk.answer(held, "ann", at=21) == "late"


def test_a_simulation_takes_nobodys_place(desk: Desk) -> None:
    desk.store.people.append([NewAnnotation(0, "simulated", 1, simulated=True)])
    assert desk.items("ann") == [0]


def test_leases_outlive_the_queue_that_they_came_from(desk: Desk) -> None:
    mine = desk.claim("ann", 2, client="tab")
    queue(desk.store, [1, 4, 0])
    assert desk.items("ann", 3, client="tab", at=1) == [0, 1, 4]  # held ones first, as before
    assert desk.items("bob", 3, at=1) == []
    assert desk.answer(mine[0], "ann", at=2) == "stored"
    queue(desk.store, [3])
    assert desk.answer(mine[1], "ann", at=3) == "stored"


def test_the_walk_through_a_long_queue_goes_on_where_it_stopped(tmp_path: Path) -> None:
    n = 2_500
    with new_store(tmp_path / "long.labelkit.db", items=n) as store:
        desk = Desk(store, rules(2))
        with store.leases.group.transaction():
            while leases := desk.claim("ann", 100):
                for lease in leases:
                    desk.answer(lease, "ann", at=0)
        first = store.leases.claim("ann", desk.rules, n=1, at=after(1))
        assert first.leases == [] and first.further is not None  # all is ann's already, and it stops for breath
        assert desk.claim("ann", 1, at=1) == []
        assert desk.items("bob", 3, at=1) == [0, 1, 2]
        assert len(desk.labels()) == n


def test_reopening_leases_an_answered_item_to_its_own_annotator(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    with pytest.raises(LeaseRefused, match="not answered"):
        desk.store.leases.reopen("ann", 0, desk.rules, client="tab", at=after(0))
    desk.answer(lease, "ann", 1, comment="first")
    desk.claim("bob", at=2)
    again, own = desk.store.leases.reopen("ann", 0, desk.rules, client="tab", at=after(2))
    assert again.token != lease.token and (own.label, own.comment) == (1, "first")
    assert desk.store.leases.reopen("ann", 0, desk.rules, client="tab", at=after(3))[0].token == again.token
    assert desk.items("ann", 2, client="tab", at=3) == [0, 2]  # a reload shows it first
    assert desk.answer(again, "ann", 2, at=30) == "stored"  # the place is ann's, whatever the lease's time
    assert desk.labels() == [("ann", 0, 2)]
    with pytest.raises(LeaseRefused):
        desk.store.leases.reopen("bob", 0, desk.rules, client="tab", at=after(2))


def test_a_changed_item_is_reopened_only_while_it_has_a_place(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", 1)
    add_items(desk.store, ["another text"])
    assert desk.items("bob", at=2) == [0]
    with pytest.raises(LeaseRefused, match="changed after you answered"):
        desk.store.leases.reopen("ann", 0, desk.rules, client="tab", at=after(3))
    again, own = desk.store.leases.reopen("ann", 0, desk.rules, client="tab", at=after(20))
    assert (again.text, own.text) == ("another text", "text 0")


def test_answers_from_elsewhere_are_passed_over_in_short_transactions(tmp_path: Path) -> None:
    with new_store(tmp_path / "many.labelkit.db", items=460) as store:
        store.people.append([NewAnnotation(item, "elsewhere", 0) for item in range(450)])
        desk = Desk(store)
        first = store.leases.claim("ann", desk.rules, n=1, at=after(0))
        assert first.leases == [] and first.further is not None and len(closed(store)) < 450
        assert desk.items("ann") == [450] and len(closed(store)) == 450


def test_a_tie_is_given_to_one_page_of_a_person_only(store: Store) -> None:
    desk = Desk(store, rules(2, tie_break=2))
    queue(store, [3])
    for who, label in (("ann", 0), ("bob", 1)):
        desk.answer(desk.claim(who)[0], who, label)
    assert desk.items("cid", client="one") == [3]
    assert desk.items("cid", client="two") == []
