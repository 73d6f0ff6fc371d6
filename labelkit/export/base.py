"""What every exporter is: batches of one schema in, bytes out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import BinaryIO, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

JSON_KEY: Final = b"labelkit"
JSON_VALUE: Final = b"json"


class Exporter(ABC):
    """Write tables in one format.

    A new format is a subclass with ``suffixes`` and ``write``. The bytes must depend on the schema and
    the rows only: not on time, place, or how the rows are cut into batches.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """File-name endings of the format, with the dot, in lower case."""

    @abstractmethod
    def write(self, batches: Iterable[pa.Table], out: BinaryIO, schema: pa.Schema) -> None:
        """Write all batches, in order.

        Parameters
        ----------
        batches
            Tables in ``schema``; there may be none. They are written one at a time.
        out
            Where to; it is neither sought nor closed.
        """


def is_json(field: pa.Field) -> bool:
    """Whether a column of strings is marked to hold JSON texts (field metadata ``labelkit: json``)."""
    return bool(field.metadata) and field.metadata.get(JSON_KEY) == JSON_VALUE


def without_nan(array: pa.ChunkedArray) -> pa.ChunkedArray:
    """Missing numbers as nulls, which all formats can say, instead of NaN."""
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.fill_null(pc.is_nan(array), False), None, array)


def rechunked(batches: Iterable[pa.Table], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of ``rows`` rows each (the last may be shorter)."""
    waiting: list[pa.Table] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += len(batch)
        while count >= rows:
            together = pa.concat_tables(waiting)
            yield together.slice(0, rows)
            waiting, count = [together.slice(rows)], count - rows
    if count:
        yield pa.concat_tables(waiting)
