"""Whether a CSV file's quotes are as they should be, checked on its bytes while they pass by."""

from __future__ import annotations

import codecs
import io
from typing import BinaryIO, Final

import numpy as np

_QUOTE: Final = ord('"')


class QuoteCheckedReader(io.RawIOBase):
    """Pass a UTF-8 CSV stream on to a parser and watch its quotes.

    Arrow's parser takes a quote that is never closed for one closed by the end of the file, and text
    after a closing quote for part of the cell: an open quote then makes one wrong row of two. Written
    properly, quotes alternate: an opening one comes after a delimiter, a line break or (doubled) a
    closing one, a closing one before these or the end. :attr:`doubtful` turns true with the first block
    in which they do not; that may still be harmless (``5" pipe`` in a bare cell), so the record reader
    looks again.
    """

    def __init__(self, raw: BinaryIO, delimiter: str) -> None:
        super().__init__()
        self.doubtful = False
        self._raw = raw
        self._edge = np.zeros(256, dtype=np.bool_)
        self._edge[[ord(delimiter), ord("\n"), ord("\r"), _QUOTE]] = True
        self._last = ord("\n")
        self._inside = False
        self._at_start = True

    def readable(self) -> bool:
        """Always: this is a stream to read from."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes of the stream, looked at."""
        data = self._raw.read(size)
        if data:
            self._look(data.removeprefix(codecs.BOM_UTF8) if self._at_start else data)
            self._at_start = False
        elif self._inside:
            self.doubtful = True
        return data

    def _look(self, data: bytes) -> None:
        # One byte of the block before goes along, so that every quote but a last one has both neighbours.
        block = np.frombuffer(bytes([self._last]) + data, dtype=np.uint8)
        quotes = np.flatnonzero(block == _QUOTE)
        if len(quotes) and quotes[0] == 0:
            if not self._inside and not self._edge[block[1]]:
                self.doubtful = True
            quotes = quotes[1:]
        opening, closing = quotes[int(self._inside) :: 2], quotes[int(not self._inside) :: 2]
        followed = closing[closing < len(block) - 1] + 1
        if not (self._edge[block[opening - 1]].all() and self._edge[block[followed]].all()):
            self.doubtful = True
        self._inside ^= bool(len(quotes) % 2)
        self._last = int(block[-1])
