"""Answers searches: Hyperscan finds rows or candidates, Python's :mod:`re` decides what Hyperscan cannot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.lf.base import LabelingFunction
from labelkit.lf.compile.matching.confirming import confirmed
from labelkit.lf.compile.matching.program import Program
from labelkit.lf.compile.matching.scanner import missing
from labelkit.lf.compile.matching.search import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.view import ShardView, is_text
from labelkit.lf.timelimit import DEFAULT_TIME_LIMIT, TimeUp, can_watch, time_limit
from labelkit.types import BoolArray, IntArray

FEW: Final = 1 << 18
"""Bytes that `re` searches in less time than compiling takes: about 20 ms for a pattern."""
_PATIENCE: Final = 0.5
"""Seconds after which a search among few texts is compiled all the same."""
_NO_ROWS: Final[IntArray] = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Part:
    """What was found among the texts of one alphabet."""

    program: Program
    rows: IntArray
    certain: dict[Search, IntArray]
    possible: dict[Search, IntArray]


class Matcher:
    """Finds all searches that it was made for.

    Texts of ASCII characters and others are searched by two programs: among the first nearly every pattern
    can be said exactly. Which rows a pattern finds never depends on the way that it takes.

    Parameters
    ----------
    searches
        What to look for; equal ones are looked for once.
    time_limit
        Seconds that a search may take in one value; None for no limit.
    few
        Bytes of texts on a field up to which :mod:`re` searches them: compiling would take longer.
    """

    def __init__(
        self, searches: Iterable[Search], *, time_limit: float | None = DEFAULT_TIME_LIMIT, few: int = 0
    ) -> None:
        self._searches: dict[str, list[Search]] = {}
        for search in dict.fromkeys(searches):
            self._searches.setdefault(search.field, []).append(search)
        self._time_limit = time_limit
        self._few = few
        self._read: dict[str, int] = {}
        self._programs: dict[tuple[str, bool], Program] = {}

    def found(self, search: Search, view: ShardView, function: LabelingFunction) -> BoolArray:
        """Where a search has a match, shape (n,); not to be written to.

        The first call for a view scans for all searches on the same field; what needs Python's
        :mod:`re` is searched when it is asked for.

        Parameters
        ----------
        search
            One of those that the matcher was made for.
        function
            Named in errors.

        Raises
        ------
        FunctionTimeout
            If Python's search in one item takes longer than the limit.
        LabelingFunctionError
            If there is no such field, or it holds lists, objects or bytes.
        """
        return view.once(("found", search), lambda: self._found(search, view, function))

    def found_among(self, search: Search, view: ShardView, rows: IntArray, function: LabelingFunction) -> BoolArray:
        """What Python's :mod:`re` finds in some rows that have a value, shape (m,); errors as of :meth:`found`."""
        return confirmed(search, view, rows, function, self._time_limit)

    @property
    def without(self) -> str:
        """Why nothing is left to Hyperscan; empty if it is there."""
        return missing()

    def path(self, search: Search) -> Path:
        """How a search is answered, and why so.

        A pattern that matched too often in the texts seen so far is left to :mod:`re`, and said to be.
        """
        if search.field in self._read and not self._is_compiled(search.field):
            return Path("re", "so few texts that compiling would take longer")
        programs = [self._program(search.field, ascii_only=each) for each in (True, False)]
        programs[0].compile()  # the other one, for texts beyond ASCII, may never be needed
        plain, beyond = (self._way(search, program) for program in programs)
        if plain.how == beyond.how:
            return beyond if beyond.why else plain
        if "arrow" in (plain.how, beyond.how) and not beyond.why:
            return Path("hyperscan")
        if plain.how == "re":
            return plain
        return Path("hyperscan + re", f"only texts beyond ASCII need it: {beyond.why}")

    def _program(self, field: str, *, ascii_only: bool) -> Program:
        key = (field, ascii_only)
        if key not in self._programs:
            self._programs[key] = Program(self._searches[field], ascii_only=ascii_only)
        return self._programs[key]

    def _is_compiled(self, field: str) -> bool:
        return (field, True) in self._programs or (field, False) in self._programs

    def _are_few(self, field: str, texts: pa.Array) -> bool:
        """Whether a view's texts, and those before them, are few."""
        if not self._few or self._is_compiled(field) or not can_watch():
            return False
        size = self._read.get(field, 0) + (pc.sum(pc.binary_length(texts)).as_py() or 0)
        if size > self._few:
            return False
        self._read[field] = size
        return True

    def _among_few(self, search: Search, view: ShardView, function: LabelingFunction) -> BoolArray | None:
        """What :mod:`re` finds; None if it takes long, which a compiled pattern may not."""
        find = re.compile(search.pattern, search.flags).search
        texts = view.texts(search.field, function)
        try:
            with time_limit(lambda: 0, _PATIENCE):
                return np.array([text is not None and find(text) is not None for text in texts], dtype=np.bool_)
        except TimeUp:
            return None

    @staticmethod
    def _way(search: Search, program: Program) -> Path:
        translation = program.translation(search)
        if translation.finds == "all":
            return Path("arrow", "it matches every item that has a value")
        if translation.finds == "none":
            return Path("arrow", "it cannot match")
        if why := program.left_out(search):
            return Path("re", why)
        return Path("hyperscan" if translation.exact else "hyperscan + re", translation.why)

    def _found(self, search: Search, view: ShardView, function: LabelingFunction) -> BoolArray:
        texts = view.searchable(search.field, function)
        if view.once(("few", self, search.field), lambda: self._are_few(search.field, texts)):
            found = None if self._is_compiled(search.field) else self._among_few(search, view, function)
            if found is not None:
                return found
        parts = view.once(("scan", self, search.field), lambda: self._scan(search.field, view, function))
        mask = np.zeros(view.size, dtype=np.bool_)
        open_rows = []
        for part in parts:
            finds = part.program.translation(search).finds
            if finds == "all":
                mask[part.rows] = True
            elif part.program.left_out(search):
                open_rows.append(part.rows)
            elif finds == "some":
                mask[part.certain.get(search, _NO_ROWS)] = True
                possible = part.possible.get(search, _NO_ROWS)
                open_rows.append(possible[~mask[possible]])
        rows = np.concatenate(open_rows) if open_rows else _NO_ROWS
        if len(rows):
            mask[rows] = self.found_among(search, view, rows, function)
        empty = view.once(("empty", search.field), lambda: _empty_rows(texts))
        if len(empty):  # two separators in a row say nothing about what matches the empty string
            mask[empty] = re.search(search.pattern, "", search.flags) is not None
        return mask

    def _scan(self, field: str, view: ShardView, function: LabelingFunction) -> list[_Part]:
        texts = view.searchable(field, function)
        rows = np.arange(len(texts), dtype=np.int64)
        if texts.null_count:
            rows = np.flatnonzero(_mask(texts.is_valid()))
            texts = texts.drop_null()
        parts = []
        for ascii_only, its_texts, its_rows in _by_alphabet(texts, rows):
            if len(its_rows):
                program = self._program(field, ascii_only=ascii_only)
                parts.append(_Part(program, its_rows, *program.scan(its_texts, its_rows)))
        return parts


def _by_alphabet(texts: pa.Array, rows: IntArray) -> list[tuple[bool, pa.Array, IntArray]]:
    """Texts that hold only ASCII characters, and others; bytes with surrogates count as others."""
    if not is_text(texts.type):
        return [(False, texts, rows)]
    plain = pc.string_is_ascii(texts)
    if pc.all(plain).as_py() is not False:
        return [(True, texts, rows)]
    mask = _mask(plain)
    return [(True, texts.filter(plain), rows[mask]), (False, texts.filter(pc.invert(plain)), rows[~mask])]


def _empty_rows(texts: pa.Array) -> IntArray:
    return np.flatnonzero(_mask(pc.equal(pc.binary_length(texts), 0)))


def _mask(array: pa.Array) -> BoolArray:
    mask: BoolArray = pc.fill_null(array, False).to_numpy(zero_copy_only=False)
    return mask
