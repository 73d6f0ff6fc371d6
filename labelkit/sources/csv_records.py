"""CSV one record at a time, with true line numbers: for headers, for bad rows, and to say where one is."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

_FIELD_LIMIT = 1 << 24
_LONGEST_RECORD = 100


@dataclass(frozen=True, slots=True)
class CsvRecord:
    """One record: its cells, its first and last line, and what is wrong with its quotes, if anything."""

    cells: list[str]
    line: int
    last_line: int
    fault: str | None = None

    def problem(self, width: int) -> str | None:
        """What is wrong with this record of a table with ``width`` columns, or None."""
        if self.fault is None and len(self.cells) == width:
            return None
        cells = f"{len(self.cells)} cell{'' if len(self.cells) == 1 else 's'}"
        spans = f" (the row runs to line {self.last_line}; is a quote not closed?)"
        problem = self.fault or f"{cells} where the header has {width}"
        return problem + (spans if self.last_line > self.line and "never closed" not in problem else "")


class CsvRecords:
    """Iterate over the records of a text with the standard library's parser; blank lines are no records.

    It reads what Arrow's parser reads (a test holds both equal), slower, but it knows the lines, and it
    does not guess what a quote in the middle of a quoted cell means. A bad record that ran away with the
    lines after it can be cut back to its first line with :meth:`resume_after_first_line`.
    """

    def __init__(self, text: TextIO, delimiter: str) -> None:
        # The standard library's limit (131,072 characters) is smaller than documents are; only ever raised.
        csv.field_size_limit(max(csv.field_size_limit(), _FIELD_LIMIT))
        self._text = text
        self._delimiter = delimiter
        self._pushed_back: deque[str] = deque()
        self._taken: list[str] = []
        self._line = 0
        self._reader = self._new_reader()

    def _new_reader(self) -> Iterator[list[str]]:
        self._ended = False
        return csv.reader(self._feed(), delimiter=self._delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        while self._pushed_back:
            self._line += 1
            line = self._pushed_back.popleft()
            self._taken.append(line)
            yield line
        for line in self._text:
            self._line += 1
            self._taken.append(line)
            yield line
        self._ended = True

    def __iter__(self) -> Iterator[CsvRecord]:
        while True:
            self._taken.clear()
            start = self._line + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield CsvRecord([], start, self._line, self._fault(error, start))
                continue
            if cells:
                yield CsvRecord(cells, start, self._line)

    def _fault(self, error: csv.Error, start: int) -> str:
        # The parser asks for lines beyond the end, or gathers a cell without end, only inside quotes.
        if self._ended or "limit" in str(error):
            return f"a quote opened in the row at line {start} is never closed"
        return "a quote inside a quoted cell is not doubled"

    def resume_after_first_line(self, record: CsvRecord) -> None:
        """Read on after the first line of the bad record just yielded, if it swallowed what may be rows.

        That is where its quotes are at fault or it runs over very many lines: elsewhere the lines of a
        bad row belong to it, and reading them as rows would make items of fragments.
        """
        lines = record.last_line - record.line + 1
        if lines > 1 and (record.fault is not None or lines > _LONGEST_RECORD):
            self._pushed_back.extendleft(reversed(self._taken[1:]))
            self._line = record.line
            self._reader = self._new_reader()
