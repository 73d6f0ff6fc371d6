"""Votes and guesses shard by shard, for hints on single items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from labelkit.store.codec import unpack
from labelkit.store.database import Database
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
        row = self._database.one(
            "select probabilities, rows from predictions where run = ? and shard = ?", (run, shard)
        )
        return None if row is None else unpack(row[0], "<f4", row[1] * classes).reshape(row[1], classes)

    def label_probabilities(self, run: int, shard: int, classes: int) -> FloatArray | None:
        """The same of a label run; rows of items without a label are NaN."""
        row = self._database.one(
            "select probabilities, rows, labels from label_probabilities where run = ? and shard = ?", (run, shard)
        )
        if row is None:
            return None
        probabilities = np.array(unpack(row[0], "<f4", row[1] * classes).reshape(row[1], classes))
        probabilities[unpack(row[2], "<i2", row[1]) == ABSTAIN] = np.nan
        return probabilities

    def sources(self, items: Sequence[int]) -> dict[int, int]:
        """Item → number of the import run that its content came from; at most 900 items."""
        marks = ",".join("?" * len(items))
        return dict(self._database.rows(f"select item, source from items where item in ({marks})", list(items)))
