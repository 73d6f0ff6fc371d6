"""Pages' open connections end with the session that opened them.

A Streamlit page is a websocket. Each run of a page asks who is signed in; this middleware also closes the socket
of a session that was ended elsewhere, within a second, and refuses sockets that pages of other sites open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import addresses
import cookies
import projects
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

LOOK_EVERY = 0.4
"""Seconds between two looks at the side file while pages are open."""
EXPIRED_EVERY = 30.0
"""Sessions that nobody ended run out: all are asked about so often."""
ENDED = 4401
"""The websocket's close code: the session has ended."""
PRIVATE = ("/media/", "/_stcore/upload_file")
"""Files that pages put into Streamlit's memory: for people who are signed in."""

_log = logging.getLogger("labelkit.sockets")


class SessionSockets:
    """ASGI middleware around the whole app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.watch = Watch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(PRIVATE):
            token = _token(Headers(scope=scope))
            if token and await self.watch.is_live(token):
                await self.app(scope, receive, send)
            else:
                await PlainTextResponse("sign in first", 401)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and addresses.origin_problem(scope, origin) is not None:
            await send({"type": "websocket.close", "code": 1008})
            return
        token = _token(headers)
        if token and await self.watch.is_live(token):
            with self.watch.watching(token) as ended:
                socket = _Socket(receive, send, token, ended, self.watch)
                await self.app(scope, socket.receive, socket.send)
        else:  # somebody who is about to sign in; what another session's page held is not taken up again
            await self.app(_without_earlier_page(scope), receive, send)


class _Socket:
    """One connection: what comes in is passed on only while the session lives."""

    def __init__(self, receive: Receive, send: Send, token: str, ended: asyncio.Event, watch: Watch) -> None:
        self._receive, self._send, self._token, self._ended, self._watch = receive, send, token, ended, watch
        self._closed = False

    async def receive(self) -> Message:
        """The next message, or the end of the connection if the session ends before one comes."""
        if self._closed:
            return _DISCONNECTED
        coming = asyncio.ensure_future(self._receive())
        ending = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((coming, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
            if not coming.done():
                coming.cancel()
        if not self._ended.is_set():
            message = coming.result()
            if message["type"] != "websocket.receive" or await self._watch.is_live(self._token):
                return message
        elif coming.done() and not coming.cancelled():
            coming.exception()  # whatever came is not passed on
        await self._close()
        return _DISCONNECTED

    async def send(self, message: Message) -> None:
        """Pass a message on to the browser; nothing more once the session has ended."""
        if not self._closed and not self._ended.is_set():
            await self._send(message)

    async def _close(self) -> None:
        """Let the browser load the page anew, which is the sign-in page then, and end the connection."""
        self._closed = True
        with contextlib.suppress(OSError, RuntimeError):  # the browser may have gone by itself
            await self._send({"type": "websocket.send", "bytes": _load_anew()})
            await self._send({"type": "websocket.close", "code": ENDED, "reason": "the session has ended"})


def _load_anew() -> bytes:
    """Streamlit's message by which `st.login` sends a browser elsewhere; an empty address is the same page."""
    message = ForwardMsg()
    message.auth_redirect.url = ""
    return message.SerializeToString()


_DISCONNECTED: Message = {"type": "websocket.disconnect", "code": ENDED}


class Watch:
    """Which sessions have pages open, and whether they still live.

    All look-ups are made in one thread, over one connection: they cost microseconds, never wait for a writer, and
    do not hold up the server's loop.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[asyncio.Event]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="labelkit-sessions")
        self._task: asyncio.Task[None] | None = None
        self._seen: tuple[int, int] | None = None

    async def is_live(self, token: str) -> bool:
        """Whether a session is live now."""
        return token not in await self._in_thread(self._ended_of, (token,))

    @contextlib.contextmanager
    def watching(self, token: str) -> Iterator[asyncio.Event]:
        """Look after a session while a page of it is open; the event is set when it ends."""
        ended = asyncio.Event()
        self._open.setdefault(token, []).append(ended)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())
        try:
            yield ended
        finally:
            self._open[token].remove(ended)
            if not self._open[token]:
                del self._open[token]

    async def _look(self) -> None:
        """Every moment: has anything changed in the side file, and which sessions are over then?"""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        while self._open:
            await asyncio.sleep(LOOK_EVERY)
            every = loop.time() - asked > EXPIRED_EVERY
            if every:
                asked = loop.time()
            for token in await self._in_thread(self._ended_since, tuple(self._open), every):
                for event in self._open.get(token, ()):
                    event.set()

    async def _in_thread(self, ask: Callable[..., frozenset[str]], *given: object) -> frozenset[str]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, ask, *given)
        except Exception:  # a damaged file, wrong settings: the run of a page checks the session as well, and says so
            _log.exception("sessions cannot be looked up")
            return frozenset()

    def _ended_since(self, tokens: tuple[str, ...], every: bool) -> frozenset[str]:
        project = projects.kept()
        state = (id(project), project.team.sessions_state())
        if state == self._seen and not every:
            return frozenset()
        self._seen = state
        return self._ended_of(tokens)

    def _ended_of(self, tokens: tuple[str, ...]) -> frozenset[str]:
        team = projects.kept().team
        return frozenset(token for token in tokens if not team.is_live(token))


def _token(headers: Headers) -> str | None:
    """The session's token among the cookies of a request."""
    # As lenient as pages and API: another app's cookie on this host must not hide ours.
    return cookies.session_token(cookie_parser(headers.get("cookie", "")))


def _without_earlier_page(scope: Scope) -> Scope:
    """The request without the id of an earlier page, by which Streamlit would give its state back.

    Streamlit's browser side sends protocol, XSRF token and that id as the "subprotocols" of the websocket.
    """
    name = b"sec-websocket-protocol"
    headers = [
        (key, b", ".join(part.strip() for part in value.split(b",")[:2]) if key == name else value)
        for key, value in scope["headers"]
    ]
    return {**scope, "headers": headers}
