"""The people of a project: accounts, roles, invitations, passwords."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from labelkit.access import check_password, check_role, hash_password, new_token, token_digest
from labelkit.errors import AccessError, SignInFailed
from labelkit.steps.leasing import annotator_name
from labelkit.steps.persons import OpenSession, Person, SignIn
from labelkit.steps.sessions import Sessions
from labelkit.store import Member, StoredCode
from labelkit.store.database import stamp

__all__ = ["Invitation", "OpenInvitation", "OpenSession", "Person", "SignIn", "Team"]

INVITATION_DAYS: Final = 7
RESET_DAYS: Final = 1
_MOST_DAYS: Final = 90


@dataclass(frozen=True)
class OpenInvitation:
    """A one-time code that was not used yet; ``id`` names it, and opens nothing.

    ``role`` is None where it is for a new password, ``name`` where whoever has the code chooses one.
    """

    id: str
    role: str | None
    name: str | None
    made_by: str
    expires_at: str


@dataclass(frozen=True)
class Invitation:
    """A new one-time code; it is shown this once."""

    code: str
    open: OpenInvitation

    @property
    def path(self) -> str:
        """What follows the address of the app in the link."""
        return f"/?invitation={self.code}"


class Team(Sessions):
    """Accounts, invitations and roles of one project, and who is signed in."""

    # ------------------------------------------------------------------ people

    def members(self) -> list[Member]:
        """Everybody who ever answered or was added, by name."""
        return self._workspace.store.members.all()

    def accounts(self) -> set[str]:
        """Names of those who can sign in (if they are active)."""
        return self._secrets.accounts()

    def provider_accounts(self) -> set[str]:
        """Names of those who sign in with the provider only."""
        return self._secrets.without_password()

    def account(self, name: str) -> Member | None:
        """Somebody who can sign in, by name; None if there is no such account."""
        clean = annotator_name(name)
        return self._workspace.store.members.get(clean) if self._secrets.has_account(clean) else None

    def has_lead(self) -> bool:
        """Whether somebody can sign in as a lead here."""
        accounts = self._secrets.accounts()
        return any(m.role == "lead" and m.active and m.name in accounts for m in self.members())

    def first_lead(self, name: str, password: str, *, actor: str, at: datetime | None = None) -> Member:
        """Make the account of the first lead: what `labelkit serve` does on its first start.

        Ask for name and password only where :meth:`has_lead` is False. Somebody who has answered already under
        this name, or whose password went with a lost side file, keeps the answers and becomes a lead.

        Raises
        ------
        AccessError
            If there is a lead who can sign in, or name or password cannot be used.
        """
        if self.has_lead():
            raise AccessError(
                "this project has a lead already", hint="`labelkit people reset NAME` gives a new password"
            )
        clean = annotator_name(name)
        hashed = hash_password(check_password(password, name=clean))
        member = self._workspace.store.members.put(clean, "lead", actor=actor)
        self._secrets.set_password(clean, hashed, at=at or _present())
        return member

    def add(self, name: str, role: str, password: str | None, *, actor: str, at: datetime | None = None) -> Member:
        """Make an account; without a password, of somebody who signs in with the provider under this name.

        Raises
        ------
        AccessError
            If there is one of this name already, or role or password cannot be used.
        """
        clean = self._new_name(name)
        hashed = None if password is None else hash_password(check_password(password, name=clean))
        member = self._workspace.store.members.put(clean, check_role(role), actor=actor)
        self._secrets.set_password(clean, hashed, at=at or _present())
        return member

    def set_role(self, name: str, role: str, *, actor: str, at: datetime | None = None) -> Member:
        """Give somebody another role; it counts from the next request and page run on.

        Raises
        ------
        AccessError
            For an unknown name or role, or if no lead who can sign in would be left.
        """
        member, wanted = self.known(name), check_role(role)
        changed = self._workspace.store.members.put(
            member.name, wanted, active=member.active, actor=actor, leads=self._guarded(member)
        )
        if wanted != "lead":
            self._secrets.codes.end_all(member.name, at=at or _present())  # also invitations made by a former lead
        return changed

    def deactivate(self, name: str, *, actor: str, at: datetime | None = None) -> Member:
        """End all sessions, tokens and invitations of somebody at once; the answers stay.

        Raises
        ------
        AccessError
            For an unknown name, or if no lead who can sign in would be left.
        """
        member, present = self.known(name), at or _present()
        changed = self._workspace.store.members.put(
            member.name, member.role, active=False, actor=actor, leads=self._guarded(member)
        )
        self._secrets.sessions.revoke_all(member.name, at=present, kinds=("browser", "script"))
        self._secrets.codes.end_all(member.name, at=present)
        return changed

    def activate(self, name: str, *, actor: str) -> Member:
        """Let somebody sign in again, with the password from before."""
        member = self.known(name)
        return self._workspace.store.members.put(member.name, member.role, actor=actor)

    def _guarded(self, member: Member) -> set[str] | None:
        """Who can be a lead afterwards, where a lead is about to go."""
        return self._secrets.accounts() if member.role == "lead" and member.active else None

    def known(self, name: str) -> Member:
        """Somebody by name.

        Raises
        ------
        AccessError
            If there is nobody of this name.
        """
        member = self._workspace.store.members.get(annotator_name(name))
        if member is None:
            raise AccessError(
                f"there is nobody named {name[:100]!r} in this project", hint="`labelkit people` lists all"
            )
        return member

    def _new_name(self, name: str) -> str:
        """A name for a new account; somebody who has only answered so far may get one."""
        clean = annotator_name(name)
        alike = [m.name for m in self.members() if m.name.casefold() == clean.casefold() and m.name != clean]
        if alike or self._secrets.has_account(clean):
            raise AccessError(
                f"there is an account named {(alike or [clean])[0]!r} already", hint="Choose another name"
            )
        return clean

    # ------------------------------------------------------------------ passwords

    def change_password(self, person: Person, old: str, new: str, *, at: datetime | None = None) -> int:
        """Set one's own password; sessions in other browsers end. Returns how many ended.

        Raises
        ------
        SignInFailed
            If ``old`` is not the present password.
        AccessError, TooManyAttempts, NotAllowed
        """
        person.need_browser()
        present = at or _present()
        if person.name in self._secrets.without_password():
            raise AccessError("you sign in with the provider: there is no password here to change")
        check_password(new, name=person.name)
        self._confirm(person, old, present)
        self._secrets.set_password(person.name, hash_password(new), at=present)
        self._workspace.store.members.note("people.password", {"name": person.name}, actor=person.name)
        return self.end_other_sessions(person, at=present)

    # ------------------------------------------------------------------ invitations

    def invite(
        self,
        role: str,
        *,
        name: str | None = None,
        actor: str,
        days: int = INVITATION_DAYS,
        at: datetime | None = None,
    ) -> Invitation:
        """A one-time code with which somebody makes an account of this role.

        Parameters
        ----------
        name
            For whom: also somebody who has answers here and no account. Without it, whoever has the code chooses a
            name that nobody has.

        Raises
        ------
        AccessError
            For an unknown role, or a name that has an account.
        """
        clean = None if name is None else self._new_name(name)
        return self._new_code(check_role(role), clean, actor, days, at or _present())

    def reset(self, name: str, *, actor: str, days: int = RESET_DAYS, at: datetime | None = None) -> Invitation:
        """A one-time code with which somebody sets a new password; the old one holds until then.

        Raises
        ------
        AccessError
            For an unknown name or one without an account, or somebody who may not sign in.
        """
        member = self.known(name)
        if not self._secrets.has_account(member.name):
            raise AccessError(f"{member.name!r} has no account", hint="Invite him or her by this name")
        if not member.active:
            raise AccessError(f"{member.name!r} may not sign in", hint="Activate the account first")
        return self._new_code(None, member.name, actor, days, at or _present())

    def _new_code(self, role: str | None, name: str | None, actor: str, days: int, present: datetime) -> Invitation:
        if not 1 <= days <= _MOST_DAYS:
            raise AccessError(f"an invitation lasts 1 to {_MOST_DAYS} days, not {days}")
        code, expires = new_token(), stamp(present + timedelta(days=days))
        stored = StoredCode(token_digest(code), "invitation", role, name, actor, stamp(present), expires)
        self._secrets.codes.add(stored)
        self._workspace.store.members.note("people.invited", {"name": name, "role": role}, actor=actor)
        return Invitation(code, _shown(stored))

    def invitations(self, *, at: datetime | None = None) -> list[OpenInvitation]:
        """Codes that were not used yet, the newest first."""
        return [_shown(code) for code in self._secrets.codes.live("invitation", at=at or _present())]

    def end_invitation(self, id: str, *, at: datetime | None = None) -> bool:
        """Make a code worthless; returns whether there was one with this id."""
        present = at or _present()
        found = [c.digest for c in self._secrets.codes.live("invitation", at=present) if c.digest[:16] == id]
        return bool(found) and self._secrets.codes.use(found[0], at=present)

    def invitation(self, code: str, *, at: datetime | None = None) -> OpenInvitation | None:
        """What a code is for; None if it was used, has expired or never was."""
        stored = self._secrets.codes.get(token_digest(code), "invitation", at=at or _present())
        return None if stored is None else _shown(stored)

    def accept(self, code: str, password: str, *, name: str | None = None, at: datetime | None = None) -> SignIn:
        """Use a code: make the account or set the new password, and begin a session.

        ``name`` counts only where the code leaves it open. A new password ends all sessions and tokens from before.

        Raises
        ------
        SignInFailed
            If the code was used, has expired or never was.
        AccessError
            If name or password cannot be used; the code can be used again then.
        """
        present = at or _present()
        stored = self._secrets.codes.get(token_digest(code), "invitation", at=present)
        if stored is None:
            raise _worthless()
        clean = stored.name or self._unused_name(name or "")
        hashed = hash_password(check_password(password, name=clean))
        if not self._secrets.codes.use(stored.digest, at=present):
            raise _worthless()
        try:
            member = self._taken_on(stored, clean)
        except BaseException:
            self._secrets.codes.give_back(stored.digest)
            raise
        self._secrets.set_password(clean, hashed, at=present)
        self._secrets.sessions.revoke_all(clean, at=present, kinds=("browser", "script"))
        self._workspace.store.members.note("people.password", {"name": clean}, actor=clean)
        return self._begin(member, present)

    def _taken_on(self, code: StoredCode, name: str) -> Member:
        """The person of a code: a new one, or one who has an account and may sign in."""
        if code.role is not None:
            clean = self._new_name(name)
            return self._workspace.store.members.put(
                clean, check_role(code.role), actor=code.made_by, new=code.name is None
            )
        member = self.known(name)
        if not member.active:
            raise _worthless()
        return member

    def _unused_name(self, name: str) -> str:
        """A name that nobody has who ever answered: a stranger must not come into somebody's answers."""
        clean = self._new_name(name)
        if self._workspace.store.members.get(clean) is not None:
            raise AccessError(f"there is somebody named {clean!r} already", hint="Choose another name")
        return clean


def _shown(code: StoredCode) -> OpenInvitation:
    return OpenInvitation(code.digest[:16], code.role, code.name, code.made_by, code.expires_at)


def _worthless() -> SignInFailed:
    return SignInFailed(
        "this invitation was used already, has expired, or never was one", hint="Ask a lead of the project for another"
    )


def _present() -> datetime:
    return datetime.now(UTC)
