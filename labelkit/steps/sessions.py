"""Signing in and out: sessions of browsers, tokens of scripts."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Final

from labelkit.access import (
    check_role,
    hash_password,
    keyed_digest,
    needs_rehash,
    new_token,
    password_matches,
    seal,
    token_digest,
    unseal,
)
from labelkit.errors import AccessError, AnnotationError, SignInFailed, StorageError
from labelkit.steps.guesses import Guesses
from labelkit.steps.leasing import annotator_name
from labelkit.steps.persons import OpenSession, Person, SignIn
from labelkit.steps.workspace import Workspace
from labelkit.store import Member, Secrets, StoredCode, StoredSession
from labelkit.store.database import stamp

SEEN_EVERY: Final = timedelta(minutes=1)
"""A session that is used is put off this often, not with every request."""
LONGEST: Final = timedelta(days=7)
"""A session ends after this also when it is used all the time (or after ``serve.session_hours``, if that is longer)."""
MOST_SESSIONS: Final = 50
"""Live sessions of one person; with one more, the one that was used longest ago ends."""
MOST_TITLE: Final = 100
_TICKET: Final = timedelta(minutes=2)


class Sessions:
    """Who is signed in to one project. Times can be handed in, for tests."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @cached_property
    def _secrets(self) -> Secrets:
        return self._workspace.store.secrets()

    @cached_property
    def _key(self) -> bytes:
        return self._secrets.key("sign-in")

    @cached_property
    def _guesses(self) -> Guesses:
        return Guesses(self._secrets, self._key)

    @property
    def cookie_name(self) -> str:
        """Name of the session cookie: it differs from project to project, so that servers on one host get along."""
        return f"labelkit_{keyed_digest('cookie', self._key)[:12]}"

    # ------------------------------------------------------------------ signing in

    def sign_in(
        self, name: str, password: str, *, address: str = "", device: str | None = None, at: datetime | None = None
    ) -> SignIn:
        """Begin a session.

        Parameters
        ----------
        address
            Where the request comes from; failed attempts are counted by name and by address.
        device
            What an earlier :class:`SignIn` gave this browser: its failures are counted by themselves.

        Raises
        ------
        SignInFailed
            Not saying whether the name or the password is wrong, and taking the same time.
        TooManyAttempts
        """
        present = at or _present()
        member = self._named(name)
        counters = self._guesses.counters(name, None if member is None else member.name, address, device)
        self._guesses.count(counters, present)
        stored = None if member is None else self._secrets.password(member.name)
        fits = password_matches(stored, password)
        if member is None or stored is None or not fits or not member.active:
            raise SignInFailed("name or password is wrong", hint="A lead of the project can reset a password")
        self._guesses.forgive(counters)
        if needs_rehash(stored):
            self._secrets.set_password(member.name, hash_password(password), at=present)
        return self._begin(member, present)

    def _named(self, name: str) -> Member | None:
        """The person of this name; capital letters do not count where nobody is spelled exactly so."""
        try:
            clean = annotator_name(name)
        except AnnotationError:
            return None
        members = self._workspace.store.members
        alike = [m for m in members.all() if m.name.casefold() == clean.casefold()]
        return members.get(clean) or (alike[0] if len(alike) == 1 else None)

    def _begin(self, member: Member, present: datetime) -> SignIn:
        token, digest = self._add(member.name, "browser", None, present, present + self._lasts)
        person = Person(member.name, check_role(member.role), digest)
        return SignIn(
            person, seal(token, self._key, "session"), present + self._longest, self._guesses.device(member.name)
        )

    def _add(
        self, name: str, kind: str, title: str | None, present: datetime, expires: datetime | None
    ) -> tuple[str, str]:
        token = new_token()
        digest = token_digest(token)
        self._secrets.sessions.add(
            digest, name, kind=kind, title=title, at=present, expires=expires, most=MOST_SESSIONS
        )
        return token, digest

    @property
    def _lasts(self) -> timedelta:
        return timedelta(hours=self._workspace.config.serve.session_hours)

    @property
    def _longest(self) -> timedelta:
        return max(LONGEST, self._lasts)

    def _confirm(self, person: Person, password: str, present: datetime) -> None:
        """Ask for the password of somebody who is signed in.

        Raises
        ------
        SignInFailed, TooManyAttempts
        """
        counters = self._guesses.of_owner(person.name)
        self._guesses.count(counters, present)
        if not password_matches(self._secrets.password(person.name), password):
            raise SignInFailed("the present password is wrong")
        self._guesses.forgive(counters)

    # ------------------------------------------------------------------ sessions

    def session(self, token: str, *, at: datetime | None = None) -> Person | None:
        """Who the bearer of this token is, with today's role; None if the session is over, revoked or unknown.

        A browser's session is put off by being used. A value that we did not sign is refused without a look-up.
        """
        present = at or _present()
        found = self._look_up(token, present)
        if found is None:
            return None
        stored, person = found
        if stored.kind == "browser" and present - datetime.fromisoformat(stored.seen_at) > SEEN_EVERY:
            expires = min(present + self._lasts, datetime.fromisoformat(stored.created_at) + self._longest)
            with contextlib.suppress(StorageError):  # a full disk ends nobody's session
                self._secrets.sessions.seen(stored.digest, at=present, expires=expires)
        return person

    def is_live(self, token: str, *, at: datetime | None = None) -> bool:
        """Whether a token's session is live; nothing is put off by asking."""
        return self._look_up(token, at or _present()) is not None

    def sessions_state(self) -> int:
        """A number that changes when another process or thread has changed any session; cheap to ask for."""
        return self._secrets.state()

    def _look_up(self, token: str, present: datetime) -> tuple[StoredSession, Person] | None:
        digest = self._digest(token)
        stored = None if digest is None else self._secrets.sessions.get(digest, at=present)
        member = None if stored is None else self._workspace.store.members.get(stored.name)
        sealed = "." in token
        if stored is None or member is None or not member.active or sealed != (stored.kind == "browser"):
            return None
        return stored, Person(member.name, check_role(member.role), stored.digest, stored.kind)

    def _digest(self, token: str) -> str | None:
        """The digest under which a token may be looked up: a browser's is signed, a script's has no point in it."""
        opened = unseal(token, self._key, "session") if "." in token else token
        return None if opened is None else token_digest(opened)

    def sessions(self, person: Person, *, at: datetime | None = None) -> list[OpenSession]:
        """A person's own sessions and tokens, the newest first."""
        return [
            OpenSession(
                s.digest[:16], s.kind, s.title, s.created_at, s.seen_at, s.expires_at, s.digest == person.session
            )
            for s in self._secrets.sessions.of(person.name, at=at or _present())
        ]

    def end_session(self, person: Person, id: str, *, at: datetime | None = None) -> bool:
        """End one of a person's own sessions or tokens at once; returns whether there was one with this id."""
        present = at or _present()
        own = [s.digest for s in self._secrets.sessions.of(person.name, at=present) if s.digest[:16] == id]
        return bool(own) and self._secrets.sessions.revoke(own[0], at=present)

    def end_other_sessions(self, person: Person, *, at: datetime | None = None) -> int:
        """End a person's sessions in all other browsers at once; returns how many there were."""
        return self._secrets.sessions.revoke_all(
            person.name, at=at or _present(), kinds=("browser",), but=person.session
        )

    def sign_out(self, token: str, *, at: datetime | None = None) -> bool:
        """End a session at once; returns whether it was live."""
        digest = self._digest(token)
        return digest is not None and self._secrets.sessions.revoke(digest, at=at or _present())

    def add_token(self, person: Person, title: str, *, days: int | None = None, at: datetime | None = None) -> str:
        """A token for a script of this person; it is shown this once and has the person's role.

        Raises
        ------
        AccessError
            Without a title, or with 50 tokens already.
        NotAllowed
            If a script asks.
        """
        person.need_browser()
        present, clean = at or _present(), " ".join(title.split())
        if not 0 < len(clean) <= MOST_TITLE:
            raise AccessError(f"a token needs a title of at most {MOST_TITLE} characters, which says what it is for")
        if days is not None and not 1 <= days <= 3650:
            raise AccessError(f"a token lasts 1 to 3650 days, not {days}")
        held = [s for s in self._secrets.sessions.of(person.name, at=present) if s.kind == "script"]
        if len(held) >= MOST_SESSIONS:
            raise AccessError(f"you have {len(held)} tokens already", hint="Revoke those that are not used any more")
        expires = None if days is None else present + timedelta(days=days)
        token, _ = self._add(person.name, "script", clean, present, expires)
        self._workspace.store.members.note("people.token", {"name": person.name, "title": clean}, actor=person.name)
        return token

    # ------------------------------------------------------------------ a provider (OpenID Connect)

    def provider_ticket(self, name: str, *, at: datetime | None = None) -> str | None:
        """A code for somebody whom the provider signed in: :meth:`use_ticket` makes a session of it, once, soon.

        Returns None for a name that is no account which signs in with the provider.
        """
        present, member = at or _present(), self._named(name)
        if member is None or not member.active or member.name not in self._secrets.without_password():
            return None
        code = new_token()
        self._secrets.codes.add(
            StoredCode(
                token_digest(code), "provider", None, member.name, member.name,
                stamp(present), stamp(present + _TICKET),
            )
        )  # fmt: skip
        return code

    def use_ticket(self, code: str, *, at: datetime | None = None) -> SignIn:
        """Begin the session of somebody whom the provider signed in.

        Raises
        ------
        SignInFailed
        """
        present = at or _present()
        found = self._secrets.codes.get(token_digest(code), "provider", at=present)
        member = None if found is None or found.name is None else self._workspace.store.members.get(found.name)
        if (
            found is None
            or member is None
            or not member.active
            or not self._secrets.codes.use(found.digest, at=present)
        ):
            raise SignInFailed("this sign-in took too long or was used already", hint="Sign in again")
        return self._begin(member, present)


def _present() -> datetime:
    return datetime.now(UTC)
