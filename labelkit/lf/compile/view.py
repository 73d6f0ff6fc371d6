"""One shard as kernels read it; what several functions need is made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cached_property
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.types as pt

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import LabelingFunction, describe
from labelkit.lf.compile.surrogates import LooseText, text_array
from labelkit.lf.rows import Row, make_rows
from labelkit.lf.shard import Shard
from labelkit.types import BoolArray, IntArray

_T = TypeVar("_T")
_OFFSET_LIMIT = 2**31 - 1


class ShardView:
    """The items of a shard, or some of them, as columns, texts and rows.

    Parameters
    ----------
    shard
        The items.
    rows
        Positions to look at; all by default.
    """

    def __init__(self, shard: Shard, rows: IntArray | None = None) -> None:
        self._table = shard.table
        self._rows = None if rows is None else pa.array(rows, pa.int64())
        self.size: int = shard.table.num_rows if rows is None else len(rows)
        self._made: dict[Hashable, Any] = {}

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """A value that is made at the first call with this key."""
        if key not in self._made:
            self._made[key] = make()
        made: _T = self._made[key]
        return made

    @cached_property
    def ids(self) -> list[str]:
        """The owner's ids of the items."""
        ids: list[str] = self._chosen("id").to_pylist()
        return ids

    def has(self, field: str) -> bool:
        """Whether the items have a field."""
        return field in self._table.column_names

    def column(self, field: str, function: LabelingFunction) -> pa.Array:
        """A field of all items as one array, dictionaries decoded.

        Raises
        ------
        LabelingFunctionError
            If the items have no such field.
        """
        if not self.has(field):
            raise LabelingFunctionError(
                f"{describe(function)} reads the field {field!r}; "
                f"the fields of the items are {', '.join(self._table.column_names)}"
            )
        return self.once(("column", field), lambda: _one_array(self._chosen(field)))

    def texts(self, field: str, function: LabelingFunction) -> list[str | None]:
        """A field as Python strings, None where missing; numbers and dates as :class:`str` writes them.

        Raises
        ------
        LabelingFunctionError
            If there is no such field, or it holds lists, objects or bytes.
        """
        column = self.column(field, function)
        if not is_scalar(column.type):
            raise LabelingFunctionError(f"{describe(function)} needs text in {field!r}, which holds {column.type}")
        return self.once(("texts", field), lambda: _as_texts(column))

    def some_texts(self, field: str, rows: IntArray, function: LabelingFunction) -> list[str]:
        """The texts of some rows that have a value; cheap for few rows.

        Raises
        ------
        LabelingFunctionError
            As :meth:`texts`.
        """
        column = self.column(field, function)
        if is_text(column.type) and 4 * len(rows) < self.size and ("texts", field) not in self._made:
            few: list[str] = column.take(pa.array(rows)).to_pylist()
            return few
        texts = self.texts(field, function)
        return [text for row in rows.tolist() if (text := texts[row]) is not None]

    def searchable(self, field: str, function: LabelingFunction) -> pa.Array:
        """A field as UTF-8: strings, or ``large_binary`` where texts hold lone surrogates.

        Raises
        ------
        LabelingFunctionError
            As :meth:`texts`.
        """
        column = self.column(field, function)
        if is_text(column.type):
            return column

        def make() -> pa.Array:
            made = column if isinstance(column.type, LooseText) else text_array(self.texts(field, function))
            return made.storage if isinstance(made.type, LooseText) else made

        return self.once(("searchable", field), make)

    def rows(self) -> list[Row]:
        """One row per item, for Python functions.

        Made once; but where items hold lists or objects, which a function could change in place,
        made anew at each call.
        """
        if any(pt.is_nested(field.type) for field in self._table.schema):
            return self._make_rows()
        return self.once("rows", self._make_rows)

    def _make_rows(self) -> list[Row]:
        return make_rows({name: self._chosen(name).to_pylist() for name in self._table.column_names})

    def part(self, rows: IntArray) -> ShardView:
        """Some of the items as a view of their own, given by their positions in this one."""
        chosen = rows if self._rows is None else self._rows.to_numpy()[rows]
        return ShardView(Shard(0, 0, self._table), chosen)

    def differs(self, field: str) -> BoolArray | None:
        """Where rows show something else than a column holds; None for nowhere."""
        return None

    def _chosen(self, name: str) -> pa.ChunkedArray:
        column = self._table.column(name)
        return column if self._rows is None else column.take(self._rows)


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds text."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def is_scalar(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds one readable value per item."""
    return not (pt.is_nested(kind) or pt.is_binary(kind) or pt.is_large_binary(kind) or pt.is_fixed_size_binary(kind))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    if pt.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pt.is_string_view(column.type) or (pt.is_string(column.type) and column.nbytes > _OFFSET_LIMIT):
        column = column.cast(pa.large_string())
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def _as_texts(column: pa.Array) -> list[str | None]:
    values: list[Any] = column.to_pylist()
    if is_text(column.type):
        return values
    return [None if value is None else str(value) for value in values]
