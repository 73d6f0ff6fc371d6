"""The append-only log: who changed what and when, chained over salted commitments.

Each event's hash covers the one before, the time, the actor, the kind and a commitment (SHA-256 of
salt and payload). Payload and salt lie in a table of their own: forgetting them leaves the chain
verifiable, while the commitment cannot be guessed back (the idea of RFC 9162's hash chains and of
salted commitments).
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
from typing import Any

from labelkit.store.codec import to_json
from labelkit.store.database import Database, now

GENESIS = "0" * 64


def _hash(previous: str, at: str, actor: str, kind: str, commitment: str) -> str:
    return hashlib.sha256(to_json([previous, at, actor, kind, commitment]).encode()).hexdigest()


def _commitment(salt: str, payload: str) -> str:
    return hashlib.sha256(f"{salt}:{payload}".encode()).hexdigest()


def append(connection: sqlite3.Connection, kind: str, payload: dict[str, Any], *, actor: str = "labelkit") -> None:
    """Append one event inside the caller's transaction."""
    last = connection.execute("select hash from events order by id desc limit 1").fetchone()
    previous = last[0] if last else GENESIS
    at, salt, text = now(), secrets.token_hex(16), to_json(payload)
    commitment = _commitment(salt, text)
    cursor = connection.execute(
        "insert into events (at, actor, kind, commitment, previous, hash) values (?, ?, ?, ?, ?, ?)",
        (at, actor, kind, commitment, previous, _hash(previous, at, actor, kind, commitment)),
    )
    connection.execute("insert into event_payloads values (?, ?, ?)", (cursor.lastrowid, salt, text))


def verify(database: Database) -> list[str]:
    """What is wrong with the chain, the first broken link first; empty when it holds."""
    previous, newest = GENESIS, 0
    for number, at, actor, kind, commitment, link, digest, salt, payload in database.stream(
        "select id, at, actor, kind, commitment, previous, hash, salt, payload"
        " from events left join event_payloads on event = id order by id"
    ):
        if link != previous or digest != _hash(previous, at, actor, kind, commitment):
            return [f"the event log is broken at event {number} ({kind}, {at}): it was changed after it was written"]
        if payload is not None and _commitment(salt, payload) != commitment:
            return [f"the payload of event {number} ({kind}, {at}) is not the one that was committed to"]
        previous, newest = digest, number
    # SQLite keeps the highest number ever given: events cut off at the end show, too.
    given = database.one("select seq from sqlite_sequence where name = 'events'")
    if given is not None and given[0] != newest:
        return [f"the event log is cut short: {given[0]} events were written, and the last one kept is {newest}"]
    return []
