"""What to do next: the same for `labelkit status` and the Dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from labelkit.steps.workspace import Workspace

if TYPE_CHECKING:
    from labelkit.steps.status import Status
    from labelkit.steps.trainer_state import TrainerState

Where = Literal["annotate", "review", "terminal", "models"]


@dataclass(frozen=True)
class Action:
    """Something to do now: in words, and where: a page, or the terminal with this command.

    ``models``: label, train and rank have to run, which the trainer does by itself where one runs.
    """

    words: str
    where: Where
    command: str | None = None


def actions(workspace: Workspace, now: Status) -> list[Action]:
    """What to do next, the most urgent first."""
    if not now.items:
        files = workspace.config.data.files
        return [Action("Import the items", "terminal", "labelkit run" if files else "labelkit import FILE")]
    vote = now.steps[0]
    found = []
    if vote.state == "never ran":
        found.append(Action("Write labeling functions and run the loop", "terminal", "labelkit run"))
    elif vote.state == "out of date":
        found.append(Action(f"Vote again: {vote.why}", "terminal", "labelkit vote"))
    if now.to_decide:
        items = _counted(now.to_decide, "item")
        found.append(Action(f"Decide {items} on which people disagree", "review"))
    if now.flagged:
        found.append(Action(f"Look at {_counted(now.flagged, 'flagged item')}", "review"))
    if now.queued:
        items = _counted(now.queued, "open item")
        found.append(Action(f"Answer the {items} of the queue", "annotate"))
    late = next((step for step in now.steps[1:] if step.state != "up to date"), None)
    if late is not None and vote.state == "up to date":
        found.append(Action(f"Run {late.step} again: {late.why or 'it never ran'}", "models", "labelkit run"))
    if not found:
        found.append(Action("Export the training set", "terminal", "labelkit export training_set.parquet"))
    return found


def models_learn(trainer: TrainerState | None) -> str | None:
    """In words, when the trainer brings the models up to date; None where that is left to people."""
    if trainer is None or not trainer.running or trainer.trouble is not None:
        return None
    if trainer.doing != "waiting" or trainer.due:
        return "The models are learning"
    left = _counted(max(0, trainer.refit_after - trainer.answers), "more answer")
    return f"The models learn after {left}"


def sentence(action: Action, trainer: TrainerState | None) -> str:
    """An action for the terminal."""
    if action.where in ("review", "annotate"):
        return f"{action.words}: the {action.where.capitalize()} page of `labelkit serve`"
    learning = models_learn(trainer) if action.where == "models" else None
    return learning or f"{action.words}: `{action.command}`"


def command(action: Action, trainer: TrainerState | None) -> str:
    """The command of an action, where it has one; else what to do."""
    learning = models_learn(trainer) if action.where == "models" else None
    if action.where in ("review", "annotate"):
        return f"`labelkit serve`: {action.words[0].lower()}{action.words[1:]}"
    return learning or f"`{action.command}`"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
