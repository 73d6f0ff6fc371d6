"""Comparisons, membership, look-ups and arithmetic over whole columns, as Python has them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.compile.recognise.bindings import is_plain, key_of
from labelkit.lf.compile.recognise.values import (
    LARGEST,
    Hits,
    Numbers,
    Picks,
    Texts,
    Value,
    as_numbers,
    as_texts,
    mask_of,
    none_in,
    nothing_sure,
)
from labelkit.types import BoolArray

_PYTHON: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# Arrow orders texts by their bytes in UTF-8, which is the order of code points, as in Python.
_ARROW: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "==": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def compared(how: str, left: Value, right: Value) -> Value:
    """``left < right`` and its like. None equals None only, and cannot be ordered."""
    if isinstance(left, Hits) or isinstance(right, Hits):
        return nothing_sure(_size(left))
    if isinstance(left, Picks) and isinstance(right, Picks):
        return _picked(how, left, right)
    one, other = as_numbers(left), as_numbers(right)
    if one is not None and other is not None:
        return _ordered(how, _numbers_compared(how, one, other), one, other)
    text, against = as_texts(left), as_texts(right)
    if text is not None and against is not None:
        return _ordered(how, mask_of(_ARROW[how](text.array, against.array)), text, against)
    if _one_kind(left) and _one_kind(right):  # a text and a number: different, and without an order
        return _ordered(how, np.full(_size(left), how == "!="), left, right, orderable=False)
    return nothing_sure(_size(left))


def _size(value: Value) -> int:
    return len(value.sure)


def _one_kind(value: Value) -> bool:
    return isinstance(value, (Texts, Numbers)) or as_numbers(value) is not None or as_texts(value) is not None


def _ordered(how: str, holds: BoolArray, left: Value, right: Value, *, orderable: bool = True) -> Numbers:
    sure = left.sure & right.sure
    one, other = none_in(left), none_in(right)
    none = one | other
    if how in ("==", "!="):
        return Numbers(np.where(none, (one & other) == (how == "=="), holds), None, sure)
    return Numbers(holds, None, sure & ~none if orderable else np.zeros_like(sure))


def _numbers_compared(how: str, left: Numbers, right: Numbers) -> BoolArray:
    # int64 beside float64 becomes float64: exact, as integers that are sure are at most 2^53.
    holds: BoolArray = _PYTHON[how](_widened(left.data), _widened(right.data))
    return holds


def _widened(data: np.ndarray) -> np.ndarray:
    return data.astype(np.int64) if data.dtype == np.bool_ else data


def _picked(how: str, left: Picks, right: Picks) -> Value:
    wide = len(right.values)
    pairs = [(one, other) for one in left.values for other in right.values]
    codes = left.codes * wide + right.codes
    whole = Picks(codes, tuple(range(len(pairs))), left.sure & right.sure)
    plain = np.array([is_plain(one) and is_plain(other) for one, other in pairs])
    made = whole.each(lambda position: _PYTHON[how](*pairs[position]) if plain[position] else 1 / 0)
    return as_numbers(made) or made


def member(value: Value, among: Any) -> Value:
    """``value in among``, a container of plain constants."""
    if isinstance(value, Picks):
        made = value.each(lambda each: each in among)
        return as_numbers(made) or made
    with_none = any(each is None for each in among)
    if isinstance(value, Texts):
        texts = pa.array([each for each in among if type(each) is str], pa.large_string())
        holds = mask_of(pc.is_in(value.array, value_set=texts))
    elif isinstance(value, Numbers):
        numbers = [each for each in among if type(each) in (int, float, bool)]
        exact = [float(each) for each in numbers if abs(each) < 1e300 and float(each) == each]
        exact += [each for each in numbers if type(each) is float and abs(each) >= 1e300]
        holds = np.isin(value.data.astype(np.float64), np.array(exact, dtype=np.float64))
    else:
        return nothing_sure(_size(value))
    return Numbers(np.where(none_in(value), with_none, holds), None, value.sure)


def looked_up(table: dict[Any, Any], key: Value, default: Any, *, strict: bool) -> Value:
    """``table.get(key, default)``; with ``strict``, keys that are not there are unsure."""
    if isinstance(key, Hits) or not all(map(is_plain, table)):
        return nothing_sure(_size(key))
    values, code_of = _codes((*table.values(), default))
    missing = len(table)
    sure = key.sure
    codes: np.ndarray
    if isinstance(key, Picks):
        known = {each: position for position, each in enumerate(table)}
        places = np.array([known.get(each, missing) if is_plain(each) else missing for each in key.values])
        codes = places[key.codes]
        sure = sure & np.array([is_plain(each) for each in key.values])[key.codes]
    elif isinstance(key, Texts):
        codes = _places_of_texts(table, key)
    else:
        codes = _places_of_numbers(table, key)
    if strict:
        sure = sure & (codes != missing)
    return Picks(code_of[codes], values, sure)


def _codes(values: tuple[Any, ...]) -> tuple[tuple[Any, ...], np.ndarray]:
    """The different ones among constants, and the place of each in them."""
    places: dict[Any, int] = {}
    distinct: list[Any] = []
    code_of = []
    for value in values:
        place = places.setdefault(key_of(value), len(distinct))
        if place == len(distinct):
            distinct.append(value)
        code_of.append(place)
    return tuple(distinct), np.array(code_of, dtype=np.intp)


def _places_of_texts(table: dict[Any, Any], key: Texts) -> np.ndarray:
    wanted = [(each, position) for position, each in enumerate(table) if type(each) is str]
    found = pc.index_in(key.array, value_set=pa.array([each for each, _ in wanted], pa.large_string()))
    place = np.array([*(position for _, position in wanted), len(table)], dtype=np.intp)
    codes = place[pc.fill_null(found, len(wanted)).to_numpy(zero_copy_only=False)]
    return _nones(table, key, codes)


def _places_of_numbers(table: dict[Any, Any], key: Numbers) -> np.ndarray:
    known = {each: position for position, each in enumerate(table)}
    distinct, inverse = np.unique(key.data, return_inverse=True)
    codes = np.array([known.get(each, len(table)) for each in distinct.tolist()], dtype=np.intp)[inverse]
    return _nones(table, key, codes)


def _nones(table: dict[Any, Any], key: Value, codes: np.ndarray) -> np.ndarray:
    place = next((position for position, each in enumerate(table) if each is None), len(table))
    return np.where(none_in(key), place, codes)


def computed(how: str, left: Value, right: Value) -> Value:
    """``left + right`` and its like, of numbers; of texts ``+``."""
    one, other = as_numbers(left), as_numbers(right)
    if one is not None and other is not None:
        return _of_numbers(how, one, other)
    first, second = as_texts(left), as_texts(right)
    if how == "+" and first is not None and second is not None:
        joined = pc.binary_join_element_wise(first.array, second.array, pa.scalar("", pa.large_string()))
        return Texts(joined, first.sure & second.sure & ~none_in(first) & ~none_in(second))
    return nothing_sure(_size(left))


def _of_numbers(how: str, left: Numbers, right: Numbers) -> Value:
    one, other = _widened(left.data), _widened(right.data)
    sure = left.sure & right.sure & ~none_in(left) & ~none_in(right)
    integers = one.dtype == np.int64 and other.dtype == np.int64
    with np.errstate(all="ignore"):
        if how == "/":
            sure = sure & (other != 0)
            return Numbers(np.true_divide(one, other), None, sure)
        if how in ("//", "%"):
            if not integers:
                return nothing_sure(len(sure))
            sure = sure & (other != 0)
            safe = np.where(other == 0, 1, other)
            return Numbers(one // safe if how == "//" else one % safe, None, sure)
        if how == "*" and integers:
            sure = sure & (np.abs(one.astype(np.float64) * other.astype(np.float64)) <= LARGEST)
        made = {"+": np.add, "-": np.subtract, "*": np.multiply}[how](one, other)
    return Numbers(made, None, sure & (np.abs(made) <= LARGEST) if integers else sure)


def signed(how: str, value: Value) -> Value:
    """``-value``, ``+value``, ``abs(value)`` and ``int(value)``."""
    number = as_numbers(value)
    if number is None or (how == "int" and number.data.dtype == np.float64):
        return nothing_sure(_size(value))
    data = _widened(number.data)
    made = {"-": np.negative, "+": np.positive, "abs": np.abs, "int": np.positive}[how](data)
    return Numbers(made, None, number.sure & ~none_in(number))
