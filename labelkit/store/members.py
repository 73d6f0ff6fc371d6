"""Who works on a project: names, roles, whether they still do."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from labelkit.errors import AccessError
from labelkit.store.database import Database, now
from labelkit.store.events import append


@dataclass(frozen=True, slots=True)
class Member:
    """One person. ``active`` is False for somebody who may not sign in any more; his or her answers stay."""

    name: str
    role: str
    active: bool
    since: str


class Members:
    """Reads and changes people; every change is in the event log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Member]:
        """Everybody, by name."""
        rows = self._database.rows("select name, role, active, created_at from annotators order by name")
        return [Member(name, role, bool(active), since) for name, role, active, since in rows]

    def get(self, name: str) -> Member | None:
        """One person by name, or None."""
        row = self._database.one("select name, role, active, created_at from annotators where name = ?", (name,))
        return None if row is None else Member(row[0], row[1], bool(row[2]), row[3])

    def put(
        self,
        name: str,
        role: str,
        *,
        active: bool = True,
        actor: str,
        leads: Collection[str] | None = None,
        new: bool = False,
    ) -> Member:
        """Add a person, or change role and activity; one transaction with its event.

        Parameters
        ----------
        leads
            If given: names of whom one at least must be an active lead afterwards.
        new
            Only if there is nobody of this name.

        Raises
        ------
        AccessError
            If that does not hold; nothing has changed then, also where two do the same at the same moment.
        """
        with self._database.transaction() as connection:
            before = connection.execute("select role, active from annotators where name = ?", (name,)).fetchone()
            if new and before is not None:
                raise AccessError(f"there is somebody named {name!r} already", hint="Choose another name")
            connection.execute(
                "insert into annotators (name, role, active, created_at) values (?1, ?2, ?3, ?4)"
                " on conflict (name) do update set role = ?2, active = ?3",
                (name, role, active, now()),
            )
            if leads is not None:
                left = connection.execute("select name from annotators where role = 'lead' and active = 1")
                if not any(row[0] in leads for row in left):
                    raise AccessError(
                        f"{name!r} is the last lead who can sign in", hint="Make somebody else a lead first"
                    )
            if before is None or tuple(before) != (role, int(active)):
                append(connection, "people.changed", {"name": name, "role": role, "active": active}, actor=actor)
        member = self.get(name)
        assert member is not None
        return member

    def note(self, kind: str, payload: dict[str, str | None], *, actor: str) -> None:
        """Write into the event log what changed in the side file; never a password, token or code."""
        with self._database.transaction() as connection:
            append(connection, kind, payload, actor=actor)
