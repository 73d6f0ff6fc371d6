"""What every answer tells the browser: no other site may frame us, nothing may be loaded from elsewhere."""

from __future__ import annotations

import re

import projects
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HOST = re.compile(r"[a-z0-9.-]+(:\d+)?", re.IGNORECASE)


class SafeHeaders:
    """ASGI middleware that adds headers to all HTTP answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["X-Frame-Options"] = "SAMEORIGIN"
                if scope["path"].startswith("/api/"):
                    headers["Cache-Control"] = "no-store"
                if headers.get("content-type", "").startswith("text/html"):
                    headers["Content-Security-Policy"] = policy(projects.kept().config.annotation.image_hosts)
            await send(message)

        await self.app(scope, receive, marked)


def policy(image_hosts: list[str]) -> str:
    """The Content-Security-Policy of our pages: scripts, styles, connections and pictures come from this server.

    Streamlit needs inline scripts and styles, compiled expressions of its charts, and scripts of components as blobs.

    Parameters
    ----------
    image_hosts
        ``annotation.image_hosts``: further hosts that pictures may come from.
    """
    hosts = [f"https://{host}" for host in image_hosts if _HOST.fullmatch(host)]
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
            "style-src 'self' 'unsafe-inline'",
            " ".join(["img-src 'self' data: blob:", *hosts]),
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "frame-ancestors 'self'",
            "object-src 'none'",
            "base-uri 'self'",
        ]
    )
