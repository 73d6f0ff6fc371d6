"""Annotators and what they answered; roles of items; adjudications."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labelkit.errors import AnnotationError
from labelkit.store.added import added
from labelkit.store.codec import to_json
from labelkit.store.database import Database, now, stamp
from labelkit.types import Annotation, Role

WITHDRAWN = "withdrawn"
"""Skip reason of the row that takes an answer back: from then on the person has not answered."""

CURRENT = "not a.outdated and not exists (select 1 from annotations b where b.supersedes = a.id)"
"""Of the annotation ``a``: no other answer of the same person to the same content takes its place."""

COUNTS = f"{CURRENT} and coalesce(a.skip_reason, '') != '{WITHDRAWN}'"
"""Of the annotation ``a``: it is an answer, neither replaced nor taken back."""


@dataclass(frozen=True, slots=True)
class NewAnnotation:
    """An answer on its way into the store; ``label`` is a stable class id, None for a skip."""

    item: int
    annotator: str
    label: int | None
    role: Role = "active"
    skip_reason: str | None = None
    comment: str | None = None
    seconds: float | None = None
    answered_at: str | None = None
    simulated: bool = False
    lease_token: str | None = None
    client_id: str | None = None
    client_sequence: int | None = None
    shown: dict[str, Any] | None = None


class People:
    """Appends annotations (idempotent by client id and sequence) and reads them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def annotator(self, connection: sqlite3.Connection, name: str, role: str = "annotator") -> int:
        """The number of an annotator, made on first use, inside the caller's transaction."""
        row = connection.execute("select id from annotators where name = ?", (name,)).fetchone()
        if row is not None:
            return int(row[0])
        cursor = connection.execute(
            "insert into annotators (name, role, created_at) values (?, ?, ?)", (name, role, now())
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def append(self, annotations: Sequence[NewAnnotation], *, actor: str = "labelkit") -> int:
        """Store answers in one transaction; returns how many were new.

        A repeat is not stored again: the same client's answer of the same number; the same person's
        same answer to the item at the same time; without a time or a client, the answer that this
        person's present one is already. Another answer supersedes the earlier one, which stays; one
        from before the present one (an older file) is kept but does not count.

        Raises
        ------
        AnnotationError
            If there is no such item, or a time is no ISO 8601 time. Nothing is stored then.
        """
        with self._database.transaction() as connection:
            return self.append_within(connection, annotations, actor=actor)

    def append_within(
        self, connection: sqlite3.Connection, annotations: Sequence[NewAnnotation], *, actor: str = "labelkit"
    ) -> int:
        """As :meth:`append`, inside the caller's transaction."""
        from labelkit.store.tie_breaks import note_disagreement  # which builds on the words above

        rows = [self._append_one(connection, annotation) for annotation in annotations]
        stored = [row for row in rows if row is not None]
        if stored:
            added(connection, stored[0], stored[-1], actor=actor)
            for item in {new.item for new in annotations if new.label is not None and not new.simulated}:
                note_disagreement(connection, item)
        return len(stored)

    def _append_one(self, connection: sqlite3.Connection, new: NewAnnotation) -> int | None:
        """The number of the new row; None for a repeat."""
        if (
            new.client_id is not None
            and connection.execute(
                "select 1 from annotations where client_id = ? and client_sequence = ?",
                (new.client_id, new.client_sequence),
            ).fetchone()
        ):
            return None
        item = connection.execute("select content_hash from items where item = ?", (new.item,)).fetchone()
        if item is None:
            raise AnnotationError(f"there is no item number {new.item}")
        annotator = self.annotator(connection, new.annotator)
        at = now() if new.answered_at is None else _stamped(new.answered_at)
        present = connection.execute(
            "select id, answered_at, label, skip_reason, comment from annotations a where item = ? and annotator = ?"
            f" and content_hash = ? and a.role != 'gold' and {CURRENT} order by id desc limit 1",
            (new.item, annotator, item[0]),
        ).fetchone()
        if self._is_repeat(connection, new, annotator, at, present):
            return None
        outdated = present is not None and new.answered_at is not None and at < present[1]
        cursor = connection.execute(
            "insert into annotations (item, content_hash, annotator, kind, label, skip_reason, comment, seconds,"
            " shown, role, lease_token, client_id, client_sequence, supersedes, outdated, simulated, answered_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (new.item, item[0], annotator, "skip" if new.label is None else "label", new.label, new.skip_reason,
             new.comment, new.seconds, None if new.shown is None else to_json(new.shown), new.role, new.lease_token,
             new.client_id, new.client_sequence, None if outdated or present is None else present[0], outdated,
             new.simulated, at),
        )  # fmt: skip
        return cursor.lastrowid

    @staticmethod
    def _is_repeat(
        connection: sqlite3.Connection, new: NewAnnotation, annotator: int, at: str, present: tuple[Any, ...] | None
    ) -> bool:
        if new.answered_at is not None:
            return bool(
                connection.execute(
                    "select 1 from annotations where item = ? and annotator = ? and label is ? and skip_reason is ?"
                    " and answered_at = ?",
                    (new.item, annotator, new.label, new.skip_reason, at),
                ).fetchone()
            )
        return (
            new.client_id is None and present is not None and present[2:] == (new.label, new.skip_reason, new.comment)
        )

    def annotations(self) -> list[Annotation]:
        """Everybody's present answer to every item, by item, in order of arrival.

        Answers to an earlier content of an item are left out: they were about another text. So are answers to gold
        questions: they measure people and decide nothing (:meth:`gold_answers`).
        """
        return self._annotations("a.role != 'gold'")

    def gold_answers(self) -> list[Annotation]:
        """Everybody's present answer to every gold question, as :meth:`annotations`."""
        return self._annotations("a.role = 'gold'")

    def guessed(self) -> list[tuple[bool, int, int]]:
        """(shown before, guess, label) of every first answer to an actively chosen item with a guess; class ids.

        First answers that were taken back are left out: what was pressed by mistake is no opinion. So are answers to
        items that somebody else had answered when they were given out: hints are never shown before on these, and a
        model that has learned the other's answer guesses it.
        """
        rows = self._database.rows(
            "select json_extract(shown, '$.hints') = 'before', json_extract(shown, '$.guess'), label from annotations a"
            " where role = 'active' and kind = 'label' and supersedes is null and not outdated and not simulated"
            " and json_type(shown, '$.guess') = 'integer' and json_extract(shown, '$.hints') in ('before', 'hidden')"
            " and not exists (select 1 from annotations b where b.supersedes = a.id and b.skip_reason = ?)"
            " and not exists (select 1 from annotations o join leases l on l.token = a.lease_token"
            " where o.item = a.item and o.content_hash = a.content_hash and o.annotator != a.annotator"
            " and o.role != 'gold' and o.answered_at <= l.claimed_at)",
            (WITHDRAWN,),
        )
        return [(bool(before), guess, label) for before, guess, label in rows]

    def _annotations(self, which: str) -> list[Annotation]:
        rows = self._database.rows(
            "select a.item, p.name, a.label, a.answered_at, a.role, a.skip_reason, a.comment, a.seconds, a.simulated"
            " from annotations a join annotators p on p.id = a.annotator join items i on i.item = a.item"
            f" where a.content_hash = i.content_hash and {which} and {COUNTS} order by a.item, a.id"
        )
        return [
            Annotation(item, name, label, at, role, skip, comment, seconds, bool(simulated))
            for item, name, label, at, role, skip, comment, seconds, simulated in rows
        ]

    def history(self, item: int) -> list[dict[str, Any]]:
        """Every answer ever given to one item, superseded ones and earlier contents included."""
        rows = self._database.rows(
            "select a.id, p.name, a.kind, a.label, a.skip_reason, a.comment, a.role, a.simulated, a.answered_at,"
            f" not ({CURRENT}), a.content_hash = i.content_hash"
            " from annotations a join annotators p on p.id = a.annotator join items i on i.item = a.item"
            " where a.item = ? order by a.id",
            (item,),
        )
        names = ("id", "annotator", "kind", "label", "skip_reason", "comment", "role", "simulated", "at",
                 "superseded", "current_content")  # fmt: skip
        return [dict(zip(names, row, strict=True)) for row in rows]

    def counts(self) -> dict[str, int]:
        """Number of answers that nobody replaced or took back: labels, skips, simulated; and of annotators.

        Answers to gold questions are left out.
        """
        row = self._database.one(
            "select coalesce(sum(kind = 'label' and not simulated), 0), coalesce(sum(kind = 'skip'), 0),"
            f" coalesce(sum(simulated), 0), count(distinct annotator) from annotations a"
            f" where a.role != 'gold' and {COUNTS}"
        )
        return dict(zip(("labels", "skips", "simulated", "annotators"), row, strict=True))

    def adjudications(self) -> dict[int, int]:
        """Item → stable class id of the decision that stands; those of an earlier content do not count."""
        return dict(self._database.rows("select item, label from standing_adjudications where label is not null"))

    def roles(self) -> dict[int, str]:
        """Item → ``audit`` or ``tuning``, for every item ever drawn at random for one of them."""
        return dict(self._database.rows("select item, role from item_roles"))

    def draws(self, role: str) -> dict[int, tuple[float, int]]:
        """Item → (inclusion probability, rank run) of every item ever drawn for a role: when it was drawn, by whom."""
        rows = self._database.rows("select item, inclusion_probability, run from item_roles where role = ?", (role,))
        return {item: (probability, run) for item, probability, run in rows}

    def drawn_by(self, run: int) -> set[int]:
        """Items that a rank run drew at random."""
        return {row[0] for row in self._database.rows("select item from item_roles where run = ?", (run,))}


def _stamped(at: str) -> str:
    try:
        return stamp(datetime.fromisoformat(at))
    except (ValueError, OverflowError):
        raise AnnotationError(f"the time {at!r} is not an ISO 8601 time") from None
