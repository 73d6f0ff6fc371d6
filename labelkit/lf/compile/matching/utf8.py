"""Sets of characters as byte patterns over UTF-8 text, exact or a little too wide or narrow."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, Literal

from labelkit.lf.compile.matching.charsets import ASCII_TOP, BEYOND, TOP, Ranges, complement, intersection, union

Side = Literal["outer", "inner"]
"""Which way to err where a set is too large to be spelled out: a superset or a subset."""

_GROUPS: Final = 40  # spelled-out alternatives that a set may cost
_LATIN_TOP: Final = 0x24F
# Where a subset keeps looking: Latin, Greek, Cyrillic, Hebrew and Arabic, punctuation and symbols, CJK, Hangul, emoji.
_COMMON: Final[Ranges] = (
    (0x80, 0x24F),
    (0x370, 0x6FF),
    (0x2000, 0x2BFF),
    (0x3000, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0x1F300, 0x1F9FF),
)
_PLANE: Final[Ranges] = ((0, 0xFFFF),)
_LENGTHS: Final = ((0x80, 0x7FF), (0x800, 0xFFFF), (0x10000, TOP))

# In well-formed text whatever follows a leading byte belongs to its character.
_ANY_BEYOND: Final = rb"[\xc2-\xf4][\x80-\xbf]+"


def char_pattern(ranges: Ranges, side: Side) -> tuple[bytes | None, bool]:
    """A byte pattern for one character of a set, and whether it is exact; None if it has no member."""
    plain, beyond, exact = _parts(ranges, side)
    options = [byte_class(plain)] if plain else []
    if beyond == BEYOND:
        options.append(_ANY_BEYOND)
    else:
        options += _alternatives(beyond)
    if not options:
        return None, exact
    if len(options) == 1 and not beyond:
        return options[0], exact
    return b"(?:" + b"|".join(options) + b")", exact


def run_pattern(ranges: Ranges, side: Side) -> tuple[bytes | None, bool]:
    """A byte pattern for one or more characters of a set, and whether it is exact; None if there is no simple one."""
    plain, beyond, exact = _parts(ranges, side)
    if beyond == BEYOND:
        # It begins with a leading byte, so that it cannot take the rest of a character begun before.
        return byte_class((*plain, (0xC2, 0xF4))) + byte_class((*plain, (0x80, 0xFE))) + b"*", exact
    return byte_class(plain) + b"+" if plain and not beyond else None, exact


def byte_class(ranges: Ranges) -> bytes:
    """Bytes as a class, or as the one byte it is."""
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _byte(ranges[0][0])
    return (
        b"[" + b"".join(_byte(low) if low == high else _byte(low) + b"-" + _byte(high) for low, high in ranges) + b"]"
    )


def _byte(code: int) -> bytes:
    return bytes([code]) if chr(code).isalnum() and code <= ASCII_TOP else b"\\x%02x" % code


@lru_cache(maxsize=2048)
def _parts(ranges: Ranges, side: Side) -> tuple[Ranges, Ranges, bool]:
    """The ASCII part, the rest (made simpler if it must be), and whether it is the set itself."""
    plain = intersection(ranges, ((0, ASCII_TOP),))
    beyond = intersection(ranges, BEYOND)
    if beyond == BEYOND or len(_alternatives(beyond)) <= _GROUPS:
        return plain, beyond, True
    for simpler in _simpler(beyond, side):
        wide = side == "outer" and sum(high - low for low, high in intersection(simpler, _PLANE)) > 0x8000
        if not wide and len(_alternatives(simpler)) <= _GROUPS:
            return plain, simpler, False
    return plain, BEYOND if side == "outer" else (), False


def _simpler(ranges: Ranges, side: Side) -> list[Ranges]:
    """Coarser and coarser supersets, or subsets, that take fewer alternatives."""
    if side == "outer":
        return [_blocks(ranges, 64), _blocks(ranges, 4096)]
    rest = complement(ranges, TOP)
    latin = intersection(ranges, ((0x80, _LATIN_TOP),))
    kept = [intersection(complement(_blocks(rest, size), TOP), _COMMON) for size in (64, 4096)]
    return [union(latin, each) for each in kept] + [latin]


def _blocks(ranges: Ranges, size: int) -> Ranges:
    """Widened to whole blocks of code points, each length of encoding for itself."""
    found = []
    for first, last in _LENGTHS:
        for low, high in intersection(ranges, ((first, last),)):
            step = min(size, 64) if first == 0x80 else size
            found.append((max(low - low % step, first), min(high - high % step + step - 1, last)))
    return union(found)


@lru_cache(maxsize=4096)
def _alternatives(ranges: Ranges) -> list[bytes]:
    """Byte patterns that together mean a set of characters beyond ASCII."""
    last_bytes: dict[bytes, list[tuple[int, int]]] = {}
    for low, high in ranges:
        for first, last in _same_length(low, high):
            start, end = _encoded(first), _encoded(last)
            lead = b"".join(byte_class(((a, b),)) for a, b in zip(start[:-1], end[:-1], strict=True))
            last_bytes.setdefault(lead, []).append((start[-1], end[-1]))
    return [lead + byte_class(union(ends)) for lead, ends in last_bytes.items()]


def _encoded(code: int) -> bytes:
    return chr(code).encode("utf-8", "surrogatepass")


def _same_length(low: int, high: int) -> list[tuple[int, int]]:
    """A range cut into ranges whose encodings are all combinations of ranges of bytes."""
    for first, last in _LENGTHS:
        if low < first <= high:
            return _same_length(low, first - 1) + _same_length(first, high)
        if low <= last < high:
            return _same_length(low, last) + _same_length(last + 1, high)
    for bits in (6, 12, 18):
        mask = (1 << bits) - 1
        if low >> bits != high >> bits:
            if low & mask:
                return _same_length(low, low | mask) + _same_length((low | mask) + 1, high)
            if high & mask != mask:
                return _same_length(low, (high & ~mask) - 1) + _same_length(high & ~mask, high)
    return [(low, high)]
