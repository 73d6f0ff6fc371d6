"""Conflicts between labeling functions, those that cost most labels first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from labelkit.analysis.intervals import wilson
from labelkit.analysis.voted_items import VotedItems
from labelkit.types import ABSTAIN, Estimate, IntArray

_PAIRS_COUNTED: Final = 50_000_000
"""Pairs of votes on one item that are counted to find the costly ones; of more, a random part stands for all."""


@dataclass(frozen=True)
class Conflict:
    """Two functions that vote for two different classes on the same items.

    Attributes
    ----------
    function, vote, other, other_vote
        Who votes for what.
    items
        Number of items on which they do.
    cost
        Expected wrong labels among these items: 1 for each whose label is known to be wrong, 0 for right,
        else how uncertain the label is. An item on which several pairs conflict counts for each of them.
    right, other_right
        How often each is right, of the items whose label is known; both can be wrong.
    examples
        Ids of items, those that cost most first.
    """

    function: str
    vote: str
    other: str
    other_vote: str
    items: int
    cost: float
    right: Estimate
    other_right: Estimate
    examples: tuple[str, ...]


def costly_conflicts(
    voted: VotedItems,
    rows: npt.NDArray[np.intp],
    *,
    limit: int,
    examples: int,
    function: int | None = None,
    seed: int = 0,
) -> tuple[Conflict, ...]:
    """The conflicts that cost most, dearest first; none that costs nothing.

    Parameters
    ----------
    rows
        Positions of the items to look at.
    limit
        So many at most.
    examples
        Items for each.
    function
        Only conflicts of this function (a column).
    seed
        For the random part, where there are very many.
    """
    left, right, cost = _pairs(voted, rows, function, seed)
    if not len(cost):
        return ()
    k = voted.cardinality
    # The ranking may rest on a part of the items; the figures of those chosen never do.
    chosen = np.lexsort((right, left, -np.round(cost, 9)))[:limit]
    found = [
        _conflict(voted, rows, divmod(int(left[i]), k), divmod(int(right[i]), k), examples, function) for i in chosen
    ]
    return tuple(sorted(found, key=lambda conflict: -round(conflict.cost, 9)))


def _pairs(
    voted: VotedItems, rows: npt.NDArray[np.intp], function: int | None, seed: int
) -> tuple[IntArray, IntArray, npt.NDArray[np.float64]]:
    """Pairs of (function × k + class) that meet on an item with different classes, and what they cost."""
    k = voted.cardinality
    rows = rows[voted.cost[rows] > 0]
    if function is not None:
        rows = rows[voted.L[rows, function] != ABSTAIN]
    rows = _bounded(voted.L, _conflicting(voted.L, rows), seed)
    items, functions = np.nonzero(voted.L[rows] != ABSTAIN)
    columns = functions * k + voted.L[rows[items], functions]
    cost = sp.csr_matrix(
        (voted.cost[rows[items]], (items, columns)), shape=(len(rows), len(voted.names) * k), dtype=np.float64
    )
    once = cost.copy()
    once.data[:] = 1.0
    met = sp.coo_matrix(sp.triu(cost.T @ once, k=1))
    left, right = met.row.astype(np.int64), met.col.astype(np.int64)
    different = (left % k != right % k) & (met.data > 0)
    if function is not None:
        different &= (left // k == function) | (right // k == function)
    return left[different], right[different], met.data[different]


def _conflicting(L: IntArray, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Those of the rows on which two functions vote differently."""
    kept = []
    for start in range(0, len(rows), 1 << 14):
        block = L[rows[start : start + (1 << 14)]]
        highest = block.max(axis=1)
        kept.append(rows[start : start + (1 << 14)][((block != ABSTAIN) & (block != highest[:, None])).any(axis=1)])
    return np.concatenate(kept) if kept else rows


def _bounded(L: IntArray, rows: npt.NDArray[np.intp], seed: int) -> npt.NDArray[np.intp]:
    pairs = sum(
        int(((L[rows[start : start + (1 << 14)]] != ABSTAIN).sum(axis=1).astype(np.int64) ** 2).sum())
        for start in range(0, len(rows), 1 << 14)
    )
    if pairs <= _PAIRS_COUNTED:
        return rows
    kept = max(1, len(rows) * _PAIRS_COUNTED // pairs)
    return np.sort(np.random.default_rng(seed).choice(rows, size=kept, replace=False))


def _conflict(
    voted: VotedItems,
    rows: npt.NDArray[np.intp],
    one: tuple[int, int],
    two: tuple[int, int],
    examples: int,
    function: int | None,
) -> Conflict:
    if two[0] == function:
        one, two = two, one
    (a, vote), (b, other_vote) = one, two
    here = rows[(voted.L[rows, a] == vote) & (voted.L[rows, b] == other_vote)]
    judged = voted.known_rows
    truth = voted.known[judged[(voted.L[judged, a] == vote) & (voted.L[judged, b] == other_vote)]]
    return Conflict(
        function=voted.names[a],
        vote=voted.class_names[vote],
        other=voted.names[b],
        other_vote=voted.class_names[other_vote],
        items=len(here),
        cost=float(voted.cost[here].sum()),
        right=wilson(int((truth == vote).sum()), len(truth)),
        other_right=wilson(int((truth == other_vote).sum()), len(truth)),
        examples=voted.examples(here, examples),
    )
