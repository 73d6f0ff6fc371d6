"""The project lock: one writer of results at a time; readers and annotators never need it."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import filelock
import orjson

from labelkit.errors import ProjectLocked
from labelkit.store.database import now
from labelkit.store.presence import cannot_lock

TRAINER: Final = "labelkit trainer"
"""How the trainer's work begins to be told."""
TRAINER_WAIT: Final = 300.0
"""Seconds."""


@contextlib.contextmanager
def project_lock(path: Path, doing: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock of a project while a step works.

    The operating system releases it when the process ends, however it ends.

    Parameters
    ----------
    path
        The lock file beside the project file.
    doing
        What the others are told, for instance ``labelkit vote``.
    wait
        Seconds to wait for another holder. For the trainer of `labelkit serve` everybody waits as long as one of
        its refits may take: nobody asked it to work at this moment.

    Raises
    ------
    ProjectLocked
        Saying who holds it and since when.
    """
    lock = filelock.FileLock(str(path), timeout=wait, is_singleton=False)
    holder = path.with_suffix(".lock.holder")
    try:
        try:
            lock.acquire()
        except filelock.Timeout:
            if wait >= TRAINER_WAIT or not _held_by_trainer(holder):
                raise
            lock.acquire(timeout=TRAINER_WAIT)
    except filelock.Timeout:
        raise ProjectLocked(
            f"{_describe(holder)} is working on this project",
            hint="Wait for it to end and run the command again, or give --wait SECONDS",
        ) from None
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        raise cannot_lock(path, error) from error
    try:
        with contextlib.suppress(OSError):  # who holds it is a courtesy; the lock itself is held
            holder.write_bytes(
                orjson.dumps({"doing": doing, "pid": os.getpid(), "host": socket.gethostname(), "since": now()})
            )
        yield
    finally:
        with contextlib.suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _held_by_trainer(holder: Path) -> bool:
    try:
        return str(orjson.loads(holder.read_bytes())["doing"]).startswith(TRAINER)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _describe(holder: Path) -> str:
    try:
        told = orjson.loads(holder.read_bytes())
        return f"`{told['doing']}` (process {told['pid']} on {told['host']}, since {told['since']})"
    except (OSError, ValueError, KeyError):
        return "another labelkit process"
