"""Taking one answer to a lease, inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from labelkit.errors import AnnotationError, LeaseRefused, SequenceUsed
from labelkit.store.codec import to_json
from labelkit.store.giving import role_of
from labelkit.store.lease_records import LeaseAnswer, Places, Taken
from labelkit.store.occupancy import end_expired, occupancy
from labelkit.store.people import CURRENT, WITHDRAWN
from labelkit.store.tie_breaks import note_disagreement


class _Grant(NamedTuple):
    """The lease that a token stands for."""

    item: int
    person: int
    claimed_at: str
    expires_at: str
    ended_at: str | None
    purpose: str
    role: str
    hints_before: int
    client: str | None


class _Present(NamedTuple):
    """The row that says what a person answered last to a content."""

    id: int
    at: str
    token: str | None
    kind: str
    label: int | None
    skip_reason: str | None
    comment: str | None

    @property
    def counts(self) -> bool:
        return self.skip_reason != WITHDRAWN


def take(connection: sqlite3.Connection, answer: LeaseAnswer, rule: Places, *, present: str, until: str) -> Taken:
    """Check and store one answer, or take one back; errors as in :meth:`Leases.answer`.

    ``until`` is when a lease ends that a withdrawal makes live again.
    """
    lease = _genuine(connection, answer)
    _check_content(connection, answer.item, answer.content_hash)
    before = _before(connection, answer, lease)
    if _is_repeat(connection, answer, lease, before):
        return Taken("repeated")
    outdated = _came_too_late(connection, answer, lease, before, present)
    if answer.withdraw:
        return _withdraw(connection, answer, lease, before, rule, outdated=outdated, present=present, until=until)
    live = lease.ended_at is None and lease.expires_at > present
    counted = before is not None and before.counts
    late = outdated or not (live or counted)
    row = _insert(connection, answer, lease, before, outdated=outdated, late=late, at=present)
    if answer.label is not None and lease.role != "gold":
        note_disagreement(connection, answer.item)
    if not outdated:
        connection.execute(
            "update leases set ended_at = ? where token = ? and ended_at is null", (present, answer.token)
        )
    return Taken("late" if late else "stored", row, 0 if outdated or counted else 1)


def _withdraw(
    connection: sqlite3.Connection,
    answer: LeaseAnswer,
    lease: _Grant,
    before: _Present | None,
    rule: Places,
    *,
    outdated: bool,
    present: str,
    until: str,
) -> Taken:
    own = before is not None and before.counts and before.token == answer.token and not outdated
    if not own and answer.client_sequence is None:
        raise AnnotationError("there is no answer to undo: it was undone already, or replaced by a newer one")
    # Without an answer, the row keeps one that was sent before and comes after from counting.
    row = _insert(connection, answer, lease, before, outdated=outdated or not own, late=False, at=present)
    live = not outdated and _revive(connection, answer, lease, rule, present, until)
    return Taken("stored", row, -1 if own else 0, live)


def _revive(
    connection: sqlite3.Connection, answer: LeaseAnswer, lease: _Grant, rule: Places, present: str, until: str
) -> bool:
    """Make the lease live again where a place is open; returns whether it is live."""
    end_expired(connection, present)
    (ended_at,) = connection.execute("select ended_at from leases where token = ?", (answer.token,)).fetchone()
    if ended_at is None:
        return True
    has_place = lease.purpose == "gold" or occupancy(connection, [lease.item])[lease.item].open_for(lease.person, rule)
    if has_place:
        connection.execute("update leases set ended_at = null, expires_at = ? where token = ?", (until, answer.token))
    return has_place


def _genuine(connection: sqlite3.Connection, answer: LeaseAnswer) -> _Grant:
    row = connection.execute(
        "select item, l.annotator, claimed_at, expires_at, ended_at, purpose, l.role, hints_before, client"
        " from leases l join annotators p on p.id = l.annotator where token = ? and p.name = ?",
        (answer.token, answer.annotator),
    ).fetchone()
    if row is None:
        raise LeaseRefused(
            f"this item was not leased to {answer.annotator!r}, so the answer was not stored",
            hint="Reload the page to get an item of your own",
        )
    if row[0] != answer.item:
        raise LeaseRefused(f"this lease is for item number {row[0]}, not for {answer.item}")
    return _Grant(*row)


def _check_content(connection: sqlite3.Connection, item: int, content_hash: bytes) -> None:
    known = connection.execute(
        "select 1 from items where item = ?1 and content_hash = ?2"
        " union all select 1 from item_versions where item = ?1 and content_hash = ?2",
        (item, content_hash),
    ).fetchone()
    if known is None:
        raise AnnotationError(f"the content that was answered is none that item number {item} ever had")


def _before(connection: sqlite3.Connection, answer: LeaseAnswer, lease: _Grant) -> _Present | None:
    """What this person answered last to this content; gold questions and the queue are apart."""
    row = connection.execute(
        "select id, answered_at, lease_token, kind, label, skip_reason, comment from annotations a"
        f" where item = ? and annotator = ? and content_hash = ? and (role = 'gold') = ? and {CURRENT}"
        " order by id desc limit 1",
        (answer.item, lease.person, answer.content_hash, lease.role == "gold"),
    ).fetchone()
    return None if row is None else _Present(*row)


def _is_repeat(connection: sqlite3.Connection, answer: LeaseAnswer, lease: _Grant, before: _Present | None) -> bool:
    if answer.client_id is None:  # without a number: the same answer again
        same = before is not None and before.token == answer.token and not answer.withdraw
        return same and before is not None and before[3:] == (
            answer.kind, answer.label, answer.skip_reason, answer.comment
        )  # fmt: skip
    row = connection.execute(
        "select lease_token, kind, label, coalesce(skip_reason, '') = ? from annotations"
        " where client_id = ? and client_sequence = ? and annotator = ?",
        (WITHDRAWN, answer.client_id, answer.client_sequence, lease.person),
    ).fetchone()
    if row is None:
        return False
    if row != (answer.token, answer.kind, answer.label, int(answer.withdraw)):
        # Calling it a repeat would lose an answer.
        raise SequenceUsed(
            f"this page has used the sequence number {answer.client_sequence} for another answer already",
            hint="Send it under a new client id",
        )
    return True


def _came_too_late(
    connection: sqlite3.Connection, answer: LeaseAnswer, lease: _Grant, before: _Present | None, present: str
) -> bool:
    """Whether this person's answer to the item is a newer one already."""
    if answer.client_sequence is not None:
        newer = connection.execute(
            "select 1 from annotations where item = ? and lease_token = ? and client_id = ? and client_sequence > ?",
            (answer.item, answer.token, answer.client_id, answer.client_sequence),
        ).fetchone()
        if newer is not None:
            return True
    ended = lease.ended_at is not None or lease.expires_at <= present
    return (
        ended and before is not None and before.counts and before.token != answer.token and before.at > lease.claimed_at
    )


def _insert(
    connection: sqlite3.Connection,
    answer: LeaseAnswer,
    lease: _Grant,
    before: _Present | None,
    *,
    outdated: bool,
    late: bool,
    at: str,
) -> int:
    role = lease.role if lease.role == "gold" else role_of(connection, answer.item, lease.role)
    hints = "before" if lease.hints_before else "hidden" if before is None else "after"
    shown = None if answer.withdraw else to_json({**(answer.shown or {}), "hints": hints})
    cursor = connection.execute(
        "insert into annotations (item, content_hash, annotator, kind, label, skip_reason, comment, seconds, shown,"
        " role, lease_token, client_id, client_sequence, supersedes, outdated, late, answered_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (answer.item, answer.content_hash, lease.person, answer.kind, answer.label,
         WITHDRAWN if answer.withdraw else answer.skip_reason, answer.comment, answer.seconds, shown, role,
         answer.token, answer.client_id, answer.client_sequence,
         None if outdated or before is None else before.id, outdated, late, at),
    )  # fmt: skip
    assert cursor.lastrowid is not None
    return cursor.lastrowid
