"""Writing what a run left, in transactions short enough that answers do not wait."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from labelkit.store.database import Database, now
from labelkit.store.events import append
from labelkit.store.presence import Pace
from labelkit.types import QueueEntry

Result = tuple[str, tuple[Any, ...]]
"""A table with results of runs, and one row of it without its first column, the run."""

_TABLES = ("label_probabilities", "predictions", "queue")
_OLD = (
    "step = ? and status = 'done' and not pinned and id not in"
    " (select id from runs where step = ? and status = 'done' and not pinned order by id desc limit ?)"
)


class RunWriter:
    """Stores one run of a step. Only the holder of the project lock uses it."""

    def __init__(self, database: Database, step: str) -> None:
        self._database = database
        self._step = step

    def begin(self, values: tuple[Any, ...]) -> int:
        """A run that nobody sees yet; what a killed process left of an earlier one is removed."""
        left = self._database.rows("select id from runs where step = ? and status = 'running'", (self._step,))
        for table in _TABLES:
            self._delete(table, left)
        with self._database.transaction() as connection:
            connection.executemany("delete from runs where id = ?", left)
            cursor = connection.execute(
                "insert into runs (status, step, parameters, inputs, seed, versions, metrics, state, arrays,"
                " started_at, seconds) values ('running', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                values,
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def write(self, run: int, results: Iterable[Result]) -> None:
        """Rows with packed arrays, each in a transaction of its own."""
        pace = Pace(self._database.path, rows=1)
        for table, row in results:
            pace.rows(1)
            with self._database.transaction() as connection:
                began = time.perf_counter()
                connection.execute(f"insert into {table} values ({','.join('?' * (len(row) + 1))})", (run, *row))
            pace.measured(1, time.perf_counter() - began)

    def write_queue(self, run: int, queue: Sequence[QueueEntry]) -> None:
        """The ranked queue."""
        pace, first = Pace(self._database.path), 0
        while first < len(queue):
            rows = pace.rows(len(queue) - first)
            values = [
                (run, e.rank, e.item, e.utility, e.role, e.strategy, e.inclusion_probability, e.reason)
                for e in queue[first : first + rows]
            ]
            with self._database.transaction() as connection:
                began = time.perf_counter()
                connection.executemany(
                    "insert into queue (run, rank, item, utility, role, strategy, inclusion_probability, reason)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
            pace.measured(rows, time.perf_counter() - began)
            first += rows

    def end(self, run: int, roles: Iterable[tuple[int, str, float]]) -> None:
        """Make the run valid: from here on it is the latest of its step, and what it drew keeps its role for good."""
        at = now()
        drawn = [(item, role, probability, run, at) for item, role, probability in roles]
        with self._database.transaction() as connection:
            connection.executemany(
                "insert or ignore into item_roles (item, role, inclusion_probability, run, drawn_at)"
                " values (?, ?, ?, ?, ?)",
                drawn,
            )
            connection.execute("update runs set status = 'done' where id = ?", (run,))
            inputs = connection.execute("select inputs from runs where id = ?", (run,)).fetchone()[0]
            append(connection, "run.done", {"run": run, "step": self._step, "inputs": inputs})

    def prune(self, kept: int) -> None:
        """Forget the results of all but the latest runs of this step; pinned ones stay."""
        for table in _TABLES:
            left = f"exists (select 1 from {table} where run = runs.id)"
            old = self._database.rows(f"select id from runs where {_OLD} and {left}", (self._step, self._step, kept))
            self._delete(table, old)
        with self._database.transaction() as connection:
            connection.execute(
                f"update runs set state = null, arrays = null where {_OLD} and coalesce(state, arrays) is not null",
                (self._step, self._step, kept),
            )

    def _delete(self, table: str, runs: Sequence[tuple[int]]) -> None:
        """Delete what a table holds of some runs, a shard or some rows of a queue at a time."""
        key = "rank" if table == "queue" else "shard"
        for (run,) in runs:
            pace = Pace(self._database.path, rows=500 if table == "queue" else 1)
            while (top := self._last(table, key, run)) is not None:
                rows = pace.rows(top + 1) if table == "queue" else 1
                with self._database.transaction() as connection:
                    began = time.perf_counter()
                    connection.execute(f"delete from {table} where run = ? and {key} > ?", (run, top - rows))
                pace.measured(rows, time.perf_counter() - began)

    def _last(self, table: str, key: str, run: int) -> int | None:
        found: int | None = self._database.one(f"select max({key}) from {table} where run = ?", (run,))[0]
        return found
