"""The one thread that writes leases and answers: it commits what has queued up as one group.

SQLite lets one connection write at a time, and who waits for it is served in no order. So everybody's claims and
answers go to one thread, in their order; it waits for other processes once for all of them, and one write to the
disk makes all of them durable. Nothing is acknowledged before that.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import projects

from labelkit.errors import LabelkitError, TooBusy
from labelkit.steps.lease_desk import LeaseDesk

T = TypeVar("T")
_LOG: Final = logging.getLogger("labelkit.api")

MOST_WAITING: Final = 2_000
"""Operations in the queue; more are refused with status 503, and the page sends them again."""
MOST_TOGETHER: Final = 64
"""Operations in one group."""
LONGEST_GROUP: Final = 0.025
"""Seconds of work in one group: the first of it must not wait for the last for long, nor other processes."""
_MERGE_SECONDS: Final = 1.0
_RESTART_PAGES: Final = 4_000
"""From so many pages on (32 MB) the log begins anew at the next moment at which little of it is left to merge."""
_LITTLE: Final = 400


class _Job:
    """One operation, and who waits for it."""

    def __init__(self, work: Callable[[LeaseDesk], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """Hand the outcome over; in the event loop."""
        if self.future.done():  # nobody waits any more
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """Takes operations from any event loop; its thread starts with the first one."""

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self._waiting: queue.Queue[_Job] = queue.Queue(most_waiting)
        self._start = threading.Lock()
        self._started = False
        self._restart_log = threading.Event()

    async def do(self, work: Callable[[LeaseDesk], T]) -> T:
        """The result of an operation, once it is durable.

        Raises
        ------
        TooBusy
            If too many are waiting already; nothing was done then.
        """
        self._ensure_started()
        job = _Job(work)
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            raise TooBusy(
                f"{self._waiting.maxsize:,} answers and claims are waiting already; nothing was stored",
                hint="Send the same again in a few seconds",
            ) from None
        result: T = await job.future
        return result

    def _ensure_started(self) -> None:
        with self._start:
            if not self._started:
                threading.Thread(target=self._run, name="labelkit-writer", daemon=True).start()
                threading.Thread(target=self._merge, name="labelkit-log", daemon=True).start()
                self._started = True

    # ------------------------------------------------------------------ the writer's thread

    def _run(self) -> None:
        taken_over: LeaseDesk | None = None
        left: list[_Job] = []
        while True:
            jobs = self._next(left)
            done = len(jobs)
            try:
                desk = projects.kept().desk
                if desk is not taken_over:
                    desk.take_over()
                    taken_over = desk
                done = _do_together(desk, jobs)
            except BaseException as error:
                taken_over = None
                for job in jobs:
                    job.error = error
            left = jobs[done:]
            _tell(jobs[:done])
            if taken_over is not None and self._restart_log.is_set():
                self._restart_log.clear()
                try:
                    _merged(taken_over, restart=True)
                except Exception:  # this thread must live: everybody waits for it
                    _LOG.exception("the log could not begin anew")

    def _next(self, left: list[_Job]) -> list[_Job]:
        """What was left by the group before, then what has come since."""
        jobs = list(left) or [self._waiting.get()]
        while len(jobs) < MOST_TOGETHER:
            try:
                jobs.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return jobs

    # ------------------------------------------------------------------ the log's thread

    def _merge(self) -> None:
        """Merge the log in small portions, so that nobody who writes has to do it."""
        while True:
            time.sleep(_MERGE_SECONDS)
            try:
                pages, merged = _merged(projects.kept().desk)
            except Exception:  # the file is away for a moment: the writer says so to whoever asks
                _LOG.debug("the log could not be merged", exc_info=True)
                continue
            if pages >= _RESTART_PAGES and pages - merged < _LITTLE:
                self._restart_log.set()


def _merged(desk: LeaseDesk, *, restart: bool = False) -> tuple[int, int]:
    try:
        return desk.merge_log(restart=restart)
    except LabelkitError:  # another process merges
        return 0, 0


def _do_together(desk: LeaseDesk, jobs: list[_Job]) -> int:
    """The first jobs in one transaction, as many as a moment allows; returns how many.

    If that fails as a whole, each by itself, so that one cannot spoil the others.
    """
    try:
        return _group(desk, jobs)
    except LabelkitError as error:  # the disk, or another process that does not let go
        for job in jobs:
            job.error = error
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].error = error
        else:
            for job in jobs:
                _do_together(desk, [job])
    return len(jobs)


def _group(desk: LeaseDesk, jobs: list[_Job]) -> int:
    enough = time.monotonic() + LONGEST_GROUP
    with desk.together():
        for place, job in enumerate(jobs):
            if place and time.monotonic() > enough:
                return place
            job.result, job.error = None, None
            try:
                with desk.operation():
                    job.result = job.work(desk)
            except Exception as error:
                if desk.lost:
                    raise
                job.error = error
    return len(jobs)


def _tell(jobs: Iterable[_Job]) -> None:
    """Wake up who waits, once per event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        loops.setdefault(job.loop, []).append(job)
    for loop, some in loops.items():
        try:
            loop.call_soon_threadsafe(_tell_all, some)
        except RuntimeError:  # that loop is closed: nobody waits any more
            continue


def _tell_all(jobs: list[_Job]) -> None:
    for job in jobs:
        job.tell()
