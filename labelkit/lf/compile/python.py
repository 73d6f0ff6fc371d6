"""Votes of Python functions, labelkit's and Snorkel's, row by row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from labelkit.errors import InvalidVote, UnknownLabel
from labelkit.lf.base import describe
from labelkit.lf.compile.calling import Caller, preprocessors_of
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.preparing import StepTimeUp, Window, empty_caches, window_size
from labelkit.lf.compile.view import ShardView
from labelkit.lf.importer import project_imports
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.lf.shard import ColumnVotes, vote_dtype
from labelkit.types import ABSTAIN, Fault, IntArray, LabelSchema

_Function = PythonFunction | SnorkelFunction

_BLOCK: Final = 4096
"""Rows that all functions see before the next ones are looked at; so many stay in the processor's cache."""

_USUAL: Final = frozenset({int, str, type(None)})


class PythonKernel:
    """Calls every function on every row; rows are made once, and preprocessors run once per row."""

    def __init__(self, functions: Sequence[_Function], schema: LabelSchema, context: KernelContext) -> None:
        self._functions = functions
        self._schema = schema
        self._dtype = vote_dtype(schema)
        self._seconds = context.time_limit

    @staticmethod
    def searches(functions: Sequence[_Function]) -> Iterable[Search]:
        """None: nothing is searched."""
        return ()

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [Path("python") for _ in self._functions]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        callers = [
            Caller(function, view.ids, fault_tolerant or function.fault_tolerant, self._seconds)
            for function in self._functions
        ]
        try:
            with project_imports():
                self._call([caller for caller in callers if not caller.pre], view)
                for group in _groups([caller.pre for caller in callers]):
                    self._by_windows([callers[position] for position in group], view.rows())
                columns = [self._column(caller, view) for caller in callers]
        finally:
            for function in self._functions:
                empty_caches(preprocessors_of(function))
        yield from columns

    def _call(self, callers: list[Caller], view: ShardView) -> None:
        """Run functions without preprocessors, block by block: what the first has read is at hand for the others."""
        if not callers:
            return
        rows = view.rows()
        if view.rows() is not rows:  # they hold lists: each function gets its own
            for caller in callers:
                caller.go_on(view.rows())
            return
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            for caller in callers:
                caller.go_on(block)

    def _by_windows(self, callers: list[Caller], rows: list[Any]) -> None:
        """Run functions that share preprocessors, window by window."""
        size = max(window_size(caller.pre) for caller in callers)
        for start in range(0, len(rows), size):
            window = Window(rows[start : start + size], self._seconds)
            for caller in callers:
                try:
                    caller.go_on(window.prepared(caller.pre, caller))
                except StepTimeUp as late:
                    raise caller.too_late(late, start) from None
            del window  # before the next one is filled

    def _column(self, caller: Caller, view: ShardView) -> ColumnVotes:
        function, faults = caller.function, caller.faults
        examples = [Fault(function.name, view.ids[row], problem) for row, problem in faults.examples]
        return ColumnVotes(function.name, self.votes(function, caller.results, view.ids), examples, faults.count)

    def votes(self, function: _Function, results: list[Any], ids: Sequence[str]) -> IntArray:
        """What returned values mean, as class ids.

        Raises
        ------
        InvalidVote
            If one means nothing; the error names the first such item.
        """
        # True == 1 == 1.0, so the types count: where only usual ones occur, equal values are equal votes.
        if _USUAL.issuperset(map(type, results)):
            try:
                meaning = {value: self._vote(function, value, "") for value in set(results)}
            except InvalidVote:  # the loop below finds the item
                pass
            else:
                return np.fromiter(map(meaning.__getitem__, results), self._dtype, len(results))
        known: dict[tuple[type, Hashable], int] = {}
        votes = np.empty(len(results), dtype=self._dtype)
        for row, value in enumerate(results):
            try:
                votes[row] = known[type(value), value]
            except (KeyError, TypeError):
                vote = self._vote(function, value, ids[row])
                votes[row] = vote
                if isinstance(value, Hashable):
                    known[type(value), value] = vote
        return votes

    def _vote(self, function: _Function, value: object, item: str) -> int:
        """The class id that a returned value means; bool and float never mean one."""
        if value is None:
            return ABSTAIN
        number = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
        if number and int(value) == ABSTAIN:  # type: ignore[call-overload]
            return ABSTAIN
        if number or isinstance(value, str):
            try:
                return self._schema.resolve(value)  # type: ignore[arg-type]
            except UnknownLabel:
                pass
        labels = ", ".join(f"{label.id} = {label.name}" for label in self._schema.classes)
        shown = repr(value)
        raise InvalidVote(
            f"{describe(function)} returned {shown if len(shown) <= 80 else shown[:77] + '...'} on item {item!r}; "
            f"a vote is {labels}, or -1 or None to abstain"
        )


def _groups(preprocessors: list[list[Any]]) -> list[list[int]]:
    """Positions of functions that share preprocessors, directly or through others; those without any are left out."""
    groups: list[tuple[set[int], list[int]]] = []
    for position, pre in enumerate(preprocessors):
        used, members = {id(each) for each in _all(pre)}, [position]
        for group in [group for group in groups if not used.isdisjoint(group[0])]:
            groups.remove(group)
            used |= group[0]
            members = group[1] + members
        if used:
            groups.append((used, sorted(members)))
    return [members for _, members in groups]


def _all(pre: Sequence[Any]) -> Iterator[Any]:
    for each in pre:
        yield each
        yield from _all(getattr(each, "_pre", ()))
