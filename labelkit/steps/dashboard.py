"""The dashboard: the loop with live numbers, how good the labels are, the pace, the queue, what to do next."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

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
from labelkit.steps.edited import edited_since, files_mark
from labelkit.steps.next_steps import Action, actions
from labelkit.steps.status import StepState, status
from labelkit.steps.workspace import Workspace
from labelkit.store.database import stamp
from labelkit.types import ABSTAIN

if TYPE_CHECKING:
    from labelkit.steps.trainer_state import TrainerState

FRESH_SECONDS: Final = 5.0
"""While people answer, the figures are made anew at most this often in one server."""


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
    disputed, to_decide
        Items whose answers disagree; of these, those about which nobody else is still to be asked.
    flagged
        Items that somebody flagged and nobody has decided.
    gold
        Accuracies on gold test items.
    stopping
        Whether one can stop asking people, in one sentence; empty before the first `train`.
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
    to_decide: int
    flagged: int
    queue: QueueNow
    audit: Audit
    stopping: str
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
        """Another value when something has changed that :meth:`figures` tells of; takes some milliseconds."""
        workspace = self._workspace
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        return workspace.mark(), workspace.schema.names, repr(workspace.config), hour, files_mark(workspace)

    def vote_due(self) -> str:
        """Why `labelkit vote` has to run for the functions to count as they are now; empty if it has not to."""
        run = self._workspace.store.runs.latest("vote")
        return "" if run is None else edited_since(self._workspace, run)

    def now(self) -> Now:
        """Who works at this moment, and what the trainer does."""
        from labelkit.steps.trainer_state import trainer_state

        present = stamp(datetime.now(UTC))
        return Now(tuple(self._workspace.store.browsing.working(present)), trainer_state(self._workspace))

    def figures(self, *, offset: timedelta = timedelta(0), reviewer: str | None = None) -> Figures:
        """Everything but :meth:`now`; up to five seconds old while people answer.

        Parameters
        ----------
        offset
            What has to be added to UTC for the days of whoever looks.
        reviewer
            Who looks: what there is to decide is counted as on this person's Review page.
        """
        mark, name = self.mark(), f"figures {offset} {reviewer}"
        return self._workspace.kept.value(
            name, mark, lambda: self._make(mark, offset, reviewer), fresh_seconds=FRESH_SECONDS
        )

    def _make(self, mark: Hashable, offset: timedelta, reviewer: str | None) -> Figures:
        workspace, present = self._workspace, datetime.now(UTC)
        progress = workspace.mark()
        standing = workspace.standing()
        people = standing.people
        now = status(workspace, reviewer)
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
            to_decide=now.to_decide,
            flagged=now.flagged,
            queue=queue,
            audit=audit(workspace),
            stopping=now.stopping.get("summary", ""),
            gold=on_gold(train or label),
            curve=curve(workspace),
            distribution=labels,
            pace=pace(workspace, progress, queue.places, at=present, offset=offset),
            actions=tuple(actions(workspace, now)),
        )
