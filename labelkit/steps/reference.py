"""Known labels that labeling functions are measured against, and the items that their writer may look at."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from labelkit.annotate import HumanLabels
from labelkit.steps.workspace import Workspace
from labelkit.types import ABSTAIN, BoolArray, IntArray


@dataclass(frozen=True)
class Reference:
    """Known labels of items.

    Attributes
    ----------
    labels
        (n,) class indices, −1 where unknown.
    words
        What they are, for a sentence that ends in "against …".
    notes
        Sentences for the user.
    on_test
        Whether they are the test split's, because there are no others.
    """

    labels: IntArray
    words: str
    notes: list[str] = field(default_factory=list)
    on_test: bool = False

    @property
    def known(self) -> BoolArray:
        """(n,) items whose label is known."""
        return np.asarray(self.labels != ABSTAIN)


def known_labels(workspace: Workspace, people: HumanLabels | None = None) -> Reference:
    """People's answers and gold labels outside the test split and the audit; the test split's gold if there are none.

    Functions are edited until the figures please; measured on test items they would please there too.
    """
    people = people or workspace.people()
    schema = workspace.schema
    human = schema.to_indices(people.teaching)
    gold = schema.to_indices(workspace.store.items.gold())
    held_out = workspace.store.items.in_splits("test")
    usable = np.where(held_out | people.audit, ABSTAIN, gold)
    known = np.where(human != ABSTAIN, human, usable)
    if (known != ABSTAIN).any():
        answers, golds = int((human != ABSTAIN).sum()), int(((known != ABSTAIN) & (human == ABSTAIN)).sum())
        return Reference(known, f"{golds:,} gold labels and {answers:,} answers outside the test split and the audit")
    gold = np.where(people.audit, ABSTAIN, gold)
    if (gold != ABSTAIN).any():
        note = "the only known labels are on test items: functions tuned to these figures look better than they are"
        return Reference(gold, f"{int((gold != ABSTAIN).sum()):,} gold labels of the test split", [note], on_test=True)
    return Reference(gold, "nothing: there are no gold labels and no answers")


def may_be_shown(workspace: Workspace, people: HumanLabels) -> BoolArray:
    """(n,) items that the writer of labeling functions may look at: outside the test split and the audit."""
    return ~(workspace.store.items.in_splits("test") | people.audit)
