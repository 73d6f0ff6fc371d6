"""People, for scripts of a lead: who there is, invitations, roles, and the end of an account."""

from __future__ import annotations

from typing import Annotated

import projects
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from labelkit.access import PersonRole
from labelkit.steps.team import Person
from labelkit.store import Member

from .people import having

router = APIRouter(prefix="/team", tags=["team"])

Lead = Annotated[Person, Depends(having("manage"))]
Name = Annotated[str, Field(max_length=200)]


class Somebody(BaseModel):
    """One person of the project."""

    name: str
    role: str
    active: bool
    has_account: bool


class NewInvitation(BaseModel):
    """Whom to invite."""

    role: PersonRole
    name: Name | None = None
    days: int = Field(default=7, ge=1, le=90)


class Link(BaseModel):
    """A one-time code, shown this once; `path` follows the address of the app."""

    code: str
    path: str
    expires_at: str


class Change(BaseModel):
    """What to change about somebody; what is left out stays."""

    name: Name
    role: PersonRole | None = None
    active: bool | None = None


@router.get("")
def members(lead: Lead) -> list[Somebody]:
    """Everybody, by name."""
    team = projects.kept().team
    accounts = team.accounts()
    return [_shown(member, member.name in accounts) for member in team.members()]


@router.post("/invitations", status_code=201)
def invite(given: NewInvitation, lead: Lead) -> Link:
    """Invite somebody; new leads are invited in a browser only."""
    if given.role == "lead":
        lead.need_browser()
    made = projects.kept().team.invite(given.role, name=given.name, actor=lead.name, days=given.days)
    return Link(code=made.code, path=made.path, expires_at=made.open.expires_at)


@router.patch("")
def change(given: Change, lead: Lead) -> Somebody:
    """Change somebody's role, or end and begin again the right to sign in; leads are changed in a browser only."""
    team = projects.kept().team
    changed = team.known(given.name)
    if "lead" in (given.role, changed.role):
        lead.need_browser()
    if given.role is not None:
        changed = team.set_role(given.name, given.role, actor=lead.name)
    if given.active is not None:
        changed = (team.activate if given.active else team.deactivate)(given.name, actor=lead.name)
    return _shown(changed, changed.name in team.accounts())


def _shown(member: Member, has_account: bool) -> Somebody:
    return Somebody(name=member.name, role=member.role, active=member.active, has_account=has_account)
