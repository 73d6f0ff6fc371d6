"""Leases and answers: what the Annotate page talks to."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Depends, Query, Response

from labelkit.annotate import Draws
from labelkit.errors import LabelkitError
from labelkit.steps.hints import Guess, ItemHints
from labelkit.steps.lease_desk import AnswerResult, LeaseDesk, PageAnswer
from labelkit.steps.team import Person
from labelkit.store import Lease
from labelkit.store.lease_records import Claimed

from .annotate_models import (
    Answers,
    AnswersTaken,
    Claim,
    Given,
    OwnAnswers,
    Release,
    Renewal,
    Renewed,
    Reopen,
    Reopened,
)
from .latest_draws import LatestDraws
from .people import having
from .reader import Reader
from .tallies import Tallies
from .writer import Writer

router = APIRouter(tags=["annotate"])
Annotator = Annotated[Person, Depends(having("annotate"))]

_LOG: Final = logging.getLogger("labelkit.api")
_MOST_REMEMBERED: Final = 20_000


class _Memory(OrderedDict[str, Guess]):
    """Token → the guess there was when its item was given out: what goes into the answer's record."""

    def keep(self, token: str, guess: Guess | None) -> None:
        if guess is not None:
            self[token] = guess
            self.move_to_end(token)
            while len(self) > _MOST_REMEMBERED:
                self.popitem(last=False)


writer = Writer()
_hints = Reader("hints")
_draws = LatestDraws(Reader("draws"))
_tallies = Tallies(Reader("counts"))
_guesses = _Memory()


@router.post("/leases", response_model=Given)
async def claim(page: Claim, person: Annotator) -> Response:
    """What this page holds, with more time, and new items up to ``want``; items in their order."""
    page.check(person)
    draws = await _draws.now()
    claimed = await _claim(person.name, page, draws)
    hints = await _read_hints(lease.item for lease in claimed.leases)
    for lease in claimed.leases:
        _guesses.keep(lease.token, hints[lease.item].guess)
    items = [_item(lease, hints[lease.item] if lease.hints_before else None) for lease in claimed.leases]
    return _json({"items": items, "progress": await _tallies.of(person.name), "ended": claimed.ended})


async def _claim(person: str, page: Claim, draws: Draws) -> Claimed:
    start, held = 0, page.held
    while True:

        def work(desk: LeaseDesk, start: int = start) -> Claimed:
            return desk.claim(person, client=page.client, want=page.want, held=held, start=start, draws=draws)

        claimed = await writer.do(work)
        if claimed.further is None:
            return claimed
        start = claimed.further


@router.post("/leases/renew", response_model=Renewed)
async def renew(page: Renewal, person: Annotator) -> Response:
    """A sign of life: the leases that the page holds last longer."""
    page.check(person)
    live, ended = await writer.do(lambda desk: desk.renew(person.name, client=page.client, tokens=page.tokens))
    progress = await _tallies.of(person.name)
    return _json({"live": live, "ended": ended, "progress": progress, "keys": await _keys()})


async def _keys() -> dict[str, str | None] | None:
    """Label → key as they are set now; None where the settings cannot be read: a page keeps those that it has."""
    try:
        return await _hints.read(lambda project: project.settings().keys())
    except LabelkitError:
        return None


@router.post("/leases/release", status_code=204)
async def release(page: Release, person: Annotator) -> None:
    """Give items back, by default all that the page holds."""
    page.check(person)
    await writer.do(lambda desk: desk.release(person.name, client=page.client, tokens=page.tokens))


@router.post("/answers", response_model=AnswersTaken)
async def answer(page: Answers, person: Annotator) -> Response:
    """Take answers; each is durable when this comes back, and a repeat changes nothing.

    One that is refused does not hold up the others.
    """
    page.check(person)
    given = [PageAnswer(**one.model_dump(), guess=_guesses.get(one.token)) for one in page.answers]
    results = await writer.do(lambda desk: desk.take(person.name, page.client, given))
    _tallies.note(person.name, (result.taken for result in results))
    seen = [one.item for one, result in zip(given, results, strict=True) if _shows_hints(one, result)]
    hints = await _hints_if_any(seen)
    told = [
        _result(result, hints.get(one.item) if _shows_hints(one, result) else None)
        for one, result in zip(given, results, strict=True)
    ]
    return _json({"results": told, "progress": await _tallies.of(person.name)})


@router.get("/answers/mine", response_model=OwnAnswers)
async def mine(
    person: Annotator,
    before: Annotated[str | None, Query(max_length=80)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """Your answers that count, the newest first."""

    rows, further = await _hints.read(lambda project: project.desk.mine(person.name, before=before, limit=limit))
    answers = [
        {"item": own.item, "id": own.item_id, "text": own.text[:300], "kind": own.kind, "label": words.label,
         "skip": own.skip_reason, "comment": own.comment, "at": own.at, "token": own.token,
         "content": own.content_hash.hex()}
        for words in rows
        for own in (words.answer,)
    ]  # fmt: skip
    return _json({"answers": answers, "next": further})


@router.post("/answers/reopen", response_model=Reopened)
async def reopen(page: Reopen, person: Annotator) -> Response:
    """One of your items again, to answer it anew; your answer stands until you do."""
    page.check(person)
    lease, own = await writer.do(lambda desk: desk.reopen(person.name, page.item, client=page.client))
    hints = await _read_hints([lease.item])
    _guesses.keep(lease.token, hints[lease.item].guess)
    label = await _hints.read(lambda project: project.desk.label_name(own.label))
    earlier = {"kind": own.kind, "label": label, "skip": own.skip_reason, "comment": own.comment, "at": own.at}
    return _json({"item": _item(lease, hints[lease.item]), "earlier": earlier})


async def _hints_if_any(items: Iterable[int]) -> dict[int, ItemHints]:
    """What is stored is acknowledged, also where what functions and model say cannot be read."""
    try:
        return await _read_hints(items)
    except Exception:
        _LOG.exception("votes and guesses cannot be read")
        return {}


async def _read_hints(items: Iterable[int]) -> dict[int, ItemHints]:
    wanted = list(items)
    return await _hints.read(lambda project: project.desk.hints.of(wanted)) if wanted else {}


def _shows_hints(answer: PageAnswer, result: AnswerResult) -> bool:
    """Hidden until answered: after that, what functions and model say may be seen."""
    return result.status in ("stored", "late") and answer.kind != "withdraw"


def _item(lease: Lease, hints: ItemHints | None) -> dict[str, Any]:
    return {
        "item": lease.item,
        "id": lease.item_id,
        "text": lease.text,
        "fields": lease.fields,
        "token": lease.token,
        "content": lease.content_hash.hex(),
        "expires_at": lease.expires_at,
        "hints": _hints_json(hints),
    }


def _hints_json(hints: ItemHints | None) -> dict[str, Any] | None:
    if hints is None:
        return None
    guess = hints.guess
    return {
        "votes": [{"function": function, "label": label} for function, label in hints.votes],
        "guess": None if guess is None else {"label": guess.label, "probability": round(guess.probability, 4)},
    }


def _result(result: AnswerResult, hints: ItemHints | None) -> dict[str, Any]:
    told: dict[str, Any] = {"sequence": result.sequence, "status": result.status}
    error: LabelkitError | None = result.error
    if error is not None:
        told |= {"message": error.message, "hint": error.hint, "kind": type(error).__name__}
    if hints is not None:
        told["hints"] = _hints_json(hints)
    return told


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
