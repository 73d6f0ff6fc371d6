"""``labelkit lfs``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelkit.cli.commands.errors import show_next_steps
from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.analysing import FunctionTable
    from labelkit.steps.dependencies import DependencyTable
    from labelkit.steps.paths import FunctionPath


def command(
    project: ProjectOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how each function was run (compiled or not), and why.")
    ] = False,
    dependencies: Annotated[
        bool, typer.Option("--dependencies", help="Show functions that repeat each other, and what to do about it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what each labeling function does: polarity, coverage, overlap, conflict, accuracy, faults.

    \b
    Example:
      labelkit vote && labelkit lfs
    """
    if explain and dependencies:
        from labelkit.errors import ConfigError

        raise ConfigError("--explain and --dependencies are two views of the functions", hint="Ask for one of them")
    with open_project(project, as_json=as_json) as opened:
        if dependencies:
            _dependencies(opened.dependencies(), as_json)
            return
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


_PAIRS_SHOWN = 20


def _dependencies(result: DependencyTable, as_json: bool) -> None:
    from labelkit.cli.console import WIDE, table

    if as_json:
        print_json(result)
        return
    out = console()
    shown = result.pairs[:_PAIRS_SHOWN]
    if shown:
        columns = ["first", "second", "kind", "strength", "votes", "in common", "expected"]
        rows = [
            [pair.first, pair.second, pair.kind, f"{pair.strength:.2f}",
             f"{pair.first_votes:,} / {pair.second_votes:,}", f"{pair.same:,}", f"{pair.expected:,.0f}"]
            for pair in shown
        ]  # fmt: skip
        out.print(table(None, columns, rows, left=3, whole=len(columns) if out.width >= WIDE else 1))
        for number, pair in enumerate(shown, start=1):
            out.print(f"{number:>3}. {pair.first}, {pair.second}: {pair.advice}", markup=False)
    for group in result.groups:
        if len(group) > 2:
            out.print(f"Copies of each other: {', '.join(group)}", markup=False)
    out.print(_summary(result, len(shown)), markup=False)
    for note in result.notes:
        out.print(f"note: {note}", markup=False)


def _summary(result: DependencyTable, shown: int) -> str:
    if len(result.functions) == 1:
        return f"1 function on {result.counted:,} items."
    count = f"{len(result.functions)} functions on {result.counted:,} items"
    if not result.found:
        return f"{count}: none depends on another beyond what the class explains."
    more = f" ({shown} shown, --json has {len(result.pairs):,})" if result.found > shown else ""
    pairs = "pair votes" if result.found == 1 else "pairs vote"
    return (
        f"{count}: {result.found:,} {pairs} the same more often than the class explains{more}."
        f" Accuracy is against {result.reference}."
    )


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
    counted = "1 function" if len(result.functions) == 1 else f"{len(result.functions)} functions"
    out.print(
        f"{counted} on {result.items:,} items: coverage {result.coverage:.1%},"
        f" overlap {result.overlap:.1%}, conflict {result.conflict:.1%}. Accuracy is against {result.reference}."
    )
    for note in result.notes:
        out.print(f"note: {note}", markup=False)
    show_next_steps(result.next_steps)


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
