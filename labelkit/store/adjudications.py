"""Decisions of reviewers: append-only, in the event log, refused where the reviewer saw something else."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from labelkit.errors import AnnotationError, DecisionRefused
from labelkit.store.codec import from_json, to_json
from labelkit.store.database import Database, stamp
from labelkit.store.events import append
from labelkit.store.people import People
from labelkit.store.reviewable import answer_ids
from labelkit.store.tie_breaks import note_disagreement

ADDED: Final = "adjudications.added"
WITHDRAWN: Final = "adjudications.withdrawn"

_COLUMNS: Final = (
    "a.id, a.item, a.label, p.name, a.comment, a.annotations, a.decided_at, a.withdraws,"
    " exists (select 1 from annotations o where o.item = a.item and o.annotator = a.annotator"
    " and o.id in (select value from json_each(a.annotations)))"
)
_CHUNK: Final = 500


@dataclass(frozen=True, slots=True)
class NewDecision:
    """A reviewer's decision on its way into the store.

    ``answers`` and ``standing`` are what the reviewer saw: numbers of the counting answers, and of the decision
    that stood (None: none). ``label`` is a stable class id.
    """

    item: int
    content_hash: bytes
    answers: tuple[int, ...]
    standing: int | None
    label: int
    reviewer: str
    comment: str | None = None
    shown: dict[str, Any] | None = None
    client_id: str | None = None
    client_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Taking a decision back: by its number, or by the number that this client gave it."""

    reviewer: str
    decision: int | None = None
    of_sequence: int | None = None
    client_id: str | None = None
    client_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of the history. ``withdraws``: it takes back that decision. ``answered``: the reviewer's own answer was
    among those decided on."""

    id: int
    item: int
    label: int | None
    reviewer: str
    comment: str | None
    answers: tuple[int, ...]
    at: str
    withdraws: int | None
    answered: bool


class Adjudications:
    """Stores and reads decisions. What annotators answered is never touched."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people

    def decide(self, new: NewDecision, *, at: datetime) -> tuple[Literal["stored", "repeated"], int]:
        """Store a decision, unless this client sent it before; returns what happened and the decision's number.

        Raises
        ------
        DecisionRefused
            If content, answers or decision are no longer those that the reviewer saw. Nothing is stored.
        AnnotationError
            If there is no such item, or the client used the number for something else.
        """
        with self._database.transaction() as connection:
            known = _known(connection, new.client_id, new.client_sequence)
            if known is not None:
                if (known["item"], known["label"]) != (new.item, new.label) or known["withdraws"] is not None:
                    raise _used(new.client_sequence)
                return "repeated", int(known["id"])
            _check_seen(connection, new)
            number = self._insert(
                connection,
                {"item": new.item, "content_hash": new.content_hash, "label": new.label, "comment": new.comment,
                 "annotations": to_json(new.answers), "shown": None if new.shown is None else to_json(new.shown),
                 "client_id": new.client_id, "client_sequence": new.client_sequence, "withdraws": None},
                new.reviewer, at,
            )  # fmt: skip
        return "stored", number

    def withdraw(self, given: Withdrawal, *, at: datetime) -> tuple[Literal["stored", "repeated"], int]:
        """Take a decision back; the one before it, if any, stands again. Returns what happened and the item.

        Without one, the item is open again: annotators who disagree on it have a tie that a further person may break.

        Raises
        ------
        DecisionRefused
            If the decision no longer stands.
        AnnotationError
            If there is no such decision, or the client used the number for something else.
        """
        with self._database.transaction() as connection:
            known = _known(connection, given.client_id, given.client_sequence)
            if known is not None:
                if known["withdraws"] is None:
                    raise _used(given.client_sequence)
                return "repeated", int(known["item"])
            target = _target(connection, given)
            self._insert(
                connection,
                {"item": target["item"], "content_hash": target["content_hash"], "label": None, "comment": None,
                 "annotations": "[]", "shown": None, "client_id": given.client_id,
                 "client_sequence": given.client_sequence, "withdraws": target["id"]},
                given.reviewer, at,
            )  # fmt: skip
            note_disagreement(connection, target["item"])  # forgotten while the decision stood
        return "stored", int(target["item"])

    def _insert(self, connection: sqlite3.Connection, row: dict[str, Any], reviewer: str, at: datetime) -> int:
        values = {**row, "annotator": self._people.annotator(connection, reviewer), "decided_at": stamp(at)}
        cursor = connection.execute(
            f"insert into adjudications ({', '.join(values)}) values ({', '.join('?' * len(values))})",
            list(values.values()),
        )
        number = cursor.lastrowid
        assert number is not None
        payload = {"adjudication": number, "item": row["item"], "digest": _digest(connection, number)}
        append(connection, ADDED if row["withdraws"] is None else WITHDRAWN, payload, actor=reviewer)
        return number

    def standing(self, items: Iterable[int]) -> dict[int, Decision]:
        """The decision that stands on each of some items; those without one are left out."""
        numbers, found = [int(item) for item in items], {}
        for start in range(0, len(numbers), _CHUNK):
            part = numbers[start : start + _CHUNK]
            for row in self._database.rows(
                f"select {_COLUMNS} from standing_adjudications a join annotators p on p.id = a.annotator"
                f" where a.item in ({','.join('?' * len(part))})",
                part,
            ):
                found[int(row[1])] = _decision(row)
        return found

    def decided(self) -> list[int]:
        """Items with a standing decision, the newest decision first."""
        return [row[0] for row in self._database.rows("select item from standing_adjudications order by id desc")]

    def history(self, item: int) -> list[Decision]:
        """All decisions on one item and their withdrawals, those on an earlier content included, in order."""
        rows = self._database.rows(
            f"select {_COLUMNS} from adjudications a join annotators p on p.id = a.annotator"
            " where a.item = ? order by a.id",
            (item,),
        )
        return [_decision(row) for row in rows]

    def problems(self) -> list[str]:
        """Decisions that are not those of the event log, in words."""
        found = []
        for payload, at in self._database.rows(
            "select payload, at from events join event_payloads on event = id where kind in (?, ?)", (ADDED, WITHDRAWN)
        ):
            noted = from_json(payload)
            if _digest(self._database.connection, noted["adjudication"]) != noted["digest"]:
                found.append(f"decision {noted['adjudication']} ({at}) is not the one that the event log tells of")
        return found


