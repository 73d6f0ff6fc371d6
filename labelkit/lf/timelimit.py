"""Stops code of the project that does not come back: a loop without end, a pattern that backtracks for ever.

A timer interrupts the main thread; Python code, :mod:`re` and sleeping calls can be interrupted so. What a
C extension does without asking for signals cannot: only the end of its process stops that (see
:mod:`labelkit.engines.processes`, which learns through :mod:`labelkit.progress` what is running).
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable
from types import FrameType, TracebackType
from typing import Any, Final

from labelkit.progress import say_alive

DEFAULT_TIME_LIMIT = 10.0
"""Seconds that a function may take for one item."""

_TICKS: Final = 4
"""How often the position is looked at per limit."""

_INSISTING: Final = 0.02
"""Seconds between two interruptions of code that goes on after the first."""


class TimeUp(BaseException):
    """The time for one item is over.

    Not an :class:`Exception`, so that ``except Exception`` in a function does not swallow it.
    """


def can_watch() -> bool:
    """Whether a timer can be set here: in the main thread, and not on Windows."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


class time_limit:  # noqa: N801 (used like a function)
    """Raise :class:`TimeUp` inside this block when ``position()`` stays the same for ``seconds``.

    The position costs the watched code nothing: it is only looked at a few times per limit, so that the
    limit is kept to about a quarter, and never cut short (while a program is halted, its time stands
    still). Code that swallows the interruption is interrupted again and again; whatever it returns in
    the end, the block ends with :class:`TimeUp`.

    The block can be left by any exception, Ctrl-C among them; a handler or timer for SIGALRM that the
    program had before is there again afterwards. Where no timer can be set (in a thread other than the
    main one, or on Windows) nothing is watched.

    Parameters
    ----------
    position
        What changes whenever an item is done.
    seconds
        The limit; None or 0 for none.
    what
        What runs in the block, for those who watch this process from outside.
    """

    def __init__(self, position: Callable[[], Hashable], seconds: float | None, what: str = "") -> None:
        self._position = position
        self._seconds = seconds
        self._what = what
        self._armed = False
        self._home: FrameType | None = None
        self._ticks = 0
        self._swallowed = 0
        self.expired: Hashable = None
        """The position at which time was up; None while it is not."""

    def __enter__(self) -> time_limit:
        if not self._seconds or not can_watch():
            return self
        self._seen = self._position()
        self._home = sys._getframe(1)
        self._trace = sys.gettrace()
        self._started = time.monotonic()
        self._handler = signal.signal(signal.SIGALRM, self._look)
        self._timer = signal.setitimer(signal.ITIMER_REAL, self._seconds / _TICKS, self._seconds / _TICKS)
        self._armed = True
        if self._what:
            say_alive(self._what, self._seconds)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if not self._armed:
            return
        self._armed = False
        self._home = None  # a frame holds everything that its code has in hand
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL if self._handler is None else self._handler)
        delay, interval = self._timer
        if delay:  # the program's own alarm, which goes off a little late where it would have gone off here
            passed = time.monotonic() - self._started
            signal.setitimer(signal.ITIMER_REAL, max(delay - passed, 0.001), interval)
        if self._swallowed > 1:
            sys.settrace(self._trace)
        if self._what:
            say_alive("", 0.0)
        if self.expired is not None and (kind is None or issubclass(kind, Exception)):
            raise TimeUp from error

    def _look(self, _signal: int, frame: FrameType | None) -> None:
        if not self._armed or (frame is not None and frame.f_code in _OWN_CODE):
            return
        if self._what:
            say_alive(self._what, self._seconds or 0.0)
        if self.expired is None:
            here = self._position()
            if here != self._seen:
                self._seen, self._ticks = here, 0
                return
            self._ticks += 1  # counted, not timed: a halted program gets one tick, however long it lay still
            if self._ticks < _TICKS:
                return
            self.expired = here
            signal.setitimer(signal.ITIMER_REAL, _INSISTING, _INSISTING)
        self._swallowed += 1
        if self._swallowed > 1 and frame is not None:
            self._insist(frame)
        raise TimeUp

    def _insist(self, frame: FrameType) -> None:
        """Have the next line of the watched code raise, too: that is the one that handles this :class:`TimeUp`."""
        inner: FrameType | None = frame
        while inner is not None and inner is not self._home:
            inner.f_trace = self._raise_again
            inner = inner.f_back
        sys.settrace(self._raise_again)

    def _raise_again(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line" and frame.f_code not in _OWN_CODE:
            raise TimeUp
        return self._raise_again


_OWN_CODE: Final = frozenset({time_limit.__enter__.__code__, time_limit.__exit__.__code__})
