"""The items on which people corrected what a function votes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from labelkit.errors import ProjectError, StepMissing
from labelkit.steps.browsing_facts import label_matrix, voted
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.item_texts import ItemTexts
from labelkit.steps.reference import may_be_shown
from labelkit.types import ABSTAIN

_LISTED: Final = 20


@dataclass(frozen=True)
class CorrectedItem:
    """An item that a function votes one label on, and people gave another."""

    id: str
    text: str
    vote: str
    answer: str


@dataclass(frozen=True)
class Corrected:
    """What people made of one function's votes: of ``answered`` ones they corrected ``corrected``."""

    function: str
    answered: int
    corrected: int
    items: tuple[CorrectedItem, ...]
    notes: list[str] = field(default_factory=list)


def corrected_functions(workspace: KeptWorkspace) -> list[tuple[str, int]]:
    """Functions of the last `vote` with the number of their votes that people corrected, most first."""
    names, L, human = _votes(workspace)
    rows = np.flatnonzero(human != ABSTAIN)
    wrong = ((L[rows] != ABSTAIN) & (L[rows] != human[rows, None])).sum(axis=0)
    order = np.argsort(-wrong, kind="stable")
    return [(names[j], int(wrong[j])) for j in order.tolist()]


def corrected(workspace: KeptWorkspace, function: str) -> Corrected:
    """The items of one function; never audit or test items.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    ProjectError
        If there is no such function.
    """
    names, L, human = _votes(workspace)
    if function not in names:
        raise ProjectError(f"there is no labeling function {function!r} in the last `labelkit vote`")
    votes = L[:, names.index(function)]
    answered = (votes != ABSTAIN) & (human != ABSTAIN)
    wrong = np.flatnonzero(answered & (votes != human))
    texts, classes = ItemTexts(workspace), workspace.schema.names
    ids = texts.ids(wrong[:_LISTED])
    read = texts.read()
    items = tuple(
        CorrectedItem(item_id, read[item_id], classes[votes[row]], classes[human[row]])
        for item_id, row in zip(ids, wrong[:_LISTED].tolist(), strict=True)
    )
    return Corrected(function, int(answered.sum()), len(wrong), items)


def _votes(workspace: KeptWorkspace) -> tuple[Sequence[str], np.ndarray, np.ndarray]:
    """Names and votes of the functions of the last `vote`, and people's labels of items that may be shown."""
    run = workspace.need("vote", "what people corrected")
    found = voted(workspace)
    if found is None:
        raise StepMissing("items came or changed after the last `labelkit vote`", hint="Run `labelkit vote`")
    people = workspace.people()
    human = np.where(people.simulated, ABSTAIN, workspace.schema.to_indices(people.teaching))
    return found.names, label_matrix(workspace, run), np.where(may_be_shown(workspace, people), human, ABSTAIN)
