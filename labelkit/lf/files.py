"""Files that declarations name."""

from __future__ import annotations

from pathlib import Path

from labelkit.lf.base import refusal
from labelkit.lf.collector import active_project, declaring_file


def find_file(kind: str, name: str, given: str | Path) -> Path:
    """The file that a declaration means.

    A relative path starts at the folder of the declaring file, else at the project's folder, else at
    the current one.

    Raises
    ------
    LabelingFunctionError
        If there is no such file in any of these places.
    """
    path = Path(given).expanduser()
    declaring, project = declaring_file(), active_project()
    starts = [Path(declaring).parent] if declaring else []
    starts += [project.root] if project else []
    starts += [Path.cwd()]
    for start in starts:
        found = start / path
        if found.is_file():
            return found.resolve()
    places = ", ".join(dict.fromkeys(str(start) for start in starts))
    raise refusal(kind, name, f"names the file {str(given)!r}, which is not there", hint=f"Looked in {places}")
