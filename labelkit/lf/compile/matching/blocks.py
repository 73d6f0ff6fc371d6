"""Columns of text as contiguous bytes with separators, block by block, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from labelkit.lf.compile.matching.translate import SEPARATOR
from labelkit.types import IntArray

FIRST_BLOCK: Final = 1 << 18
"""Bytes of the first block: small, because it shows which patterns report too often."""
BLOCK: Final = 1 << 20
"""Bytes of the others: they stay in the processor's cache between being joined and being scanned."""
LONGEST: Final = 1 << 30
"""Bytes of the longest text that is put into a block."""


@dataclass(frozen=True, eq=False)
class Block:
    """Texts with a separator before, between and behind them.

    Parameters
    ----------
    data
        The bytes; empty if it stands for one text that is too long.
    starts
        Where each text begins in ``data``, shape (n,).
    rows
        The row of each text, shape (n,).
    """

    data: bytearray
    starts: IntArray
    rows: IntArray

    def rows_at(self, ends: IntArray) -> IntArray:
        """The rows in which matches end; ``ends`` as Hyperscan reports them, the byte behind."""
        rows: IntArray = self.rows[np.searchsorted(self.starts, ends - 1, side="right") - 1]
        return rows


def blocks(texts: pa.Array, rows: IntArray) -> Iterator[Block]:
    """Texts in blocks of bounded size.

    Parameters
    ----------
    texts
        Strings or bytes without nulls.
    rows
        The row of each.
    """
    values = _as_bytes(texts)
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    first, size = 0, FIRST_BLOCK
    while first < len(values):
        # At least one text; then as many as fit.
        last = max(int(np.searchsorted(offsets, offsets[first] + size, side="right")) - 1, first + 1)
        starts = offsets[first:last] - offsets[first] + np.arange(1, last - first + 1)
        if offsets[last] - offsets[first] > LONGEST:
            yield Block(bytearray(), starts, rows[first:last])
        else:
            yield Block(_joined(values[first:last]), starts, rows[first:last])
        first, size = last, BLOCK


def _as_bytes(texts: pa.Array) -> pa.Array:
    if pt.is_large_binary(texts.type):
        return texts
    return texts.cast(pa.binary() if pt.is_string(texts.type) else pa.large_binary()).cast(pa.large_binary())


def _joined(values: pa.Array) -> bytearray:
    whole = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
    joined = pc.binary_join(whole, pa.scalar(SEPARATOR, pa.large_binary()))[0].as_buffer()
    data = bytearray(len(joined) + 2)
    data[0] = data[-1] = SEPARATOR[0]
    data[1:-1] = memoryview(joined)
    return data
