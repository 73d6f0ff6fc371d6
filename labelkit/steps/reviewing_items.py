"""Items as reviewers see them: text and fields, everybody's answer, the decision that stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labelkit.annotate import SKIP_REASONS
from labelkit.errors import AnnotationError
from labelkit.steps.workspace import Workspace
from labelkit.store import Decision, GivenAnswer


@dataclass(frozen=True)
class ReviewAnswer:
    """One person's answer: a ``label`` by name, or a ``skip`` in words, or a flag; ``mine``: of the reviewer."""

    annotator: str
    kind: Literal["label", "skip", "flag"]
    label: str | None
    skip: str | None
    comment: str | None
    seconds: float | None
    late: bool
    at: str
    mine: bool


@dataclass(frozen=True)
class ReviewDecision:
    """A decision: ``answered`` tells that the reviewer was one of the annotators decided on."""

    id: int
    label: str | None
    reviewer: str
    comment: str | None
    at: str
    answered: bool
    withdraws: int | None = None


@dataclass(frozen=True)
class ReviewItem:
    """One item with what people said. ``content`` and ``state`` go back with a decision: they name what was seen.

    ``waits``: another person is still to be asked about it. ``role``: drawn for audit or tuning, or nothing.
    """

    item: int
    id: str
    text: str
    fields: dict[str, Any]
    content: str
    state: str
    role: str | None
    waits: bool
    answers: list[ReviewAnswer]
    decision: ReviewDecision | None


def review_items(
    workspace: Workspace, numbers: Sequence[int], reviewer: str, disputes: Mapping[int, bool]
) -> list[ReviewItem]:
    """The items, in the order given. ``disputes``: disputed item → whether another person is still to be asked."""
    store, roles = workspace.store, workspace.store.people.roles()
    answers = store.reviewable.answers(numbers)
    standing = store.adjudications.standing(numbers)
    shown = []
    for content in store.reviewable.contents(numbers):
        given, decision = answers.get(content.item, []), standing.get(content.item)
        shown.append(
            ReviewItem(
                item=content.item,
                id=content.id,
                text=content.text,
                fields=content.fields,
                content=content.content_hash.hex(),
                state=_state([answer.id for answer in given], decision),
                role=roles.get(content.item),
                waits=disputes.get(content.item, False),
                answers=[_answer(workspace, answer, reviewer) for answer in given],
                decision=None if decision is None else _decision(workspace, decision),
            )
        )
    return shown


def _answer(workspace: Workspace, given: GivenAnswer, reviewer: str) -> ReviewAnswer:
    return ReviewAnswer(
        annotator=given.annotator,
        kind=given.kind,
        label=None if given.label is None else workspace.schema.name_of(given.label),
        skip=None if given.skip_reason is None else SKIP_REASONS.get(given.skip_reason, given.skip_reason),
        comment=given.comment,
        seconds=given.seconds,
        late=bool(given.late),
        at=given.at,
        mine=given.annotator == reviewer,
    )


def _decision(workspace: Workspace, given: Decision) -> ReviewDecision:
    label = None if given.label is None else workspace.schema.name_of(given.label)
    return ReviewDecision(given.id, label, given.reviewer, given.comment, given.at, given.answered, given.withdraws)


def _state(answers: Sequence[int], standing: Decision | None) -> str:
    """What a reviewer has seen of an item: numbers of the answers, and of the decision that stands."""
    return f"{'.'.join(map(str, answers))}/{'' if standing is None else standing.id}"


def seen_state(state: str) -> tuple[tuple[int, ...], int | None]:
    """Numbers of the answers, and of the decision that stood, from an item's ``state``.

    Raises
    ------
    AnnotationError
        If it is none that was handed out.
    """
    answers, slash, standing = state.partition("/")
    parts = answers.split(".") if answers else []
    if not slash or not all(part.isdecimal() for part in [*parts, standing or "0"]):
        raise AnnotationError(f"{state[:40]!r} is no state of an item that was handed out")
    return tuple(int(part) for part in parts), int(standing) if standing else None


def decisions_on(workspace: Workspace, item: int) -> list[dict[str, Any]]:
    """All decisions on an item, and what took them back, for explanations."""
    history = workspace.store.adjudications.history(item)
    standing = workspace.store.adjudications.standing([item]).get(item)
    withdrawn = {decision.withdraws: decision for decision in history if decision.withdraws is not None}
    told = []
    for decision in history:
        if decision.withdraws is not None:
            continue
        taken_back = withdrawn.get(decision.id)
        told.append(
            {
                "id": decision.id,
                "label": None if decision.label is None else workspace.schema.name_of(decision.label),
                "reviewer": decision.reviewer,
                "comment": decision.comment,
                "at": decision.at,
                "answered": decision.answered,
                "stands": standing is not None and standing.id == decision.id,
                "withdrawn_by": None if taken_back is None else taken_back.reviewer,
                "withdrawn_at": None if taken_back is None else taken_back.at,
            }
        )
    return told
