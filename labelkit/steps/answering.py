"""Answers of people, one at a time."""

from __future__ import annotations

from typing import Any

from labelkit.errors import AnnotationError
from labelkit.steps.workspace import Workspace
from labelkit.store import NewAnnotation


def answer(
    workspace: Workspace, item_id: str, label: str | None, *, annotator: str, comment: str | None, reason: str | None
) -> None:
    """Store one answer; it counts from the next run of each step on.

    Raises
    ------
    AnnotationError
        If the item is unknown, the annotator has no name, or a skip has no reason.
    UnknownLabel
        If the label is not in the schema.
    """
    number = workspace.store.items.number_of(item_id)
    if number is None:
        raise AnnotationError(f"there is no item with the id {item_id!r}")
    if not annotator.strip():
        raise AnnotationError("an answer needs the name of its annotator")
    if label is None and not reason:
        raise AnnotationError(f"the skip of item {item_id!r} has no reason", hint='Say why, for instance "unclear"')
    roles: dict[int, Any] = dict(workspace.store.people.roles())
    workspace.store.people.append(
        [
            NewAnnotation(
                number,
                annotator.strip(),
                None if label is None else workspace.schema.resolve(label),
                role=roles.get(number, "active"),
                skip_reason=reason if label is None else None,
                comment=comment,
            )
        ],
        actor=annotator.strip(),
    )
