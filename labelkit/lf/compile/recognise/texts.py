"""Methods of str over Arrow columns: Arrow's where they are the same, Python's for all other texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.compile.recognise.values import mask_of

WHITE: Final = " \t\n\r\x0b\x0c\x1c\x1d\x1e\x1f"
"""What :meth:`str.isspace` says yes to in ASCII."""

# The same for ASCII texts. (Beyond, Python lowers "İ" to two characters, and "Σ" by its place in the word.)
_ASCII: Final[Mapping[str, Callable[[Any], Any]]] = {
    "lower": pc.ascii_lower,
    "casefold": pc.ascii_lower,
    "upper": pc.ascii_upper,
    "strip": lambda array: pc.ascii_trim(array, characters=WHITE),
    "lstrip": lambda array: pc.ascii_ltrim(array, characters=WHITE),
    "rstrip": lambda array: pc.ascii_rtrim(array, characters=WHITE),
}


def changed(array: pa.Array, method: str, arguments: tuple[Any, ...]) -> pa.Array:
    """Texts through a method of str with constant arguments; missing ones stay missing.

    ``or`` and ``str`` turn missing ones into text.
    """
    if method == "or":
        empty = pc.equal(pc.binary_length(array), 0)
        return pc.if_else(pc.fill_null(empty, True), pa.scalar(arguments[0], array.type), array)
    if method == "str":
        return pc.fill_null(array, "None")
    if method == "replace" and len(arguments) == 2 and arguments[0]:
        return pc.replace_substring(array, *arguments)
    change = _python(method, arguments)
    return _ascii_first(array, _ASCII[method], change) if method in _ASCII and not arguments else _each(array, change)


def _ascii_first(array: pa.Array, quick_change: Callable[[Any], Any], change: Callable[[str], str]) -> pa.Array:
    """Arrow's answer for ASCII texts, Python's for the others."""
    odd = ~mask_of(pc.fill_null(pc.string_is_ascii(array), True))
    if odd.sum() * 2 > len(odd):
        return _each(array, change)
    quick = quick_change(array)
    if not odd.any():
        return quick
    exact = _each(array.filter(pa.array(odd)), change)
    return pc.replace_with_mask(quick, pa.array(odd), exact)


def _python(method: str, arguments: tuple[Any, ...]) -> Callable[[str], str]:
    if method == "slice":
        part = slice(*arguments)
        return lambda text: text[part]
    call = getattr(str, method)
    return (lambda text: call(text, *arguments)) if arguments else call


def _each(array: pa.Array, change: Callable[[str], str]) -> pa.Array:
    values = [None if text is None else change(text) for text in array.to_pylist()]
    return pa.array(values, pa.large_string())


def measured(array: pa.Array, method: str, arguments: tuple[Any, ...]) -> np.ndarray | None:
    """Numbers and bools that Arrow or numpy can say exactly; None where Python has to. Any value where missing."""
    found: Any = None
    if method == "len":
        found = pc.utf8_length(array)
    elif method == "count":
        found = pc.count_substring(array, arguments[0]) if arguments[0] else pc.add(pc.utf8_length(array), 1)
    elif method in ("startswith", "endswith"):
        test = pc.starts_with if method == "startswith" else pc.ends_with
        masks = [mask_of(test(array, pattern=affix)) for affix in arguments]
        return np.logical_or.reduce(masks) if masks else np.zeros(len(array), dtype=np.bool_)
    elif method == "words":
        return _word_counts(array)
    elif method == "isascii":
        return mask_of(pc.string_is_ascii(array))
    if found is None:
        return None
    numbers: np.ndarray = pc.fill_null(found, 0).to_numpy(zero_copy_only=False)
    return numbers.astype(np.int64)


def _word_counts(array: pa.Array) -> np.ndarray:
    """``len(text.split())``, by counting bytes that begin a word; text by text beyond ASCII."""
    counts = np.zeros(len(array), dtype=np.int64)
    if not len(array) or array.buffers()[2] is None:
        return counts
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[: len(array) + 1]
    data = np.frombuffer(array.buffers()[2], dtype=np.uint8)
    first = 0
    while first < len(array):  # in pieces that stay in the processor's cache
        last = int(np.searchsorted(offsets, offsets[first] + _PIECE, side="right")) - 1
        last = max(last, first + 1)
        piece = data[offsets[first] : offsets[last]]
        counts[first:last] = _word_counts_of(piece, offsets[first : last + 1] - offsets[first])
        first = last
    odd = np.flatnonzero(~mask_of(pc.fill_null(pc.string_is_ascii(array), True)))
    if len(odd):
        counts[odd] = [len(text.split()) for text in array.take(pa.array(odd)).to_pylist()]
    return counts


def _word_counts_of(data: np.ndarray, ends: np.ndarray) -> np.ndarray:
    ink = data > ord(" ")
    control = data < ord(WHITE[-4])
    if control.any() and _INK[data[control]].any():  # control characters that are no white space
        ink = _INK[data]
    begins = np.zeros(len(data), dtype=np.bool_)
    np.greater(ink[1:], ink[:-1], out=begins[1:])
    firsts = ends[:-1][ends[:-1] < len(data)]
    begins[firsts] = ink[firsts]
    counts: np.ndarray = np.diff(np.searchsorted(np.flatnonzero(begins), ends))
    return counts


_PIECE: Final = 1 << 19
_INK: Final = np.ones(256, dtype=np.bool_)
_INK[[ord(char) for char in WHITE]] = False


def measure_of(method: str, arguments: tuple[Any, ...]) -> Callable[[str], Any]:
    """What Python makes of one text."""
    if method == "distinct":
        return lambda text: len(set(text.split(*arguments)))
    if method == "pieces":
        return lambda text: len(text.split(*arguments))
    if method == "shared":
        words = frozenset(arguments)
        return lambda text: len(words.intersection(text.split()))
    call: Callable[..., Any] = getattr(str, method)
    return (lambda text: call(text, *arguments)) if arguments else call
