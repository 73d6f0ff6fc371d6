"""What the queue consists of, and how much of it is still to be answered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.leasing import place_rule
from labelkit.steps.workspace import Workspace
from labelkit.types import Annotation, QueueEntry


@dataclass(frozen=True)
class QueuePart:
    """The items of the queue with one role and strategy: how many, how many want answers, and one of the reasons."""

    role: str
    strategy: str
    items: int
    open: int
    example: str


@dataclass(frozen=True)
class QueueNow:
    """The queue of the last `rank`. ``open``: items that want answers; ``places``: how many answers."""

    run: int | None
    items: int
    open: int
    places: int
    parts: tuple[QueuePart, ...]


def queue_now(workspace: KeptWorkspace) -> QueueNow:
    """The queue as it stands; leases do not count as answers."""
    run = workspace.store.runs.latest("rank")
    if run is None:
        return QueueNow(None, 0, 0, 0, ())
    entries = workspace.kept.value("queue", run.id, lambda: workspace.store.runs.queue(run.id))
    wanted = answers_wanted(workspace, entries)
    items, still, examples = Counter[tuple[str, str]](), Counter[tuple[str, str]](), dict[tuple[str, str], str]()
    for entry in entries:
        part = (entry.role, entry.strategy)
        items[part] += 1
        still[part] += wanted[entry.item] > 0
        examples.setdefault(part, entry.reason)
    parts = tuple(
        QueuePart(role, strategy, number, still[role, strategy], examples[role, strategy])
        for (role, strategy), number in items.most_common()
    )
    return QueueNow(run.id, len(entries), sum(still.values()), sum(wanted.values()), parts)


def answers_wanted(workspace: Workspace, entries: list[QueueEntry]) -> dict[int, int]:
    """Item → answers that it still wants, by the rule that leases go by."""
    people, rule = workspace.people(), place_rule(workspace)
    given: dict[int, list[Annotation]] = {entry.item: [] for entry in entries}
    for answer in people.annotations:
        if answer.item in given and not answer.simulated:
            given[answer.item].append(answer)
    n = len(people.label)
    return {
        item: 0
        if item >= n or people.adjudicated[item]
        else max(0, rule.places([answer.label for answer in answers]) - len(answers))
        for item, answers in given.items()
    }
