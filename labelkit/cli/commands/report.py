"""``labelkit report``."""

from __future__ import annotations

from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json


def command(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The HTML file to write; - is standard output.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a report on the state of the project: one HTML file that opens anywhere, without a network.

    It tells what was run, how good labels and functions are, where they are wrong, and what to do next.
    Nothing is run. Items of the test split and of the audit are counted, never shown.

    \b
    Example:
      labelkit report report.html
    """
    if as_json and out == "-":
        raise typer.BadParameter("--json prints on standard output, where the report is to go", param_hint="'--json'")
    with open_project(project, as_json=as_json) as opened:
        result = opened.report(out)
    if out == "-":
        return
    if as_json:
        print_json(result)
        return
    console().print(f"Wrote {result.path} ({result.bytes / 1e3:,.0f} kB)", markup=False)
    console().print(f"  SHA-256 {result.sha256}", markup=False)
    for section, missing in result.missing.items():
        for what in missing:
            console().print(f"  {section}: {what}", markup=False)
