"""Who agrees with whom, and which classes are confused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.annotate.agreement import DRAWS_A_KIND, LEAST_ITEMS, RESAMPLES, AgreementFigure, figure
from labelkit.annotate.agreement_answers import Floats, Ints, Ratings
from labelkit.types import ABSTAIN, IntArray

_NOTHING: Final = 1e-12


@dataclass(frozen=True)
class PairAgreement:
    """Two annotators: the share of their ``n`` common items on which they say the same, and Cohen's kappa."""

    first: str
    second: str
    n: int
    percent: AgreementFigure
    cohen: AgreementFigure


def pairwise(given: Ratings, rng: np.random.Generator, *, resamples: int = RESAMPLES) -> list[PairAgreement]:
    """Every two annotators with a common item, in the order of their names.

    Parameters
    ----------
    given
        Answers of people.
    rng
        What resamples the items of each pair.

    References
    ----------
    Cohen (1960): A coefficient of agreement for nominal scales.
    """
    first, second = given.pairs
    k, people = given.cardinality, len(given.annotators)
    codes = given.annotator[first] * people + given.annotator[second]
    order = np.argsort(codes, kind="stable")
    kinds, starts = np.unique(codes[order], return_index=True)
    cells = (given.label[first] * k + given.label[second])[order]
    return [
        _pair(given.annotators[code // people], given.annotators[code % people], cells[start:end], k, rng, resamples)
        for code, start, end in zip(kinds.tolist(), starts, [*starts[1:], len(cells)], strict=False)
    ]


def _pair(first: str, second: str, cells: Ints, k: int, rng: np.random.Generator, resamples: int) -> PairAgreement:
    """``cells`` (n,): what both said of each common item, as one number."""
    said, counts = np.unique(cells, return_counts=True)
    n = len(cells)
    one, other = said // k, said % k
    percent, cohen = _shares(counts[None, :].astype(np.float64), one, other, k)
    percents, cohens = _shares(_drawn(counts, resamples if n >= LEAST_ITEMS else 0, rng), one, other, k)
    return PairAgreement(
        first,
        second,
        n,
        figure("percent", float(percent[0]), percents, n),
        figure("cohen", float(cohen[0]), cohens, n),
    )


def _drawn(counts: Ints, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each of c kinds of items is drawn in each resample of all, shape (resamples, c)."""
    n, kinds = int(counts.sum()), len(counts)
    if kinds * DRAWS_A_KIND < n:
        return rng.multinomial(n, counts / n, size=resamples).astype(np.float64)
    places = np.repeat(np.arange(kinds), counts)[rng.integers(0, n, size=(resamples, n), dtype=np.int32)]
    places += np.arange(0, resamples * kinds, kinds)[:, None]
    return np.bincount(places.ravel(), minlength=resamples * kinds).reshape(resamples, kinds).astype(np.float64)


def _shares(counts: Floats, one: Ints, other: Ints, k: int) -> tuple[Floats, Floats]:
    """Share of same answers and Cohen's kappa from counts of the cells that occur, shapes (b, cells) → (b,)."""
    n = counts.sum(axis=1)
    left, right = counts @ np.eye(k)[one], counts @ np.eye(k)[other]
    percent = counts @ (one == other).astype(np.float64) / n
    chance = (left * right).sum(axis=1) / n**2
    rest = 1 - chance
    kappa = np.where(rest > _NOTHING, (percent - chance) / np.where(rest > _NOTHING, rest, 1.0), np.nan)
    return percent, kappa


def confusion(given: Ratings) -> npt.NDArray[np.int64]:
    """Pairs of answers to the same item: how often one person said c and the other d; symmetric, shape (k, k)."""
    first, second = given.pairs
    k = given.cardinality
    cells = np.bincount(given.label[first] * k + given.label[second], minlength=k * k).reshape(k, k)
    both: npt.NDArray[np.int64] = cells + cells.T
    both[np.arange(k), np.arange(k)] //= 2
    return both


def confusion_with(known: IntArray, label: IntArray, cardinality: int) -> npt.NDArray[np.int64]:
    """How often people answered d where the known class is c, shape (k, k); rows are known classes.

    Parameters
    ----------
    known, label
        Of each answer: the known class index (−1: unknown, not counted) and the given one, shape (a,).
    """
    there = known != ABSTAIN
    cells = known[there].astype(np.int64) * cardinality + label[there]
    return np.bincount(cells, minlength=cardinality**2).astype(np.int64).reshape(cardinality, cardinality)
