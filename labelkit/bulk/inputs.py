"""Which Parquet files an input has, what they hold, and which of them cannot be used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from labelkit.bulk.location import Location, reason_of
from labelkit.errors import SourceError

SUFFIXES: Final = (".parquet", ".pq", ".parq")
_MAGIC: Final = b"PAR1"
_FOOTER_TAIL: Final = 8
_SMALLEST: Final = 12
_AT_ONCE: Final = 16
"""Files looked at together: on remote file systems each is several round trips."""


@dataclass(frozen=True)
class InputFile:
    """A Parquet file as its footer describes it.

    Parameters
    ----------
    path
        Relative to the input folder, with slashes; the name alone for a single file.
    size, mtime_ns
        Bytes, and time of the last change (0 where the file system has none).
    footer
        SHA-256 of the footer: offsets, sizes and statistics of all column chunks.
    rows
        Number of rows.
    columns
        (name, Arrow type) in order.
    row_groups
        (rows, uncompressed bytes) of each.
    """

    path: str
    size: int
    mtime_ns: int
    footer: str
    rows: int
    columns: tuple[tuple[str, str], ...]
    row_groups: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class BadFile:
    """A file that cannot be used, and why."""

    path: str
    problem: str


@dataclass(frozen=True)
class Inputs:
    """What there is to read, in order of path.

    Parameters
    ----------
    schema
        The Arrow schema that the files share.
    ignored
        Files that are not called like Parquet files and were not looked at.
    """

    location: Location
    files: tuple[InputFile, ...]
    bad: tuple[BadFile, ...]
    schema: pa.Schema
    schemas: Mapping[str, pa.Schema] = field(repr=False)
    ignored: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all files that can be used."""
        return sum(file.rows for file in self.files)

    def agreeing(self, columns: Iterable[str]) -> Inputs:
        """The same input, with the files that differ from the shared schema in these columns among the bad."""
        names = set(columns)
        found = [(file, _difference(self.schemas[file.path], self.schema, names)) for file in self.files]
        bad = [*self.bad, *(BadFile(file.path, problem) for file, problem in found if problem is not None)]
        good = tuple(file for file, problem in found if problem is None)
        return replace(self, files=good, bad=tuple(sorted(bad, key=lambda one: one.path)))


@dataclass(frozen=True)
class _Looked:
    """A file whose footer was read; ``schema`` is not part of its identity."""

    file: InputFile
    schema: pa.Schema = field(compare=False)


def look_at(location: Location) -> Inputs:
    """List the Parquet files of a folder (with its subfolders) or take a single file, and read all footers.

    The columns that most files have are the shared schema; see :meth:`Inputs.agreeing`. Names that begin
    with ``_`` or ``.`` are left out, as everywhere with Parquet folders.

    Raises
    ------
    SourceError
        If the place cannot be read, or has no Parquet file that can be used.
    """
    found, ignored = _listed(location)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        looked = list(pool.map(lambda one: _look(location, *one), found))
    good = [one for one in looked if isinstance(one, _Looked)]
    bad = tuple(one for one in looked if isinstance(one, BadFile))
    if not good:
        more = f" (and {len(bad) - 1} more files)" if len(bad) > 1 else ""
        raise SourceError(f"{bad[0].path} {bad[0].problem}{more}; no file of {location.text} can be used")
    schemas = {one.file.path: one.schema for one in good}
    return Inputs(location, tuple(one.file for one in good), bad, _shared_schema(good), schemas, tuple(ignored))


def path_in(location: Location, file: str) -> tuple[Any, str]:
    """The file system, and the full path of a file of the input."""
    system, root = location.open()
    return system, root if _is_file(location) else f"{root}/{file}"


@lru_cache(maxsize=8)
def _is_file(location: Location) -> bool:
    from pyarrow.fs import FileType

    system, root = location.open()
    return bool(system.get_file_info(root).type == FileType.File)


