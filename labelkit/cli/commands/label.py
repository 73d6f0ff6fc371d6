"""``labelkit label``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labelkit.cli.common import ForceOption, JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.labeling import LabelResult


def command(
    project: ProjectOption = None, force: ForceOption = False, wait: WaitOption = 0.0, as_json: JsonOption = False
) -> None:
    """Combine the votes into probabilistic labels with the label model; majority vote always beside it.

    \b
    Example:
      labelkit label --json
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
        result = opened.label(force=force)
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: LabelResult, *, scores: bool = True) -> None:
    """Print what a label run found; ``scores=False`` where a training run is shown next, with the same scores."""
    out = console()
    share = result.covered / result.items if result.items else 0
    out.print(
        f"Labeled {result.labeled:,} of {result.items:,} items with the {result.model} label model"
        f" ({result.covered:,} covered, {share:.0%}){_again(result.reused)}"
    )
    counts = ", ".join(f"{name} {count:,}" for name, count in result.class_counts.items())
    out.print(f"  {counts}", markup=False)
    if result.human:
        items = "1 item takes" if result.human == 1 else f"{result.human:,} items take"
        out.print(f"  people's labels of {items} the place of the label model's")
    for sentence in result.why:
        out.print(f"  {sentence}", markup=False)
    if result.calibration is not None:
        out.print(f"  probabilities are calibrated: {result.calibration['why']}", markup=False)
    if len(result.annotators) > 1:
        people = ", ".join(f"{one['annotator']} {interval(one)}" for one in result.annotators)
        out.print(f"  annotators' estimated accuracy, held against other answers: {people}", markup=False)
    shown = ("majority",) if result.model == "majority" else ("label_model", "majority")
    for name in shown if scores else ():
        out.print(f"  {score_line(name, result.scores[name])}")
    for note in result.notes:
        out.print(f"  note: {note}", markup=False)


def score_line(name: str, score: dict[str, Any]) -> str:
    """One score in words, or that there is no gold to score on."""
    title = "majority vote" if name == "majority" else name.replace("_", " ")
    accuracy, covered = score["accuracy"], score["covered_accuracy"]
    if not accuracy["n"]:
        return f"{title}: no gold test items to score on"
    if accuracy["n"] == covered["n"]:
        return f"{title} on gold test items: {interval(accuracy)}"
    return f"{title} on gold test items: {interval(accuracy)} of all, {interval(covered)} of covered"


def interval(estimate: dict[str, Any]) -> str:
    """An estimate as percent with its interval and n."""
    if not estimate["n"]:
        return "n/a"
    return f"{estimate['value']:.1%} [{estimate['low']:.1%}, {estimate['high']:.1%}] n={estimate['n']:,}"


def _again(reused: bool) -> str:
    return "; nothing changed since" if reused else ""
