"""``labelkit runs``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.project import Project
    from labelkit.steps.comparing import RunComparison, RunList
    from labelkit.steps.comparing_figures import FigureChange
    from labelkit.steps.comparing_results import PredictionChange, QueueChange

_CHANGES: Final = ("list", "compare", "pin", "unpin")
_FIGURES: Final = 15
_FLOWS: Final = 6


def command(
    what: Annotated[str, typer.Argument(metavar="[WHAT]", help="list, compare, pin or unpin.")] = "list",
    first: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="The number of a run.", show_default=False)
    ] = None,
    second: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="compare: the other one.", show_default=False)
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Runs of each step, or items with another label.")
    ] = 10,
    project: ProjectOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """List the versions of models and queues, compare two of them, keep one for good.

    The results of the newest run of each step, of the three before it and of pinned ones are kept. A version is
    named by any of its runs: of label, of train or of rank.

    \b
    Example:
      labelkit runs
      labelkit runs compare 12 24
      labelkit runs pin 24
    """
    numbers = _numbers(what, first, second)
    with open_project(project, as_json=as_json, wait=wait) as opened:
        if what == "compare":
            _compare(opened, numbers, limit, as_json)
        elif what == "list":
            _list(opened.runs(limit=limit), as_json)
        else:
            pinned = opened.pin_run(numbers[0], pinned=what == "pin")
            if as_json:
                print_json({"run": pinned})
            else:
                kept = "are kept until it is unpinned" if pinned.pinned else "go when three newer runs are there"
                print(f"Run {pinned.id} of `labelkit {pinned.step}`: its results {kept}.")


def _numbers(what: str, first: int | None, second: int | None) -> list[int]:
    """The runs that are named, as many as it takes."""
    from labelkit.errors import ProjectError

    if what not in _CHANGES:
        raise ProjectError(f"cannot {what!r} runs", hint=f"Choose one of {', '.join(_CHANGES)}")
    given = [number for number in (first, second) if number is not None]
    wanted = {"list": 0, "compare": 2}.get(what, 1)
    if len(given) != wanted:
        runs = {0: "no run", 1: "the number of a run", 2: "the numbers of two runs"}[wanted]
        raise ProjectError(
            f"`labelkit runs {what}` takes {runs}, not {len(given)} of them", hint="`labelkit runs` lists them"
        )
    return given


def _list(result: RunList, as_json: bool) -> None:
    from labelkit.cli.console import table

    if as_json:
        print_json(result)
        return
    if not result.runs:
        console().print("Nothing ran yet. `labelkit run` does.")
        return
    rows = [
        (run.id, run.step, run.started_at[:19].replace("T", " "), f"{run.seconds:.1f}",
         "current" if result.current.get(run.step) == run.id else "kept" if run.kept else "gone",
         "pinned" if run.pinned else "")
        for run in result.runs
    ]  # fmt: skip
    console().print(table(None, ["run", "step", "at (UTC)", "seconds", "results", ""], rows, left=6))


def _compare(opened: Project, numbers: list[int], limit: int, as_json: bool) -> None:
    from labelkit.steps.comparing import as_words

    result = opened.compare_runs(numbers[0], numbers[1], flips=limit)
    words = as_words(result)
    if as_json:
        print_json({"words": words, "comparison": result})
    else:
        show(result, words)


def show(result: RunComparison, words: list[str]) -> None:
    """Print what is different."""
    from labelkit.cli.console import table

    out = console()
    for sentence in (*words, *(f"note: {note}" for note in result.notes)):
        out.print(sentence, markup=False)
    for step, what, found in (("train", "end model", result.predictions), ("label", "label model", result.labels)):
        if found is not None and found.changed:
            _predictions(what, found, *_heads(result, step))
    if result.queues is not None:
        _queues(result.queues, *_heads(result, "rank"))
    one, other = f"run {result.first.run}", f"run {result.second.run}"
    figures = _figures(result.figures)
    if figures:
        out.print(table(None, ["figure", one, other, "change"], figures[:_FIGURES], left=1, whole=0))
        if len(figures) > _FIGURES:
            out.print(f"{len(figures) - _FIGURES:,} further figures differ: --json has them all")
    if result.settings:
        rows = [[f"{s.step}: {s.name}", _setting(s.first), _setting(s.second)] for s in result.settings]
        out.print(table(None, ["setting", one, other], rows, left=3, whole=0))


def _heads(result: RunComparison, step: str) -> tuple[str, str]:
    """What the columns of a step are called: its own runs."""
    return f"run {getattr(result.first, step)}", f"run {getattr(result.second, step)}"


def _predictions(what: str, found: PredictionChange, one: str, other: str) -> None:
    from labelkit.cli.console import table

    out = console()
    rows = [[c.label, f"{c.first:,}", f"{c.second:,}", f"{c.left:,}", f"{c.came:,}"] for c in found.classes]
    out.print(table(None, [f"{what}: label", one, other, "left it", "came to it"], rows, left=1))
    flows = ", ".join(f"{flow.items:,} {flow.first} → {flow.second}" for flow in found.flows[:_FLOWS])
    out.print(f"From which to which: {flows}", markup=False)
    shown = [(flip, [f"{p:.0%}" for p in flip.probabilities]) for flip in found.flips]
    told = [
        [flip.id, str(flip.run), f"{flip.first} {before}", f"{flip.second} {after}", flip.text[:60]]
        for flip, (before, after) in shown
    ]
    out.print(table(None, ["who flipped first", "in run", one, other, "text"], told, left=5))


def _queues(found: QueueChange, one: str, other: str) -> None:
    from labelkit.cli.console import table

    rows = [["items", f"{found.first:,}", f"{found.second:,}"]]
    rows += [[f"role {name}", *map(str, counts)] for name, counts in found.roles.items()]
    rows += [[f"asked by {name}", *map(str, counts)] for name, counts in found.strategies.items()]
    rows += [[f"shared among the first {top.places:,}", str(top.shared), ""] for top in found.top]
    console().print(table(None, ["queue", one, other], rows, left=1))


def _figures(figures: list[FigureChange]) -> list[list[str]]:
    """Rows of a table: estimates with their intervals in one cell, scores and the audit first."""
    known = {(f.step, f.name): f for f in figures}
    rows = []
    for figure in sorted(figures, key=lambda f: not f.name.startswith(("scores.", "audit."))):
        stem, _, last = figure.name.rpartition(".")
        if last in ("low", "high") and (figure.step, f"{stem}.value") in known:
            continue
        bounds = [known.get((figure.step, f"{stem}.{bound}")) for bound in ("low", "high")]
        low, high = bounds if last == "value" else (None, None)
        rows.append(
            [
                f"{figure.step}: {stem if last == 'value' else figure.name}",
                _figure(figure.first) + ("" if low is None or high is None else _interval(low.first, high.first)),
                _figure(figure.second) + ("" if low is None or high is None else _interval(low.second, high.second)),
                _figure(figure.change, "+"),
            ]
        )
    return rows


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({low:.3f}–{high:.3f})"


def _figure(value: float | None, sign: str = "") -> str:
    return "–" if value is None else f"{value:{sign},.4g}"


def _setting(value: object) -> str:
    return "–" if value is None else str(value)
