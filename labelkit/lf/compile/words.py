"""Keywords where there is no Hyperscan: Arrow's RE2 for ASCII texts, Python's :mod:`re` for all others.

RE2 takes the same time for one word and for a hundred. Beyond ASCII the two differ in what a word character
is and which letters are the same in another case (for ``re`` the Kelvin sign is a k).
"""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.compile.matching import Matcher, Search
from labelkit.lf.compile.view import ShardView
from labelkit.lf.patterns import KeywordsFunction
from labelkit.types import BoolArray


def words_found(function: KeywordsFunction, search: Search, view: ShardView, matcher: Matcher) -> BoolArray:
    """Where a keyword occurs in a column of strings, shape (n,)."""
    column = view.column(function.field, function)
    pattern = _re2_pattern(function)
    try:
        found = _mask(pc.match_substring_regex(column, pattern)) if pattern else np.zeros(view.size, dtype=np.bool_)
    except pa.ArrowInvalid:  # more words than RE2 takes
        return matcher.found(search, view, function)
    beyond = np.flatnonzero(_mask(pc.invert(pc.string_is_ascii(column))))
    if len(beyond):
        found[beyond] = matcher.found_among(search, view, beyond, function)
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
