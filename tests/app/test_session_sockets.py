"""Open pages while sessions cannot be looked up: a moment is waited for, then nothing goes through."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from labelkit import Project
from labelkit.errors import ConfigError
from tests.app.pages import APP
from tests.serving import LEAD, add_person, client, served

assert APP.is_dir()
TRY_LATER, ENDED = 1013, 4401


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("watched") / "project"
    with Project.init(home, name="texts", labels=["a", "b"]) as project:
        project.team.first_lead(*LEAD, actor="test")
    return home


class Trouble:
    """Look-ups fail so many times in a row; then they are what they are."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import projects
        import sockets

        monkeypatch.setenv("LABELKIT_PROJECT", str(home))
        monkeypatch.setattr(sockets, "PAUSES", (0.001,) * len(sockets.PAUSES))
        self.times: float = 0
        self.error: Exception = sqlite3.OperationalError("database is locked")
        self.tried = 0
        self._kept = projects.kept
        monkeypatch.setattr(projects, "kept", self.kept)

    def kept(self) -> Project:
        self.tried += 1
        if self.times > 0:
            self.times -= 1
            raise self.error
        return self._kept()


@pytest.fixture
def trouble(home: Path, monkeypatch: pytest.MonkeyPatch) -> Trouble:
    return Trouble(home, monkeypatch)


@pytest.fixture
def token(home: Path) -> str:
    with Project.open(home) as project:
        return project.team.sign_in(*LEAD).token


class Page:
    """One websocket through the middleware; ``got`` is what reached the app behind it, ``told`` the browser."""

    def __init__(self, token: str) -> None:
        import cookies

        self.got: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []
        self.coming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        headers = [(b"cookie", f"{cookies.name()}={token}".encode())]
        self.scope = {"type": "websocket", "path": "/_stcore/stream", "headers": headers, "scheme": "ws"}

    async def app(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        while True:
            message = await receive()
            self.got.append(message)
            if message["type"] == "websocket.disconnect":
                return

    async def send(self, message: dict[str, Any]) -> None:
        self.told.append(message)

    def says(self, text: str) -> None:
        self.coming.put_nowait({"type": "websocket.receive", "text": text})

    @property
    def closed(self) -> list[int]:
        return [message["code"] for message in self.told if message["type"] == "websocket.close"]


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not reached():
            await asyncio.sleep(0.005)


def open_page(token: str, story: Callable[[Page], Awaitable[None]]) -> Page:
    """A page that is opened, and what happens to it then."""
    from sockets import SessionSockets

    page = Page(token)

    async def run() -> None:
        middleware = SessionSockets(page.app)
        task = asyncio.create_task(middleware(page.scope, page.coming.get, page.send))
        await story(page)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(run())
    return page


def test_a_file_that_is_busy_for_a_moment_ends_nobodys_work(trouble: Trouble, token: str) -> None:
    async def story(page: Page) -> None:
        for number in range(3):
            trouble.times = 5
            page.says(f"run {number}")
            await until(lambda: len(page.got) > number)  # noqa: B023

    page = open_page(token, story)
    assert [message["text"] for message in page.got] == ["run 0", "run 1", "run 2"] and page.told == []


def test_what_comes_while_nobody_can_say_is_not_passed_on(trouble: Trouble, token: str) -> None:
    async def story(page: Page) -> None:
        page.says("before")
        await until(lambda: len(page.got) == 1)
        trouble.times = float("inf")
        page.says("meanwhile")
        await until(lambda: bool(page.closed))
        await until(lambda: len(page.got) == 2)

    page = open_page(token, story)
    assert [message["type"] for message in page.got] == ["websocket.receive", "websocket.disconnect"]
    assert page.closed == [TRY_LATER] and len(page.told) == 1  # and is not sent to the sign-in page


def test_a_page_on_which_nothing_happens_is_closed_too(trouble: Trouble, token: str) -> None:
    async def story(page: Page) -> None:
        page.says("before")
        await until(lambda: len(page.got) == 1)
        trouble.times = float("inf")
        await until(lambda: bool(page.closed))

    assert open_page(token, story).closed == [TRY_LATER]


def test_a_look_up_that_hangs_counts_as_one_that_failed(
    trouble: Trouble, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    import projects
    import sockets

    monkeypatch.setattr(sockets, "PATIENCE", 0.2)
    hangs = threading.Event()

    async def story(page: Page) -> None:
        page.says("before")
        await until(lambda: len(page.got) == 1)
        monkeypatch.setattr(projects, "kept", lambda: hangs.wait(30) and trouble.kept())
        page.says("meanwhile")
        await until(lambda: bool(page.closed))
        hangs.set()

    page = open_page(token, story)
    assert page.closed == [TRY_LATER] and len(page.got) <= 2


def test_no_page_opens_while_nobody_can_say(trouble: Trouble, token: str) -> None:
    async def story(page: Page) -> None:
        trouble.times = float("inf")
        await until(lambda: bool(page.closed))

    page = open_page(token, story)
    assert page.closed == [TRY_LATER] and page.got == []


def test_with_settings_that_cannot_be_read_sessions_are_still_asked_about(
    trouble: Trouble, token: str, home: Path
) -> None:
    async def story(page: Page) -> None:
        page.says("before")
        await until(lambda: len(page.got) == 1)
        trouble.times, trouble.error = float("inf"), ConfigError("somebody is editing")
        page.says("meanwhile")
        await until(lambda: len(page.got) == 2)
        with Project.open(home) as project:
            project.team.sign_out(token)
        await until(lambda: bool(page.closed))

    page = open_page(token, story)
    assert page.got[1]["text"] == "meanwhile" and page.closed == [ENDED]


def websocket(address: str, cookie: str) -> ClientConnection:
    return connect(
        f"{address.replace('http:', 'ws:')}/_stcore/stream", subprotocols=["streamlit", "none"],  # type: ignore[list-item]
        origin=address, additional_headers={"Cookie": cookie}, proxy=None,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.slow
def test_who_was_signed_in_goes_on_when_it_can_be_seen_again(home: Path) -> None:
    add_person(home, "Bob", "annotator")
    settings = home / "labelkit.toml"
    away = settings.with_suffix(".away")
    with served(home) as address:
        session = client(address, "Bob")
        cookie = "; ".join(f"{one.name}={one.value}" for one in session.cookies.jar if one.path == "/")
        with websocket(address, cookie) as page:
            settings.rename(away)
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    page.recv(timeout=60)
        assert closed.value.rcvd is not None and closed.value.rcvd.code == TRY_LATER
        with pytest.raises((InvalidStatus, ConnectionClosed)), websocket(address, cookie) as page:
            page.recv(timeout=60)
        away.rename(settings)
        with websocket(address, cookie):
            assert session.get("/session").json()["name"] == "Bob"
