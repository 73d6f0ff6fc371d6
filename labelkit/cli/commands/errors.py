"""``labelkit errors``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.analysis.errors import FunctionErrors
    from labelkit.steps.error_analysis import ErrorAnalysis
    from labelkit.types import Estimate

_SHOWN: Final = 90
"""Characters of an example that are shown."""


def command(
    project: ProjectOption = None,
    function: Annotated[
        str | None,
        typer.Option(
            "--function", "-f", metavar="NAME", help="Only this function: its votes by known label, with items."
        ),
    ] = None,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only the conflicts that cost most labels, with items.")
    ] = False,
    uncovered: Annotated[
        bool, typer.Option("--uncovered", help="Only the groups of similar items that nothing votes on, with items.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, help="Rows of every table, and next steps.")
    ] = 10,
    as_json: JsonOption = False,
) -> None:
    """Tell what is wrong with the labeling functions and what to do next, with items to look at.

    \b
    Example:
      labelkit vote && labelkit label && labelkit errors
      labelkit errors --function money_moved
      labelkit errors --uncovered
    """
    everything = not (conflicts or uncovered)
    with open_project(project, as_json=as_json) as opened:
        result = opened.errors(function=function, limit=limit, uncovered=uncovered or everything)
    if as_json:
        print_json(result)
        return
    if everything:
        show(result, limit, one=function is not None)
    if conflicts or function is not None:
        show_conflicts(result)
    if uncovered and result.clusters is not None:
        show_clusters(result, limit)
    if everything:
        show_next_steps([step.sentence for step in result.next_steps])
    for note in result.notes:
        console().print(f"note: {note}", markup=False)


def show(result: ErrorAnalysis, limit: int, *, one: bool = False) -> None:
    """Print what there is, the functions, and known labels against decided ones (of one function: its votes)."""
    out = console()
    uncovered = result.items - result.covered
    out.print(
        f"{result.items:,} items outside the test split and the audit: {result.covered:,} with votes,"
        f" {uncovered:,} without, {result.undecided:,} undecided. Labels are by {_decider(result)}."
        f" Known labels: {result.reference}.",
        markup=False,
    )
    show_functions(result.functions, limit)
    if one:
        for function in result.functions:
            show_buckets(function, result.texts)
    else:
        show_decisions(result, limit)


def _decider(result: ErrorAnalysis) -> str:
    return "majority vote" if result.model == "majority" else f"the label model ({result.model})"


def show_functions(functions: Sequence[FunctionErrors], limit: int) -> None:
    """Print one line for each function, those with most known wrong votes first, then those that change least."""
    from labelkit.cli.console import WIDE, table

    known = any(f.accuracy.n for f in functions)
    columns = ["function", "votes", *(["right", "n", "95%", "by chance"] if known else ["others say", "by chance"])]
    columns += ["changes", *(["helps", "hurts"] if known else []), "agrees always with"]
    rows = []
    for f in sorted(functions, key=lambda f: (-_wrong_votes(f), f.changed))[:limit]:
        judged = [*_estimate(f.accuracy), _percent(f.chance)] if known else []
        guessed = [] if known else [_percent(f.others), _percent(f.others_by_chance)]
        moved = [f"{f.changed:,}", *([f"{f.helped:,}", f"{f.hurt:,}"] if known else [])]
        rows.append([f.name, f"{f.votes:,}", *judged, *guessed, *moved, ", ".join(f.contained_in) or "–"])
    out = console()
    out.print(table(None, columns, rows, whole=len(columns) - 1 if out.width >= WIDE else 1))
    if len(functions) > limit:
        out.print(f"and {len(functions) - limit:,} more functions: --limit shows more of them, `labelkit lfs` all")
    legend = "changes: labels that would be others, or none, without the function's votes"
    if known:
        legend += "; helps, hurts: known items labeled right only with them, and only without them"
    else:
        legend += "; others say: probability that the other functions give its votes (an estimate)"
    out.print(f"{legend}.")


def _wrong_votes(function: FunctionErrors) -> int:
    return sum(bucket.items for bucket in function.buckets if bucket.vote not in (None, bucket.gold))


def show_buckets(function: FunctionErrors, texts: Mapping[str, str]) -> None:
    """Print known label × vote of one function, with items of each."""
    out = console()
    total = sum(bucket.items for bucket in function.buckets)
    if not total:
        out.print(f"{function.name}: no item has a known label", markup=False)
    for bucket in sorted(function.buckets, key=lambda b: (b.vote is None, b.vote == b.gold, -b.items)):
        vote = "abstained on" if bucket.vote is None else f"voted {bucket.vote} on"
        right = "" if bucket.vote is None else " (right)" if bucket.vote == bucket.gold else " (wrong)"
        out.print(f"{vote} {bucket.items:,} known {bucket.gold} items{right}", markup=False)
        _show_items(bucket.examples, texts)


def show_decisions(result: ErrorAnalysis, limit: int) -> None:
    """Print how many known items of each class are decided how."""
    from labelkit.cli.console import table

    if not result.decisions:
        return
    totals: dict[str, int] = {}
    for bucket in result.decisions:
        totals[bucket.gold] = totals.get(bucket.gold, 0) + bucket.items
    wrong = [b for b in result.decisions if b.label != b.gold]
    if not wrong:
        console().print("Every known item has the right label.")
        return
    rows = [
        [
            b.gold,
            b.label or ("undecided" if b.covered else "no vote"),
            ", ".join(f"{name} ({votes:,})" for name, votes in b.voters) or "–",
            ", ".join(b.examples),
            f"{b.items:,}",
            f"{b.items / totals[b.gold]:.1%}",
        ]
        for b in sorted(wrong, key=lambda b: -b.items)[:limit]
    ]
    columns = ["known label", "labeled", "voted so", "start with", "items", "of class"]
    console().print(table("Known items without the right label", columns, rows, left=4, whole=2))


def show_conflicts(result: ErrorAnalysis) -> None:
    """Print the conflicts that cost most, with items."""
    out = console()
    if not result.conflicts:
        out.print("No conflict between functions costs a label.")
    for conflict in result.conflicts:
        known = "nothing known"
        if conflict.right.n:
            shares = " against ".join(f"{each.value:.1%}" for each in (conflict.right, conflict.other_right))
            known = f"right {shares} of {conflict.right.n:,} known"
        out.print(
            f"{conflict.function} ({conflict.vote}) against {conflict.other} ({conflict.other_vote}):"
            f" {conflict.items:,} items, cost {conflict.cost:,.1f} labels, {known}",
            markup=False,
        )
        _show_items(conflict.examples, result.texts)


def show_clusters(result: ErrorAnalysis, limit: int) -> None:
    """Print groups of similar items that no function votes on, with what marks them and items."""
    out = console()
    clusters = result.clusters or ()
    if not clusters:
        out.print("Every item has a vote.")
    for cluster in clusters[:limit]:
        marks = ", ".join(f"{trait.term} ({trait.share:.0%}, ×{trait.lift:,.1f})" for trait in cluster.traits)
        known = ", ".join(f"{name} {count:,}" for name, count in cluster.known.items())
        out.print(f"{cluster.items:,} items: {marks or 'nothing marks them'}", markup=False)
        if known:
            out.print(f"  known: {known}", markup=False)
        _show_items(cluster.examples, result.texts)
    if clusters:
        out.print("In brackets: share of the group that has the word, and how many times more common it is there.")


def show_next_steps(sentences: Sequence[str]) -> None:
    """Print what to do next, numbered."""
    from rich.markup import escape
    from rich.table import Table

    from labelkit.cli.console import visible

    if not sentences:
        return
    grid = Table.grid(padding=(0, 1))
    for number, sentence in enumerate(sentences, start=1):
        grid.add_row(f"{number:>3}.", escape(visible(sentence)))
    out = console()
    out.print("Next steps")
    out.print(grid)


def _show_items(ids: Sequence[str], texts: Mapping[str, str]) -> None:
    for item in ids:
        text = texts.get(item, "")
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN].rstrip()} …"
        console().print(f"    {item}: {shown or '(empty)'}", markup=False)


def _estimate(estimate: Estimate) -> list[str]:
    if not estimate.n:
        return ["–", "–", "–"]
    return [f"{estimate.value:.1%}", f"{estimate.n:,}", f"{100 * estimate.low:.0f}–{100 * estimate.high:.0f}%"]


def _percent(share: float) -> str:
    return "–" if share != share else f"{share:.1%}"  # noqa: PLR0124 (NaN)
