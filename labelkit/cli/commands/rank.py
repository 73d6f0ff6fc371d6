"""``labelkit rank``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.common import ForceOption, JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.project import Project
    from labelkit.steps.ranking import RankResult


def command(
    size: Annotated[int | None, typer.Option("--size", metavar="N", help="Items in the queue.")] = None,
    project: ProjectOption = None,
    force: ForceOption = False,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Compose the queue: what to ask people next, each item with its reason.

    \b
    Example:
      labelkit rank --size 50
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
        result = opened.rank(size=size, force=force)
        if as_json:
            ids = opened.queue()["id"].tolist()
            queue = [{"id": item_id, **_entry(e)} for item_id, e in zip(ids, result.queue, strict=True)]
            print_json({"run": result.run, "pool": result.pool, "roles": result.roles, "notes": result.notes,
                        "reused": result.reused, "seconds": result.seconds, "queue": queue})  # fmt: skip
        else:
            show(result, opened)


def _entry(entry: object) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(entry)  # type: ignore[call-overload, no-any-return]


def show(result: RankResult, project: Project, *, first: int = 5) -> None:
    """Print the queue's shares and its first entries."""
    from labelkit.cli.console import table

    out = console()
    roles = ", ".join(f"{count} {role}" for role, count in sorted(result.roles.items()))
    out.print(f"Ranked {len(result.queue):,} of {result.pool:,} items in the pool" + (f": {roles}" if roles else ""))
    for note in result.notes:
        out.print(f"  note: {note}", markup=False)
    if not result.queue:
        return
    frame = project.queue().head(first)
    rows = [
        (row.rank, row.id, row.role, _short(row.text), row.reason) for row in frame.itertuples(index=False)
    ]  # fmt: skip
    out.print(table(None, ["", "item", "role", "text", "asked because"], rows, left=5))


def _short(text: object, width: int = 44) -> str:
    line = " ".join(str(text).split())
    return line if len(line) <= width else line[: width - 1] + "…"
