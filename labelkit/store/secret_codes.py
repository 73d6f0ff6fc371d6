"""One-time codes in the side file: invitations, and what hands a provider's sign-in over to a session."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from labelkit.store.database import stamp

KEPT_AFTER_END: Final = timedelta(days=30)
"""Codes that are over are deleted after so long."""

_COLUMNS: Final = "digest, purpose, role, name, made_by, created_at, expires_at"
_LIVE: Final = "used_at is null and expires_at > ?"


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code that can still be used, without the code itself."""

    digest: str
    purpose: str
    role: str | None
    name: str | None
    made_by: str
    created_at: str
    expires_at: str


class Codes:
    """Reads and changes codes; one part of :class:`labelkit.store.secrets.Secrets`."""

    def __init__(
        self, connection: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    ) -> None:
        self._connection = connection
        self._transaction = transaction

    def add(self, code: StoredCode) -> None:
        """Keep a new code; earlier ones of the same purpose for the same name end."""
        with self._transaction() as connection:
            old = stamp(datetime.fromisoformat(code.created_at) - KEPT_AFTER_END)
            connection.execute("delete from codes where expires_at < ?1 or used_at < ?1", (old,))
            connection.execute(
                "update codes set used_at = ? where purpose = ? and name = ? and used_at is null",
                (code.created_at, code.purpose, code.name),
            )
            connection.execute(
                f"insert into codes ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",
                (code.digest, code.purpose, code.role, code.name, code.made_by, code.created_at, code.expires_at),
            )

    def get(self, digest: str, purpose: str, *, at: datetime) -> StoredCode | None:
        """The code with this digest, if it can be used for the purpose."""
        row = self._connection.execute(
            f"select {_COLUMNS} from codes where digest = ? and purpose = ? and {_LIVE}", (digest, purpose, stamp(at))
        ).fetchone()
        return None if row is None else StoredCode(*row)

    def live(self, purpose: str, *, at: datetime) -> list[StoredCode]:
        """All codes of a purpose that can be used, the newest first."""
        rows = self._connection.execute(
            f"select {_COLUMNS} from codes where purpose = ? and {_LIVE} order by created_at desc", (purpose, stamp(at))
        )
        return [StoredCode(*row) for row in rows]

    def use(self, digest: str, *, at: datetime) -> bool:
        """Use a code up; True for exactly one caller."""
        with self._transaction() as connection:
            return (
                connection.execute(
                    f"update codes set used_at = ? where digest = ? and {_LIVE}", (stamp(at), digest, stamp(at))
                ).rowcount
                > 0
            )

    def give_back(self, digest: str) -> None:
        """A code whose use came to nothing can be used again."""
        with self._transaction() as connection:
            connection.execute("update codes set used_at = null where digest = ?", (digest,))

    def end_all(self, name: str, *, at: datetime) -> None:
        """End all codes for one person, and those that he or she gave to others."""
        with self._transaction() as connection:
            connection.execute(
                "update codes set used_at = ?1 where used_at is null and (name = ?2 or made_by = ?2)", (stamp(at), name)
            )
