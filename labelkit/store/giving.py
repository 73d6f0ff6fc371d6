"""Which items somebody gets: ties to break, then the queue from the front, with gold questions among them.

A claim must not look again at what is done. Ranks whose item needs nobody any more are marked ``closed``, and an
index holds the others only; a trigger takes the mark away when anything happens that may open a place (another
answer, one taken back, a decision, another content), a new rule takes away all of them. So a claim reads the open
ranks from the front, whichever process marked or reopened them. It looks at a bounded number of them in one
transaction and says where to go on.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from typing import Any, Final

from labelkit.errors import StepMissing
from labelkit.store.codec import from_json, to_json
from labelkit.store.lease_records import Lease, LeaseRules, Purpose
from labelkit.store.occupancy import LIVE, MEASURES, occupancy
from labelkit.store.people import COUNTS
from labelkit.store.tie_breaks import note_all, tie_breaks_for

MOST_HELD: Final = 200
"""Live leases of one person, over all pages: nobody can hoard the queue."""
_WALK: Final = 1000
"""Open ranks that one transaction looks at."""
_CHECK: Final = 200
"""Of these, how many may have to be looked at one by one."""
_RULES: Final = "queue.rules"


def give(
    connection: sqlite3.Connection,
    person: int,
    name: str,
    rules: LeaseRules,
    *,
    n: int,
    total: int,
    client: str | None,
    start: int,
    present: str,
    until: str,
) -> int | None:
    """Lease up to ``n`` new items; returns the rank to go on from where the look through the queue was cut short.

    ``total`` is how many leases the person has already. Raises StepMissing if there is no queue.
    """
    run = connection.execute("select max(id) from runs where step = 'rank' and status = 'done'").fetchone()[0]
    if run is None:
        raise StepMissing("there is no queue to answer yet", hint="Run `labelkit run`")
    wanted = min(n, MOST_HELD - total)
    if wanted <= 0:
        return None
    _follow_rules(connection, run, rules)
    tied = [(item, "overlap") for item in tie_breaks_for(connection, person, rules.places, wanted)]
    ranked, closed, further = _open_ranks(connection, run, person, rules, wanted, start)
    known = {item for item, _ in tied}
    found = tied + [one for one in ranked if one[0] not in known]
    connection.executemany("update queue set closed = 1 where run = ? and rank = ?", [(run, rank) for rank in closed])
    asked = first = connection.execute("select asked from annotators where id = ?", (person,)).fetchone()[0]
    for item, queued_as in found:
        for gold in _gold(connection, person, name, rules, asked, first + wanted - asked):
            insert_lease(connection, gold, person, client, present, until, purpose="gold", role="gold", place=asked)
            asked += 1
        if asked == first + wanted:
            break
        role = role_of(connection, item, queued_as)
        before = role == "active" and _shows_hints_before(connection, person, name, rules, item)
        insert_lease(connection, item, person, client, present, until, role=role, place=asked, hints_before=before)
        asked += 1
    connection.execute("update annotators set asked = ? where id = ?", (asked, person))
    return further if asked < first + wanted else None


def insert_lease(
    connection: sqlite3.Connection,
    item: int,
    person: int,
    client: str | None,
    present: str,
    until: str,
    *,
    purpose: Purpose = "queue",
    role: str,
    place: int = 0,
    hints_before: bool = False,
) -> str:
    """A new lease; returns its token."""
    token = secrets.token_urlsafe(16)
    connection.execute(
        "insert into leases"
        " (token, item, annotator, claimed_at, expires_at, client, purpose, role, place, hints_before)"
        " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (token, item, person, present, until, client, purpose, role, place, hints_before),
    )
    return token


def lease_of(connection: sqlite3.Connection, token: str) -> Lease:
    """A lease with its item as it is now."""
    row = connection.execute(
        "select l.item, l.expires_at, i.id, i.text, i.fields, i.content_hash, l.hints_before"
        " from leases l join items i on i.item = l.item where token = ?",
        (token,),
    ).fetchone()
    return Lease(row[0], token, row[1], row[2], row[3], from_json(row[4]), row[5], bool(row[6]))


def role_of(connection: sqlite3.Connection, item: int, otherwise: str) -> str:
    """What an answer is for: drawn at random once and for good, else as the item was queued."""
    row = connection.execute("select role from item_roles where item = ?", (item,)).fetchone()
    return otherwise if row is None else str(row[0])


def end_decided(connection: sqlite3.Connection, person: int, present: str) -> None:
    """End a person's leases on items that somebody has decided meanwhile."""
    connection.execute(
        f"update leases set ended_at = ? where annotator = ? and {LIVE} and purpose = 'queue'"
        " and exists (select 1 from standing_adjudications d where d.item = leases.item)",
        (present, person),
    )


