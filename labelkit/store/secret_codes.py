"""One-time codes in the side file: invitations, and what hands a provider's sign-in over to a session."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from labelkit.store.database import stamp
from labelkit.store.secret_rows import SecretRows


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


class Codes(SecretRows[StoredCode]):
    """Reads and changes codes; one part of :class:`labelkit.store.secrets.Secrets`."""

    table, record, ended = "codes", StoredCode, "used_at"

    def add(self, code: StoredCode) -> None:
        """Keep a new code; earlier ones of the same purpose for the same name end."""
        with self._transaction() as connection:
            connection.execute(
                "update codes set used_at = ? where purpose = ? and name = ? and used_at is null",
                (code.created_at, code.purpose, code.name),
            )
            self._insert(connection, code, at=datetime.fromisoformat(code.created_at))

    def get(self, digest: str, purpose: str, *, at: datetime) -> StoredCode | None:
        """The code with this digest, if it can be used for the purpose."""
        return next(iter(self._rows("digest = ? and purpose = ?", (digest, purpose), at=at)), None)

    def live(self, purpose: str, *, at: datetime) -> list[StoredCode]:
        """All codes of a purpose that can be used, the newest first."""
        return self._rows("purpose = ?", (purpose,), at=at)

    def use(self, digest: str, *, at: datetime) -> bool:
        """Use a code up; True for exactly one caller."""
        return self._end("digest = ?", (digest,), at=at) > 0

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
