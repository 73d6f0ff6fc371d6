"""Leases: who may answer what, and the answers to them, decided in short transactions.

The rules, which hold however many processes ask at once:

* an item is only given to somebody while its answers that count and its live leases leave a place open, and all
  of them are of different people;
* an answer with a token that was not given out for this item to this person is refused; a genuine one is kept,
  and marked ``late`` where its time is over;
* the same answer again is no news; another one with the same token takes the place of the first.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from labelkit.errors import AnnotationError, LabelkitError, LeaseRefused
from labelkit.store.added import added
from labelkit.store.answer_writer import take
from labelkit.store.database import Database, stamp
from labelkit.store.giving import end_decided, give, insert_lease, lease_of
from labelkit.store.group import Group
from labelkit.store.lease_records import Claimed, Lease, LeaseAnswer, LeaseRules, OwnAnswer, Taken
from labelkit.store.occupancy import LIVE, end_expired, occupancy
from labelkit.store.own_answers import OwnAnswers
from labelkit.store.people import People


class Leases:
    """Gives out leases and takes the answers. Every method that writes is one ``BEGIN IMMEDIATE`` transaction."""

    def __init__(self, database: Database, people: People) -> None:
        self._database = database
        self._people = people
        self.group = Group(database)
        self.own = OwnAnswers(database)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, or a savepoint within the group's."""
        with self.group.savepoint() if self.group.open else self._database.transaction() as connection:
            yield connection

    def claim(
        self,
        annotator: str,
        rules: LeaseRules,
        *,
        n: int,
        at: datetime,
        client: str | None = None,
        held: Sequence[str] = (),
        start: int = 0,
    ) -> Claimed:
        """What a page holds already, renewed, and new items of the queue until it has ``n``.

        Parameters
        ----------
        client
            The page; None is a page of its own.
        held
            Tokens that the page believes to hold. Live ones of this person become the page's.
        start
            From which rank to look: :attr:`Claimed.further` of the claim before.
        at
            The present.

        Raises
        ------
        StepMissing
            If there is no queue yet.
        """
        present, until = stamp(at), stamp(at + timedelta(minutes=rules.minutes))
        with self._transaction() as connection:
            person = self._people.annotator(connection, annotator)
            end_expired(connection, present)
            end_decided(connection, person, present)
            live = set(_live_tokens(connection, person, held))
            connection.executemany("update leases set client = ? where token = ?", [(client, token) for token in live])
            connection.execute(
                f"update leases set expires_at = ? where annotator = ? and {LIVE} and client is ?",
                (until, person, client),
            )
            mine = f"select count(*) from leases where annotator = ? and {LIVE}"
            count = connection.execute(f"{mine} and client is ?", (person, client)).fetchone()[0]
            total = connection.execute(mine, (person,)).fetchone()[0]
            further = give(
                connection, person, annotator, rules, n=n - count, total=total, client=client, start=start,
                present=present, until=until,
            )  # fmt: skip
            rows = connection.execute(
                f"select token from leases where annotator = ? and {LIVE} and client is ?"
                " order by purpose != 'revision', place, token",
                (person, client),
            ).fetchall()
            leases = [lease_of(connection, token) for (token,) in rows]
        return Claimed(leases, [token for token in held if token not in live], further)

    def renew(
        self, annotator: str, tokens: Sequence[str], *, client: str | None, minutes: float, at: datetime
    ) -> tuple[list[str], list[str]]:
        """A sign of life: (tokens that live on, tokens that are over)."""
        present, until = stamp(at), stamp(at + timedelta(minutes=minutes))
        with self._transaction() as connection:
            person = self._people.annotator(connection, annotator)
            end_expired(connection, present)
            live = set(_live_tokens(connection, person, tokens))
            connection.executemany(
                "update leases set expires_at = ?, client = ? where token = ?",
                [(until, client, token) for token in live],
            )
        return [t for t in tokens if t in live], [t for t in tokens if t not in live]

    def release(
        self,
        annotator: str,
        tokens: Iterable[str] | None = None,
        *,
        at: datetime,
        client: str | None = None,
        everywhere: bool = True,
    ) -> int:
        """Give leases back (by default all of this person's, or of one page); returns how many were live."""
        present = stamp(at)
        with self._transaction() as connection:
            person = self._people.annotator(connection, annotator)
            end_expired(connection, present)
            if tokens is None:
                page = "" if everywhere else " and client is :client"
                sql = f"select token from leases where annotator = :person and {LIVE}{page}"
                rows = connection.execute(sql, {"person": person, "client": client})
                ended = [row[0] for row in rows]
            else:
                ended = _live_tokens(connection, person, list(tokens))
            connection.executemany(
                "update leases set ended_at = ? where token = ?", [(present, token) for token in ended]
            )
        return len(ended)

    def answer(self, answer: LeaseAnswer, rules: LeaseRules, *, at: datetime) -> Taken:
        """Take one answer, or take one back.

        Raises
        ------
        LeaseRefused
            If the token was not given out for this item to this person.
        AnnotationError
            If the content that was answered is none that the item ever had, the client has used the sequence
            number for another answer, or there is nothing to take back.
        """
        (taken,) = self.answer_all([answer], rules, at=at)
        if isinstance(taken, LabelkitError):
            raise taken
        return taken

    def answer_all(
        self, answers: Sequence[LeaseAnswer], rules: LeaseRules, *, at: datetime
    ) -> list[Taken | LabelkitError]:
        """Take one person's answers, in this order; one that is refused has its error in its place."""
        present, until = stamp(at), stamp(at + timedelta(minutes=rules.minutes))
        out: list[Taken | LabelkitError] = []
        with self._transaction() as connection:
            for answer in answers:
                try:
                    with self.group.savepoint():
                        out.append(take(connection, answer, rules.places, present=present, until=until))
                except AnnotationError as error:  # anything else is no fault of the answer
                    out.append(error)
            stored = [one.annotation for one in out if isinstance(one, Taken) and one.annotation is not None]
            if stored:
                added(connection, stored[0], stored[-1], actor=answers[0].annotator)
        return out

    def withdraw(self, annotator: str, token: str, rules: LeaseRules, *, at: datetime) -> Lease | None:
        """Take back the answer given with ``token``; its lease is live again, unless others have filled the places.

        Raises
        ------
        AnnotationError
            If there is no such answer of this person, or a newer one has replaced it.
        """
        given = self._database.one(
            "select a.item, a.content_hash from leases l join annotators p on p.id = l.annotator"
            " join annotations a on a.lease_token = l.token where l.token = ? and p.name = ?"
            " order by a.id desc limit 1",
            (token, annotator),
        )
        if given is None:
            raise LeaseRefused("there is no answer to undo: this item was not leased to you, or not answered")
        taken = self.answer(LeaseAnswer(given[0], token, annotator, given[1], withdraw=True), rules, at=at)
        return lease_of(self._database.connection, token) if taken.live else None

    def reopen(
        self, annotator: str, item: int, rules: LeaseRules, *, client: str | None, at: datetime
    ) -> tuple[Lease, OwnAnswer]:
        """Lease an item to somebody who has answered it, to answer it anew; with the answer so far.

        Raises
        ------
        LeaseRefused
            If this person has not answered it, or its content changed since and others have taken its places.
        """
        present, until = stamp(at), stamp(at + timedelta(minutes=rules.minutes))
        with self._transaction() as connection:
            person = self._people.annotator(connection, annotator)
            end_expired(connection, present)
            earlier = self.own.latest(person, item)
            if earlier is None:
                raise LeaseRefused(f"you have not answered item number {item}", hint="Answer it when it is your turn")
            own, role = earlier
            token = _live_token(connection, person, item)
            if token is None:
                _check_reopening(connection, person, item, own, rules)
                token = insert_lease(connection, item, person, client, present, until, purpose="revision", role=role)
            connection.execute("update leases set expires_at = ?, client = ? where token = ?", (until, client, token))
            return lease_of(connection, token), own


def _live_tokens(connection: sqlite3.Connection, person: int, tokens: Sequence[str]) -> list[str]:
    """Those of the tokens that are live leases of this person."""
    return [
        token
        for token in dict.fromkeys(tokens)
        if connection.execute(
            f"select 1 from leases where token = ? and annotator = ? and {LIVE}", (token, person)
        ).fetchone()
    ]


def _live_token(connection: sqlite3.Connection, person: int, item: int) -> str | None:
    row = connection.execute(
        f"select token from leases where item = ? and annotator = ? and {LIVE}", (item, person)
    ).fetchone()
    return None if row is None else str(row[0])


def _check_reopening(connection: sqlite3.Connection, person: int, item: int, own: OwnAnswer, rules: LeaseRules) -> None:
    content = connection.execute("select content_hash from items where item = ?", (item,)).fetchone()[0]
    # Who answered the present content has a place; after a change of the content it has to be open.
    if content != own.content_hash and not occupancy(connection, [item])[item].open_for(person, rules.places):
        raise LeaseRefused(
            f"item number {item} changed after you answered it, and others have answered it since",
            hint="Your answer to the earlier text is kept",
        )
