"""``labelkit train``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelkit.cli.commands.label import interval, score_line
from labelkit.cli.common import ForceOption, JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.training import TrainResult


def command(
    project: ProjectOption = None, force: ForceOption = False, wait: WaitOption = 0.0, as_json: JsonOption = False
) -> None:
    """Train the end model on the probabilistic labels and people's answers; predict every item.

    \b
    Example:
      labelkit train && labelkit status
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
        result = opened.train(force=force)
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: TrainResult) -> None:
    """Print what a training run found."""
    out = console()
    again = "; nothing changed since" if result.reused else f" in {result.seconds:.1f} s"
    out.print(
        f"Trained {result.model} on {result.trained_on:,} items ({result.human:,} labeled by people),"
        f" {result.features:,} features{again}",
        markup=False,
    )
    for name in ("end_model", "label_model", "majority"):
        out.print(f"  {score_line(name, result.scores[name])}")
    if result.audit["n"]:
        out.print(f"  end model on the audit slice: {interval(result.audit)}")
    for note in result.notes:
        out.print(f"  note: {note}", markup=False)