def _listed(location: Location) -> tuple[list[tuple[str, Any]], list[str]]:
    """(relative path, Arrow's file information) of the Parquet files, and the paths of the others."""
    from pyarrow.fs import FileSelector, FileType

    system, root = location.open()
    try:
        info = system.get_file_info(root)
        if info.type == FileType.NotFound:
            raise SourceError(f"there is no {location.text}", hint="Give a folder, a file or a URL of Parquet")
        if info.type == FileType.File:
            return [(PurePosixPath(root).name, info)], []
        infos = system.get_file_info(FileSelector(root, recursive=True))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"{location.text} cannot be listed: {reason_of(error)}") from error
    parquet, others = [], []
    for one in infos:
        path = PurePosixPath(one.path).relative_to(root)
        if one.type == FileType.Directory or any(part.startswith((".", "_")) for part in path.parts):
            continue
        if path.suffix.lower() in SUFFIXES:
            parquet.append((str(path), one))
        else:
            others.append(str(path))
    if not parquet:
        shown = f"; it has {', '.join(sorted(others)[:3])}{' …' if len(others) > 3 else ''}" if others else ""
        raise SourceError(
            f"{location.text} has no Parquet file{shown}", hint=f"Files have to end in {', '.join(SUFFIXES)}"
        )
    return sorted(parquet), sorted(others)


def _look(location: Location, path: str, info: Any) -> _Looked | BadFile:
    """A file's footer, or what is wrong with it."""
    system, _ = location.open()
    size = int(info.size or 0)
    if size == 0:
        return BadFile(path, "is empty")
    try:
        with system.open_input_file(info.path) as raw:
            if raw.read_at(4, 0) != _MAGIC:
                return BadFile(path, "is no Parquet file")
            tail = raw.read_at(_FOOTER_TAIL, max(0, size - _FOOTER_TAIL))
            if size < _SMALLEST or tail[4:] != _MAGIC:
                return BadFile(path, "is cut off: the end of the Parquet file is missing")
            length = int.from_bytes(tail[:4], "little")
            footer = raw.read_at(length, max(0, size - _FOOTER_TAIL - length))
            raw.seek(0)
            metadata = pq.read_metadata(raw)
            schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        return BadFile(path, f"is damaged: {reason_of(error)}")
    twice = [name for name, count in Counter(schema.names).items() if count > 1]
    if twice:
        return BadFile(path, f"has two columns named {twice[0]!r}")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    file = InputFile(
        path=path,
        size=size,
        mtime_ns=int(info.mtime_ns or 0),
        footer=hashlib.sha256(footer).hexdigest(),
        rows=int(metadata.num_rows),
        columns=tuple((f.name, str(f.type)) for f in schema),
        row_groups=tuple((int(group.num_rows), int(group.total_byte_size)) for group in groups),
    )
    return _Looked(file, schema)


def _shared_schema(files: Sequence[_Looked]) -> pa.Schema:
    """The schema that most files have; of equally many, that of the first file."""
    counts = Counter(one.file.columns for one in files)
    most = max(counts.values())
    return next(one.schema for one in files if counts[one.file.columns] == most)


def _difference(schema: pa.Schema, shared: pa.Schema, wanted: set[str]) -> str | None:
    """What a file's columns lack or have otherwise, in words; None where it can be read with the others."""
    here = {f.name: f.type for f in schema if f.name in wanted}
    there = {f.name: f.type for f in shared if f.name in wanted}
    problems = [f"lacks the column {name!r}" for name in there if name not in here]
    problems += [
        f"has {here[name]} in the column {name!r}, where the other files have {there[name]}"
        for name in here
        if name in there and kind_of(here[name]) != kind_of(there[name])
    ]
    return None if not problems else " and ".join(problems[:3])


def kind_of(kind: pa.DataType) -> str:
    """A type as far as labeling functions can tell: all strings are one kind, all integers another."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if is_text(kind):
        return "text"
    return "integer" if pa.types.is_integer(kind) else str(kind)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds strings, also as a dictionary."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
