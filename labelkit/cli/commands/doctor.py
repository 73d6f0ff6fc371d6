"""``labelkit doctor``."""

from __future__ import annotations

import typer

from labelkit.cli.common import JsonOption, ProjectOption, open_project, print_json


def command(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Check the project file: integrity, references, item numbers, the event log. Exit status 1 on a finding.

    \b
    Example:
      labelkit doctor || labelkit backup rescue.db
    """
    from labelkit.cli.console import visible

    with open_project(project, as_json=as_json) as opened:
        problems = opened.doctor()
        if as_json:
            print_json({"file": opened.path, "problems": problems})
        elif problems:
            for problem in problems:
                print(visible(f"problem: {problem}"))
        else:
            print(f"{opened.path.name} is sound")
    if problems:
        raise typer.Exit(1)
