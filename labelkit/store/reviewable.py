"""What reviewers look at: items whose answers differ, that were flagged, that were answered late; the answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from labelkit.store.codec import from_json
from labelkit.store.database import Database, stamp
from labelkit.store.people import COUNTS

GIVEN = f"a.content_hash = i.content_hash and not a.simulated and {COUNTS}"
"""Of the annotation ``a`` of the item ``i``: a person's present answer to what it holds now."""

COUNTED = f"a.role != 'gold' and {GIVEN}"
"""The same without answers to gold questions, which decide nothing."""

_CHUNK = 500


class GivenAnswer(NamedTuple):
    """One counting answer, as reviewers see it. ``label`` is a stable class id, None for a skip or a flag."""

    id: int
    item: int
    annotator: str
    kind: Literal["label", "skip", "flag"]
    label: int | None
    skip_reason: str | None
    comment: str | None
    seconds: float | None
    late: bool
    at: str


@dataclass(frozen=True, slots=True)
class Content:
    """What an item holds now."""

    item: int
    id: str
    text: str
    fields: dict[str, Any]
    content_hash: bytes


class LoggedAnswer(NamedTuple):
    """One present answer, gold questions included, for figures about people. ``leased``: given in the app."""

    item: int
    annotator: str
    kind: str
    label: int | None
    seconds: float | None
    role: str
    late: bool
    leased: bool
    at: str


class Reviewable:
    """Reads items and answers for review."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self) -> tuple[int, int, int]:
        """Grows with answers and decisions, and changes with items: (annotations, adjudications, changes of items)."""
        row = self._database.one(
            "select (select coalesce(max(id), 0) from annotations), (select coalesce(max(id), 0) from adjudications),"
            " (select coalesce(max(cast(value as integer)), 0) from project where key = 'items_changes')"
        )
        return (int(row[0]), int(row[1]), int(row[2]))

    def touched(self, since: int) -> list[int]:
        """Items that somebody answered, or took an answer back from, after the annotation number ``since``."""
        rows = self._database.rows("select distinct item from annotations where id > ?", (since,))
        return [row[0] for row in rows]

    def contested(self, among: Iterable[int] | None = None) -> set[int]:
        """Items whose counting answers hold different labels; of all items, or among some."""
        sql = (
            "select a.item from annotations a join items i on i.item = a.item"
            f" where a.label is not null {{}} and {COUNTED} group by a.item having count(distinct a.label) > 1"
        )
        if among is None:
            return {row[0] for row in self._database.rows(sql.format(""))}
        found: set[int] = set()
        for part in _chunks(among):
            limit = f"and a.item in ({','.join('?' * len(part))})"
            found |= {row[0] for row in self._database.rows(sql.format(limit), part)}
        return found

    def flagged(self) -> list[int]:
        """Items with a flag that counts and no decision."""
        return self._undecided("a.kind = 'flag'")

    def late(self) -> list[int]:
        """Items with a late answer that counts and no decision."""
        return self._undecided("a.late")

    def _undecided(self, which: str) -> list[int]:
        rows = self._database.rows(
            f"select distinct a.item from annotations a join items i on i.item = a.item where {which} and {COUNTED}"
            " and not exists (select 1 from standing_adjudications d where d.item = a.item) order by a.item"
        )
        return [row[0] for row in rows]

    def held(self, annotator: str, *, at: datetime) -> list[int]:
        """Items that a person has in hand to answer."""
        rows = self._database.rows(
            "select item from leases l join annotators p on p.id = l.annotator"
            " where p.name = ? and ended_at is null and expires_at > ?",
            (annotator, stamp(at)),
        )
        return [row[0] for row in rows]

    def contents(self, items: Iterable[int]) -> list[Content]:
        """What some items hold, in the order given."""
        found: dict[int, Content] = {}
        wanted = [int(item) for item in items]
        for part in _chunks(wanted):
            for row in self._database.rows(
                f"select item, id, text, fields, content_hash from items where item in ({','.join('?' * len(part))})",
                part,
            ):
                found[row[0]] = Content(row[0], row[1], row[2], from_json(row[3]), row[4])
        return [found[item] for item in wanted]

    def answers(self, items: Iterable[int]) -> dict[int, list[GivenAnswer]]:
        """The counting answers to some items, each item's in order of arrival."""
        found: dict[int, list[GivenAnswer]] = {}
        for part in _chunks(items):
            for row in self._database.rows(
                "select a.id, a.item, p.name, a.kind, a.label, a.skip_reason, a.comment, a.seconds, a.late,"
                " a.answered_at from annotations a join annotators p on p.id = a.annotator"
                f" join items i on i.item = a.item where a.item in ({','.join('?' * len(part))}) and {COUNTED}"
                " order by a.id",
                part,
            ):
                found.setdefault(row[1], []).append(GivenAnswer._make(row))
        return found

    def log(self, among: Iterable[int] | None = None) -> list[LoggedAnswer]:
        """Everybody's present answers, by item and in order of arrival; simulated ones are nobody's.

        Of all items, or of some.
        """
        sql = (
            "select a.item, p.name, a.kind, a.label, a.seconds, a.role, a.late, a.lease_token is not null,"
            " a.answered_at from annotations a join annotators p on p.id = a.annotator"
            f" join items i on i.item = a.item where {{}} {GIVEN} order by a.item, a.id"
        )
        if among is None:
            return list(map(LoggedAnswer._make, self._database.rows(sql.format(""))))
        found: list[LoggedAnswer] = []
        for part in _chunks(sorted(among)):
            limit = f"a.item in ({','.join('?' * len(part))}) and"
            found += map(LoggedAnswer._make, self._database.rows(sql.format(limit), part))
        return found


def answer_ids(connection: sqlite3.Connection, item: int) -> tuple[int, ...]:
    """Numbers of the counting answers to one item, in order, inside the caller's transaction."""
    rows = connection.execute(
        f"select a.id from annotations a join items i on i.item = a.item where a.item = ? and {COUNTED} order by a.id",
        (item,),
    )
    return tuple(row[0] for row in rows)


def _chunks(items: Iterable[int]) -> Iterator[list[int]]:
    numbers = [int(item) for item in items]
    for start in range(0, len(numbers), _CHUNK):
        yield numbers[start : start + _CHUNK]
