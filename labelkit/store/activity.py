"""What has happened lately, asked often and answered cheaply: for the trainer, which looks every second."""

from __future__ import annotations

from datetime import datetime

from labelkit.store.database import Database, stamp


class Activity:
    """How far answers, decisions, items and runs have come."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gold = (0, 0)
        """The last answer that was looked at, and how many up to it are answers to gold questions."""

    def answers(self) -> int:
        """A number that grows by one with every answer (labels, skips, flags, withdrawals) and every decision.

        Answers to gold questions are left out: they decide nothing.
        """
        seen, gold = self._gold
        last, more, decisions = self._database.one(
            "select coalesce(max(id), ?1), coalesce(sum(role = 'gold'), 0),"
            " (select coalesce(max(id), 0) from adjudications) from annotations where id > ?1",
            (seen,),
        )
        self._gold = (int(last), gold + int(more))
        return int(last) - self._gold[1] + int(decisions)

    def upstream(self) -> tuple[object, ...]:
        """Another value when items came or changed, somebody voted, or the classes are others."""
        changes, votes = self._database.one(
            "select (select coalesce(max(cast(value as integer)), 0) from project where key = 'items_changes'),"
            " (select coalesce(max(id), 0) from runs where step = 'vote' and status = 'done')"
        )
        classes = self._database.rows("select id, name, position, merged_into from label_classes order by id")
        return (changes, votes, *(tuple(row) for row in classes))

    def people_since(self, at: datetime) -> int:
        """How many people have been given items since a time."""
        row = self._database.one("select count(distinct annotator) from leases where claimed_at >= ?", (stamp(at),))
        return int(row[0])
