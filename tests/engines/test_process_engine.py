"""The process pool, with real processes: order, crashes, hangs, exceptions, and nothing left behind."""

from __future__ import annotations

import ctypes
import faulthandler
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from labelkit.engines import engine
from labelkit.engines.automatic import AutomaticEngine
from labelkit.engines.processes import ProcessEngine, cores
from labelkit.errors import FunctionTimeout, InvalidVote, LabelkitError, RegistryError, WorkerDied
from labelkit.progress import say_alive

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def children() -> list[int]:
    return [child.pid for child in psutil.Process().children()]


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """No process, not even a dead one, and no open file."""
    multiprocessing.active_children()
    before, files = children(), open_files()
    yield
    assert children() == before
    if files:
        assert open_files() == files


def crash() -> None:
    faulthandler.disable()  # the report would stand in the middle of the test run's
    ctypes.string_at(0)


def pid(_: object) -> int:
    return os.getpid()


# --- results


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_keep_their_order_whatever_takes_longer(workers: int) -> None:
    def task(number: int) -> int:
        time.sleep(0.02 * (number % 3 == 0))
        return number * 2

    assert list(ProcessEngine(workers).map(task, range(40))) == [number * 2 for number in range(40)]


def test_work_is_done_in_several_processes_and_not_here() -> None:
    def task(number: int) -> tuple[int, int]:
        time.sleep(0.05)
        return number, os.getpid()

    pids = {found for _, found in ProcessEngine(2).map(task, range(10))}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_task_may_be_a_closure_over_what_cannot_be_pickled() -> None:
    lock = threading.Lock()
    assert list(ProcessEngine(2).map(lambda number: (number, lock.locked()), [1, 2])) == [(1, False), (2, False)]


def test_big_shards_and_big_results_travel() -> None:
    shards = (np.full(6_000_000, number, dtype=np.int8) for number in range(6))
    for number, result in enumerate(ProcessEngine(2).map(lambda shard: shard * 2, shards)):
        assert result.shape == (6_000_000,)
        assert (result == number * 2).all()


def test_many_small_shards() -> None:
    assert sum(ProcessEngine(3).map(lambda number: number, range(3000))) == sum(range(3000))


def test_shards_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def shards() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ProcessEngine(2).map(lambda number: number, shards())
    assert taken == []
    for number in range(10):
        assert next(results) == number
        assert len(taken) <= number + 5
    results.close()  # type: ignore[attr-defined]


# --- exceptions


def test_a_labelkit_error_arrives_with_its_hint_and_its_cause_as_text() -> None:
    def task(number: int) -> int:
        if number == 3:
            try:
                raise ZeroDivisionError("the original")
            except ZeroDivisionError as error:
                raise InvalidVote("no vote", hint="do better") from error
        return number

    results = ProcessEngine(2).map(task, range(9))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(InvalidVote) as caught:
        next(results)
    assert (caught.value.message, caught.value.hint) == ("no vote", "do better")
    assert "ZeroDivisionError: the original" in str(caught.value.__cause__)
    assert list(results) == []


def test_an_exception_that_cannot_travel_keeps_its_kind_and_message() -> None:
    class Own(ValueError):
        def __init__(self, number: int, text: str) -> None:
            super().__init__(f"{text} {number}")

    def task(number: int) -> int:
        raise Own(number, "odd")

    with pytest.raises(ValueError, match="Own: odd 0"):
        list(ProcessEngine(2).map(task, range(2)))


def test_a_result_that_cannot_travel_is_an_error() -> None:
    with pytest.raises((TypeError, AttributeError), match="pickle"):
        list(ProcessEngine(2).map(lambda number: threading.Lock(), range(2)))


def test_leaving_the_program_in_a_task_arrives_as_such() -> None:
    with pytest.raises(SystemExit):
        list(ProcessEngine(2).map(lambda number: sys.exit(3), range(2)))


# --- workers that die


def dies_once(flag: Path, how: Callable[[], Any]) -> Callable[[int], int]:
    def task(number: int) -> int:
        if number == 3 and not flag.exists():
            flag.touch()
            how()
        return number

    return task


@pytest.mark.parametrize(
    "how",
    [
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        lambda: os._exit(7),
        crash,
    ],
    ids=["killed", "exited", "crashed"],
)
def test_a_worker_that_dies_is_replaced_and_its_shard_run_again(tmp_path: Path, how: Callable[[], Any]) -> None:
    task = dies_once(tmp_path / "died", how)
    assert list(ProcessEngine(2).map(task, range(12))) == list(range(12))
    assert (tmp_path / "died").exists()


