"""Every step that ran, and what it left: probabilities, predictions, a queue."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelkit.errors import ProjectDamaged, StepMissing
from labelkit.store.codec import from_json, pack, pack_arrays, to_json, unpack, unpack_arrays
from labelkit.store.database import Database, now
from labelkit.store.events import append
from labelkit.store.run_writer import Result, RunWriter
from labelkit.store.runs_kept import KeptRuns
from labelkit.types import SHARD_SIZE, FloatArray, IntArray, QueueEntry

KEPT_RUNS = 4
"""The current run of a step and the last three keep their arrays; pinned ones always do."""
PART_BYTES = 1 << 20
"""Probabilities that one transaction stores at most, before packing: it holds the write lock for some 20 ms."""
_PARTS = 1 << 20
"""More parts than a shard has rows."""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one step."""

    id: int
    step: str
    parameters: dict[str, Any]
    inputs: str
    seed: int | None
    versions: dict[str, str]
    metrics: dict[str, Any]
    started_at: str
    seconds: float


class Runs:
    """Writes runs and reads them back.

    A step computes first and then stores everything through :meth:`finish`: a run is either there with
    its whole result or not at all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.versions = KeptRuns(database)

    def latest(self, step: str) -> Run | None:
        """The newest finished run of a step."""
        return self._read("where step = ? and status = 'done' order by id desc limit 1", step)

    def get(self, run: int) -> Run | None:
        """A finished run by its number."""
        return self._read("where id = ? and status = 'done'", run)

    def _read(self, where: str, parameter: Any) -> Run | None:
        row = self._database.one(
            "select id, step, parameters, inputs, seed, versions, metrics, started_at, seconds from runs " + where,
            (parameter,),
        )
        if row is None:
            return None
        return Run(
            row[0], row[1], from_json(row[2]), row[3], row[4], from_json(row[5]), from_json(row[6]), row[7], row[8]
        )

    def begin(self, step: str, *, parameters: dict[str, Any], versions: dict[str, str]) -> int:
        """A run that writes while it works (an import): its number, to be closed by :meth:`end`."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "insert into runs (step, status, parameters, inputs, versions, started_at)"
                " values (?, 'running', ?, '', ?, ?)",
                (step, to_json(parameters), to_json(versions), now()),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def end(self, run: int, *, seconds: float, metrics: dict[str, Any], failed: bool = False) -> None:
        """Close a run from :meth:`begin`."""
        with self._database.transaction() as connection:
            connection.execute(
                "update runs set status = ?, seconds = ?, metrics = ? where id = ?",
                ("failed" if failed else "done", seconds, to_json(metrics), run),
            )
            append(connection, "run.failed" if failed else "run.done", {"run": run, "metrics": metrics})

    def finish(
        self,
        step: str,
        *,
        parameters: dict[str, Any],
        inputs: str,
        versions: dict[str, str],
        seconds: float,
        metrics: dict[str, Any],
        seed: int | None = None,
        state: dict[str, Any] | None = None,
        arrays: dict[str, npt.NDArray[Any]] | None = None,
        labels: tuple[FloatArray, IntArray] | None = None,
        predictions: FloatArray | None = None,
        queue: Sequence[QueueEntry] | None = None,
        roles: Iterable[tuple[int, str, float]] = (),
    ) -> int:
        """Store a finished run with all of its results; returns its number.

        Arrays are packed before anything is written and stored shard by shard in short transactions, so that
        an answer never waits for them. The last one makes the run valid, with its queue, at once: until then
        nobody sees it, and what a killed process left of it goes when the step runs again.

        Parameters
        ----------
        labels
            Probabilities (n, k) and decided stable class ids (n,), −1 = none.
        predictions
            Probabilities (n, k) of the end model.
        roles
            (item, role, inclusion probability) of items drawn at random for audit or tuning.
        """
        values = (
            step, to_json(parameters), inputs, seed, to_json(versions), to_json(metrics),
            None if state is None else to_json(state), None if arrays is None else pack_arrays(arrays), now(), seconds,
        )  # fmt: skip
        # Packed before the first transaction: between two of them nothing but a rest.
        results: list[Result] = []
        if labels is not None:
            results += _label_rows(*labels)
        if predictions is not None:
            results += _prediction_rows(predictions)
        writer = RunWriter(self._database, step)
        run = writer.begin(values)
        writer.write(run, results)
        writer.write_queue(run, queue or ())
        writer.end(run, roles)
        writer.prune(KEPT_RUNS)
        return run

    def model_state(self, run: int) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]] | None:
        """State and arrays of the label model that a run fitted."""
        row = self._database.one("select state, arrays from runs where id = ?", (run,))
        if row is None or row[0] is None:
            return None
        return from_json(row[0]), unpack_arrays(row[1]) if row[1] else {}

    def label_probabilities(self, run: int, classes: int) -> tuple[FloatArray, IntArray]:
        """Probabilities (n, classes) float32 and decided stable class ids (n,) of a label run.

        Raises
        ------
        StepMissing
            If the run is so old that its results are no longer kept.
        """
        rows = self._results(run, "rows, probabilities, labels from label_probabilities")
        parts = [unpack(p, "<f4", n * classes).reshape(n, classes) for n, p, _ in rows]
        return np.concatenate(parts), np.concatenate([unpack(data, "<i2", n) for n, _, data in rows])

    def predictions(self, run: int, classes: int) -> FloatArray:
        """Probabilities (n, classes) float32 of an end-model run; errors as in :meth:`label_probabilities`."""
        rows = self._results(run, "rows, probabilities from predictions")
        return np.concatenate([unpack(p, "<f4", n * classes).reshape(n, classes) for n, p in rows])

    def _results(self, run: int, what: str) -> list[Any]:
        rows = self._database.rows(f"select {what} where run = ? order by shard", (run,))
        if not rows:
            step = self._database.one("select step from runs where id = ?", (run,))
            again = f"Run `labelkit {step[0]}` again" if step else None
            raise StepMissing(f"the results of run {run} are not kept any more", hint=again)
        return rows

    def queue(self, run: int) -> list[QueueEntry]:
        """The ranked queue of a rank run."""
        rows = self._database.rows(
            "select rank, item, utility, role, strategy, inclusion_probability, reason from queue"
            " where run = ? order by rank",
            (run,),
        )
        return [QueueEntry(*row) for row in rows]

    def kept_queue(self, run: int) -> list[QueueEntry]:
        """As :meth:`queue`, of any run; errors as in :meth:`label_probabilities`."""
        queue = self.queue(run)
        if not queue and not self.versions.between("rank", run, run):
            raise StepMissing(f"the results of run {run} are not kept any more", hint="Run `labelkit rank` again")
        return queue

    def queue_length(self, run: int) -> int:
        """Number of items in the queue of a rank run."""
        return int(self._database.one("select count(*) from queue where run = ?", (run,))[0])

    def pin(self, run: int, pinned: bool = True) -> None:
        """Keep the results of a run for good, or no longer; errors as in :meth:`KeptRuns.pin`."""
        step = self.versions.pin(run, pinned)
        if not pinned:
            RunWriter(self._database, step).prune(KEPT_RUNS)

    def count(self) -> int:
        """Number of finished runs."""
        return int(self._database.one("select count(*) from runs where status = 'done'")[0])

    def problems(self) -> list[str]:
        """Stored results that cannot be read, or have another length than their run says."""
        found: list[str] = []
        for table, more in (("label_probabilities", ", t.labels"), ("predictions", "")):
            rows = self._database.stream(
                f"select r.id, r.step, r.parameters, t.shard, t.rows, t.probabilities{more}"
                f" from {table} t join runs r on r.id = t.run"
            )
            for run, step, parameters, shard, count, *blobs in rows:
                classes = from_json(parameters).get("class_ids")
                lengths = [("<f4", count * len(classes)) if classes else None, ("<i2", count)]
                found += [
                    f"shard {shard} of the results of run {run} (`labelkit {step}`) is damaged: {problem}"
                    for blob, length in zip(blobs, lengths, strict=False)
                    if length is not None and (problem := _array_problem(blob, *length))
                ]
        return found + self._state_problems()

    def _state_problems(self) -> list[str]:
        found = []
        for run, step, data in self._database.stream("select id, step, arrays from runs where arrays is not null"):
            try:
                unpack_arrays(data)
            except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
                found.append(f"the model of run {run} (`labelkit {step}`) is damaged: {error}")
        return found


