"""Shards: pieces of Parquet files of bounded size, planned from the footers, read one at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from labelkit.bulk.inputs import InputFile, path_in
from labelkit.bulk.location import Location, reason_of
from labelkit.errors import SourceError
from labelkit.types import SHARD_SIZE

SHARD_BYTES: Final = 32 << 20
"""Uncompressed bytes that a shard should not go beyond, so that long texts do not fill the memory."""

_BUFFER: Final = 1 << 20
"""Bytes read at a time from a column chunk: a row group of any size is never held as a whole."""


@dataclass(frozen=True)
class InputShard:
    """Consecutive rows of one file.

    Parameters
    ----------
    number
        Position among all shards of the input.
    first_item
        Position of its first row among all rows of the input.
    file
        Where the rows are.
    groups
        Row groups that are read as a whole; one only if ``skip`` or a part of it is meant.
    skip
        Rows of that row group before the first.
    first_row
        Position of the first row in the file.
    rows
        Number of rows.
    """

    number: int
    first_item: int
    file: InputFile
    groups: tuple[int, ...]
    skip: int
    first_row: int
    rows: int

    @property
    def identity(self) -> str:
        """What the rows are, wherever the file stands among others: SHA-256 in hexadecimal digits."""
        file = self.file
        parts = (file.path, file.size, file.mtime_ns, file.footer, self.groups, self.skip, self.rows)
        return hashlib.sha256(repr(parts).encode()).hexdigest()

    @property
    def place(self) -> str:
        """The rows in words, for messages."""
        return f"{self.file.path}, rows {self.first_row + 1:,} to {self.first_row + self.rows:,}"


def plan_shards(files: Sequence[InputFile]) -> list[InputShard]:
    """Shards of all files, in order of file and row.

    Small row groups are put together, large ones are cut: a shard has at most 65,536 rows and, as far as
    the average size of a row tells, 32 MiB. The plan depends on nothing but the files.
    """
    shards: list[InputShard] = []
    first_item = 0
    for file in files:
        for shard in _of_file(file):
            shards.append(replace(shard, number=len(shards), first_item=first_item))
            first_item += shard.rows
    return shards


def _of_file(file: InputFile) -> Iterator[InputShard]:
    first_row = 0
    pending: list[int] = []
    rows = size = 0

    def whole() -> InputShard:
        return InputShard(0, 0, file, tuple(pending), 0, first_row - rows, rows)

    for number, (group_rows, group_bytes) in enumerate(file.row_groups):
        fits = rows + group_rows <= SHARD_SIZE and size + group_bytes <= SHARD_BYTES
        if pending and not fits:
            yield whole()
            pending, rows, size = [], 0, 0
        limit = min(SHARD_SIZE, max(1, SHARD_BYTES * group_rows // max(group_bytes, 1)))
        if group_rows <= limit:
            if group_rows:
                pending.append(number)
            rows, size, first_row = rows + group_rows, size + group_bytes, first_row + group_rows
            continue
        for skip in range(0, group_rows, limit):
            taken = min(limit, group_rows - skip)
            yield InputShard(0, 0, file, (number,), skip, first_row, taken)
            first_row += taken
    if pending:
        yield whole()


class ShardReader:
    """Reads shards; large row groups are gone through once as long as their shards come in order.

    One reader serves one process. Use it as a context manager, or call :meth:`close`.

    Parameters
    ----------
    location
        The input.
    columns
        Names of the columns to read; all if None.
    """

    def __init__(self, location: Location, columns: Sequence[str] | None) -> None:
        self._location = location
        self._columns = None if columns is None else list(columns)
        self._file: InputFile | None = None
        self._source: Any = None
        self._parquet: Any = None
        self._group = -1
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._left = pa.table({})
        self._position = 0

    def read(self, shard: InputShard) -> pa.Table:
        """The rows of a shard.

        Raises
        ------
        SourceError
            If the file is damaged, gone, or another one than was planned with.
        """
        try:
            parquet = self._opened(shard.file)
            if shard.skip == 0 and shard.rows == sum(shard.file.row_groups[group][0] for group in shard.groups):
                table = parquet.read_row_groups(list(shard.groups), columns=self._columns, use_threads=False)
            else:
                table = self._slice(parquet, shard)
            table.validate(full=True)  # a damaged page, or a careless writer: strings that are not UTF-8
        except (pa.ArrowException, OSError, UnicodeDecodeError, StopIteration) as error:
            self.close()
            raise SourceError(f"{shard.place}: the Parquet file is damaged: {reason_of(error)}") from error
        if table.num_rows != shard.rows:
            raise SourceError(f"{shard.place}: {table.num_rows:,} rows were found")
        return table

    def close(self) -> None:
        """Close the file that is open."""
        if self._source is not None:
            with suppress(OSError):
                self._source.close()
        self._file, self._source, self._parquet, self._group = None, None, None, -1
        self._batches, self._left = iter(()), pa.table({})

    def __enter__(self) -> ShardReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, file: InputFile) -> Any:
        system, path = path_in(self._location, file.path)
        info = system.get_file_info(path)
        if (int(info.size or 0), int(info.mtime_ns or 0)) != (file.size, file.mtime_ns):
            self.close()
            raise SourceError(f"{file.path} changed while it was worked on", hint="Run the same command again")
        if self._file != file:
            self.close()
            self._source = system.open_input_file(path)
            self._parquet = pq.ParquetFile(self._source, buffer_size=_BUFFER, pre_buffer=False)
            self._file = file
        return self._parquet

    def _slice(self, parquet: Any, shard: InputShard) -> pa.Table:
        """Rows of one large row group: reading goes on where it stopped, and begins anew only to go back."""
        (group,) = shard.groups
        if self._group != group or self._position > shard.skip:
            self._batches = parquet.iter_batches(
                batch_size=min(shard.rows, SHARD_SIZE), row_groups=[group], columns=self._columns, use_threads=False
            )
            self._group, self._position, self._left = group, 0, pa.table({})
        taken: list[pa.Table] = []
        end = shard.skip + shard.rows
        while self._position < end:
            if self._left.num_rows == 0:
                self._left = pa.Table.from_batches([next(self._batches)])
            piece = self._left.slice(0, end - self._position)
            self._left = self._left.slice(piece.num_rows)
            before = max(0, min(piece.num_rows, shard.skip - self._position))
            self._position += piece.num_rows
            if before < piece.num_rows:
                taken.append(piece.slice(before))
        return pa.concat_tables(taken)
