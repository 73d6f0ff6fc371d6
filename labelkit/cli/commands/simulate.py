"""``labelkit simulate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.simulating import SimulateResult

ENOUGH: Final = 30
"""Audited answers; with fewer the interval is so wide that its middle would mislead."""


def command(
    answers: Annotated[int, typer.Option("--answers", metavar="N", help="How many answers.")] = 100,
    batch: Annotated[int, typer.Option("--batch", metavar="N", help="Everything is refitted after so many.")] = 25,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the answers, marked simulated.")] = False,
    project: ProjectOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Answer the queue from gold labels to see what people's answers would bring; works on a copy.

    \b
    Example:
      labelkit simulate --answers 100
    """
    from labelkit.steps.simulating import curve_as_json

    with open_project(project, as_json=as_json, wait=wait) as opened:
        result = opened.simulate(answers=answers, batch=batch, keep=keep)
    if as_json:
        print_json(curve_as_json(result))
    else:
        show(result)


def show(result: SimulateResult) -> None:
    """Print the learning curve."""
    from labelkit.cli.console import table

    out = console()
    roles = ", ".join(f"{count} {role}" for role, count in sorted(result.roles.items()))
    where = "kept, marked simulated" if result.kept else "on a copy, which is gone now"
    out.print(f"Simulated {result.answers:,} answers ({roles}) in {result.seconds:.1f} s; {where}")
    rows = []
    for point in result.curve:
        rows.append(
            (point.answers, _percent(point.pool_accuracy), _percent(point.test_accuracy), _estimate(point.audit))
        )
    out.print(table(None, ["answers", "end model, pool", "end model, test", "audit estimate"], rows, left=0))
    out.print("  pool: all items of the train split with gold, answered ones included")
    strategies = ", ".join(f"{count} by {name}" for name, count in sorted(result.strategies.items()))
    out.print(f"Asked {strategies}; for instance", markup=False)
    for reason in result.reasons:
        out.print(f"  {reason}", markup=False)
    if result.stopping:
        out.print(f"Stopping: {result.stopping['summary']}", markup=False)
    for note in result.notes:
        out.print(f"  note: {note}", markup=False)


def _estimate(audit: dict[str, Any]) -> str:
    if not audit["n"]:
        return "–"
    point = f"{audit['value']:.1%} " if audit["n"] >= ENOUGH else ""
    return f"{point}[{audit['low']:.1%}, {audit['high']:.1%}] n={audit['n']}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
