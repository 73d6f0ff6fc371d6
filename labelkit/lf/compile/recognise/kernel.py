"""Votes of Python functions: recognised ones compiled, all others row by row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from labelkit.errors import FunctionTimeout, LabelkitError, UnknownLabel
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.python import PythonKernel
from labelkit.lf.compile.recognise.evaluate import Evaluation, GivenUp
from labelkit.lf.compile.recognise.program import Program, recognise
from labelkit.lf.compile.recognise.refusals import Refused
from labelkit.lf.compile.recognise.values import as_picks
from labelkit.lf.compile.view import ShardView
from labelkit.lf.python import PythonFunction, SnorkelFunction
from labelkit.lf.shard import ColumnVotes, vote_dtype
from labelkit.types import ABSTAIN, BoolArray, IntArray, LabelSchema

SWITCH: Final = "LABELKIT_RECOGNISE"
"""Set to 0 in the environment, all Python functions run row by row."""

_SAMPLE: Final = 32
"""Rows of each kind (any, and those with a vote) that are also run in plain Python."""

_Function = PythonFunction | SnorkelFunction


@dataclass(frozen=True)
class Mismatch:
    """A compiled vote that plain Python does not give: a fault of labelkit's.

    Parameters
    ----------
    function
        Name of the labeling function.
    item
        The owner's id of the item.
    compiled, python
        The votes, as class ids.
    """

    function: str
    item: str
    compiled: int
    python: int


class RecognisingKernel:
    """Compiles the functions that it can, and hands the others to the Python kernel.

    Attributes
    ----------
    mismatches
        Where the sample of a shard showed a difference. The function runs in plain Python from there on.
    """

    def __init__(self, functions: Sequence[_Function], schema: LabelSchema, context: KernelContext) -> None:
        self._functions = functions
        self._schema = schema
        self._context = context
        self._dtype = vote_dtype(schema)
        self._programs: list[Program | None] = []
        self._paths: list[Path] = []
        for function in functions:
            program, path = _recognised(function)
            self._programs.append(program)
            self._paths.append(path)
        self.mismatches: list[Mismatch] = []
        self._plain = {i: PythonKernel([f], schema, context) for i, f in enumerate(functions) if self._programs[i]}
        rest = [function for function, program in zip(functions, self._programs, strict=True) if program is None]
        self._rest = PythonKernel(rest, schema, context) if rest else None

    @staticmethod
    def searches(functions: Sequence[_Function]) -> Iterable[Search]:
        """What recognised functions ask of the matcher."""
        for function in functions:
            program, _ = _recognised(function)
            if program is not None:
                yield from program.searches()

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return list(self._paths)

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        rest = iter(()) if self._rest is None else self._rest.run(view, fault_tolerant=fault_tolerant)
        made: dict[int, tuple[IntArray, BoolArray]] = {}
        for position, program in enumerate(self._programs):
            computed = None if program is None else self._computed(position, program, view)
            if computed is not None:
                made[position] = computed
        for position in self._doubted(made, view):
            del made[position]
        for position, program in enumerate(self._programs):
            if program is None:
                yield next(rest)
            elif position in made:
                yield self._completed(position, *made[position], view, fault_tolerant)
            else:
                yield _only(self._plain[position].run(view, fault_tolerant=fault_tolerant))

    def _completed(
        self, position: int, votes: IntArray, sure: BoolArray, view: ShardView, fault_tolerant: bool
    ) -> ColumnVotes:
        """A compiled column with the votes of plain Python where it is not sure."""
        rows = np.flatnonzero(~sure)
        if not len(rows):
            return ColumnVotes(self._functions[position].name, votes)
        part = _only(self._plain[position].run(view.part(rows), fault_tolerant=fault_tolerant))
        votes[rows] = part.votes
        return ColumnVotes(self._functions[position].name, votes, part.faults, part.fault_count)

    def _computed(self, position: int, program: Program, view: ShardView) -> tuple[IntArray, BoolArray] | None:
        """Votes, and the rows for which they are sure; None where plain Python should do all."""
        if self._paths[position].how != "compiled" or not view.size:
            return None
        changed = program.bindings.changed()
        if changed is not None:
            self._paths[position] = Path("python", f"`{changed}` is not what it was when the function was compiled")
            return None
        try:
            value = as_picks(Evaluation(view, program.function, self._context).value(program.result))
        except (GivenUp, FunctionTimeout, RecursionError):
            return None
        if value is None:
            return None
        known = [self._vote(each) for each in value.values]
        sure = value.sure & np.array([vote is not None for vote in known])[value.codes]
        if sure.sum() * 2 < len(sure):
            return None
        table = np.array([ABSTAIN if vote is None else vote for vote in known], dtype=self._dtype)
        return table[value.codes], sure

    def _vote(self, value: Any) -> int | None:
        """The class id that a returned value means; None where it means none."""
        number = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
        if value is None or (number and int(value) == ABSTAIN):
            return ABSTAIN
        if number or isinstance(value, str):
            try:
                return self._schema.resolve(value)
            except UnknownLabel:
                pass
        return None

    def _doubted(self, made: Mapping[int, tuple[IntArray, BoolArray]], view: ShardView) -> list[int]:
        """The functions to which plain Python gives other votes on a sample of the sure rows.

        The rows of all samples are made once: from a DataFrame that costs more than calling the functions.
        """
        samples = {position: _sample(*computed) for position, computed in made.items()}
        if not samples:
            return []
        rows = np.unique(np.concatenate(list(samples.values())))
        part = view.part(rows)
        return [
            position
            for position, own in samples.items()
            if not self._holds(position, made[position][0][own], _Chosen(part, np.searchsorted(rows, own)))
        ]

    def _holds(self, position: int, votes: IntArray, sample: ShardView) -> bool:
        """Whether plain Python gives these votes to the items of a sample."""
        function = self._functions[position]
        try:
            column = _only(self._plain[position].run(sample, fault_tolerant=True))
        except LabelkitError:  # plain Python will say it again, about the right item
            column = ColumnVotes(function.name, np.full(len(votes), ABSTAIN), [], len(votes))
        wrong = np.flatnonzero(column.votes != votes)
        if not len(wrong) and not column.fault_count:
            return True
        first = int(wrong[0]) if len(wrong) else 0
        item = sample.ids[first]
        self.mismatches.append(Mismatch(function.name, item, int(votes[first]), int(column.votes[first])))
        self._paths[position] = Path(
            "python", f"compiled it gave another vote on item {item!r}; this is a fault of labelkit"
        )
        return False


class _Chosen(ShardView):
    """Some items of a view, as Python functions see them; their rows are those that the view has made."""

    def __init__(self, view: ShardView, positions: IntArray) -> None:
        self._view, self._positions = view, positions.tolist()
        self.size = len(positions)

    @cached_property
    def ids(self) -> list[str]:
        """The owner's ids of the items."""
        return [self._view.ids[position] for position in self._positions]

    @cached_property
    def _made_rows(self) -> list[Any]:
        made = self._view.rows()
        return [made[position] for position in self._positions]

    def rows(self) -> list[Any]:
        """One row per item."""
        return self._made_rows


def _recognised(function: _Function) -> tuple[Program | None, Path]:
    if os.environ.get(SWITCH) == "0":
        return None, Path("python", f"{SWITCH}=0 is set")
    if getattr(function, "compile", True) is False:
        return None, Path("python", "it is declared with compile=False")
    try:
        return recognise(function), Path("compiled")
    except Refused as refused:
        return None, Path("python", str(refused))


def _sample(votes: IntArray, sure: BoolArray) -> IntArray:
    """Rows that are sure: the first, the last, some at random, and some with a vote."""
    rng = np.random.default_rng(len(votes))
    rows = np.flatnonzero(sure)
    voted = rows[votes[rows] != ABSTAIN]
    drawn = [rng.choice(each, min(_SAMPLE, len(each)), replace=False) for each in (rows, voted)]
    picked: IntArray = np.unique(np.concatenate([rows[:1], rows[-1:], *drawn]))
    return picked


def _only(columns: Iterator[ColumnVotes]) -> ColumnVotes:
    (column,) = columns
    return column
