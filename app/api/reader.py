"""Threads that read for the API, each with its own connection and its own memory of what it read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import projects

from labelkit import Project

T = TypeVar("T")


class Reader:
    """One thread: what it reads does not hold up the event loop, nor another reader."""

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"labelkit-{name}")

    async def read(self, work: Callable[[Project], T]) -> T:
        """The result of reading from this thread's project."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(projects.kept()))
