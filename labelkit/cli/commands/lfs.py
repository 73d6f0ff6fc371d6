"""``labelkit lfs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.analysing import FunctionTable
    from labelkit.steps.paths import FunctionPath


def command(
    project: ProjectOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how each function was run (compiled or not), and why.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what each labeling function does: polarity, coverage, overlap, conflict, accuracy, faults.

    \b
    Example:
      labelkit vote && labelkit lfs
    """
    with open_project(project, as_json=as_json) as opened:
        if explain:
            _explain(opened.function_paths(), as_json)
            return
        result = opened.lfs()
    if as_json:
        print_json(result)
    else:
        show(result)


def _explain(paths: Sequence[FunctionPath], as_json: bool) -> None:
    from labelkit.cli.console import WIDE, table

    if as_json:
        print_json({"functions": paths})
        return
    out = console()
    columns = ["function", "kind", "path", "why"]
    rows = [[path.name, path.kind, path.how, path.why] for path in paths]
    out.print(table(None, columns, rows, left=4, whole=3 if out.width >= WIDE else 1))


def show(result: FunctionTable) -> None:
    """Print the analysis."""
    from labelkit.cli.console import WIDE, table

    out = console()
    columns = ["function", "kind", "votes for", "coverage", "overlap", "conflict", "accuracy", "n", "95%"]
    if any(f.contradicted for f in result.functions):
        columns.append("contradicted")
    if any(f.faults for f in result.functions):
        columns.append("faults")
    out.print(
        table(
            None,
            columns,
            [_row(f, columns) for f in result.functions],
            left=3,
            whole=len(columns) if out.width >= WIDE else 1,
        )
    )
    out.print(
        f"{len(result.functions)} functions on {result.items:,} items: coverage {result.coverage:.1%},"
        f" overlap {result.overlap:.1%}, conflict {result.conflict:.1%}. Accuracy is against {result.reference}."
    )
    for note in result.notes:
        out.print(f"note: {note}", markup=False)


def _row(f: Any, columns: list[str]) -> list[str]:
    known = f.accuracy.n > 0
    cells = {
        "function": f.name,
        "kind": f.kind,
        "votes for": ", ".join(f.polarity) if 0 < len(f.polarity) <= 2 else f"{len(f.polarity)} classes",
        "coverage": f"{f.coverage:.1%}",
        "overlap": f"{f.overlap:.1%}",
        "conflict": f"{f.conflict:.1%}",
        "accuracy": f"{f.accuracy.value:.1%}" if known else "–",
        "n": f"{f.accuracy.n:,}" if known else "–",
        "95%": f"{100 * f.accuracy.low:.0f}–{100 * f.accuracy.high:.0f}%" if known else "–",
        "contradicted": f"{f.contradicted:,}",
        "faults": f"{f.faults:,}",
    }
    return [cells[column] for column in columns]
