"""The Arrow mirror: items as Arrow IPC files beside the project file, one a shard, read by memory-mapping.

Reading items from SQLite makes a Python object of every value. The mirror keeps each shard as a file of
``NAME.labelkit.cache/items/`` that any Arrow reader opens, and that costs nothing to read but the pages
touched. A file's name is the shard's identity (its content digest and
the ids of its items) and the CRC-32 of the file's bytes, so that a file of
another content, a truncated or a damaged one is never taken for the shard: it is made again.

The mirror is never needed: where it cannot be written, items are read from SQLite as before.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

_SUFFIX = ".arrow"
_KEY = b"labelkit.shard"
_ABANDONED_AFTER = 3600.0
"""Seconds after which a half-written file cannot be another process's work any more."""


@dataclass(frozen=True)
class ShardItems:
    """The items of one shard, as something that travels cheaply to another process of this machine.

    Parameters
    ----------
    path
        The file of the Arrow mirror, or None where there is none.
    held
        The items themselves then.
    """

    path: Path | None
    held: pa.Table | None = None

    def table(self) -> pa.Table:
        """The items; memory-mapped where there is a file.

        Raises
        ------
        OSError
            If the file was removed since.
        """
        if self.path is None:
            assert self.held is not None
            return self.held
        return _contents(_mapped(self.path)).replace_schema_metadata(None)


class Mirror:
    """Files of shards in one folder, which may be deleted at any time.

    Parameters
    ----------
    folder
        Where the files are; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writable = True
        self._checked: set[tuple[str, int, int, int]] = set()

    def find(self, identity: str) -> Path | None:
        """The file of the shard with this identity; None if there is no sound one.

        A file is checked in full when this process first comes upon it (about 1 GB/s).
        """
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.glob(f"{identity}-*{_SUFFIX}")):
                if self._is_sound(path, identity):
                    return path
        return None

    def _is_sound(self, path: Path, identity: str) -> bool:
        try:
            version = _version(path)
            if version in self._checked:
                return True
            data = _mapped(path)
            if path.name != _name(identity, data):
                return False
            table = _contents(data)
            table.validate(full=True)  # what Arrow reads in place must not point outside the file
        except (OSError, pa.ArrowException):
            return False
        if (table.schema.metadata or {}).get(_KEY) != identity.encode():
            return False
        self._checked.add(version)
        return True

    def write(self, identity: str, table: pa.Table) -> Path | None:
        """Keep a shard's items; None where that is not possible (read-only or full disk).

        Several processes may write the same shard: each file appears whole, under a name that says what
        is in it.
        """
        if not self._writable:
            return None
        partial = self.folder / f"{identity}.{os.getpid()}-{threading.get_ident()}.part"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            marked = table.replace_schema_metadata({_KEY: identity.encode()})
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, marked.schema) as writer:
                writer.write_table(marked)
            path = self.folder / _name(identity, _mapped(partial))
            partial.replace(path)
            self._checked.add(_version(path))
        except (OSError, pa.ArrowException):  # SQLite has it all; ask no more in this process
            self._writable = False
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            return None
        return path

    def prune(self, identities: Collection[str]) -> None:
        """Remove the files of all other shards; call it only while the project lock is held.

        Who has a removed file mapped goes on reading it (on Windows it stays until nobody has).
        """
        kept = set(identities)
        with contextlib.suppress(OSError):
            for path in list(self.folder.iterdir()):
                if self._is_left_over(path, kept):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)

    @staticmethod
    def _is_left_over(path: Path, kept: Collection[str]) -> bool:
        if path.suffix == ".part":
            return time.time() - path.stat().st_mtime > _ABANDONED_AFTER
        return path.suffix == _SUFFIX and path.name.partition("-")[0] not in kept


def _mapped(path: Path) -> pa.Buffer:
    """The bytes of a file, which stay readable when the file is removed."""
    with pa.memory_map(str(path)) as mapped:
        return mapped.read_buffer()


def _contents(data: pa.Buffer) -> pa.Table:
    return pa.ipc.open_file(data).read_all()


def _version(path: Path) -> tuple[str, int, int, int]:
    """What differs when a file is another one, or was written to."""
    status = path.stat()
    return path.name, status.st_ino, status.st_size, status.st_mtime_ns


def _name(identity: str, data: pa.Buffer) -> str:
    """The name of a shard's file: what it holds, and what its bytes add up to."""
    return f"{identity}-{zlib.crc32(data):08x}{_SUFFIX}"
