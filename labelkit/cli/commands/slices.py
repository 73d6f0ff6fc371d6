"""``labelkit slices``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.analysis import SliceFigures
    from labelkit.steps.slicing import SliceTable

_NAME: Final = 30
"""Characters of a slice's name that are printed."""
_FINDINGS: Final = 5
"""Slices that are told in words."""


def command(
    project: ProjectOption = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="FIELD", help="Only the slices by this field, or by words, split or source."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", metavar="NAME", help="What decides the order: end_model, label_model or majority."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="Show so many slices, the worst.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show how good labels and predictions are slice by slice, the worst slices first.

    Slices are those of the project's slicing functions, of the items' fields, and of the length of the
    text. Accuracies come from audit answers and gold labels of test items only.

    \b
    Example:
      labelkit slices --by channel
    """
    with open_project(project, as_json=as_json) as opened:
        result = opened.slices(by=by, output=output)
    if as_json:
        print_json(result)
    else:
        show(result, limit)


def show(result: SliceTable, limit: int) -> None:
    """Print the slices: the first output in full, of the others the accuracy."""
    from labelkit.cli.console import WIDE, table

    out = console()
    first, *others = (name.replace("_", " ") for name in result.outputs)
    columns = ["slice", "items", "coverage", first, "n", "95%", "to rest", *others]
    rows = [_row(result.whole), *(_row(each) for each in result.slices[:limit])]
    out.print(table(None, columns, rows, left=1, whole=len(columns) if out.width >= WIDE else 1))
    shown = min(limit, len(result.slices))
    order = f"worst first by the {first}" if result.whole.known else "least covered first"
    against = f"{result.reference}{_measured_on(result)}"
    out.print(f"{shown} of {len(result.slices)} slices, {order}. Accuracy is against {against}.", markup=False)
    for sentence in findings(result):
        out.print(sentence, markup=False)
    for note in result.notes:
        out.print(f"note: {note}", markup=False)


def _measured_on(result: SliceTable) -> str:
    """That outputs without an opinion on uncovered items are measured on fewer items than the end model is."""
    if not result.whole.known:
        return ""
    partly = [name.replace("_", " ") for name in result.outputs if name != "end_model"]
    return f", of {' and '.join(partly)} on covered items only"


def findings(result: SliceTable) -> list[str]:
    """What the first output's differences say, in words."""
    if not result.tested:
        return []
    name = result.outputs[0].replace("_", " ")
    certain = [f for f in result.slices if f.scores[0].difference is not None and f.scores[0].difference.beyond_chance]
    worse = [_finding(f) for f in certain if f.scores[0].difference.value < 0]  # type: ignore[union-attr]
    if not worse:
        return [f"The {name} is on no slice worse than on the rest beyond chance ({result.tested} slices compared)."]
    more = [f"  and {len(worse) - _FINDINGS} more"] if len(worse) > _FINDINGS else []
    return [
        f"Beyond chance (*), the {name} is worse on {len(worse)} of the {result.tested} slices compared:",
        *worse[:_FINDINGS],
        *more,
    ]


def _finding(figures: SliceFigures) -> str:
    score = figures.scores[0]
    difference = score.difference
    assert difference is not None
    q = "q < 0.001" if difference.q < 0.001 else f"q = {difference.q:.3f}"
    return (
        f"  {figures.name}: {score.accuracy.value:.1%} of {score.accuracy.n:,}, {-100 * difference.value:.1f} points"
        f" below the rest ({-100 * difference.high:.1f} to {-100 * difference.low:.1f}), {q}"
    )


def _row(figures: SliceFigures) -> list[str]:
    name = figures.name if len(figures.name) <= _NAME else f"{figures.name[: _NAME - 1]}…"
    coverage = f"{figures.coverage:.0%}" if figures.items else "–"
    first, *others = (score.accuracy for score in figures.scores)
    known, difference = first.n > 0, figures.scores[0].difference
    mark = "*" if difference is not None and difference.beyond_chance else ""
    return [
        name,
        f"{figures.items:,}",
        coverage,
        f"{first.value:.1%}" if known else "–",
        f"{first.n:,}",
        f"{100 * first.low:.0f}–{100 * first.high:.0f}" if known else "–",
        "–" if difference is None else f"{100 * difference.value:+.1f}{mark}",
        *(f"{each.value:.1%}" if each.n else "–" for each in others),
    ]
