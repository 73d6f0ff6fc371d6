"""What every source does alike: options, bad rows, and the way from checked columns to item batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from labelkit.errors import SourceError
from labelkit.sources.inputs import Input
from labelkit.sources.mapping import FieldMapping, Roles, resolve_roles
from labelkit.types import ItemBatch

_BLOCK: Final = 1 << 20
KEPT_BAD_ROWS: Final = 20
"""So many bad rows are kept with their reasons; the others are only counted."""

ENCODING_HINT: Final = "Say how the file is encoded, for instance --encoding cp1252"
BAD_ROW_HINT: Final = "Mend the row, or leave bad rows out with --skip-bad"


@dataclass(frozen=True)
class SourceOptions:
    """How to read a file; the same for all formats (those without delimiters take no notice of one)."""

    mapping: FieldMapping = field(default_factory=FieldMapping)
    make_ids: bool = False
    encoding: str = "utf-8"
    delimiter: str | None = None
    batch_rows: int = 20_000
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a row is: its 1-based number among the data rows and, in text files, its first line."""

    row: int
    line: int | None = None

    def __str__(self) -> str:
        return f"row {self.row}" if self.line is None else f"line {self.line}"


@dataclass(frozen=True, slots=True)
class Record:
    """One row as the file has it: column → value (strings from CSV, any JSON-like value elsewhere)."""

    position: Position
    values: dict[str, Any]


class ItemSource(ABC):
    """An input file as batches of items.

    Iterating starts at the first row each time. With ``skip_bad`` rows that cannot be items are set
    aside: :attr:`bad_count` says how many, :attr:`bad_rows` holds the first twenty, both as of the
    current iteration; otherwise the first one raises.

    A new format is a subclass with ``suffixes``, ``columns``, ``_batches`` and ``records``.

    Raises
    ------
    SourceError
        On opening or on iterating: whatever is wrong with the file, on one line, with its name, the
        line or row, and what to do.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """File-name endings of the format, with the dot, in lower case."""

    def __init__(self, file: Input, options: SourceOptions) -> None:
        if options.batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1, not {options.batch_rows}")
        self.file = file
        self.options = options
        self.bad_rows: list[str] = []
        self.bad_count = 0

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self.file.name

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Column names (for formats without a header, of the first row)."""

    @abstractmethod
    def _batches(self, roles: Roles) -> Iterator[ItemBatch]:
        """Item batches of at most ``batch_rows`` rows, in file order; bad rows go to :meth:`set_aside`."""

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Every sound row as a dictionary, whatever its columns mean; bad rows go to :meth:`set_aside`."""

    def roles(self) -> Roles:
        """The mapping, resolved against the columns.

        Raises
        ------
        SourceError
            If a column that must be there is missing.
        """
        options = self.options
        return resolve_roles(
            options.mapping, self.columns, make_ids=options.make_ids, where=self.name, aside=self._column_hint()
        )

    def _column_hint(self) -> str:
        return ""

    def __iter__(self) -> Iterator[ItemBatch]:
        roles = self.roles()
        self.bad_rows, self.bad_count = [], 0
        usable = False
        with self.file.reading():
            for batch in self._batches(roles):
                if len(batch):
                    usable = True
                    yield batch
        if not usable:
            self.nothing_usable()

    def nothing_usable(self) -> None:
        """Raise the error for an input of which every row was set aside."""
        raise SourceError(
            f"{self.name}: none of its {self.bad_count:,} rows can be used; {self.bad_rows[0]}",
            hint="Check the mapping of the columns and the encoding",
        )

    def set_aside(self, position: Position, reason: str, *, hint: str = BAD_ROW_HINT) -> None:
        """Count a bad row, or raise if bad rows are not to be skipped."""
        if not self.options.skip_bad:
            raise SourceError(f"{self.name}, {position}: {reason}", hint=hint)
        self.bad_count += 1
        if len(self.bad_rows) < KEPT_BAD_ROWS:
            self.bad_rows.append(f"{self.name}, {position}: {reason}")

    def expected_rows(self) -> int | None:
        """About how many rows there are, for a progress bar; None where finding out would cost a reading.

        For text the lines of the file: cells may hold line breaks, so it can be too many.
        """
        path = self.file.plain_path
        if path is None:
            return None
        lines = 0
        with self.file.reading(), path.open("rb") as raw:
            while block := raw.read(_BLOCK):
                lines += block.count(b"\n")
        return lines

    def position_of(self, row: int) -> Position:
        """Where a row is, by its number; formats with lines look it up."""
        return Position(row)

    def refuse(self, row: int, reason: str) -> None:
        """:meth:`set_aside` by row number; the line is looked up only for rows that are shown."""
        shown = not self.options.skip_bad or self.bad_count < KEPT_BAD_ROWS
        self.set_aside(self.position_of(row) if shown else Position(row), reason)

    def duplicate(self, item_id: str, row: int) -> SourceError:
        """The error for an id met a second time, in this row: it says where the first one is."""
        first = self.first_row_with_id(item_id, before_row=row)
        return SourceError(
            f"{self.name}, {self.position_of(row)}: the id {item_id!r} occurs twice"
            + (f"; it is in {first} already" if first else ""),
            hint="Ids must be unique: mend the file, or number its rows with --make-ids",
        )

    def first_row_with_id(self, item_id: str, *, before_row: int | None = None) -> Position | None:
        """Where an id stands first, for messages: the file is read again up to there; None if nowhere."""
        again = type(self)(self.file, self.options)
        column = again.roles().id
        for record in again.records():
            row = record.position.row
            if before_row is not None and row >= before_row:
                return None
            found = again.made_id(row) if column is None else record.values.get(column)
            if found is not None and str(found) == item_id:
                return record.position
        return None

    def made_id(self, row: int) -> str:
        """The id of a row of a file that has none: ``<file stem>-<row>``."""
        return f"{self.file.stem}-{row}"
