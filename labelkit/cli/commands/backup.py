"""``labelkit backup``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, open_project, print_json


def command(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, or a folder for it; must not exist.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the project file, consistent and compact, also while others work on it.

    \b
    Example:
      labelkit backup ~/backups/reviews-2026-11-21.db
    """
    with open_project(project, as_json=as_json) as opened:
        copy = opened.backup(target)
    size = copy.stat().st_size
    if as_json:
        print_json({"backup": copy, "bytes": size})
    else:
        print(f"Backed up to {copy} ({size:,} bytes)")
