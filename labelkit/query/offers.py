"""What one strategy offers for a queue, one item after the other, while others take items too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from labelkit.query.base import BatchStrategy, QueryStrategy
from labelkit.query.choosing import selected, utilities
from labelkit.query.pool import Pool
from labelkit.query.selection import top
from labelkit.types import FloatArray, IntArray

REFILLS = 3
"""How often a strategy is asked for more where near-duplicates or other strategies took what it offered."""


@dataclass(frozen=True)
class Offer:
    """One item that a strategy wants asked."""

    row: int
    utility: float
    reason: Callable[[], str]


class Offers:
    """A strategy's items, best first.

    Parameters
    ----------
    candidates, keys
        (c,) rows that may be chosen, ascending, and the numbers that order equal utilities.
    count
        Places that the strategy has in the queue.
    others
        Items that others may take before its turn.
    """

    def __init__(
        self, s: QueryStrategy, pool: Pool, candidates: IntArray, keys: FloatArray,
        *, count: int, others: int, seed: int,
    ) -> None:  # fmt: skip
        self.strategy = s
        self.notes: tuple[str, ...] = ()
        self._pool, self._candidates, self._keys, self._seed = pool, candidates, keys, seed
        self._places, self._length = count, count + others
        self._scores: FloatArray | None = None
        self._waiting: list[Offer] = []
        self._rounds = 0
        self._seen = 0

    def next(self, taken: Collection[int]) -> Offer | None:
        """The best item that is not ``taken``, or None where the strategy has no more to offer."""
        while True:
            while self._waiting:
                offer = self._waiting.pop()
                if offer.row not in taken:
                    return offer
            if self._rounds > REFILLS or not self._refill(taken):
                return None

    def _refill(self, taken: Collection[int]) -> bool:
        self._rounds += 1
        more = self._choose(taken) if isinstance(self.strategy, BatchStrategy) else self._best()
        self._waiting = more[::-1]
        return bool(more)

    def _best(self) -> list[Offer]:
        """The next best items of a strategy that scores each by itself."""
        if self._scores is None:
            self._scores = utilities(self.strategy, self._pool, self._seed)[self._candidates]
        rows = top(self._scores, self._keys, self._length)[self._seen :]
        self._seen += len(rows)
        self._length *= 4
        return [self._offer(int(self._candidates[r]), float(self._scores[r])) for r in rows]

    def _offer(self, row: int, utility: float) -> Offer:
        return Offer(row, utility, lambda: self.strategy.reason(self._pool, row))

    def _choose(self, taken: Collection[int]) -> list[Offer]:
        """A further batch, chosen among what nobody has taken."""
        assert isinstance(self.strategy, BatchStrategy)
        left = self._candidates
        if taken:
            left = left[~np.isin(left, np.fromiter(taken, dtype=np.int64, count=len(taken)))]
        if not len(left):
            return []
        count = min(self._places, len(left))
        chosen = selected(self.strategy, self._pool, left, count, self._seed)
        self.notes = chosen.notes
        assert chosen.utilities is not None
        assert chosen.reasons is not None
        return [
            Offer(int(row), float(utility), lambda reason=reason: reason)  # type: ignore[misc]
            for row, utility, reason in zip(chosen.rows, chosen.utilities, chosen.reasons, strict=True)
        ]
