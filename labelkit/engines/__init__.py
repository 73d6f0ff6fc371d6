"""Where shards are worked on: one file per engine, found by name in the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from labelkit.registry import resolve

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs one task over many shards."""

    def map(self, task: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """The task's results, in the order of the shards, as they become ready.

        Shards are taken as they are needed, so that memory does not grow with their number. An
        exception of the task reaches the caller at the place of its shard.
        """
        ...


def engine(name: str) -> Engine:
    """A registered engine, ready to use.

    Raises
    ------
    RegistryError
        If no engine has this name.
    """
    made: Engine = resolve("engines", name)()
    return made
