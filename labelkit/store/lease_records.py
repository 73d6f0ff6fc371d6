"""What goes in and out of leases: claims, answers, and the rules that the caller decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

AnswerStatus = Literal["stored", "late", "repeated"]
Purpose = Literal["queue", "gold", "revision"]
AnswerKind = Literal["label", "skip", "flag", "withdraw"]


class Places(Protocol):
    """How many people an item wants."""

    @property
    def identity(self) -> str:
        """Another text for another rule."""

    def places(self, answers: Sequence[int | None]) -> int:
        """The places of an item with these answers: stable class ids, None for a skip or a flag."""


class Drawn(Protocol):
    """What is decided at random when items are given out."""

    def gold_here(self, person: str, place: int) -> bool:
        """Whether a person's item number ``place`` is a gold question."""

    def gold_order(self, person: str, place: int) -> Iterator[int]:
        """Items to ask there, best first."""

    def hints_before(self, person: str, item: int) -> bool:
        """Whether a person sees the hints on an actively chosen item before answering."""


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """The settings that a claim or an answer is decided by."""

    places: Places
    minutes: float
    drawn: Drawn | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on one item, with the content that was there when it was given out."""

    item: int
    token: str
    expires_at: str
    item_id: str
    text: str
    fields: dict[str, Any]
    content_hash: bytes
    hints_before: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim gave: ``leases`` in their order, ``ended`` among the tokens that were named.

    ``further``: the look through the queue was cut short to keep the transaction short; claim again from this rank.
    """

    leases: list[Lease]
    ended: list[str] = field(default_factory=list)
    further: int | None = None


@dataclass(frozen=True, slots=True)
class LeaseAnswer:
    """An answer to a lease, as a client sends it. ``label`` is a stable class id, None for a skip or a flag.

    ``withdraw`` takes back what was answered with the token before. ``shown`` is what the caller wants to be noted
    of what the person saw; whether hints were shown is added here.
    """

    item: int
    token: str
    annotator: str
    content_hash: bytes
    label: int | None = None
    skip_reason: str | None = None
    flag: bool = False
    withdraw: bool = False
    comment: str | None = None
    seconds: float | None = None
    shown: dict[str, Any] | None = None
    client_id: str | None = None
    client_sequence: int | None = None

    @property
    def kind(self) -> Literal["label", "skip", "flag"]:
        """As it is stored; a withdrawal is stored as a skip with a reason of its own."""
        return "label" if self.label is not None else "flag" if self.flag else "skip"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an answer.

    ``annotation`` is the number of the stored row (None: nothing was stored); ``change`` is what it adds to the
    number of this person's answers that count: 1, 0 or −1; ``live``: a withdrawal leased the item again.
    """

    status: AnswerStatus
    annotation: int | None = None
    change: int = 0
    live: bool = False


@dataclass(frozen=True, slots=True)
class OwnAnswer:
    """An answer of one's own, to look back at. ``text`` is of the content that was answered."""

    annotation: int
    item: int
    item_id: str
    text: str
    kind: str
    label: int | None
    skip_reason: str | None
    comment: str | None
    at: str
    token: str | None
    content_hash: bytes
