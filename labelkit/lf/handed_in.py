"""What users hand to :class:`labelkit.LFApplier`, as kernels read it: DataFrames, Arrow tables, lists of objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cached_property
from math import isnan
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from labelkit.errors import LabelingFunctionError
from labelkit.lf.compile.surrogates import text_array
from labelkit.lf.compile.view import ShardView, _one_array
from labelkit.lf.frame_rows import FRAME_NAMES, frame_rows
from labelkit.lf.shard import Shard
from labelkit.types import BoolArray, IntArray

_MISSING: Final = object()
_NO_TEXT: Final = (list, tuple, set, frozenset, dict, bytes, np.ndarray)
_UNCONVERTIBLE: Final = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, UnicodeError, OverflowError)


class HandedIn(Protocol):
    """Items of one kind."""

    @property
    def names(self) -> Sequence[str]:
        """The fields, as far as they are known."""
        ...

    def __len__(self) -> int: ...

    def take(self, rows: slice | IntArray) -> HandedIn:
        """Some of the items."""
        ...

    def ids(self) -> Sequence[Any]:
        """What messages call the items."""
        ...

    def has(self, name: str) -> bool:
        """Whether the items have a field."""
        ...

    def column(self, name: str) -> pa.ChunkedArray | pa.Array:
        """A field as Arrow holds it, missing values as null."""
        ...

    def rows(self) -> list[Any] | None:
        """What Python functions get; None for labelkit's own rows over the columns."""
        ...

    def differs(self, name: str, column: pa.Array) -> BoolArray | None:
        """Where the rows show something else in a field than its column holds; None for nowhere."""
        ...


class HandedInView(ShardView):
    """Items that came from the user's memory instead of a project file."""

    def __init__(self, items: HandedIn) -> None:
        self._items = items
        super().__init__(Shard(0, 0, _Columns(items)))

    @cached_property
    def ids(self) -> list[str]:
        """Entries of a DataFrame's index; the ``id`` of an Arrow table's row; else positions."""
        return [str(each) for each in self._items.ids()]

    def has(self, field: str) -> bool:
        """Whether the items have a field."""
        return self._items.has(field)

    def rows(self) -> list[Any]:
        """One row per item: of a DataFrame like its Series, of an Arrow table labelkit's own, else the objects."""
        made = self.once("handed in rows", self._items.rows)
        return super().rows() if made is None else made

    def part(self, rows: IntArray) -> HandedInView:
        """Some of the items as a view of their own, given by their positions in this one."""
        return HandedInView(self._items.take(rows))

    def differs(self, field: str) -> BoolArray | None:
        """Where rows show something else than a column holds; None for nowhere."""
        return self._items.differs(field, self.once(("column", field), lambda: _one_array(self._chosen(field))))


class _Columns:
    """Looks like a table; converts a column when it is asked for."""

    def __init__(self, items: HandedIn) -> None:
        self.column_names = list(items.names)
        self.num_rows = len(items)
        self._items = items

    @property
    def schema(self) -> pa.Schema:
        """Names and types of all columns; this converts them."""
        return pa.schema([(name, self.column(name).type) for name in self.column_names])

    def column(self, name: str) -> pa.ChunkedArray:
        """One column."""
        column = self._items.column(name)
        return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def handed_in(data: Any) -> HandedIn:
    """The items of a DataFrame, of an Arrow table, or of a list.

    Raises
    ------
    LabelingFunctionError
        If the data is of another kind, or has columns that cannot be told apart.
    """
    if isinstance(data, pd.DataFrame):
        _check_frame(data.columns)
        return _Frame(data)
    if isinstance(data, pd.Series):  # of objects; its Arrow stream is no table
        return _Objects(list(data))
    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    if not isinstance(data, pa.Table) and hasattr(data, "__arrow_c_stream__"):  # of Polars, DuckDB …
        data = pa.table(data)
    if isinstance(data, pa.Table):
        twice = sorted({name for name in data.column_names if data.column_names.count(name) > 1})
        if twice:
            raise LabelingFunctionError(f"the Arrow table has two columns named {twice[0]!r}", hint="Rename one")
        return _Table(data, np.arange(data.num_rows))
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        raise LabelingFunctionError(
            f"LFApplier needs a DataFrame, an Arrow table or a list of objects, not {type(data).__name__}"
        )
    return _Objects(list(data))


def _check_frame(columns: pd.Index) -> None:
    if isinstance(columns, pd.MultiIndex):
        raise LabelingFunctionError("the DataFrame has columns of several levels", hint="Give each column one name")
    twice = columns[columns.duplicated()]
    if len(twice):
        raise LabelingFunctionError(f"the DataFrame has two columns named {twice[0]!r}", hint="Rename one of them")


