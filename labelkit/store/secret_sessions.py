"""Sessions of browsers and tokens of scripts, in the side file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from labelkit.store.database import stamp
from labelkit.store.secret_rows import SecretRows


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


class StoredSessions(SecretRows[StoredSession]):
    """Reads and changes sessions; one part of :class:`labelkit.store.secrets.Secrets`."""

    table, record, ended = "sessions", StoredSession, "revoked_at"

    def add(
        self, digest: str, name: str, *, kind: str, title: str | None, at: datetime, expires: datetime | None, most: int
    ) -> None:
        """Begin a session; of more than ``most`` live ones of a person's, those used longest ago end."""
        end = None if expires is None else stamp(expires)
        with self._transaction() as connection:
            self._insert(connection, StoredSession(digest, name, kind, title, stamp(at), stamp(at), end), at=at)
            connection.execute(
                "update sessions set revoked_at = ? where digest in (select digest from sessions"
                f" where name = ? and kind = ? and {self._live} order by seen_at desc, digest = ? desc"
                " limit -1 offset ?)",
                (stamp(at), name, kind, stamp(at), digest, most),
            )

    def get(self, digest: str, *, at: datetime) -> StoredSession | None:
        """The session with this digest, if it is neither over nor revoked."""
        return next(iter(self._rows("digest = ?", (digest,), at=at)), None)

    def of(self, name: str, *, at: datetime) -> list[StoredSession]:
        """A person's sessions and tokens that are neither over nor revoked, the newest first."""
        return self._rows("name = ?", (name,), at=at)

    def seen(self, digest: str, *, at: datetime, expires: datetime | None) -> None:
        """Note that a session is used, and put off its end; a revoked one stays revoked."""
        with self._transaction() as connection:
            connection.execute(
                "update sessions set seen_at = ?, expires_at = ? where digest = ? and revoked_at is null",
                (stamp(at), None if expires is None else stamp(expires), digest),
            )

    def revoke(self, digest: str, *, at: datetime) -> bool:
        """End one session; returns whether it was live."""
        return self._end("digest = ?", (digest,), at=at) > 0

    def revoke_all(self, name: str, *, at: datetime, kinds: tuple[str, ...], but: str = "") -> int:
        """End a person's sessions of some kinds, but one; returns how many were live."""
        places = ", ".join("?" * len(kinds))
        return self._end(f"name = ? and digest <> ? and kind in ({places})", (name, but, *kinds), at=at)
