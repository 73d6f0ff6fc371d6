"""What a query strategy is, and how one is found by its name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, runtime_checkable

import numpy as np

from labelkit import registry
from labelkit.errors import QueryError
from labelkit.query.pool import Pool
from labelkit.types import FloatArray, IntArray

PoolPart = Literal["end_model", "label_model", "committee", "features", "votes", "labelled", "answers"]
"""A part of the pool that may be missing; the covered mask and the names are always there."""


@runtime_checkable
class QueryStrategy(Protocol):
    """Scores every item of a pool. An instance serves one queue: the pool and the generator are all it sees.

    A strategy may also name, as ``wants``, a frozenset of parts of the pool that it uses where they
    are there but can do without.
    """

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


@dataclass(frozen=True)
class Selection:
    """A batch that was chosen together.

    Parameters
    ----------
    rows
        Rows of the pool, distinct, in the order in which they are asked.
    utilities
        A finite score for each, or None: then the place in the batch is the score.
    reasons
        A sentence for each, or None: then the strategy's ``reason`` is asked.
    notes
        What a reader of the queue should know, one sentence each.
    """

    rows: IntArray
    utilities: FloatArray | None = None
    reasons: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


@runtime_checkable
class BatchStrategy(QueryStrategy, Protocol):
    """A strategy that chooses a batch as a whole, because what one item teaches depends on the others.

    Its ``utilities`` are those of the first choice, before anything is in the batch.
    """

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> IntArray | Selection:
        """Choose ``count`` of the candidate rows, best first.

        Parameters
        ----------
        candidates
            (c,) rows of the pool that may be chosen, ascending.
        count
            1 to c.
        """


def strategy(name: str) -> QueryStrategy:
    """A new strategy: a registered name, or an import path ``package.module:attribute``.

    The attribute is a class of strategies, a class of scikit-activeml's pool strategies, or a
    modAL-style function ``(classifier, X, n_instances) -> indices`` or ``-> (indices, metrics)``.
    An import path runs the module that it names.

    Raises
    ------
    RegistryError
        If there is none, or it cannot be imported.
    QueryError
        If what the path leads to is no strategy, or needs an extra that is not installed.
    """
    if ":" not in name:
        return cast(QueryStrategy, registry.resolve("query_strategies", name)())
    if name.startswith("skactiveml."):
        from labelkit.query.activeml import require

        require()
    return _adapted(name, registry.load(name))


def _adapted(name: str, target: Any) -> QueryStrategy:
    if inspect.isclass(target):
        if any(base.__module__.startswith("skactiveml.") for base in target.__mro__):
            from labelkit.query.activeml import Activeml

            return Activeml(name, target)
        if all(hasattr(target, part) for part in ("needs", "utilities", "reason")):
            return _Named(name, cast(QueryStrategy, target()))
    elif callable(target):
        from labelkit.query.callables import CallableStrategy

        return CallableStrategy(name, target)
    raise QueryError(
        f"{name!r} is no query strategy: it leads to {target!r}",
        hint="Give a class with needs, utilities and reason, or a function (classifier, X, n_instances) -> indices",
    )


class _Named:
    """A strategy under the import path by which the mix calls it; all else is the strategy's own."""

    def __init__(self, name: str, own: QueryStrategy) -> None:
        self.name = name
        self.needs = own.needs
        self.wants = optional(own)
        self.utilities = own.utilities
        self.reason = own.reason
        if hasattr(own, "select"):
            self.select = own.select


def optional(s: QueryStrategy) -> frozenset[PoolPart]:
    """Parts of the pool that a strategy uses where they are there."""
    return frozenset(getattr(s, "wants", frozenset()))


def needs(mix: Mapping[str, float]) -> frozenset[PoolPart]:
    """The parts of the pool that the strategies of a mix need; those with a share of 0 are not asked."""
    wanted: frozenset[PoolPart] = frozenset()
    for name, share in mix.items():
        if share > 0:
            wanted |= strategy(name).needs
    return wanted


def wants(mix: Mapping[str, float]) -> frozenset[PoolPart]:
    """The parts that the strategies of a mix need or use where they are there: what to put into the pool."""
    wanted: frozenset[PoolPart] = frozenset()
    for name, share in mix.items():
        if share > 0:
            each = strategy(name)
            wanted |= each.needs | optional(each)
    return wanted
