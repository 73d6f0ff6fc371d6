"""The items' sections of a report: labels against known ones, costly conflicts, and what nothing votes on."""

from __future__ import annotations

from typing import Final

from labelkit.analysis.buckets import DecisionBucket
from labelkit.analysis.conflicts import Conflict
from labelkit.analysis.uncovered import UncoveredCluster
from labelkit.report import (
    Block,
    Cell,
    Facts,
    Group,
    Heat,
    Measured,
    Missing,
    Names,
    Number,
    Section,
    Share,
    Table,
    Words,
)
from labelkit.report.text import count
from labelkit.steps.error_analysis import ErrorAnalysis
from labelkit.steps.report_inputs import Inputs, examples

NO_VOTE: Final = "no vote"
UNDECIDED: Final = "undecided"
_CLASSES: Final = 15
_ROWS: Final = 12
"""Wrong labels and conflicts that are shown: each comes with items."""


def confusion(inputs: Inputs) -> Section:
    """Known label × decision, as a heat table, and where most labels are wrong."""
    errors = inputs.errors
    intro = f"Labels by {errors.decided_by} against {errors.reference}."
    if not errors.decisions:
        return Section("confusion", "Labels against known labels", [_no_known()])
    names = inputs.workspace.schema.names
    counts: dict[tuple[str, str], int] = {}
    for bucket in errors.decisions:
        at = bucket.gold, _decision(bucket)
        counts[at] = counts.get(at, 0) + bucket.items
    outside = [name for name in (UNDECIDED, NO_VOTE) if any(column == name for _, column in counts)]
    heat = Heat(
        "Known items by their known label and their decided one: number, and share of the row",
        "known label",
        "labeled",
        list(names),
        [*names, *outside],
        counts,
        outside,
        most=_CLASSES,
        rest="classes with fewer wrong labels; `labelkit errors --json` has them all",
    )
    return Section("confusion", "Labels against known labels", [heat, *_wrong(errors)], intro)


def _no_known() -> Missing:
    return Missing(
        "There are no known labels.",
        "Import gold labels, or answer items: `labelkit rank` draws them, `labelkit serve` asks for them.",
    )


def _decision(bucket: DecisionBucket) -> str:
    if bucket.label is not None:
        return bucket.label
    return UNDECIDED if bucket.covered else NO_VOTE


def _wrong(errors: ErrorAnalysis) -> list[Block]:
    totals: dict[str, int] = {}
    for bucket in errors.decisions:
        totals[bucket.gold] = totals.get(bucket.gold, 0) + bucket.items
    wrong = sorted((b for b in errors.decisions if b.label not in (None, b.gold)), key=lambda b: -b.items)
    if not wrong:
        return [Words("No known item has a wrong label.")]
    rows: list[list[Cell]] = [
        [b.gold, b.label, b.items, Share(b.items / totals[b.gold]),
         Names([f"{name} ({count(votes)})" for name, votes in b.voters]), examples(b.examples, errors.texts)]
        for b in wrong
    ]  # fmt: skip
    return [
        Table(
            "Wrong labels of known items, most first",
            ["known label", "labeled", "items", "of its class", "voted so", "look at"],
            rows,
            text=frozenset({"labeled", "voted so", "look at"}),
            most=_ROWS,
            rest="`labelkit errors --json` has them all",
        )
    ]


def conflicts(inputs: Inputs) -> Section:
    """Pairs of functions whose conflicts cost most labels."""
    errors = inputs.errors
    if not errors.conflicts:
        return Section("conflicts", "Conflicts", [Words("No conflict between functions costs a label.")])
    table = Table(
        "The conflicts that cost most labels",
        ["functions", "items", "cost", "first is right", "second is right", "look at"],
        [_conflict(one, errors) for one in errors.conflicts],
        text=frozenset({"look at"}),
        most=_ROWS,
        rest="`labelkit errors --conflicts --limit 100` shows more",
        legend="cost: expected number of wrong labels among these items; right: of the items with known labels.",
    )
    return Section("conflicts", "Conflicts", [table])


def _conflict(one: Conflict, errors: ErrorAnalysis) -> list[Cell]:
    return [
        f"{one.function} ({one.vote}) against {one.other} ({one.other_vote})", one.items, Number(one.cost, 1),
        Measured(one.right, drawn=False), Measured(one.other_right, drawn=False), examples(one.examples, errors.texts),
    ]  # fmt: skip


def uncovered(inputs: Inputs) -> Section:
    """Groups of similar items that no function votes on, with their words and typical items."""
    errors = inputs.errors
    title, without = "Uncovered items", errors.items - errors.covered
    if not errors.items:
        return Section("uncovered", title, [Missing("There is no item that may be looked at.")])
    if not errors.clusters:
        return Section("uncovered", title, [Words("Every item has a vote.")])
    intro = (
        f"No function votes on {count(without)} of {count(errors.items)} items ({without / errors.items:.1%}). Groups"
        " of similar ones, largest first; words are told that are more common in a group than elsewhere."
    )
    return Section("uncovered", title, [_cluster(at, one, errors) for at, one in enumerate(errors.clusters, 1)], intro)


def _cluster(at: int, cluster: UncoveredCluster, errors: ErrorAnalysis) -> Block:
    known: list[tuple[str, Cell]] = [
        ("known to be", ", ".join(f"{name} {count(number)}" for name, number in cluster.known.items()))
    ]
    rows: list[list[Cell]] = [
        [trait.term, Share(trait.share), Share(trait.elsewhere), Number(trait.lift, 1), trait.label,
         Measured(trait.right, trait.chance)]
        for trait in cluster.traits
    ]  # fmt: skip
    table = Table(
        "What marks them",
        ["word or field", "in the group", "elsewhere", "times as common", "a function for", "would be right"],
        rows,
        text=frozenset({"a function for"}),
    )
    blocks: list[Block] = [*([Facts(known)] if cluster.known else []), *([table] if rows else [])]
    blocks.append(examples(cluster.examples, errors.texts))
    return Group(f"Group {at}: {count(cluster.items)} items", blocks)
