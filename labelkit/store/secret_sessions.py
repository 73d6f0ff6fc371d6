"""Sessions of browsers and tokens of scripts, in the side file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from labelkit.store.database import stamp

KEPT_AFTER_END: Final = timedelta(days=30)
"""Sessions that are over are deleted after so long."""

_COLUMNS: Final = "digest, name, kind, title, created_at, seen_at, expires_at"
_LIVE: Final = "revoked_at is null and (expires_at is null or expires_at > ?)"


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session or a script's token, without the token itself."""

    digest: str
    name: str
    kind: str
    title: str | None
    created_at: str
    seen_at: str
    expires_at: str | None


class StoredSessions:
    """Reads and changes sessions; one part of :class:`labelkit.store.secrets.Secrets`."""

    def __init__(
        self, connection: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    ) -> None:
        self._connection = connection
        self._transaction = transaction

    def add(
        self, digest: str, name: str, *, kind: str, title: str | None, at: datetime, expires: datetime | None, most: int
    ) -> None:
        """Begin a session; of more than ``most`` live ones of a person's, those used longest ago end."""
        with self._transaction() as connection:
            old = stamp(at - KEPT_AFTER_END)
            connection.execute("delete from sessions where revoked_at < ?1 or expires_at < ?1", (old,))
            connection.execute(
                "insert into sessions (digest, name, kind, title, created_at, seen_at, expires_at)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (digest, name, kind, title, stamp(at), stamp(at), None if expires is None else stamp(expires)),
            )
            connection.execute(
                "update sessions set revoked_at = ? where digest in (select digest from sessions"
                f" where name = ? and kind = ? and {_LIVE} order by seen_at desc, digest = ? desc limit -1 offset ?)",
                (stamp(at), name, kind, stamp(at), digest, most),
            )

    def get(self, digest: str, *, at: datetime) -> StoredSession | None:
        """The session with this digest, if it is neither over nor revoked."""
        row = self._connection.execute(
            f"select {_COLUMNS} from sessions where digest = ? and {_LIVE}", (digest, stamp(at))
        ).fetchone()
        return None if row is None else StoredSession(*row)

    def of(self, name: str, *, at: datetime) -> list[StoredSession]:
        """A person's sessions and tokens that are neither over nor revoked, the newest first."""
        rows = self._connection.execute(
            f"select {_COLUMNS} from sessions where name = ? and {_LIVE} order by created_at desc", (name, stamp(at))
        )
        return [StoredSession(*row) for row in rows]

    def seen(self, digest: str, *, at: datetime, expires: datetime | None) -> None:
        """Note that a session is used, and put off its end; a revoked one stays revoked."""
        with self._transaction() as connection:
            connection.execute(
                "update sessions set seen_at = ?, expires_at = ? where digest = ? and revoked_at is null",
                (stamp(at), None if expires is None else stamp(expires), digest),
            )

    def revoke(self, digest: str, *, at: datetime) -> bool:
        """End one session; returns whether it was live."""
        with self._transaction() as connection:
            changed = connection.execute(
                f"update sessions set revoked_at = ? where digest = ? and {_LIVE}", (stamp(at), digest, stamp(at))
            )
            return changed.rowcount > 0

    def revoke_all(self, name: str, *, at: datetime, kinds: tuple[str, ...], but: str = "") -> int:
        """End a person's sessions of some kinds, but one; returns how many were live."""
        places = ", ".join("?" * len(kinds))
        with self._transaction() as connection:
            return connection.execute(
                f"update sessions set revoked_at = ? where name = ? and digest <> ? and kind in ({places}) and {_LIVE}",
                (stamp(at), name, but, *kinds, stamp(at)),
            ).rowcount
