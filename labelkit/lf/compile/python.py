"""Votes of Python functions, labelkit's and Snorkel's, row by row."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from labelkit.errors import FunctionFault, InvalidVote, UnknownLabel
from labelkit.lf.base import describe
from labelkit.lf.compile.view import ShardView
from labelkit.lf.importer import project_imports
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.lf.rows import Row, RowCopy, RowIsShared, private_copy
from labelkit.lf.shard import ColumnVotes, vote_dtype
from labelkit.types import ABSTAIN, Fault, LabelSchema

EXAMPLES: Final = 3
"""Faults kept per column."""

_Function = PythonFunction | SnorkelFunction


class PythonKernel:
    """Calls every function on every row; rows are made once."""

    def __init__(self, functions: Sequence[_Function], schema: LabelSchema) -> None:
        self._functions = functions
        self._schema = schema
        self._dtype = vote_dtype(schema)

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        try:
            for function in self._functions:
                with project_imports():
                    column = self._column(function, view, fault_tolerant or function.fault_tolerant)
                yield column
        finally:
            for function in self._functions:
                _empty_caches(function)

    def _column(self, function: _Function, view: ShardView, fault_tolerant: bool) -> ColumnVotes:
        results, faults = _call(_callable(function), view.rows(), fault_tolerant)
        if faults.first is not None and not fault_tolerant:
            row, problem = faults.examples[0]
            raise FunctionFault(
                f"{describe(function)} raised {problem} on item {view.ids[row]!r}",
                hint="Mend the function, or count its faults as abstain: " + _allowing(function),
            ) from faults.first
        examples = [Fault(function.name, view.ids[row], problem) for row, problem in faults.examples]
        return ColumnVotes(function.name, self._votes(function, results, view), examples, faults.count)

    def _votes(self, function: _Function, results: list[Any], view: ShardView) -> Any:
        known: dict[tuple[type, Hashable], int] = {(type(None), None): ABSTAIN}
        votes = np.empty(len(results), dtype=self._dtype)
        for row, value in enumerate(results):
            try:
                votes[row] = known[type(value), value]
            except (KeyError, TypeError):
                vote = self._vote(function, value, view.ids[row])
                known[type(value), value] = vote
                votes[row] = vote
        return votes

    def _vote(self, function: _Function, value: object, item: str) -> int:
        """The class id that a returned value means; bool and float never mean one."""
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


@dataclass
class _Faults:
    """Exceptions of one function: how many, the first itself, and examples as (row, what)."""

    count: int = 0
    first: BaseException | None = None
    examples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: int, error: BaseException) -> None:
        self.first = self.first or error
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((row, problem_of(error)))


def problem_of(error: BaseException) -> str:
    """An exception on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _allowing(function: _Function) -> str:
    everywhere = "fault_tolerant = true under [labeling_functions] in labelkit.toml"
    if isinstance(function, SnorkelFunction):
        return everywhere
    return f"@labeling_function(fault_tolerant=True), or {everywhere}"


def _call(function: Callable[[Any], Any], rows: list[Row], fault_tolerant: bool) -> tuple[list[Any], _Faults]:
    """What a function returns for each row (None where it raised), and its exceptions.

    A function that changes its row is run on copies from that row on.
    """
    results: list[Any] = []
    faults = _Faults()
    keep, copied = results.append, False
    remaining: Iterator[Row | RowCopy] = iter(rows)
    while len(results) < len(rows) and (fault_tolerant or not faults.count):
        try:
            for row in remaining:
                keep(function(row))
        except RowIsShared:
            if copied:  # it changes a row that it kept from another call
                faults.add(len(results), TypeError("the row of another item cannot be changed"))
                keep(None)
                continue
            copied = True
            remaining = map(private_copy, rows[len(results) :])
        except (Exception, SystemExit) as error:
            faults.add(len(results), error)
            keep(None)
    return results, faults


def _callable(function: _Function) -> Callable[[Any], Any]:
    """The quickest call that means the same."""
    if isinstance(function, PythonFunction):
        return function if function.pre or function.resources else function.function
    inner = function.function
    pre = getattr(inner, "_pre", [])
    plain_call = getattr(type(inner).__call__, "__qualname__", "") == "LabelingFunction.__call__"
    if not (plain_call and pre and getattr(pre[-1], "memoize", False)):
        call: Callable[[Any], Any] = inner
        return call

    def on_a_copy(row: Any) -> Any:
        # A memoized preprocessor hands the same object to every function that asks for it.
        return inner._f(copy(inner._preprocess_data_point(row)), **inner._resources)

    return on_a_copy


def _empty_caches(function: _Function) -> None:
    """Let memoized preprocessors forget a shard, so that memory does not grow with the items."""
    pending = list(function.pre if isinstance(function, PythonFunction) else getattr(function.function, "_pre", []))
    while pending:
        preprocessor = pending.pop()
        reset = getattr(preprocessor, "reset_cache", None)
        if callable(reset):
            reset()
        pending.extend(getattr(preprocessor, "_pre", []))
