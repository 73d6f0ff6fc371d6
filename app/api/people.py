"""Who sends a request: dependencies for endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import cookies
from fastapi import Depends, Request

from labelkit.access import Permission
from labelkit.errors import SignInFailed
from labelkit.steps.team import Person

from .reader import Reader

_sessions = Reader("sessions")
"""A look-up takes microseconds: one thread and its connection do, where a pool would open the project many times."""


def bearer(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer TOKEN`` header; None for any other, which browsers may add."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def signed_in(request: Request) -> Person:
    """The person whose session cookie or bearer token came with a request; looked up anew for every request."""
    token = bearer(request.headers.get("authorization"))
    if token is None:
        token = cookies.session_token(request.cookies)
    person = await _sessions.read(lambda project: project.team.session(token)) if token else None
    if person is None:
        raise SignInFailed("you are not signed in, or your session has ended", hint="Sign in again")
    return person


SignedIn = Annotated[Person, Depends(signed_in)]


def having(permission: Permission) -> Callable[[Request], Awaitable[Person]]:
    """A dependency: the person, if his or her role grants the permission."""

    async def check(request: Request) -> Person:
        person = await signed_in(request)
        person.need(permission)
        return person

    return check
