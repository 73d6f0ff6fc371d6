"""Versions: which runs there are, which of them still have their results, and which are pinned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from labelkit.errors import StepMissing
from labelkit.store.database import Database
from labelkit.store.events import append

RESULTS: Final = {"label": "label_probabilities", "train": "predictions", "rank": "queue"}
"""Step → table with the results of its runs."""


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A finished run, and whether its results are still there."""

    id: int
    step: str
    inputs: str
    started_at: str
    seconds: float
    kept: bool
    pinned: bool


class KeptRuns:
    """Which versions of models and queues there are. Only the holder of the project lock pins."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def listed(self, steps: Sequence[str] = tuple(RESULTS), *, limit: int | None = None) -> list[KeptRun]:
        """Finished runs of these steps, the newest first; ``limit`` of each step."""
        rows = []
        for step in steps:
            rows += self._database.rows(
                f"select id, step, inputs, started_at, seconds, {_kept(step)}, pinned from runs"
                " where step = ? and status = 'done' order by id desc limit ?",
                (step, -1 if limit is None else limit),
            )
        runs = [KeptRun(i, step, inputs, at, s, bool(kept), bool(pin)) for i, step, inputs, at, s, kept, pin in rows]
        return sorted(runs, key=lambda run: run.id, reverse=True)

    def resting_on(self, step: str, parameter: str, run: int) -> int | None:
        """The newest finished run of a step whose parameter says that it rests on a run."""
        row = self._database.one(
            "select max(id) from runs where step = ? and status = 'done' and id > ?"
            " and json_extract(parameters, '$.' || ?) = ?",
            (step, run, parameter, run),
        )
        return None if row[0] is None else int(row[0])

    def between(self, step: str, first: int, last: int) -> list[int]:
        """Runs of a step that still have their results, from ``first`` to ``last``, in order."""
        rows = self._database.rows(
            f"select id from runs where step = ? and status = 'done' and id between ? and ? and {_kept(step)}"
            " order by id",
            (step, first, last),
        )
        return [run for (run,) in rows]

    def pin(self, run: int, pinned: bool) -> str:
        """Mark a run whose results are kept until the mark is taken away, in the log of events; its step.

        Raises
        ------
        StepMissing
            If there is no such run of label, train or rank, or its results are gone already.
        """
        with self._database.transaction() as connection:
            row = connection.execute(
                "select step, pinned from runs where id = ? and status = 'done'", (run,)
            ).fetchone()
            if row is None or row[0] not in RESULTS:
                known = "there is no such run" if row is None else f"it is a run of `labelkit {row[0]}`"
                raise StepMissing(
                    f"run {run} cannot be pinned: {known}", hint="`labelkit runs` lists those of label, train and rank"
                )
            if bool(row[1]) == pinned:
                return str(row[0])
            if (
                pinned
                and not connection.execute(f"select {_kept(row[0])} from runs where id = ?", (run,)).fetchone()[0]
            ):
                raise StepMissing(
                    f"run {run} cannot be pinned: its results are not kept any more",
                    hint="`labelkit runs` shows which are kept",
                )
            connection.execute("update runs set pinned = ? where id = ?", (pinned, run))
            append(connection, "run.pinned" if pinned else "run.unpinned", {"run": run, "step": row[0]})
            return str(row[0])


def _kept(step: str) -> str:
    """SQL: whether the results of a run of this step are there. An empty queue has none to lose."""
    there = f"exists (select 1 from {RESULTS[step]} where run = runs.id)"
    return f"({there} or coalesce(json_extract(metrics, '$.pool') = 0, 0))" if step == "rank" else there
