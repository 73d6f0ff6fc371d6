"""Signing in and out."""

from __future__ import annotations

from collections.abc import Callable

import addresses
import cookies
import projects
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from labelkit.access import HASHES_AT_ONCE
from labelkit.errors import TooManyAttempts
from labelkit.steps.team import SignIn, Team

from .people import SignedIn

router = APIRouter(prefix="/session", tags=["session"])

WAITING = 40
"""So many sign-ins wait for their turn, some seconds' work; others are told to come back."""

_turn = CapacityLimiter(HASHES_AT_ONCE)


class Credentials(BaseModel):
    """A name and a password."""

    name: str = Field(max_length=200)
    password: str = Field(max_length=2000)


class Acceptance(BaseModel):
    """An invitation's code and what the person chose; the name counts where the invitation leaves it open."""

    code: str = Field(max_length=200)
    name: str | None = Field(default=None, max_length=200)
    password: str = Field(max_length=2000)


class Ticket(BaseModel):
    """What the sign-in page got for somebody whom the provider signed in."""

    code: str = Field(max_length=200)


class Identity(BaseModel):
    """Who is signed in."""

    name: str
    role: str


async def _begin(request: Request, response: Response, sign_in: Callable[[Team], SignIn]) -> Identity:
    """Sign somebody in, a few at a time and in threads of their own: answers never wait for a password's hash."""
    if _turn.statistics().tasks_waiting >= WAITING:
        raise TooManyAttempts("many people sign in at this moment; try again in 3 s", seconds=3.0)
    before = cookies.session_token(request.cookies)

    def work() -> SignIn:
        team = projects.kept().team
        done = sign_in(team)
        if before:
            team.sign_out(before)  # one browser, one person: what another tab shows ends
        return done

    done = await to_thread.run_sync(work, limiter=_turn)
    cookies.put(request, response, done)
    return Identity(name=done.person.name, role=done.person.role)


@router.post("")
async def sign_in(given: Credentials, request: Request, response: Response) -> Identity:
    """Begin a session; its cookie is HttpOnly."""
    address, device = addresses.outside(request.scope).client, cookies.device(request)
    return await _begin(
        request, response, lambda team: team.sign_in(given.name, given.password, address=address, device=device)
    )


@router.post("/invitation")
async def accept(given: Acceptance, request: Request, response: Response) -> Identity:
    """Use an invitation: make the account or set the new password, and begin a session."""
    return await _begin(request, response, lambda team: team.accept(given.code, given.password, name=given.name))


@router.post("/ticket")
async def ticket(given: Ticket, request: Request, response: Response) -> Identity:
    """Begin the session of somebody whom the provider signed in."""
    return await _begin(request, response, lambda team: team.use_ticket(given.code))


@router.get("")
def who(person: SignedIn) -> Identity:
    """Who is signed in."""
    return Identity(name=person.name, role=person.role)


@router.delete("", status_code=204)
def sign_out(request: Request, response: Response) -> None:
    """End the session."""
    token = cookies.session_token(request.cookies)
    if token:
        projects.kept().team.sign_out(token)
    cookies.drop(request, response)
