"""The processes that `labelkit serve` looks after: the server and the trainer."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from labelkit.errors import ProjectError

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 5.0
HEALTH: Final = "/_stcore/health"
FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 60.0
_LIVED: Final = 60.0
"""Seconds after which a process counts as one that works: the next start is not delayed for what was before."""


class Child:
    """A process that is started again when it dies, after a delay that doubles while it keeps dying.

    It is the leader of a process group of its own, in our session: Ctrl-C reaches only us, and its low priority
    is one among ours. Its standard input is a pipe that ends when we do.

    Parameters
    ----------
    module, arguments
        What it runs, as ``python -m module argument…``.
    folder
        Where it runs.
    environment
        Added to ours.
    delay
        Seconds before it is started again after it died for the first time in a while.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        delay: float = FIRST_DELAY,
    ) -> None:
        self._command = [sys.executable, "-m", "labelkit.cli.child", module, *arguments]
        self._folder = folder
        self._environment = environment
        self._first_delay = self._delay = delay
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._again_at: float | None = None

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it."""
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={**os.environ, **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            **({"process_group": 0} if os.name == "posix" else {}),  # type: ignore[call-overload]
        )

    def status(self) -> int | None:
        """How it ended; None while it runs."""
        return None if self._process is None else self._process.poll()

    def look(self) -> str | None:
        """Start it again when it has died and its delay is over; says once how it died."""
        status = self.status()
        if status is None:
            return None
        present = time.monotonic()
        if self._again_at is None:
            self._end_group()
            if present - self._started > _LIVED:
                self._delay = self._first_delay
            self._again_at = present + self._delay
            self._delay = min(2 * max(self._delay, 0.1), LONGEST_DELAY)
            return _in_words(status)
        if present >= self._again_at:
            try:
                self.start()
            except OSError as error:  # no memory or no process to be had: the server goes on, and this is tried again
                self._again_at = present + self._delay
                return f"it cannot be started: {error}"
            self._again_at = None
        return None

    def stop(self) -> None:
        """End it, kindly at first."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end_group()

    def _end_group(self) -> None:
        """End what the process started and did not take with it."""
        assert self._process is not None
        if os.name == "posix":
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()


def _in_words(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-status).name
    return f"status {status}"


def wait_until_ready(server: Child, address: str) -> None:
    """Come back when the server answers.

    Raises
    ------
    ProjectError
        If it ends before that, or takes too long.
    """
    import urllib.error
    import urllib.request

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if server.status() is not None:
            raise _failed(f"the app did not start (status {server.status()})")
        try:
            with opener.open(address + HEALTH, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise _failed(f"the app did not answer within {START_SECONDS:.0f} s")


def _failed(message: str) -> ProjectError:
    return ProjectError(message, hint="What it said is above this line")
