"""Group commits: what several people sent becomes durable with one write to the disk."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import Final

from labelkit.store.database import BUSY_SECONDS, Database, immediate

_RETRY_SECONDS: Final = 0.001
"""SQLite itself waits longer and longer, up to 0.1 s, while quicker writers pass by."""


class Group:
    """One transaction for several operations, each in a savepoint: one that fails leaves no trace of itself only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.open = False

    def take_over(self) -> None:
        """Make this the connection of the server's writer: it waits for its turn and merges the log by itself."""
        self._database.connection.execute("pragma busy_timeout = 0")
        self._database.connection.execute("pragma wal_autocheckpoint = 0")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """``BEGIN IMMEDIATE`` … one commit; what was done within is durable when this ends."""
        try:
            with immediate(self._database.connection, self._database.path, self._begin):
                self.open = True
                yield
        finally:
            self.open = False

    def _begin(self) -> None:
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self._database.connection.execute("begin immediate")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_RETRY_SECONDS)

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[sqlite3.Connection]:
        """One operation within :meth:`transaction`."""
        connection = self._database.connection
        connection.execute("savepoint one")
        try:
            yield connection
        except BaseException:
            if connection.in_transaction:  # else SQLite has rolled back everything (full disk)
                connection.execute("rollback to one")
                connection.execute("release one")
            raise
        connection.execute("release one")

    @property
    def lost(self) -> bool:
        """Whether SQLite has given up the whole transaction after an error within."""
        return self.open and not self._database.connection.in_transaction

    def changes(self) -> int:
        """Another number after another connection has written anything."""
        return int(self._database.one("pragma data_version")[0])

    def merge_log(self, *, restart: bool = False) -> tuple[int, int]:
        """Merge the write-ahead log into the file; (pages in the log, pages of them that are merged).

        Nobody has to wait for it. With ``restart``, by the writer itself between two transactions, the log begins
        anew if all of it is merged and nobody reads from it: without that it grows as long as people answer.
        """
        mode = "restart" if restart else "passive"
        _, pages, merged = self._database.one(f"pragma wal_checkpoint({mode})")
        return int(pages), int(merged)
