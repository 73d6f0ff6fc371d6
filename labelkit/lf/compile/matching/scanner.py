"""The only place that touches Hyperscan: databases of byte patterns, and what they report."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from labelkit.types import IntArray

SWITCH: Final = "LABELKIT_HYPERSCAN"
"""Environment variable; ``0`` leaves all searches to Python's :mod:`re`, ``always`` none where the texts are few."""


def always() -> bool:
    """Whether patterns are to be compiled also where the texts are few."""
    return os.environ.get(SWITCH, "").strip().lower() == "always"


def missing() -> str:
    """Why there is no Hyperscan here; empty if there is."""
    if os.environ.get(SWITCH, "").strip().lower() in ("0", "false", "no", "off"):
        return f"Hyperscan is switched off by {SWITCH}"
    return _load_problem()


@lru_cache(maxsize=1)
def _load_problem() -> str:
    try:
        import hyperscan  # noqa: F401
    except (ImportError, OSError):
        return "Hyperscan is not installed"
    return ""


class Scanner:
    """Byte patterns compiled into one database.

    Parameters
    ----------
    expressions
        The patterns, without flags.

    Attributes
    ----------
    refused
        Position → why, for patterns that Hyperscan does not take.
    """

    def __init__(self, expressions: Sequence[bytes]) -> None:
        self.refused: dict[int, str] = {}
        self._lock = threading.Lock()  # a database has one scratch space
        positions = list(range(len(expressions)))
        database = self._compiled(expressions, positions)
        if database is None and positions:
            self._find_refused(expressions, positions)
            database = self._compiled(expressions, [i for i in positions if i not in self.refused])
        self._database = database

    def scan(self, data: bytearray, most: int) -> tuple[IntArray, IntArray, bool]:
        """What is found in a block of texts.

        Parameters
        ----------
        data
            The texts, separated.
        most
            Stop after so many reports.

        Returns
        -------
        positions, ends, finished
            For each report the position of its pattern and the byte behind the match, shape (m,), in
            the order of the ends; and whether the end of the data was reached.
        """
        positions: list[int] = []
        ends: list[int] = []
        found, ended = positions.append, ends.append

        def report(position: int, _start: int, end: int, _flags: int, _context: object) -> bool:
            found(position)
            ended(end)
            return len(ends) >= most

        finished = True
        if self._database is not None:
            import hyperscan

            with self._lock:
                try:
                    self._database.scan(data, match_event_handler=report)
                except hyperscan.ScanTerminated:
                    finished = False
        return np.array(positions, dtype=np.int64), np.array(ends, dtype=np.int64), finished

    def _find_refused(self, expressions: Sequence[bytes], positions: Sequence[int]) -> None:
        """Which patterns cannot be compiled, by halves."""
        if len(positions) == 1:
            self._compiled(expressions, positions, alone=True)
            return
        middle = len(positions) // 2
        for half in (positions[:middle], positions[middle:]):
            if self._compiled(expressions, half) is None:
                self._find_refused(expressions, half)

    def _compiled(self, expressions: Sequence[bytes], positions: Sequence[int], *, alone: bool = False) -> Any:
        """A database; None if there is nothing to compile, or one of the patterns is refused."""
        import hyperscan

        if not positions:
            return None
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        try:
            database.compile(
                expressions=[expressions[i] for i in positions], ids=positions, elements=len(positions), flags=0
            )
        except hyperscan.error as error:
            if alone:
                self.refused[positions[0]] = str(error).rstrip(".")
            return None
        return database


@lru_cache(maxsize=16)
def scanner_for(expressions: tuple[bytes, ...]) -> Scanner:
    """A scanner; the same patterns are compiled once per process."""
    return Scanner(expressions)