class _Frame:
    """Rows of a DataFrame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.names = [name for name in frame.columns if isinstance(name, str)]

    def __len__(self) -> int:
        return len(self._frame)

    def take(self, rows: slice | IntArray) -> _Frame:
        return _Frame(self._frame.iloc[rows])

    def ids(self) -> Sequence[Any]:
        return self._frame.index.tolist()

    def has(self, name: str) -> bool:
        return name in self.names

    def column(self, name: str) -> pa.ChunkedArray | pa.Array:
        series = self._frame[name]
        try:
            return pa.Array.from_pandas(series)
        except _UNCONVERTIBLE:
            return _converted(name, series.astype(object).tolist())

    def rows(self) -> list[Any]:
        return list(frame_rows(self._frame))

    def differs(self, name: str, column: pa.Array) -> BoolArray | None:
        kind = self._frame[name].dtype
        whole = np.ones(len(self), dtype=np.bool_)
        if name in FRAME_NAMES or all(_is_number(each) for each in self._frame.dtypes):
            return whole  # what a Series has itself; numpy's numbers of the common type
        if kind.kind == "O" and isinstance(kind, np.dtype):
            values = self._frame[name].tolist()
            plain = {type(None), _PYTHON.get(column.type)}
            if plain.issuperset(map(type, values)):
                return None
            return np.array([type(value) not in plain for value in values], dtype=np.bool_)
        if not (_is_number(kind) or pd.api.types.is_string_dtype(kind)) or column.type not in _PYTHON:
            return whole
        return np.asarray(column.is_null()) if column.null_count else None  # shown as NaN or <NA>


_PYTHON: Final[Mapping[pa.DataType, type]] = {
    pa.string(): str, pa.large_string(): str, pa.string_view(): str, pa.int64(): int, pa.float64(): float,
    pa.bool_(): bool,
}  # fmt: skip


def _is_number(kind: Any) -> bool:
    return isinstance(kind, np.dtype) and kind.kind in "biuf"


class _Table:
    """Rows of an Arrow table, with their positions in the whole."""

    def __init__(self, table: pa.Table, positions: IntArray) -> None:
        self._table = table
        self._positions = positions
        self.names = table.column_names

    def __len__(self) -> int:
        return len(self._positions)

    def take(self, rows: slice | IntArray) -> _Table:
        part = (
            self._table.slice(rows.start, rows.stop - rows.start) if isinstance(rows, slice) else self._table.take(rows)
        )
        return _Table(part, self._positions[rows])

    def ids(self) -> Sequence[Any]:
        ids: list[Any] = self._table.column("id").to_pylist() if "id" in self.names else self._positions.tolist()
        return ids

    def has(self, name: str) -> bool:
        return name in self.names

    def column(self, name: str) -> pa.ChunkedArray:
        return self._table.column(name)

    def rows(self) -> None:
        return None

    def differs(self, name: str, column: pa.Array) -> None:
        return None


class _Objects:
    """Objects of any kind; functions get them as they are."""

    def __init__(self, objects: list[Any], positions: IntArray | None = None) -> None:
        self._objects = objects
        self._positions = np.arange(len(objects)) if positions is None else positions
        self.names = _fields_of(objects[0]) if objects else []

    def __len__(self) -> int:
        return len(self._objects)

    def take(self, rows: slice | IntArray) -> _Objects:
        some = self._objects[rows] if isinstance(rows, slice) else [self._objects[row] for row in rows.tolist()]
        return _Objects(some, self._positions[rows])

    def ids(self) -> Sequence[Any]:
        return self._positions.tolist()

    def has(self, name: str) -> bool:
        return any(_field(each, name) is not _MISSING for each in self._objects)

    def column(self, name: str) -> pa.Array:
        values = [_field(each, name) for each in self._objects]
        return _converted(name, [None if value is _MISSING else value for value in values])

    def rows(self) -> list[Any]:
        return self._objects

    def differs(self, name: str, column: pa.Array) -> BoolArray:
        return np.ones(len(self), dtype=np.bool_)  # an attribute may be no key, and anything may be a property


def _converted(name: str, values: list[Any]) -> pa.Array:
    """Python objects as Arrow holds them; of several types as text, since one column has one type."""
    try:
        return pa.array(values, from_pandas=True)
    except _UNCONVERTIBLE:
        pass
    if any(isinstance(value, _NO_TEXT) for value in values):  # no type that a declared function reads
        return pa.array([None if _is_missing(value) else [] for value in values], pa.list_(pa.null()))
    return text_array([None if _is_missing(value) else str(value) for value in values])


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and isnan(value))


def _fields_of(item: Any) -> list[str]:
    """Names of the fields of an object: keys, or attributes."""
    if isinstance(item, (Mapping, pd.Series)):
        return [name for name in item.keys() if isinstance(name, str)]  # noqa: SIM118 (iterating a Series gives values)
    if is_dataclass(item):
        return [field.name for field in fields(item)]
    if hasattr(item, "_fields"):
        return list(item._fields)
    slots = [name for kind in type(item).__mro__ for name in getattr(kind, "__slots__", ())]
    return [name for name in (*slots, *getattr(item, "__dict__", ())) if not name.startswith("_")]


def _field(item: Any, name: str) -> Any:
    if isinstance(item, (Mapping, pd.Series)):
        return item.get(name, _MISSING)
    return getattr(item, name, _MISSING)
