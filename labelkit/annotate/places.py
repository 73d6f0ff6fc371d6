"""How many people an item wants: the target, and one more at a time where their answers disagree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labelkit.annotate.resolve import agreed
from labelkit.types import ABSTAIN


@dataclass(frozen=True)
class PlaceRule:
    """The rule of a project: an item's answers → its places.

    Attributes
    ----------
    answers_per_item
        How many people answer an item.
    tie_break_answers
        How many further people are asked, one after the other, while the answers decide nothing.
    min_agreement
        Share of the labels that has to be the same for a decision.
    merged
        id of a merged class → id of its successor.
    """

    answers_per_item: int = 1
    tie_break_answers: int = 0
    min_agreement: float = 0.5
    merged: Mapping[int, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """No item has more places than this."""
        return self.answers_per_item + self.tie_break_answers

    @property
    def identity(self) -> str:
        """Another text for another rule: what was closed under one may be open under the other."""
        merged = sorted(self.merged.items())
        return json.dumps([self.answers_per_item, self.tie_break_answers, self.min_agreement, merged])

    def places(self, answers: Sequence[int | None]) -> int:
        """How many different people an item wants, after these answers of different people.

        Parameters
        ----------
        answers
            Stable class ids; None for a skip or a flag.

        Examples
        --------
        >>> rule = PlaceRule(answers_per_item=2, tie_break_answers=1)
        >>> rule.places([]), rule.places([0, 0]), rule.places([0, 1]), rule.places([0, 1, 1])
        (2, 2, 3, 3)
        """
        if len(answers) < self.answers_per_item or not self.undecided(answers):
            return max(self.answers_per_item, min(len(answers), self.most))
        return min(len(answers) + 1, self.most)

    def undecided(self, answers: Sequence[int | None]) -> bool:
        """Whether there are labels among the answers, and they decide nothing."""
        labels = [self.merged.get(label, label) for label in answers if label is not None]
        return bool(labels) and agreed(labels, self.min_agreement) == ABSTAIN
