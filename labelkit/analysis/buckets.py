"""Buckets of items as in Snorkel's error analysis: known label × vote, and known label × decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.analysis.voted_items import VotedItems
from labelkit.types import ABSTAIN, IntArray

_VOTERS: Final = 2
_BLOCK: Final = 1 << 14


@dataclass(frozen=True)
class VoteBucket:
    """Items with one known label (``gold``) on which a function voted for one class; None where it abstained."""

    gold: str
    vote: str | None
    items: int
    examples: tuple[str, ...]
    """Ids, those that cost most first."""


@dataclass(frozen=True)
class DecisionBucket:
    """Items with one known label (``gold``) and one decision; ``label`` is None where nothing is decided.

    ``covered`` tells items that no function voted on from those whose most probable classes tie. ``voters``
    are the functions that voted for the label most often, with the number of these items: whose fault a wrong
    label is.
    """

    gold: str
    label: str | None
    covered: bool
    items: int
    examples: tuple[str, ...]
    voters: tuple[tuple[str, int], ...] = ()


def vote_buckets(
    voted: VotedItems, function: int, *, examples: int, all_examples: bool = True, abstained: bool = True
) -> tuple[VoteBucket, ...]:
    """Known label × vote of one function, all that are not empty, by known label and then vote.

    Parameters
    ----------
    function
        Its column.
    examples
        So many items at most in each bucket.
    all_examples
        Give items of all buckets; else of wrong votes only.
    abstained
        Whether to give the buckets in which the function abstained.
    """
    rows = voted.known_rows
    votes = voted.L[rows, function]
    if not abstained:
        rows, votes = rows[votes != ABSTAIN], votes[votes != ABSTAIN]
    names = [*voted.class_names, None]
    return tuple(
        VoteBucket(
            gold=voted.class_names[gold],
            vote=names[vote],
            items=len(found),
            examples=voted.examples(found, examples if all_examples or vote not in (gold, ABSTAIN) else 0),
        )
        for (gold, vote), found in _grouped(voted.known[rows], votes, rows, voted.cardinality)
    )


def decision_buckets(voted: VotedItems, *, examples: int) -> tuple[DecisionBucket, ...]:
    """Known label × decision, all that are not empty: the confusion matrix, with items to look at."""
    rows = voted.known_rows
    uncovered = ABSTAIN - 1  # a decision of its own here
    decided = np.where(voted.covered[rows], voted.decided[rows].astype(np.int64), uncovered)
    return tuple(
        DecisionBucket(
            gold=voted.class_names[gold],
            label=None if label < 0 else voted.class_names[label],
            covered=label != uncovered,
            items=len(found),
            examples=voted.examples(found, examples),
            voters=() if label < 0 else _voters(voted, found, label),
        )
        for (gold, label), found in _grouped(voted.known[rows], decided, rows, voted.cardinality)
    )


def _voters(voted: VotedItems, rows: npt.NDArray[np.intp], label: int) -> tuple[tuple[str, int], ...]:
    votes = np.zeros(len(voted.names), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        votes += (voted.L[rows[start : start + _BLOCK]] == label).sum(axis=0)
    order = np.argsort(-votes, kind="stable")[:_VOTERS]
    return tuple((voted.names[j], int(votes[j])) for j in order if votes[j])


def _grouped(
    gold: IntArray, other: IntArray, rows: npt.NDArray[np.intp], k: int
) -> Iterator[tuple[tuple[int, int], npt.NDArray[np.intp]]]:
    """((gold, other), rows) of every pair that occurs; ``other`` lies in −2 … k − 1."""
    if not len(rows):
        return
    width = k + 2
    keys = gold.astype(np.int64) * width + (other.astype(np.int64) + 2)
    order = np.argsort(keys, kind="stable")
    found, first = np.unique(keys[order], return_index=True)
    for key, part in zip(found.tolist(), np.split(rows[order], first[1:]), strict=True):
        yield (key // width, key % width - 2), part
