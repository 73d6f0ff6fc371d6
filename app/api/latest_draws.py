"""What decides about gold questions and hints: looked up beside the claims, which do not wait for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from labelkit.annotate import Draws

from .reader import Reader

_LOG: Final = logging.getLogger("labelkit.api")

PATIENCE: Final = 0.05
"""Seconds. After an import of many items the gold labels are read anew; claims go on with what was known before."""


class LatestDraws:
    """The draws as they were a moment ago at most, but for large imports. Use it in the event loop."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: Draws | None = None
        self._reading: asyncio.Task[Draws] | None = None

    async def now(self) -> Draws:
        """The draws; the first time they are waited for."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        if self._known is None:
            return await asyncio.shield(self._reading)
        await asyncio.wait({self._reading}, timeout=PATIENCE)
        return self._known

    async def _read(self) -> Draws:
        try:
            self._known = await self._reader.read(lambda project: project.desk.draws())
        except Exception:
            if self._known is None:
                raise
            _LOG.exception("gold questions cannot be read anew; those known before are asked")
        return self._known
