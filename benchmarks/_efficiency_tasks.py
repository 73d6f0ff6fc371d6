"""Tasks of ``label_efficiency.py``: one run each, in worker processes, results kept so that a stopped run goes on."""

from __future__ import annotations

import functools
import json
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from _efficiency_figures import WITHIN
from _efficiency_loop import run
from _efficiency_people import People
from _efficiency_sets import MAKES_FEATURES, Problem, Truth, digest, features_key, read, sources

from labelkit.config.sections import QuerySection

CHECKPOINTS = (0, 25, 50, 100, 150, 200, 300)
FURTHER = (400, 600, 800, 1000, 1400, 2000)
"""Checkpoints for the number of labels to the target."""
HARNESS = (
    *MAKES_FEATURES,
    "benchmarks/_efficiency_loop.py",
    "benchmarks/_efficiency_people.py",
)


@dataclass(frozen=True)
class Spec:
    """A method: where it is made, its code (beside the harness's), whether it ``asks`` anybody, and is ``seeded`` or
    the same for every seed; ``configured``: it takes the default ``[query]`` settings.
    """

    made_by: str
    code: tuple[str, ...]
    asks: bool = True
    seeded: bool = True
    configured: bool = False

    def make(self, problem: Problem, seed: int) -> Any:
        """The method, for one run."""
        module, name = self.made_by.split(":")
        return getattr(import_module(module), name)(problem, seed)


_PEERS = "benchmarks/_efficiency_peers.py"
_OURS = (
    "benchmarks/_efficiency_labelkit.py",
    "labelkit/endmodels/*.py",
    "labelkit/labelmodels/*.py",
    "labelkit/query/*.py",
    "labelkit/steps/labeling.py",
)
METHODS = {
    "auto": Spec("_efficiency_labelkit:auto", _OURS, configured=True),
    "random": Spec("_efficiency_labelkit:at_random", _OURS, configured=True),
    "human-margin": Spec("_efficiency_peers:HumanMargin", (_PEERS,)),
    "human-random": Spec("_efficiency_peers:HumanRandom", (_PEERS,)),
    "small-text": Spec("_efficiency_smalltext:SmallText", (_PEERS, "benchmarks/_efficiency_smalltext.py")),
    "majority": Spec("_efficiency_peers:Majority", (_PEERS, "labelkit/labelmodels/*.py"), asks=False, seeded=False),
    "snorkel": Spec("_efficiency_peers:Snorkel", (_PEERS, "labelkit/labelmodels/*.py"), asks=False),
    "replacing": Spec("_efficiency_peers:Replacing", (_PEERS, "labelkit/labelmodels/*.py")),
}


@dataclass(frozen=True)
class Task:
    """One run. ``cap``: where it ends at the latest; up to ``until`` every checkpoint is measured."""

    set: str
    method: str
    seed: int
    annotators: str
    until: int
    cap: int
    batch: int

    @property
    def checkpoints(self) -> list[int]:
        """Ascending, from 0; those of a method that asks nobody are 0 alone."""
        if not METHODS[self.method].asks:
            return [0]
        all_of_them = sorted({*CHECKPOINTS, *FURTHER, self.until, self.cap})
        return [x for x in all_of_them if x <= max(self.until, self.cap)]

    def key(self, folder: Path) -> str:
        """Identity of the result: data, code and options."""
        return _key(self, folder)


@functools.cache
def _code_of(method: str) -> str:
    spec = METHODS[method]
    settings = QuerySection().model_dump() if spec.configured else None
    return digest(*sources(*HARNESS, *spec.code), settings)


@functools.cache
def _data_of(folder: Path, name: str) -> str:
    files = (folder / name / f"{split}.parquet" for split in ("train", "test"))
    return digest(*files, features_key(folder, name))


def _key(task: Task, folder: Path) -> str:
    return digest(sorted(asdict(task).items()), task.checkpoints, _code_of(task.method), _data_of(folder, task.set))


