"""What goes into the voting of one shard, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from labelkit.types import ABSTAIN, Fault, IntArray, LabelSchema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Shard:
    """Consecutive items.

    Parameters
    ----------
    number
        Position of the shard.
    first_item
        Number of its first item.
    table
        One row per item: ``id`` (string), ``text`` (string, empty where the item has none), and the
        further fields (any type, null where missing).
    """

    number: int
    first_item: int
    table: pa.Table


@dataclass(frozen=True, eq=False)
class ColumnVotes:
    """The votes of one labeling function.

    Parameters
    ----------
    function
        Its name.
    votes
        Stable class ids, −1 for abstain, one per row that was asked for; int8, or int16 where a class
        id is above 127.
    faults
        The first examples of exceptions that count as abstain.
    fault_count
        How many there were.
    """

    function: str
    votes: IntArray
    faults: list[Fault] = field(default_factory=list)
    fault_count: int = 0


def vote_dtype(schema: LabelSchema) -> type[np.int8] | type[np.int16]:
    """The smallest type that holds every class id of a schema, and abstain."""
    return np.int8 if max((*schema.ids, *schema.merged), default=0) <= np.iinfo(np.int8).max else np.int16


def votes_where(mask: np.ndarray, class_id: int, dtype: type[np.int8] | type[np.int16]) -> IntArray:
    """``class_id`` where ``mask``, abstain elsewhere."""
    votes: IntArray = np.where(mask, dtype(class_id), dtype(ABSTAIN))
    return votes