def _decision(row: tuple[Any, ...]) -> Decision:
    answers = tuple(int(number) for number in from_json(row[5]))
    return Decision(row[0], row[1], row[2], row[3], row[4], answers, row[6], row[7], bool(row[8]))


def _known(connection: sqlite3.Connection, client: str | None, sequence: int | None) -> dict[str, Any] | None:
    """What this client sent under this number before."""
    if client is None:
        return None
    row = connection.execute(
        "select id, item, label, withdraws from adjudications where client_id = ? and client_sequence = ?",
        (client, sequence),
    ).fetchone()
    return None if row is None else dict(zip(("id", "item", "label", "withdraws"), row, strict=True))


def _used(sequence: int | None) -> AnnotationError:
    return AnnotationError(f"this page has used the sequence number {sequence} for another decision already")


def _check_seen(connection: sqlite3.Connection, new: NewDecision) -> None:
    item = connection.execute("select content_hash from items where item = ?", (new.item,)).fetchone()
    if item is None:
        raise AnnotationError(f"there is no item number {new.item}")
    if item[0] != new.content_hash:
        raise DecisionRefused("the item's content has changed since you saw it", hint="Decide on the new content")
    if answer_ids(connection, new.item) != new.answers:
        raise DecisionRefused("somebody has changed the answers since you saw them", hint="Decide on the new answers")
    standing = _standing(connection, new.item)
    if standing != new.standing:
        what = "its decision has been taken back" if standing is None else "it has been decided"
        raise DecisionRefused(f"{what} since you saw it", hint="Look at it again")


def _standing(connection: sqlite3.Connection, item: int) -> int | None:
    row = connection.execute("select id from standing_adjudications where item = ?", (item,)).fetchone()
    return None if row is None else int(row[0])


def _target(connection: sqlite3.Connection, given: Withdrawal) -> dict[str, Any]:
    """The decision to take back."""
    sql = "select id, item, content_hash from adjudications where withdraws is null and "
    if given.decision is not None:
        row = connection.execute(f"{sql} id = ?", (given.decision,)).fetchone()
    else:
        row = connection.execute(
            f"{sql} client_id = ? and client_sequence = ?", (given.client_id, given.of_sequence)
        ).fetchone()
    if row is None:
        raise AnnotationError("there is no such decision to take back")
    if _standing(connection, row[1]) != row[0]:
        raise DecisionRefused("this decision no longer stands: it was taken back or replaced, or the item changed")
    return dict(zip(("id", "item", "content_hash"), row, strict=True))


def _digest(connection: sqlite3.Connection, number: int) -> str:
    """SHA-256 over all that a decision says; what the event log commits to."""
    row = connection.execute(
        "select item, hex(content_hash), label, annotations, annotator, comment, shown, withdraws, decided_at"
        " from adjudications where id = ?",
        (number,),
    ).fetchone()
    return hashlib.sha256(to_json(row).encode()).hexdigest()
