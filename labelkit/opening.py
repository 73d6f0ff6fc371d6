"""Finding a project's folder, making a new one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from labelkit.config import FILE_NAME, new_config_text, parse_config
from labelkit.errors import ProjectDamaged, ProjectExists, ProjectNotFound, StorageError

EXAMPLE_FUNCTIONS: Final = '''"""Labeling functions of this project: each votes for a label or abstains."""

from labelkit import keywords, labeling_function, regex

# keywords("mentions_refund", ["refund", "charged twice"], label="{first}")
# regex("has_link", r"https?://", label="{second}")
#
# @labeling_function()
# def very_short(row):
#     """A message of one or two words."""
#     return "{first}" if len(row.text.split()) <= 2 else None
'''


def find_project(start: Path) -> Path:
    """The nearest folder with a ``labelkit.toml``, from ``start`` upwards.

    Raises
    ------
    ProjectNotFound
        If there is none.
    """
    start = start.absolute()
    if start.is_file():
        start = start.parent
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ProjectNotFound(
        f"there is no {FILE_NAME} in {start} or above it",
        hint="Make a project with `labelkit init`, go into one, or give --project FOLDER",
    )


def make_project(root: Path, *, name: str | None, labels: list[str], files: list[str] | None) -> None:
    """Write ``labelkit.toml`` and a first file for labeling functions.

    Raises
    ------
    ProjectExists
        If there is a project in the folder already.
    ConfigError
        If the name or the labels cannot be used.
    StorageError
        If the folder cannot be written.
    """
    target = root / FILE_NAME
    if target.exists():
        raise ProjectExists(f"there is a project in {root} already ({FILE_NAME})", hint="Choose another folder")
    name = name or _as_name(root.name)
    parse_config({"project": {"name": name, "labels": labels}}, "labelkit init")
    functions = root / "labeling_functions"
    try:
        functions.mkdir(parents=True, exist_ok=True)
        if not any(functions.glob("*.py")):
            example = EXAMPLE_FUNCTIONS.replace("{first}", labels[0]).replace("{second}", labels[1])
            (functions / "functions.py").write_text(example, encoding="utf-8")
        target.write_text(new_config_text(name, labels, data_files=files), encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot make a project in {root}: {error.strerror or error}", hint="Is the folder writable?"
        ) from error


def check_not_lost(root: Path, file: Path) -> None:
    """Do not begin anew where a project file has been: its answers may be in a backup.

    Raises
    ------
    ProjectDamaged
        If what labelkit keeps beside a project file is there without it.
    """
    for trace in (file.with_suffix(".cache"), file.with_suffix(".lock")):
        if trace.exists():
            raise ProjectDamaged(
                f"{file.name} is missing from {root}, though {trace.name} shows that it was there",
                hint=f"Restore it from a backup; to begin anew, remove {trace.name} too",
            )


def writable(root: Path, file: Path) -> bool:
    """Whether this process may write the project file and beside it."""
    return os.access(root, os.W_OK) and os.access(file, os.W_OK)


def _as_name(folder: str) -> str:
    kept = "".join(c if (c.isalnum() and c.isascii()) or c in "._-" else "-" for c in folder).strip("-._")
    return kept or "project"
