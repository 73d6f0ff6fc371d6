"""Sentences that several label models have for the user."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.validation import covered
from labelkit.types import ABSTAIN, IntArray

_FUNCTIONS: Final = 3
_CLASSES: Final = 10


def named(functions: IntArray, names: Sequence[str] | None) -> str:
    """The first of some functions by name, or by number where they have none."""
    shown = ", ".join(repr(names[i]) if names is not None else str(i) for i in functions[:_FUNCTIONS])
    return f"{shown}, …" if len(functions) > _FUNCTIONS else shown


def some_of(functions: int, of: int) -> str:
    """“2 of 5 labeling functions”."""
    return f"{functions:,} of {of:,} labeling function{'s' if of > 1 else ''}"


def against_note(against: IntArray, of: int, names: Sequence[str] | None) -> list[str]:
    """Functions that known labels contradict, if there are any."""
    if not len(against):
        return []
    one = len(against) == 1
    count = "its votes count against the class it names" if one else "their votes count against the class they name"
    return [
        f"by the known labels {some_of(len(against), of)} {'is' if one else 'are'} no better than chance or worse:"
        f" {named(against, names)}; {count}"
    ]


def unseen_classes(vote_counts: npt.NDArray[Any], gold: IntArray) -> list[int]:
    """Classes that no function votes for, by votes (m, k), and that no known label (g,) is of."""
    seen = vote_counts.sum(axis=0) > 0
    seen[gold[gold != ABSTAIN]] = True
    return [int(label) for label in np.flatnonzero(~seen)]


def unseen_note(unseen: Sequence[int], *, voter: str = "labeling function", gets: str = "") -> list[str]:
    """That nothing speaks for some classes, if there are any.

    Parameters
    ----------
    unseen
        Indices of the classes.
    voter
        What votes.
    gets
        What such a class gets from the model; by default that nothing tells its items.
    """
    if not unseen:
        return []
    shown = ", ".join(f"class {label}" for label in unseen[:_CLASSES])
    more = f" and {len(unseen) - _CLASSES:,} more" if len(unseen) > _CLASSES else ""
    it, subject = ("it", "it gets") if len(unseen) == 1 else ("them", "they get")
    told = f"{subject} {gets}" if gets else f"nothing tells which items are of {it}"
    return [f"no {voter} votes for {shown}{more} and no known label is of {it}: {told}"]


def is_unseen_note(note: str) -> bool:
    """Whether a note is one of :func:`unseen_note`: a caller that knows the classes' names says it better."""
    return re.match(r"no [a-z ]+ votes for class \d", note) is not None


def one_class(gold_votes: IntArray, gold: IntArray) -> bool:
    """Whether the known labels (g,) of covered rows (g, m) are all of one class; not if there are none."""
    return len(np.unique(gold[covered(gold_votes) & (gold != ABSTAIN)])) == 1


def one_class_note(gold_votes: IntArray, gold: IntArray) -> list[str]:
    """That known labels of one class say nothing of how good votes are, if they are so."""
    if not one_class(gold_votes, gold):
        return []
    n = int((covered(gold_votes) & (gold != ABSTAIN)).sum())
    if n == 1:
        return ["there is one known label of a covered item: it says nothing of how good votes are"]
    return [f"the {n:,} known labels of covered items are all of one class: they say nothing of how good votes are"]
