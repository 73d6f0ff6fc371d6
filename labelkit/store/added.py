"""The event of new answers: it commits to every word of them, with one digest for a row of answers."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Any, Final

from labelkit.store.codec import from_json, to_json
from labelkit.store.database import Database
from labelkit.store.events import append

KIND: Final = "annotations.added"
_SHOWN: Final = 20
_TOP: Final = 2**63 - 1
_ROWS: Final = (
    "select a.id, a.item, hex(a.content_hash), p.name, a.kind, a.label, a.value, a.skip_reason, a.comment, a.seconds,"
    " a.shown, a.role, a.lease_token, a.client_id, a.client_sequence, a.supersedes, a.outdated, a.simulated, a.late,"
    " a.answered_at from annotations a join annotators p on p.id = a.annotator"
)


def added(connection: sqlite3.Connection, first: int, last: int, *, actor: str) -> None:
    """Append the event of the answers with the numbers ``first`` … ``last``, inside the caller's transaction."""
    rows = connection.execute(f"{_ROWS} where a.id between ? and ? order by a.id", (first, last)).fetchall()
    payload = {"count": len(rows), "first": first, "last": last, "digest": _digest(rows)}
    append(connection, KIND, payload, actor=actor)


def _digest(rows: Iterable[tuple[Any, ...]]) -> str:
    """SHA-256 over the answers as JSON lines."""
    state = hashlib.sha256()
    for row in rows:
        state.update(to_json(list(row)).encode())
        state.update(b"\n")
    return state.hexdigest()


def problems(database: Database) -> list[str]:
    """Answers that are not those which the event log committed to, or that it knows nothing of; the first ones."""
    found: list[str] = []
    following: int | None = None  # the first number that no event has named yet
    for event, payload in database.stream(
        "select id, payload from events join event_payloads on event = id where kind = ? order by id", (KIND,)
    ):
        noted = from_json(payload)
        if "digest" not in noted:  # events of earlier versions have a count only
            continue
        first, last = noted["first"], noted["last"]
        rows = database.rows(f"{_ROWS} where a.id between ? and ? order by a.id", (first, last))
        if _digest(rows) != noted["digest"]:
            found.append(f"the answers {first} to {last} are not those which event {event} committed to")
        found += _unknown(database, following, first - 1)
        following = last + 1
        if len(found) >= _SHOWN:
            return [*found[:_SHOWN], "… and further answers that do not fit the event log"]
    return found + _unknown(database, following, None)


def _unknown(database: Database, first: int | None, last: int | None) -> list[str]:
    if first is None:
        return []
    bounds = (first, _TOP if last is None else last)
    row = database.one("select count(*) from annotations where id between ? and ?", bounds)
    return [f"{row[0]} answers from number {first} on are in no event"] if row[0] else []
