"""Words and phrases of many texts, counted over whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from labelkit.types import BoolArray

_LONGEST: Final = 2_000
_SHORTEST: Final = 200
_BUDGET: Final = 12_000_000
"""Characters that are looked at, about a second's work: so many of each text, within these bounds."""
_LONGEST_WORD: Final = 40
_MOST_TERMS: Final = 20_000
_BREAK: Final = "\x1f"
"""Stands for everything between words that is not a single space: no phrase goes across it."""

Codes = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Terms:
    """Which of n items have which of t terms; ``occurs`` is (t, n) of ones."""

    names: list[str]
    occurs: sp.csr_matrix

    def has(self, term: int) -> BoolArray:
        """(n,) items that have one term."""
        out = np.zeros(self.occurs.shape[1], dtype=bool)
        out[self.occurs.indices[self.occurs.indptr[term] : self.occurs.indptr[term + 1]]] = True
        return out


def terms_of(texts: Sequence[pa.ChunkedArray], evidence: npt.NDArray[np.intp], *, least: int) -> Terms:
    """Words and phrases of two words that occur in at least ``least`` of the items in ``evidence``.

    Words are runs of letters, digits and underscores in lower case, as ``keywords`` finds them; the words of a phrase
    stand one space apart. Words of one letter, and numbers, are left out by themselves.
    """
    words = _Words.of(texts)
    shown = np.zeros(words.items, dtype=bool)
    shown[evidence] = True
    there = shown[words.row]
    # The evidence is a small part: what is frequent there is found first, and then looked for everywhere.
    single = there & words.kept
    words_wanted = _frequent(words.codes[single], words.row[single], least)
    first = words.pairs(there)
    width = max(len(words.names), 1)
    pairs_wanted = _frequent(
        words.codes[first].astype(np.int64) * width + words.codes[first + 1], words.row[first], least
    )
    terms, rows = _places(words, words_wanted, pairs_wanted)
    names = [words.names[code] for code in words_wanted.tolist()]
    names += [f"{words.names[key // width]} {words.names[key % width]}" for key in pairs_wanted.tolist()]
    occurs = sp.csr_matrix((np.ones(len(rows), np.float32), (terms, rows)), shape=(len(names), words.items))
    occurs.sum_duplicates()
    occurs.data[:] = 1.0
    return Terms(names, occurs)


def _frequent(keys: Codes, rows: Codes, least: int) -> Codes:
    """Keys that occur in at least so many different rows, the most frequent ones, ascending."""
    found, place, times = np.unique(keys, return_inverse=True, return_counts=True)
    often = (times >= least)[place]  # most are rare, and no more rows have them
    place, rows = place[often].astype(np.int64), rows[often].astype(np.int64)
    width = int(rows.max(initial=0)) + 1
    different = np.unique(place * width + rows) // width
    counts = np.bincount(different, minlength=len(found))
    best = np.argsort(-counts, kind="stable")[:_MOST_TERMS]
    return np.sort(found[best[counts[best] >= least]])


def _places(words: _Words, singles: Codes, pairs: Codes) -> tuple[Codes, Codes]:
    """(term, row) of each occurrence of these words and pairs of words."""
    width = max(len(words.names), 1)
    term = np.full(width, -1, dtype=np.int32)
    term[singles] = np.arange(len(singles))
    found = term[words.codes]
    at = np.flatnonzero(found >= 0)
    starts, ends = np.zeros(width, dtype=bool), np.zeros(width, dtype=bool)
    starts[pairs // width], ends[pairs % width] = True, True
    first = words.pairs(starts[words.codes])
    first = first[ends[words.codes[first + 1]]]
    keys = words.codes[first].astype(np.int64) * width + words.codes[first + 1]
    place = np.minimum(np.searchsorted(pairs, keys), max(len(pairs) - 1, 0))
    hit = pairs[place] == keys if len(pairs) else np.zeros(len(keys), dtype=bool)
    return (
        np.concatenate([found[at].astype(np.int64), place[hit] + len(singles)]),
        np.concatenate([words.row[at], words.row[first[hit]]]).astype(np.int64),
    )


@dataclass(frozen=True)
class _Words:
    """All tokens of all items in order: codes into ``names``, the item of each, and which may be terms."""

    names: list[str]
    codes: Codes
    row: Codes
    kept: BoolArray
    breaks: BoolArray
    items: int

    @classmethod
    def of(cls, texts: Sequence[pa.ChunkedArray]) -> _Words:
        column = pa.chunked_array([chunk for each in texts for chunk in each.chunks], pa.string())
        longest = min(max(_BUDGET // max(len(column), 1), _SHORTEST), _LONGEST)
        lower = pc.utf8_lower(pc.utf8_slice_codeunits(pc.fill_null(column, ""), 0, longest))
        apart = pc.replace_substring_regex(lower, r"[^\pL\pM\pN_ ]+", f" {_BREAK} ")
        lists = pc.split_pattern(apart, " ").combine_chunks()
        lists = lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
        encoded = lists.flatten().dictionary_encode()
        names: list[str] = encoded.dictionary.to_pylist()
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        row = np.repeat(np.arange(len(lists), dtype=np.int32), lists.value_lengths().to_numpy(zero_copy_only=False))
        kept = np.array([_is_word(name) for name in names], dtype=bool)
        # Two spaces leave an empty token, which no phrase goes across either.
        breaks = np.array([name in ("", _BREAK) or len(name) > _LONGEST_WORD for name in names], dtype=bool)
        return cls(names, codes, row, kept[codes], breaks[codes], len(lists))

    def pairs(self, among: BoolArray) -> Codes:
        """Positions of words, of those ``among`` the tokens, that another one stands next to."""
        near = among[:-1] & (self.row[:-1] == self.row[1:]) & ~self.breaks[:-1] & ~self.breaks[1:]
        near &= self.kept[:-1] | self.kept[1:]
        return np.flatnonzero(near)


def _is_word(name: str) -> bool:
    return 1 < len(name) <= _LONGEST_WORD and not name.isdigit() and name != _BREAK
