"""One Python function, called on row after row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

from labelkit.errors import FunctionFault, FunctionTimeout
from labelkit.lf.base import LabelingFunction, describe, noun
from labelkit.lf.compile.preparing import Failed, InPreprocessor, StepTimeUp
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.lf.rows import RowIsShared, private_copy
from labelkit.lf.timelimit import TimeUp, time_limit

EXAMPLES: Final = 3
"""Faults kept per column."""

LIMIT_HINT: Final = "Mend it, or raise time_limit under [labeling_functions] in labelkit.toml"


@dataclass
class Faults:
    """Exceptions of one function: how many, the first itself, and examples as (row, what)."""

    count: int = 0
    first: BaseException | None = None
    examples: list[tuple[int, str]] = field(default_factory=list)

    def add(self, row: int, error: BaseException) -> None:
        """Count an exception on a row."""
        where = ""
        if isinstance(error, InPreprocessor):
            where = f" (in its preprocessor {error.step})"
            error = error.error
        self.first = self.first or error
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((row, problem_of(error) + where))


def problem_of(error: BaseException) -> str:
    """An exception on one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Caller:
    """Calls one function on rows, a list at a time, and keeps what it returns.

    Parameters
    ----------
    function
        The labeling function.
    ids
        The owner's ids of all items that it will be called on.
    fault_tolerant
        Whether its exceptions count as abstain.
    seconds
        The time limit for one item; None for none.
    """

    def __init__(
        self, function: PythonFunction | SnorkelFunction, ids: list[str], fault_tolerant: bool, seconds: float | None
    ) -> None:
        self.results: list[Any] = []
        """What it returned for each row so far, None where it raised."""
        self.faults = Faults()
        self.pre, self._call = _parts(function)
        self.function = function
        self._ids = ids
        self._fault_tolerant = fault_tolerant
        self._seconds = seconds

    def go_on(self, rows: list[Any]) -> None:
        """Call it on the next rows.

        Raises
        ------
        FunctionFault
            If it raises, and that is not tolerated.
        FunctionTimeout
            If it takes longer for an item than the time limit.
        """
        call = self._call
        if self.pre and any(type(row) is Failed for row in rows):
            call = partial(_raising, call)
        limit = time_limit(self.results.__len__, self._seconds, describe(self.function))
        try:
            with limit:
                self._loop(call, rows)
        except TimeUp:
            raise FunctionTimeout(
                f"{describe(self.function)} did not come back within {self._seconds:g} s "
                f"on item {self._ids[cast(int, limit.expired)]!r}",
                hint=LIMIT_HINT,
            ) from None
        if self.faults.first is not None and not self._fault_tolerant:
            row, problem = self.faults.examples[0]
            raise FunctionFault(
                f"{describe(self.function)} raised {problem} on item {self._ids[row]!r}",
                hint="Mend the function, or count its faults as abstain: " + _allowing(self.function),
            ) from self.faults.first

    def _loop(self, call: Callable[[Any], Any], rows: list[Any]) -> None:
        """The calls; a function that changes its row is run on copies from that row on."""
        results, faults = self.results, self.faults
        start, stop, copied = len(results), len(results) + len(rows), False
        remaining: Iterator[Any] = map(call, rows)
        while len(results) < stop and (self._fault_tolerant or not faults.count):
            try:
                results.extend(remaining)  # keeps what came before an exception
                if len(results) < stop:  # or it was taken for the end of the rows
                    raise StopIteration
            except RowIsShared:
                if copied:  # it changes a row that it kept from another call
                    faults.add(len(results), TypeError("the row of another item cannot be changed"))
                    results.append(None)
                    continue
                copied = True
                remaining = map(call, map(private_copy, rows[len(results) - start :]))
            except (Exception, SystemExit) as error:
                faults.add(len(results), error)
                results.append(None)

    def too_late(self, late: StepTimeUp, start: int) -> FunctionTimeout:
        """The error for a preprocessor that did not come back, in a window that begins at ``start``."""
        first, last = (repr(self._ids[start + place]) for place in (late.first, late.last))
        items = f"item {first}" if first == last else f"the items {first} to {last}"
        return FunctionTimeout(
            f"the preprocessor {late.step!r} of {describe(self.function)} did not come back "
            f"within {late.seconds:g} s on {items}",
            hint=LIMIT_HINT,
        )


def preprocessors_of(function: PythonFunction | SnorkelFunction) -> list[Any]:
    """The preprocessors that a function names, whoever runs them."""
    return list(function.pre if isinstance(function, PythonFunction) else getattr(function.function, "_pre", ()))


def _parts(function: PythonFunction | SnorkelFunction) -> tuple[list[Any], Callable[[Any], Any]]:
    """The preprocessors to run first, and the quickest call on what they return."""
    if isinstance(function, PythonFunction):
        return list(function.pre), _with_resources(function.function, function.resources)
    inner = function.function
    kind = type(inner)
    usual = all(
        getattr(getattr(kind, name, None), "__qualname__", "") == f"LabelingFunction.{name}"
        for name in ("__call__", "_preprocess_data_point")
    )
    if not usual:  # a class of the user's own decides what happens
        return [], inner
    return list(inner._pre), _with_resources(inner._f, inner._resources)


def _with_resources(function: Callable[..., Any], resources: Any) -> Callable[[Any], Any]:
    return partial(function, **resources) if resources else function


def _raising(call: Callable[[Any], Any], row: Any) -> Any:
    if type(row) is Failed:
        raise InPreprocessor(row)
    return call(row)


def _allowing(function: LabelingFunction) -> str:
    everywhere = "fault_tolerant = true under [labeling_functions] in labelkit.toml"
    if isinstance(function, SnorkelFunction):
        return everywhere
    return f"@{noun(function).replace(' ', '_')}(fault_tolerant=True), or {everywhere}"
