"""What Hyperscan does for the searches on one field, among texts of one alphabet."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from labelkit.lf.compile.matching.blocks import Block, blocks
from labelkit.lf.compile.matching.scanner import missing, scanner_for
from labelkit.lf.compile.matching.search import Search
from labelkit.lf.compile.matching.translate import Translation, translate
from labelkit.types import IntArray

_PER_ROW: Final = 2  # reports per text above which Python's `re`, which stops at the first match, is as quick
_AT_LEAST: Final = 2000
_TOO_OFTEN: Final = "it matches so often that re, which stops at the first match, is as quick"
_NOTHING: Final[IntArray] = np.empty(0, dtype=np.int64)


class Program:
    """Searches as one database of byte patterns.

    Parameters
    ----------
    searches
        On one field.
    ascii_only
        Whether it is for texts that hold only ASCII characters.
    """

    def __init__(self, searches: Sequence[Search], *, ascii_only: bool) -> None:
        with warnings.catch_warnings():  # of a doubtful pattern Python has told where it was declared
            warnings.simplefilter("ignore", FutureWarning)
            self._translations = {s: translate(s.pattern, s.flags, ascii_only=ascii_only) for s in searches}
        problem = missing()
        self._without: dict[Search, str] = {}
        for search, translation in self._translations.items():
            if translation.finds == "unknown":
                self._without[search] = translation.why
            elif translation.finds == "some" and problem:
                self._without[search] = problem
        self._compiled = False
        # What each expression stands for: the searches, and whether its reports are certain.
        self._meant: dict[bytes, dict[Search, bool]] = {}
        for search, translation in self._translations.items():
            for expression in translation.certain:
                self._meant.setdefault(expression, {})[search] = True
            for expression in translation.expressions:
                self._meant.setdefault(expression, {})[search] = translation.exact

    def translation(self, search: Search) -> Translation:
        """What is known about a search."""
        return self._translations[search]

    def left_out(self, search: Search) -> str:
        """Why a search is left to :mod:`re`, as far as is known by now; empty if it is not."""
        return self._without.get(search, "")

    def scan(self, texts: pa.Array, rows: IntArray) -> tuple[dict[Search, IntArray], dict[Search, IntArray]]:
        """The rows in which each search is found for certain, and those in which it may be found.

        Parameters
        ----------
        texts
            Strings or bytes without nulls.
        rows
            The row of each text, ascending.

        Returns
        -------
        certain, possible
            Per search the rows, ascending; a search that is left out is in neither.
        """
        self.compile()
        everything = self._expressions()
        number = {expression: i for i, expression in enumerate(everything)}
        reports = [self._reports(block, number) for block in blocks(texts, rows)] if everything else []
        found: dict[tuple[Search, bool], list[IntArray]] = {}
        for i, its_rows in _by_expression(reports, len(everything)):
            for owner in self._owners(everything[i]):
                found.setdefault(owner, []).append(its_rows)
        joined = {owner: _merged(each) for owner, each in found.items() if owner[0] not in self._without}
        return (
            {search: its_rows for (search, certain), its_rows in joined.items() if certain},
            {search: its_rows for (search, certain), its_rows in joined.items() if not certain},
        )

    def compile(self) -> None:
        """Find out, once, which searches Hyperscan takes."""
        if self._compiled:
            return
        self._compiled = True
        expressions = self._expressions()
        if expressions:
            for position, why in scanner_for(expressions).refused.items():
                for search, certain in self._owners(expressions[position]):
                    if not certain or self._translations[search].exact:
                        self._without[search] = f"Hyperscan: {why}"

    def _expressions(self) -> tuple[bytes, ...]:
        taken = [t for s, t in self._translations.items() if t.finds == "some" and s not in self._without]
        return tuple(dict.fromkeys(each for t in taken for each in (*t.expressions, *t.certain)))

    def _owners(self, expression: bytes) -> Iterator[tuple[Search, bool]]:
        """The searches that an expression stands for and that are not left out; whether its reports are certain."""
        return ((search, certain) for search, certain in self._meant[expression].items() if search not in self._without)

    def _reports(self, block: Block, number: Mapping[bytes, int]) -> tuple[IntArray, IntArray]:
        """What is found in a block: numbers of expressions, and rows, ascending, each of shape (m,)."""
        if not block.data:
            for search, translation in self._translations.items():
                if translation.finds == "some":
                    self._without.setdefault(search, "a text is longer than Hyperscan takes")
            return _NOTHING, _NOTHING
        while True:
            expressions = self._expressions()
            if not expressions:
                return _NOTHING, _NOTHING
            most = len(block.rows) * (4 + len(expressions) // 2) + 10 * _AT_LEAST
            positions, ends, finished = scanner_for(expressions).scan(block.data, most)
            inside = ends > 1  # the separator in front of the first text ends no text
            positions, ends = positions[inside], ends[inside]
            counts = np.bincount(positions, minlength=len(expressions))
            often = counts > _PER_ROW * len(block.rows) + _AT_LEAST
            if not finished and not often.any():
                often = counts == counts.max()
            self._leave_out([expressions[i] for i in np.flatnonzero(often)])
            if finished:
                break
        numbers = np.array([number[expression] for expression in expressions], dtype=np.int64)
        return numbers[positions], block.rows_at(ends)

    def _leave_out(self, expressions: Sequence[bytes]) -> None:
        for expression in expressions:
            for search, _ in list(self._owners(expression)):
                self._without[search] = _TOO_OFTEN


def _by_expression(reports: Sequence[tuple[IntArray, IntArray]], size: int) -> Iterator[tuple[int, IntArray]]:
    """The rows of each expression that was found, ascending, each once."""
    if not reports:
        return
    numbers = np.concatenate([numbers for numbers, _ in reports])
    rows = np.concatenate([rows for _, rows in reports])
    order = np.argsort(numbers, kind="stable")
    rows, counts = rows[order], np.bincount(numbers, minlength=size)
    stops = np.cumsum(counts)
    for i in np.flatnonzero(counts):
        its_rows = rows[stops[i] - counts[i] : stops[i]]
        yield int(i), its_rows[np.diff(its_rows, prepend=-1) != 0]


def _merged(rows: Sequence[IntArray]) -> IntArray:
    return rows[0] if len(rows) == 1 else np.unique(np.concatenate(rows))
