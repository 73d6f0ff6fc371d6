"""Whether seeing the model's guess changes what people answer, from the answers so far."""

from __future__ import annotations

from labelkit.annotate import Anchoring, GuessedAnswer, anchoring
from labelkit.steps.workspace import Workspace


def anchoring_so_far(workspace: Workspace) -> Anchoring:
    """First answers that agree with the guess of their time, where it was shown before and where it was hidden."""
    merged = workspace.schema.merged
    return anchoring(
        GuessedAnswer(before, merged.get(guess, guess) == merged.get(label, label))
        for before, guess, label in workspace.store.people.guessed()
    )
