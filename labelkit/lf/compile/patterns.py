"""Votes of ``regex`` and ``keywords`` functions; Python's :mod:`re` defines their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from labelkit.lf.base import resolver
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.view import ShardView, is_text
from labelkit.lf.compile.words import words_found
from labelkit.lf.patterns import KeywordsFunction, RegexFunction
from labelkit.lf.shard import ColumnVotes, vote_dtype, votes_where
from labelkit.types import LabelSchema

_Function = RegexFunction | KeywordsFunction


class PatternKernel:
    """Asks the matcher, which searches a column for all patterns at once."""

    def __init__(self, functions: Sequence[_Function], schema: LabelSchema, context: KernelContext) -> None:
        self._dtype = vote_dtype(schema)
        self._matcher = context.matcher
        self._functions = [(f, _search(f), resolver(f, schema)(f.label)) for f in functions]

    @staticmethod
    def searches(functions: Sequence[_Function]) -> Iterable[Search]:
        """One search per function."""
        return map(_search, functions)

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [self._path(function, search) for function, search, _ in self._functions]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        for function, search, class_id in self._functions:
            if (
                isinstance(function, KeywordsFunction)
                and self._matcher.without
                and is_text(view.column(function.field, function).type)
            ):
                found = words_found(function, search, view, self._matcher)
            else:
                found = self._matcher.found(search, view, function)
            yield ColumnVotes(function.name, votes_where(found, class_id, self._dtype))

    def _path(self, function: _Function, search: Search) -> Path:
        path = self._matcher.path(search)
        if path.how == "re" and self._matcher.without and isinstance(function, KeywordsFunction):
            return Path("arrow", f"{self._matcher.without}; texts beyond ASCII take re")
        return path


def _search(function: _Function) -> Search:
    pattern = function.compiled
    return Search(function.field, pattern.pattern, pattern.flags)
