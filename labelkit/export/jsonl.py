"""JSON Lines: one object a row, keys in the order of the columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, ClassVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.errors import ExportError
from labelkit.export.base import Exporter, is_json, without_nan

_ROWS_AT_ONCE = 8_192


class JsonlExporter(Exporter):
    """UTF-8, one compact JSON object on each line; null where there is no value (also for NaN).

    Columns marked as JSON texts are embedded as they are, so nested fields come out nested. Numbers
    are in the shortest spelling that reads back as the same number.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def write(self, batches: Iterable[pa.Table], out: BinaryIO, schema: pa.Schema) -> None:
        names = schema.names
        readers = [_reader(field) for field in schema]
        option = orjson.OPT_APPEND_NEWLINE
        for batch in batches:
            for start in range(0, len(batch), _ROWS_AT_ONCE):
                part = batch.slice(start, _ROWS_AT_ONCE)
                columns = [read(column) for read, column in zip(readers, part.columns, strict=True)]
                rows = zip(*columns, strict=True)
                out.write(b"".join([orjson.dumps(dict(zip(names, row, strict=True)), option=option) for row in rows]))


def _reader(field: pa.Field) -> Callable[[pa.ChunkedArray], list[Any]]:
    if is_json(field):
        return _embedded
    if pa.types.is_floating(field.type):
        return lambda column: _numbers(field.name, column)
    return lambda column: list(column.to_pylist())


def _embedded(column: pa.ChunkedArray) -> list[Any]:
    return [None if text is None else orjson.Fragment(text) for text in column.to_pylist()]


def _numbers(name: str, column: pa.ChunkedArray) -> list[Any]:
    if pc.any(pc.fill_null(pc.is_inf(column), False)).as_py():
        raise ExportError(
            f"column {name!r} holds an infinite number, which JSON cannot say", hint="Export to Parquet or CSV"
        )
    # The shortest spelling of a float32 (0.1), not of the float64 next to it (0.10000000149011612).
    wide = column if pa.types.is_float64(column.type) else column.cast(pa.string()).cast(pa.float64())
    return list(without_nan(wide).to_pylist())
