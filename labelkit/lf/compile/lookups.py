"""Votes of ``lookup`` functions: one hash join of a column with the table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import describe, resolver
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.view import ShardView, is_scalar, is_text
from labelkit.lf.lookups import LookupFunction, as_key
from labelkit.lf.shard import ColumnVotes, vote_dtype
from labelkit.types import ABSTAIN, LabelSchema


class LookupKernel:
    """Looks values up by their notation, in Arrow."""

    def __init__(self, functions: Sequence[LookupFunction], schema: LabelSchema, context: KernelContext) -> None:
        dtype = vote_dtype(schema)
        self._functions = []
        for function in functions:
            resolve = resolver(function, schema)
            ids = {label: resolve(label) for label in set(function.entries.values())}
            votes = np.array([*(ids[label] for label in function.entries.values()), ABSTAIN], dtype=dtype)
            self._functions.append((function, pa.array(list(function.entries), pa.large_string()), votes))

    @staticmethod
    def searches(functions: Sequence[LookupFunction]) -> Iterable[Search]:
        """None: nothing is searched."""
        return ()

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [Path("arrow") for _ in self._functions]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        for function, values, votes in self._functions:
            keys = self._keys(view, function)
            positions = pc.fill_null(pc.index_in(keys, value_set=values), len(values))
            # A missing value finds no entry: a table holds no nulls.
            yield ColumnVotes(function.name, votes[positions.to_numpy(zero_copy_only=False)])

    @staticmethod
    def _keys(view: ShardView, function: LookupFunction) -> pa.Array:
        column = view.column(function.field, function)
        if not is_scalar(column.type):
            raise LabelingFunctionError(
                f"{describe(function)} looks up single values, but {function.field!r} holds {column.type}"
            )

        def make() -> pa.Array:
            if is_text(column.type):
                return column.cast(pa.large_string())
            return pa.array(map(as_key, column.to_pylist()), pa.large_string())

        return view.once(("keys", function.field), make)
