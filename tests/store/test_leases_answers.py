"""Answers: checked against their lease, stored once, revised, taken back, late; and what the log says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lease_helpers import Desk, add_items, after, new_store, queue, rules

from labelkit.errors import AnnotationError, LeaseRefused
from labelkit.store import LeaseAnswer, Taken


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with new_store(tmp_path / "texts.labelkit.db") as opened:
        yield Desk(opened)


def test_the_answer_is_stored_for_the_leased_item(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    assert desk.answer(lease, "ann", 1, comment="sure", seconds=2.5) == "stored"
    (stored,) = desk.store.people.annotations()
    assert (stored.item, stored.annotator, stored.label, stored.comment) == (0, "ann", 1, "sure")
    assert stored.at == "2026-03-01T09:01:00.000Z"
    assert desk.store.problems() == []


def test_the_role_of_the_item_goes_with_the_answer(desk: Desk) -> None:
    queue(desk.store, range(4), roles=["active", "overlap", "active", "active"], drawn={2: "audit"})
    leases = desk.claim("ann", 4)
    queue(desk.store, [5])  # a later queue without them changes nothing
    for lease in leases:
        desk.answer(lease, "ann")
    assert [a.role for a in desk.store.people.annotations()] == ["active", "overlap", "audit", "active"]


@pytest.mark.parametrize("wrong", ["item", "token", "annotator", "content", "sql"])
def test_forged_answers_are_refused(desk: Desk, wrong: str) -> None:
    lease, other = desk.claim("ann", 2)
    desk.claim("bob")
    given = {
        "item": {"item": other.item},
        "token": {"token": "x" * 22},
        "annotator": {},
        "content": {"content_hash": b"?" * 16},
        "sql": {"token": f"{lease.token}' or '1'='1"},
    }[wrong]
    with pytest.raises(AnnotationError):
        desk.answer(lease, "bob" if wrong == "annotator" else "ann", **given)
    assert desk.labels() == []


def test_a_token_is_for_its_item_also_where_another_has_the_same_content(desk: Desk) -> None:
    add_items(desk.store, ["the same", "the same"], first=20)
    queue(desk.store, [6, 7])
    first, second = desk.claim("ann", 2)
    assert first.content_hash == second.content_hash
    with pytest.raises(LeaseRefused, match="for item number 6, not for 7"):
        desk.answer(first, "ann", item=7)


def test_a_repeat_is_no_news(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    assert desk.answer(lease, "ann", 0, client_id="tab", client_sequence=1) == "stored"
    assert desk.answer(lease, "ann", 0, client_id="tab", client_sequence=1, at=30) == "repeated"
    assert desk.labels() == [("ann", 0, 0)]
    assert len(desk.store.people.history(0)) == 1


def test_without_a_number_the_same_answer_is_a_repeat(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    assert [desk.answer(lease, "ann", label) for label in (0, 0, 1, 1, 0)] == [
        "stored", "repeated", "stored", "repeated", "stored",
    ]  # fmt: skip


def test_another_answer_with_the_same_token_is_a_revision(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    first = desk.taken(lease, "ann", 0, client_id="tab", client_sequence=1)
    second = desk.taken(lease, "ann", 1, client_id="tab", client_sequence=2, at=50)
    assert (first.status, first.change, second.status, second.change) == ("stored", 1, "stored", 0)
    assert desk.labels() == [("ann", 0, 1)]
    assert [row["superseded"] for row in desk.store.people.history(0)] == [1, 0]
    assert desk.items("bob", at=60) == [1]


@pytest.mark.parametrize("other", ["token", "label", "withdraw"])
def test_one_number_for_two_answers_is_an_error_not_a_lost_answer(desk: Desk, other: str) -> None:
    first, second = desk.claim("ann", 2)
    desk.answer(first, "ann", client_id="tab", client_sequence=1)
    with pytest.raises(AnnotationError, match="sequence number 1"):
        if other == "token":
            desk.answer(second, "ann", client_id="tab", client_sequence=1)
        elif other == "label":
            desk.answer(first, "ann", 1, client_id="tab", client_sequence=1)
        else:
            desk.undo(first, "ann", client_id="tab", client_sequence=1)


def test_numbers_of_two_people_do_not_meet(desk: Desk) -> None:
    (ann,), (bob,) = desk.claim("ann"), desk.claim("bob")
    assert desk.answer(ann, "ann", client_id="tab", client_sequence=1) == "stored"
    assert desk.answer(bob, "bob", client_id="tab", client_sequence=1) == "stored"


def test_an_earlier_number_that_comes_later_does_not_count(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    assert desk.answer(lease, "ann", 1, client_id="tab", client_sequence=2) == "stored"
    assert desk.taken(lease, "ann", 0, client_id="tab", client_sequence=1, at=3) == Taken("late", 2, 0)
    assert desk.labels() == [("ann", 0, 1)]
    assert [row["label"] for row in desk.store.people.history(0)] == [1, 0]  # and is kept


def test_a_withdrawal_that_overtakes_its_answer_still_takes_it_back(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    assert desk.undo(lease, "ann", client_id="tab", client_sequence=2) == Taken("stored", 1, 0, live=True)
    assert desk.answer(lease, "ann", 0, client_id="tab", client_sequence=1, at=3) == "late"
    assert desk.labels() == []
    assert desk.items("bob", at=4) == [1]  # still ann's
    assert desk.answer(lease, "ann", 2, client_id="tab", client_sequence=3, at=5) == "stored"
    assert desk.labels() == [("ann", 0, 2)]


def test_an_old_withdrawal_does_not_undo_a_newer_answer(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", 0, client_id="tab", client_sequence=1)
    desk.answer(lease, "ann", 1, client_id="tab", client_sequence=3)
    assert desk.undo(lease, "ann", client_id="tab", client_sequence=2).change == 0
    assert desk.labels() == [("ann", 0, 1)]


def test_a_withdrawal_takes_back_only_what_its_own_token_said(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", 0, client_id="tab", client_sequence=1)
    again, _ = desk.store.leases.reopen("ann", lease.item, desk.rules, client="tab", at=after(2))
    desk.answer(again, "ann", 1, at=3, client_id="tab", client_sequence=2)
    assert desk.undo(lease, "ann", at=4, client_id="tab", client_sequence=3) == Taken("stored", 3, 0)
    assert desk.labels() == [("ann", 0, 1)]


def late_marks(desk: Desk) -> list[tuple[int, int]]:
    return desk.store.database.rows("select label, late + outdated from annotations where kind = 'label' order by id")


def test_a_late_answer_is_kept(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.claim("bob", at=16)
    assert desk.answer(lease, "ann", at=17) == "late"
    assert late_marks(desk) == [(0, 1)]
    assert desk.labels() == [("ann", 0, 0)]


def test_a_late_answer_does_not_replace_a_newer_one(desk: Desk) -> None:
    (old,) = desk.claim("ann")
    (new,) = desk.claim("ann", at=20)
    assert new.token != old.token and new.item == old.item
    assert desk.answer(new, "ann", 1, at=21) == "stored"
    assert desk.answer(old, "ann", 0, at=22) == "late"
    assert late_marks(desk) == [(1, 0), (0, 2)]
    assert desk.labels() == [("ann", 0, 1)]


def test_the_answer_keeps_the_content_that_was_seen(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    add_items(desk.store, ["another text"])
    assert desk.answer(lease, "ann") == "stored"
    assert desk.labels() == []  # it was about the earlier text
    assert desk.claim("bob", at=2)[0].text == "another text"
    ((own,),) = [desk.store.leases.own.page("ann", before=None, limit=9)]
    assert own.text == "text 0"


def test_withdrawing_takes_the_answer_back_and_the_same_token_lives_again(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", 0)
    assert desk.undo(lease, "ann") == Taken("stored", 2, -1, live=True)
    assert desk.labels() == [] and desk.store.people.counts()["labels"] == 0
    assert desk.items("bob", at=3) == [1]
    assert desk.answer(lease, "ann", 1, at=4) == "stored"
    assert desk.labels() == [("ann", 0, 1)]
    assert [h["label"] for h in desk.store.people.history(0)] == [0, None, 1]


def test_there_may_be_nothing_to_undo(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    with pytest.raises(AnnotationError, match="no answer to undo"):
        desk.store.leases.withdraw("ann", lease.token, desk.rules, at=after(1))
    desk.answer(lease, "ann")
    assert desk.store.leases.withdraw("ann", lease.token, desk.rules, at=after(2)) is not None
    with pytest.raises(AnnotationError, match="no answer to undo"):
        desk.store.leases.withdraw("ann", lease.token, desk.rules, at=after(3))


def test_a_withdrawn_skip_at_the_same_moment_is_withdrawn(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", None, skip_reason="unclear", at=1)
    assert desk.undo(lease, "ann", at=1).live
    assert desk.labels() == []


def test_withdrawing_does_not_push_anybody_out(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    (taken,) = desk.claim("bob", at=20)
    assert taken.item == lease.item
    desk.answer(lease, "ann", at=21)
    assert desk.store.leases.withdraw("ann", lease.token, desk.rules, at=after(22)) is None
    assert desk.answer(lease, "ann", 1, at=23) == "late"  # kept all the same
    assert desk.answer(taken, "bob", at=23) == "stored"


def test_only_ones_own_answer_can_be_withdrawn(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann")
    desk.claim("bob")
    with pytest.raises(LeaseRefused):
        desk.store.leases.withdraw("bob", lease.token, desk.rules, at=after(2))
    with pytest.raises(LeaseRefused):
        desk.undo(lease, "bob")
    assert len(desk.labels()) == 1


def test_one_refused_answer_does_not_hold_up_the_others(desk: Desk) -> None:
    leases = desk.claim("ann", 3)
    given = [
        LeaseAnswer(one.item, "forged" if place == 1 else one.token, "ann", one.content_hash, label=0)
        for place, one in enumerate(leases)
    ]
    taken = desk.store.leases.answer_all(given, desk.rules, at=after(1))
    assert [isinstance(one, Taken) for one in taken] == [True, False, True]
    assert [item for _, item, _ in desk.labels()] == [0, 2]
    assert desk.store.problems() == []


def test_in_a_group_one_failure_leaves_no_trace_of_itself_only(desk: Desk) -> None:
    first, second = desk.claim("ann", 2)
    with desk.store.leases.group.transaction():
        desk.answer(first, "ann")
        with pytest.raises(LeaseRefused):
            desk.answer(second, "bob")
        with pytest.raises(OverflowError):
            desk.answer(second, "ann", client_id="tab", client_sequence=2**70)
        desk.answer(second, "ann", 2)
    assert desk.labels() == [("ann", 0, 0), ("ann", 1, 2)]
    with pytest.raises(RuntimeError), desk.store.leases.group.transaction():
        desk.undo(first, "ann")
        raise RuntimeError
    assert len(desk.labels()) == 2 and desk.store.problems() == []


def test_progress_counts_what_counts(desk: Desk) -> None:
    *_, last = leases = desk.claim("ann", 3)
    for lease in leases:
        desk.answer(lease, "ann", at=1)
    desk.undo(last, "ann", at=2)
    own, rule = desk.store.leases.own, desk.rules.places
    assert own.tally("ann", rule, since=after(0), at=after(3)).answered == 2
    assert own.tally("ann", rule, since=after(1.5), at=after(3)).since == 0
    assert own.tally("ann", rule, since=after(0), at=after(3)).left == 4
    assert own.tally("bob", rule, since=after(0), at=after(3)).left == 3
    assert own.tally("bob", rule, since=after(0), at=after(60)).left == 4
    assert own.tally("bob", rule, since=after(0), at=after(3)).upto == 4


def test_what_is_left_of_a_long_queue_leaves_out_what_is_ones_own(tmp_path: Path) -> None:
    with new_store(tmp_path / "long.labelkit.db", items=2_100) as store:
        desk = Desk(store, rules(2))
        for lease in desk.claim("ann", 5):
            desk.answer(lease, "ann")
        own = store.leases.own
        assert own.tally("ann", desk.rules.places, since=after(0), at=after(2)).left == 2_095
        assert own.tally("bob", desk.rules.places, since=after(0), at=after(2)).left == 2_100


def test_looking_back_goes_page_by_page(desk: Desk) -> None:
    for minute, lease in enumerate(desk.claim("ann", 5)):
        desk.answer(lease, "ann", minute % 3, at=minute)
    desk.answer(desk.claim("bob")[0], "bob")
    own = desk.store.leases.own
    first = own.page("ann", before=None, limit=3)
    rest = own.page("ann", before=(first[-1].at, first[-1].annotation), limit=3)
    assert [one.item for one in first + rest] == [4, 3, 2, 1, 0]
    assert own.page("nobody", before=None, limit=3) == []


def test_the_log_commits_to_what_was_answered(desk: Desk) -> None:
    leases = desk.claim("ann", 3)
    desk.store.leases.answer_all(
        [LeaseAnswer(one.item, one.token, "ann", one.content_hash, label=1, comment="c") for one in leases],
        desk.rules,
        at=after(1),
    )
    ((payload,),) = desk.store.database.rows(
        "select payload from events join event_payloads on event = id where kind = 'annotations.added'"
    )
    assert {**json.loads(payload), "digest": ""} == {"count": 3, "first": 1, "last": 3, "digest": ""}
    assert desk.store.problems() == []
    with desk.store.database.transaction() as connection:
        connection.execute("drop trigger annotations_append_only")
        connection.execute("update annotations set label = 2 where id = 2")
        connection.execute(
            "create trigger annotations_append_only before update on annotations\n"
            "    begin select raise(abort, 'annotations are append-only'); end"
        )
    assert desk.store.problems() == ["the answers 1 to 3 are not those which event 4 committed to"]


def test_what_was_shown_is_noted_by_the_server(desk: Desk) -> None:
    (lease,) = desk.claim("ann")
    desk.answer(lease, "ann", 0, shown={"hints": "before", "keywords": True})
    desk.answer(lease, "ann", 1)
    noted = [json.loads(row[0]) for row in desk.store.database.rows("select shown from annotations order by id")]
    assert noted == [{"hints": "hidden", "keywords": True}, {"hints": "after"}]
