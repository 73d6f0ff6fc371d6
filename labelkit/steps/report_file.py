"""Where a report is written: checked first, then whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from labelkit.bulk.output import storage_errors, write_whole
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


def write_report_file(path: Path, data: bytes) -> None:
    """Write a report whole or not at all.

    Raises
    ------
    StorageError
        If the disk is full or refuses the file; an earlier one stays as it was.
    """
    with storage_errors(path):
        write_whole(path.resolve() if path.is_symlink() else path, data)  # a link stays a link
