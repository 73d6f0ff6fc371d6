"""The session cookie, and the one that says that this browser knew a password once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import addresses
import projects
from fastapi import Request, Response

from labelkit.steps.team import SignIn

DEVICE_DAYS = 180
_DEVICE_PATH = "/api/session"


def name() -> str:
    """The session cookie's name; every project has another one, so that servers on one host get along."""
    return _name(projects.root())


@lru_cache(maxsize=64)
def _name(root: Path) -> str:
    with projects.opened() as project:
        return project.team.cookie_name


def session_token(given: Mapping[str, str]) -> str | None:
    """The session's token among a request's cookies, or None."""
    return given.get(name()) or None


def device(request: Request) -> str | None:
    """What an earlier sign-in left in this browser, or None."""
    return request.cookies.get(f"{name()}_device") or None


def put(request: Request, response: Response, done: SignIn) -> None:
    """Give the browser what it needs for a session that has begun."""
    secure = addresses.outside(request.scope).secure
    lasts = int((done.ends_at - datetime.now(UTC)).total_seconds())
    response.set_cookie(name(), done.token, max_age=lasts, path="/", httponly=True, samesite="strict", secure=secure)
    response.set_cookie(
        f"{name()}_device",
        done.device,
        max_age=DEVICE_DAYS * 24 * 3600,
        path=_DEVICE_PATH,
        httponly=True,
        samesite="strict",
        secure=secure,
    )


def drop(request: Request, response: Response) -> None:
    """Take the session's cookie away from the browser."""
    secure = addresses.outside(request.scope).secure
    response.delete_cookie(name(), path="/", httponly=True, samesite="strict", secure=secure)
