"""Where code comes from: the standard library, an installed distribution, or somebody's own files."""

from __future__ import annotations

import sys
import sysconfig
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from labelkit.lf.project_code import ProjectCode

STDLIB: Final = "stdlib"
_STDLIB_FOLDERS: Final = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})


def origin(module: str, file: str | None, project: ProjectCode) -> str | None:
    """``"stdlib"``, ``"name==version"`` of the distributions that a module belongs to, or None for own code.

    Versions, not contents, stand for installed code: it changes only by installing another version.
    Without a ``file``, the module's own is used if it is loaded, and else its name decides.
    """
    top = module.partition(".")[0]
    if file is None:
        loaded = sys.modules.get(module) or sys.modules.get(top)
        file = getattr(loaded, "__file__", None)
    if project.owns(file) or top == "__main__":
        return None
    if top in sys.stdlib_module_names:
        return STDLIB
    if top == "labelkit":
        return f"labelkit=={sys.modules['labelkit'].__version__}"
    if file is not None and not _installed(file):
        return None
    return _versions(top) or (f"{top}==?" if file is not None else None)


@cache
def _versions(top: str) -> str:
    found = sorted(set(metadata.packages_distributions().get(top, [])))
    return ", ".join(f"{name}=={metadata.version(name)}" for name in found)


@cache
def _installed(file: str) -> bool:
    path = Path(file)
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return True
    return any(path.is_relative_to(folder) for folder in _STDLIB_FOLDERS)
