"""Whether people are being served at this moment, and how a long write then makes room for their answers."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import sleep
from typing import Final

import filelock
import orjson

from labelkit.errors import ProjectLocked, StorageError

HOLD_SECONDS: Final = 0.01
"""How long a transaction of a long write may hold the write lock while people answer."""
REST_SECONDS: Final = 0.02
"""The least pause after it. Who waits for the lock asks SQLite again after 1, 2, 5, 10, 15 … ms: within this pause
everybody who has waited for up to 20 ms gets a turn."""
_LEAST_ROWS: Final = 16
_MOST_ROWS: Final = 20_000
_START_WAIT: Final = 3.0
"""Seconds that a server or trainer waits for one that is just ending, or for somebody who looks for one."""


@contextlib.contextmanager
def serving(project_file: Path, address: str) -> Iterator[None]:
    """Be the one server of a project while the block runs; the mark goes when the process ends, however it ends.

    Raises
    ------
    ProjectLocked
        If somebody serves the project already, saying where.
    StorageError
        If the file cannot be locked.
    """
    path = _server(project_file)
    holder = path.with_suffix(".serving.holder")

    def refused() -> ProjectLocked:
        return ProjectLocked(f"this project is served already, {_where(holder)}", hint="Use that one, or stop it first")

    with _held(path, refused):
        with contextlib.suppress(OSError):  # where it is served is a courtesy; the lock itself is held
            holder.write_bytes(orjson.dumps({"address": address, "pid": os.getpid()}))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                holder.unlink(missing_ok=True)


@contextlib.contextmanager
def training(project_file: Path) -> Iterator[None]:
    """Be the one trainer of a project while the block runs; errors as in :func:`serving`."""

    def refused() -> ProjectLocked:
        return ProjectLocked("this project has a trainer already", hint="`labelkit serve` starts one of its own")

    with _held(_trainer(project_file), refused):
        yield


def is_served(project_file: Path) -> bool:
    """Whether a server of this project is alive; takes some microseconds."""
    return _is_held(_server(project_file))


def is_trained(project_file: Path) -> bool:
    """Whether a trainer of this project is alive."""
    return _is_held(_trainer(project_file))


def _server(project_file: Path) -> Path:
    return project_file.with_suffix(".serving")


def _trainer(project_file: Path) -> Path:
    return project_file.with_suffix(".training")


@contextlib.contextmanager
def _held(path: Path, refused: Callable[[], ProjectLocked]) -> Iterator[None]:
    lock = filelock.FileLock(str(path), timeout=_START_WAIT, is_singleton=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise refused() from None
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise cannot_lock(path, error) from error
    try:
        yield
    finally:
        lock.release()


def cannot_lock(path: Path, error: Exception) -> StorageError:
    """What to say where the operating system refuses a lock."""
    reason = getattr(error, "strerror", None) or error
    return StorageError(f"cannot lock {path}: {reason}", hint="Is the folder writable, and on this machine?")


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    lock = filelock.FileLock(str(path), timeout=0, is_singleton=False)
    try:
        lock.acquire()
    except filelock.Timeout:
        return True
    except (OSError, NotImplementedError):  # read-only, or no locks here: nobody serves from such a place
        return False
    lock.release()
    return False


def _where(holder: Path) -> str:
    try:
        told = orjson.loads(holder.read_bytes())
        return f"at {told['address']} (process {told['pid']})"
    except (OSError, ValueError, KeyError):
        return "by another process"


class Pace:
    """Cuts a long write into transactions: large ones while nobody waits, short ones with pauses while people answer.

    Ask :meth:`rows` how many rows the next transaction may have, and measure it with :meth:`measured`.

    Parameters
    ----------
    project_file
        The SQLite file.
    rows
        Rows of the first short transaction; the later ones follow from how long the earlier ones took.
    """

    def __init__(self, project_file: Path, rows: int = 500) -> None:
        self._file = project_file
        self._rows = rows
        self._yields = False

    def rows(self, left: int) -> int:
        """How many of the rows that are left the next transaction may have."""
        self._yields = is_served(self._file)
        return min(left, self._rows) if self._yields else left

    def measured(self, rows: int, seconds: float) -> None:
        """Say how long a transaction of so many rows held the write lock; rests where people may be waiting."""
        if not self._yields:
            return
        fitting = rows * HOLD_SECONDS / max(seconds, 1e-6)
        # Half way to what the last one suggests: a single slow commit is no reason to crawl.
        self._rows = int(min(max((self._rows + fitting) / 2, _LEAST_ROWS), _MOST_ROWS))
        sleep(max(REST_SECONDS, seconds))