def test_workers_killed_from_outside_while_they_work() -> None:
    stop = threading.Event()

    def kill_now_and_then() -> None:
        for _ in range(5):
            if stop.wait(0.1):
                return
            for child in children()[:1]:
                os.kill(child, signal.SIGKILL)

    def task(number: int) -> int:
        time.sleep(0.03)
        return number

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    try:
        assert list(ProcessEngine(2).map(task, range(40))) == list(range(40))
    finally:
        stop.set()
        killer.join()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), r"was ended by SIGKILL \(Killed, which .*memory runs out\)"),
        (lambda: os._exit(7), "ended itself with exit status 7"),
        (crash, r"was ended by SIGSEGV \(Segmentation fault\)"),
    ],
    ids=["killed", "exited", "crashed"],
)
def test_a_shard_that_kills_every_worker_is_named(tmp_path: Path, how: Callable[[], Any], words: str) -> None:
    runs = tmp_path / "runs"

    def task(number: int) -> int:
        if number == 5:
            with runs.open("a") as file:
                file.write("x")
            say_alive("labeling function 'bad' (lfs.py:3)", 9.0)
            how()
        return number

    results = ProcessEngine(2).map(task, range(9))
    assert [next(results) for _ in range(5)] == [0, 1, 2, 3, 4]
    running = r" while labeling function 'bad' \(lfs.py:3\) was running, on shard 5, in 3 of 3 runs"
    with pytest.raises(WorkerDied, match=words + running):
        next(results)
    assert runs.read_text() == "xxx"


def test_a_hang_that_nothing_interrupts_ends_its_worker_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.engines.workers._GRACE", 0.2)

    def task(number: int) -> int:
        if number == 2:
            say_alive("labeling function 'stuck' (lfs.py:9)", 0.1)
            signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
            threading.Event().wait(60)
        return number

    results = ProcessEngine(2).map(task, range(6))
    assert [next(results), next(results)] == [0, 1]
    started = time.monotonic()
    with pytest.raises(
        FunctionTimeout, match=r"'stuck' \(lfs.py:9\) did not come back within 0.1 s .*of shard 2 and"
    ) as caught:
        next(results)
    assert "time_limit" in str(caught.value.hint)
    assert time.monotonic() - started < 30


# --- ending


def test_leaving_early_ends_the_workers() -> None:
    def task(number: int) -> int:
        time.sleep(60 if number else 0)
        return number

    results = ProcessEngine(2).map(task, range(6))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]


def test_an_exception_of_the_shards_ends_the_workers() -> None:
    def shards() -> Iterator[int]:
        yield from range(5)
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        list(ProcessEngine(2).map(pid, shards()))


def test_ctrl_c_ends_everything_at_once() -> None:
    def press() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    def task(number: int) -> int:
        time.sleep(60)
        return number

    thread = threading.Thread(target=press)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        thread.start()
        list(ProcessEngine(2).map(task, range(4)))
    thread.join()
    assert time.monotonic() - started < 30


SCRIPT = """
    import os, sys, time
    from labelkit.engines.processes import ProcessEngine

    def task(number):
        {task}
        return os.getpid()

    print("once", end=" ")
    for pid in ProcessEngine(2).map(task, range(2)):
        print(pid, flush=True)
"""


def script(task: str, tmp_path: Path) -> subprocess.Popen[str]:
    file = tmp_path / "script.py"
    file.write_text(textwrap.dedent(SCRIPT).format(task=task))
    return subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True, start_new_session=True)


def test_what_waits_to_be_printed_is_printed_once(tmp_path: Path) -> None:
    process = script("print('task', number)", tmp_path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.count("once") == 1
    assert sorted(line for line in out.splitlines() if "task" in line) != []


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    process = script("time.sleep(100 if number else 0)", tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    process.kill()
    process.wait()
    process.stdout.close()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert [worker.pid for worker in alive] == []
    assert len(gone) == 2


# --- options


def test_the_number_of_workers() -> None:
    assert ProcessEngine().workers == cores() >= 1
    for make in (lambda: ProcessEngine(0), lambda: AutomaticEngine(-1)):
        with pytest.raises(LabelkitError, match="the engine needs"):
            make()
    with pytest.raises(RegistryError, match="the engine 'local' does not take workers"):
        engine("local", workers=2)


# --- the automatic engine


def where(seconds: float) -> Callable[[Any], int]:
    def task(_: Any) -> int:
        time.sleep(seconds)
        return os.getpid()

    return task


def test_little_work_stays_here() -> None:
    assert set(AutomaticEngine(2).map(where(0), range(3))) == {os.getpid()}


def test_one_worker_means_this_process() -> None:
    assert set(AutomaticEngine(1).map(where(0.01), range(4))) == {os.getpid()}


def test_much_work_goes_to_workers_after_the_first_shard() -> None:
    first, *rest = AutomaticEngine(2).map(where(0.5), range(4))
    assert first == os.getpid()
    assert os.getpid() not in rest


def test_it_learns_how_much_there_is_from_shards_that_it_cannot_count() -> None:
    pids = list(AutomaticEngine(2).map(where(0.1), itertools.repeat(0, 20).__iter__()))
    assert pids[0] == os.getpid()
    assert os.getpid() not in pids[-10:]


def test_shards_that_cannot_travel_stay_here() -> None:
    shards = [(lambda: None) for _ in range(3)]
    assert set(AutomaticEngine(2).map(where(0.2), shards)) == {os.getpid()}
