"""The labeling functions' sections of a report: figures of each function, and which depend on each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from labelkit.analysis.errors import FunctionErrors
from labelkit.analysis.function_summary import FunctionSummary, lf_summary, vote_summary
from labelkit.analysis.intervals import wilson
from labelkit.report import (
    Block,
    Cell,
    Facts,
    Flags,
    Measured,
    Missing,
    Names,
    Number,
    Section,
    Share,
    Table,
    Tone,
    Words,
)
from labelkit.report.text import count
from labelkit.steps.dependencies import DependencyTable
from labelkit.steps.report_inputs import Inputs

_COLUMNS: Final = ("function", "votes for", "coverage", "overlap", "conflict")
_SHOWN: Final = 100
_PAIRS: Final = 30
_DISCOUNTED: Final = 0.995
"""Functions that count less than this are listed."""


def functions(inputs: Inputs) -> Section:
    """Every labeling function of the last `vote`, those with most known wrong votes first."""
    errors, known = inputs.errors, inputs.errors.known > 0
    summaries = _summaries(inputs)
    if not summaries:
        return Section(
            "functions", "Labeling functions", [Missing("The last `labelkit vote` ran no labeling function.")]
        )
    order = sorted(
        zip(summaries, errors.functions, strict=True),
        key=lambda pair: (-_wrong(pair[1]), -pair[1].changed, pair[1].name),
    )
    judged = ["right", "helps", "hurts"] if known else ["others say", "by chance"]
    classes = inputs.workspace.schema.names
    rows = [_row(classes, summary, found, known) for summary, found in order]
    flagged = any(row[-1] for row in rows)
    table = Table(
        "Labeling functions, those with most known wrong votes first" if known else "Labeling functions",
        [*_COLUMNS, *judged, "changes", *(["remarkable"] if flagged else [])],
        [row if flagged else row[:-1] for row in rows],
        text=frozenset({"votes for", "others say", "remarkable"}),
        most=_SHOWN,
        rest="`labelkit lfs` shows them all",
        legend=_legend(known, errors.decided_by),
    )
    whole = vote_summary(inputs.votes)
    intro = (
        f"{count(len(summaries))} functions on {count(whole.items)} items: coverage {whole.coverage:.1%}, overlap"
        f" {whole.overlap:.1%}, conflict {whole.conflict:.1%}. Accuracies are against {errors.reference}."
    )
    remarkable = _remarkable(errors.functions)
    return Section("functions", "Labeling functions", [*([Facts(remarkable)] if remarkable else []), table], intro)


def _summaries(inputs: Inputs) -> list[FunctionSummary]:
    store, run = inputs.workspace.store, inputs.vote_run
    called, digests = run.parameters["functions"], run.parameters["shards"]
    return lf_summary(
        inputs.votes,
        [f["name"] for f in called],
        cardinality=inputs.workspace.schema.cardinality,
        faults=[sum(number for number, _ in store.votes.faults(f["fingerprint"], digests)) for f in called],
    )


def _wrong(function: FunctionErrors) -> int:
    return sum(bucket.items for bucket in function.buckets if bucket.vote not in (None, bucket.gold))


def _row(classes: Sequence[str], summary: FunctionSummary, found: FunctionErrors, known: bool) -> list[Cell]:
    judged: list[Cell] = (
        [Measured(found.accuracy, found.chance), found.helped, found.hurt]
        if known
        else [_others(found), Share(found.others_by_chance)]
    )
    flags = [(words, tone) for _, words, tone in _flags(found)]
    flags += [(f"raised on {count(summary.faults)} items", "bad")] if summary.faults else []
    return [
        found.name, Names([classes[c] for c in summary.polarity], 4), Share(summary.coverage), Share(summary.overlap),
        Share(summary.conflict), *judged, found.changed, Flags(flags) if flags else None,
    ]  # fmt: skip


def _others(found: FunctionErrors) -> Cell:
    return f"{found.others:.1%}, n = {count(found.others_items)}" if found.others_items else None


def _flags(f: FunctionErrors) -> Iterator[tuple[str, str, Tone]]:
    """(group, words, tone) of everything that is remarkable about a function."""
    if not f.votes_anywhere:
        yield "abstain on every item", "silent", "bad"
        return
    if f.accuracy.n and f.accuracy.high < f.chance:
        yield "right less often than by chance", "worse than chance", "bad"
    elif f.accuracy.n and f.accuracy.high < 0.5:
        yield "wrong more often than right", "mostly wrong", "bad"
    if wilson(f.hurt, f.helped + f.hurt).low > 0.5:
        yield "hurt more known items than they help", "hurts more than it helps", "bad"
    if f.contained_in:
        yield "always vote as another function does", f"always votes as {f.contained_in[0]}", "plain"
    elif not f.changed and not f.changed_majority:
        yield "never decide a label", "never decides", "plain"


def _remarkable(found: Sequence[FunctionErrors]) -> list[tuple[str, Cell]]:
    groups: dict[str, list[str]] = {}
    for function in found:
        for group, _, _ in _flags(function):
            groups.setdefault(group, []).append(function.name)
    return [(f"{count(len(names))} {group}", Names(names, 12)) for group, names in groups.items()]


def _legend(known: bool, decided_by: str) -> str:
    words = (
        "coverage, overlap, conflict: shares of all items that it votes on, that another function votes on too, and"
        f" on which another votes differently; changes: labels by {decided_by} that would be others, or none, without"
        " it; "
    )
    if known:
        return (
            f"{words}right: share of its votes on known items, with the 95% interval as whiskers and chance as a line;"
            " helps, hurts: known items that are labeled right only with it, and only without it."
        )
    return f"{words}others say: probability that the other functions give its votes, an estimate without known labels."


def dependencies(inputs: Inputs) -> Section:
    """Functions that are copies, subsets or correlated beyond what the class explains."""
    found = inputs.dependencies
    blocks: list[Block] = []
    if not found.found:
        blocks.append(Words("No function depends on another beyond what the class explains."))
    else:
        blocks += _dependent(found)
    return Section("dependencies", "Functions that depend on each other", blocks, _counted(found))


def _counted(found: DependencyTable) -> str:
    part = "" if found.counted == found.items else f", counted on {count(found.counted)} of them"
    return f"{count(len(found.functions))} functions on {count(found.items)} items{part}."


def _dependent(found: DependencyTable) -> list[Block]:
    rows: list[list[Cell]] = [
        [f"{pair.first} + {pair.second}", pair.kind, Number(pair.strength, 2), pair.both, pair.same,
         Number(pair.expected, 1), pair.advice]
        for pair in found.pairs
    ]  # fmt: skip
    table = Table(
        f"{count(found.found)} pairs, the strongest first",
        ["functions", "kind", "strength", "both vote", "the same", "expected", "what to do"],
        rows,
        text=frozenset({"kind", "what to do"}),
        most=_PAIRS,
        rest="`labelkit lfs --dependencies` shows them all",
        legend="the same, expected: items on which both vote the same, and how many that would be of independent"
        " functions; strength: how far this is beyond what the class explains, 1 for copies.",
    )
    less = sorted((f for f in found.functions if f.weight < _DISCOUNTED), key=lambda f: (f.weight, f.name))
    weights = Table(
        "Functions that count less, because near-copies vote beside them",
        ["function", "weight", "votes", "right"],
        [[f.name, Number(f.weight, 2), f.votes, Measured(f.accuracy)] for f in less],
        most=_PAIRS,
    )
    return [table, *([weights] if less else [])]
