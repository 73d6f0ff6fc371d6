"""Worker processes: forking them, talking to them, ending them."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import mmap
import os
import pickle
import signal
import struct
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, Final, NoReturn

from labelkit.errors import LabelkitError
from labelkit.progress import listen

_GRACE: Final = 5.0
"""Seconds beyond twice its limit for which a watched block may stay silent."""

_NOTES: Final = 4096
_HEAD: Final = struct.Struct("<ddI")
_PR_SET_PDEATHSIG: Final = 1


class InWorker(Exception):
    """Where and why an exception was raised in a worker process, as text."""


@dataclass(frozen=True)
class Answer:
    """What became of one shard: its result, or the exception in its place."""

    value: Any = None
    error: BaseException | None = None
    trace: str = ""

    def result(self) -> Any:
        """The result; raises the exception if that is the answer."""
        if self.error is None:
            return self.value
        if self.trace:
            raise self.error from InWorker(self.trace)
        raise self.error


class Notes:
    """A page of memory on which a worker says what it runs; the parent reads it, also after its death."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, _NOTES)

    def __call__(self, what: str, seconds: float, /) -> None:
        """Say it: a :class:`labelkit.progress.Listener`."""
        text = what.encode("utf-8", "replace")[: _NOTES - _HEAD.size]
        self._page[_HEAD.size : _HEAD.size + len(text)] = text
        self._page[: _HEAD.size] = _HEAD.pack(time.monotonic(), seconds, len(text))

    def read(self) -> tuple[str, float]:
        """What runs (empty if nothing that could hang) and its limit in seconds."""
        _, seconds, length = _HEAD.unpack(self._page[: _HEAD.size])
        return self._page[_HEAD.size : _HEAD.size + length].decode("utf-8", "replace"), seconds

    def overdue(self) -> bool:
        """Whether what runs should have been heard of long ago."""
        then, seconds, length = _HEAD.unpack(self._page[: _HEAD.size])
        return bool(length) and time.monotonic() - then > 2 * seconds + _GRACE

    def close(self) -> None:
        """Give the memory back."""
        self._page.close()


@dataclass(eq=False)
class Worker:
    """One process, seen from the parent."""

    pid: int
    connection: Connection
    notes: Notes

    def send(self, shard: Any) -> None:
        """Hand over a shard. Raises :class:`OSError` if the process is gone."""
        self.connection.send_bytes(pickle.dumps(shard, protocol=5))

    def receive(self) -> Answer:
        """Its answer. Raises :class:`EOFError` or :class:`OSError` if the process is gone."""
        answer: Answer = pickle.loads(self.connection.recv_bytes())
        return answer


class Crew:
    """The workers of one task; leaving the ``with`` block ends them all at once."""

    def __init__(self, task: Callable[[Any], Any]) -> None:
        self._task = task
        self._idle: list[Worker] = []
        self._all: list[Worker] = []

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for worker in self._all[:]:
            self.end(worker)

    def idle(self) -> Worker:
        """A worker that waits for a shard, a new one if there is none."""
        return self._idle.pop() if self._idle else self._fork()

    def release(self, worker: Worker) -> None:
        """Take a worker back that has answered."""
        worker.notes("", 0.0)
        self._idle.append(worker)

    def end(self, worker: Worker) -> str:
        """End a worker if it lives, and say in words how it ended."""
        self._all.remove(worker)
        worker.connection.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        try:
            _, status = os.waitpid(worker.pid, 0)
        except ChildProcessError:  # the host program collects children itself
            status = 0
        worker.notes.close()
        return _in_words(status)

    def _fork(self) -> Worker:
        ours, theirs = Pipe(duplex=True)
        notes, parent = Notes(), os.getpid()
        for stream in (sys.stdout, sys.stderr):  # what waits in them would be written twice
            with contextlib.suppress(Exception):
                stream.flush()
        # Ctrl-C waits until the parent knows the child, and the child has turned its back on Ctrl-C.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with warnings.catch_warnings():
                # Python ≥ 3.12 warns of other threads. Those of Arrow and of BLAS know forks.
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
            if pid == 0:
                _serve(self._task, theirs, notes, parent, [ours, *(worker.connection for worker in self._all)])
            worker = Worker(pid, ours, notes)
            self._all.append(worker)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        theirs.close()
        return worker


def _serve(
    task: Callable[[Any], Any], connection: Connection, notes: Notes, parent: int, others: list[Connection]
) -> NoReturn:
    """The life of a worker process; it never returns into the code that forked it."""
    try:
        gc.freeze()  # what the parent has made is not ours to collect, nor to copy page by page
        for other in others:  # or we would keep our sisters, and ourselves, from seeing the parent's end
            other.close()
        _detach(parent)
        listen(notes)
        while True:
            shard = pickle.loads(connection.recv_bytes())
            data = _answer(task, shard)
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(Exception):
                    stream.flush()
            connection.send_bytes(data)
    except (EOFError, OSError):  # the parent has ended
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    finally:
        os._exit(1)


def _detach(parent: int) -> None:
    """Leave to the parent what is the parent's: Ctrl-C, standard input, its threads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.set_wakeup_fd(-1)
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    # One thread for each worker: the cores are shared already, and OpenMP's threads do not survive a fork.
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    threadpool_limits(limits=1)
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.set_cpu_count(1)


def _answer(task: Callable[[Any], Any], shard: Any) -> bytes:
    try:
        return pickle.dumps(Answer(task(shard)), protocol=5)
    except BaseException as error:
        return _failure(error)


def _failure(error: BaseException) -> bytes:
    """An exception as it can travel: itself, or what is left of it in a type that everybody knows."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    try:
        data = pickle.dumps(Answer(error=error, trace=trace), protocol=5)
        pickle.loads(data)
    except Exception:
        known = next(base for base in type(error).__mro__ if base.__module__ == "builtins")
        plain: BaseException = LabelkitError(str(error)) if isinstance(error, LabelkitError) else _plain(known, error)
        data = pickle.dumps(Answer(error=plain, trace=trace), protocol=5)
    return data


def _plain(known: type[BaseException], error: BaseException) -> BaseException:
    text = f"{type(error).__qualname__}: {error}"
    return known(text) if known in _SIMPLE else RuntimeError(text)


_SIMPLE: Final = frozenset(
    {ValueError, TypeError, KeyError, RuntimeError, AttributeError, LookupError, ArithmeticError}
)


def _in_words(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        memory = ", which the system sends when memory runs out" if name == "SIGKILL" else ""
        return f"was ended by {name} ({signal.strsignal(number)}{memory})"
    code = os.waitstatus_to_exitcode(status)
    return f"ended itself with exit status {code}"
