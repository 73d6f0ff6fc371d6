"""The dashboard: the loop with live numbers, how good the labels are, the pace, the queue, what to do next."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from labelkit.steps.browsing_facts import current_labels, voted
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.dashboard_pace import Pace, pace
from labelkit.steps.dashboard_quality import (
    Audit,
    CurvePoint,
    Distribution,
    Measure,
    audit,
    curve,
    distribution,
    on_gold,
)
from labelkit.steps.dashboard_queue import QueueNow, queue_now
from labelkit.steps.status import Status, StepState, status
from labelkit.steps.workspace import Workspace
from labelkit.store.database import stamp
from labelkit.types import ABSTAIN

if TYPE_CHECKING:
    from labelkit.steps.trainer_state import TrainerState

FRESH_SECONDS: Final = 5.0
"""While people answer, the figures are made anew at most this often in one server."""

Where = Literal["annotate", "review", "terminal", "models"]


@dataclass(frozen=True)
class Action:
    """Something to do now: in words, and where: a page, or the terminal with this command.

    ``models``: label, train and rank have to run, which the trainer does by itself where one runs.
    """

    words: str
    where: Where
    command: str | None = None


@dataclass(frozen=True)
class Figures:
    """All that the dashboard shows, at one moment.

    Attributes
    ----------
    steps
        Vote, label, train and rank, each with its state and why.
    labeled
        Items with a label, whoever decided it.
    covered, conflict
        Shares of the items on which a function votes, and on which two differ; None before a `vote`, or where items
        came since.
    decided
        Items with a label of people.
    gold
        Accuracies on gold test items.
    """

    mark: Hashable
    at: str
    name: str
    items: int
    gold_labels: int
    functions: int
    covered: float | None
    conflict: float | None
    labeled: int
    steps: tuple[StepState, ...]
    answers: int
    skips: int
    simulated: int
    decided: int
    disputed: int
    flagged: int
    queue: QueueNow
    audit: Audit
    gold: tuple[Measure, ...]
    curve: list[CurvePoint]
    distribution: Distribution
    pace: Pace
    actions: tuple[Action, ...]


@dataclass(frozen=True)
class Now:
    """What changes from one moment to the next: who holds items, and what the trainer does."""

    working: tuple[str, ...]
    trainer: TrainerState | None


class Dashboard:
    """Figures for leads. Ask :meth:`mark` whether anything has changed; :meth:`figures` keeps what it made."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = KeptWorkspace.of(workspace)

    def mark(self) -> Hashable:
        """Another value when something has changed that :meth:`figures` tells of; takes a millisecond."""
        workspace = self._workspace
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return workspace.mark(), workspace.schema.names, repr(workspace.config), hour

    def now(self) -> Now:
        """Who works at this moment, and what the trainer does."""
        from labelkit.steps.trainer_state import trainer_state

        present = stamp(datetime.now(UTC))
        return Now(tuple(self._workspace.store.browsing.working(present)), trainer_state(self._workspace))

    def figures(self, *, offset: timedelta = timedelta(0)) -> Figures:
        """Everything but :meth:`now`; up to five seconds old while people answer.

        Parameters
        ----------
        offset
            What has to be added to UTC for the days of whoever looks.
        """
        mark = self.mark()
        return self._workspace.kept.value(
            f"figures {offset}", mark, lambda: self._make(mark, offset), fresh_seconds=FRESH_SECONDS
        )

    def _make(self, mark: Hashable, offset: timedelta) -> Figures:
        workspace, present = self._workspace, datetime.now(UTC)
        progress = workspace.mark()
        standing = workspace.standing()
        people = standing.people
        now = status(workspace)
        queue, votes = queue_now(workspace), voted(workspace)
        train, label = workspace.store.runs.latest("train"), workspace.store.runs.latest("label")
        labels = distribution(workspace)
        human = (people.label != ABSTAIN) & ~people.simulated
        return Figures(
            mark=mark,
            at=stamp(present),
            name=now.name,
            items=now.items,
            gold_labels=now.gold,
            functions=now.functions,
            covered=float((votes.count > 0).mean()) if votes is not None and now.items else None,
            conflict=float(votes.conflict.mean()) if votes is not None and now.items else None,
            labeled=int((current_labels(workspace).label != ABSTAIN).sum()),
            steps=tuple(now.steps),
            answers=now.answers,
            skips=now.skips,
            simulated=now.simulated,
            decided=int(human.sum()),
            disputed=now.disputed,
            flagged=int(standing.flagged.sum()),
            queue=queue,
            audit=audit(workspace),
            gold=on_gold(train or label),
            curve=curve(workspace),
            distribution=labels,
            pace=pace(workspace, progress, queue.places, at=present, offset=offset),
            actions=tuple(actions(workspace, now, queue)),
        )


def actions(workspace: Workspace, now: Status, queue: QueueNow) -> list[Action]:
    """What to do next, the most urgent first."""
    if not now.items:
        files = workspace.config.data.files
        return [Action("Import the items", "terminal", "labelkit run" if files else "labelkit import FILE")]
    state = {step.step: step for step in now.steps}
    found = []
    if state["vote"].state == "never ran":
        found.append(Action("Write labeling functions and run the loop", "terminal", "labelkit run"))
    elif state["vote"].state == "out of date":
        found.append(Action("Vote on the items that came or changed", "terminal", "labelkit vote"))
    if now.disputed:
        found.append(Action(f"Decide {now.disputed:,} items on which people disagree", "review"))
    if queue.open:
        found.append(Action(f"Answer the {queue.open:,} open items of the queue", "annotate"))
    late = next((step for step in now.steps[1:] if step.state != "up to date"), None)
    if late is not None and state["vote"].state == "up to date":
        found.append(Action(f"Run {late.step} again: {late.why or 'it never ran'}", "models", "labelkit run"))
    if not found:
        found.append(Action("Export the training set", "terminal", "labelkit export training_set.parquet"))
    return found
