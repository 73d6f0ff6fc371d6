"""Simulated annotators for ``label_efficiency.py``: five people, by turns, who answer from gold, well or badly."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from labelkit.types import ABSTAIN, IntArray

PEOPLE = 5
SKIP = -2


@dataclass(frozen=True)
class Habit:
    """How one person answers: share of wrong answers, and of skips."""

    wrong: float = 0.0
    skips: float = 0.0


KINDS = MappingProxyType(
    {
        "gold": (Habit(),) * PEOPLE,
        "noisy10": (Habit(wrong=0.1),) * PEOPLE,
        "noisy20": (Habit(wrong=0.2),) * PEOPLE,
        "adversary": (*(Habit(),) * (PEOPLE - 1), Habit(wrong=1.0)),
        "skips": (Habit(skips=0.1),) * PEOPLE,
    }
)
"""Kind → the habits of the five. A wrong answer is drawn uniformly from the other classes."""


class People:
    """Answers rows from gold. The same person gives the same answer to the same item, whoever asks and when.

    So two methods that ask about the same item with the same seed get the same answer, and their difference is
    not one of luck with answers.
    """

    def __init__(self, kind: str, gold: IntArray, cardinality: int, seed: int) -> None:
        self.habits = KINDS[kind]
        self._gold, self._cardinality, self._seed = gold, cardinality, seed
        self._turn = 0

    def next_for(self, answered_by: set[int]) -> int:
        """Whose turn it is among those who have not answered the item yet.

        Raises
        ------
        ValueError
            If everybody has answered it.
        """
        for _ in range(PEOPLE):
            person = self._turn % PEOPLE
            self._turn += 1
            if person not in answered_by:
                return person
        raise ValueError(f"all {PEOPLE} people have answered this item")

    def answer(self, person: int, row: int) -> int:
        """A class index, or :data:`SKIP`.

        Raises
        ------
        ValueError
            If the row has no gold label to answer from.
        """
        truth = int(self._gold[row])
        if truth == ABSTAIN:
            raise ValueError(f"row {row} has no gold label to answer from")
        habit = self.habits[person]
        first, second, third = np.random.default_rng([self._seed, person, row]).random(3)
        if first < habit.skips:
            return SKIP
        if second >= habit.wrong:
            return truth
        others = [label for label in range(self._cardinality) if label != truth]
        return others[int(third * len(others))]
