"""Writing answers that people gave elsewhere: one import, in transactions short enough that others do not wait."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from labelkit.store.database import Database
from labelkit.store.people import CURRENT, NewAnnotation, People
from labelkit.store.presence import Pace

_MOST_ROWS: Final = 5_000
"""Of one transaction while nobody is served: so progress is seen to be made."""

_Said = tuple[int | None, str | None, str | None]
"""Label, reason of a skip, comment."""


class Portion(NamedTuple):
    """What one transaction did: rows that were taken, and how many of them were new."""

    rows: int
    added: int


class AnnotationWriter:
    """Takes the answers of one import. It may end at any row: the same import, run again, goes on from there."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self._pace = Pace(database.path)
        self._before = int(database.one("select coalesce(max(id), 0) from annotations")[0])

    def write(self, answers: Sequence[NewAnnotation]) -> Iterator[Portion]:
        """Store answers in their order, as :meth:`People.append`; yields after each transaction.

        Raises
        ------
        AnnotationError
            If there is no such item. What was written before stays.
        """
        following = _following(answers)
        first = 0
        while first < len(answers):
            rows = min(self._pace.rows(len(answers) - first), _MOST_ROWS)
            with self._database.transaction() as connection:
                began = time.perf_counter()
                fresh = [
                    answers[row]
                    for row in range(first, first + rows)
                    if row not in following or not self._had(connection, answers[row], following[row])
                ]
                added = self._people.append_within(connection, fresh)
            self._pace.measured(rows, time.perf_counter() - began)
            first += rows
            yield Portion(rows, added)

    def _had(self, connection: sqlite3.Connection, new: NewAnnotation, following: Sequence[_Said]) -> bool:
        """Whether this person's present answer, from before this import, is one that follows in it.

        Then the import has been here before: a change of mind without times cannot be told from it otherwise, and
        would be stored over and over.
        """
        present = connection.execute(
            "select a.id, a.label, a.skip_reason, a.comment from annotations a"
            " join annotators p on p.id = a.annotator join items i on i.item = a.item"
            " where a.item = ? and p.name = ? and a.content_hash = i.content_hash and a.role != 'gold'"
            f" and {CURRENT} order by a.id desc limit 1",
            (new.item, new.annotator),
        ).fetchone()
        return present is not None and present[0] <= self._before and present[1:] in following


def _following(answers: Sequence[NewAnnotation]) -> dict[int, list[_Said]]:
    """Row → what the same person says of the same item in later rows; of rows without times, where there are any."""
    later: dict[tuple[int, str], list[_Said]] = {}
    found: dict[int, list[_Said]] = {}
    for row in range(len(answers) - 1, -1, -1):
        new = answers[row]
        if new.answered_at is not None or new.client_id is not None:
            continue
        said = later.setdefault((new.item, new.annotator), [])
        if said:
            found[row] = list(said)
        said.append((new.label, new.skip_reason, new.comment))
    return found
