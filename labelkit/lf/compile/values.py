"""Conversions between the kinds of values that expressions compare; arrays and scalars alike."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from labelkit.lf.compile.view import is_text

_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def as_number(data: Any) -> Any:
    """int64 or float64. Text is read as a decimal number with spaces around it, or is missing."""
    kind = data.type
    if pt.is_int64(kind):
        return data
    if pt.is_boolean(kind) or (pt.is_integer(kind) and not pt.is_uint64(kind)):
        return data.cast(pa.int64())
    if is_text(kind):
        return _each(data, _parse, pa.float64())
    floats = data.cast(pa.float64())
    return pc.if_else(pc.is_nan(floats), pa.scalar(None, pa.float64()), floats)


def as_text(data: Any) -> Any:
    """large_string. Numbers and dates as :class:`str` writes them."""
    if is_text(data.type):
        return data.cast(pa.large_string())
    if pt.is_null(data.type):
        return data.cast(pa.large_string())
    return _each(data, str, pa.large_string())


def as_condition(data: Any) -> Any:
    """bool. The texts "true" and "false" in any case, and the numbers 1 and 0; else missing."""
    if pt.is_boolean(data.type):
        return data
    known = {"true": True, "false": False}
    if is_text(data.type):
        return _each(data, lambda text: known.get(text.strip().lower()), pa.bool_())
    return _each(data, {1: True, 0: False}.get, pa.bool_())


def own_texts(array: pa.Array) -> pa.Array:
    """``large_string`` whose offsets start at 0.

    Arrow's ascii_lower, for one, makes an array with offsets out of bounds of one whose do not (a slice that
    was cast).
    """
    array = array.cast(pa.large_string())
    if not len(array):
        return pa.array([], pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    if not array.offset and not offsets[0]:
        return array
    validity = None if not array.null_count else pa.array(array.is_valid().to_numpy(zero_copy_only=False)).buffers()[1]
    data = array.buffers()[2]
    data = None if data is None else data.slice(int(offsets[0]), int(offsets[-1] - offsets[0]))
    return pa.Array.from_buffers(
        pa.large_string(), len(array), [validity, pa.py_buffer(offsets - offsets[0]), data], array.null_count
    )


def changed_text(function: str, text: Any) -> Any:
    """Text through ``str.lower``, ``str.upper`` or ``str.strip``."""
    if function != "strip" and isinstance(text, pa.Array) and pc.all(pc.string_is_ascii(text)).as_py():
        text = own_texts(text)
        return pc.ascii_lower(text) if function == "lower" else pc.ascii_upper(text)
    return _each(text, getattr(str, function), pa.large_string())


def _each(data: Any, change: Any, kind: pa.DataType) -> Any:
    if isinstance(data, pa.Scalar):
        value = data.as_py()
        return pa.scalar(None if value is None else change(value), kind)
    return pa.array([None if value is None else change(value) for value in data.to_pylist()], kind)


def _parse(text: str) -> float | None:
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    value = float(stripped)
    return value if abs(value) != float("inf") else None
