"""``labelkit init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, print_json


def command(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made if it is missing.")] = Path(),
    labels: Annotated[str, typer.Option("--labels", metavar="A,B,C", help="The classes, separated by commas.")] = "",
    name: Annotated[str | None, typer.Option("--name", help="Name of the project; by default the folder's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a project: labelkit.toml, the project file, and a place for labeling functions.

    \b
    Example:
      labelkit init reviews --name reviews --labels positive,negative
    """
    from labelkit.errors import ConfigError
    from labelkit.project import Project

    names = [part.strip() for part in labels.split(",") if part.strip()]
    if not names:
        raise ConfigError("a project needs its classes", hint="Give them with --labels, for instance --labels spam,ham")
    with Project.init(folder, name=name, labels=names) as project:
        if as_json:
            print_json({"project": project.name, "folder": project.root, "file": project.path, "labels": names})
            return
        print(f"Made the project {project.name!r} in {project.root}")
        print("  labelkit.toml                    its settings")
        print("  labeling_functions/functions.py  where labeling functions go")
        print("Next: `labelkit import FILE`, write some labeling functions, then `labelkit run`.")
