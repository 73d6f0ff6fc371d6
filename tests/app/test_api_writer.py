"""The writer: groups, failures that stay with their own, a queue with an end."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelkit.errors import AnnotationError, StorageError, TooBusy
from labelkit.steps.lease_desk import LeaseDesk
from tests.app.pages import APP
from tests.serving import ran_project

assert APP.is_dir()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("writer") / "project")


@pytest.fixture
def writer(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    from api.writer import Writer

    monkeypatch.setenv("LABELKIT_PROJECT", str(home))
    yield Writer(most_waiting=5)


def count(desk: LeaseDesk) -> int:
    return int(desk._leases._database.one("select count(*) from annotators")[0])


def add(desk: LeaseDesk, name: str) -> int:
    desk.claim(name, client="a-page-1", want=0)
    return count(desk)


class Gate:
    """Holds the writer up, so that what comes meanwhile is one group."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, desk: LeaseDesk) -> int:
        self.reached.set()
        assert self.opened.wait(30)
        return 0


async def grouped(writer: Any, *work: Any) -> list[Any]:
    """The outcomes of some operations that the writer finds together."""
    gate = Gate()
    first = asyncio.ensure_future(writer.do(gate))
    await asyncio.to_thread(gate.reached.wait, 30)
    rest = [asyncio.ensure_future(writer.do(one)) for one in work]
    await asyncio.sleep(0)  # all of them are in the queue now
    gate.opened.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


def test_one_that_fails_leaves_the_others_of_its_group_alone(writer: Any) -> None:
    def refused(desk: LeaseDesk) -> None:
        add(desk, "never")
        raise AnnotationError("no")

    def broken(desk: LeaseDesk) -> None:
        raise ZeroDivisionError

    async def check() -> None:
        before = await writer.do(count)
        outcomes = await grouped(writer, lambda d: add(d, "one"), refused, broken, lambda d: add(d, "two"))
        assert isinstance(outcomes[1], AnnotationError) and isinstance(outcomes[2], ZeroDivisionError)
        assert outcomes[0] == before + 1
        assert isinstance(outcomes[3], int)
        assert await writer.do(count) == before + 2

    asyncio.run(check())


def test_where_the_whole_transaction_is_lost_all_are_told_and_nothing_is_stored(writer: Any) -> None:
    def full(desk: LeaseDesk) -> None:
        desk._leases._database.connection.execute("rollback")  # as SQLite does on a full disk
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    async def check() -> None:
        before = await writer.do(count)
        outcomes = await grouped(writer, lambda d: add(d, "three"), full, lambda d: add(d, "four"))
        assert [type(outcome) for outcome in outcomes] == [StorageError] * 3
        assert await writer.do(count) == before

    asyncio.run(check())


def test_more_than_it_takes_is_refused_at_once_and_the_rest_is_served(writer: Any) -> None:
    async def check() -> None:
        outcomes = await grouped(writer, *([count] * 9))
        assert sum(isinstance(outcome, TooBusy) for outcome in outcomes) == 4
        assert sum(isinstance(outcome, int) for outcome in outcomes) == 5
        assert "5 answers and claims are waiting" in str(next(o for o in outcomes if isinstance(o, TooBusy)))

    asyncio.run(check())


def test_it_waits_for_another_process_that_writes(writer: Any, home: Path) -> None:
    other = sqlite3.connect(next(home.glob("*.labelkit.db")), isolation_level=None, check_same_thread=False)

    async def check() -> None:
        before = await writer.do(count)
        other.execute("begin immediate")
        waiting = asyncio.ensure_future(writer.do(lambda desk: add(desk, "five")))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        other.execute("rollback")
        assert await waiting == before + 1

    try:
        asyncio.run(check())
    finally:
        other.close()


def test_what_it_says_is_done_is_in_the_file(writer: Any, home: Path) -> None:
    other = sqlite3.connect(next(home.glob("*.labelkit.db")))

    async def check() -> None:
        for number in range(5):
            await writer.do(lambda desk, number=number: add(desk, f"durable {number}"))
            assert other.execute("select 1 from annotators where name = ?", (f"durable {number}",)).fetchone()

    try:
        asyncio.run(check())
    finally:
        other.close()
