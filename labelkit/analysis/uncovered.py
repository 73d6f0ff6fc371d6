"""Items on which no labeling function voted, in groups of similar ones, with what marks each group.

Terms are weighted by rarity, reduced to a few dimensions (latent semantic analysis) and grouped by
k-means. Reference: Deerwester et al. (1990), Indexing by latent semantic analysis.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from labelkit.analysis.intervals import wilson
from labelkit.analysis.terms import TermTable
from labelkit.types import ABSTAIN, Estimate, IntArray

_DIMENSIONS: Final = 50
_MOST_CLUSTERS: Final = 12
_SMALLEST: Final = 20
"""There are no more clusters than leave so many items to each on average."""
_FEWEST_COVERED: Final = 20
"""Covered items from which on terms are held against these alone: fewer lack most words by chance."""
_LEAST_LIFT: Final = 2.0

Among = Literal["other items", "covered items"]


@dataclass(frozen=True)
class Trait:
    """A term that marks a cluster.

    Attributes
    ----------
    term
        A lower-case word, or a condition on a field.
    share
        Share of the cluster's items that have it.
    elsewhere
        Share of the items that the cluster is compared with that have it.
    lift
        How many times more common it is in the cluster; half an item is added on both sides, so that it
        is finite.
    label, right
        The class that most known items with the term have, in the cluster or outside, and their share: what a
        function for this class on this term would score. None where no such item's label is known.
    chance
        Share of that class among all known items that were looked at; NaN without ``label``.
    among
        The items that the cluster is compared with: "other items" are all outside it, "covered items" stand in
        for them where a term marks most uncovered items and so tells no cluster from the others.
    """

    term: str
    share: float
    elsewhere: float
    lift: float
    label: str | None
    right: Estimate
    chance: float
    among: Among = "other items"


@dataclass(frozen=True)
class UncoveredCluster:
    """Similar items without any vote.

    Attributes
    ----------
    items
        Their number: where only a part of the uncovered items was grouped, scaled up to all of them.
    traits
        What marks them, most telling first; empty for items that have nothing to compare (no text).
    examples
        Ids of the most typical ones: nearest to the centre, no two with the same terms.
    known
        Class → number of its items that are known to be of this class.
    """

    items: int
    traits: tuple[Trait, ...]
    examples: tuple[str, ...]
    known: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterInput:
    """Uncovered and covered items to compare: the first ``u`` rows of ``table`` are uncovered.

    Attributes
    ----------
    table
        Terms of u + c items.
    grouped
        Their number u.
    known
        (u + c,) known labels, −1 where unknown.
    ids
        What the uncovered ones are called: positions among them → ids.
    uncovered, covered
        How many items there are, of which these u and c are a random part.
    """

    table: TermTable
    grouped: int
    known: IntArray
    ids: Callable[[IntArray], list[str]]
    uncovered: int
    covered: int


def uncovered_clusters(
    given: ClusterInput, class_names: Sequence[str], *, traits: int = 6, examples: int = 5, seed: int = 0
) -> tuple[UncoveredCluster, ...]:
    """Groups of similar uncovered items, largest first.

    Parameters
    ----------
    given
        What to group.
    class_names
        Of the k classes.
    traits, examples
        So many at most for each cluster.
    seed
        For the dimensions and the starting points; the same seed gives the same clusters.
    """
    u = given.grouped
    if u == 0:
        return ()
    occurs = sp.csr_matrix(given.table.occurs[:, _telling(given)])
    filled = np.flatnonzero(np.diff(occurs.indptr)[:u] > 0)
    labels: npt.NDArray[np.int64] = np.full(u, -1, dtype=np.int64)
    distance = np.zeros(u)
    if len(filled):
        labels[filled], distance[filled] = _grouped(occurs, filled, seed)
    found = []
    for label in range(-1, int(labels.max()) + 1):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            found.append(_described(given, rows, distance, class_names, traits if label >= 0 else 0, examples))
    return tuple(sorted(found, key=lambda cluster: -cluster.items))


def _telling(given: ClusterInput) -> npt.NDArray[np.intp]:
    """Terms that are not common among covered and uncovered items alike: those would make groups of their own."""
    occurs, u = given.table.occurs, given.grouped
    shares = [_count(occurs, rows) / max(len(rows), 1) for rows in (np.arange(u), np.arange(u, occurs.shape[0]))]
    return np.flatnonzero(np.minimum(*shares) <= given.table.common)


def _grouped(
    occurs: sp.csr_matrix, rows: npt.NDArray[np.intp], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The cluster of each of the rows, and how far it lies from the cluster's centre."""
    from sklearn.cluster import KMeans
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rarity = np.log((1 + occurs.shape[0]) / (1 + np.asarray(occurs.sum(axis=0)).ravel())) + 1
    weighted = normalize(sp.csr_matrix(occurs[rows].multiply(rarity[None, :])))
    with threadpool_limits(1):  # sums in threads differ in their last bits
        points = normalize(_reduced(weighted, seed))
        different = len(np.unique(np.round(points, 6), axis=0))
        clusters = max(1, min(_MOST_CLUSTERS, len(rows) // _SMALLEST, different))
        model = KMeans(clusters, n_init=4, random_state=seed).fit(points)
        labels = model.labels_.astype(np.int64)
        away = np.linalg.norm(points - model.cluster_centers_[labels], axis=1)
    return labels, away


def _reduced(weighted: sp.csr_matrix, seed: int) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import TruncatedSVD

    dimensions = min(_DIMENSIONS, min(weighted.shape) - 1)
    if dimensions < 2:
        return np.asarray(weighted.toarray(), dtype=np.float64)
    with np.errstate(invalid="ignore"):  # shares of a variance that is zero where all items are alike
        points = TruncatedSVD(dimensions, random_state=seed).fit_transform(weighted)
    return np.asarray(points, dtype=np.float64)


def _described(
    given: ClusterInput,
    rows: npt.NDArray[np.intp],
    distance: npt.NDArray[np.float64],
    class_names: Sequence[str],
    traits: int,
    examples: int,
) -> UncoveredCluster:
    counts = _class_counts(given.known[rows], class_names)
    return UncoveredCluster(
        items=round(len(rows) * given.uncovered / given.grouped),
        traits=_traits(given, rows, class_names, traits) if traits else (),
        examples=_typical(given, rows[np.argsort(distance[rows], kind="stable")], examples),
        known={name: int(count) for name, count in zip(class_names, counts, strict=True) if count},
    )


def _typical(given: ClusterInput, rows: npt.NDArray[np.intp], count: int) -> tuple[str, ...]:
    occurs = given.table.occurs
    seen: set[bytes] = set()
    found: list[int] = []
    for row in rows:
        if len(found) == count:
            break
        terms = occurs.indices[occurs.indptr[row] : occurs.indptr[row + 1]].tobytes()
        if terms not in seen:
            seen.add(terms)
            found.append(int(row))
    return tuple(given.ids(np.array(found, dtype=np.intp)))


def _traits(
    given: ClusterInput, rows: npt.NDArray[np.intp], class_names: Sequence[str], count: int
) -> tuple[Trait, ...]:
    """Terms by how much they add to the divergence of the cluster from all other items, or from the covered ones.

    Those are left out that would mark little: not twice as common as there, in a single item, or too common
    there. A term that all uncovered items share passes by the covered items alone.
    """
    occurs, u = given.table.occurs, given.grouped
    c = occurs.shape[0] - u
    inside = _count(occurs, rows)
    # The others are two random parts, of uncovered and of covered items, that stand for more.
    apart = np.setdiff1d(np.arange(u), rows)
    others = _count(occurs, apart) * (given.uncovered / u)
    number = len(apart) * (given.uncovered / u)
    by_function = _count(occurs, np.arange(u, u + c))
    if c:
        others += by_function * (given.covered / c)
        number += given.covered
    contrasts = [_Contrast.of("other items", inside, len(rows), others, number)]
    if c >= _FEWEST_COVERED:
        contrasts.append(_Contrast.of("covered items", inside, len(rows), by_function, c))
    share = inside / len(rows)
    marks = [one.marks(given.table.common) & (inside >= 2) for one in contrasts]
    # The first contrast in which a term marks the cluster is the one that is told.
    used = np.argmax(marks, axis=0)
    at = np.flatnonzero(np.any(marks, axis=0))
    lift = np.array([one.lift for one in contrasts])[used[at], at]
    order = np.argsort(-share[at] * np.log2(lift), kind="stable")[:count]
    return tuple(
        Trait(
            given.table.terms[term],
            float(share[term]),
            float(contrasts[used[term]].elsewhere[term]),
            float(contrasts[used[term]].lift[term]),
            *_class(given, term, class_names),
            contrasts[used[term]].among,
        )
        for term in at[order]
    )


class _Contrast(NamedTuple):
    """How common each term is among the items that a cluster is compared with, and how much more so in it."""

    among: Among
    elsewhere: npt.NDArray[np.float64]
    lift: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls, among: Among, inside: npt.NDArray[np.float64], rows: int, others: npt.NDArray[np.float64], number: float
    ) -> _Contrast:
        """From items with each term among ``rows`` of the cluster and ``number`` others."""
        lift = ((inside + 0.5) / (rows + 1)) / ((others + 0.5) / (number + 1))
        return cls(among, others / max(number, 1.0), lift)

    def marks(self, common: float) -> npt.NDArray[np.bool_]:
        """Terms that mark the cluster."""
        return np.asarray((self.lift >= _LEAST_LIFT) & (self.elsewhere <= common))


def _class(given: ClusterInput, term: int, class_names: Sequence[str]) -> tuple[str | None, Estimate, float]:
    """The class of most known items with a term, its share among them, and among all."""
    everywhere = _class_counts(given.known, class_names)
    counts = _class_counts(given.known[given.table.occurs.getcol(term).nonzero()[0]], class_names)
    best, n = int(counts.argmax()), int(counts.sum())
    if n == 0:
        return None, wilson(0, 0), float("nan")
    return class_names[best], wilson(int(counts[best]), n), float(everywhere[best] / everywhere.sum())


def _class_counts(labels: IntArray, class_names: Sequence[str]) -> npt.NDArray[np.int64]:
    return np.bincount(labels[labels != ABSTAIN].astype(np.int64), minlength=len(class_names))


def _count(occurs: sp.csr_matrix, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    return np.asarray(occurs[rows].sum(axis=0), dtype=np.float64).ravel()
