"""Which files are the project's own code, and where in it something was declared."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).absolute().parents[1]
_BUNDLED: Final = _PACKAGE / "_bundled"
_INSTALLED: Final = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Site:
    """Where a labeling function is declared: ``file`` as shown to the user, and the 1-based line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@lru_cache(maxsize=4096)
def is_labelkit(file: str) -> bool:
    """Whether a file is part of labelkit itself (the bundled sample project is not)."""
    path = Path(file)
    return path.is_relative_to(_PACKAGE) and not path.is_relative_to(_BUNDLED)


@dataclass(frozen=True)
class ProjectCode:
    """The Python files of one project: those below ``root`` that nobody installed there.

    A virtual environment inside the project folder, and labelkit where the project is its own
    repository, are not project code.
    """

    root: Path

    def owns(self, file: str | None) -> bool:
        """Whether a file belongs to the project's own code."""
        return file is not None and _owns(self.root, file)

    def shown(self, file: str) -> str:
        """A file as the user knows it: relative to the project where it lies in it."""
        path = Path(file)
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)


@lru_cache(maxsize=16384)
def _owns(root: Path, file: str) -> bool:
    path = Path(file)
    if not path.is_relative_to(root):
        return False
    prefix = Path(sys.prefix)
    in_environment = prefix != root and prefix.is_relative_to(root) and path.is_relative_to(prefix)
    return not (in_environment or is_labelkit(file) or _INSTALLED.intersection(path.relative_to(root).parts))
