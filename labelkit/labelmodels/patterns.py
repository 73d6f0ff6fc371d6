"""Distinct rows of a vote matrix, found by hashing with an exact check.

``np.unique(axis=0)`` sorts whole rows and takes longer than fitting the label model. Here each row is
hashed to 64 bits, the hashes are grouped, and every row is compared with the row that stands for its
group; only if two different rows ever share a hash does the slow way run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

Words = npt.NDArray[np.uint64]


_FEW_NUMBERS: Final = 1 << 20
"""Rows are counted by number where there are at most so many possible ones."""
_PEEKED: Final = 4
"""More distinct hashes than the limit among the first rows (the limit and one in so many) settle it."""


@dataclass(frozen=True)
class PatternCounts:
    """Distinct rows with a vote in order of first appearance.

    Attributes
    ----------
    rows
        Integers, shape (d, m).
    counts
        int64, shape (d,): items with each.
    """

    rows: IntArray
    counts: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Patterns:
    """Distinct rows in order of first appearance.

    Attributes
    ----------
    rows
        Integers, shape (d, m).
    counts
        int64, shape (d,): how many rows of the matrix equal each.
    inverse
        int64, shape (n,): ``rows[inverse]`` is the matrix.
    """

    rows: IntArray
    counts: npt.NDArray[np.int64]
    inverse: npt.NDArray[np.int64]


def hash_words(words: Words) -> Words:
    """One 64-bit hash for each row of ``words`` (n, w); not for security, its groups are verified."""
    mixed = np.zeros(len(words), dtype=np.uint64)
    factor, step = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
    for column in range(words.shape[1]):
        mixed ^= words[:, column]
        mixed *= factor
        mixed ^= mixed >> np.uint64(29)
        mixed *= step
        mixed ^= mixed >> np.uint64(32)
    return mixed


def distinct_patterns(rows: IntArray, *, hasher: Callable[[Words], Words] = hash_words) -> Patterns:
    """Group equal rows.

    Parameters
    ----------
    rows
        Integers, shape (n, m), contiguous by row; not written to.
    hasher
        Row hash; equality never depends on it, only speed does.
    """
    n = len(rows)
    if n == 0 or rows.shape[1] == 0:
        kept = rows[: min(n, 1)].copy()
        return Patterns(kept, np.full(len(kept), n, dtype=np.int64), np.zeros(n, dtype=np.int64))
    words = _as_words(rows)
    keys = words[:, 0] if words.shape[1] == 1 else hasher(words)
    first, inverse = _group(keys)
    if words.shape[1] > 1 and not _all_equal(words, first, inverse):
        first, inverse = _group(_exact_keys(words))
    return Patterns(rows[first].copy(), np.bincount(inverse, minlength=len(first)).astype(np.int64), inverse)


def few_patterns(votes: IntArray, most: int, *, counts: npt.NDArray[np.int64] | None = None) -> PatternCounts | None:
    """The distinct rows with a vote of a checked label matrix, unless there are too many.

    Parameters
    ----------
    votes
        Label matrix, shape (n, m); may be empty.
    most
        With more distinct rows than this, None is returned, as soon as that is certain.
    counts
        How many items each row stands for, shape (n,); one each if None.
    """
    if _surely_more(votes, most):
        return None
    held = PatternCounts(votes[:0].copy(), np.empty(0, dtype=np.int64))
    for start in range(0, len(votes), SHARD_SIZE):
        block = votes[start : start + SHARD_SIZE]
        if counts is None:
            found = _by_number(block) or _distinct_counts(block, None)
        else:
            found = PatternCounts(block, counts[start : start + SHARD_SIZE])
        if len(held.rows) or counts is not None:
            found = _distinct_counts(
                np.concatenate([held.rows, found.rows]), np.concatenate([held.counts, found.counts])
            )
        voted = (found.rows != ABSTAIN).any(axis=1)
        held = found if voted.all() else PatternCounts(found.rows[voted], found.counts[voted])
        if len(held.rows) > most:
            return None
    return held


def _distinct_counts(rows: IntArray, counts: npt.NDArray[np.int64] | None) -> PatternCounts:
    found = distinct_patterns(rows)
    if counts is None:
        return PatternCounts(found.rows, found.counts)
    sums = np.zeros(len(found.rows), dtype=np.int64)
    np.add.at(sums, found.inverse, counts)
    return PatternCounts(found.rows, sums)


def _by_number(rows: IntArray) -> PatternCounts | None:
    """Distinct rows by counting, where a row's votes make a small number; None where they do not."""
    choices = int(rows.max(initial=0)) + 2
    if not rows.size or choices ** rows.shape[1] > _FEW_NUMBERS:
        return None
    # Whole numbers below 2**24: exact in float32, in whatever order BLAS adds them.
    weights = (float(choices) ** np.arange(rows.shape[1])).astype(np.float32)
    numbers = (rows.astype(np.float32) @ weights + weights.sum()).astype(np.intp)
    counts = np.bincount(numbers)
    first = np.empty(len(counts), dtype=np.intp)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)  # the last to be written is the first to appear
    present = np.flatnonzero(counts)
    order = present[np.argsort(first[present])]
    return PatternCounts(rows[first[order]], counts[order])


def _surely_more(votes: IntArray, most: int) -> bool:
    """Whether the first rows alone have more distinct hashes: rows are at least as many, one may be empty."""
    first = votes[: most + most // _PEEKED]
    if len(first) <= most + 1 or not first.shape[1]:
        return False
    words = _as_words(first)
    keys = np.sort(words[:, 0] if words.shape[1] == 1 else hash_words(words))
    return int((keys[1:] != keys[:-1]).sum()) > most


def _as_words(rows: IntArray) -> Words:
    """The bytes of each row, padded with zeros, as 64-bit words (n, w)."""
    raw = np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
    width = -(-raw.shape[1] // 8) * 8
    if width != raw.shape[1]:
        padded = np.zeros((len(rows), width), dtype=np.uint8)
        padded[:, : raw.shape[1]] = raw
        raw = padded
    return raw.view(np.uint64)


def _group(keys: npt.NDArray[np.unsignedinteger[npt.NBitBase]] | Words) -> tuple[IntArray, npt.NDArray[np.int64]]:
    """First position of each distinct key, in order of appearance, and the group of every position."""
    order = np.argsort(keys)
    ordered = keys[order]
    new = np.empty(len(keys), dtype=bool)
    new[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    first = np.minimum.reduceat(order, np.flatnonzero(new))
    appearance = np.argsort(first)
    rank = np.empty(len(first), dtype=np.int64)
    rank[appearance] = np.arange(len(first))
    inverse = np.empty(len(keys), dtype=np.int64)
    inverse[order] = rank[np.cumsum(new) - 1]
    return first[appearance], inverse


def _all_equal(words: Words, first: IntArray, inverse: npt.NDArray[np.int64]) -> bool:
    standing = first[inverse]
    return all(bool((words[standing, column] == words[:, column]).all()) for column in range(words.shape[1]))


def _exact_keys(words: Words) -> Words:
    """Keys that are equal exactly where the rows are: the columns folded in one after another."""
    keys = words[:, 0]
    for column in range(1, words.shape[1]):
        _, left = np.unique(keys, return_inverse=True)
        _, right = np.unique(words[:, column], return_inverse=True)
        keys = left.astype(np.uint64) * np.uint64(len(words)) + right.astype(np.uint64)
    return keys
