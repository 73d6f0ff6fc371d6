"""``labelkit agreement``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.annotate import AgreementFigure
    from labelkit.steps.agreeing import AgreementReport
    from labelkit.steps.quality import AnnotatorRow

MEASURES: Final = {
    "percent": "percent agreement",
    "cohen": "Cohen's kappa",
    "fleiss": "Fleiss' kappa",
    "krippendorff": "Krippendorff's alpha",
    "gwet_ac1": "Gwet's AC1",
    "krippendorff_ordinal": "Krippendorff's alpha, ordered classes",
}
_PAIRS: Final = 30


def command(
    project: ProjectOption = None,
    ordered: Annotated[
        bool, typer.Option("--ordered", help="The classes are in an order that means something: alpha for that, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show how far annotators agree, who differs from whom, and how good each of them is.

    Every figure comes with a 95% interval (bootstrap over items, or Wilson) or says why it is undefined.
    Warnings tell a lead what to look at; nothing happens by itself.

    \b
    Example:
      labelkit agreement
    """
    with open_project(project, as_json=as_json) as opened:
        result = opened.agreement(ordered=ordered)
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: AgreementReport) -> None:
    """Print the figures."""
    from labelkit.cli.console import table

    out = console()
    out.print(
        f"{result.answers:,} labels by {result.annotators:,} people on {result.items:,} items, {result.shared:,} of"
        f" them answered by two or more. Disputed: {result.disputed:,} ({result.waiting:,} wait for another answer)"
    )
    rows = [_figure(MEASURES[figure.measure], figure) for figure in result.figures]
    out.print(table(None, ["agreement", "value", "95%", "note"], rows, left=1))
    if result.pairs:
        pairs = [
            [pair.first, pair.second, f"{pair.n:,}", _value(pair.percent), _value(pair.cohen), pair.cohen.undefined]
            for pair in result.pairs[:_PAIRS]
        ]
        columns = ["one", "other", "items", "same answer", "Cohen's kappa", "note"]
        out.print(table(None, columns, pairs, left=2))
        if len(result.pairs) > _PAIRS:
            out.print(f"{len(result.pairs) - _PAIRS:,} further pairs: --json has them all")
    _confusion("answers to the same item", result.between, result.classes)
    _confusion("known label (row) and answer (column)", result.known, result.classes)
    _people(result)
    _anchoring(result)
    for note in result.notes:
        out.print(f"note: {note}", markup=False)


def _figure(name: str, figure: AgreementFigure) -> list[str]:
    value = "–" if figure.value is None else f"{figure.value:.3f}"
    interval = "–" if figure.low is None else f"{figure.low:.3f}–{figure.high:.3f}"
    return [name, value, interval, figure.undefined]


def _value(figure: AgreementFigure) -> str:
    if figure.value is None:
        return "–"
    return f"{figure.value:.2f}" if figure.low is None else f"{figure.value:.2f} ({figure.low:.2f}–{figure.high:.2f})"


def _confusion(title: str, matrix: list[list[int]], classes: list[str]) -> None:
    from labelkit.cli.console import table

    if not any(map(any, matrix)):
        return
    rows = [[name, *(f"{n:,}" for n in row)] for name, row in zip(classes, matrix, strict=True)]
    console().print(table(None, [title, *classes], rows, left=1, whole=0))


def _people(result: AgreementReport) -> None:
    from labelkit.cli.console import table

    if not result.quality:
        return
    out = console()
    columns = ["annotator", "labels", "skips", "flags", "gold questions", "known items", "agrees", "reliability",
               "seconds", "too fast"]  # fmt: skip
    out.print(table(None, columns, [_person(row) for row in result.quality], left=1))
    for row in result.quality:
        for warning in row.warnings:
            out.print(f"{warning.annotator}: {warning.what}", markup=False)
            out.print(f"  next: {warning.next_step}", markup=False)


def _anchoring(result: AgreementReport) -> None:
    found = result.anchoring
    if found.difference is None:
        return
    console().print(
        f"People agree with the model's guess on {found.before} where they saw it before, on {found.hidden} where not:"
        f" {100 * found.difference:+.1f} points ({100 * (found.low or 0):+.1f} to {100 * (found.high or 0):+.1f})",
        markup=False,
    )


def _person(row: AnnotatorRow) -> list[str]:
    shares = [row.gold, row.decided, row.agreement, row.reliability]
    told = ["–" if s is None or not s.n else f"{s.value:.0%} ({s.low:.0%}–{s.high:.0%}) n={s.n:,}" for s in shares]
    seconds = "–" if row.seconds is None else f"{row.seconds:.1f}"
    fast = f"{row.fast.value:.0%}" if row.fast.n else "–"
    return [row.annotator, f"{row.labels:,}", f"{row.skips:,}", f"{row.flags:,}", *told, seconds, fast]
