"""The full-text index over the items: built in short transactions, kept by triggers from then on.

The table ``items_fts`` is an FTS5 index of external content. While it is being built, the key
``items_fts_next`` of the table ``project`` holds the first item that is not in it yet, and triggers keep only
what lies before that number: FTS5 must never be told to delete what it does not hold. The transaction that
indexes the last item puts the final triggers in their place and removes the key. So the build may be
interrupted anywhere, several processes may build at once, and items may come, change and go meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from typing import Final

from labelkit.store.database import Database
from labelkit.store.presence import Pace

_NEXT: Final = "items_fts_next"
_FIRST_ROWS: Final = 200
"""Rows of the first transaction while people answer: texts may be long."""
_MOST_ROWS: Final = 100_000
"""Rows of a transaction while nobody does."""
_NO_END: Final = 2**62

_ADD: Final = "insert into items_fts (rowid, text) values (new.rowid, new.text);"
_DROP: Final = "insert into items_fts (items_fts, rowid, text) values ('delete', old.rowid, old.text);"
_INDEXED: Final = f"when old.rowid < (select cast(value as integer) from project where key = '{_NEXT}')"
_TRIGGERS: Final = ("items_ai", "items_ad", "items_au")


class SearchIndex:
    """Builds the index over ``items.text`` and says whether it is there."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ready(self) -> bool:
        """Whether every item is in the index."""
        return bool(
            self._database.one(
                "select exists (select 1 from sqlite_master where name = 'items_fts')"
                f" and not exists (select 1 from project where key = '{_NEXT}')"
            )[0]
        )

    def build(self, *, most_seconds: float | None = None) -> bool:
        """Index what is not indexed yet; returns whether the index is ready.

        Parameters
        ----------
        most_seconds
            Stop after about so long; None: go on to the end.

        Raises
        ------
        StorageError
            If the project cannot be written.
        """
        until = None if most_seconds is None else time.monotonic() + most_seconds
        pace = Pace(self._database.path, rows=_FIRST_ROWS)
        while not self.ready():
            self._step(pace)
            if until is not None and time.monotonic() > until:
                return self.ready()
        return True

    def _step(self, pace: Pace) -> None:
        rows = pace.rows(_MOST_ROWS)
        with self._database.transaction() as connection:
            began = time.perf_counter()
            first = _position(connection)
            if first is not None:
                _add(connection, first, rows)
        pace.measured(rows, time.perf_counter() - began)


def _position(connection: sqlite3.Connection) -> int | None:
    """The first item that is not indexed; None if all are. Makes the empty index where there is none."""
    row = connection.execute(f"select value from project where key = '{_NEXT}'").fetchone()
    if row is not None:
        return int(row[0])
    if connection.execute("select 1 from sqlite_master where name = 'items_fts'").fetchone():
        return None
    connection.execute("create virtual table items_fts using fts5 (text, content=items)")
    connection.execute(f"create trigger items_ad after delete on items {_INDEXED} begin {_DROP} end")
    connection.execute(f"create trigger items_au after update on items {_INDEXED} begin {_DROP} {_ADD} end")
    connection.execute(f"insert into project values ('{_NEXT}', '0')")
    return 0


def _add(connection: sqlite3.Connection, first: int, rows: int) -> None:
    """Index up to so many items from ``first`` on; with the last one the index is complete."""
    after = connection.execute(
        "select item from items where item >= ? order by item limit 1 offset ?", (first, rows)
    ).fetchone()
    connection.execute(
        "insert into items_fts (rowid, text) select item, text from items where item >= ? and item < ?",
        (first, _NO_END if after is None else after[0]),
    )
    if after is not None:
        connection.execute(f"update project set value = ? where key = '{_NEXT}'", (str(after[0]),))
        return
    for name in _TRIGGERS:
        connection.execute(f"drop trigger if exists {name}")
    connection.execute(f"create trigger items_ai after insert on items begin {_ADD} end")
    connection.execute(f"create trigger items_ad after delete on items begin {_DROP} end")
    connection.execute(f"create trigger items_au after update on items begin {_DROP} {_ADD} end")
    connection.execute(f"delete from project where key = '{_NEXT}'")
