"""The side file: password hashes, sessions, tokens, keys. Mode 0600; no copy, backup, archive or export includes it.

It lies beside the project file as ``NAME.labelkit.secrets``. Who somebody is (name, role) stays in the project
file; a project without its side file has people, and nobody who can sign in.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from labelkit.errors import ProjectTooNew
from labelkit.store.database import BUSY_SECONDS, immediate, stamp, translated
from labelkit.store.secret_codes import Codes
from labelkit.store.secret_sessions import StoredSessions

_TABLES: Final = """
create table if not exists accounts (
    name text primary key,              -- of the annotator in the project file
    password text,                      -- argon2id; null: signs in with the provider only
    changed_at text not null
) without rowid;
create table if not exists sessions (
    digest text primary key,            -- SHA-256 of the token
    name text not null,
    kind text not null check (kind in ('browser', 'script')),
    title text,                         -- what a script's token is for
    created_at text not null,
    seen_at text not null,
    expires_at text,                    -- null: until it is revoked
    revoked_at text
) without rowid;
create index if not exists sessions_name on sessions(name) where revoked_at is null;
create table if not exists codes (
    digest text primary key,            -- SHA-256 of the code
    purpose text not null check (purpose in ('invitation', 'provider')),
    role text,                          -- of the account that an invitation makes
    name text,                          -- for whom; null: whoever has the code chooses a name
    made_by text not null,
    created_at text not null,
    expires_at text not null,
    used_at text
) without rowid;
create table if not exists failures (
    key text primary key,               -- digest of a name, an address or a device: what is slowed down
    count integer not null,
    last_at text not null
) without rowid;
create index if not exists failures_last on failures(last_at);
create table if not exists keys (
    name text primary key,
    value blob not null
) without rowid;
"""
_VERSION: Final = 2
MOST_FAILURES: Final = 20_000
"""Rows that are kept; those of the longest ago go first."""


class Secrets:
    """One connection to the side file; use it in one thread. Every write is one ``BEGIN IMMEDIATE`` transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with translated(path):
            _make_private(path)
            self.connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
            try:
                self._prepare()
            except BaseException:
                self.connection.close()
                raise
        self.sessions = StoredSessions(self.connection, self.transaction)
        self.codes = Codes(self.connection, self.transaction)

    def _prepare(self) -> None:
        self.connection.execute("pragma journal_mode = wal")  # its files take the mode of the main file
        self.connection.execute("pragma synchronous = full")
        version = self.connection.execute("pragma user_version").fetchone()[0]
        if version > _VERSION:
            raise ProjectTooNew(f"{self.path.name} was made by a newer labelkit", hint="Upgrade labelkit")
        if version < _VERSION:
            with self.transaction() as connection:
                for statement in _TABLES.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"pragma user_version = {_VERSION}")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` … commit; rolled back on any exception."""
        with immediate(self.connection, self.path):
            yield self.connection

    def state(self) -> int:
        """A number that differs from the last one when another connection has written since; costs microseconds."""
        return int(self.connection.execute("pragma data_version").fetchone()[0])

    # ------------------------------------------------------------------ accounts

    def has_account(self, name: str) -> bool:
        """Whether somebody of this name can sign in."""
        return self.connection.execute("select 1 from accounts where name = ?", (name,)).fetchone() is not None

    def password(self, name: str) -> str | None:
        """The hash of an account's password; None if there is no account, or one without a password."""
        row = self.connection.execute("select password from accounts where name = ?", (name,)).fetchone()
        return None if row is None or row[0] is None else str(row[0])

    def set_password(self, name: str, password: str | None, *, at: datetime) -> None:
        """Store the hash of a password (None: no password); the account is made if there is none."""
        with self.transaction() as connection:
            connection.execute(
                "insert into accounts (name, password, changed_at) values (?1, ?2, ?3)"
                " on conflict (name) do update set password = ?2, changed_at = ?3",
                (name, password, stamp(at)),
            )

    def accounts(self) -> set[str]:
        """Names that can sign in."""
        return {row[0] for row in self.connection.execute("select name from accounts")}

    def without_password(self) -> set[str]:
        """Names of accounts that sign in with the provider only."""
        return {row[0] for row in self.connection.execute("select name from accounts where password is null")}

    # ------------------------------------------------------------------ failed sign-ins

    def count_attempt(
        self, waits: Sequence[tuple[str, Callable[[int, float], float]]], *, at: datetime, forget_before: datetime
    ) -> float:
        """Count an attempt under all of its keys, before it is looked at: attempts at the same moment count, too.

        Parameters
        ----------
        waits
            Pairs of a key and a function that says, of failures and seconds since the last one, how long to wait.
        forget_before
            Failures of before this time are forgotten.

        Returns
        -------
        float
            0, or the seconds to wait; then nothing was counted.
        """
        with self.transaction() as connection:
            connection.execute("delete from failures where last_at < ?", (stamp(forget_before),))
            longest = 0.0
            for key, wait in waits:
                row = connection.execute("select count, last_at from failures where key = ?", (key,)).fetchone()
                if row is not None:
                    since = (at - datetime.fromisoformat(row[1])).total_seconds()
                    longest = max(longest, wait(row[0], max(0.0, since)))
            if longest == 0.0:
                connection.executemany(
                    "insert into failures (key, count, last_at) values (?1, 1, ?2)"
                    " on conflict (key) do update set count = count + 1, last_at = ?2",
                    [(key, stamp(at)) for key, _ in waits],
                )
                connection.execute(
                    "delete from failures where key in (select key from failures order by last_at desc limit -1"
                    " offset ?)",
                    (MOST_FAILURES,),
                )
            return longest

    def forget_attempts(self, key: str) -> None:
        """After a success: nothing has failed under this key."""
        with self.transaction() as connection:
            connection.execute("delete from failures where key = ?", (key,))

    def take_back_attempt(self, key: str) -> None:
        """After a success: one attempt less under a key that others share."""
        with self.transaction() as connection:
            connection.execute("update failures set count = count - 1 where key = ? and count > 0", (key,))

    # ------------------------------------------------------------------ keys

    def key(self, name: str) -> bytes:
        """32 random bytes under a name, made on first use."""
        row = self.connection.execute("select value from keys where name = ?", (name,)).fetchone()
        if row is not None:
            return bytes(row[0])
        with self.transaction() as connection:
            connection.execute(
                "insert or ignore into keys (name, value) values (?, ?)", (name, secrets.token_bytes(32))
            )
            return bytes(connection.execute("select value from keys where name = ?", (name,)).fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _make_private(path: Path) -> None:
    """Make the file readable for its owner only, also one that was copied with another mode."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        with contextlib.suppress(OSError):
            if each.stat().st_mode & 0o077:
                each.chmod(0o600)
