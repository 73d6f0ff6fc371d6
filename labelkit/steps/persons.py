"""Somebody who is signed in, and sessions as their owner sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from labelkit.access import Permission, PersonRole, may
from labelkit.errors import NotAllowed


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in. ``session`` is the digest of the token that says so."""

    name: str
    role: PersonRole
    session: str
    kind: str = "browser"

    def may(self, permission: Permission) -> bool:
        """Whether the person's role grants a permission."""
        return may(self.role, permission)

    def need(self, permission: Permission) -> None:
        """Go on only with this permission.

        Raises
        ------
        NotAllowed
        """
        if not self.may(permission):
            raise NotAllowed(
                f"your role ({self.role}) does not allow this", hint="Ask a lead of the project to change your role"
            )

    def need_browser(self) -> None:
        """Go on only in a browser: a script's token that leaked must not be able to make itself at home.

        Raises
        ------
        NotAllowed
        """
        if self.kind != "browser":
            raise NotAllowed("a script's token cannot do this", hint="Sign in with a browser")


@dataclass(frozen=True)
class SignIn:
    """A session that has begun. ``token`` and ``device`` are shown this once; they go into the browser's cookies.

    ``ends_at`` is when the session ends in any case; ``device`` says that this browser knew the password once.
    """

    person: Person
    token: str
    ends_at: datetime
    device: str


@dataclass(frozen=True)
class OpenSession:
    """A session or script's token as its owner sees it; ``id`` names it, and opens nothing."""

    id: str
    kind: str
    title: str | None
    created_at: str
    seen_at: str
    expires_at: str | None
    current: bool
