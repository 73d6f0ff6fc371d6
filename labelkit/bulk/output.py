"""The output folder: whole files only, work that can be taken up again, and a manifest written last."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import filelock
import orjson

from labelkit.errors import ExportError, ProjectLocked, StorageError

MANIFEST: Final = "manifest.json"
"""Written when all parts are there: an output without it is not finished."""

WORK: Final = "_work"
"""Folder of what is needed to go on after a stop; gone when the output is finished."""

MARK: Final = "labelkit-bulk.json"
_LOCK: Final = "lock"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Output:
    """One output folder.

    Parameters
    ----------
    folder
        Where the parts go; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / WORK

    def manifest(self) -> dict[str, Any] | None:
        """The manifest of a finished output; None if it is not finished.

        Raises
        ------
        ExportError
            If there is a manifest that `labelkit bulk` did not write.
        """
        try:
            found = orjson.loads((self.folder / MANIFEST).read_bytes())
        except FileNotFoundError:
            return None
        except NotADirectoryError:
            raise ExportError(f"{self.folder} is a file, where a folder is needed") from None
        except (OSError, ValueError) as error:
            raise ExportError(f"{self.folder / MANIFEST} cannot be read: {error}") from error
        if not isinstance(found, dict) or "bulk_format" not in found:
            raise self._foreign(MANIFEST)
        return found

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Make the folder, or take it up again, and keep other processes out while this one works.

        Raises
        ------
        ExportError
            If there is something else in the folder.
        ProjectLocked
            If another process is working there.
        StorageError
            If the folder cannot be written.
        """
        if self.folder.exists() and not (self.work / MARK).exists():
            self._check_free()
        with storage_errors(self.folder):
            self.work.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(str(self.work / _LOCK), timeout=0, is_singleton=False)
        with storage_errors(self.folder):
            try:
                lock.acquire()
            except filelock.Timeout:
                raise ProjectLocked(
                    f"another `labelkit bulk` is writing to {self.folder}", hint="Wait for it, or choose another folder"
                ) from None
        try:
            self.write(f"{WORK}/{MARK}", orjson.dumps({"made_by": "labelkit bulk"}))
            yield
        finally:
            lock.release()

    def _check_free(self) -> None:
        if not self.folder.is_dir():
            raise ExportError(f"{self.folder} is a file, where a folder is needed")
        with storage_errors(self.folder):
            there = sorted(one.name for one in self.folder.iterdir())
        # A first run that was stopped before its mark was written leaves no more than this.
        if there == [WORK] and {one.name for one in self.work.iterdir()} <= {_LOCK}:
            return
        if there:
            raise self._foreign(there[0])

    def _foreign(self, name: str) -> ExportError:
        return ExportError(
            f"{self.folder} has something else in it ({name})", hint="Give a new folder, or empty this one"
        )

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None if it is missing or cannot be read."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, durable before it has its name.

        Raises
        ------
        StorageError
            If the disk is full or refuses the file; nothing of it stays.
        """
        path = self.folder / name
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)

    def clear_temporaries(self) -> None:
        """Remove what a killed process was just writing."""
        for folder in (self.folder, self.work, *(one for one in self.work.glob("*") if one.is_dir())):
            for left in folder.glob(".*.new"):
                with suppress(OSError):
                    left.unlink()

    def remove(self, name: str) -> None:
        """Remove a file or folder, if it is there."""
        path = self.folder / name
        with storage_errors(path):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def finish(self, manifest: bytes) -> None:
        """Write the manifest, then remove the work folder."""
        self._settle()
        self.write(MANIFEST, manifest)
        self._settle()
        shutil.rmtree(self.work, ignore_errors=True)

    def _settle(self) -> None:
        # A rename is durable once its folder is; not every system lets one open a folder.
        with suppress(OSError):
            descriptor = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, and only then give it its name.

    Raises
    ------
    OSError
        As the disk raises it; an earlier file stays as it was then.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    try:
        with temporary.open("xb", buffering=0) as out:
            view = memoryview(data)
            while view:  # an unbuffered file may take less than it is given
                view = view[out.write(view) :]
            os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Errors of the disk, in words."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise StorageError(
                f"{path} was not written: {reason}",
                hint="Free some space and run the same command again: everything finished so far is kept",
            ) from error
        raise StorageError(
            f"{path} cannot be written: {reason}", hint="Check the rights of the folder, or choose another"
        ) from error
