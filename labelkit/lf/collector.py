"""Catches the labeling functions that a file declares while it is imported.

A bare ``regex("x", …)`` leaves nothing in its module's namespace, and a loop that declares ten
functions may keep none of them; so every declaration reports itself here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import TYPE_CHECKING

from labelkit.lf.project_code import ProjectCode, Site, is_labelkit

if TYPE_CHECKING:
    from labelkit.lf.base import LabelingFunction


class Collector:
    """Functions declared by one project's code, in order of declaration."""

    def __init__(self, code: ProjectCode) -> None:
        self.code = code
        self.found: list[LabelingFunction] = []


_ACTIVE: ContextVar[Collector | None] = ContextVar("labelkit_collector", default=None)


@contextmanager
def collecting(code: ProjectCode) -> Iterator[Collector]:
    """Collect what is declared in this block, in this thread."""
    collector = Collector(code)
    token = _ACTIVE.set(collector)
    try:
        yield collector
    finally:
        _ACTIVE.reset(token)


def active_project() -> ProjectCode | None:
    """The project that is being discovered, if one is."""
    collector = _ACTIVE.get()
    return collector.code if collector else None


def declaration_site() -> Site:
    """Where the declaration that is now running was written.

    That is the innermost frame in the project's code, so that a factory in an installed package
    is attributed to the line that calls it; outside of a discovery the innermost one that is not
    labelkit's.
    """
    frame = _project_frame() or _outer_frame()
    if frame is None:
        return Site("<unknown>", 0)
    return Site(shown_file(frame.f_code.co_filename), frame.f_lineno)


def declaring_file() -> str | None:
    """The file in which the declaration that is now running was written, if it is one."""
    frame = _project_frame() or _outer_frame()
    file = frame.f_code.co_filename if frame else None
    return file if file and not file.startswith("<") else None


def shown_file(file: str) -> str:
    """A file as messages name it."""
    project = active_project()
    return project.shown(file) if project else file


def report(function: LabelingFunction) -> None:
    """Tell the active collector, if there is one, about a declaration in the project's code."""
    collector = _ACTIVE.get()
    if collector is not None and _project_frame() is not None:
        collector.found.append(function)


def _outer_frame() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_labelkit(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def _project_frame() -> FrameType | None:
    project = active_project()
    frame = _outer_frame() if project else None
    while project is not None and frame is not None:
        if project.owns(frame.f_code.co_filename):
            return frame
        # An installed module that declares functions when it is first imported does so once per
        # process: counting those would make a second discovery differ from the first.
        if frame.f_code.co_name == "<module>":
            return None
        frame = frame.f_back
    return None
