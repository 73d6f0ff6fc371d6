"""Anchoring: do people agree with the model more often because they saw its guess before they answered?"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from labelkit.types import Estimate

_Z95: Final = 1.959963984540054


@dataclass(frozen=True)
class GuessedAnswer:
    """A person's first answer to an item for which the model had a guess: whether it was seen before, and its fate."""

    shown_before: bool
    agrees: bool


@dataclass(frozen=True)
class Anchoring:
    """How often first answers agree with the model's guess.

    Attributes
    ----------
    before, hidden
        The share where the guess was shown before the answer, and where it was hidden until then; with 95% Wilson
        intervals.
    difference, low, high
        ``before − hidden`` with its 95% interval; None where either group is empty.
    """

    before: Estimate
    hidden: Estimate
    difference: float | None
    low: float | None
    high: float | None

    @property
    def shows(self) -> bool:
        """Whether the interval leaves out zero: seeing the guess changes answers."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def anchoring(answers: Iterable[GuessedAnswer]) -> Anchoring:
    """Compare answers given before and after seeing the model's guess.

    Which items show it is drawn at random, so the difference is what seeing it does. Only answers with the role
    ``active`` belong here: hints are never shown before on other items. The interval is Newcombe's for two
    independent shares; it takes answers as independent, and is too narrow where few people gave most of them.

    References
    ----------
    Newcombe (1998): Interval estimation for the difference between independent proportions, method 10.

    Examples
    --------
    >>> found = anchoring([GuessedAnswer(k % 2 == 0, k % 2 == 0 or k % 4 == 1) for k in range(200)])
    >>> found.before.value, found.hidden.value, found.difference, found.shows
    (1.0, 0.5, 0.5, True)
    """
    agreed, counted = {True: 0, False: 0}, {True: 0, False: 0}
    for answer in answers:
        counted[answer.shown_before] += 1
        agreed[answer.shown_before] += answer.agrees
    before, hidden = (_share(agreed[shown], counted[shown]) for shown in (True, False))
    if not before.n or not hidden.n:
        return Anchoring(before, hidden, None, None, None)
    difference = before.value - hidden.value
    return Anchoring(
        before,
        hidden,
        difference,
        difference - math.hypot(before.value - before.low, hidden.high - hidden.value),
        difference + math.hypot(before.high - before.value, hidden.value - hidden.low),
    )


def _share(count: int, n: int) -> Estimate:
    """A share with its Wilson interval; NaN in [0, 1] without cases."""
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    share, scale = count / n, 1 + _Z95**2 / n
    middle = (share + _Z95**2 / (2 * n)) / scale
    spread = _Z95 * math.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2)) / scale
    return Estimate(share, min(share, max(0.0, middle - spread)), max(share, min(1.0, middle + spread)), n)
