"""A bounded, seeded, mergeable sample of the rows of a label matrix.

Every row has a key, the hash of a seed and its number. The sample is all rows whose key lies below a
limit, and the limit falls as rows come, so that the sample stays small: bottom-k sampling. Samples of two
parts make the sample of both, in any grouping, and whoever computed them (Cohen, Kaplan: Summarizing data
using bottom-k sketches, PODC 2007).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.patterns import Words
from labelkit.labelmodels.validation import covered
from labelkit.types import SHARD_SIZE, BoolArray, IntArray

SAMPLE_SIZE: Final = 50_000
"""Rows kept: at 50 functions 2.9 MB, and shares known to within half a percent point."""
_EVERYTHING: Final = 2**64 - 1


@dataclass(frozen=True)
class VoteSample:
    """Rows with a vote, drawn uniformly from a label matrix.

    Attributes
    ----------
    limit
        The sample holds every row with a vote whose key is below this; 2⁶⁴ − 1 if none was left out.
    keys
        uint64, shape (s,), in order of the rows.
    rows
        Votes, shape (s, m).
    """

    limit: int
    keys: Words
    rows: IntArray

    @property
    def complete(self) -> bool:
        """Whether the sample is every row with a vote."""
        return self.limit == _EVERYTHING

    @classmethod
    def of_rows(cls, votes: IntArray, *, first_row: int = 0, seed: int = 0, size: int = SAMPLE_SIZE) -> VoteSample:
        """Draw from a checked label matrix (n, m) whose first row has this number in the whole."""
        limit = _EVERYTHING
        keys, places = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.intp)
        for start in range(0, len(votes), SHARD_SIZE):
            stop = min(start + SHARD_SIZE, len(votes))
            coming = row_keys(first_row + start, first_row + stop, seed)
            near = np.flatnonzero(coming < limit)
            # Rows are copied at the end, those that are drawn.
            voted = covered(votes[start:stop] if len(near) == len(coming) else votes[start + near])
            keys = np.concatenate([keys, coming[near[voted]]])
            places = np.concatenate([places, start + near[voted]])
            limit, kept = _lowest(keys, limit, size)
            keys, places = keys[kept], places[kept]
        return cls(limit, keys, votes[places])

    @classmethod
    def merge(cls, parts: Iterable[VoteSample], *, size: int = SAMPLE_SIZE) -> VoteSample:
        """The sample of all parts together, its rows in the order of the parts; at least one part."""
        held = list(parts)
        limit = min(part.limit for part in held)
        one = held[0] if len(held) == 1 else None
        keys = one.keys if one else np.concatenate([part.keys for part in held])
        rows = one.rows if one else np.concatenate([part.rows for part in held])
        limit, kept = _lowest(keys, limit, size)
        return cls(limit, keys, rows) if limit == _EVERYTHING else cls(limit, keys[kept], rows[kept])


def _lowest(keys: Words, limit: int, size: int) -> tuple[int, BoolArray]:
    """The limit, lowered so far that at most so many keys lie below it, and which do, shape (s,)."""
    kept = keys < limit
    if kept.sum() > size:
        limit = min(limit, int(np.partition(keys, size)[size]))
        kept = keys < limit
    return limit, kept


def row_keys(start: int, stop: int, seed: int) -> npt.NDArray[np.uint64]:
    """One 64-bit key below 2⁶⁴ − 1 for each row number, the same everywhere (splitmix64)."""
    offset = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    mixed = np.arange(start, stop, dtype=np.uint64)
    mixed *= np.uint64(0x9E3779B97F4A7C15)
    mixed += np.uint64(offset)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return np.minimum(mixed, np.uint64(_EVERYTHING - 1))
