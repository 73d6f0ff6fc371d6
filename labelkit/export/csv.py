"""CSV as RFC 4180 has it, but with bare line feeds."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import BinaryIO, ClassVar, Final

import pyarrow as pa
import pyarrow.compute as pc

from labelkit.export.base import Exporter, without_nan

_ROWS_AT_ONCE: Final = 8_192
_NEEDS_QUOTES: Final = r'[",\r\n]'


class CsvExporter(Exporter):
    """UTF-8 without a mark, commas, cells quoted only where they must be, lines ended by a line feed.

    Null (also a missing number) and the empty string are both an empty cell: the format cannot tell
    them apart. Booleans are ``true`` and ``false``, numbers in their shortest spelling that reads back
    as the same number. Readers that take words such as NA for missing must be told not to.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv",)

    def write(self, batches: Iterable[pa.Table], out: BinaryIO, schema: pa.Schema) -> None:
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(schema.names)
        out.write(header.getvalue().encode())
        for batch in batches:
            for start in range(0, len(batch), _ROWS_AT_ONCE):
                part = batch.slice(start, _ROWS_AT_ONCE).combine_chunks()
                cells: list[object] = []
                for column in part.columns:
                    cells += [",", _cells(column)] if cells else [_cells(column)]
                lines = pc.binary_join_element_wise(*cells, "\n", "", null_handling="replace", null_replacement="")
                for chunk in lines.chunks:
                    out.write("".join(chunk.to_pylist()).encode())


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = without_nan(column).cast(pa.string())
    if not pa.types.is_string(column.type) and not pa.types.is_large_string(column.type):
        return text
    special = pc.match_substring_regex(text, _NEEDS_QUOTES)
    if not pc.any(special).as_py():
        return text
    quoted = pc.binary_join_element_wise('"', pc.replace_substring(text, '"', '""'), '"', "")
    return pc.if_else(special, quoted, text)
