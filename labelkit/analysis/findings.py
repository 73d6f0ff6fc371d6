"""What advice is drawn from, what it looks like, and the words that its sentences share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from labelkit.analysis.buckets import DecisionBucket
from labelkit.analysis.conflicts import Conflict
from labelkit.analysis.errors import FunctionErrors
from labelkit.analysis.uncovered import UncoveredCluster
from labelkit.types import Estimate

NAMED: Final = 5
"""Functions or classes named in a sentence."""
SHOWN: Final = 3
"""Items or words named in a sentence."""
_NARROW: Final = 0.02
"""Intervals that are narrower are told with one decimal: 0.2% does not lie between 0 and 0."""


@dataclass(frozen=True)
class NextStep:
    """One finding, and what to do about it.

    Attributes
    ----------
    kind
        "worse_than_chance", "mostly_wrong", "does_harm", "doubtful" (an estimate without known labels),
        "conflict", "uncovered", "misread" (known items of one class labeled as another), "class_without_votes",
        "no_known_labels", "silent", "nearly_silent", "contained" (always agrees with another), "never_decides".
    sentence
        Figures and the next step.
    items
        Roughly how many labels are at stake; for the order only.
    functions
        Those that it is about.
    examples
        Ids of items to start with.
    """

    kind: str
    sentence: str
    items: float
    functions: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """All that advice is drawn from; see the classes of the fields.

    Attributes
    ----------
    items
        Number of items looked at.
    uncovered
        How many of them no function votes on.
    known
        Number of items with a known label.
    clusters
        None if they were not looked for.
    voteless
        Classes that no function votes for.
    decider
        Who decides the labels, "the label model" or "majority vote".
    """

    items: int
    uncovered: int
    known: int
    functions: Sequence[FunctionErrors]
    decisions: Sequence[DecisionBucket]
    conflicts: Sequence[Conflict]
    clusters: Sequence[UncoveredCluster] | None
    voteless: Sequence[str]
    decider: str


def share_in_words(share: Estimate) -> str:
    """``30.0% [18, 45]``, ``0.2% [0.1, 0.4]``: a share with its 95% interval in percent."""
    digits = 0 if share.high - share.low >= _NARROW else 1
    return f"{share.value:.1%} [{100 * share.low:.{digits}f}, {100 * share.high:.{digits}f}]"


def noun(number: int) -> str:
    return "item" if number == 1 else "items"


def listed(names: Sequence[str], *, quote: bool = True) -> str:
    shown = [f"`{name}`" if quote else name for name in names[:NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def start_with(examples: Sequence[str]) -> str:
    return f"; start with {', '.join(examples[:SHOWN])}" if examples else ""
