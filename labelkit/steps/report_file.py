"""Where a report is written: checked first, then whole or not at all."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from labelkit.bulk.output import storage_errors
from labelkit.errors import ExportError

SUFFIXES: Final = (".html", ".htm")


def checked(path: Path) -> Path:
    """A place for a report. No project file, settings or data end in .html, so none is ever written over.

    Raises
    ------
    ExportError
        If the path has another ending, is no place for a file, or lies in a folder that does not exist.
    """
    if path.is_dir():
        raise ExportError(f"{path} is a folder, not a file", hint="Name a file in it, for instance report.html")
    if path.suffix.lower() not in SUFFIXES:
        raise ExportError(f"a report is HTML, and {path} does not end in .html", hint="Name it report.html, say")
    if path.exists() and not path.is_file():
        raise ExportError(f"{path} is not an ordinary file", hint="Give - to write to standard output")
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ExportError(f"there is no folder {folder} to write {path.name} to", hint="Make the folder first")
    return path


def write_whole(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, flush it to the disk, and only then give it its name.

    Raises
    ------
    StorageError
        If the disk is full or refuses the file; an earlier one stays as it was.
    """
    target = path.resolve() if path.is_symlink() else path  # a link stays a link
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    with storage_errors(path):
        try:
            with temporary.open("xb", buffering=0) as out:
                view = memoryview(data)
                while view:  # an unbuffered file may take less than it is given
                    view = view[out.write(view) :]
                os.fsync(out.fileno())
            temporary.replace(target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
