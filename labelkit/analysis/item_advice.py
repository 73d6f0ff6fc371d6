"""Advice drawn from items: conflicts on them, groups without votes, classes that are taken for others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from labelkit.analysis.conflicts import Conflict
from labelkit.analysis.findings import SHOWN, Findings, NextStep, listed, noun, share_in_words, start_with
from labelkit.analysis.intervals import wilson
from labelkit.analysis.uncovered import Trait, UncoveredCluster

_FEW: Final = 3
"""Fewer known items say nothing about a group or a class."""
_HARD: Final = 0.05
"""Share of a group that a function reaches, where nothing says which: for the order of the steps only."""


def conflicts(found: Findings) -> Iterable[NextStep]:
    """Pairs of functions that conflict: who should yield, or that somebody has to find out."""
    for c in found.conflicts:
        n = c.right.n
        if n == 0:
            known, step = "", "label some of them to see who is right"
        else:
            right = [round(share.value * n) for share in (c.right, c.other_right)]
            ones = "one" if n == 1 else "ones"
            known = f"; of {n:,} known {ones} `{c.function}` is right on {right[0]:,}, `{c.other}` on {right[1]:,}"
            step = _who_yields(c)
        yield NextStep(
            kind="conflict",
            sentence=(
                f"`{c.function}` ({c.vote}) and `{c.other}` ({c.other_vote}) conflict on {c.items:,}"
                f" {noun(c.items)} and cost about {_rounded(c.cost)} labels there{known}: {step}"
                f"{start_with(c.examples)}"
            ),
            items=c.cost,
            functions=(c.function, c.other),
            examples=c.examples[:SHOWN],
        )


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _who_yields(c: Conflict) -> str:
    """What to change where two functions conflict: the one that is clearly wrong more often."""
    if c.right.low > c.other_right.high:
        return f"make `{c.other}` abstain where `{c.function}` votes {c.vote}"
    if c.other_right.low > c.right.high:
        return f"make `{c.function}` abstain where `{c.other}` votes {c.other_vote}"
    if c.right.high < 0.5 and c.other_right.high < 0.5:
        return "narrow both, neither is right on most"
    return "see what tells the two cases apart"


def uncovered_items(found: Findings) -> Iterable[NextStep]:
    """Groups of items without votes: which function would reach them."""
    if found.clusters is None:
        if found.uncovered:
            yield NextStep(
                kind="uncovered",
                sentence=(
                    f"No function votes on {found.uncovered:,} of {found.items:,} items"
                    f" ({found.uncovered / found.items:.1%}): see what they have in common with"
                    " `labelkit errors --uncovered` and write a function for the largest group"
                ),
                items=float(found.uncovered),
            )
        return
    for cluster in found.clusters:
        best = _best(cluster)
        yield NextStep(
            kind="uncovered",
            sentence=f"No function votes on {_cluster(cluster, best)}{start_with(cluster.examples)}",
            items=cluster.items * (best.share if best else _HARD),
            examples=cluster.examples[:SHOWN],
        )


def _best(cluster: UncoveredCluster) -> Trait | None:
    """The trait to write a function for: of the group's class more often than not, and clearly more than by chance."""
    label = _class_of(cluster)
    clear = [
        trait
        for trait in cluster.traits
        if trait.right.value > 0.5 and trait.right.low > trait.chance and label in (None, trait.label)
    ]
    if clear:
        return max(clear, key=lambda trait: trait.share * trait.right.low)
    return next((trait for trait in cluster.traits if trait.right.n == 0), None)


def _class_of(cluster: UncoveredCluster) -> str | None:
    """The class of most of its items whose label is known, if these are more than one or two."""
    if sum(cluster.known.values()) < _FEW:
        return None
    return max(cluster.known, key=lambda name: cluster.known[name])


def _cluster(cluster: UncoveredCluster, best: Trait | None) -> str:
    size = f"{cluster.items:,} {noun(cluster.items)}"
    label = _class_of(cluster)
    known = ""
    if label is not None:
        known = f" ({cluster.known[label]:,} of {sum(cluster.known.values()):,} known are {label})"
    if not cluster.traits:
        return f"{size} that no word or value marks{known}: read some before you write a function for them"
    words = f"{size} marked by {', '.join(f'`{trait.term}`' for trait in cluster.traits[:SHOWN])}{known}"
    if best is None:
        return f"{words}, none of which tells the class: read some before you write a function for them"
    if best.label is None:
        return (
            f"{words}: write a function for `{best.term}`, which is in {best.share:.1%} of them and in"
            f" {best.elsewhere:.1%} of the {best.among}"
        )
    right = round(best.right.value * best.right.n)
    return (
        f"{words}: write a function for {best.label} on `{best.term}`, which is in {best.share:.1%} of them; of"
        f" {best.right.n:,} known items with it, {right:,} are {best.label} ({share_in_words(best.right)})"
    )


def misread_items(found: Findings) -> Iterable[NextStep]:
    """Known items of one class that are labeled as another: which function to narrow."""
    totals: dict[str, int] = {}
    for bucket in found.decisions:
        totals[bucket.gold] = totals.get(bucket.gold, 0) + bucket.items
    for bucket in found.decisions:
        if bucket.label in (None, bucket.gold) or bucket.items < _FEW:
            continue
        n = totals[bucket.gold]
        blame = f"narrow those for {bucket.label}"
        if bucket.voters:
            name, votes = bucket.voters[0]
            blame = f"narrow `{name}`, which votes {bucket.label} on {votes:,} of them"
        yield NextStep(
            kind="misread",
            sentence=(
                f"{bucket.items:,} of {n:,} known {bucket.gold} items ({share_in_words(wilson(bucket.items, n))}) are"
                f" labeled {bucket.label} by {found.decider}: {blame}, or write one for {bucket.gold} that votes"
                f" there{start_with(bucket.examples)}"
            ),
            items=bucket.items * found.items / max(found.known, 1),
            examples=bucket.examples[:SHOWN],
        )


def without_votes(found: Findings) -> Iterable[NextStep]:
    """Classes that no function votes for, and projects without any known label."""
    if found.voteless:
        known = [b for b in found.decisions if b.gold in found.voteless]
        n = sum(b.items for b in known)
        examples = tuple(example for b in known for example in b.examples)[:SHOWN]
        yield NextStep(
            kind="class_without_votes",
            sentence=f"No function votes for {listed(found.voteless, quote=False)}: write one{start_with(examples)}",
            items=n * found.items / found.known if found.known else found.items / 2,
            examples=examples,
        )
    if not found.known:
        yield NextStep(
            kind="no_known_labels",
            sentence=(
                "No item has a known label, so nobody can say which function is right: answer some in `labelkit serve`"
                " or import gold labels"
            ),
            items=float(found.items),
        )
