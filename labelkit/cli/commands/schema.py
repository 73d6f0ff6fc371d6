"""``labelkit schema``."""

from __future__ import annotations

from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json


def command(
    change: Annotated[str, typer.Argument(metavar="[CHANGE]", help="show, rename, add, merge or reorder.")] = "show",
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME…]", help="Class names.")] = None,
    project: ProjectOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Show or change the classes. Stored votes and answers are never touched: they refer to stable ids.

    \b
    Example:
      labelkit schema rename bug defect
      labelkit schema add security
      labelkit schema merge praise feature_request
      labelkit schema reorder bug billing praise
    """
    from labelkit.cli.console import table

    with open_project(project, as_json=as_json, wait=wait) as opened:
        schema = opened.schema if change == "show" else opened.change_schema(change, *(names or []))
    if as_json:
        print_json({"classes": schema.classes, "merged": dict(schema.merged)})
        return
    rows = [(i, c.name, c.id, ", ".join(c.aliases) or "–") for i, c in enumerate(schema.classes)]
    console().print(table(None, ["", "label", "id", "earlier names"], rows, left=2))
