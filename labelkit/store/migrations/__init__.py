"""Numbered migrations of the project file. One file per number; each runs in one transaction.

A migration that has been released is never edited: a change of the tables is a new file, and a line at the
end of :data:`MIGRATIONS`. The number of the last one applied is the schema version, kept in
SQLite's ``user_version``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from labelkit.store.migrations.annotating import annotating
from labelkit.store.migrations.initial import initial
from labelkit.store.migrations.shards import shards

MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (initial, shards, annotating)
"""In order; migration number i + 1 stands at place i."""

SCHEMA_VERSION: Final = len(MIGRATIONS)
APPLICATION_ID: Final = 0x6C6B6974
"""'lkit' in SQLite's ``application_id``: tells a project file from any other SQLite file."""


def migrate(connection: sqlite3.Connection, present: int) -> None:
    """Apply the migrations after number ``present``, each in its own transaction."""
    for number, migration in enumerate(MIGRATIONS[present:], start=present + 1):
        connection.execute("begin immediate")
        try:
            # Another process may have migrated between our look and our lock.
            if connection.execute("pragma user_version").fetchone()[0] < number:
                migration(connection)
                connection.execute(f"pragma user_version = {number}")
                connection.execute(f"pragma application_id = {APPLICATION_ID}")
            connection.execute("commit")
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise


def objects(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """(kind, name) of every table, index and trigger → the statement that made it."""
    rows = connection.execute("select type, name, sql from sqlite_master where sql is not null")
    return {(kind, name): sql for kind, name, sql in rows}
