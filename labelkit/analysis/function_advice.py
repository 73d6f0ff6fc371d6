"""Advice about single labeling functions: wrong ones, doubtful ones, and those that could go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from labelkit.analysis.errors import FunctionErrors
from labelkit.analysis.findings import SHOWN, Findings, NextStep, listed, noun, share_in_words, start_with
from labelkit.analysis.intervals import wilson

RARE: Final = 0.001
"""A function that votes on a smaller share of the items is nearly silent."""
_ENOUGH: Final = 20
"""An estimate without known labels on fewer items is not told."""


def judged_functions(found: Findings) -> Iterable[NextStep]:
    """Functions that known labels, or the other functions, speak against: one step for each."""
    for function in found.functions:
        for verdict in (_against_chance, _harmful, _doubtful):
            step = verdict(function, found)
            if step is not None:
                yield step
                break


def _against_chance(f: FunctionErrors, found: Findings) -> NextStep | None:
    """A function whose votes are right less often than random ones of the same classes, or than wrong."""
    del found
    right, n = round(f.accuracy.value * f.accuracy.n) if f.accuracy.n else 0, f.accuracy.n
    worse = n > 0 and f.accuracy.high < f.chance
    if not worse and not (n > 0 and f.accuracy.high < 0.5):
        return None
    by_chance = (
        f"less than by chance ({f.chance:.1%})" if worse else f"wrong more often than right (chance {f.chance:.1%})"
    )
    return NextStep(
        kind="worse_than_chance" if worse else "mostly_wrong",
        sentence=(
            f"`{f.name}` is right on {right:,} of {n:,} known items ({share_in_words(f.accuracy)}), {by_chance}:"
            f" narrow it or delete it{start_with(f.wrong)}"
        ),
        items=f.votes * (1 - f.accuracy.value),
        functions=(f.name,),
        examples=f.wrong[:SHOWN],
    )


def _harmful(f: FunctionErrors, found: Findings) -> NextStep | None:
    """A function whose votes turn clearly more known items wrong than right."""
    decisive = wilson(f.hurt, f.helped + f.hurt)
    if decisive.n == 0 or decisive.low <= 0.5:
        return None
    return NextStep(
        kind="does_harm",
        sentence=(
            f"Without `{f.name}`, {found.decider} would get {f.hurt:,} more known items right and {f.helped:,} more"
            f" wrong: narrow it{start_with(f.wrong)}"
        ),
        items=(f.hurt - f.helped) * found.items / max(found.known, 1),
        functions=(f.name,),
        examples=f.wrong[:SHOWN],
    )


def _doubtful(f: FunctionErrors, found: Findings) -> NextStep | None:
    """A function that nobody has judged, and that the others contradict more than chance does."""
    if f.accuracy.n or f.others_items < _ENOUGH or f.others >= f.others_by_chance:
        return None
    conflicts = [c for c in found.conflicts if f.name in (c.function, c.other)]
    examples = tuple(dict.fromkeys(example for c in conflicts for example in c.examples))[:SHOWN]
    return NextStep(
        kind="doubtful",
        sentence=(
            f"The other functions give what `{f.name}` votes for {f.others:.1%} on {f.others_items:,} items, less than"
            f" by chance ({f.others_by_chance:.1%}; an estimate, none of its votes is on a known label): label some of"
            f" its items to see who is right{start_with(examples)}"
        ),
        items=f.votes * (f.others_by_chance - f.others),
        functions=(f.name,),
        examples=examples,
    )


def idle_functions(found: Findings) -> Iterable[NextStep]:
    """Functions that could go: each is named by the strongest reason only."""
    left = list(found.functions)

    def taken(holds: Callable[[FunctionErrors], bool]) -> list[FunctionErrors]:
        chosen = [f for f in left if holds(f)]
        left[:] = [f for f in left if not holds(f)]
        return chosen

    silent = taken(lambda f: not f.votes_anywhere)
    if silent:
        yield _about("silent", silent, f"{_votes(silent)} on no item: widen or delete {_them(silent)}")
    rare = taken(lambda f: f.votes < RARE * found.items)
    if rare:
        most = max(f.votes for f in rare)
        words = f"{_votes(rare)} on at most {most:,} of {found.items:,} items: widen or delete {_them(rare)}"
        yield _about("nearly_silent", rare, words)
    for f in taken(lambda f: bool(f.contained_in)):
        yield NextStep(
            kind="contained",
            sentence=(
                f"`{f.name}` always agrees with {listed(f.contained_in)}: on all {f.votes:,} {noun(f.votes)} that it"
                " votes on, the vote is the same and tells nothing new: delete it, or merge the two"
            ),
            items=0.0,
            functions=(f.name, *f.contained_in),
        )
    # Who is needless only because of a copy is needed once the copy is gone.
    copied = {other for f in found.functions for other in f.contained_in}
    idle = taken(lambda f: not f.changed and not f.changed_majority and f.name not in copied)
    if idle:
        who = f"{listed([f.name for f in idle])} never {'decides' if len(idle) == 1 else 'decide'}"
        each = "removing it" if len(idle) == 1 else "removing any one of them"
        models = "majority vote" if found.decider == "majority vote" else f"{found.decider} and majority vote"
        what = "widen it or delete it" if len(idle) == 1 else "widen or delete them one at a time"
        yield _about("never_decides", idle, f"{who}: {each} changes no label of {models}: {what}")


def _about(kind: str, functions: Sequence[FunctionErrors], sentence: str) -> NextStep:
    return NextStep(kind=kind, sentence=sentence, items=0.0, functions=tuple(f.name for f in functions))


def _votes(functions: Sequence[FunctionErrors]) -> str:
    return f"{listed([f.name for f in functions])} {'votes' if len(functions) == 1 else 'vote'}"


def _them(functions: Sequence[FunctionErrors]) -> str:
    return "it" if len(functions) == 1 else "them"
