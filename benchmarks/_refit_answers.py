"""People who answer while the trainer of `refit.py` works, one who reads the queue all the time, and what is left."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import Project
from labelkit.steps.leasing import lease_rules
from labelkit.store import Lease, LeaseAnswer

_BATCH = 12
_MERGE_SECONDS = 1.0
_READ_SECONDS = 0.05


class Answering:
    """One writer as in the server: claims and answers in its transactions, the log merged by another thread."""

    def __init__(self, home: Path, *, rate: float) -> None:
        self._home, self._pause = home, 1.0 / rate
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._guarded, args=(do,)) for do in (self._work, self._merge, self._read)
        ]
        self._stack = ExitStack()
        self.failed: BaseException | None = None
        self.acknowledged: list[int] = []
        self.latencies: list[tuple[float, float]] = []
        """(when it was acknowledged, seconds it took), claims left out."""
        self.waited = 0.0
        """Seconds without an item, because all of the queue was answered."""
        self.queues_read = self.queues_torn = 0
        self.queues: set[int] = set()

    def __enter__(self) -> Answering:
        project = self._stack.enter_context(Project.open(self._home))
        self._stack.enter_context(project.serving("http://benchmark"))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._stack.close()
        if self.failed is not None and error[0] is None:
            raise self.failed

    def figures(self, cycles: Sequence[tuple[float, float]]) -> dict[str, dict[str, float]]:
        """Latencies in milliseconds while a cycle ran, and between cycles."""
        beside = [took for at, took in self.latencies if any(b <= at and at - took <= e for b, e in cycles)]
        between = [took for at, took in self.latencies if not any(b <= at and at - took <= e for b, e in cycles)]
        return {"a cycle runs": _percentiles(beside), "the trainer rests": _percentiles(between)}

    def _guarded(self, do: Any) -> None:
        try:
            do()
        except BaseException as error:
            self.failed = error
            self._over.set()

    def _work(self) -> None:
        with Project.open(self._home) as project:
            gold = project._store.items.gold()
            rules, leases = lease_rules(project._workspace), project._store.leases
            leases.group.take_over()
            held: list[Lease] = []
            sequence = 0
            due = time.perf_counter()
            while not self._over.is_set():
                if not held:
                    with leases.group.transaction():
                        held = leases.claim("ann", rules, n=_BATCH, client="c", at=datetime.now(UTC)).leases
                if not held:  # everything in the queue is answered: the next one is being made
                    self.waited += _READ_SECONDS
                    time.sleep(_READ_SECONDS)
                    continue
                lease, sequence = held.pop(0), sequence + 1
                answer = LeaseAnswer(
                    lease.item, lease.token, "ann", lease.content_hash, label=int(gold[lease.item]), client_id="c",
                    client_sequence=sequence,
                )  # fmt: skip
                due = max(due + self._pause, time.perf_counter())
                time.sleep(max(0.0, due - time.perf_counter()))
                began = time.perf_counter()
                with leases.group.transaction():
                    status = leases.answer(answer, rules, at=datetime.now(UTC)).status
                self.latencies.append((time.time(), time.perf_counter() - began))
                assert status == "stored", status
                self.acknowledged.append(lease.item)

    def _merge(self) -> None:
        with Project.open(self._home) as project:
            while not self._over.wait(_MERGE_SECONDS):
                project._store.leases.group.merge_log()

    def _read(self) -> None:
        """Read the queue that counts, over and over: it is whole each time."""
        with Project.open(self._home) as project:
            runs = project._store.runs
            while not self._over.wait(_READ_SECONDS):
                run = runs.latest("rank")
                assert run is not None
                ranks = [entry.rank for entry in runs.queue(run.id)]
                whole = min(run.parameters["size"], run.metrics["pool"])
                self.queues_read += 1
                self.queues_torn += ranks != list(range(1, whole + 1))
                self.queues.add(run.id)


def check(home: Path, answering: Answering) -> dict[str, float]:
    """What was acknowledged against what is stored."""
    with Project.open(home) as project:
        rows = project._store.database.rows("select item from annotations")
    stored, acknowledged = Counter(item for (item,) in rows), Counter(answering.acknowledged)
    return {
        "acknowledged": acknowledged.total(),
        "stored": stored.total(),
        "lost": (acknowledged - stored).total(),
        "doubled": (stored - acknowledged).total(),
        "waited_for_items": answering.waited,
        "queues_read": answering.queues_read,
        "queues_torn": answering.queues_torn,
        "queues_swapped": len(answering.queues) - 1,
    }


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"n": 0}
    p50, p95 = np.percentile(values, [50, 95])
    return {"n": len(values), "p50": 1000 * float(p50), "p95": 1000 * float(p95), "max": 1000 * max(values)}
