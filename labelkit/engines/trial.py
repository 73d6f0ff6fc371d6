"""Trial processes: a few that stay warm, and that can be ended in the middle of whatever they do.

What a person types into the workbench must not hold up the server: a pattern can backtrack for ever, or ask for all
memory. So it is worked on in a process of its own that is ended at a time limit.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import subprocess
import sys
import threading
import time
from typing import Any, Final

from labelkit.engines.trial_worker import read_message, write_message
from labelkit.errors import FunctionTimeout, LabelingFunctionError, LabelkitError, WorkerDied

_START: Final = 60.0
"""Seconds in which a process has to be ready."""
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TZ",
                "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "LABELKIT_HYPERSCAN")  # fmt: skip
"""Environment variables that a process gets: no password, no key."""


class TrialPool:
    """Works on requests in other processes, several at once, each within its time.

    Parameters
    ----------
    target
        ``"module:function"``: gets a request (JSON) and bytes, returns an answer (JSON) and bytes.
    workers
        Processes at most.
    memory
        Bytes that one may allocate.
    patience
        Seconds that a request waits for a free process.
    """

    def __init__(self, target: str, *, workers: int = 2, memory: int = 2 << 30, patience: float = 10.0) -> None:
        self._target = target
        self._memory = memory
        self._patience = patience
        self._places = threading.BoundedSemaphore(workers)
        self._guard = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False
        atexit.register(self.close)

    def warm(self) -> None:
        """Start a process, if none is there, so that the first request does not wait for it."""
        with self._guard:
            if not self._idle and not self._closed and self._places.acquire(blocking=False):
                self._places.release()
                self._idle.append(_Worker(self._target, self._memory))

    def run(
        self, request: dict[str, Any], data: bytes = b"", *, seconds: float, what: str
    ) -> tuple[dict[str, Any], bytes]:
        """The answer to a request.

        Parameters
        ----------
        seconds
            The process is ended after so long; starting one does not count.
        what
            What is worked on, for messages: the beginning of a sentence.

        Raises
        ------
        FunctionTimeout
            If time was up.
        WorkerDied
            If the process ended by itself, or was ended from outside, or memory was not enough.
        LabelingFunctionError
            If the request was refused in words, or no process became free.
        """
        if not self._places.acquire(timeout=self._patience):
            raise LabelingFunctionError("others are trying functions at this moment", hint="Try again in some seconds")
        try:
            worker = self._take()
            try:
                message, out = worker.ask({"seconds": seconds, "request": request}, data, seconds, what)
                answer = _answer(message, what)
            except BaseException as error:
                self._take_back(worker, sound=type(error) is LabelingFunctionError)
                raise
            self._take_back(worker, sound=True)
        finally:
            self._places.release()
        return answer, out

    def _take(self) -> _Worker:
        """A process that lives: an idle one, or a new one."""
        while True:
            with self._guard:
                if self._closed:
                    raise LabelkitError("the trial processes have been ended")
                worker = self._idle.pop() if self._idle else _Worker(self._target, self._memory)
            if worker.lives():
                return worker
            worker.end()

    def _take_back(self, worker: _Worker, *, sound: bool) -> None:
        """Keep a process for the next request; end one that is not sound, and start another in its place."""
        if not sound or self._closed:
            worker.end()
        with self._guard:
            if not self._closed:
                self._idle.append(worker if sound else _Worker(self._target, self._memory))

    def close(self) -> None:
        """End the idle processes; busy ones end when their work does."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.end()


def _answer(message: dict[str, Any], what: str) -> dict[str, Any]:
    if "refused" in message:
        text, hint = message["refused"]
        raise LabelingFunctionError(str(text), hint=None if hint is None else str(hint))
    if "memory" in message:
        raise WorkerDied(f"{what} needs more memory than a trial may take", hint="Make it simpler")
    if "failed" in message:
        raise WorkerDied(f"{what} cannot be tried: {message['failed']}")
    answer: dict[str, Any] = message["answer"]
    return answer


class _Worker:
    """One process, seen from the parent."""

    def __init__(self, target: str, memory: int) -> None:
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
        # -P: a file of the project that is named like a module must not be imported in its place.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "labelkit.engines.trial_worker", target, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._ready = False

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def lives(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def ask(self, request: dict[str, Any], data: bytes, seconds: float, what: str) -> tuple[dict[str, Any], bytes]:
        """Send a request and wait for the answer; errors as of :meth:`TrialPool.run`."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self._ready:
            with _Deadline(self._process, _START):
                try:
                    read_message(self._process.stdout)
                except (EOFError, OSError):
                    raise WorkerDied("a trial process could not be started") from None
            self._ready = True
        deadline = _Deadline(self._process, seconds)
        try:
            with deadline:
                write_message(self._process.stdin, request, data)
                answer = read_message(self._process.stdout)
        except (EOFError, OSError):
            if deadline.passed:
                raise FunctionTimeout(
                    f"{what} did not come back within {seconds:g} s and was ended",
                    hint="Write a pattern so that it cannot match the same text in many ways: nested repeats such as"
                    " (a+)+ make Python try them all",
                ) from None
            raise WorkerDied(f"the process that tried {what} has ended", hint="Make it simpler") from None
        return answer

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):  # it may hold what nobody will read
                    stream.close()
        self._process.wait()


class _Deadline:
    """Kills a process unless the block is left in time."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._process = process
        self._until = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, process.kill)
        self._timer.daemon = True

    @property
    def passed(self) -> bool:
        """Whether time was up."""
        return time.monotonic() >= self._until

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
