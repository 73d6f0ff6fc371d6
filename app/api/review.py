"""Review: disputed items with everybody's answers, decisions on them, and taking decisions back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from labelkit import Project
from labelkit.errors import NotAllowed
from labelkit.steps.reviewing import ReviewQueue, ReviewReply
from labelkit.steps.team import Person

from .people import having
from .reader import Reader

router = APIRouter(prefix="/review", tags=["review"])

Reviewer = Annotated[Person, Depends(having("review"))]
Number = Annotated[int, Field(ge=0, lt=2**53)]


class Wanted(BaseModel):
    """Which items are wanted next: of which list, how many, and without those that are in hand or were put off."""

    list: Literal["disputed", "waiting", "flagged", "late", "decided"] = "disputed"
    want: Annotated[int, Field(ge=1, le=50)] = 10
    without: Annotated[tuple[Number, ...], Field(max_length=5000)] = []


class Decided(BaseModel):
    """A decision on an item as it was seen, or the withdrawal of one (``decision`` by number, ``of`` by sequence)."""

    sequence: Annotated[int, Field(ge=1, lt=2**53)]
    item: Number | None = None
    content: str = Field("", max_length=64)
    state: str = Field("", max_length=2000)
    label: str | None = Field(None, max_length=200)
    comment: str | None = Field(None, max_length=20_000)
    shown: dict[str, bool] = Field({}, max_length=20)
    decision: Number | None = None
    of: Number | None = None


class Decisions(BaseModel):
    """Decisions of one page. ``reviewer`` is the name that the page shows: another person's are not taken."""

    client: str = Field(min_length=8, max_length=64)
    reviewer: str = Field(max_length=200)
    decisions: Annotated[list[Decided], Field(min_length=1, max_length=50)]


_reader = Reader("review")
"""One thread looks for disputes and stores decisions: it remembers what it has seen, and decisions keep their order."""


@router.post("/items")
async def next_items(wanted: Wanted, person: Reviewer) -> dict[str, Any]:
    """The next items of a list with their answers side by side, and how long all lists are. Changes nothing."""

    def look(project: Project) -> ReviewQueue:
        return project.reviewing.queue(wanted.list, reviewer=person.name, without=wanted.without, limit=wanted.want)

    return asdict(await _reader.read(look))


@router.get("/items/{item}")
async def one_item(item: Number, person: Reviewer) -> dict[str, Any]:
    """One item as it is now."""
    return asdict(await _reader.read(lambda project: project.reviewing.item(item, reviewer=person.name)))


@router.get("/items/{item}/opinions")
async def opinions(item: Number, person: Reviewer) -> dict[str, Any]:
    """What labeling functions and the end model say about an item."""
    return asdict(await _reader.read(lambda project: project.reviewing.opinions(item)))


@router.post("/decisions")
async def decide(given: Decisions, person: Reviewer) -> dict[str, Any]:
    """Take decisions, in order; a repeat of the same client and sequence changes nothing.

    A result is ``stored``, ``repeated`` or ``refused``; a refused one brings the item as it is now where it changed.
    """
    if given.reviewer != person.name:
        raise NotAllowed(
            f"these decisions are of {given.reviewer}, and {person.name} is signed in here",
            hint=f"Sign in as {given.reviewer} to send them",
        )
    replies = [ReviewReply(client=given.client, **one.model_dump()) for one in given.decisions]
    results = await _reader.read(lambda project: project.reviewing.take(replies, reviewer=person.name))
    return {"results": [asdict(result) for result in results]}
