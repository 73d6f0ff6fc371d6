"""Sets of characters as ranges of code points, with exactly the members that Python's :mod:`re` gives them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import numpy as np

Ranges = tuple[tuple[int, int], ...]
"""Sorted, disjoint, not adjacent: (first, last) code points."""

ASCII_TOP: Final = 0x7F
TOP: Final = 0x10FFFF
BEYOND: Final[Ranges] = ((ASCII_TOP + 1, TOP),)
_CASED_TOP: Final = 0x1FFFF  # no character above has two cases
_KINDS: Final = {
    re._constants.CATEGORY_DIGIT: r"\d",  # type: ignore[attr-defined]
    re._constants.CATEGORY_NOT_DIGIT: r"\D",  # type: ignore[attr-defined]
    re._constants.CATEGORY_SPACE: r"\s",  # type: ignore[attr-defined]
    re._constants.CATEGORY_NOT_SPACE: r"\S",  # type: ignore[attr-defined]
    re._constants.CATEGORY_WORD: r"\w",  # type: ignore[attr-defined]
    re._constants.CATEGORY_NOT_WORD: r"\W",  # type: ignore[attr-defined]
}


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """All members of some sets."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(each for ranges in sets for each in ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges, top: int) -> Ranges:
    """What is not in a set, up to a last code point."""
    found, start = [], 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= top:
        found.append((start, top))
    return tuple(found)


def intersection(first: Ranges, second: Ranges) -> Ranges:
    """What is in both sets."""
    found = []
    i = j = 0
    while i < len(first) and j < len(second):
        low, high = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if low <= high:
            found.append((low, high))
        if first[i][1] < second[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def size(ranges: Ranges) -> int:
    """The number of members of a set."""
    return sum(high - low + 1 for low, high in ranges)


def within(inner: Ranges, outer: Ranges) -> bool:
    """Whether all of a set is in another."""
    return intersection(inner, outer) == inner


@lru_cache(maxsize=4096)
def literal(code: int, flags: int, top: int) -> Ranges:
    """The characters up to ``top`` that match one character of a pattern."""
    if not flags & re.IGNORECASE:
        return ((code, code),) if code <= top else ()
    return members(((re._constants.LITERAL, code),), flags, top)  # type: ignore[attr-defined]


@lru_cache(maxsize=1024)
def members(items: tuple[tuple[Any, Any], ...], flags: int, top: int) -> Ranges:
    """The characters up to ``top`` that match a class.

    Parameters
    ----------
    items
        Its parts, as Python's parser of patterns gives them.
    flags
        Of :mod:`re`, as they hold at this place.
    top
        The last code point that texts may hold: that of ASCII, or of Unicode.
    """
    flags &= re.IGNORECASE | re.ASCII
    pattern = "[" + "".join(map(_written, items)) + "]"
    if top == ASCII_TOP:
        return _spans(pattern, flags, _alphabet(ASCII_TOP))
    negated = bool(items) and items[0][0] is re._constants.NEGATE  # type: ignore[attr-defined]
    plain = union(*(_direct(item, flags & re.ASCII) for item in items[negated:]))
    found = complement(plain, TOP) if negated else plain
    if flags & re.IGNORECASE:
        cased = _cased()
        matching = re.compile(pattern, flags).findall("".join(map(chr, cased)))
        found = intersection(found, complement(union((code, code) for code in cased), TOP))
        found = union(found, ((ord(char), ord(char)) for char in matching))
    return found


@lru_cache(maxsize=1024)
def with_other_cases(ranges: Ranges, flags: int, top: int) -> Ranges:
    """What a reference to a group takes for a character that the group found, in a set.

    That is less than what a class takes for it: ``ſ`` is in ``[s]`` if case is ignored, yet no repetition of ``s``.
    """
    letters = same_letters(flags, top)
    cased = intersection(ranges, union((code, code) for code in letters))
    others = (other for low, high in cased for code in range(low, high + 1) for other in letters[code])
    return union(ranges, ((other, other) for other in others))


@lru_cache(maxsize=8)
def same_letters(flags: int, top: int) -> Mapping[int, tuple[int, ...]]:
    """For a letter all those, up to ``top``, that a reference takes for the same; only itself where it has no entry."""
    if not flags & re.IGNORECASE:
        return {}
    last = ASCII_TOP if flags & re.ASCII else top
    found: dict[int, set[int]] = {}
    for code in _cased():
        lower = ord(chr(code).lower()[0])
        if max(code, lower) <= last:
            found.setdefault(lower, {lower}).add(code)
    return {code: tuple(sorted(each)) for each in found.values() for code in each}


@lru_cache(maxsize=8)
def word_characters(flags: int, top: int) -> Ranges:
    r"""What ``\w`` matches."""
    return _spans(r"\w", flags & re.ASCII, _alphabet(top))


def _direct(item: tuple[Any, Any], flags: int) -> Ranges:
    kind, value = item
    if kind is re._constants.CATEGORY:  # type: ignore[attr-defined]
        return _category(_KINDS[value], flags)
    return (value,) if isinstance(value, tuple) else ((value, value),)


@lru_cache(maxsize=16)
def _category(written: str, flags: int) -> Ranges:
    return _spans(written, flags, _alphabet(TOP))


def _written(item: tuple[Any, Any]) -> str:
    kind, value = item
    if kind is re._constants.NEGATE:  # type: ignore[attr-defined]
        return "^"
    if kind is re._constants.CATEGORY:  # type: ignore[attr-defined]
        return _KINDS[value]
    ends = value if isinstance(value, tuple) else (value,)
    return "-".join(f"\\U{code:08x}" for code in ends)


def _spans(pattern: str, flags: int, alphabet: str) -> Ranges:
    return tuple((m.start(), m.end() - 1) for m in re.finditer(f"{pattern}+", alphabet, flags))


@lru_cache(maxsize=2)
def _alphabet(top: int) -> str:
    """Every code point, lone surrogates too, at its own position."""
    return np.arange(top + 1, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@lru_cache(maxsize=1)
def _cased() -> tuple[int, ...]:
    """The characters that have another case."""
    letters = _alphabet(TOP)[: _CASED_TOP + 1]
    return tuple(code for code, char in enumerate(letters) if char.lower() != char or char.upper() != char)