def _follow_rules(connection: sqlite3.Connection, run: int, rules: LeaseRules) -> None:
    """Under another rule of places, every rank may be open again."""
    identity = to_json(rules.places.identity)
    row = connection.execute("select value from project where key = ?", (_RULES,)).fetchone()
    if row is None or row[0] != identity:
        connection.execute("update queue set closed = 0 where run = ? and closed = 1", (run,))
        note_all(connection)
        connection.execute("insert or replace into project (key, value) values (?, ?)", (_RULES, identity))


def _open_ranks(
    connection: sqlite3.Connection, run: int, person: int, rules: LeaseRules, wanted: int, start: int
) -> tuple[list[tuple[int, str]], list[int], int | None]:
    """((item, role) to give, ranks to close, rank to go on from)."""
    row = connection.execute(
        "select rank from queue where run = ? and closed = 0 and rank >= ? order by rank limit 1 offset ?",
        (run, start, _WALK),
    ).fetchone()
    end = None if row is None else int(row[0])
    found: list[tuple[int, str]] = []
    closed: list[int] = []
    checked = 0
    for some in _candidates(connection, run, person, rules, start, end, size=2 * wanted + 4):
        state = occupancy(connection, [item for _, item, _ in some])
        for rank, item, role in some:
            if state[item].closed(rules.places):
                closed.append(rank)
            elif state[item].open_for(person, rules.places):
                found.append((item, role))
                if len(found) == wanted:
                    return found, closed, None
        checked += len(some)
        if checked >= _CHECK:
            return found, closed, some[-1][0] + 1
    return found, closed, end


def _candidates(
    connection: sqlite3.Connection, run: int, person: int, rules: LeaseRules, start: int, end: int | None, size: int
) -> Iterator[list[tuple[int, int, str]]]:
    """(rank, item, role) in order, some at a time: not full by leases before any answer, not this person's own."""
    cursor = connection.execute(
        "select rank, item, role from queue q where run = :run and closed = 0 and rank >= :start and rank < :end"
        f" and ((select count(*) from leases l where l.item = q.item and l.{LIVE}) < :least"
        " or exists (select 1 from annotations a where a.item = q.item))"
        f" and not exists (select 1 from leases l where l.item = q.item and l.annotator = :person and l.{LIVE})"
        " and not exists (select 1 from annotations a join items i on i.item = a.item where a.item = q.item"
        f" and a.annotator = :person and a.content_hash = i.content_hash and {MEASURES} and {COUNTS})"
        " order by rank",
        {"run": run, "start": start, "end": end if end is not None else 1 << 62, "person": person,
         "least": rules.places.places([])},
    )  # fmt: skip
    while some := cursor.fetchmany(size):
        yield some


def _shows_hints_before(connection: sqlite3.Connection, person: int, name: str, rules: LeaseRules, item: int) -> bool:
    """Whether hints on an item are shown before the answer: if the draw says so, and nobody's answer stands on it.

    A model that has learned somebody's answer guesses it: agreeing with that guess says nothing about having seen it.
    Who was shown the hints by an earlier lease has seen them, whoever answered since.
    """
    if rules.drawn is None or not rules.drawn.hints_before(name, item):
        return False
    (hidden,) = connection.execute(
        "select exists (select 1 from annotations a join items i on i.item = a.item where a.item = :item"
        f" and a.content_hash = i.content_hash and a.role != 'gold' and {COUNTS})"
        " and not exists (select 1 from leases where item = :item and annotator = :person and hints_before)",
        {"item": item, "person": person},
    ).fetchone()
    return not hidden


def _gold(
    connection: sqlite3.Connection, person: int, name: str, rules: LeaseRules, place: int, most: int
) -> Iterator[int]:
    """Gold questions that come at this place and the next ones; each person gets each at most once."""
    for at in range(place, place + most):
        if rules.drawn is None or not rules.drawn.gold_here(name, at):
            return
        new = next((item for item in rules.drawn.gold_order(name, at) if _is_new(connection, person, item)), None)
        if new is None:
            return
        yield new


def _is_new(connection: sqlite3.Connection, person: int, item: int) -> bool:
    parameters: dict[str, Any] = {"person": person, "item": item}
    return (
        connection.execute(
            "select 1 from leases where annotator = :person and item = :item and purpose = 'gold' union all"
            " select 1 from annotations where item = :item and annotator = :person"
            " union all select 1 where not exists (select 1 from items where item = :item)",
            parameters,
        ).fetchone()
        is None
    )