@functools.lru_cache(maxsize=1)
def _set(folder: Path, name: str, cache: Path) -> tuple[Problem, Truth]:
    return read(folder, name, cache)


def perform(task: Task, problem: Problem, truth: Truth) -> dict[str, Any]:
    """Run one task."""
    from threadpoolctl import threadpool_limits

    started, cpu = time.perf_counter(), time.process_time()
    people = People(task.annotators, truth.gold, problem.cardinality, task.seed)
    with threadpool_limits(1):
        points = run(
            METHODS[task.method].make(problem, task.seed),
            problem,
            truth,
            people,
            seed=task.seed,
            checkpoints=task.checkpoints,
            batch=task.batch,
            until=task.until,
            target=truth.reached - WITHIN,
        )
    spent = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    return {**asdict(task), "points": points, "reached": truth.reached, **spent}


def _work(task: Task, folder: Path, cache: Path) -> dict[str, Any]:
    logging.disable(logging.WARNING)
    problem, truth = _set(folder, task.set, cache)
    return perform(task, problem, truth)


class Results:
    """Results on disk, one JSON object a line, by key; a line that was cut off is left out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept: dict[str, dict[str, Any]] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    one = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self._kept[one["key"]] = one

    def __contains__(self, key: str) -> bool:
        return key in self._kept

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._kept[key]

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep one more."""
        self._kept[key] = {"key": key, **result}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        cut_off = self._path.exists() and self._path.stat().st_size and self._path.read_bytes()[-1:] != b"\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("\n" if cut_off else "") + json.dumps(self._kept[key]) + "\n")


def results_of(tasks: Sequence[Task], folder: Path, cache: Path, workers: int) -> list[dict[str, Any]]:
    """The results of all tasks, in their order; what is not in the cache is run now.

    A task that fails does not hold up the others; the first failure is raised at the end.
    """
    kept = Results(cache / "results.jsonl")
    keys = {task: task.key(folder) for task in tasks}
    missing = [task for task in tasks if keys[task] not in kept]
    print(f"{len(tasks)} runs, {len(tasks) - len(missing)} of them kept from before", file=sys.stderr)
    failed: list[tuple[Task, BaseException]] = []
    started = time.perf_counter()
    for number, (task, outcome) in enumerate(_performed(missing, folder, cache, workers), start=1):
        if isinstance(outcome, BaseException):
            failed.append((task, outcome))
            print(f"FAILED {task}: {type(outcome).__name__}: {outcome}", file=sys.stderr)
            continue
        kept.add(keys[task], outcome)
        spent = time.perf_counter() - started
        print(
            f"[{number}/{len(missing)} {spent:5.0f} s] {task.set} {task.method} {task.seed} {task.annotators}:"
            f" {outcome['points'][0]['test']:.3f} → {outcome['points'][-1]['test']:.3f}"
            f" with {outcome['points'][-1]['answers']} answers, {outcome['seconds']:.1f} s",
            file=sys.stderr,
        )
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(missing)} runs failed, the first: {failed[0][0]}") from failed[0][1]
    return [kept[keys[task]] for task in tasks]


def _performed(
    tasks: Sequence[Task], folder: Path, cache: Path, workers: int
) -> Iterator[tuple[Task, dict[str, Any] | BaseException]]:
    def guarded(task: Task, call: Callable[[], dict[str, Any]]) -> tuple[Task, dict[str, Any] | BaseException]:
        try:
            return task, call()
        except Exception as error:
            return task, error

    if workers <= 1 or not tasks:
        for task in tasks:
            yield guarded(task, lambda task=task: _work(task, folder, cache))
        return
    # One thread a process, before numpy is loaded there: more would wait for each other.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = {pool.submit(_work, task, folder, cache): task for task in tasks}
        try:
            for future in as_completed(waiting):
                yield guarded(waiting[future], future.result)
        finally:  # also when somebody stops it: what has not begun is not begun
            pool.shutdown(cancel_futures=True)
