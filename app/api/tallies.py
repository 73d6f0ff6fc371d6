"""How far everybody is: read now and then, counted on in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from labelkit.project import Project
from labelkit.store import Taken
from labelkit.store.own_answers import Tally

from .reader import Reader

_FRESH_SECONDS = 20.0


@dataclass
class _Entry:
    tally: Tally
    read: float
    later: list[tuple[int, int]] = field(default_factory=list)
    """(number, change) of answers that may be newer than the tally."""


class Tallies:
    """Counts per person; use it in the event loop. An answer never waits for counting."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._entries: dict[str, _Entry] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}

    def note(self, person: str, taken: Iterable[Taken | None]) -> None:
        """Count what was just stored."""
        entry = self._entries.get(person)
        if entry is not None:
            entry.later += [(one.annotation, one.change) for one in taken if one and one.annotation is not None]

    async def of(self, person: str) -> dict[str, int | None]:
        """``answered``, ``today`` and ``left`` of one person."""
        entry = self._entries.get(person)
        if entry is None or time.monotonic() - entry.read > _FRESH_SECONDS:
            task = self._reading.get(person)
            if task is None:
                task = self._reading[person] = asyncio.create_task(self._read(person))
                task.add_done_callback(_look_at)
            if entry is None:
                await asyncio.shield(task)
                entry = self._entries[person]
        change = sum(change for number, change in entry.later if number > entry.tally.upto)
        return {
            "answered": max(0, entry.tally.answered + change),
            "today": max(0, entry.tally.since + change),
            "left": _in_tens(max(0, entry.tally.left - change)),
            "batch_of": None,
        }

    async def _read(self, person: str) -> None:
        def tally(project: Project) -> Tally:
            return project.desk.tally(person)

        try:
            found = await self._reader.read(tally)
            before = self._entries.get(person)
            later = [] if before is None else [one for one in before.later if one[0] > found.upto]
            self._entries[person] = _Entry(found, time.monotonic(), later)
        finally:
            del self._reading[person]


def _in_tens(left: int) -> int:
    """Rounded up: a count to the last item would tell which answers were to gold questions."""
    return -(-left // 10) * 10


def _look_at(task: asyncio.Task[None]) -> None:
    """A count that could not be read in the background is read again soon; the one before is told meanwhile."""
    if not task.cancelled():
        task.exception()
