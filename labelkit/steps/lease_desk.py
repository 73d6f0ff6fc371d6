"""The server's side of annotating: pages come for items, renew their leases and hand in answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np

from labelkit.annotate import Draws
from labelkit.errors import AnnotationError, LabelkitError, UnknownLabel
from labelkit.steps.hints import Guess, Hints
from labelkit.steps.leasing import LeaseReply, checked_answer, content_bytes, lease_rules, now, place_rule
from labelkit.steps.workspace import Workspace
from labelkit.store import AnswerStatus, Lease, LeaseAnswer, LeaseRules, OwnAnswer, Taken
from labelkit.store.codec import to_json
from labelkit.store.lease_records import Claimed
from labelkit.store.own_answers import Tally
from labelkit.types import ABSTAIN, LabelSchema

MOST_BYTES_SHOWN = 4_000
"""Of the JSON in which a page says what was seen."""
_GOLD_KEY = "gold questions"


@dataclass(frozen=True)
class PageAnswer:
    """One answer of a page, as it came; ``guess`` is what the server remembers of the model's guess."""

    sequence: int
    item: int
    token: str
    content: str
    kind: Literal["label", "skip", "flag", "withdraw"]
    label: str | None = None
    skip: str | None = None
    comment: str | None = None
    seconds: float | None = None
    shown: dict[str, Any] | None = None
    guess: Guess | None = field(default=None, compare=False)


@dataclass(frozen=True)
class AnswerResult:
    """What became of an answer. ``error`` says why it was refused; ``taken`` is what was stored."""

    sequence: int
    status: AnswerStatus | Literal["refused"]
    taken: Taken | None = None
    error: LabelkitError | None = None


@dataclass(frozen=True)
class OwnAnswerWords:
    """An answer of one's own in words."""

    answer: OwnAnswer
    label: str | None


