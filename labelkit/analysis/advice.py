"""From figures to the next step: what the writer of labeling functions should do, in one sentence each."""

from __future__ import annotations

from itertools import groupby

from labelkit.analysis.findings import Findings, NextStep
from labelkit.analysis.function_advice import idle_functions, judged_functions
from labelkit.analysis.item_advice import conflicts, misread_items, uncovered_items, without_votes


def next_steps(found: Findings) -> tuple[NextStep, ...]:
    """What to do next: the weightiest step of each kind first, then the second ones, and so on.

    Kinds at which no label is at stake begin with the second ones.
    """
    steps = [
        *judged_functions(found),
        *conflicts(found),
        *uncovered_items(found),
        *misread_items(found),
        *without_votes(found),
        *idle_functions(found),
    ]
    steps.sort(key=lambda step: (step.kind, -step.items))
    ranked = [
        (place + (step.items == 0), -step.items, step)
        for _, group in groupby(steps, lambda step: step.kind)
        for place, step in enumerate(group)
    ]
    return tuple(step for *_, step in sorted(ranked, key=lambda entry: entry[:2]))
