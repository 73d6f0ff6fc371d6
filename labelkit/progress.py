"""How a step tells its caller that it is getting on; the command line draws it, notebooks may ignore it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Protocol


class Advance(Protocol):
    """Called with the number of units done since the last call."""

    def __call__(self, units: int = 1, /) -> None: ...


class Progress(Protocol):
    """Something that can show how far work has come."""

    def track(self, description: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Show a bar while the ``with`` block runs; ``total`` is None where it is not known."""

    def note(self, message: str) -> None:
        """Say one line."""


def _nothing(units: int = 1, /) -> None:
    del units


class Silent:
    """Shows nothing."""

    def track(self, description: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """See :class:`Progress`."""
        del description, total
        return nullcontext(_nothing)

    def note(self, message: str) -> None:
        """See :class:`Progress`."""
        del message


class Listener(Protocol):
    """Somebody outside who can end this process when the project's code hangs in it."""

    def __call__(self, what: str, seconds: float, /) -> None:
        """``what`` is running and will be heard of again within ``seconds``; empty when it has ended."""


_listener: ContextVar[Listener | None] = ContextVar("labelkit_listener", default=None)


def listen(listener: Listener) -> None:
    """Have :func:`say_alive` tell this listener, in this context."""
    _listener.set(listener)


def say_alive(what: str, seconds: float) -> None:
    """Tell the listener, if there is one, that ``what`` is running; see :class:`Listener`."""
    listener = _listener.get()
    if listener is not None:
        listener(what, seconds)
