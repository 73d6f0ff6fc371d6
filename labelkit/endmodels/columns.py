"""Arrow columns as what features are made of: texts, numbers, categories."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.types import FloatArray

ObjectArray = npt.NDArray[np.object_]
LONGEST_TEXT: Final = 100_000
"""Characters of a text that become features. One text of 100 MB took 14 GB, for words that no other text has."""

LARGEST: Final = 1e150
"""Numbers beyond this one count as it: their squares would be no numbers any more."""


def texts(table: pa.Table, name: str) -> list[str]:
    """One string per row, empty where there is none; of very long ones the beginning."""
    if name not in table.column_names:
        return [""] * int(table.num_rows)
    values: list[Any] = _plain(table[name]).to_pylist()
    return ["" if value is None else str(value)[:LONGEST_TEXT] for value in values]


def numbers(table: pa.Table, name: str) -> FloatArray:
    """(n,) float64, NaN where the row has no finite number; numbers stored as strings are read."""
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    column = _plain(table[name])
    if is_string(column.type):
        import pandas as pd

        values = np.asarray(pd.to_numeric(pd.Series(column.to_pylist(), dtype=object), errors="coerce"), dtype=float)
    elif is_number(column.type) or pa.types.is_boolean(column.type):
        number = pc.cast(column, pa.float64(), safe=False)
        values = np.array(number.to_numpy(zero_copy_only=False), dtype=np.float64)
    else:
        values = np.full(len(column), np.nan)
    return np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.nan)


def categories(table: pa.Table, name: str) -> ObjectArray:
    """(n,) strings without surrounding spaces, empty where the row has none."""
    out = np.empty(table.num_rows, dtype=object)
    if name not in table.column_names or is_nested(_plain(table[name]).type):
        out[:] = ""
        return out
    column = _plain(table[name])
    out[:] = ["" if value is None else str(value).strip() for value in pc.cast(column, pa.string()).to_pylist()]
    return out


def value_in_words(table: pa.Table, name: str) -> str:
    """The number in the first row as a person would write it."""
    value = float(numbers(table.slice(0, 1), name)[0])
    return f"{value:g}"


def kind(table: pa.Table, name: str) -> pa.DataType:
    """The type of a column, of its values where it is dictionary-encoded."""
    return _plain(table[name]).type


def is_string(kind: pa.DataType) -> bool:
    """Whether values are text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether values are integers, floats or decimals."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def is_nested(kind: pa.DataType) -> bool:
    """Whether values have parts: lists, structs, maps."""
    return bool(pa.types.is_nested(kind))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        return pc.cast(column, column.type.value_type)
    return column
