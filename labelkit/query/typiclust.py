"""TypiClust: one typical item from each group of similar items that nobody has answered."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from labelkit.query.base import PoolPart, Selection
from labelkit.query.clusters import assigned, kmeans
from labelkit.query.geometry import reduced, rows_of, sampled_note, subsample, unit_rows
from labelkit.query.parts import is_sparse
from labelkit.query.pool import Pool
from labelkit.query.words import part
from labelkit.types import FloatArray, IntArray

LIMIT: Final = 20_000
"""Above so many candidates a seeded sample of them is clustered."""
CLUSTERS: Final = 500
"""Clusters at most, as in the paper, unless a batch is larger."""
NEIGHBOURS: Final = 20
REFERENCE: Final = 1_000
"""Members of a cluster that neighbours are sought among, at most."""


class TypiClust:
    """Typical items of clusters without answers, the largest cluster first.

    Hacohen, Dekel and Weinshall, "Active learning on a budget: opposite strategies suit high and low
    budgets", ICML 2022. Typicality is the inverse of the mean distance to the 20 nearest neighbours in
    the cluster. Clusters are sought by k-means over unit rows; wide features are reduced to 64 columns
    first. It needs no model, which makes it a start from nothing.
    """

    name: Final = "typiclust"
    needs: frozenset[PoolPart] = frozenset({"features"})
    wants: frozenset[PoolPart] = frozenset({"labelled"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) typicality among all items; 0 for items outside the sample that a large pool is cut to."""
        rows = subsample(pool, np.arange(len(pool)), LIMIT, rng)
        scores = np.zeros(len(pool))
        if len(rows):
            scores[rows] = _typicality(self._coordinates(pool, rows, rng)[0])
        return scores

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        rows = subsample(pool, candidates, max(LIMIT, count), rng)
        X, answered = self._coordinates(pool, rows, rng)
        wanted = min(max(CLUSTERS, count), len(answered) + count, len(rows))
        clusters, centres = kmeans(X, wanted, rng)
        sizes = np.bincount(clusters, minlength=len(centres))
        held = np.bincount(assigned(answered, centres), minlength=len(centres)) if len(answered) else 0 * sizes
        order, typical = _by_cluster(X, clusters, len(centres))
        picks: list[int] = []
        reasons: list[str] = []
        used = np.zeros(len(centres), dtype=np.int64)
        while len(picks) < count:
            # The fewest answered or chosen first; among these the largest: few turns cost little.
            open_ = np.flatnonzero(used < sizes)
            c = int(open_[np.lexsort((-sizes[open_], held[open_] + used[open_]))[0]])
            picks.append(int(order[c][used[c]]))
            reasons.append(_told(int(sizes[c]), int(held[c]), int(used[c])))
            used[c] += 1
        chosen = np.array(picks, dtype=np.int64)
        notes = sampled_note(self.name, len(rows), len(candidates))
        return Selection(rows[chosen], typical[chosen], tuple(reasons), notes)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        del i
        return f"typical of items that are like it, among {len(pool):,}"

    def _coordinates(self, pool: Pool, rows: IntArray, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Coordinates of the rows and of the answered items, in one space."""
        X: Any = rows_of(part(pool.features, "features", self.name), rows)
        answered = pool.labelled
        if answered is None or answered.features is None or not len(answered):
            coordinates = reduced(unit_rows(X), rng)
            return coordinates, np.zeros((0, coordinates.shape[1]))
        kept = np.sort(rng.permutation(len(answered))[:LIMIT])
        theirs = rows_of(answered.features, kept)
        if is_sparse(X) != is_sparse(theirs):
            X, theirs = (each.toarray() if is_sparse(each) else each for each in (X, theirs))
        both = reduced(unit_rows(stacked(X, theirs)), rng)
        return both[: len(rows)], both[len(rows) :]


def stacked(X: Any, others: Any) -> Any:
    if not is_sparse(X):
        return np.concatenate([X, others])
    from scipy.sparse import vstack

    return vstack([X, others], format="csr")


def _by_cluster(X: FloatArray, clusters: IntArray, count: int) -> tuple[list[IntArray], FloatArray]:
    """Each cluster's rows, most typical first, and the typicality of every row."""
    typical = np.zeros(len(X))
    order: list[IntArray] = []
    by_cluster = np.argsort(clusters, kind="stable")
    bounds = np.searchsorted(clusters[by_cluster], np.arange(count + 1))
    for c in range(count):
        rows = by_cluster[bounds[c] : bounds[c + 1]]
        typical[rows] = _typicality(X[rows])
        order.append(rows[np.argsort(-typical[rows], kind="stable")])
    return order, typical


def _typicality(X: FloatArray) -> FloatArray:
    """(m,) 1 ÷ (1 + mean distance to the nearest neighbours), among an even spread of the rows."""
    m = len(X)
    if m < 2:
        return np.ones(m)
    step = -(-m // REFERENCE)
    reference = X[::step]
    theirs, ours = (reference**2).sum(axis=1), (X**2).sum(axis=1)
    k = min(NEIGHBOURS, max(1, len(reference) - 1))
    out = np.zeros(m)
    for start in range(0, m, 2048):
        stop = min(start + 2048, m)
        block = ours[start:stop, None] + theirs - 2.0 * (X[start:stop] @ reference.T)
        own = np.arange(start, stop)
        inside = own % step == 0
        # A row is no neighbour of its own.
        block[np.flatnonzero(inside), own[inside] // step] = np.inf
        near = np.partition(block, k - 1, axis=1)[:, :k] if k < block.shape[1] else block
        near = np.sqrt(np.maximum(near, 0.0))
        finite = np.isfinite(near)
        out[start:stop] = np.where(finite, near, 0.0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    return 1.0 / (1.0 + out)


def _told(size: int, held: int, used: int) -> str:
    if size == 1:
        near = f"{held:,} near it are answered" if held else "nobody has answered one near it"
        return f"like no other item that was looked at; {near}"
    answers = "nobody has answered one of them" if not held else f"{held:,} like them are answered"
    typical = "the most typical" if not used else f"after {used:,} others a typical one"
    return f"{typical} of {size:,} similar items; {answers}"
