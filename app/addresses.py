"""Where a request comes from: the client's address, TLS or not, and which page sent it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import projects
from starlette.datastructures import Headers
from starlette.types import Scope


@dataclass(frozen=True)
class Outside:
    """A request as the browser sent it, before a proxy of ours passed it on."""

    client: str
    secure: bool
    host: str


def outside(scope: Scope) -> Outside:
    """What is known of a request. ``X-Forwarded-*`` counts with ``serve.behind_proxy`` only; anybody can send it."""
    headers = Headers(scope=scope)
    client = scope.get("client")
    address, secure, host = client[0] if client else "", scope["scheme"] in ("https", "wss"), headers.get("host", "")
    if projects.kept().config.serve.behind_proxy:
        address = _last(headers, "x-forwarded-for") or address
        secure = secure or _last(headers, "x-forwarded-proto") in ("https", "wss")
        host = _last(headers, "x-forwarded-host") or host
    return Outside(address, secure, host)


def _last(headers: Headers, name: str) -> str:
    """What the nearest proxy, ours, added to a list; what comes before it may be invented."""
    values = headers.getlist(name)
    return values[-1].rpartition(",")[2].strip() if values else ""


def origin_problem(scope: Scope, origin: str) -> str | None:
    """What is wrong with the page that sent a request, or None: it has to be one of ours."""
    if origin in projects.kept().config.serve.allowed_origins:
        return None
    seen, page = outside(scope), _split(origin)
    if page is not None and page[1] == seen.host and not (seen.secure and page[0] != "https"):
        return None
    return f"a page of {origin[:100]} may not do anything here"


def _split(origin: str) -> tuple[str, str] | None:
    """Scheme and host with port; None for what is no origin, for instance ``null``."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return (parts.scheme, parts.netloc) if parts.scheme in ("http", "https") and parts.netloc else None
