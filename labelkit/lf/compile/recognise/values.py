"""Values of an expression over all items of a shard, each with the rows for which they are surely Python's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.compile.recognise.bindings import is_plain
from labelkit.types import BoolArray

LARGEST: Final = 2**53
"""Integers up to here are exact as floats, and sums of two of them as int64."""
_MAX_PICKS: Final = 1000


@dataclass(frozen=True, eq=False, slots=True)
class Texts:
    """Strings; null stands for None."""

    array: pa.Array
    sure: BoolArray


@dataclass(frozen=True, eq=False, slots=True)
class Numbers:
    """bool, int64 or float64; ``none`` marks where the value is None."""

    data: np.ndarray
    none: BoolArray | None
    sure: BoolArray


@dataclass(frozen=True, eq=False, slots=True)
class Picks:
    """One of a few Python constants per row, by its position."""

    codes: np.ndarray
    values: tuple[Any, ...]
    sure: BoolArray

    @property
    def only(self) -> bool:
        """Whether it is the same constant everywhere."""
        return len(self.values) == 1

    def each(self, compute: Callable[[Any], Any]) -> Picks:
        """What a function without effects makes of plain constants; unsure where it raises, or of others."""
        made: list[Any] = []
        fine = np.ones(len(self.values), dtype=np.bool_)
        for position, value in enumerate(self.values):
            try:
                made.append(compute(value) if is_plain(value) else None)
                fine[position] = is_plain(value)
            except Exception:
                made.append(None)
                fine[position] = False
        return Picks(self.codes, tuple(made), self.sure & fine[self.codes])


@dataclass(frozen=True, eq=False, slots=True)
class Hits:
    """A match, or None."""

    found: BoolArray
    sure: BoolArray


Value = Texts | Numbers | Picks | Hits


def mask_of(array: Any) -> BoolArray:
    """A boolean Arrow array as numpy, false for null."""
    mask: BoolArray = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return mask


def none_in(value: Value) -> BoolArray:
    """Where a value is None, where it is sure."""
    if isinstance(value, Texts):
        return mask_of(value.array.is_null())
    if isinstance(value, Numbers):
        return np.zeros(len(value.data), dtype=np.bool_) if value.none is None else value.none
    if isinstance(value, Hits):
        return ~value.found
    found: BoolArray = np.array([each is None for each in value.values])[value.codes]
    return found


def truth_of(value: Value) -> tuple[BoolArray, BoolArray]:
    """Where ``bool(value)`` holds, and where that is sure."""
    if isinstance(value, Texts):
        return mask_of(pc.greater(pc.binary_length(value.array), 0)), value.sure
    if isinstance(value, Numbers):
        holds = value.data if value.data.dtype == np.bool_ else value.data != 0
        return (holds if value.none is None else holds & ~value.none), value.sure
    if isinstance(value, Hits):
        return value.found, value.sure
    known = [is_plain(each) or type(each) in (tuple, list, dict, set, frozenset) for each in value.values]
    table = np.array([fine and bool(each) for fine, each in zip(known, value.values, strict=True)], dtype=np.bool_)
    return table[value.codes], value.sure & np.array(known, dtype=np.bool_)[value.codes]


def as_numbers(value: Value) -> Numbers | None:
    """Constants that are numbers or None as numbers; None where a value is of another kind."""
    if isinstance(value, Numbers):
        return value
    if not isinstance(value, Picks) or not all(type(each) in (bool, int, float, type(None)) for each in value.values):
        return None
    kinds = {type(each) for each in value.values} - {type(None)}
    kind: Any = np.bool_ if kinds == {bool} else np.float64 if float in kinds else np.int64
    small = np.array([each is None or isinstance(each, float) or abs(each) <= LARGEST for each in value.values])
    table = np.array([0 if each is None or not fine else each for each, fine in zip(value.values, small, strict=True)])
    missing = np.array([each is None for each in value.values])
    none = missing[value.codes] if missing.any() else None
    return Numbers(table.astype(kind)[value.codes], none, value.sure & small[value.codes])


def as_texts(value: Value) -> Texts | None:
    """Constants that are strings or None as texts; None where a value is of another kind."""
    if isinstance(value, Texts):
        return value
    if not isinstance(value, Picks) or not all(type(each) in (str, type(None)) for each in value.values):
        return None
    try:
        table = pa.array(value.values, pa.large_string())
    except UnicodeEncodeError:  # a lone surrogate
        return None
    return Texts(table.take(pa.array(value.codes)), value.sure)


def as_picks(value: Value) -> Picks | None:
    """Numbers of which there are few different ones, as constants."""
    if isinstance(value, Picks):
        return value
    if not isinstance(value, Numbers):
        return None
    distinct, codes = np.unique(value.data, return_inverse=True)
    if len(distinct) > _MAX_PICKS:
        return None
    values: tuple[Any, ...] = (*distinct.tolist(), None)
    if value.none is not None:
        codes = np.where(value.none, len(distinct), codes)
    return Picks(codes, values, value.sure)


def merged(pieces: Sequence[tuple[BoolArray, Value]], size: int) -> Value:
    """One value from several, each for its rows; rows of no piece are unsure."""
    sure = np.zeros(size, dtype=np.bool_)
    for rows, value in pieces:
        sure |= rows & value.sure
    if len(pieces) == 1:
        return _with_sure(pieces[0][1], sure)
    if not all(isinstance(value, Picks) for _, value in pieces):
        for convert, join in ((as_numbers, _joined_numbers), (as_texts, _joined_texts)):
            alike = [(rows, convert(value)) for rows, value in pieces]
            if all(value is not None for _, value in alike):
                return join(alike, sure)  # type: ignore[arg-type]
    return _joined_picks([(rows, as_picks(value)) for rows, value in pieces], size)


def nothing_sure(size: int) -> Picks:
    """A value of which nothing is known."""
    return Picks(np.zeros(size, dtype=np.intp), (None,), np.zeros(size, dtype=np.bool_))


def _with_sure(value: Value, sure: BoolArray) -> Value:
    if isinstance(value, Texts):
        return Texts(value.array, sure)
    if isinstance(value, Numbers):
        return Numbers(value.data, value.none, sure)
    if isinstance(value, Hits):
        return Hits(value.found, sure)
    return Picks(value.codes, value.values, sure)


def _joined_numbers(pieces: Sequence[tuple[BoolArray, Numbers]], sure: BoolArray) -> Value:
    kinds = {value.data.dtype for _, value in pieces}
    if np.dtype(np.bool_) in kinds and len(kinds) > 1:  # True and 1 are different votes
        return _joined_picks([(rows, as_picks(value)) for rows, value in pieces], len(sure))
    data = np.zeros(len(sure), dtype=np.result_type(*kinds))
    none = np.zeros(len(sure), dtype=np.bool_)
    for rows, value in pieces:
        np.copyto(data, value.data, where=rows)
        np.copyto(none, none_in(value), where=rows)
    return Numbers(data, none if none.any() else None, sure)


def _joined_texts(pieces: Sequence[tuple[BoolArray, Texts]], sure: BoolArray) -> Value:
    array = pieces[0][1].array
    for rows, value in pieces[1:]:
        array = pc.if_else(pa.array(rows), value.array, array)
    return Texts(array, sure)


def _joined_picks(pieces: Sequence[tuple[BoolArray, Picks | None]], size: int) -> Value:
    """Pieces that are of no common kind are unsure."""
    codes = np.zeros(size, dtype=np.intp)
    sure = np.zeros(size, dtype=np.bool_)
    values: list[Any] = []
    for rows, value in pieces:
        if value is not None:
            np.copyto(codes, value.codes + len(values), where=rows)
            values.extend(value.values)
            sure |= rows & value.sure
    return Picks(codes, tuple(values), sure) if values else nothing_sure(size)
