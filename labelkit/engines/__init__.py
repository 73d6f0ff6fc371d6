"""Where shards are worked on: one file per engine, found by name in the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from labelkit.errors import RegistryError
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


def engine(name: str, **options: Any) -> Engine:
    """A registered engine, ready to use.

    Parameters
    ----------
    name
        For instance ``"automatic"``.
    **options
        Given to the engine, for instance ``workers``.

    Raises
    ------
    RegistryError
        If no engine has this name, or it does not take these options.
    """
    make = resolve("engines", name)
    try:
        made: Engine = make(**options)
    except TypeError as error:
        raise RegistryError(
            f"the engine {name!r} does not take {', '.join(options) or 'no options'}: {error}"
        ) from None
    return made
