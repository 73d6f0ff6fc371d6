"""Leases and the answers to them: who may answer what, decided in short transactions.

The rules, which hold however many processes ask at once:

* answers that count plus live leases on an item are never more than its places, and all of different people;
* a lease is used once: the first answer with its token counts, a second one is no news;
* an answer with a genuine token whose time is over is kept and marked ``late``;
* an answer with a token that was not given out for this item to this person is refused.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from labelkit.errors import AnnotationError
from labelkit.store.codec import from_json, to_json
from labelkit.store.database import Database, stamp
from labelkit.store.events import append
from labelkit.store.people import COUNTS, CURRENT, WITHDRAWN, People
from labelkit.types import Role

_CHUNK = 500

AnswerStatus = Literal["stored", "late", "repeated"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one item, with the content that was there when it was given out."""

    item: int
    token: str
    expires_at: str
    item_id: str
    text: str
    fields: dict[str, Any]
    content_hash: bytes


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """An answer to a lease, as a client sends it. ``label`` is a stable class id, None for a skip or a flag."""

    item: int
    token: str
    annotator: str
    content_hash: bytes
    label: int | None = None
    skip_reason: str | None = None
    flag: bool = False
    comment: str | None = None
    seconds: float | None = None
    shown: dict[str, Any] | None = None
    client_id: str | None = None
    client_sequence: int | None = None


