"""Typed columns (Parquet) as JSON, by one set of rules for plain and for nested values."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from labelkit.sources.content import quoted

_ZERO_FRACTION: Final = r"\.0+(Z|[+-][0-9]{2}:?[0-9]{2})?$"
_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def is_text(kind: pa.DataType) -> bool:
    """Whether an Arrow type holds strings."""
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def _is_moment(kind: pa.DataType) -> bool:
    return bool(kinds.is_timestamp(kind) or kinds.is_date(kind) or kinds.is_time(kind))


def value_tokens(array: pa.Array) -> pa.Array:
    """A typed column → JSON tokens, without nulls.

    Integers, booleans and strings as they are; floats in the shortest spelling of their width, NaN
    (missing, to pandas) as null; dates and times as ISO 8601 strings, durations as seconds; decimals
    as strings; bytes as base64; lists, structs and maps as nested JSON.
    """
    if kinds.is_dictionary(array.type):
        array = array.dictionary_decode()
    for fits, write in _WRITERS:
        if fits(array.type):
            return write(array)
    written = [orjson.dumps(jsonable(value), option=orjson.OPT_SORT_KEYS).decode() for value in array]
    return pa.array(written, pa.string())


def _plain(array: pa.Array) -> pa.Array:
    return pc.fill_null(array.cast(pa.string()), "null")


def _as_string(array: pa.Array) -> pa.Array:
    return quoted(array.cast(pa.string()))


def _float(array: pa.Array) -> pa.Array:
    if len(array) == 0:
        return pa.array([], pa.string())
    wide = array.cast(pa.float32()) if kinds.is_float16(array.type) else array
    numbers = np.ascontiguousarray(wide.to_numpy(zero_copy_only=False))
    written = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    return pa.array(written[1:-1].split(","), pa.string())


def _moment(array: pa.Array) -> pa.Array:
    return quoted(iso_strings(array))


_WRITERS: Final[tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...]] = (
    (is_text, _as_string),
    (kinds.is_integer, _plain),
    (kinds.is_boolean, _plain),
    (kinds.is_null, _plain),
    (kinds.is_floating, _float),
    (kinds.is_decimal, _as_string),
    (_is_moment, _moment),
)


def iso_strings(array: pa.Array) -> pa.Array:
    """Dates, times and timestamps → ISO 8601, with ``T``, without an all-zero fraction of a second."""
    text = array.cast(pa.string())
    if kinds.is_date(array.type):
        return text
    if kinds.is_timestamp(array.type):
        text = pc.replace_substring(text, " ", "T", max_replacements=1)
    return pc.replace_substring_regex(text, _ZERO_FRACTION, r"\1")


def jsonable(value: pa.Scalar) -> Any:
    """One Arrow value of any nesting → what JSON can say, by the rules of :func:`value_tokens`."""
    kind = value.type
    if not value.is_valid:
        return None
    if kinds.is_dictionary(kind):
        return value.as_py()
    if kinds.is_struct(kind):
        return {name: jsonable(item) for name, item in value.items()}
    if kinds.is_map(kind):
        keys, items = value.values.field(0), value.values.field(1)
        return {str(jsonable(key)): jsonable(item) for key, item in zip(keys, items, strict=True)}
    return [jsonable(item) for item in value.values] if kinds.is_nested(kind) else _jsonable_leaf(value)


def _jsonable_leaf(value: pa.Scalar) -> Any:
    kind = value.type
    if kinds.is_duration(kind):
        return value.cast(pa.int64()).as_py() / _PER_SECOND[kind.unit]
    if _is_moment(kind):
        return iso_strings(pa.array([value], kind))[0].as_py()
    if kinds.is_floating(kind):
        return orjson.loads(_float(pa.array([value], kind))[0].as_py())
    plain = value.as_py()
    if isinstance(plain, bytes):
        return base64.b64encode(plain).decode()
    return plain if isinstance(plain, (str, int, bool)) else str(plain)
