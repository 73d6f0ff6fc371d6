"""The engine that works in several processes of this machine.

Workers are forked when work begins, so that the task and everything that it refers to is there already:
only shards and results are pickled. A worker does one shard at a time. What happens inside it (a crash,
a loop that nothing interrupts) ends that worker and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any, Final, TypeVar

from labelkit.engines.workers import Answer, Crew, Worker
from labelkit.errors import FunctionTimeout, LabelkitError, WorkerDied

Shard = TypeVar("Shard")
Result = TypeVar("Result")

_RUNS: Final = 3
"""How often a shard is tried whose worker dies."""

_LOOK: Final = 0.5
"""Seconds between two looks at workers from which nothing is heard."""


class ProcessEngine:
    """Works on as many shards at once as there are workers.

    Parameters
    ----------
    workers
        Processes; None for as many as this process may use cores. Without fork (on Windows) there are none.

    Raises
    ------
    LabelkitError
        If that is no positive number.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise LabelkitError(f"the engine needs at least 1 worker, not {workers!r}")
        self.workers = workers or cores()

    def map(self, task: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """As :meth:`labelkit.engines.Engine.map`; holds at most twice as many shards as there are workers.

        An exception of the task arrives with its type and message, its own cause as text. The workers
        end with the iteration, however it ends.

        Raises
        ------
        WorkerDied
            If the worker of one shard was ended from outside, or by its task, three times.
        FunctionTimeout
            If a task let a time limit pass and could not be interrupted; its worker was ended.
        """
        if not hasattr(os, "fork"):
            yield from map(task, shards)
            return
        with Crew(task) as crew:
            yield from _Round(crew, shards, self.workers).results()


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Round:
    """One pass over the shards: what is taken, at work, and done but not handed out."""

    def __init__(self, crew: Crew, shards: Iterable[Any], workers: int) -> None:
        self._crew = crew
        self._shards = iter(shards)
        self._workers = workers
        self._runs: dict[int, int] = {}
        self._again: list[tuple[int, Any]] = []
        self._busy: dict[Worker, tuple[int, Any]] = {}
        self._done: dict[int, Answer] = {}
        self._taken = self._next = 0
        self._exhausted = False

    def results(self) -> Iterator[Any]:
        """The results in order."""
        while True:
            self._employ()
            if self._next in self._done:
                yield self._done.pop(self._next).result()
                self._next += 1
            elif self._busy:
                self._hear()
            else:
                return

    def _employ(self) -> None:
        """Give every idle worker a shard, as long as there is one and not too many results wait."""
        while len(self._busy) < self._workers:
            job = self._job()
            if job is None:
                return
            worker = self._crew.idle()
            self._busy[worker] = job
            self._runs[job[0]] = self._runs.get(job[0], 0) + 1
            try:
                worker.send(job[1])
            except OSError:  # it has died while it was idle
                self._bury(worker)

    def _job(self) -> tuple[int, Any] | None:
        if self._again:
            return self._again.pop()
        if self._exhausted or self._taken - self._next >= 2 * self._workers:
            return None
        for shard in self._shards:
            self._taken += 1
            return self._taken - 1, shard
        self._exhausted = True
        return None

    def _hear(self) -> None:
        """Wait until a worker has answered or died, or one has to be ended."""
        heard = wait([worker.connection for worker in self._busy], timeout=_LOOK)
        for worker in [worker for worker in self._busy if worker.connection in heard]:
            try:
                answer = worker.receive()
            except (EOFError, OSError):
                self._bury(worker)
            else:
                number, _ = self._busy.pop(worker)
                self._finish(number, answer)
                self._crew.release(worker)
        for worker in [worker for worker in self._busy if worker.notes.overdue()]:
            number, shard = self._busy.pop(worker)
            what, seconds = worker.notes.read()
            self._crew.end(worker)
            self._finish(number, Answer(error=_hangs(what, seconds, _name(number, shard))))

    def _bury(self, worker: Worker) -> None:
        """A worker has died: its shard is run again, or that is the answer."""
        number, shard = self._busy.pop(worker)
        what, _ = worker.notes.read()
        cause = self._crew.end(worker)
        if self._runs[number] < _RUNS:
            self._again.append((number, shard))
            return
        running = f" while {what} was running" if what else ""
        error = WorkerDied(
            f"the worker process {cause}{running}, on {_name(number, shard)}, in {_RUNS} of {_RUNS} runs",
            hint="Run `labelkit vote` again with workers = 1 under [labeling_functions] in labelkit.toml to see more, "
            "or give the machine more memory",
        )
        self._finish(number, Answer(error=error))

    def _finish(self, number: int, answer: Answer) -> None:
        self._runs.pop(number)
        self._done[number] = answer


def _name(number: int, shard: object) -> str:
    given = getattr(shard, "number", None)
    return f"shard {given if isinstance(given, int) else number}"


def _hangs(what: str, seconds: float, where: str) -> FunctionTimeout:
    return FunctionTimeout(
        f"{what} did not come back within {seconds:g} s on an item of {where} and could not be interrupted; "
        "its process was ended",
        hint="Mend the function, or raise time_limit under [labeling_functions] in labelkit.toml",
    )
