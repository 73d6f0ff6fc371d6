"""What an edit did to a labeling function: its figures before and after, and items whose vote is another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from labelkit.types import Estimate, IntArray

EXAMPLES = 10
"""Items shown per function."""


@dataclass(frozen=True)
class FunctionFigures:
    """One version of a function: shares of all items, and accuracy on those whose label is known."""

    coverage: float
    conflict: float
    accuracy: Estimate


@dataclass(frozen=True)
class FunctionVersion:
    """One version of a function: what its votes (n,) were, as class indices, and their figures."""

    figures: FunctionFigures
    votes: IntArray


@dataclass(frozen=True)
class ChangedVote:
    """An item (its number) and its vote in both versions: class indices, −1 for abstain."""

    item: int
    before: int
    after: int


@dataclass(frozen=True)
class FunctionDifference:
    """Two versions of a function.

    Attributes
    ----------
    name
        The function's name.
    change
        What happened to it.
    before, after
        Figures of the two versions; None where there is no such version.
    compared
        Number of items that both versions voted on.
    changed
        Number of these on which the votes differ.
    examples
        Some of them, drawn at random, in order of item.
    """

    name: str
    change: Literal["added", "removed", "edited"]
    before: FunctionFigures | None
    after: FunctionFigures | None
    compared: int = 0
    changed: int = 0
    examples: tuple[ChangedVote, ...] = ()


def compare_versions(
    name: str,
    before: FunctionVersion | None,
    after: FunctionVersion | None,
    *,
    examples: int = EXAMPLES,
    seed: int = 0,
) -> FunctionDifference:
    """The difference between two versions of a function; one of them may be missing.

    Items that came between the two are not compared: the votes of the longer version at the end are left out.

    Parameters
    ----------
    examples
        So many items at most; the more common a change, the more often it is among them.
    seed
        Which items are drawn.

    Raises
    ------
    ValueError
        If there is neither version.
    """
    if before is None or after is None:
        if after is not None:
            return FunctionDifference(name, "added", None, after.figures)
        if before is not None:
            return FunctionDifference(name, "removed", before.figures, None)
        raise ValueError(f"there is no version of {name!r} to compare")
    n = min(len(before.votes), len(after.votes))
    then, now = before.votes[:n], after.votes[:n]
    changed = np.flatnonzero(then != now)
    drawn = np.random.default_rng(seed).choice(changed, size=min(examples, len(changed)), replace=False)
    return FunctionDifference(
        name,
        "edited",
        before.figures,
        after.figures,
        compared=n,
        changed=len(changed),
        examples=tuple(ChangedVote(int(i), int(then[i]), int(now[i])) for i in np.sort(drawn)),
    )
