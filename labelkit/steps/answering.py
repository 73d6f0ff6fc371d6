"""Answers of people, one at a time."""

from __future__ import annotations

from typing import Any

from labelkit.annotate import check_skip_reason
from labelkit.errors import AnnotationError
from labelkit.steps.leasing import annotator_name
from labelkit.steps.workspace import Workspace
from labelkit.store import NewAnnotation


def answer(
    workspace: Workspace, item_id: str, label: str | None, *, annotator: str, comment: str | None, reason: str | None
) -> None:
    """Store one answer; it counts from the next run of each step on.

    Raises
    ------
    AnnotationError
        If the item is unknown, the annotator's name cannot be used, or a skip has none of the known reasons.
    UnknownLabel
        If the label is not in the schema.
    """
    number = workspace.store.items.number_of(item_id)
    if number is None:
        raise AnnotationError(f"there is no item with the id {item_id!r}")
    name = annotator_name(annotator)
    roles: dict[int, Any] = dict(workspace.store.people.roles())
    workspace.store.people.append(
        [
            NewAnnotation(
                number,
                name,
                None if label is None else workspace.schema.resolve(label),
                role=roles.get(number, "active"),
                skip_reason=check_skip_reason(reason) if label is None else None,
                comment=comment,
            )
        ],
        actor=name,
    )
