"""What the pages of leads and data scientists read: what has changed, answers by day, one item's history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from labelkit.store.codec import from_json
from labelkit.store.database import Database
from labelkit.store.people import COUNTS, WITHDRAWN
from labelkit.types import Annotation

_CHUNK: Final = 500
_COUNTED: Final = f"a.content_hash = i.content_hash and a.role != 'gold' and {COUNTS}"
"""Of the annotation ``a`` of the item ``i``: it counts, and is about what the item holds now."""
_GIVEN: Final = f"supersedes is null and not outdated and not simulated and coalesce(skip_reason, '') != '{WITHDRAWN}'"
"""A person's first answer to an item: revisions are no further work done."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a project has come; equal marks mean that nothing has changed that a page shows.

    ``annotations`` and ``adjudications`` are the highest numbers given, ``items`` counts changes of items, ``runs``
    are the newest finished run and their number.
    """

    annotations: int
    adjudications: int
    items: int
    runs: tuple[int, int]


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """Of one item: whether an answer that counts is a flag, or a skip; the number of its newest answer."""

    item: int
    flagged: bool
    skipped: bool
    newest: int


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to an item: ``kind`` says what, ``facts`` holds its columns by name."""

    at: str
    kind: str
    facts: dict[str, Any]


class Browsing:
    """Reads across the tables; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ------------------------------------------------------------------ has anything changed

    def mark(self) -> Mark:
        """How far the project has come; takes a fraction of a millisecond."""
        row = self._database.one(
            "select (select coalesce(max(id), 0) from annotations), (select coalesce(max(id), 0) from adjudications),"
            " (select coalesce(max(cast(value as integer)), 0) from project where key = 'items_changes'),"
            " (select coalesce(max(id), 0) from runs where status = 'done'),"
            " (select count(*) from runs where status = 'done')"
        )
        return Mark(int(row[0]), int(row[1]), int(row[2]), (int(row[3]), int(row[4])))

    def newest_event(self) -> tuple[int, str]:
        """Number and hash of the newest event: they stand for everything that has happened so far."""
        row = self._database.one("select id, hash from events order by id desc limit 1")
        return (0, "") if row is None else (int(row[0]), str(row[1]))

    def has_event(self, event: tuple[int, str]) -> bool:
        """Whether this event is in the file: False where a backup, or another project, was put in its place."""
        return event[0] == 0 or bool(self._database.one("select 1 from events where id = ? and hash = ?", event))

    def touched(self, since: Mark) -> list[int]:
        """Items that somebody answered or decided (or took something back from) after a mark, in order."""
        rows = self._database.rows(
            "select item from annotations where id > ? union select item from adjudications where id > ? order by item",
            (since.annotations, since.adjudications),
        )
        return [row[0] for row in rows]

    def answers_of(self, items: Sequence[int]) -> list[Annotation]:
        """The answers that count of some items, as :meth:`People.annotations` gives those of all."""
        found = []
        for part in _chunks(items):
            rows = self._database.rows(
                "select a.item, p.name, a.label, a.answered_at, a.role, a.skip_reason, a.comment, a.seconds,"
                " a.simulated from annotations a join annotators p on p.id = a.annotator"
                f" join items i on i.item = a.item where a.item in ({_marks(part)}) and {_COUNTED}"
                " order by a.item, a.id",
                part,
            )
            found += [
                Annotation(item, name, label, at, role, skip, comment, seconds, bool(simulated))
                for item, name, label, at, role, skip, comment, seconds, simulated in rows
            ]
        return found

    def answer_facts(self, items: Sequence[int] | None = None) -> list[AnswerFacts]:
        """Flags, skips and newest answers of some items, or of all that have answers."""
        sql = (
            "select a.item, max(a.kind = 'flag'), max(a.kind = 'skip'), max(a.id) from annotations a"
            f" join items i on i.item = a.item where {{}}{_COUNTED} group by a.item"
        )
        if items is None:
            rows = self._database.rows(sql.format(""))
        else:
            rows = [
                row
                for part in _chunks(items)
                for row in self._database.rows(sql.format(f"a.item in ({_marks(part)}) and "), part)
            ]
        return [AnswerFacts(row[0], bool(row[1]), bool(row[2]), row[3]) for row in rows]

    # ------------------------------------------------------------------ pace

    def given(self, since: int, until: int) -> list[tuple[str, str, str, int]]:
        """First answers of people after one annotation number, up to another: (time, name, role, how many).

        The time is cut to ten minutes (15 characters), so that days of any time zone can be told apart.
        """
        return self._database.rows(
            "select substr(a.answered_at, 1, 15), p.name, a.role, count(*) from annotations a"
            f" join annotators p on p.id = a.annotator where a.id > ? and a.id <= ? and {_GIVEN} group by 1, 2, 3",
            (since, until),
        )

    def seconds(self, most: int) -> list[float]:
        """How long the latest answers took, in seconds, the newest first; those that say nothing are left out."""
        rows = self._database.rows(
            f"select seconds from annotations where seconds is not null and {_GIVEN} order by id desc limit ?", (most,)
        )
        return [float(row[0]) for row in rows]

    def working(self, present: str) -> list[str]:
        """Names of the people who hold items at this moment."""
        rows = self._database.rows(
            "select distinct p.name from leases l join annotators p on p.id = l.annotator"
            " where l.ended_at is null and l.expires_at > ? order by p.name",
            (present,),
        )
        return [row[0] for row in rows]

    # ------------------------------------------------------------------ runs

    def metrics(self, step: str, after: int = 0) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """(number, time, metrics) of the finished runs of a step after a number, the oldest first."""
        for run, at, metrics in self._database.stream(
            "select id, started_at, metrics from runs where step = ? and status = 'done' and id > ? order by id",
            (step, after),
        ):
            yield run, at, from_json(metrics)

    # ------------------------------------------------------------------ finding items

    def matching(self, query: str) -> list[int]:
        """Numbers of all items that match an FTS5 query; the index has to be there."""
        return [row[0] for row in self._database.rows("select rowid from items_fts where items_fts match ?", (query,))]

    def with_id(self, start: str, most: int) -> list[int]:
        """Numbers of items whose id begins so."""
        rows = self._database.rows(
            "select item from items where id >= ?1 and id < ?1 || ?2 order by id limit ?3", (start, "\U0010ffff", most)
        )
        return [row[0] for row in rows]

    def beginnings(self, items: Sequence[int], characters: int) -> dict[int, tuple[str, str]]:
        """Item number → its id and the first characters of its text."""
        found: dict[int, tuple[str, str]] = {}
        for part in _chunks(items):
            for item, name, text in self._database.rows(
                f"select item, id, substr(text, 1, {int(characters)}) from items where item in ({_marks(part)})", part
            ):
                found[item] = (name, text)
        return found

    # ------------------------------------------------------------------ one item

    def history(self, item: int) -> list[Happening]:
        """Everything that happened to an item, in order of time; class ids are as they were stored."""
        found: list[Happening] = []
        for kind, at, sql in _HISTORY:
            cursor = self._database.connection.execute(sql, (item,))
            names = [column[0] for column in cursor.description]
            for row in cursor:
                facts = dict(zip(names, row, strict=True))
                found.append(Happening(facts.pop(at), kind, facts))
        return sorted(found, key=lambda one: one.at)


_HISTORY: Final = (
    ("imported", "added_at", "select added_at, split, source as run from items where item = ?"),
    (
        "content replaced",
        "replaced_at",
        "select replaced_at, substr(text, 1, 2000) as text, source as run from item_versions where item = ?",
    ),
    ("gold label", "added_at", "select added_at, label, source as run from gold_labels where item = ?"),
    (
        "drawn",
        "drawn_at",
        "select drawn_at, role, inclusion_probability, run from item_roles where item = ?",
    ),
    (
        "queued",
        "started_at",
        "select r.started_at, q.rank, q.role, q.strategy, q.reason, q.run from queue q join runs r on r.id = q.run"
        " and r.status = 'done' where q.item = ?",
    ),
    (
        "given out",
        "claimed_at",
        "select l.claimed_at, p.name as person, l.expires_at, l.ended_at, l.purpose, l.hints_before"
        " from leases l join annotators p on p.id = l.annotator where l.item = ?",
    ),
    (
        "answer",
        "answered_at",
        "select a.answered_at, a.id, p.name as person, a.kind, a.label, a.skip_reason, a.comment, a.seconds, a.role,"
        " a.late, a.simulated, a.outdated, a.content_hash = i.content_hash as current,"
        " (select max(b.id) from annotations b where b.supersedes = a.id) as replaced_by"
        " from annotations a join annotators p on p.id = a.annotator join items i on i.item = a.item where a.item = ?",
    ),
    (
        "decision",
        "decided_at",
        "select d.decided_at, d.id, p.name as person, d.label, d.comment, d.withdraws,"
        " exists (select 1 from standing_adjudications s where s.id = d.id) as stands"
        " from adjudications d join annotators p on p.id = d.annotator where d.item = ?",
    ),
)
"""What happened, the column with its time, and the rows of one item."""


def _chunks(items: Iterable[int]) -> Iterator[list[int]]:
    numbers = [int(item) for item in items]
    for first in range(0, len(numbers), _CHUNK):
        yield numbers[first : first + _CHUNK]


def _marks(items: Sequence[int]) -> str:
    return ",".join("?" * len(items))
