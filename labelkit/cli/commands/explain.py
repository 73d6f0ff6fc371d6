"""``labelkit explain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.analysis import Explanation, VoteEvidence
    from labelkit.steps.analysing import ItemExplanation

_SHOWN: Final = 10_000
"""Characters of an item's text that are printed."""


def command(
    item_id: Annotated[str, typer.Argument(metavar="ITEM_ID", help="The item's own id.")],
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell why one item has its label: each function's vote and log-odds, people's answers, the end model.

    \b
    Example:
      labelkit explain m0042
    """
    with open_project(project, as_json=as_json) as opened:
        result = opened.explain(item_id)
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: ItemExplanation) -> None:
    """Print the explanation."""
    out = console()
    out.print(f"Item {result.id}: {_shortened(result.text) or '(no text)'}", markup=False)
    if result.fields:
        out.print("  " + ", ".join(f"{name} = {value}" for name, value in result.fields.items()), markup=False)
    known = [f"split {result.split or 'none'}"]
    if result.gold is not None:
        known.append(f"gold {result.gold}")
    if result.role is not None:
        known.append(f"drawn for {result.role}")
    out.print(f"  {', '.join(known)}", markup=False)
    if result.outdated is not None:
        out.print(f"Label: out of date. {result.outdated}", markup=False)
    elif result.label is None:
        out.print("Label: none, nothing decides", markup=False)
    else:
        out.print(f"Label: {result.label}, by {result.source}", markup=False)
    for answer in result.answers:
        what = {"label": answer["label"], "skip": f"skip ({answer['skip_reason']})"}.get(answer["kind"], answer["kind"])
        old = "" if answer["current_content"] and not answer["superseded"] else " (no longer counts)"
        simulated = " (simulated)" if answer["simulated"] else ""
        out.print(f"  {answer['annotator']} answered {what} at {answer['at']}{simulated}{old}", markup=False)
    for decision in result.decisions:
        out.print(f"  {_decision(decision)}", markup=False)
    if result.explanation is not None:
        _show_models(result.explanation)
    for note in result.notes:
        out.print(f"note: {note}", markup=False)


def _decision(decision: dict[str, Any]) -> str:
    """A reviewer's decision in words, and what became of it."""
    own = ", who had answered it, too," if decision["answered"] else ""
    told = f"{decision['reviewer']}{own} decided {decision['label']} at {decision['at']}"
    if decision["comment"]:
        told += f": {' '.join(decision['comment'].split())}"
    if decision["withdrawn_by"] is not None:
        return f"{told} (taken back by {decision['withdrawn_by']} at {decision['withdrawn_at']})"
    return told if decision["stands"] else f"{told} (no longer counts)"


def _shortened(text: str) -> str:
    """A text on one line; of a very long one, which takes minutes to wrap, the beginning."""
    shown = " ".join(text[:_SHOWN].split())
    return shown if len(text) <= _SHOWN else f"{shown} … ({len(text):,} characters)"


def _show_models(explanation: Explanation) -> None:
    out = console()
    voted = [f for f in explanation.functions if f.vote is not None]
    if voted:
        _show_votes(explanation, voted)
    else:
        out.print(
            f"Label model: none of the {len(explanation.functions)} labeling functions voted, so it has no opinion"
        )
    if explanation.end_model is not None:
        probabilities = ", ".join(f"{name} {p:.1%}" for name, p in explanation.end_model.items())
        out.print(f"End model: {probabilities}", markup=False)
    if explanation.features:
        features = ", ".join(f"{f.feature} {f.weight:+.2f}" for f in explanation.features)
        out.print(f"  strongest features: {features}", markup=False)


def _show_votes(explanation: Explanation, voted: list[VoteEvidence]) -> None:
    from labelkit.cli.console import table

    out = console()
    probabilities = ", ".join(f"{name} {p:.1%}" for name, p in explanation.probabilities.items())
    out.print(f"Label model: {probabilities}", markup=False)
    rows = [("class balance", "", f"{explanation.prior:+.3f}")]
    rows += [(f.function, str(f.vote), f"{f.added:+.3f}") for f in voted]
    rows += [("sum", f"{explanation.decided} against {explanation.runner_up}", f"{explanation.total:+.3f}")]
    out.print(table(None, ["function", "vote", f"adds ({explanation.unit})"], rows, left=2))
    abstained = len(explanation.functions) - len(voted)
    out.print(f"  {abstained} of {len(explanation.functions)} functions abstained")
