"""``labelkit status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelkit.cli.commands.label import interval, score_line
from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.status import Status


def command(project: ProjectOption = None, as_json: JsonOption = False) -> None:
    """Show how far each step is, what is out of date, the figures, and what to do next.

    \b
    Example:
      labelkit status
    """
    with open_project(project, as_json=as_json) as opened:
        result = opened.status()
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: Status) -> None:
    """Print the project at a glance."""
    from labelkit.cli.console import table

    out = console()
    splits = ", ".join(f"{count:,} {split}" for split, count in sorted(result.splits.items()))
    out.print(f"{result.name}: {result.items:,} items" + (f" ({splits})" if splits else ""), markup=False)
    out.print(f"  labels: {', '.join(result.labels)}", markup=False)
    out.print(
        f"  {result.gold:,} gold labels, {result.answers:,} labels by {result.annotators} annotators,"
        f" {result.skips:,} skips, {result.disputed:,} disputed"
        + (f" ({result.disputed - result.to_decide:,} wait for another answer)" if result.disputed else "")
        + (f", {result.flagged:,} flagged" if result.flagged else "")
        + (f", {result.simulated:,} simulated answers" if result.simulated else "")
    )
    if result.functions:
        coverage = "" if result.coverage is None else f", coverage {result.coverage:.0%}"
        out.print(f"  {result.functions} labeling functions{coverage}")
    rows = [(s.step, s.state, s.why or "–", s.run or "–", s.at or "–") for s in result.steps]
    out.print(table(None, ["step", "state", "because", "run", "at"], rows, left=5))
    for name, score in result.scores.items():
        out.print(score_line(name, score))
    if result.audit.get("n"):
        out.print(f"end model on the audit slice, as of run {result.measured_by}: {interval(result.audit)}")
    if result.stopping:
        out.print(f"Stopping: {result.stopping['summary']}", markup=False)
    for number, step in enumerate(result.next_steps):
        out.print(f"{'      ' if number else 'Next: '}{step}", markup=False)
