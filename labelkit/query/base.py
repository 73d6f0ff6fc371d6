"""What a query strategy is, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol, cast, runtime_checkable

import numpy as np

from labelkit import registry
from labelkit.query.pool import Pool
from labelkit.types import FloatArray

PoolPart = Literal["end_model", "label_model", "committee"]
"""A part of the pool that may be missing; the covered mask and the names are always there."""


@runtime_checkable
class QueryStrategy(Protocol):
    """Scores every item of a pool. A strategy is stateless: the pool and the generator are all it sees."""

    @property
    def name(self) -> str:
        """The registered name."""

    @property
    def needs(self) -> frozenset[PoolPart]:
        """Parts of the pool without which the strategy cannot score."""

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) finite scores, float64; the item with the highest is asked first."""

    def reason(self, pool: Pool, i: int) -> str:
        """Why row ``i`` of the pool is asked: one sentence in plain words, with numbers, without a full stop."""


def strategy(name: str) -> QueryStrategy:
    """The strategy registered under this name.

    Raises
    ------
    RegistryError
        If there is none, or it cannot be imported.
    """
    return cast(QueryStrategy, registry.resolve("query_strategies", name)())


def needs(mix: Mapping[str, float]) -> frozenset[PoolPart]:
    """The parts of the pool that the strategies of a mix need; those with a share of 0 are not asked."""
    wanted: frozenset[PoolPart] = frozenset()
    for name, share in mix.items():
        if share > 0:
            wanted |= strategy(name).needs
    return wanted
