"""Decisions in the project file: append-only, idempotent, refused where the reviewer saw something else."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

import pytest
from lease_helpers import Desk, queue, rules
from store_helpers import batch, import_items

from labelkit.errors import AnnotationError, DecisionRefused
from labelkit.store import NewAnnotation, NewDecision, Store, Withdrawal
from labelkit.store.events import verify

AT = datetime(2026, 3, 1, 10, tzinfo=UTC)


def answer(store: Store, item: int, who: str, label: int | None, **more: object) -> None:
    skip = "unclear" if label is None else None
    store.people.append([NewAnnotation(item, who, label, skip_reason=skip, **more)])  # type: ignore[arg-type]


def seen(store: Store, item: int) -> tuple[tuple[int, ...], int | None]:
    given = store.reviewable.answers([item]).get(item, [])
    standing = store.adjudications.standing([item]).get(item)
    return tuple(one.id for one in given), None if standing is None else standing.id


def new(store: Store, item: int, label: int, **more: object) -> NewDecision:
    (content,) = store.reviewable.contents([item])
    answers, standing = seen(store, item)
    return NewDecision(item, content.content_hash, answers, standing, label, "rev", **more)  # type: ignore[arg-type]


def decide(store: Store, item: int, label: int, **more: object) -> int:
    status, number = store.adjudications.decide(new(store, item, label, **more), at=AT)
    assert status == "stored"
    return number


@pytest.fixture
def disputed(store: Store) -> Store:
    """Item 0: two people disagree."""
    import_items(store, batch(["a", "b", "c"]))
    answer(store, 0, "ann", 0, comment="clear to me")
    answer(store, 0, "bob", 1)
    return store


def rows(store: Store) -> int:
    return int(store.database.one("select count(*) from adjudications")[0])


class TestDeciding:
    def test_a_decision_stands_and_the_answers_stay(self, disputed: Store) -> None:
        before = disputed.people.history(0)
        decide(disputed, 0, 1, comment="second reading")
        assert disputed.people.adjudications() == {0: 1}
        assert disputed.people.history(0) == before
        (decision,) = disputed.adjudications.history(0)
        assert (decision.reviewer, decision.comment, decision.answers) == ("rev", "second reading", (1, 2))
        assert decision.at == "2026-03-01T10:00:00.000Z" and not decision.answered

    def test_a_repeat_is_no_news(self, disputed: Store) -> None:
        one = new(disputed, 0, 1, client_id="page", client_sequence=1)
        assert disputed.adjudications.decide(one, at=AT) == ("stored", 1)
        assert disputed.adjudications.decide(one, at=AT) == ("repeated", 1)
        assert rows(disputed) == 1

    def test_another_decision_under_the_same_number_is_refused(self, disputed: Store) -> None:
        decide(disputed, 0, 1, client_id="page", client_sequence=1)
        with pytest.raises(AnnotationError, match="sequence number 1"):
            disputed.adjudications.decide(new(disputed, 0, 0, client_id="page", client_sequence=1), at=AT)

    def test_the_reviewers_own_answer_is_recorded(self, disputed: Store) -> None:
        answer(disputed, 0, "rev", 1)
        decide(disputed, 0, 1)
        assert disputed.adjudications.history(0)[0].answered

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda s: answer(s, 0, "cy", 1), "changed the answers"),
            (lambda s: answer(s, 0, "ann", 1), "changed the answers"),
            (lambda s: import_items(s, batch(["a"], ["another text"])), "content has changed"),
            (lambda s: decide(s, 0, 0), "has been decided"),
        ],
    )
    def test_what_changed_since_is_told_and_nothing_is_stored(self, disputed: Store, change, words: str) -> None:  # type: ignore[no-untyped-def]
        stale = new(disputed, 0, 1)
        change(disputed)
        before = rows(disputed)
        with pytest.raises(DecisionRefused, match=words):
            disputed.adjudications.decide(stale, at=AT)
        assert rows(disputed) == before

    def test_an_answer_to_a_gold_question_changes_nothing(self, disputed: Store) -> None:
        one = new(disputed, 0, 1)
        answer(disputed, 0, "cy", 2, role="gold")
        assert disputed.adjudications.decide(one, at=AT)[0] == "stored"

    def test_no_row_can_be_changed(self, disputed: Store) -> None:
        decide(disputed, 0, 1)
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            disputed.database.connection.execute("update adjudications set label = 0")


class TestWithdrawing:
    def test_the_item_is_open_again_and_the_history_tells_all(self, disputed: Store) -> None:
        number = decide(disputed, 0, 1)
        assert disputed.adjudications.withdraw(Withdrawal("rev", number), at=AT) == ("stored", 0)
        assert disputed.people.adjudications() == {}
        assert [d.withdraws for d in disputed.adjudications.history(0)] == [None, number]

    def test_the_decision_before_stands_again(self, disputed: Store) -> None:
        decide(disputed, 0, 1)
        second = decide(disputed, 0, 2)
        assert disputed.people.adjudications() == {0: 2}
        disputed.adjudications.withdraw(Withdrawal("rev", second), at=AT)
        assert disputed.people.adjudications() == {0: 1}

    def test_by_the_number_that_the_page_gave_and_repeated(self, disputed: Store) -> None:
        decide(disputed, 0, 1, client_id="page", client_sequence=1)
        given = Withdrawal("rev", of_sequence=1, client_id="page", client_sequence=2)
        assert [disputed.adjudications.withdraw(given, at=AT)[0] for _ in range(2)] == ["stored", "repeated"]
        assert rows(disputed) == 2

    def test_only_what_stands_can_be_taken_back(self, disputed: Store) -> None:
        first = decide(disputed, 0, 1)
        decide(disputed, 0, 2)
        with pytest.raises(DecisionRefused, match="no longer stands"):
            disputed.adjudications.withdraw(Withdrawal("rev", first), at=AT)
        with pytest.raises(AnnotationError, match="no such decision"):
            disputed.adjudications.withdraw(Withdrawal("rev", 99), at=AT)

    def test_the_state_that_was_seen_is_the_state_after_an_undo(self, disputed: Store) -> None:
        before = seen(disputed, 0)
        number = decide(disputed, 0, 1)
        disputed.adjudications.withdraw(Withdrawal("rev", number), at=AT)
        assert seen(disputed, 0) == before
        decide(disputed, 0, 2)
        assert disputed.people.adjudications() == {0: 2}

    @pytest.mark.parametrize("tie_break", [0, 1])
    def test_a_tie_is_open_for_review_and_by_rule_for_a_further_person(self, disputed: Store, tie_break: int) -> None:
        desk = Desk(disputed, rules(2, tie_break=tie_break))
        queue(disputed, [1])  # the tie is not in the queue: only what was noted of it leads to it
        number = decide(disputed, 0, 1)
        assert desk.items("cid", 2) == [1]  # and the tie is forgotten
        disputed.adjudications.withdraw(Withdrawal("rev", number), at=AT)
        assert disputed.reviewable.contested() == {0} and disputed.people.adjudications() == {}
        assert desk.items("dan", 2, at=1) == ([0, 1] if tie_break else [1])
        assert desk.items("ann", 2, at=2) == []  # has answered it, and dan holds the other

    def test_while_the_decision_before_stands_nobody_is_asked(self, disputed: Store) -> None:
        desk = Desk(disputed, rules(2, tie_break=1))
        queue(disputed, [1])
        decide(disputed, 0, 1)
        disputed.adjudications.withdraw(Withdrawal("rev", decide(disputed, 0, 2)), at=AT)
        assert desk.items("cid", 2) == [1]


def test_decisions_on_an_earlier_content_do_not_count(disputed: Store) -> None:
    decide(disputed, 0, 1)
    import_items(disputed, batch(["a"], ["another text"]))
    assert disputed.people.adjudications() == {} and disputed.adjudications.decided() == []
    assert len(disputed.adjudications.history(0)) == 1


def test_the_event_log_commits_to_every_decision(disputed: Store) -> None:
    number = decide(disputed, 0, 1, comment="because")
    disputed.adjudications.withdraw(Withdrawal("boss", number), at=AT)
    events = disputed.database.rows("select kind, actor from events order by id desc limit 2")
    assert events == [("adjudications.withdrawn", "boss"), ("adjudications.added", "rev")]
    assert verify(disputed.database) == [] == disputed.problems()
    connection = disputed.database.connection
    connection.execute("drop trigger adjudications_append_only")
    connection.execute("update adjudications set label = 2 where id = ?", (number,))
    assert [p for p in disputed.adjudications.problems() if f"decision {number}" in p]


def test_the_lists_of_the_review(disputed: Store) -> None:
    answer(disputed, 1, "ann", 2)
    answer(disputed, 1, "bob", 2)
    disputed.database.connection.execute(
        "insert into annotations (item, content_hash, annotator, kind, comment, role, late, answered_at)"
        " select 2, content_hash, 1, 'flag', 'broken', 'active', 1, '2026-03-01' from items where item = 2"
    )
    reviewable = disputed.reviewable
    assert (reviewable.contested(), reviewable.flagged(), reviewable.late()) == ({0}, [2], [2])
    assert reviewable.contested([1]) == set() and reviewable.contested([0, 1]) == {0}
    decide(disputed, 2, 0)
    assert (reviewable.flagged(), reviewable.late(), disputed.adjudications.decided()) == ([], [], [2])
