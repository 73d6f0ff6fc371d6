"""The engine that finds out whether worker processes pay, and uses them where they do."""

from __future__ import annotations

import gc
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import chain
from typing import Any, Final, TypeVar

from labelkit.engines.processes import ProcessEngine, cores
from labelkit.errors import LabelkitError

Shard = TypeVar("Shard")
Result = TypeVar("Result")

_MARGIN: Final = 2.0
"""How many times what the workers cost they have to save."""

_TOO_SHORT: Final = 0.05
"""Seconds of remaining work below which it is not even measured what workers cost."""


class AutomaticEngine:
    """Works in this process, measures, and hands the rest to worker processes where they save time.

    The first shard is worked on here. What it took, what its journey to another process and back takes,
    and what a fork of this process takes are measured; workers get the remaining shards if they save at
    least twice what they cost. Where the number of shards is not known (an iterator), as much work is
    expected as has been done, and it is looked at again after each shard.

    Parameters
    ----------
    workers
        Processes at most; None or 0 for as many as this process may use cores, 1 for none but this one.

    Raises
    ------
    LabelkitError
        If that is a negative number.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 0:
            raise LabelkitError(f"the engine needs a number of workers, or 0 for one per core, not {workers!r}")
        self.workers = workers or cores()

    def map(self, task: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """As :meth:`labelkit.engines.Engine.map` and :meth:`labelkit.engines.processes.ProcessEngine.map`."""
        if self.workers == 1 or not hasattr(os, "fork"):
            yield from map(task, shards)
            return
        total = len(shards) if isinstance(shards, Sized) else None
        remaining = iter(shards)
        spent = 0.0
        for done, shard in enumerate(remaining, start=1):
            started = time.perf_counter()
            result = task(shard)
            spent += time.perf_counter() - started
            pays = self._pays(spent / done, (done if total is None else total - done), shard, result)
            yield result
            if pays:
                yield from self._with_workers(task, remaining)
                return

    def _with_workers(self, task: Callable[[Shard], Result], remaining: Iterator[Shard]) -> Iterator[Result]:
        for shard in remaining:  # none is forked for nothing
            yield from ProcessEngine(self.workers).map(task, chain([shard], remaining))

    def _pays(self, seconds: float, left: int, shard: Any, result: Any) -> bool:
        """Whether workers save enough on so many shards that take so long each."""
        workers = min(self.workers, left)
        if workers < 2 or seconds * left < _TOO_SHORT:
            return False
        try:
            started = time.perf_counter()
            pickle.loads(pickle.dumps((shard, result), protocol=5))
            journey = time.perf_counter() - started
        except Exception:  # these shards do not travel
            return False
        saved = seconds * left * (1 - 1 / workers)
        return saved > _MARGIN * (workers * _fork_seconds() + journey * left)


def _fork_seconds() -> float:
    """What it takes to fork this process, as big as it is now."""
    gc.collect(0)
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - started
