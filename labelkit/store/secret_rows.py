"""What sessions and codes of the side file have in common: rows under a secret's digest that end, and are forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import astuple, fields
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from labelkit.store.database import stamp

KEPT_AFTER_END: Final = timedelta(days=30)
"""Rows that are over are deleted after so long."""

Row = TypeVar("Row")


class SecretRows(Generic[Row]):
    """One table of :class:`labelkit.store.secrets.Secrets`. A row is live until its time or until it was ended.

    A subclass names the table, the dataclass whose fields are its columns, and the column that says when a row was
    ended.
    """

    table: ClassVar[str]
    record: ClassVar[type[Any]]
    ended: ClassVar[str]

    def __init__(
        self, connection: sqlite3.Connection, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    ) -> None:
        self._connection = connection
        self._transaction = transaction
        self._columns = [field.name for field in fields(self.record)]
        self._live = f"{self.ended} is null and (expires_at is null or expires_at > ?)"

    def _insert(self, connection: sqlite3.Connection, row: Row, *, at: datetime) -> None:
        """Add a row; those that have been over for long go."""
        old = stamp(at - KEPT_AFTER_END)
        connection.execute(f"delete from {self.table} where expires_at < ?1 or {self.ended} < ?1", (old,))
        places = ", ".join("?" * len(self._columns))
        connection.execute(
            f"insert into {self.table} ({', '.join(self._columns)}) values ({places})",
            astuple(row),  # type: ignore[call-overload]
        )

    def _rows(self, where: str, values: tuple[str, ...], *, at: datetime) -> list[Row]:
        """Live rows for which a condition holds, the newest first."""
        found = self._connection.execute(
            f"select {', '.join(self._columns)} from {self.table} where {where} and {self._live}"
            " order by created_at desc",
            (*values, stamp(at)),
        )
        return [self.record(*row) for row in found]

    def _end(self, where: str, values: tuple[str, ...], *, at: datetime) -> int:
        """End the live rows for which a condition holds; returns how many."""
        with self._transaction() as connection:
            return connection.execute(
                f"update {self.table} set {self.ended} = ? where {where} and {self._live}",
                (stamp(at), *values, stamp(at)),
            ).rowcount
