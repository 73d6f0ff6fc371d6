"""Votes and guesses shard by shard, for hints on single items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labelkit.store.codec import unpack
from labelkit.store.database import Database
from labelkit.store.runs import part_keys
from labelkit.types import ABSTAIN, FloatArray, IntArray


class HintReader:
    """Reads single shards of what runs left; writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, step: str) -> int | None:
        """The number of a step's newest finished run; nothing of the run is read."""
        row = self._database.one("select max(id) from runs where step = ? and status = 'done'", (step,))
        return None if row[0] is None else int(row[0])

    def votes(self, fingerprints: Sequence[str], shard_digest: str) -> IntArray | None:
        """Votes (rows, m) of functions on one shard as stable class ids; None if one of them has not run on it."""
        columns = []
        for fingerprint in fingerprints:
            row = self._database.one(
                "select votes, dtype, rows from votes where fingerprint = ? and shard_digest = ?",
                (fingerprint, shard_digest),
            )
            if row is None:
                return None
            columns.append(unpack(*row))
        return np.stack(columns, axis=1) if columns else None

    def predictions(self, run: int, shard: int, classes: int) -> FloatArray | None:
        """Probabilities (rows, classes) of an end-model run; None where they are not kept."""
        rows = self._shard(run, shard, "rows, probabilities from predictions")
        parts = [unpack(data, "<f4", n * classes).reshape(n, classes) for n, data in rows]
        return np.concatenate(parts) if parts else None

    def label_probabilities(self, run: int, shard: int, classes: int) -> FloatArray | None:
        """The same of a label run; rows of items without a label are NaN."""
        rows = self._shard(run, shard, "rows, probabilities, labels from label_probabilities")
        if not rows:
            return None
        probabilities = np.concatenate([unpack(data, "<f4", n * classes).reshape(n, classes) for n, data, _ in rows])
        probabilities[np.concatenate([unpack(data, "<i2", n) for n, _, data in rows]) == ABSTAIN] = np.nan
        return probabilities

    def _shard(self, run: int, shard: int, what: str) -> list[Any]:
        """What a run stored of one shard: one row, or its parts."""
        keys = part_keys(shard)
        return self._database.rows(
            f"select {what} where run = ? and (shard = ? or shard between ? and ?) order by shard",
            (run, shard, keys[0], keys[-1]),
        )

    def sources(self, items: Sequence[int]) -> dict[int, int]:
        """Item → number of the import run that its content came from; at most 900 items."""
        marks = ",".join("?" * len(items))
        return dict(self._database.rows(f"select item, source from items where item in ({marks})", list(items)))
