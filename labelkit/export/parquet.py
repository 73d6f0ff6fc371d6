"""Parquet: typed columns, compressed, row groups of a fixed size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, ClassVar, Final

import pyarrow as pa
import pyarrow.parquet as pq

from labelkit.export.base import Exporter, rechunked
from labelkit.types import SHARD_SIZE

_COMPRESSION: Final = "zstd"
_LEVEL: Final = 3


class ParquetExporter(Exporter):
    """Format version 2.6, zstd, row groups of 65,536 rows however the batches are cut.

    Columns keep the types of the schema; the file holds no time of writing and no path.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def write(self, batches: Iterable[pa.Table], out: BinaryIO, schema: pa.Schema) -> None:
        with pq.ParquetWriter(
            pa.PythonFile(out, mode="w"),
            schema,
            version="2.6",
            compression=_COMPRESSION,
            compression_level=_LEVEL,
            write_statistics=True,
        ) as writer:
            for table in rechunked(batches, schema, SHARD_SIZE):
                writer.write_table(table.combine_chunks(), row_group_size=SHARD_SIZE)
