"""Ranked batches: uncertain items that are unlike what is answered and unlike each other."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from labelkit.query.base import PoolPart, Selection
from labelkit.query.geometry import (
    mean_distances,
    nearest_squared,
    rows_of,
    sampled_note,
    squared_lengths,
    squared_to,
    subsample,
)
from labelkit.query.measures import least_confidence
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked
from labelkit.types import FloatArray, IntArray

LIMIT: Final = 100_000
"""Above so many candidates a seeded sample of them is ranked."""
REFERENCE: Final = 2_000
"""Without answered items the first choice is the most central item, measured against at most so many others."""


class RankedBatch:
    """Greedy balance of distance to the nearest answered or chosen item, and of the end model's doubt.

    Cardoso et al., "Ranked batch-mode active learning", Information Sciences 2017. The picks are those
    of modAL's ``uncertainty_batch_sampling`` on the same rows, but each choice costs one pass over the
    distances kept from the last, where modAL measures all distances again.
    """

    name: Final = "ranked_batch"
    needs: frozenset[PoolPart] = frozenset({"end_model", "features"})
    wants: frozenset[PoolPart] = frozenset({"labelled"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores of the first choice, 0 to 1; without answered items the doubt alone."""
        del rng
        doubt = least_confidence(part(pool.end_model, "end_model", self.name))
        X = rows_of(part(pool.features, "features", self.name), np.arange(len(pool)))
        answered = _answered(pool)
        if answered is None or not len(pool):
            return doubt
        return _scores(nearest_squared(X, squared_lengths(X), answered), doubt, len(pool), answered.shape[0])

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        rows = subsample(pool, candidates, max(LIMIT, count), rng)
        doubt = least_confidence(part(pool.end_model, "end_model", self.name)[rows])
        X = rows_of(part(pool.features, "features", self.name), rows)
        picks, scores, far = ranked_batch(X, doubt, _answered(pool), count)
        reasons = tuple(self._told(pool, int(rows[i]), d) for i, d in zip(picks, far, strict=True))
        return Selection(rows[picks], scores, reasons, sampled_note(self.name, len(rows), len(candidates)))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        best = int(ranked(row)[0])
        return f"end model is {percent(float(row[best]))} sure of {pool.label_names[best]}"

    def _told(self, pool: Pool, row: int, distance: float) -> str:
        if not np.isfinite(distance):
            return f"the most central item of the pool; {self.reason(pool, row)}"
        nearest = f"distance {distance:.2f} to the nearest"
        return f"unlike all answered and chosen items ({nearest}); {self.reason(pool, row)}"


def ranked_batch(
    X: Any, doubt: FloatArray, answered: Any | None, count: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Choose ``count`` rows of X one by one.

    Parameters
    ----------
    X
        (m, d) in double precision, CSR or array.
    doubt
        (m,) from 0 to 1.
    answered
        (l, d) rows of answered items, or None.

    Returns
    -------
    picks, scores, distances
        (count,) each: row, its score when it was chosen, its distance then to the nearest answered or
        chosen row (infinite for a first one without any).
    """
    m = X.shape[0]
    lengths = squared_lengths(X)
    picks: list[int] = []
    scores: list[float] = []
    far: list[float] = []
    known = 0 if answered is None else int(answered.shape[0])
    if answered is None:
        first = _central(X, lengths)
        picks, scores, far = [first], [1.0], [np.inf]
        nearest = squared_to(X, lengths, first)
        known = 1
        free = m - 1
    else:
        nearest = nearest_squared(X, lengths, answered)
        free = m
    similarity = np.zeros(m)
    while len(picks) < count:
        # With no answered item the first choice keeps its place among the unlabelled in modAL's count.
        values = _scores(nearest, doubt, free if answered is not None else free + 1, known, out=similarity)
        values[picks] = -np.inf
        best = int(values.argmax())
        picks.append(best)
        scores.append(float(values[best]))
        far.append(float(np.sqrt(nearest[best])))
        if len(picks) < count:
            np.minimum(nearest, squared_to(X, lengths, best), out=nearest)
        free -= 1
        known += 1
    return np.array(picks, dtype=np.int64), np.array(scores), np.array(far)


def _scores(nearest: FloatArray, doubt: FloatArray, free: int, known: int, out: FloatArray | None = None) -> FloatArray:
    """alpha · (1 − similarity to the nearest) + (1 − alpha) · doubt, alpha = share of unlabelled rows."""
    alpha = free / (free + known)
    similar = np.sqrt(nearest, out=out)
    similar += 1.0
    np.divide(-alpha, similar, out=similar)
    similar += alpha
    similar += (1.0 - alpha) * doubt
    return similar


def _central(X: Any, lengths: FloatArray) -> int:
    """The row with the least mean distance to the others (to a spread of them, where they are many)."""
    step = max(1, -(-X.shape[0] // REFERENCE))
    return int(np.argmin(mean_distances(X, lengths, X[::step])))


def _answered(pool: Pool) -> Any | None:
    if pool.labelled is None or pool.labelled.features is None or not len(pool.labelled):
        return None
    return rows_of(pool.labelled.features, np.arange(len(pool.labelled)))
