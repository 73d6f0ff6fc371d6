"""Pages' open connections end with the session that opened them.

A Streamlit page is a websocket. Each run of a page asks who is signed in; this middleware also closes the socket
of a session that was ended elsewhere, within a second, and refuses sockets that pages of other sites open. Where
nobody can say whether a session lives, it asks again for a moment, and then nothing goes through.
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

from labelkit import Project
from labelkit.errors import ConfigError

LOOK_EVERY = 0.4
"""Seconds between two looks at the side file while pages are open."""
EXPIRED_EVERY = 30.0
"""Sessions that nobody ended run out: all are asked about so often."""
ENDED = 4401
"""The websocket's close code: the session has ended."""
TRY_LATER = 1013
"""The close code where nobody can say whether it has: the page connects again by itself, and nobody is signed out."""
PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.5)
"""Seconds before each further look-up, where one fails: a file that is locked for a moment must end nobody's work."""
PATIENCE = 10.0
"""Seconds for one look-up with all its repeats: one that hangs counts as failed."""
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
            await self._private(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _private(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A file of somebody's page."""
        token = _token(Headers(scope=scope))
        try:
            live = bool(token) and await self.watch.is_live(str(token))
        except CannotTell:
            refusal = PlainTextResponse("nobody can say now who is signed in", 503, {"Retry-After": "2"})
            await refusal(scope, receive, send)
            return
        app = self.app if live else PlainTextResponse("sign in first", 401)
        await app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and addresses.origin_problem(scope, origin) is not None:
            await send({"type": "websocket.close", "code": 1008})
            return
        token = _token(headers)
        try:
            live = bool(token) and await self.watch.is_live(str(token))
        except CannotTell:
            await send({"type": "websocket.close", "code": TRY_LATER})
            return
        if token and live:
            with self.watch.watching(token) as ending:
                socket = _Socket(receive, send, token, ending, self.watch)
                await self.app(scope, socket.receive, socket.send)
        else:  # somebody who is about to sign in; what another session's page held is not taken up again
            await self.app(_without_earlier_page(scope), receive, send)


class CannotTell(Exception):
    """Sessions could not be looked up, however often it was tried."""


class _Ending:
    """What ends an open page: the end of its session, or that nobody can say whether it lives."""

    def __init__(self) -> None:
        self._code: int | None = None
        self._happened = asyncio.Event()

    @property
    def code(self) -> int | None:
        """The close code; None while the page goes on."""
        return self._code

    def end(self, code: int) -> None:
        """End the page, once."""
        if self._code is None:
            self._code = code
            self._happened.set()

    async def wait(self) -> None:
        """Come back when it has ended."""
        await self._happened.wait()


class _Socket:
    """One connection: what comes in is passed on only while the session lives, and that can be seen."""

    def __init__(self, receive: Receive, send: Send, token: str, ending: _Ending, watch: Watch) -> None:
        self._receive, self._send, self._token, self._ending, self._watch = receive, send, token, ending, watch
        self._closed = False

    async def receive(self) -> Message:
        """The next message, or the end of the connection if that comes before one."""
        if not self._closed:
            message = await self._next()
            if self._ending.code is None:
                return message
            await self._close(self._ending.code)
        return {"type": "websocket.disconnect", "code": self._ending.code}

    async def _next(self) -> Message:
        """What comes in; not to be passed on where the page has ended when this is back."""
        coming = asyncio.ensure_future(self._receive())
        ended = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait((coming, ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            if not coming.done():
                coming.cancel()
        if self._ending.code is not None:
            if coming.done() and not coming.cancelled():
                coming.exception()  # whatever came is not passed on
            return {}
        message = coming.result()
        if message["type"] == "websocket.receive":
            await self._check()
        return message

    async def _check(self) -> None:
        """End the page unless its session lives."""
        try:
            if not await self._watch.is_live(self._token):
                self._ending.end(ENDED)
        except CannotTell:
            self._ending.end(TRY_LATER)

    async def send(self, message: Message) -> None:
        """Pass a message on to the browser; nothing more once the page has ended."""
        if not self._closed and self._ending.code is None:
            await self._send(message)

    async def _close(self, code: int) -> None:
        """End the connection; the browser of an ended session loads the page anew, which is the sign-in page then."""
        self._closed = True
        why = "the session has ended" if code == ENDED else "nobody can say now whether the session lives"
        with contextlib.suppress(OSError, RuntimeError):  # the browser may have gone by itself
            if code == ENDED:
                await self._send({"type": "websocket.send", "bytes": _load_anew()})
            await self._send({"type": "websocket.close", "code": code, "reason": why})


def _load_anew() -> bytes:
    """Streamlit's message by which `st.login` sends a browser elsewhere; an empty address is the same page."""
    message = ForwardMsg()
    message.auth_redirect.url = ""
    return message.SerializeToString()


class Watch:
    """Which sessions have pages open, and whether they still live.

    All look-ups are made in one thread, over one connection: they cost microseconds, never wait for a writer, and
    do not hold up the server's loop. One that fails is made again, a few times, over a connection that may be new.
    """

    def __init__(self) -> None:
        self._open: dict[str, list[_Ending]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="labelkit-sessions")
        self._task: asyncio.Task[None] | None = None
        self._seen: tuple[int, int] | None = None
        self._project: Project | None = None

    async def is_live(self, token: str) -> bool:
        """Whether a session is live now.

        Raises
        ------
        CannotTell
        """
        return token not in await self._asked(self._ended_of, (token,))

    @contextlib.contextmanager
    def watching(self, token: str) -> Iterator[_Ending]:
        """Look after a session while a page of it is open; what is given says when it is over."""
        ending = _Ending()
        self._open.setdefault(token, []).append(ending)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())
        try:
            yield ending
        finally:
            self._open[token].remove(ending)
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
            try:
                ended = await self._asked(self._ended_since, tuple(self._open), every)
                self._end(ended, ENDED)
            except CannotTell:
                self._end(frozenset(self._open), TRY_LATER)

    def _end(self, tokens: frozenset[str], code: int) -> None:
        for token in tokens:
            for ending in self._open.get(token, ()):
                ending.end(code)

    async def _asked(self, ask: Callable[..., frozenset[str]], *given: object) -> frozenset[str]:
        """The answer of the sessions' thread, asked again after each of :data:`PAUSES`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                for pause in PAUSES:
                    try:
                        return await loop.run_in_executor(self._thread, ask, *given)
                    except Exception:  # a locked or damaged file, a full disk, no file at all
                        await asyncio.sleep(pause)
                return await loop.run_in_executor(self._thread, ask, *given)
        except Exception as error:
            _log.exception("sessions cannot be looked up; pages are closed until they can be")
            raise CannotTell from error

    def _ended_since(self, tokens: tuple[str, ...], every: bool) -> frozenset[str]:
        project = self._served()
        state = (id(project), project.team.sessions_state())
        if state == self._seen and not every:
            return frozenset()
        ended = self._ended_of(tokens)
        self._seen = state  # only now: a look-up that failed is made again
        return ended

    def _ended_of(self, tokens: tuple[str, ...]) -> frozenset[str]:
        team = self._served().team
        return frozenset(token for token in tokens if not team.is_live(token))

    def _served(self) -> Project:
        """The project; while somebody is editing its settings, as it was before: who is signed in is not in them."""
        try:
            self._project = projects.kept()
        except ConfigError:
            if self._project is None:
                raise
        return self._project


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