def _label_rows(probabilities: FloatArray, labels: IntArray) -> Iterator[Result]:
    for key, rows in _parts(probabilities):
        part, decided = probabilities[rows], labels[rows]
        yield "label_probabilities", (key, len(part), pack(part.astype("<f4")), pack(decided.astype("<i2")))


def _prediction_rows(probabilities: FloatArray) -> Iterator[Result]:
    for key, rows in _parts(probabilities):
        part = probabilities[rows]
        yield "predictions", (key, len(part), pack(part.astype("<f4")))


def _parts(probabilities: FloatArray) -> Iterator[tuple[int, slice]]:
    """Keys and rows of what one transaction stores.

    Where a shard is small enough, its number is the key. Larger ones (many classes) are cut into parts, or answers
    would wait for the transaction: with 20 classes it held the write lock for 50 to 270 ms. Keys of parts are
    :func:`part_keys`; a run has one kind of keys, as they are its order.
    """
    n, k = probabilities.shape
    most = max(1, PART_BYTES // (4 * max(k, 1)))
    for shard, first in enumerate(range(0, max(n, 1), SHARD_SIZE)):
        last = min(first + SHARD_SIZE, n)
        if min(n, SHARD_SIZE) <= most:
            yield shard, slice(first, last)
        else:
            for key, at in zip(part_keys(shard), range(first, last, most), strict=False):
                yield key, slice(at, min(at + most, last))


def part_keys(shard: int) -> range:
    """Keys of the parts of a shard's results where it has several; those of no other shard, and no shard's number."""
    return range((shard + 1) * _PARTS, (shard + 2) * _PARTS)


def _array_problem(data: bytes, dtype: str, count: int) -> str | None:
    try:
        unpack(data, dtype, count)
    except ProjectDamaged as error:
        return error.message
    return None
