"""CSV and TSV: Arrow's parser while all is well, the record reader where it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import ClassVar

import pyarrow as pa
import pyarrow.csv as pa_csv

from labelkit.errors import SourceError
from labelkit.sources.base import ENCODING_HINT, ItemSource, Position, Record, SourceOptions
from labelkit.sources.batches import Chunk, build_batch
from labelkit.sources.content import cell_tokens
from labelkit.sources.csv_quotes import QuoteCheckedReader
from labelkit.sources.csv_records import CsvRecord, CsvRecords
from labelkit.sources.inputs import Input, text_encoding, undecodable
from labelkit.sources.mapping import Roles
from labelkit.types import ItemBatch

_BLOCK_BYTES = 1 << 22
_OTHER_DELIMITERS = {";": "';'", "\t": "'\\t'", "|": "'|'", ",": "','"}
_SPELLED_DELIMITERS = {"\\t": "\t", "tab": "\t"}


class CsvSource(ItemSource):
    """Rows of a CSV file (RFC 4180; quoted cells may hold line breaks; the first record names the columns).

    Ids, texts, gold labels and splits are taken exactly as they stand. A further cell that is the
    canonical spelling of a number becomes that number (``7``, ``2.5``; not ``007``, ``1e3`` or ``2.50``),
    an empty one null, any other a string. A column without a name is called ``column_<place>``.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    def __init__(self, file: Input, options: SourceOptions) -> None:
        super().__init__(file, options)
        self.encoding = text_encoding(file, options.encoding)
        self.delimiter = _delimiter(file, options.delimiter)
        self._lines: dict[int, int] = {}
        with file.reading():
            self._columns = self._read_header()

    @property
    def columns(self) -> Sequence[str]:
        return self._columns

    @contextmanager
    def _records(self) -> Iterator[CsvRecords]:
        try:
            with self.file.open_text(self.encoding) as text:
                yield CsvRecords(text, self.delimiter)
        except UnicodeDecodeError as error:
            raise SourceError(f"{self.name} is not {self.options.encoding}: {error}", hint=ENCODING_HINT) from None

    def _read_header(self) -> list[str]:
        with self._records() as records:
            first_two = list(islice(records, 2))
        if not first_two:
            raise SourceError(f"{self.name} is empty", hint="It needs a header line and at least one row")
        header = first_two[0]
        if header.fault:
            raise SourceError(f"{self.name}, line {header.line}: {header.fault}", hint="Mend the header")
        self._check_characters(header)
        names = [name or f"column_{place}" for place, name in enumerate(header.cells, start=1)]
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise SourceError(
                f"{self.name}, line {header.line}: the header has two columns named {twice[0]!r}", hint="Rename one"
            )
        if len(first_two) == 1:
            raise SourceError(f"{self.name} has a header but no rows", hint="Check that it was written completely")
        return names

    def _column_hint(self) -> str:
        for other, spelled in _OTHER_DELIMITERS.items():
            if other != self.delimiter and len(self._columns) == 1 and other in self._columns[0]:
                return f"The columns look separated by {spelled}: say --delimiter {spelled}."
        return ""

    def _batches(self, roles: Roles) -> Iterator[ItemBatch]:
        done = 0
        if self.encoding == "utf-8-sig" and self.delimiter.isascii():
            try:
                for table in self._tables():
                    yield self._batch(roles, table.columns, range(done + 1, done + len(table) + 1))
                    done += len(table)
                return
            except pa.ArrowInvalid:
                # A row that Arrow cannot read or may misread, or one longer than its blocks: the record reader goes on
                # from here, and raises with the line if the row is bad indeed.
                pass
        yield from self._careful_batches(roles, done)

    def _tables(self) -> Iterator[pa.Table]:
        """The rows as string columns, ``batch_rows`` at a time, by Arrow's parser."""
        size = self.options.batch_rows
        with self.file.open() as raw:
            checked = QuoteCheckedReader(raw, self.delimiter)
            reader = pa_csv.open_csv(
                pa.PythonFile(checked, mode="r"),
                read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES),
                parse_options=pa_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                convert_options=pa_csv.ConvertOptions(
                    column_types={n: pa.string() for n in ["", *self._columns]}, strings_can_be_null=False
                ),
            )
            waiting: list[pa.RecordBatch] = []
            count = 0
            for block in reader:
                if checked.doubtful:
                    raise pa.ArrowInvalid("quotes to look at")
                waiting.append(block)
                count += len(block)
                while count > size:
                    table = pa.Table.from_batches(waiting)
                    yield table.slice(0, size).combine_chunks()
                    waiting, count = table.slice(size).to_batches(), count - size
            if count:
                yield pa.Table.from_batches(waiting).combine_chunks()

    def _careful_batches(self, roles: Roles, done: int) -> Iterator[ItemBatch]:
        """The rows after the first ``done``, one record at a time."""
        rows: list[int] = []
        cells: list[list[str]] = []
        self._lines = {}
        for row, record in self._sound_records(done):
            rows.append(row)
            cells.append(record.cells)
            self._lines[row] = record.line
            if len(rows) == self.options.batch_rows:
                yield self._batch(roles, _columns(cells), rows)
                rows, cells = [], []
                self._lines.clear()
        if rows:
            yield self._batch(roles, _columns(cells), rows)

    def _sound_records(self, done: int = 0) -> Iterator[tuple[int, CsvRecord]]:
        """(row number, record) of the rows after the first ``done`` that have the right number of cells."""
        width = len(self._columns)
        with self._records() as records:
            for row, record in enumerate(records):
                if row <= done:
                    continue
                problem = record.problem(width)
                if problem is not None:
                    self.set_aside(Position(row, record.line), problem)
                    records.resume_after_first_line(record)
                elif self._decoded(row, record):
                    yield row, record

    def _decoded(self, row: int, record: CsvRecord) -> bool:
        if _all_characters(record):
            return True
        if not self.options.skip_bad:
            self._check_characters(record)
        self.set_aside(Position(row, record.line), f"not {self.options.encoding}", hint=ENCODING_HINT)
        return False

    def _check_characters(self, record: CsvRecord) -> None:
        if _all_characters(record):
            return
        line, offset, byte = undecodable(self.file, self.encoding.removesuffix("-sig")) or (record.line, 0, 0)
        raise SourceError(
            f"{self.name}, line {line}: byte 0x{byte:02x} at offset {offset:,} is not {self.options.encoding}",
            hint=ENCODING_HINT,
        )

    def _batch(self, roles: Roles, arrays: Sequence[pa.Array], rows: range | list[int]) -> ItemBatch:
        by_name = {
            name: array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
            for name, array in zip(self._columns, arrays, strict=True)
        }
        ids = by_name[roles.id] if roles.id is not None else pa.array([self.made_id(row) for row in rows], pa.string())
        chunk = Chunk(
            ids=ids,
            texts=by_name[roles.text] if roles.text is not None else pa.array([""] * len(rows), pa.string()),
            has_text=roles.text is not None,
            golds=by_name[roles.gold] if roles.gold is not None else None,
            splits=by_name[roles.split] if roles.split is not None else None,
            names=roles.rest,
            tokens=[cell_tokens(by_name[name]) for name in roles.rest],
            rows=rows,
            problems={},
        )
        return build_batch(chunk, self.refuse)

    def expected_rows(self) -> int | None:
        """As :meth:`ItemSource.expected_rows`, without the header."""
        lines = super().expected_rows()
        return None if lines is None else lines - 1

    def position_of(self, row: int) -> Position:
        if row in self._lines:
            return Position(row, self._lines[row])
        with self._records() as records:
            record = next(islice(records, row, None), None)
        return Position(row, record.line if record else None)

    def records(self) -> Iterator[Record]:
        with self.file.reading():
            for row, record in self._sound_records():
                yield Record(Position(row, record.line), dict(zip(self._columns, record.cells, strict=True)))


def _columns(cells: list[list[str]]) -> list[pa.Array]:
    return [pa.array(column, pa.string()) for column in zip(*cells, strict=True)]


def _all_characters(record: CsvRecord) -> bool:
    # What could not be decoded came as lone surrogates, which no encoder takes.
    try:
        "".join(record.cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _delimiter(file: Input, given: str | None) -> str:
    if given is None:
        return "\t" if file.name.lower().removesuffix(".gz").endswith(".tsv") else ","
    delimiter = _SPELLED_DELIMITERS.get(given, given)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise SourceError(
            f"the delimiter {given!r} for {file.name} is not one character", hint="Say for instance ';' or '\\t'"
        )
    return delimiter
