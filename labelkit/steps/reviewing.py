"""Review: what there is to decide, what functions and models say on request, and a reviewer's decisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from labelkit.annotate import answer_keys
from labelkit.errors import AnnotationError, DecisionRefused, UnknownLabel
from labelkit.steps.hints import Hints
from labelkit.steps.leasing import clean_comment, content_bytes
from labelkit.steps.reviewing_disputes import disputes
from labelkit.steps.reviewing_items import ReviewItem, review_items, seen_state
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import NewDecision, Withdrawal

MOST_ITEMS: Final = 50
_HINT_BYTES: Final = 16_000_000

ReviewList = Literal["disputed", "waiting", "flagged", "late", "decided"]
LISTS: Final[tuple[ReviewList, ...]] = get_args(ReviewList)


@dataclass(frozen=True)
class ReviewCounts:
    """How many items there are to look at; ``waiting``: disputed, and another person is still to be asked."""

    disputed: int
    waiting: int
    flagged: int
    late: int
    decided: int


@dataclass(frozen=True)
class ReviewQueue:
    """The next items of one list, and how long all lists are."""

    items: list[ReviewItem]
    counts: ReviewCounts


@dataclass(frozen=True)
class ReviewOpinions:
    """What functions and models say about one item; ``guess`` is the model's, with its probability."""

    votes: list[dict[str, str]]
    guess: dict[str, Any] | None


@dataclass(frozen=True)
class ReviewReply:
    """What a reviewer sends: a ``label`` by name for an item as it was seen, or the withdrawal of a decision.

    ``client`` and ``sequence`` name it once and for all. A withdrawal names the ``decision`` by its number, or by
    the sequence that this client gave it (``of``).
    """

    client: str
    sequence: int
    item: int | None = None
    content: str = ""
    state: str = ""
    label: str | None = None
    comment: str | None = None
    shown: dict[str, Any] = field(default_factory=dict)
    decision: int | None = None
    of: int | None = None

    @property
    def withdraws(self) -> bool:
        """Whether this takes a decision back."""
        return self.decision is not None or self.of is not None


@dataclass(frozen=True)
class ReviewResult:
    """What became of a reply. ``current``: the item as it is now, where the reply was refused."""

    sequence: int
    status: Literal["stored", "repeated", "refused"]
    decision: int | None = None
    message: str | None = None
    hint: str | None = None
    current: ReviewItem | None = None


@dataclass(frozen=True)
class ReviewPage:
    """What the page has to know: every label in order with its key (None: a button only), and the guidelines."""

    keys: dict[str, str | None]
    show_fields: list[str] | Literal["all"]
    image_hosts: list[str]
    min_agreement: float


class Reviewing:
    """The review of one project. Use it in one thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._hints = Hints(workspace, _HINT_BYTES)

    def state(self) -> str:
        """Another text when answers, decisions, items, classes or settings have changed; till then figures stay."""
        workspace = self._workspace
        parts = (workspace.store.reviewable.mark(), workspace.schema, workspace.config, str(workspace.store.path))
        return digest(*(repr(part) for part in parts))

    def page(self) -> ReviewPage:
        """The settings of the Review page: the same keys and fields as on Annotate.

        Raises
        ------
        ConfigError
            If ``annotation.keys`` cannot be used.
        """
        rules = self._workspace.config.annotation
        return ReviewPage(
            keys=answer_keys(self._workspace.schema.names, rules.keys),
            show_fields=rules.show_fields,
            image_hosts=[host.strip().lower() for host in rules.image_hosts],
            min_agreement=rules.min_agreement,
        )

    def queue(self, which: str, *, reviewer: str, without: Iterable[int] = (), limit: int = 10) -> ReviewQueue:
        """The next items of a list, but those that the reviewer has in hand or has put off.

        Nobody is shown other people's answers to an item that lies in hand on the Annotate page.

        Raises
        ------
        AnnotationError
            If there is no such list.
        """
        if which not in LISTS:
            raise AnnotationError(f"{which!r} is no list of the review; the lists are {', '.join(LISTS)}")
        store, contested = self._workspace.store, disputes(self._workspace, reviewer)
        lists = {
            "disputed": sorted(item for item, waits in contested.items() if not waits),
            "waiting": sorted(item for item, waits in contested.items() if waits),
            "flagged": store.reviewable.flagged(),
            "late": store.reviewable.late(),
            "decided": store.adjudications.decided(),
        }
        left_out = {*without, *store.reviewable.held(reviewer, at=datetime.now(UTC))}
        following = [item for item in lists[which] if item not in left_out][: min(limit, MOST_ITEMS)]
        counts = ReviewCounts(**{name: len(items) for name, items in lists.items()})
        return ReviewQueue(review_items(self._workspace, following, reviewer, contested), counts)

    def item(self, number: int, *, reviewer: str) -> ReviewItem:
        """One item as it is now.

        Raises
        ------
        AnnotationError
            If there is no such item.
        """
        self._check(number)
        return review_items(self._workspace, [number], reviewer, disputes(self._workspace, reviewer))[0]

    def opinions(self, number: int) -> ReviewOpinions:
        """What labeling functions and the model say about an item; on request only, for it sways people.

        Raises
        ------
        AnnotationError
            If there is no such item.
        """
        self._check(number)
        found = self._hints.of([number])[number]
        guess = None if found.guess is None else {"label": found.guess.label, "probability": found.guess.probability}
        return ReviewOpinions([{"function": name, "label": label} for name, label in found.votes], guess)

    def _check(self, number: int) -> None:
        if not 0 <= number < self._workspace.store.items.count():
            raise AnnotationError(f"there is no item number {number}")

    def take(self, replies: Sequence[ReviewReply], *, reviewer: str, at: datetime | None = None) -> list[ReviewResult]:
        """Take a reviewer's decisions and withdrawals, each in a transaction of its own, in the order given.

        One that cannot be taken does not hold up the others: its result says why, and how the item is now.
        """
        return [self._taken(reply, reviewer, at or datetime.now(UTC)) for reply in replies]

    def _taken(self, reply: ReviewReply, reviewer: str, at: datetime) -> ReviewResult:
        adjudications = self._workspace.store.adjudications
        try:
            if reply.withdraws:
                given = Withdrawal(reviewer, reply.decision, reply.of, reply.client, reply.sequence)
                status, _ = adjudications.withdraw(given, at=at)
                return ReviewResult(reply.sequence, status)
            status, number = adjudications.decide(_new(self._workspace, reply, reviewer), at=at)
            return ReviewResult(reply.sequence, status, decision=number)
        except (AnnotationError, UnknownLabel) as error:
            current = None
            if reply.item is not None and isinstance(error, DecisionRefused):
                current = self.item(reply.item, reviewer=reviewer)
            return ReviewResult(reply.sequence, "refused", message=error.message, hint=error.hint, current=current)


def _new(workspace: Workspace, reply: ReviewReply, reviewer: str) -> NewDecision:
    if reply.item is None or reply.label is None:
        raise AnnotationError("a decision names an item and a label")
    answers, standing = seen_state(reply.state)
    return NewDecision(
        item=reply.item,
        content_hash=content_bytes(reply.content),
        answers=answers,
        standing=standing,
        label=workspace.schema.resolve(reply.label),
        reviewer=reviewer,
        comment=clean_comment(reply.comment),
        shown=reply.shown or None,
        client_id=reply.client,
        client_sequence=reply.sequence,
    )
