"""Votes on one shard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labelkit.lf.compile import compile_functions
from labelkit.lf.shard import ColumnVotes, Shard
from labelkit.types import IntArray, LabelSchema


def apply_functions(
    functions: Sequence[Any],
    shard: Shard,
    schema: LabelSchema,
    *,
    fault_tolerant: bool = False,
    rows: IntArray | None = None,
) -> list[ColumnVotes]:
    """The votes of labeling functions on a shard, one column per function, in their order.

    For many shards compile once: ``plan = compile_functions(functions, schema)``, then
    ``plan.run(shard)`` for each.

    Parameters
    ----------
    functions
        labelkit's labeling functions and Snorkel's.
    shard
        The items.
    schema
        Resolves class names and numbers.
    fault_tolerant
        Count a function's exception as abstain, with examples, instead of raising.
    rows
        Positions in the shard to vote on; all by default.

    Raises
    ------
    FunctionFault
        If a function raised and faults are not tolerated.
    InvalidVote
        If a function returned something that is no vote; fault tolerance does not hide it.
    LabelingFunctionError
        If a function reads a field that the items do not have.
    UnknownLabel
        If a declared function names a class that the schema does not have.
    """
    return compile_functions(functions, schema).run(shard, fault_tolerant=fault_tolerant, rows=rows)