class LeaseDesk:
    """Leases and answers for pages. Use it in one thread.

    One desk writes for all people of a server (:meth:`take_over`, :meth:`together`); others read.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._leases = workspace.store.leases
        self._known: tuple[int, LeaseRules, LabelSchema] | None = None
        self._draws: tuple[object, Draws] | None = None

    @cached_property
    def hints(self) -> Hints:
        """Votes and guesses on single items."""
        return Hints(self._workspace)

    # ------------------------------------------------------------------ the writer

    def take_over(self) -> None:
        """Make this the desk that writes: it waits for its turn by itself and leaves merging the log to others."""
        self._leases.group.take_over()

    def together(self) -> AbstractContextManager[None]:
        """One transaction with one write to the disk for everything that is done within."""
        return self._leases.group.transaction()

    @contextmanager
    def operation(self) -> Iterator[None]:
        """One operation within :meth:`together`: if it fails, it leaves no trace, and the others stay."""
        with self._leases.group.savepoint():
            yield

    @property
    def lost(self) -> bool:
        """Whether SQLite has given up the transaction of :meth:`together` after an error."""
        return self._leases.group.lost

    def merge_log(self, *, restart: bool = False) -> tuple[int, int]:
        """Merge the write-ahead log into the file; see :meth:`labelkit.store.group.Group.merge_log`."""
        return self._leases.group.merge_log(restart=restart)

    # ------------------------------------------------------------------ leases

    def claim(
        self,
        person: str,
        *,
        client: str,
        want: int,
        held: Sequence[str] = (),
        start: int = 0,
        draws: Draws | None = None,
        at: datetime | None = None,
    ) -> Claimed:
        """What a page holds, and new items up to ``want``; claim again where the result has ``further``.

        Raises
        ------
        StepMissing
            If there is no queue yet.
        """
        rules = replace(self._rules(), drawn=draws)
        return self._leases.claim(person, rules, n=want, client=client, held=held, start=start, at=at or now())

    def renew(
        self, person: str, *, client: str, tokens: Sequence[str], at: datetime | None = None
    ) -> tuple[list[str], list[str]]:
        """A sign of life of a page: (tokens that live on, tokens that are over)."""
        minutes = self._workspace.config.annotation.lease_minutes
        return self._leases.renew(person, tokens, client=client, minutes=minutes, at=at or now())

    def release(
        self, person: str, *, client: str, tokens: Sequence[str] | None = None, at: datetime | None = None
    ) -> int:
        """Give leases of a page back, by default all of them; returns how many were live."""
        return self._leases.release(person, tokens, client=client, everywhere=False, at=at or now())

    def reopen(self, person: str, item: int, *, client: str, at: datetime | None = None) -> tuple[Lease, OwnAnswer]:
        """Lease an item that this person has answered, to answer it anew.

        Raises
        ------
        LeaseRefused
            If this person has not answered it, or it changed since and its places are taken.
        """
        return self._leases.reopen(person, item, self._rules(), client=client, at=at or now())

    # ------------------------------------------------------------------ answers

    def take(
        self, person: str, client: str, answers: Sequence[PageAnswer], *, at: datetime | None = None
    ) -> list[AnswerResult]:
        """Take one page's answers in the order of their numbers; one that is refused does not hold up the others."""
        self._refresh()  # trouble with the file is the server's: nothing is taken then, and the page sends again
        results: dict[int, AnswerResult] = {}
        good: list[LeaseAnswer] = []
        for answer in sorted(answers, key=lambda one: one.sequence):
            try:
                good.append(self._checked(person, client, answer))
            except (AnnotationError, UnknownLabel) as error:  # only what is wrong with the answer itself
                results[answer.sequence] = AnswerResult(answer.sequence, "refused", error=error)
        taken = self._leases.answer_all(good, self._rules(), at=at or now()) if good else []
        for given, one in zip(good, taken, strict=True):
            number = given.client_sequence
            assert number is not None
            results[number] = (
                AnswerResult(number, one.status, taken=one)
                if isinstance(one, Taken)
                else AnswerResult(number, "refused", error=one)
            )
        return [results[answer.sequence] for answer in answers]

    def _checked(self, person: str, client: str, answer: PageAnswer) -> LeaseAnswer:
        if answer.kind == "withdraw":
            return LeaseAnswer(
                answer.item, answer.token, person, content_bytes(answer.content), withdraw=True,
                client_id=client, client_sequence=answer.sequence,
            )  # fmt: skip
        if (answer.kind == "label") != (answer.label is not None) or (answer.kind == "skip") != (
            answer.skip is not None
        ):
            raise AnnotationError(f"an answer of the kind {answer.kind!r} has exactly that, and nothing else")
        reply = LeaseReply(
            label=answer.label,
            skip=answer.skip,
            flag=answer.kind == "flag",
            comment=answer.comment,
            seconds=answer.seconds,
            shown=_shown(answer),
            client=client,
            sequence=answer.sequence,
        )
        return checked_answer(answer.item, answer.token, answer.content, reply, annotator=person, schema=self._schema)

    # ------------------------------------------------------------------ reading

    def draws(self) -> Draws:
        """What decides about gold questions and hints; made anew when items came or the settings changed."""
        rules, store = self._workspace.config.annotation, self._workspace.store
        key = (store.hints.latest("import"), rules.gold_share, rules.hints_before, self.hints.available)
        if self._draws is None or self._draws[0] != key:
            gold: Sequence[int] = ()
            if rules.gold_share:
                known, train = store.items.gold() != ABSTAIN, self._workspace.train_split()
                both = min(len(known), len(train))  # an import may add items between the two
                gold = np.flatnonzero(known[:both] & ~train[:both]).tolist()
            secret = store.secrets().key(_GOLD_KEY)
            shown = rules.hints_before if self.hints.available else 0.0
            self._draws = (key, Draws(secret, rules.gold_share, gold, shown))
        return self._draws[1]

    def tally(self, person: str, *, at: datetime | None = None) -> Tally:
        """How far one person is: all, today (by this machine's clock), and what is left.

        What is left has gold questions in it at the rate at which they come.
        """
        present = at or now()
        midnight = present.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        tally = self._leases.own.tally(person, place_rule(self._workspace), since=midnight, at=present)
        share = self._workspace.config.annotation.gold_share if self.draws().gold_items else 0.0
        return replace(tally, left=int(tally.left / (1 - min(share, 0.9))))

    def mine(self, person: str, *, before: str | None, limit: int) -> tuple[list[OwnAnswerWords], str | None]:
        """A person's answers, the newest first, and the cursor of the next page (None: that was all).

        Raises
        ------
        AnnotationError
            If ``before`` is no cursor.
        """
        rows = self._leases.own.page(person, before=None if before is None else _cursor(before), limit=limit + 1)
        more = len(rows) > limit
        schema = self._workspace.schema
        page = [OwnAnswerWords(row, None if row.label is None else schema.name_of(row.label)) for row in rows[:limit]]
        return page, f"{page[-1].answer.at}~{page[-1].answer.annotation}" if more else None

    def label_name(self, label: int | None) -> str | None:
        """The present name of a class by its stable id."""
        return None if label is None else self._schema.name_of(label)

    # ------------------------------------------------------------------ settings

    def _rules(self) -> LeaseRules:
        self._refresh()
        assert self._known is not None
        return self._known[1]

    @property
    def _schema(self) -> LabelSchema:
        self._refresh()
        assert self._known is not None
        return self._known[2]

    def _refresh(self) -> None:
        """Read classes and rules again when another connection has written anything."""
        changes = self._leases.group.changes()
        if self._known is None or self._known[0] != changes:
            self._known = (changes, lease_rules(self._workspace), self._workspace.schema)


def _shown(answer: PageAnswer) -> dict[str, Any]:
    """What is noted of what was seen: the page's own words, if they are short, and the guess there was."""
    shown = dict(answer.shown or {})
    if shown and len(_json_or_too_much(shown)) > MOST_BYTES_SHOWN:
        shown = {}
    if answer.guess is not None:
        shown |= {"model_run": answer.guess.run, "guess": answer.guess.label_id}
    else:
        shown = {name: value for name, value in shown.items() if name not in ("model_run", "guess")}
    return shown


def _json_or_too_much(value: object) -> str:
    """JSON of what a page sent; more than is kept where it cannot be stored."""
    try:
        return to_json(value)
    except TypeError:
        return " " * (MOST_BYTES_SHOWN + 1)


def _cursor(text: str) -> tuple[str, int]:
    at, _, number = text.rpartition("~")
    if not at or not number.isascii() or not number.isdecimal() or len(number) > 18 or len(at) > 40:
        raise AnnotationError(f"{text[:60]!r} is no place in the list of answers", hint="Use `next` of the page before")
    return at, int(number)