class Leases:
    """Gives out leases and takes the answers. Every method that writes is one ``BEGIN IMMEDIATE`` transaction."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def claim(
        self, annotator: str, items: Sequence[int], *, n: int, places: int, minutes: float, at: datetime
    ) -> list[Lease]:
        """Up to ``n`` items for one person: those that he or she holds already, renewed, then new ones.

        Parameters
        ----------
        items
            Item numbers in the order in which they should be asked.
        places
            How many different people an item wants answers from.
        at
            The present.
        """
        present, until = stamp(at), stamp(at + timedelta(minutes=minutes))
        with self._database.transaction() as connection:
            person = self._people.annotator(connection, annotator)
            _end_expired(connection, present)
            held = _held(connection, person, items)[:n]
            connection.executemany("update leases set expires_at = ? where token = ?", [(until, t) for t, _ in held])
            free = _free(connection, person, items, places)
            new = [(secrets.token_urlsafe(16), item) for item, _ in zip(free, range(n - len(held)), strict=False)]
            connection.executemany(
                "insert into leases (token, item, annotator, claimed_at, expires_at) values (?, ?, ?, ?, ?)",
                [(token, item, person, present, until) for token, item in new],
            )
            return [_lease(connection, token, item, until) for token, item in held + new]

    def answer(self, answer: LeaseAnswer, *, at: datetime) -> AnswerStatus:
        """Take an answer: ``stored``, ``late`` (stored after the lease's time) or ``repeated`` (no news).

        Raises
        ------
        AnnotationError
            If the token was not given out for this item to this person, or the content that was
            answered is none that the item ever had.
        """
        present = stamp(at)
        with self._database.transaction() as connection:
            lease = _genuine(connection, answer.token, answer.annotator)
            if lease.item != answer.item:
                raise AnnotationError(f"this lease is for item number {lease.item}, not for {answer.item}")
            if _is_repeat(connection, answer):
                return "repeated"
            _check_content(connection, answer.item, answer.content_hash)
            late = lease.ended_at is not None or lease.expires_at <= present
            _store(connection, answer, lease, late=late, at=present)
            connection.execute(
                "update leases set ended_at = ? where token = ? and ended_at is null", (present, answer.token)
            )
            append(connection, "annotations.added", {"count": 1, "late": late}, actor=answer.annotator)
        return "late" if late else "stored"

    def withdraw(self, annotator: str, token: str, *, places: int, minutes: float, at: datetime) -> Lease | None:
        """Take back the answer given with ``token`` and lease its item to the same person again.

        The answer stays in the history. Returns None where others have filled the item's places since.

        Raises
        ------
        AnnotationError
            If there is no such answer of this person, or a newer one has replaced it.
        """
        present, until = stamp(at), stamp(at + timedelta(minutes=minutes))
        with self._database.transaction() as connection:
            item = _genuine(connection, token, annotator).item
            answered = connection.execute(
                f"select a.id from annotations a where a.item = ? and a.lease_token = ? and {COUNTS}", (item, token)
            ).fetchone()
            if answered is None:
                raise AnnotationError("there is no answer to undo: it was undone already, or replaced by a newer one")
            connection.execute(
                "insert into annotations"
                " (item, content_hash, annotator, kind, skip_reason, role, supersedes, answered_at)"
                " select item, content_hash, annotator, 'skip', ?, role, id, ? from annotations where id = ?",
                (WITHDRAWN, present, answered[0]),
            )
            append(connection, "annotations.withdrawn", {"count": 1}, actor=annotator)
            _end_expired(connection, present)
            person = self._people.annotator(connection, annotator)
            held = connection.execute(
                "select token from leases where item = ? and annotator = ? and ended_at is null", (item, person)
            ).fetchone()
            if held is None and not list(_free(connection, person, [item], places)):
                return None
            new = held[0] if held else secrets.token_urlsafe(16)
            connection.execute(
                "insert into leases (token, item, annotator, claimed_at, expires_at) values (?1, ?2, ?3, ?4, ?5)"
                " on conflict (token) do update set expires_at = ?5",
                (new, item, person, present, until),
            )
            return _lease(connection, new, item, until)

    def release(self, annotator: str, tokens: Iterable[str] | None = None, *, at: datetime) -> int:
        """Give leases back (by default all of this person's); returns how many were live."""
        present = stamp(at)
        with self._database.transaction() as connection:
            _end_expired(connection, present)
            rows = connection.execute(
                "select token from leases join annotators p on p.id = annotator where p.name = ? and ended_at is null",
                (annotator,),
            ).fetchall()
            wanted = None if tokens is None else set(tokens)
            ended = [(present, row[0]) for row in rows if wanted is None or row[0] in wanted]
            connection.executemany("update leases set ended_at = ? where token = ?", ended)
        return len(ended)

    def open_items(self, annotator: str, items: Sequence[int], *, places: int, at: datetime) -> int:
        """How many of the items this person could be asked now, those that he or she holds included."""
        connection, present = self._database.connection, stamp(at)
        row = self._database.one("select id from annotators where name = ?", (annotator,))
        person = -1 if row is None else int(row[0])
        held = connection.execute(
            "select count(*) from leases where annotator = ? and ended_at is null and expires_at > ?", (person, present)
        ).fetchone()[0]
        return int(held) + sum(1 for _ in _free(connection, person, items, places, present))

    def answered(self, annotator: str, *, since: datetime | None = None) -> int:
        """How many answers of this person count (labels, skips and flags), from a time on."""
        return int(
            self._database.one(
                "select count(*) from annotations a join annotators p on p.id = a.annotator"
                f" where p.name = ? and a.answered_at >= ? and {COUNTS}",
                (annotator, "" if since is None else stamp(since)),
            )[0]
        )


def _end_expired(connection: sqlite3.Connection, present: str) -> None:
    connection.execute("update leases set ended_at = expires_at where ended_at is null and expires_at <= ?", (present,))


def _held(connection: sqlite3.Connection, person: int, items: Sequence[int]) -> list[tuple[str, int]]:
    """(token, item) of the person's live leases in the order of the queue: a reloaded page gets its items back."""
    rows: list[tuple[str, int]] = connection.execute(
        "select token, item from leases l where annotator = ? and ended_at is null"
        " and not exists (select 1 from adjudications d join items i on i.item = d.item"
        " where d.item = l.item and d.content_hash = i.content_hash) order by claimed_at, item",
        (person,),
    ).fetchall()
    if len(rows) < 2:
        return rows
    places = {item: place for place, item in enumerate(items)}
    return sorted(rows, key=lambda row: places.get(row[1], -1))


def _free(
    connection: sqlite3.Connection, person: int, items: Sequence[int], places: int, present: str = ""
) -> Iterator[int]:
    """The items, in their order, that have a place open for this person.

    A place is taken by everybody who answered the present content and everybody with a live lease.
    """
    for start in range(0, len(items), _CHUNK):
        some = [int(item) for item in items[start : start + _CHUNK]]
        marks = ",".join("?" * len(some))
        taken: dict[int, set[int]] = {item: set() for item in some}
        for item, who in connection.execute(
            "select a.item, a.annotator from annotations a join items i on i.item = a.item"
            f" where a.item in ({marks}) and a.content_hash = i.content_hash and {COUNTS}"
            f" union select item, annotator from leases where item in ({marks})"
            " and ended_at is null and expires_at > ?",
            (*some, *some, present),
        ):
            taken[item].add(who)
        decided = {
            row[0]
            for row in connection.execute(
                "select d.item from adjudications d join items i on i.item = d.item"
                f" where d.item in ({marks}) and d.content_hash = i.content_hash",
                some,
            )
        }
        for item in some:
            if item not in decided and person not in taken[item] and len(taken[item]) < places:
                yield item


def _lease(connection: sqlite3.Connection, token: str, item: int, until: str) -> Lease:
    row = connection.execute("select id, text, fields, content_hash from items where item = ?", (item,)).fetchone()
    return Lease(item, token, until, row[0], row[1], from_json(row[2]), row[3])


class _Grant(NamedTuple):
    item: int
    person: int
    claimed_at: str
    expires_at: str
    ended_at: str | None


def _genuine(connection: sqlite3.Connection, token: str, annotator: str) -> _Grant:
    row = connection.execute(
        "select item, l.annotator, claimed_at, expires_at, ended_at"
        " from leases l join annotators p on p.id = l.annotator where token = ? and p.name = ?",
        (token, annotator),
    ).fetchone()
    if row is None:
        raise AnnotationError(
            f"this item was not leased to {annotator!r}, so the answer was not stored",
            hint="Reload the page to get an item of your own",
        )
    return _Grant(*row)


def _store(connection: sqlite3.Connection, answer: LeaseAnswer, lease: _Grant, *, late: bool, at: str) -> None:
    """Insert the answer. It replaces what this person answered before, unless it is late and older than that."""
    present = connection.execute(
        "select id, answered_at from annotations a where item = ? and annotator = ? and content_hash = ?"
        f" and {CURRENT} order by id desc limit 1",
        (answer.item, lease.person, answer.content_hash),
    ).fetchone()
    outdated = late and present is not None and present[1] > lease.claimed_at
    kind = "label" if answer.label is not None else "flag" if answer.flag else "skip"
    connection.execute(
        "insert into annotations (item, content_hash, annotator, kind, label, skip_reason, comment, seconds, shown,"
        " role, lease_token, client_id, client_sequence, supersedes, outdated, late, answered_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (answer.item, answer.content_hash, lease.person, kind, answer.label, answer.skip_reason, answer.comment,
         answer.seconds, None if answer.shown is None else to_json(answer.shown), _role(connection, answer.item),
         answer.token, answer.client_id, answer.client_sequence,
         None if outdated or present is None else present[0], outdated, late, at),
    )  # fmt: skip


def _is_repeat(connection: sqlite3.Connection, answer: LeaseAnswer) -> bool:
    if answer.client_id is not None:
        row = connection.execute(
            "select lease_token from annotations where client_id = ? and client_sequence = ?",
            (answer.client_id, answer.client_sequence),
        ).fetchone()
        if row is not None:
            if row[0] != answer.token:  # calling it a repeat would lose an answer
                raise AnnotationError(
                    f"client {answer.client_id} has used the sequence number {answer.client_sequence}"
                    " for another answer already"
                )
            return True
    used = connection.execute(
        "select 1 from annotations where item = ? and lease_token = ?", (answer.item, answer.token)
    ).fetchone()
    return used is not None


def _check_content(connection: sqlite3.Connection, item: int, content_hash: bytes) -> None:
    known = connection.execute(
        "select 1 from items where item = ?1 and content_hash = ?2"
        " union all select 1 from item_versions where item = ?1 and content_hash = ?2",
        (item, content_hash),
    ).fetchone()
    if known is None:
        raise AnnotationError(f"the content that was answered is none that item number {item} ever had")


def _role(connection: sqlite3.Connection, item: int) -> Role:
    """What the answer is for: drawn at random once and for good, else as it was queued last."""
    for sql in (
        "select role from item_roles where item = ?",
        "select role from queue where item = ? order by run desc limit 1",
    ):
        row = connection.execute(sql, (item,)).fetchone()
        if row is not None:
            role: Role = row[0]
            return role
    return "active"
