"""What one person answered so far, and how much is left for him or her."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from labelkit.store.database import Database, stamp
from labelkit.store.lease_records import OwnAnswer, Places
from labelkit.store.occupancy import LIVE, MEASURES, Occupancy, occupancy
from labelkit.store.people import COUNTS

_FEW: Final = 2_000
"""Up to so many open ranks, what is left is counted exactly."""
_CHUNK: Final = 500
_OWN: Final = (
    "select a.id, a.item, i.id, case when a.content_hash = i.content_hash then i.text else coalesce((select v.text from"
    " item_versions v where v.item = a.item and v.content_hash = a.content_hash limit 1), i.text) end, a.kind, a.label,"
    " a.skip_reason, a.comment, a.answered_at, a.lease_token, a.content_hash, a.role"
    f" from annotations a join items i on i.item = a.item where {COUNTS} and not a.simulated"
)


@dataclass(frozen=True, slots=True)
class Tally:
    """One person's counts. ``upto``: the newest answer of anybody that these figures know of."""

    answered: int
    since: int
    left: int
    upto: int


class OwnAnswers:
    """Reads a person's answers; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tally(self, annotator: str, rule: Places, *, since: datetime, at: datetime) -> Tally:
        """How far one person is: answers that count, those since a time, items of the queue that are left.

        Gold questions are counted like other answers: a count that stands still would give them away.
        """
        connection = self._database.connection
        connection.execute("begin")  # one view of all
        try:
            person = self._person(annotator)
            answered, lately = self._database.one(
                "select count(*), coalesce(sum(answered_at >= ?), 0) from annotations a"
                f" where annotator = ? and {COUNTS}",
                (stamp(since), person),
            )
            upto = self._database.one("select coalesce(max(id), 0) from annotations")[0]
            return Tally(answered, lately, self._left(person, rule, stamp(at)), upto)
        finally:
            connection.execute("rollback")

    def _person(self, annotator: str) -> int:
        row = self._database.one("select id from annotators where name = ?", (annotator,))
        return -1 if row is None else int(row[0])

    def _left(self, person: int, rule: Places, present: str) -> int:
        """Items of the queue that this person could still be asked, those that he or she holds included.

        Where thousands are open, items that others hold at the moment are counted, too.
        """
        run = self._database.one("select max(id) from runs where step = 'rank' and status = 'done'")[0]
        ranks = self._database.one("select count(*) from queue where run = ? and closed = 0", (run,))[0]
        if ranks > _FEW:
            own = self._database.one(
                "select count(*) from annotations a join items i on i.item = a.item where a.annotator = ?"
                f" and a.content_hash = i.content_hash and {MEASURES} and {COUNTS}"
                " and exists (select 1 from queue q where q.item = a.item and q.run = ? and q.closed = 0)",
                (person, run),
            )[0]
            return int(ranks - own)
        items = [row[0] for row in self._database.rows("select item from queue where run = ? and closed = 0", (run,))]
        held = {
            row[0]
            for row in self._database.rows(
                f"select item from leases where annotator = ? and {LIVE} and expires_at > ?", (person, present)
            )
        }
        return sum(item in held or state.open_for(person, rule) for item, state in self._states(items, present).items())

    def _states(self, items: list[int], present: str) -> dict[int, Occupancy]:
        found: dict[int, Occupancy] = {}
        for start in range(0, len(items), _CHUNK):
            found |= occupancy(self._database.connection, items[start : start + _CHUNK], present)
        return found

    def latest(self, person: int, item: int) -> tuple[OwnAnswer, str] | None:
        """A person's newest answer to an item that counts, with its role; None if there is none."""
        row = self._database.one(
            f"{_OWN} and a.annotator = ? and a.item = ? order by a.id desc limit 1", (person, item)
        )
        return None if row is None else (OwnAnswer(*row[:-1]), str(row[-1]))

    def page(self, annotator: str, *, before: tuple[str, int] | None, limit: int) -> list[OwnAnswer]:
        """A person's answers that count, the newest first; ``before`` is (time, number) of the last one seen."""
        parameters: list[Any] = [self._person(annotator)]
        older = ""
        if before is not None:
            older = " and (a.answered_at, a.id) < (?, ?)"
            parameters += before
        rows = self._database.rows(
            f"{_OWN} and a.annotator = ?{older} order by a.answered_at desc, a.id desc limit ?", [*parameters, limit]
        )
        return [OwnAnswer(*row[:-1]) for row in rows]
