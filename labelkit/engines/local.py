"""The engine that works in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class LocalEngine:
    """One shard after the other, in this process and thread."""

    def map(self, task: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """As :meth:`labelkit.engines.Engine.map`; holds one shard at a time."""
        return map(task, shards)
