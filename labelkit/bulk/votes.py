"""Votes of one shard as bytes: ids, and one column per labeling function, called by its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from labelkit.types import Fault, IntArray

_FAULTS = b"faults"


@dataclass(frozen=True, eq=False)
class VoteColumn:
    """What one labeling function voted on a shard.

    Parameters
    ----------
    votes
        Stable class ids, −1 for abstain, shape (n,), int8 or int16.
    fault_count
        Exceptions that count as abstain.
    faults
        The first of them.
    """

    votes: IntArray
    fault_count: int = 0
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, eq=False)
class ShardVotes:
    """Votes of one shard.

    Parameters
    ----------
    ids
        The owner's ids of the n items, a string column.
    columns
        Fingerprint of a labeling function → its votes.
    """

    ids: pa.ChunkedArray
    columns: Mapping[str, VoteColumn]

    def matrix(self, fingerprints: Sequence[str]) -> IntArray:
        """Votes of the given functions, shape (n, m), stable class ids."""
        columns = [self.columns[one].votes for one in fingerprints]
        if not columns:
            return np.empty((len(self.ids), 0), dtype=np.int8)
        return np.ascontiguousarray(np.stack(columns, axis=1))


def pack_votes(votes: ShardVotes) -> bytes:
    """The bytes that :func:`unpack_votes` reads: an Arrow stream, compressed."""
    fields, arrays = [pa.field("id", pa.string())], [votes.ids]
    for fingerprint, column in votes.columns.items():
        faults = [(fault.function, fault.item_id, fault.problem) for fault in column.faults]
        kept = {_FAULTS: orjson.dumps([column.fault_count, faults])} if column.fault_count else None
        array = pa.array(column.votes)
        fields.append(pa.field(fingerprint, array.type, metadata=kept))
        arrays.append(array)
    table = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_votes(data: bytes) -> ShardVotes:
    """What :func:`pack_votes` packed.

    Raises
    ------
    ValueError
        If the bytes are nothing of the kind.
    """
    try:
        table = pa.ipc.open_stream(data).read_all()
        columns = {f.name: _column(table, f) for f in table.schema if f.name != "id"}
        return ShardVotes(table.column("id"), columns)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise ValueError(f"no votes: {error}") from error


def packed_faults(data: bytes) -> dict[str, int]:
    """Fingerprint → number of faults in :func:`pack_votes`'s bytes; empty if they are nothing of the kind.

    Only their beginning is read.
    """
    try:
        schema = pa.ipc.open_stream(data).schema
    except (pa.ArrowException, OSError):
        return {}
    return {f.name: _kept_faults(f)[0] for f in schema if f.name != "id"}


def _column(table: pa.Table, field: pa.Field) -> VoteColumn:
    count, faults = _kept_faults(field)
    votes = table.column(field.name).to_numpy()
    return VoteColumn(votes, count, tuple(Fault(*one) for one in faults))


def _kept_faults(field: pa.Field) -> tuple[int, list[list[str]]]:
    count, faults = orjson.loads((field.metadata or {}).get(_FAULTS, b"[0,[]]"))
    return count, faults
