"""Votes of ``regex`` and ``keywords`` functions; Python's :mod:`re` defines their meaning."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from string import ascii_letters

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.base import resolver
from labelkit.lf.compile.view import ShardView, is_text
from labelkit.lf.patterns import KeywordsFunction, RegexFunction
from labelkit.lf.shard import ColumnVotes, vote_dtype, votes_where
from labelkit.types import BoolArray, LabelSchema


class PatternKernel:
    """Searches column by column; values are fetched once per column and shard."""

    def __init__(self, functions: Sequence[RegexFunction | KeywordsFunction], schema: LabelSchema) -> None:
        self._dtype = vote_dtype(schema)
        self._functions = [(f, f.compiled.search, resolver(f, schema)(f.label)) for f in functions]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        for function, search, class_id in self._functions:
            texts = view.texts(function.field, function)
            if isinstance(function, KeywordsFunction) and is_text(view.column(function.field, function).type):
                found = _search_words(function, view, texts)
            else:
                found = _matches(search, texts)
            yield ColumnVotes(function.name, votes_where(found, class_id, self._dtype))


def _matches(search: Callable[[str], re.Match[str] | None], texts: list[str | None]) -> BoolArray:
    return np.fromiter((t is not None and search(t) is not None for t in texts), dtype=np.bool_, count=len(texts))


def _search_words(function: KeywordsFunction, view: ShardView, texts: list[str | None]) -> BoolArray:
    """Where a keyword occurs: Arrow's RE2 says it for ASCII texts, Python's ``re`` for all others.

    RE2 takes the same time for one word and for a hundred. Beyond ASCII the two differ in what a word
    character is and which letters are the same in another case (for ``re`` the Kelvin sign is a k).
    """
    column = view.column(function.field, function)
    pattern = _re2_pattern(function)
    try:
        found = _mask(pc.match_substring_regex(column, pattern)) if pattern else np.zeros(view.size, dtype=np.bool_)
    except pa.ArrowInvalid:  # more words than RE2 takes
        return _matches(function.compiled.search, texts)
    plain = view.once(("ascii", function.field), lambda: _mask(pc.string_is_ascii(column)))
    rest = np.flatnonzero(~plain)
    found[rest] = _matches(function.compiled.search, [texts[row] for row in rest.tolist()])
    return found


def _re2_pattern(function: KeywordsFunction) -> str:
    """What finds the words in ASCII texts; empty if no ASCII text can hold one of them."""
    flags = 0 if function.case else re.IGNORECASE
    words = ["".join(_ascii_forms(char, flags) or "\0" for char in word) for word in function.words]
    either = "|".join(word for word in words if "\0" not in word)
    if not either:
        return ""
    start, end = ("", "") if function.substring else (r"(?:^|\W)", r"(?:\W|$)")
    return f"{'' if function.case else '(?i)'}{start}(?:{either}){end}"


@lru_cache(maxsize=4096)
def _ascii_forms(char: str, flags: int) -> str:
    """The ASCII characters that a character of a keyword matches, escaped for RE2; empty if none."""
    if char.isascii():
        return char if char.isalnum() else f"\\x{{{ord(char):x}}}"
    same = [letter for letter in ascii_letters if re.fullmatch(re.escape(char), letter, flags)]
    return f"[{''.join(same)}]" if same else ""


def _mask(array: object) -> BoolArray:
    """A boolean Arrow array with false for null, as an array that may be written to."""
    mask: BoolArray = np.array(pc.fill_null(array, False).to_numpy(zero_copy_only=False))
    return mask
