"""``labelkit run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelkit.cli.commands import importing, label, rank, train, vote
from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.project import Project
    from labelkit.steps.running import RunResult


def command(project: ProjectOption = None, wait: WaitOption = 0.0, as_json: JsonOption = False) -> None:
    """Run the whole loop once: import the configured files, vote, label, train, rank.

    What has not changed since the last run is not computed again.

    \b
    Example:
      labelkit run
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
        result = opened.run()
        if as_json:
            print_json(result)
        else:
            show(result, opened)


def show(result: RunResult, project: Project) -> None:
    """Print each step's result."""
    if result.imported is not None:
        importing.show(result.imported)
    vote.show(result.voted)
    label.show(result.labeled, scores=False)
    train.show(result.trained)
    rank.show(result.ranked, project)
    console().print(
        f"Done in {result.seconds:.1f} s. Next: `labelkit lfs` (the functions), `labelkit explain ID` (one item),"
        " `labelkit serve` (answer the queue), `labelkit export OUT`",
        markup=False,
    )
