"""What goes over the wire between the Annotate page and the API; the OpenAPI document is made of this."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from labelkit.errors import OtherPerson
from labelkit.steps.team import Person

MOST_ANSWERS = 200
"""In one request."""


def _whole_text(value: Any) -> Any:
    """Text of whole characters: a field that counts its characters may cut one in two, and JSON lets that pass."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _sane_seconds(value: Any) -> Any:
    """How long an answer took, or None for what cannot be: a clock must never cost an answer."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1e7 else None


Text = Annotated[str, BeforeValidator(_whole_text)]
ClientId = Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9._~-]+$")]
Token = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9_-]+$")]
Tokens = Annotated[list[Token], Field(max_length=MOST_ANSWERS)]
ItemNumber = Annotated[int, Field(ge=0, lt=2**53)]


class _Page(BaseModel):
    model_config = ConfigDict(strict=True)

    client: ClientId
    """Random, made by the page once; it keeps it over reloads."""
    annotator: Text | None = None
    """Whose page this is: refused where somebody else has signed in in the same browser since."""

    def check(self, person: Person) -> None:
        """Go on only if this page belongs to who is signed in.

        Raises
        ------
        OtherPerson
        """
        if self.annotator is not None and self.annotator != person.name:
            raise OtherPerson(
                f"this page is of {self.annotator[:100]!r}, and somebody else is signed in now",
                hint="Reload the page; unsent answers stay in this browser for the person who gave them",
            )


class Claim(_Page):
    """A page that wants items."""

    want: Annotated[int, Field(ge=0, le=100)] = 12
    held: Tokens = []


class Renewal(_Page):
    """A page that is alive."""

    tokens: Tokens


class Release(_Page):
    """A page that gives items back: these, or all that it holds."""

    tokens: Tokens | None = None


class Reopen(_Page):
    """A page that wants to answer an item anew."""

    item: ItemNumber


class Answer(BaseModel):
    """One answer; what it says beside its kind is checked one by one, so that it never holds up others."""

    model_config = ConfigDict(strict=True)

    sequence: Annotated[int, Field(ge=1, lt=2**53)]
    item: ItemNumber
    token: Token
    content: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    kind: Literal["label", "skip", "flag", "withdraw"]
    label: Text | None = None
    skip: Text | None = None
    comment: Text | None = None
    seconds: Annotated[float | None, BeforeValidator(_sane_seconds)] = None
    shown: dict[str, Any] | None = None


class Answers(_Page):
    """A page's answers, in any order; they are taken in the order of their numbers."""

    answers: Annotated[list[Answer], Field(min_length=1, max_length=MOST_ANSWERS)]


class VoteHint(BaseModel):
    """A function that voted."""

    function: str
    label: str


class GuessHint(BaseModel):
    """What the model thinks."""

    label: str
    probability: float


class HintsShown(BaseModel):
    """What functions and model say about an item."""

    votes: list[VoteHint]
    guess: GuessHint | None


class GivenItem(BaseModel):
    """An item that the page holds; ``token`` and ``content`` go back with the answer."""

    item: int
    id: str
    text: str
    fields: dict[str, Any]
    token: str
    content: str
    expires_at: str
    hints: HintsShown | None


class Progress(BaseModel):
    """How far you are: answers that count, those of today, and about how many items are left for you (in tens)."""

    answered: int
    today: int
    left: int
    batch_of: None = None


class Given(BaseModel):
    """``ended``: tokens among ``held`` that are no longer yours."""

    items: list[GivenItem]
    progress: Progress
    ended: list[str]


class Renewed(BaseModel):
    """Tokens that live on and tokens that are over; ``keys``: label → key as set now, null where not known."""

    live: list[str]
    ended: list[str]
    progress: Progress
    keys: dict[str, str | None] | None = None


class AnswerTaken(BaseModel):
    """What became of one answer; ``late``: kept, but its lease was over. ``kind`` names the error of a refused one."""

    sequence: int
    status: Literal["stored", "late", "repeated", "refused"]
    message: str | None = None
    hint: str | None = None
    kind: str | None = None
    hints: HintsShown | None = None


class AnswersTaken(BaseModel):
    """In the order in which the answers came."""

    results: list[AnswerTaken]
    progress: Progress


class OwnAnswer(BaseModel):
    """One of your answers; ``text`` has the first 300 characters of what you answered."""

    item: int
    id: str
    text: str
    kind: Literal["label", "skip", "flag"]
    label: str | None
    skip: str | None
    comment: str | None
    at: str
    token: str | None
    content: str


class OwnAnswers(BaseModel):
    """``next``: give it as ``before`` for the page after this; null where there is none."""

    answers: list[OwnAnswer]
    next: str | None


class EarlierAnswer(BaseModel):
    """What you answered so far."""

    kind: Literal["label", "skip", "flag"]
    label: str | None
    skip: str | None
    comment: str | None
    at: str


class Reopened(BaseModel):
    """The item with a lease of its own, and your answer so far."""

    item: GivenItem
    earlier: EarlierAnswer
