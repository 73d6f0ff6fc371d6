"""Turns labeling functions into a plan that votes on shards: one kernel per way of voting.

A kernel gets all functions of its kinds at once, so that it may share work between them (one scan for
all patterns over a column, one list of rows for all Python functions).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import FunctionKind, LabelingFunction
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import FEW, Matcher, Search, always
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.view import ShardView
from labelkit.lf.python import is_snorkel, wrap_snorkel
from labelkit.lf.shard import ColumnVotes, Shard
from labelkit.lf.timelimit import DEFAULT_TIME_LIMIT
from labelkit.types import IntArray, LabelSchema

KERNELS: Final[Mapping[str, tuple[FunctionKind, ...]]] = {
    "labelkit.lf.compile.patterns:PatternKernel": ("regex", "keywords"),
    "labelkit.lf.compile.expressions:ExpressionKernel": ("expression",),
    "labelkit.lf.compile.lookups:LookupKernel": ("lookup",),
    "labelkit.lf.compile.models:ModelKernel": ("model",),
    "labelkit.lf.compile.recognise.kernel:RecognisingKernel": ("python", "snorkel"),
    "labelkit.lf.compile.slices:SliceKernel": ("slice",),
}


class Kernel(Protocol):
    """One way of voting, for all functions of its kinds."""

    def __init__(self, functions: Sequence[Any], schema: LabelSchema, context: KernelContext) -> None: ...

    @staticmethod
    def searches(functions: Sequence[Any]) -> Iterable[Search]:
        """What the kernel will ask the matcher for, if it is made for these functions."""
        ...

    def paths(self) -> list[Path]:
        """How each of its functions is run, in their order."""
        ...

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of its functions, in their order."""
        ...


@dataclass(frozen=True, eq=False)
class Plan:
    """Compiled labeling functions: which kernel computes which columns."""

    kernels: tuple[tuple[Kernel, tuple[int, ...]], ...]
    size: int

    def run(self, shard: Shard, *, fault_tolerant: bool = False, rows: IntArray | None = None) -> list[ColumnVotes]:
        """The votes of all functions on a shard, in the order in which they were compiled.

        Parameters
        ----------
        shard
            The items.
        fault_tolerant
            Count a function's exception as abstain, with examples, instead of raising.
        rows
            Positions in the shard to vote on; all by default.

        Raises
        ------
        FunctionFault
            If a function raised and faults are not tolerated.
        InvalidVote
            If a function returned something that is no vote.
        LabelingFunctionError
            If a function reads a field that the items do not have.
        """
        view = ShardView(shard, rows)
        columns: dict[int, ColumnVotes] = {}
        # What user code prints must not mix with what labelkit writes to standard output (--json, export -).
        with redirect_stdout(sys.stderr):
            for kernel, positions in self.kernels:
                columns.update(zip(positions, kernel.run(view, fault_tolerant=fault_tolerant), strict=True))
        return [columns[position] for position in range(self.size)]

    def paths(self) -> list[Path]:
        """How each function is run, in the order in which they were compiled."""
        paths: dict[int, Path] = {}
        for kernel, positions in self.kernels:
            paths.update(zip(positions, kernel.paths(), strict=True))
        return [paths[position] for position in range(self.size)]


def compile_functions(
    functions: Sequence[Any], schema: LabelSchema, *, time_limit: float | None = DEFAULT_TIME_LIMIT
) -> Plan:
    """A plan that votes with labeling functions, labelkit's and Snorkel's.

    Parameters
    ----------
    functions
        labelkit's labeling functions and Snorkel's.
    schema
        Resolves class names and numbers.
    time_limit
        Seconds that a function may take for one item; None for no limit.

    Raises
    ------
    UnknownLabel
        If a declared function names a class that the schema does not have.
    """
    ready = [_ready(function) for function in functions]
    parts: list[tuple[type[Kernel], tuple[int, ...], list[LabelingFunction]]] = []
    for target, kinds in KERNELS.items():
        positions = tuple(i for i, function in enumerate(ready) if function.kind in kinds)
        if positions:
            parts.append((_kernel(target), positions, [ready[i] for i in positions]))
    # One matcher for all kernels, so that a column is read once.
    searches = [search for kernel, _, its_functions in parts for search in kernel.searches(its_functions)]
    context = KernelContext(Matcher(searches, time_limit=time_limit, few=0 if always() else FEW), time_limit)
    kernels = [(kernel(its_functions, schema, context), positions) for kernel, positions, its_functions in parts]
    return Plan(tuple(kernels), len(ready))


def _kernel(target: str) -> type[Kernel]:
    module, _, name = target.partition(":")
    kernel: type[Kernel] = getattr(import_module(module), name)
    return kernel


def _ready(function: Any) -> LabelingFunction:
    if is_snorkel(type(function)):
        return wrap_snorkel(function)
    if isinstance(function, LabelingFunction):
        return function
    raise LabelingFunctionError(
        f"{function!r} is no labeling function", hint="Declare it, or decorate it with @labeling_function()"
    )
