"""Voting on shards, here or in a worker process: each set of functions is compiled once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from labelkit.lf import ColumnVotes, Shard, compile_functions
from labelkit.lf.compile import Plan
from labelkit.lf.compile.paths import Path
from labelkit.store import ShardItems
from labelkit.types import SHARD_SIZE, LabelSchema

Columns = tuple[int, ...]
"""Positions of the functions that are to vote."""


@dataclass(frozen=True)
class ShardJob:
    """One shard and who is to vote on it."""

    number: int
    columns: Columns
    items: ShardItems


class ShardVoter:
    """Runs labeling functions on shards.

    Calling it with a :class:`ShardJob` is the task of an engine. It reads no project file, which a forked
    worker must not do.

    Parameters
    ----------
    functions
        All labeling functions of the project; jobs name some of them by position.
    schema
        Resolves classes.
    time_limit
        Seconds that a function may take for one item.
    fault_tolerant
        Count exceptions as abstain.
    """

    def __init__(
        self, functions: Sequence[Any], schema: LabelSchema, *, time_limit: float, fault_tolerant: bool
    ) -> None:
        self.schema = schema
        self._functions = functions
        self._time_limit = time_limit
        self._fault_tolerant = fault_tolerant
        self._plans: dict[Columns, Plan] = {}

    def plan(self, columns: Columns) -> Plan:
        """The compiled functions at these positions; made at the first call, best before workers start."""
        if columns not in self._plans:
            wanted = [self._functions[position] for position in columns]
            self._plans[columns] = compile_functions(wanted, self.schema, time_limit=self._time_limit)
        return self._plans[columns]

    def paths(self) -> dict[int, Path]:
        """How each function that was compiled is run, by position."""
        return {
            position: path
            for columns, plan in self._plans.items()
            for position, path in zip(columns, plan.paths(), strict=True)
        }

    def vote(self, columns: Columns, shard: Shard) -> list[ColumnVotes]:
        """The votes of the functions at these positions."""
        return self.plan(columns).run(shard, fault_tolerant=self._fault_tolerant)

    def __call__(self, job: ShardJob) -> list[ColumnVotes] | None:
        """The columns of one job; None if its items were removed from the Arrow mirror meanwhile."""
        try:
            table = job.items.table()
        except (OSError, pa.ArrowException):
            return None
        return self.vote(job.columns, Shard(job.number, job.number * SHARD_SIZE, table))
