"""From what people answered to what people decided, item by item."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from labelkit.annotate.consensus import PeopleAnswers, people_answers
from labelkit.types import ABSTAIN, Annotation, BoolArray, IntArray


@dataclass(frozen=True)
class HumanLabels:
    """What people decided, over all n items; labels are stable class ids, −1 = nothing decided.

    Attributes
    ----------
    label
        (n,) adjudicated label, else the agreed one.
    adjudicated, simulated, audit, tuning
        (n,) bool. ``simulated``: the label rests on simulated answers. ``audit``: drawn for honest
        estimates; never selects, calibrates or trains. ``tuning``: drawn at random for tuning.
    answers
        (n,) number of people who answered (skips count: they need not be asked again); simulated answers
        are nobody's.
    asked
        (n,) bool: somebody answered, or a simulation did.
    untaught
        (n,) bool: outside the train split; models never learn from such an item's label.
    disputed
        Items whose annotators disagree and that nobody has decided yet.
    annotations, merged
        What all this was made from: the answers that count, and the id of each merged class's successor.
    """

    label: IntArray
    adjudicated: BoolArray
    simulated: BoolArray
    audit: BoolArray
    tuning: BoolArray
    answers: IntArray
    asked: BoolArray
    untaught: BoolArray
    disputed: list[int] = field(default_factory=list)
    annotations: tuple[Annotation, ...] = ()
    merged: Mapping[int, int] = field(default_factory=dict)

    @cached_property
    def opinions(self) -> PeopleAnswers:
        """Single answers that models may learn from: of people, in the train split, but the audit ones."""
        return people_answers(self.annotations, merged=self.merged, left_out=self.audit | self.untaught)

    @property
    def teaching(self) -> IntArray:
        """(n,) labels that models may learn from: those of the train split, but the audit ones."""
        return np.where(self.audit | self.untaught, ABSTAIN, self.label)

    @property
    def audited(self) -> IntArray:
        """(n,) labels of the audit slice, −1 elsewhere."""
        return np.where(self.audit, self.label, ABSTAIN)

    @property
    def drawn_at_random(self) -> IntArray:
        """(n,) labels of tuning items: an unbiased sample that models may use."""
        return np.where(self.tuning, self.teaching, ABSTAIN)


def agreed(labels: Iterable[int], min_agreement: float) -> int:
    """The label that at least ``min_agreement`` of the answers give, and more than any other does; else −1."""
    counter = Counter(labels)
    counts = counter.most_common(2)
    if not counts:
        return ABSTAIN
    tied = len(counts) == 2 and counts[0][1] == counts[1][1]
    if tied or counts[0][1] / counter.total() < min_agreement:
        return ABSTAIN
    return counts[0][0]


def resolve(
    n: int,
    annotations: Iterable[Annotation],
    adjudications: Mapping[int, int],
    roles: Mapping[int, str],
    *,
    min_agreement: float,
    merged: Mapping[int, int] | None = None,
    untaught: BoolArray | None = None,
) -> HumanLabels:
    """Decide every item that people answered.

    Parameters
    ----------
    n
        Number of items.
    annotations
        The answers that count, one per person and item.
    adjudications
        Item → stable class id; overrides the answers.
    roles
        Item → ``audit`` or ``tuning``, for items drawn at random.
    merged
        id of a merged class → id of its successor.
    untaught
        (n,) items outside the train split; none if not given.

    Simulated answers to an item count only until a person answers it. Answers to gold questions never do.
    """
    successor = merged or {}
    stored = [annotation for annotation in annotations if annotation.role != "gold"]
    people = _people(stored)
    given, simulated = _given(stored, people, successor, n)
    asked = _among(n, [annotation.item for annotation in stored])
    label = np.full(n, ABSTAIN, dtype=np.int16)
    disputed = []
    for item, labels in given.items():
        label[item] = agreed(labels, min_agreement)
        if label[item] == ABSTAIN and item not in adjudications:
            disputed.append(item)
    for item, decision in adjudications.items():
        label[item] = successor.get(decision, decision)
        simulated[item] = False
    answers = np.zeros(n, dtype=np.int32)
    for item, who in people.items():
        answers[item] = len(who)
    return HumanLabels(
        label=label,
        adjudicated=_among(n, adjudications),
        simulated=simulated,
        audit=_among(n, [item for item, role in roles.items() if role == "audit"]),
        tuning=_among(n, [item for item, role in roles.items() if role == "tuning"]),
        answers=answers,
        asked=asked,
        untaught=_among(n, ()) if untaught is None else untaught,
        disputed=sorted(disputed),
        annotations=tuple(stored),
        merged=successor,
    )


def _among(n: int, items: Iterable[int]) -> BoolArray:
    """Which of n items are these, shape (n,)."""
    found = np.zeros(n, dtype=bool)
    found[np.fromiter(items, dtype=np.intp)] = True
    return found


def _people(stored: list[Annotation]) -> dict[int, set[str]]:
    """Item → the people who answered it; a simulation is nobody."""
    people: dict[int, set[str]] = {}
    for annotation in stored:
        if not annotation.simulated:
            people.setdefault(annotation.item, set()).add(annotation.annotator)
    return people


def _given(
    stored: list[Annotation], people: Mapping[int, set[str]], successor: Mapping[int, int], n: int
) -> tuple[dict[int, list[int]], BoolArray]:
    """Item → the labels that count for it, and (n,) which items rest on simulated ones."""
    given: dict[int, list[int]] = {}
    simulated = np.zeros(n, dtype=bool)
    for annotation in stored:
        if annotation.label is not None and not (annotation.simulated and annotation.item in people):
            given.setdefault(annotation.item, []).append(successor.get(annotation.label, annotation.label))
            simulated[annotation.item] |= annotation.simulated
    return given, simulated
