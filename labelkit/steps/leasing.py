"""Handing items of the queue to people, and taking their answers. Never waits for a step that runs.

Unlike the other steps these take the present as an argument: a lease is a matter of minutes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from labelkit.annotate import PlaceRule, check_skip_reason
from labelkit.errors import AnnotationError
from labelkit.steps.workspace import Workspace
from labelkit.store import AnswerStatus, Lease, LeaseAnswer, LeaseRules
from labelkit.types import LabelSchema

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


def place_rule(workspace: Workspace) -> PlaceRule:
    """How many people an item wants, by the settings and classes as they are now."""
    rules = workspace.config.annotation
    return PlaceRule(
        rules.answers_per_item, rules.tie_break_answers, rules.min_agreement, dict(workspace.schema.merged)
    )


def lease_rules(workspace: Workspace) -> LeaseRules:
    """The rules of leases without anything drawn: no gold questions, no hints."""
    return LeaseRules(place_rule(workspace), workspace.config.annotation.lease_minutes)


def claim(workspace: Workspace, annotator: str, *, n: int = 1, at: datetime | None = None) -> list[LeasedItem]:
    """Lease up to ``n`` items of the queue to a person; those that he or she holds already come first.

    Gold questions and hints are matters of the app: none of these items is one or has any.

    Raises
    ------
    StepMissing
        If there is no queue yet.
    AnnotationError
        If the name cannot be used.
    """
    name, rules, present = annotator_name(annotator), lease_rules(workspace), at or now()
    claimed = workspace.store.leases.claim(name, rules, n=n, at=present)
    while claimed.further is not None:
        claimed = workspace.store.leases.claim(name, rules, n=n, at=present, start=claimed.further)
    return [leased_item(lease) for lease in claimed.leases[: max(n, 0)]]


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
    answer = checked_answer(
        item.number, item.token, item.content, reply, annotator=annotator_name(annotator), schema=workspace.schema
    )
    return workspace.store.leases.answer(answer, lease_rules(workspace), at=at or now()).status


def checked_answer(
    item: int, token: str, content: str, reply: LeaseReply, *, annotator: str, schema: LabelSchema
) -> LeaseAnswer:
    """A reply in the words of people, as the store takes it; errors as in :func:`answer_lease`."""
    if (reply.label is not None) + (reply.skip is not None) + reply.flag != 1:
        raise AnnotationError("an answer is one of a label, a skip with its reason, and a flag")
    comment = clean_comment(reply.comment)
    if reply.flag and comment is None:
        raise AnnotationError("a flag needs a comment that says what is wrong with the item")
    return LeaseAnswer(
        item,
        token,
        annotator,
        content_bytes(content),
        label=None if reply.label is None else schema.resolve(reply.label),
        skip_reason=None if reply.skip is None else check_skip_reason(reply.skip),
        flag=reply.flag,
        comment=comment,
        seconds=reply.seconds,
        shown=reply.shown or None,
        client_id=reply.client,
        client_sequence=reply.sequence,
    )


def content_bytes(content: str) -> bytes:
    """A content hash from its hexadecimal digits.

    Raises
    ------
    AnnotationError
        If it is none.
    """
    try:
        return bytes.fromhex(content)
    except ValueError:
        raise AnnotationError(f"{content[:40]!r} is no content hash") from None


def clean_comment(comment: str | None) -> str | None:
    """A comment as it is stored: without control characters and halves of characters, None if nothing is left.

    Raises
    ------
    AnnotationError
        If it is too long.
    """
    if comment is None:
        return None
    if len(comment) > MAX_COMMENT:
        raise AnnotationError(f"the comment has {len(comment):,} characters; at most {MAX_COMMENT:,} are kept")
    whole = comment.encode("utf-8", "replace").decode()
    return "".join(c for c in whole if c in "\n\t" or unicodedata.category(c) != "Cc").strip() or None


def withdraw(workspace: Workspace, token: str, *, annotator: str, at: datetime | None = None) -> LeasedItem | None:
    """Take back the answer that was given with ``token``; its item is leased to the same person again.

    None means: the answer is withdrawn, but others have filled the item's places since.

    Raises
    ------
    AnnotationError
        If there is no such answer of this person, or a newer one has replaced it.
    """
    lease = workspace.store.leases.withdraw(annotator_name(annotator), token, lease_rules(workspace), at=at or now())
    return None if lease is None else leased_item(lease)


def release(
    workspace: Workspace, annotator: str, *, tokens: Iterable[str] | None = None, at: datetime | None = None
) -> int:
    """Give leases back, by default all of this person's; returns how many were live."""
    return workspace.store.leases.release(annotator_name(annotator), tokens, at=at or now())


def progress(workspace: Workspace, annotator: str, *, at: datetime | None = None) -> AnnotatorProgress:
    """How far one person is."""
    present = at or now()
    tally = workspace.store.leases.own.tally(
        annotator_name(annotator), place_rule(workspace), since=present - timedelta(days=1), at=present
    )
    return AnnotatorProgress(tally.answered, tally.since, tally.left)


def now() -> datetime:
    """The present."""
    return datetime.now(UTC)


def leased_item(lease: Lease) -> LeasedItem:
    """A lease as the app sees it."""
    return LeasedItem(
        lease.item, lease.item_id, lease.text, lease.fields, lease.token, lease.content_hash.hex(), lease.expires_at
    )
