"""Write a training set whole or not at all, and hash it on the way."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

import pyarrow as pa

from labelkit import registry
from labelkit.errors import ExportError, StorageError
from labelkit.export.base import Exporter

MANIFEST_SUFFIX: Final = ".manifest.json"
STDOUT: Final = "-"

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = (errno.EROFS, errno.EACCES, errno.EPERM)


@dataclass(frozen=True)
class ExportedFile:
    """What was written.

    ``path`` is as given, None for a stream, pipe or device; ``columns`` are (name, Arrow type) in order.
    """

    path: Path | None
    format: str
    rows: int
    bytes: int
    sha256: str
    columns: tuple[tuple[str, str], ...]


def export_training_set(
    batches: Iterable[pa.Table],
    out: str | Path | IO[bytes],
    *,
    schema: pa.Schema,
    format: str | None = None,
    manifest: Callable[[ExportedFile], bytes] | None = None,
) -> ExportedFile:
    """Write batches to a file, and the manifest beside it.

    Both are written under temporary names in the target's folder, flushed to the disk, and only then
    renamed: whatever fails, and whenever the process is killed, an earlier export stays as it was.

    Parameters
    ----------
    batches
        Tables in ``schema``, asked for one at a time.
    out
        A path, ``"-"`` for standard output, or a binary stream.
    format
        A registered exporter; by default told by the suffix (a stream needs it).
    manifest
        What was written → the bytes of ``OUT.manifest.json``. Not called for streams: use the result.

    Raises
    ------
    ExportError
        If the format is unknown, or the target is no place for a file.
    StorageError
        If the disk is full or does not let us write.
    """
    if not isinstance(out, (str, Path)) or str(out) == STDOUT:
        stream = sys.stdout.buffer if isinstance(out, (str, Path)) else out
        name = _format_name(None, format)
        with _storage_errors(Path("standard output")):
            hashed = _write(batches, cast(BinaryIO, stream), schema, name)
            stream.flush()
        return hashed.summary(None, name, schema)
    name = _format_name(Path(out), format)
    path = _checked(Path(out))
    with _storage_errors(path):
        if path.exists() and not path.is_file():  # a pipe or a device: nothing to rename
            with path.open("wb") as device:
                return _write(batches, device, schema, name).summary(None, name, schema)
        return _write_files(batches, path, schema, name, manifest)


def _write_files(
    batches: Iterable[pa.Table],
    path: Path,
    schema: pa.Schema,
    name: str,
    manifest: Callable[[ExportedFile], bytes] | None,
) -> ExportedFile:
    beside = path.with_name(path.name + MANIFEST_SUFFIX)
    target = path.resolve() if path.is_symlink() else path  # a link stays a link
    with _temporary(target) as (temporary, out):
        result = _write(batches, out, schema, name).summary(path, name, schema)
        _settle(out)
        if manifest is None:
            temporary.replace(target)
        else:
            if beside.is_dir():
                raise ExportError(f"{beside} is a folder, where the manifest would go", hint="Move it away")
            with _temporary(beside) as (temporary_manifest, manifest_out):
                _write_all(manifest_out, memoryview(manifest(result)))
                _settle(manifest_out)
                temporary_manifest.replace(beside)
                temporary.replace(target)
    _settle_folder(target.parent)
    return result


def _write(batches: Iterable[pa.Table], out: BinaryIO, schema: pa.Schema, name: str) -> _HashedOutput:
    exporter: Exporter = registry.resolve("exporters", name)()
    hashed = _HashedOutput(out)
    exporter.write(hashed.counted(batches, schema), cast(BinaryIO, hashed), schema)
    return hashed


def _format_name(path: Path | None, given: str | None) -> str:
    known = registry.names("exporters")
    if given is not None:
        if given not in known:
            raise ExportError(f"unknown export format {given!r}; the formats are {', '.join(known)}")
        return given
    if path is None:
        raise ExportError("an export to a stream needs a format", hint=f"Say --format {'|'.join(known)}")
    for name in known:
        if path.name.lower().endswith(registry.resolve("exporters", name).suffixes):
            return name
    raise ExportError(
        f"cannot tell the format of {path} by its name", hint=f"End it in .{', .'.join(known)}, or say --format"
    )


def _checked(path: Path) -> Path:
    if path.is_dir():
        raise ExportError(f"{path} is a folder, not a file", hint="Name a file in it, for instance training_set.csv")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ExportError(f"there is no folder {folder} to write {path.name} to", hint="Make the folder first")
    return path


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            raise StorageError(
                f"{path} was not written: {reason}", hint="Free some space, or export to another disk"
            ) from error
        if error.errno in _REFUSED:
            raise StorageError(
                f"{path} cannot be written: {reason}", hint="Check the rights of its folder, or export elsewhere"
            ) from error
        raise ExportError(f"{path} was not written: {reason}") from error


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside ``path``, gone at the end unless it was renamed."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    # Opened by hand: the process's umask decides on the rights, as for any new file.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        # Without a buffer of its own: one that is full of bytes nobody wants would be flushed on closing.
        with os.fdopen(descriptor, "wb", buffering=0) as out:
            yield temporary, cast(BinaryIO, out)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write_all(out: BinaryIO, view: memoryview) -> None:
    # An unbuffered file may take less than it is given, for instance the last free bytes of a disk.
    while view:
        view = view[out.write(view) :]


def _settle(out: BinaryIO) -> None:
    """Durable on the disk, and closed: Windows renames no open file."""
    os.fsync(out.fileno())
    out.close()


def _settle_folder(folder: Path) -> None:
    # A rename is durable once its folder is; not every system lets one open a folder.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class _HashedOutput(io.RawIOBase):
    """Pass bytes on, hash and count them; count rows on the way."""

    def __init__(self, out: BinaryIO) -> None:
        super().__init__()
        self._out = out
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._rows = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._bytes

    def write(self, data: object) -> int:
        view = memoryview(cast(bytes, data)).cast("B")
        _write_all(self._out, view)
        self._hash.update(view)
        self._bytes += view.nbytes
        return view.nbytes

    def counted(self, batches: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
        """The batches as they go by."""
        for batch in batches:
            if not batch.schema.equals(schema, check_metadata=True):
                raise ValueError(f"a batch of {batch.schema.to_string()} in an export of {schema.to_string()}")
            self._rows += len(batch)
            yield batch

    def summary(self, path: Path | None, name: str, schema: pa.Schema) -> ExportedFile:
        """What was written."""
        columns = tuple((field.name, str(field.type)) for field in schema)
        return ExportedFile(path, name, self._rows, self._bytes, self._hash.hexdigest(), columns)
