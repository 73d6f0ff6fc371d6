"""Handing items of the queue to people, and taking their answers. Never waits for a step that runs.

Unlike the other steps these take the present as an argument: a lease is a matter of minutes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from labelkit.annotate import check_skip_reason
from labelkit.errors import AnnotationError, StepMissing
from labelkit.steps.workspace import Workspace
from labelkit.store import AnswerStatus, Lease, LeaseAnswer
from labelkit.types import QueueEntry

MAX_NAME = 100
MAX_COMMENT = 10_000
_REORDER = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the text after them around; a name with them can look like another's."""


@dataclass(frozen=True)
class LeasedItem:
    """An item that one person holds until ``expires_at``; what an answer has to bring back.

    ``token`` and ``content`` (the hash of what is shown, in hex) go back with the answer.
    """

    number: int
    id: str
    text: str
    fields: dict[str, Any]
    token: str
    content: str
    expires_at: str


@dataclass(frozen=True)
class LeaseReply:
    """One answer to a leased item: a ``label`` by name, or a ``skip`` by code, or a ``flag``.

    ``client`` and ``sequence`` name the answer once and for all: sending it again changes nothing.
    """

    label: str | None = None
    skip: str | None = None
    flag: bool = False
    comment: str | None = None
    seconds: float | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    client: str | None = None
    sequence: int | None = None


@dataclass(frozen=True)
class AnnotatorProgress:
    """How far one person is: answers that count, those of the last 24 hours, items that are left to ask."""

    answered: int
    lately: int
    left: int


def annotator_name(name: str) -> str:
    """The name as it is stored: spaces trimmed and collapsed.

    Raises
    ------
    AnnotationError
        If nothing is left, or it is too long, or has control characters.
    """
    clean = unicodedata.normalize("NFC", " ".join(name.split()))
    if not clean:
        raise AnnotationError("an answer needs the name of its annotator")
    if len(clean) > MAX_NAME or any(unicodedata.category(c) in ("Cc", "Cs") or c in _REORDER for c in clean):
        raise AnnotationError(
            f"the annotator's name {clean[:20]!r} cannot be used", hint=f"At most {MAX_NAME} visible characters"
        )
    return clean


def claim(workspace: Workspace, annotator: str, *, n: int = 1, at: datetime | None = None) -> list[LeasedItem]:
    """Lease up to ``n`` items of the queue to a person; those that he or she holds already come first.

    Raises
    ------
    StepMissing
        If there is no queue yet.
    AnnotationError
        If the name cannot be used.
    """
    name, rules = annotator_name(annotator), workspace.config.annotation
    leases = workspace.store.leases.claim(
        name,
        [entry.item for entry in _queue(workspace)],
        n=n,
        places=rules.answers_per_item,
        minutes=rules.lease_minutes,
        at=at or _present(),
    )
    return [_leased(lease) for lease in leases]


def answer_lease(
    workspace: Workspace, item: LeasedItem, reply: LeaseReply, *, annotator: str, at: datetime | None = None
) -> AnswerStatus:
    """Store the answer to a leased item: ``stored``, ``late`` or ``repeated``.

    Raises
    ------
    AnnotationError
        If the lease is not genuine, or the reply is not exactly one of label, skip and flag.
    UnknownLabel
        If the label is not in the schema.
    """
    if (reply.label is not None) + (reply.skip is not None) + reply.flag != 1:
        raise AnnotationError("an answer is one of a label, a skip with its reason, and a flag")
    if reply.flag and not (reply.comment or "").strip():
        raise AnnotationError("a flag needs a comment that says what is wrong with the item")
    if reply.comment is not None and len(reply.comment) > MAX_COMMENT:
        raise AnnotationError(f"the comment has {len(reply.comment):,} characters; at most {MAX_COMMENT:,} are kept")
    try:
        content = bytes.fromhex(item.content)
    except ValueError:
        raise AnnotationError(f"{item.content[:40]!r} is no content hash") from None
    return workspace.store.leases.answer(
        LeaseAnswer(
            item.number,
            item.token,
            annotator_name(annotator),
            content,
            label=None if reply.label is None else workspace.schema.resolve(reply.label),
            skip_reason=None if reply.skip is None else check_skip_reason(reply.skip),
            flag=reply.flag,
            comment=(reply.comment or "").strip() or None,
            seconds=reply.seconds,
            shown=reply.shown or None,
            client_id=reply.client,
            client_sequence=reply.sequence,
        ),
        at=at or _present(),
    )


def withdraw(workspace: Workspace, token: str, *, annotator: str, at: datetime | None = None) -> LeasedItem | None:
    """Take back the answer that was given with ``token``; its item is leased to the same person again.

    None means: the answer is withdrawn, but others have filled the item's places since.

    Raises
    ------
    AnnotationError
        If there is no such answer of this person, or a newer one has replaced it.
    """
    rules = workspace.config.annotation
    lease = workspace.store.leases.withdraw(
        annotator_name(annotator),
        token,
        places=rules.answers_per_item,
        minutes=rules.lease_minutes,
        at=at or _present(),
    )
    return None if lease is None else _leased(lease)


def release(
    workspace: Workspace, annotator: str, *, tokens: Iterable[str] | None = None, at: datetime | None = None
) -> int:
    """Give leases back, by default all of this person's; returns how many were live."""
    return workspace.store.leases.release(annotator_name(annotator), tokens, at=at or _present())


def progress(workspace: Workspace, annotator: str, *, at: datetime | None = None) -> AnnotatorProgress:
    """How far one person is."""
    name, present, leases = annotator_name(annotator), at or _present(), workspace.store.leases
    run = workspace.store.runs.latest("rank")
    items = [entry.item for entry in workspace.store.runs.queue(run.id)] if run is not None else []
    return AnnotatorProgress(
        leases.answered(name),
        leases.answered(name, since=present - timedelta(days=1)),
        leases.open_items(name, items, places=workspace.config.annotation.answers_per_item, at=present),
    )


def _present() -> datetime:
    return datetime.now(UTC)


def _queue(workspace: Workspace) -> list[QueueEntry]:
    run = workspace.store.runs.latest("rank")
    if run is None:
        raise StepMissing("there is no queue to answer yet", hint="Run `labelkit run`")
    return workspace.store.runs.queue(run.id)


def _leased(lease: Lease) -> LeasedItem:
    return LeasedItem(
        lease.item, lease.item_id, lease.text, lease.fields, lease.token, lease.content_hash.hex(), lease.expires_at
    )
