"""Checks before any endpoint: where a request that changes something comes from, and how large it is."""

from __future__ import annotations

import addresses
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import body
from .people import bearer

MAX_BYTES = 1_000_000
"""Of a request: a batch of answers with long comments stays far below."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware: refuses what another site's page sends with our cookie, and bodies that are too large."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        problem = None if scope["method"] in SAFE else _origin_problem(scope, headers)
        if problem is not None:
            await JSONResponse(body("OriginRefused", problem), 403)(scope, receive, send)
            return
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MAX_BYTES:
            await _too_large()(scope, receive, send)
            return
        await self.app(scope, _limited(receive), send)


def _origin_problem(scope: Scope, headers: Headers) -> str | None:
    """What is wrong with the origin of a request that changes something, or None."""
    if bearer(headers.get("authorization")) is not None:
        return None  # no browser adds this by itself, and the cookie does not count beside it
    origin = headers.get("origin")
    if origin is None:
        return None if "cookie" not in headers else "a request with a cookie must say its Origin"
    return addresses.origin_problem(scope, origin)


def _too_large() -> JSONResponse:
    return JSONResponse(body("TooLarge", f"a request has at most {MAX_BYTES:,} bytes"), 413)


def _limited(receive: Receive) -> Receive:
    """Stop reading a body that is longer than it said, or did not say."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > MAX_BYTES:
            return {"type": "http.disconnect"}
        return message

    return counted
