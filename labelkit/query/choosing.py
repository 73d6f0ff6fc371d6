"""A strategy asked for a batch, whatever kind it is, and what it answers checked: third parties' run here too."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from labelkit.errors import LabelkitError, QueryError
from labelkit.query.base import BatchStrategy, QueryStrategy, Selection
from labelkit.query.keys import random_keys
from labelkit.query.pool import Pool
from labelkit.query.selection import top
from labelkit.types import FloatArray, IntArray


def missing(s: QueryStrategy, pool: Pool) -> list[str]:
    """The parts that a strategy needs and the pool does not have."""
    return sorted(part for part in s.needs if getattr(pool, part) is None)


def choose(s: QueryStrategy, pool: Pool, candidates: IntArray, count: int, seed: int) -> Selection:
    """The strategy's batch from the candidates, checked, with a utility and a reason for each.

    A strategy that composes others calls this in its own ``select``:
    ``choose(strategy("margin"), pool, candidates, count, seed)``.

    Parameters
    ----------
    candidates
        (c,) rows of the pool, ascending.
    count
        As many, or all where there are fewer.

    Raises
    ------
    QueryError
        If the strategy fails, or returns scores or rows that are none.
    """
    count = min(count, len(candidates))
    if count <= 0:
        return Selection(np.zeros(0, dtype=np.int64), np.zeros(0), ())
    if isinstance(s, BatchStrategy):
        return selected(s, pool, candidates, count, seed)
    scores = utilities(s, pool, seed)
    rows = candidates[top(scores[candidates], random_keys(pool.items[candidates], seed), count)]
    return Selection(rows, scores[rows], tuple(s.reason(pool, int(row)) for row in rows))


def utilities(s: QueryStrategy, pool: Pool, seed: int) -> FloatArray:
    """The strategy's scores of all items, checked: (m,) float64."""
    try:
        scores = np.asarray(s.utilities(pool, generator(s, seed)))
    except LabelkitError:
        raise
    except Exception as error:  # somebody's own strategy can raise anything
        raise failed(s, error) from error
    if scores.shape != (len(pool),):
        raise QueryError(f"query strategy {s.name!r} returned scores of shape {scores.shape} for {len(pool)} items")
    if not np.issubdtype(scores.dtype, np.floating):
        raise QueryError(f"query strategy {s.name!r} returned scores of type {scores.dtype}; floats were expected")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise QueryError(
            f"query strategy {s.name!r} scored item {int(pool.items[bad[0]])} as {scores[bad[0]]}"
            f" ({bad.size} of {len(pool)} items are not finite numbers)"
        )
    return scores.astype(np.float64, copy=False)


def selected(s: BatchStrategy, pool: Pool, candidates: IntArray, count: int, seed: int) -> Selection:
    """A batch strategy's choice, checked."""
    try:
        given = s.select(pool, candidates, count, generator(s, seed))
    except LabelkitError:
        raise
    except Exception as error:  # somebody's own strategy can raise anything
        raise failed(s, error) from error
    chosen = given if isinstance(given, Selection) else Selection(np.asarray(given))
    rows = check_rows(s.name, pool, candidates, np.asarray(chosen.rows), count)
    scores = 1.0 - np.arange(len(rows)) / len(rows) if chosen.utilities is None else np.asarray(chosen.utilities)
    if scores.shape != rows.shape or not np.isfinite(scores).all():
        raise QueryError(
            f"query strategy {s.name!r} returned utilities {_some(scores)} for {len(rows)} chosen items;"
            " a finite number each was expected"
        )
    reasons = chosen.reasons
    if reasons is None:
        reasons = tuple(s.reason(pool, int(row)) for row in rows)
    elif len(reasons) != len(rows):
        raise QueryError(f"query strategy {s.name!r} returned {len(reasons)} reasons for {len(rows)} chosen items")
    return Selection(rows, scores.astype(np.float64), tuple(reasons), tuple(chosen.notes))


def check_rows(name: str, pool: Pool, candidates: IntArray, rows: IntArray, count: int) -> IntArray:
    """The rows that a strategy chose, if they are ``count`` distinct candidates.

    Raises
    ------
    QueryError
        Naming the strategy and what is wrong: NaN, no whole numbers, too few or many, out of range,
        twice the same, or items that may not be chosen.
    """
    who = f"query strategy {name!r} returned"
    if rows.ndim != 1:
        raise QueryError(f"{who} rows of shape {rows.shape}; one dimension was expected")
    if rows.size and not np.issubdtype(rows.dtype, np.integer):
        if not np.issubdtype(rows.dtype, np.floating):
            raise QueryError(f"{who} rows of type {rows.dtype}; whole numbers were expected")
        if np.isnan(rows).any():
            raise QueryError(f"{who} NaN as row {int(np.flatnonzero(np.isnan(rows))[0]) + 1} of its choice")
        if (rows != np.floor(rows)).any() or not np.isfinite(rows).all():
            raise QueryError(f"{who} rows {_some(rows)}; whole numbers were expected")
    outside = rows[(rows < 0) | (rows >= len(pool))]
    if outside.size:
        raise QueryError(f"{who} row {outside[0]}, out of range: the pool has rows 0 to {len(pool) - 1}")
    rows = rows.astype(np.int64)
    ordered = np.sort(rows)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if again.size:
        raise QueryError(f"{who} item {int(pool.items[again[0]])} twice in one batch")
    barred = rows[~np.isin(rows, candidates)]
    if barred.size:
        raise QueryError(
            f"{who} item {int(pool.items[barred[0]])}, which may not be chosen: it is labelled, drawn at random"
            " for audit or tuning, or in the queue already",
            hint="Choose among the candidates that select() is given",
        )
    if len(rows) != count:
        few = "too few" if len(rows) < count else "too many"
        raise QueryError(f"{who} {len(rows):,} items, {few}: {count:,} of {len(candidates):,} were asked for")
    return rows


def failed(s: QueryStrategy, error: Exception) -> QueryError:
    """The error of a strategy that raised."""
    told = " ".join(str(error).split())[:300]
    return QueryError(f"query strategy {s.name!r} failed: {type(error).__name__}: {told}")


def generator(s: QueryStrategy, seed: int) -> np.random.Generator:
    """A strategy's own random numbers: others in the mix do not change them."""
    return np.random.default_rng([seed, crc32(s.name.encode())])


def _some(values: FloatArray | IntArray) -> str:
    told = ", ".join(str(value) for value in values.ravel()[:5])
    return f"[{told}{', …' if values.size > 5 else ''}]"
