"""The served project: one connection per thread, opened anew when its settings change."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from labelkit import Project
from labelkit.project import find_project

PROJECT_VARIABLE = "LABELKIT_PROJECT"
_here = threading.local()


def root() -> Path:
    """The project's folder."""
    return _found(Path(os.environ.get(PROJECT_VARIABLE) or Path.cwd()))


@lru_cache(maxsize=16)
def _found(start: Path) -> Path:
    return find_project(start)


def _settings_state(folder: Path) -> tuple[str, int, int]:
    known = (folder / "labelkit.toml").stat()
    return str(folder), known.st_mtime_ns, known.st_size


def kept() -> Project:
    """This thread's own open project, for threads that answer many requests (SQLite: one thread, one connection)."""
    folder = root()
    state = _settings_state(folder)
    if getattr(_here, "state", None) != state:
        before = getattr(_here, "project", None)
        _here.project = Project.open(folder)  # with settings that cannot be read, all stays as it was
        _here.state = state
        if before is not None:
            before.close()
    project: Project = _here.project
    return project


@contextmanager
def opened() -> Iterator[Project]:
    """The project for one operation: Streamlit runs every visit of a page in a thread of its own."""
    with Project.open(root()) as project:
        yield project
