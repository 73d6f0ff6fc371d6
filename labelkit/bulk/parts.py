"""The output's columns: id, label, one probability a class, one vote a labeling function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from labelkit.types import ABSTAIN, FloatArray, IntArray, LabelSchema

DECIMALS: Final = 6
"""Probabilities are rounded to so many decimals, as in an export."""

METADATA: Final = b"labelkit"
_COMPRESSION: Final = "zstd"
_LEVEL: Final = 3


@dataclass(frozen=True)
class PartColumns:
    """Names and types of the columns of all parts.

    ``id``; ``label``, a class name, null where nothing decides; ``p_<class>`` for every class;
    ``vote_<function>`` for every labeling function, the index of a class in the order of the
    ``labels`` in the schema's metadata, −1 for abstain.

    Parameters
    ----------
    labels
        The classes.
    functions
        (name, fingerprint) of the labeling functions.
    """

    labels: LabelSchema
    functions: tuple[tuple[str, str], ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of every part; its metadata under ``labelkit`` is JSON with ``labels``."""
        vote = pa.int8() if self.labels.cardinality < 128 else pa.int16()
        fields = [pa.field("id", pa.string(), nullable=False), pa.field("label", pa.string())]
        fields += [pa.field(f"p_{name}", pa.float64(), nullable=False) for name in self.labels.names]
        fields += [
            pa.field(f"vote_{name}", vote, nullable=False, metadata={b"fingerprint": fingerprint.encode()})
            for name, fingerprint in self.functions
        ]
        return pa.schema(fields, metadata={METADATA: orjson.dumps({"labels": list(self.labels.names)})})

    def table(self, ids: Any, votes: IntArray, probabilities: FloatArray, decided: IntArray) -> pa.Table:
        """One part in :attr:`schema`.

        Parameters
        ----------
        ids
            Arrow strings, n of them.
        votes
            Class indices, shape (n, m), −1 for abstain.
        probabilities
            Shape (n, k).
        decided
            Class indices, shape (n,), −1 where undecided.
        """
        schema = self.schema
        indices = pa.array(decided.astype(np.int32), mask=decided == ABSTAIN)
        label = pa.DictionaryArray.from_arrays(indices, pa.array(self.labels.names, pa.string()))
        rounded = np.round(probabilities.astype(np.float64), DECIMALS) + 0.0  # no negative zero
        columns = [ids, label.cast(pa.string())]
        columns += [pa.array(rounded[:, index]) for index in range(rounded.shape[1])]
        columns += [pa.array(np.ascontiguousarray(votes[:, index])) for index in range(votes.shape[1])]
        arrays = [column.cast(f.type) for column, f in zip(columns, schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)


def part_bytes(table: pa.Table) -> bytes:
    """A part as a Parquet file; it holds no time of writing and no path."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.combine_chunks(), sink, version="2.6", compression=_COMPRESSION, compression_level=_LEVEL,
        row_group_size=max(table.num_rows, 1),
    )  # fmt: skip
    data: bytes = sink.getvalue().to_pybytes()
    return data


def part_names(count: int) -> Sequence[str]:
    """File names of so many parts, which sort in their order."""
    width = max(5, len(str(max(count - 1, 0))))
    return [f"part-{number:0{width}d}.parquet" for number in range(count)]
