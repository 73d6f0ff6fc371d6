"""Who has taken the places of items: answers that count and live leases."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from labelkit.store.lease_records import Places
from labelkit.store.people import COUNTS

LIVE = "ended_at is null"
"""Of a lease, after :func:`end_expired` in the same transaction."""

MEASURES = "a.role != 'gold' and not a.simulated"
"""Of the annotation ``a``: a person's answer to the queue; gold questions and simulations take no place."""


@dataclass(slots=True)
class Occupancy:
    """One item: the labels of the people who answered its present content (None: a skip), and who has a lease."""

    answers: dict[int, int | None] = field(default_factory=dict)
    leased: set[int] = field(default_factory=set)
    decided: bool = False

    def closed(self, rule: Places) -> bool:
        """Whether nobody has to be asked, whatever becomes of the leases."""
        return self.decided or len(self.answers) >= rule.places(list(self.answers.values()))

    def open_for(self, person: int, rule: Places) -> bool:
        """Whether there is a place for this person."""
        taken = self.answers.keys() | self.leased
        return not self.decided and person not in taken and len(taken) < rule.places(list(self.answers.values()))


def end_expired(connection: sqlite3.Connection, present: str) -> None:
    """Leases whose time is over end at that time."""
    connection.execute("update leases set ended_at = expires_at where ended_at is null and expires_at <= ?", (present,))


def occupancy(connection: sqlite3.Connection, items: Sequence[int], present: str = "") -> dict[int, Occupancy]:
    """The state of some items (at most 900), in the order given.

    Where nothing may be written, ``present`` leaves out leases whose time is over; else call :func:`end_expired`
    before.
    """
    found = {item: Occupancy() for item in items}
    marks = ",".join("?" * len(items))
    for item, who, label in connection.execute(
        "select a.item, a.annotator, a.label from annotations a join items i on i.item = a.item"
        f" where a.item in ({marks}) and a.content_hash = i.content_hash and {MEASURES} and {COUNTS} order by a.id",
        items,
    ):
        found[item].answers[who] = label
    for item, who in connection.execute(
        f"select item, annotator from leases where item in ({marks}) and {LIVE} and purpose != 'gold'"
        " and expires_at > ?",
        [*items, present],
    ):
        found[item].leased.add(who)
    for (item,) in connection.execute(f"select item from standing_adjudications where item in ({marks})", items):
        found[item].decided = True
    return found
