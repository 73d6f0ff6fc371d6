"""Human labels made elsewhere: rows of (item, annotator, label, time) from any format that items come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from labelkit.errors import SourceError
from labelkit.sources.base import BAD_ROW_HINT, ItemSource, Position, Record, SourceOptions
from labelkit.sources.batches import scalar_name
from labelkit.sources.inputs import Input
from labelkit.sources.mapping import closest_name, list_columns
from labelkit.sources.opening import source_of

_TIME_HINT: Final = "Write times as 2026-03-01T14:30:00Z"


@dataclass(frozen=True)
class _Columns:
    item: str
    annotator: str
    label: str
    time: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One annotation from a file.

    ``item`` is the owner's id, ``label`` the name or number of a class as written, ``at`` the time in
    UTC as ISO 8601 (``2026-03-01T14:30:00Z``), None where the file does not say.
    """

    position: Position
    item: str
    annotator: str
    label: str
    at: str | None
    comment: str | None

    @property
    def place(self) -> str:
        """Where the row stands, for messages: ``line 5``."""
        return str(self.position)


class Annotations:
    """Iterate over the annotations of a file; ``bad_rows`` and ``bad_count`` as in :class:`ItemSource`."""

    def __init__(self, source: ItemSource, columns: _Columns, annotator: str | None) -> None:
        self._source = source
        self._columns = columns
        self._annotator = annotator
        self._check_columns(source.columns)

    @property
    def name(self) -> str:
        """What messages call the file."""
        return self._source.name

    @property
    def bad_rows(self) -> list[str]:
        """The first rows that were set aside."""
        return self._source.bad_rows

    @property
    def bad_count(self) -> int:
        """How many rows were set aside."""
        return self._source.bad_count

    def _check_columns(self, columns: Sequence[str]) -> None:
        if not columns:  # a first line that is no object: reading it says so, with the line
            return
        for role in fields(self._columns):
            wanted = getattr(self._columns, role.name)
            optional = role.name in ("time", "comment") and wanted in (role.name, None)
            optional = optional or (role.name == "annotator" and self._annotator is not None)
            if wanted in columns or optional:
                continue
            closest = closest_name(wanted, columns)
            raise SourceError(
                f"{self.name}: no column {wanted!r}; the columns are {list_columns(columns)}",
                hint=(f"Did you mean {closest!r}? " if closest else "")
                + "Annotations need the columns item, annotator and label; time and comment may be there",
            )

    def __iter__(self) -> Iterator[AnnotationRow]:
        source = self._source
        source.bad_rows, source.bad_count = [], 0
        usable = False
        for record in source.records():
            try:
                row = self._row(record)
            except ValueError as problem:
                hint = _TIME_HINT if str(problem).startswith("the time") else BAD_ROW_HINT
                source.set_aside(record.position, str(problem), hint=hint)
                continue
            usable = True
            yield row
        if not usable:
            source.nothing_usable()

    def _row(self, record: Record) -> AnnotationRow:
        columns, values = self._columns, record.values
        annotator = _string(values.get(columns.annotator), "annotator") or self._annotator
        comment = values.get(columns.comment) if columns.comment is not None else None
        at = values.get(columns.time) if columns.time is not None else None
        return AnnotationRow(
            record.position,
            _given(_string(values.get(columns.item), "item"), "item"),
            _given(annotator, "annotator"),
            _given(_string(values.get(columns.label), "label"), "label"),
            utc_time(at),
            str(comment) if comment not in (None, "") else None,
        )


def _given(value: str | None, role: str) -> str:
    if not value:
        raise ValueError(f"the {role} is empty")
    return value


def _string(value: Any, role: str) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    name = value if isinstance(value, str) else scalar_name(value)
    if name is None:
        raise ValueError(f"the {role} {value!r} is not a string or an integer")
    return name


def utc_time(value: Any) -> str | None:
    """An ISO 8601 time (without an offset: UTC) → the same in UTC with ``Z``; empty → None.

    Raises
    ------
    ValueError
        If it is no such time.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        when = datetime.fromisoformat(value.strip())
        moment = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, AttributeError, OverflowError):
        raise ValueError(f"the time {value!r} is not an ISO 8601 time") from None
    return moment.isoformat().replace("+00:00", "Z")


def read_annotations(
    target: str | Path | IO[bytes],
    *,
    format: str | None = None,
    item: str = "item",
    annotator: str = "annotator",
    label: str = "label",
    time: str | None = "time",
    comment: str | None = "comment",
    default_annotator: str | None = None,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    skip_bad: bool = False,
    name: str | None = None,
) -> Annotations:
    """Open a file of annotations (item, annotator, label, and if there: time, comment).

    Parameters
    ----------
    item, annotator, label, time, comment
        Names of the columns. ``time`` and ``comment`` are used only if the file has them, unless they
        are called otherwise here.
    default_annotator
        Who made the annotations, for files (or rows) that do not say.

    Other parameters are those of :func:`~labelkit.sources.opening.open_source`.

    Returns
    -------
    Annotations
        Iterable of :class:`AnnotationRow`, in file order. Whether items and labels exist is for the
        project to say; ``row.position`` is where to point.

    Raises
    ------
    SourceError
        As for items: what is wrong, in which line, what to do.
    """
    file = Input(target, name=name)
    options = SourceOptions(encoding=encoding, delimiter=delimiter, skip_bad=skip_bad)
    columns = _Columns(item, annotator, label, time, comment)
    return Annotations(source_of(file, format, options), columns, default_annotator)
