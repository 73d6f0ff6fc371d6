"""The rows of a pandas DataFrame as Python functions see them through :class:`labelkit.LFApplier`.

Snorkel hands every function a ``pandas.Series``, which costs more to make and to read than most functions
take. A :class:`FrameRow` is a tuple with the same values, read the same way. What only a Series can do
(``row.name``, ``row.index``, ``row.to_dict()``) it gets from a Series that is made at that moment.
"""

from __future__ import annotations

import gc
from collections import namedtuple
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd

from labelkit.lf.rows import Row, RowCopy

FRAME_NAMES: Final = frozenset(name for name in dir(pd.Series) if not name.startswith("__"))
"""Attributes that a Series has itself: they go before a column of the same name, as ``row.name`` does."""

_LABEL: Final = "entry in the index"
"""Where a row keeps its label; no column that an attribute can name is called so."""


class FrameRow(Row):
    """One row, unchangeable: the values of ``frame.to_numpy()``, under the names of the columns.

    The tuple holds one value more, the row's label in the index of the DataFrame: a tuple needs no
    dictionary of attributes then, which would take longer to make than all the rest.
    """

    __slots__ = ()
    _columns: ClassVar[tuple[Hashable, ...]] = ()

    def __getattr__(self, name: str) -> Any:
        if name in FRAME_NAMES:
            return getattr(_series(tuple(self), self._columns, self._label()), name)
        return super().__getattr__(name)

    @property
    def index(self) -> Any:
        """The names of the columns, as of a Series (a tuple has a method of this name)."""
        return self.__getattr__("index")

    @property
    def count(self) -> Any:
        """As of a Series (a tuple has a method of this name)."""
        return self.__getattr__("count")

    def _label(self) -> Hashable:
        label: Hashable = tuple.__getitem__(self, -1)
        return label

    def __iter__(self) -> Iterator[Any]:
        return iter(tuple.__getitem__(self, slice(-1)))

    def __len__(self) -> int:
        return tuple.__len__(self) - 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FrameRow) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __copy__(self) -> FrameRowCopy:
        return _copy(self._columns, tuple(self), self._label())

    def __reduce__(self) -> tuple[Any, ...]:
        return _copy, (self._columns, tuple(self), self._label())


class FrameRowCopy(RowCopy):
    """One row of a DataFrame as a changeable copy."""

    def __getattr__(self, name: str) -> Any:
        if name in FRAME_NAMES:
            held = {key: value for key, value in self.__dict__.items() if key != _LABEL}
            return getattr(_series(tuple(held.values()), tuple(held), self.__dict__.get(_LABEL)), name)
        return super().__getattr__(name)

    def __copy__(self) -> FrameRowCopy:
        return _filled(self.__dict__)


def frame_rows(frame: pd.DataFrame) -> list[FrameRow]:
    """The rows of a DataFrame with the values that ``frame.apply(..., axis=1)`` shows.

    That is one common type for all columns: numbers of several types become floats, and beside a column of
    text everything is an object.
    """
    values = frame.to_numpy()
    if values.dtype.kind in "mM":  # pandas shows a Timestamp or Timedelta
        values = frame.astype(object).to_numpy()
    # A list of an object array holds the objects themselves; of numbers it would hold Python's instead of numpy's.
    columns = [list(values[:, position]) for position in range(values.shape[1])]
    kind, new = _row_class(tuple(frame.columns)), tuple.__new__
    with _no_collection():
        return [new(kind, each) for each in zip(*columns, frame.index.tolist(), strict=True)]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Garbage collection would look through all rows again and again while they are made."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _series(values: Sequence[Any], columns: tuple[Hashable, ...], label: Hashable) -> Any:
    numeric = bool(values) and all(isinstance(value, np.generic) for value in values)
    return pd.Series(list(values), index=pd.Index(columns), name=label, dtype=None if numeric else object)


def _copy(columns: Sequence[Hashable], values: Sequence[Any], label: Hashable) -> FrameRowCopy:
    return _filled({**dict(zip(columns, values, strict=True)), _LABEL: label})


def _filled(held: Mapping[Any, Any]) -> FrameRowCopy:
    made = FrameRowCopy()
    made.__dict__.update(held)
    return made


@lru_cache(maxsize=64)
def _row_class(columns: tuple[Hashable, ...]) -> type[FrameRow]:
    # A named tuple's descriptors read by position in C.
    plain = namedtuple("plain", [f"f{i}" for i in range(len(columns))])  # type: ignore[misc]
    namespace: dict[str, Any] = {
        "__slots__": (),
        "_index": {name: i for i, name in enumerate(columns)},
        "_columns": columns,
    }
    for i, name in enumerate(columns):
        # Of a Series, too, the attribute goes before a column of the same name: row.name is the row's label.
        free = name not in FRAME_NAMES and name not in namespace
        if isinstance(name, str) and free and not (name.startswith("__") and name.endswith("__")):
            namespace[name] = plain.__dict__[f"f{i}"]
    return type("FrameRow", (FrameRow,), namespace)
