"""How :class:`labelkit.LFApplier` votes: by the compiled plan, and by Snorkel's rules where votes are any numbers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from labelkit.errors import FunctionFault, FunctionTimeout, InvalidVote, UnknownLabel
from labelkit.lf.base import LabelingFunction, describe
from labelkit.lf.compile import Kernel, Plan, compile_functions
from labelkit.lf.handed_in import HandedInView
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.lf.rows import RowIsShared, private_copy
from labelkit.lf.shard import ColumnVotes
from labelkit.types import ABSTAIN, Fault, IntArray, LabelSchema

_EXAMPLES: Final = 3
_TOLERATING: Final = "Mend the function, or count its faults as abstain: apply(data, fault_tolerant=True)"


class ApplierMetadata(NamedTuple):
    """What went wrong: ``faults`` as in Snorkel (function → how often it raised), and ``examples`` of them."""

    faults: dict[str, int]
    examples: list[Fault]


class AnyNumber(LabelSchema):
    """In place of a label schema where no classes are named: every number that is not negative is a class."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The highest number that the compiled way holds."""
        return (int(np.iinfo(np.int16).max),)

    def resolve(self, label: str | int) -> int:
        """The number itself; a negative one abstains."""
        if isinstance(label, str):
            raise UnknownLabel(
                f"the label {label!r} is a name, and no classes are named",
                hint='Name them in order, as in LFApplier(lfs, labels=["ham", "spam"]), or vote by number',
            )
        return max(int(label), ABSTAIN)

    def to_indices(self, class_ids: IntArray) -> IntArray:
        """The numbers themselves."""
        return class_ids


class Runner:
    """Votes on one view after the other, and remembers faults."""

    def __init__(
        self,
        functions: Sequence[Any],
        plan: Plan,
        schema: LabelSchema,
        *,
        time_limit: float | None,
        fault_tolerant: bool,
    ) -> None:
        self._functions = functions
        self._plan = plan
        self._schema = schema
        self._time_limit = time_limit
        self._fault_tolerant = fault_tolerant
        self._alone_plans: dict[int, Plan] = {}
        self._odd: set[int] = set()
        self._one_by_one: set[int] = set()
        self._faults: Counter[str] = Counter()
        self._examples: dict[str, list[Fault]] = {}

    def metadata(self) -> ApplierMetadata:
        """The faults so far."""
        return ApplierMetadata(dict(self._faults), [each for listed in self._examples.values() for each in listed])

    def columns(self, view: HandedInView) -> list[IntArray]:
        """The votes (n,) of every function, as class indices."""
        found: dict[int, ColumnVotes] = {}
        for number, (kernel, positions) in enumerate(self._plan.kernels):
            columns = None if number in self._one_by_one else self._run(kernel, view, positions)
            if columns is None:
                self._one_by_one.add(number)
                columns = [self._alone(position, view) for position in positions]
            found.update(zip(positions, columns, strict=True))
        for column in found.values():
            self._note(column)
        return [self._schema.to_indices(found[position].votes) for position in range(len(self._functions))]

    def _run(self, kernel: Kernel, view: HandedInView, positions: Sequence[int]) -> list[ColumnVotes] | None:
        """The columns of a kernel; None if a function returned what is a vote only where no classes are named.

        That is True, 3.0 or 100,000, for instance: Snorkel takes them.
        """
        try:
            return list(kernel.run(view, fault_tolerant=self._fault_tolerant))
        except (InvalidVote, OverflowError):
            python = all(isinstance(self._functions[i], (PythonFunction, SnorkelFunction)) for i in positions)
            if not python or not isinstance(self._schema, AnyNumber):
                raise
            return None
        except FunctionTimeout as error:
            raise FunctionTimeout(error.message, hint="Mend it, or give LFApplier another time_limit=") from None
        except FunctionFault as error:
            raise FunctionFault(error.message, hint=_TOLERATING) from error.__cause__

    def _alone(self, position: int, view: HandedInView) -> ColumnVotes:
        function = self._functions[position]
        if position not in self._odd:
            if position not in self._alone_plans:
                self._alone_plans[position] = compile_functions([function], self._schema, time_limit=self._time_limit)
            ((kernel, _),) = self._alone_plans[position].kernels
            columns = self._run(kernel, view, [position])
            if columns is not None:
                return columns[0]
            self._odd.add(position)
        return self._called(function, view)

    def _called(self, function: PythonFunction | SnorkelFunction, view: HandedInView) -> ColumnVotes:
        """One function called on every row; its results are read as Snorkel reads them."""
        tolerant = self._fault_tolerant or function.fault_tolerant
        votes = np.full(view.size, ABSTAIN, dtype=np.int_)
        faults: list[Fault] = []
        count = 0
        for row, item in enumerate(view.rows()):
            try:
                value = _call(function, item)
            except Exception as error:
                problem = f"{type(error).__name__}: {' '.join(str(error).split())}"
                if not tolerant:
                    raise FunctionFault(
                        f"{describe(function)} raised {problem} on item {view.ids[row]!r}", hint=_TOLERATING
                    ) from error
                count += 1
                faults += [Fault(function.name, view.ids[row], problem)][: _EXAMPLES - len(faults)]
                continue
            votes[row] = _number(function, value, view.ids[row])
        return ColumnVotes(function.name, votes, faults, count)

    def _note(self, column: ColumnVotes) -> None:
        if column.fault_count:
            self._faults[column.function] += column.fault_count
            kept = self._examples.setdefault(column.function, [])
            kept += column.faults[: _EXAMPLES - len(kept)]


def _call(function: Any, item: Any) -> Any:
    """A function's opinion on one row; on a copy of it where the function changes it."""
    try:
        return function(item)
    except RowIsShared:
        return function(private_copy(item))


def _number(function: LabelingFunction, value: Any, item: str) -> int:
    """The number that a returned value means: whole, of any type; abstain where it is negative or None."""
    if value is None:
        return ABSTAIN
    if isinstance(value, (bool, int, np.integer, np.bool_)):
        return max(int(value), ABSTAIN)
    if isinstance(value, (float, np.floating)) and math.isfinite(value) and value == int(value):
        return max(int(value), ABSTAIN)
    hint = None
    if isinstance(value, str):
        hint = 'To vote by name give the names in order, as in LFApplier(lfs, labels=["ham", "spam"])'
    shown = repr(value)
    raise InvalidVote(
        f"{describe(function)} returned {shown if len(shown) <= 80 else shown[:77] + '...'} on item {item!r}; "
        "a vote is a whole number, negative or None to abstain",
        hint=hint,
    )
