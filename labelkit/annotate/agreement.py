"""How far annotators agree beyond chance: five measures, each with a bootstrap interval or the reason why not.

All of them take any number of answers to an item, and people who answered different items. They are sums over
items put together, so that a resample of items is a weighted sum, and items that the same people gave the same
answers to are one item that weighs more: the intervals cost little more than the values.

What "by chance" means differs, and so do the values: Cohen lets each annotator have own habits, Fleiss and
Krippendorff give all the same, Gwet's chance is largest where classes are equally frequent. Where one class is
frequent, kappas are low although people hardly ever disagree (Feinstein and Cicchetti, 1990); AC1 is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.annotate.agreement_answers import Floats, Ints, Ratings

RESAMPLES: Final = 1000
LEAST_ITEMS: Final = 10
"""With fewer items a bootstrap interval is far too narrow to be shown."""
_MOST_UNDEFINED: Final = 0.05
_CHUNK_CELLS: Final = 4_000_000
DRAWS_A_KIND: Final = 16
"""To draw how often one kind of item comes takes about as long as to draw so many items."""
_NOTHING: Final = 1e-12


@dataclass(frozen=True)
class AgreementFigure:
    """One measure.

    Attributes
    ----------
    measure
        ``percent``, ``cohen``, ``fleiss``, ``krippendorff``, ``krippendorff_ordinal`` or ``gwet_ac1``.
    value
        None where it is undefined.
    low, high
        95% bootstrap interval over items (percentiles); None where there is none.
    n
        Items that it rests on: those with answers of at least two people.
    undefined
        Why there is no value, or else why there is no interval; empty where both are there.
    """

    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    undefined: str = ""


def agreement(
    given: Ratings, rng: np.random.Generator, *, ordered: bool = False, resamples: int = RESAMPLES
) -> list[AgreementFigure]:
    """All measures of agreement among these answers.

    Parameters
    ----------
    given
        Answers of people; skips are missing answers.
    rng
        What resamples items; the same state gives the same intervals.
    ordered
        The classes are in an order that means something: Krippendorff's alpha for ordinal data, too.
    resamples
        Number of resamples.

    Notes
    -----
    percent
        Of two answers to the same item, how often they are the same; the mean over items.
    cohen
        Cohen's kappa; of more than two annotators, pooled over pairs: observed and chance agreement are each
        averaged, weighted with the items that a pair shares, before they are put together.
    fleiss
        Fleiss' kappa. With varying numbers of answers as by Gwet: class shares are means over all answered items.
    krippendorff, krippendorff_ordinal
        Krippendorff's alpha; items with one answer take no part.
    gwet_ac1
        Gwet's first agreement coefficient; class shares as with Fleiss.

    References
    ----------
    Cohen (1960): A coefficient of agreement for nominal scales. De Vries, Elliott, Kanouse and Teleki (2008):
    Using pooled kappa to summarize interrater agreement across many items. Fleiss (1971): Measuring nominal scale
    agreement among many raters. Krippendorff (2011): Computing Krippendorff's alpha-reliability. Gwet (2008):
    Computing inter-rater reliability and its variance in the presence of high agreement. Efron and Tibshirani
    (1993): An introduction to the bootstrap.

    Examples
    --------
    >>> from labelkit.annotate import ratings
    >>> given = ratings([1, 1, 2, 2], ["ada", "ben", "ada", "ben"], [0, 0, 0, 1], 2)
    >>> [(f.measure, f.value) for f in agreement(given, np.random.default_rng(0))][0]
    ('percent', 0.5)
    """
    kinds = ["percent", "cohen", "fleiss", "krippendorff", "gwet_ac1", *(["krippendorff_ordinal"] if ordered else [])]
    n, why = given.shared, _undefined(given)
    if why:
        return [AgreementFigure(kind, None, None, None, n, why) for kind in kinds]
    alike, counts = given.condensed
    sums = _Sums(alike, ordered=ordered)
    values = sums.measures(counts[None, :].astype(np.float64))
    drawn: dict[str, list[Floats]] = {kind: [] for kind in kinds}
    wanted = resamples if n >= LEAST_ITEMS else 0
    for weights in resampled(len(given.items), wanted, rng, width=sums.width, counts=counts):
        for kind, found in sums.measures(weights).items():
            drawn[kind].append(found)
    return [figure(kind, float(values[kind][0]), np.concatenate([[], *drawn[kind]]), n) for kind in kinds]


def figure(measure: str, value: float, drawn: Floats, n: int) -> AgreementFigure:
    """A measure from its value and its values in resamples of items; NaN stands for undefined."""
    if np.isnan(value):
        return AgreementFigure(measure, None, None, None, n, "all answers that meet are the same class")
    defined = drawn[~np.isnan(drawn)]
    if n < LEAST_ITEMS:
        why = f"an interval needs at least {LEAST_ITEMS} items with answers of two people, there are {n}"
    elif len(defined) < (1 - _MOST_UNDEFINED) * len(drawn):
        why = "no interval: in many resamples all answers that meet are the same class, or none meet"
    elif np.ptp(defined) < _NOTHING:
        why = (
            f"no interval: all {n:,} items say the same, so resampling them cannot tell how much chance there is in it"
        )
    else:
        low, high = np.quantile(defined, [0.025, 0.975])
        return AgreementFigure(measure, value, float(min(low, value)), float(max(high, value)), n)
    return AgreementFigure(measure, value, None, None, n, why)


def resampled(
    n: int, resamples: int, rng: np.random.Generator, *, width: int = 1, counts: Ints | None = None
) -> Iterator[Floats]:
    """How often each of n items is drawn in each resample, shapes (some, n), so many rows in all.

    Parameters
    ----------
    width
        Numbers that the caller makes of a row; fewer rows come at once where that is much.
    counts
        How many of the n items there are of each of c kinds: how often each kind is drawn, shapes (some, c), then.
    """
    kinds = n if counts is None else len(counts)
    at_once = max(1, _CHUNK_CELLS // max(kinds, width, 1))
    which = None if counts is None or kinds == n else np.repeat(np.arange(kinds, dtype=np.int32), counts)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        if counts is not None and kinds * DRAWS_A_KIND < n:
            yield rng.multinomial(n, counts / n, size=rows).astype(np.float64)
            continue
        weights = np.empty((rows, kinds))
        for row in weights:
            drawn = rng.integers(0, n, size=n, dtype=np.int32)
            row[:] = np.bincount(drawn if which is None else which[drawn], minlength=kinds)
        yield weights


def _undefined(given: Ratings) -> str:
    """Why no measure is defined, or nothing."""
    if not len(given.item):
        return "undefined because nobody has answered with a label yet"
    if len(given.annotators) == 1:
        return f"undefined because only one person ({given.annotators[0]}) has answered"
    return "" if given.shared else "undefined because no item has answers of two people"


class _Sums:
    """Sums over items, of which all measures are made; ``measures`` takes weights of items, shape (b, n)."""

    def __init__(self, given: Ratings, *, ordered: bool) -> None:
        counts, answers = given.counts, given.answers
        met = answers > 1
        meeting = np.where(met, answers * (answers - 1), 1.0)
        same = np.where(met, (counts * (counts - 1)).sum(axis=1) / meeting, 0.0)
        self._k = given.cardinality
        self._basis = np.column_stack(
            [met, same, answers * (met - same), counts * met[:, None], counts / answers[:, None]]
        )
        self._pairs = _Pairs(given, ordered=ordered)
        self.width = self._pairs.width

    def measures(self, weights: Floats) -> dict[str, Floats]:
        """Each measure for each row of weights, shape (b,); NaN where it is undefined."""
        sums, k = weights @ self._basis, self._k
        items, meeting = weights.sum(axis=1), sums[:, 3 : 3 + k]
        with np.errstate(divide="ignore", invalid="ignore"):
            percent = sums[:, 1] / sums[:, 0]
            shares = sums[:, 3 + k :] / items[:, None]
            out = {
                "percent": percent,
                "cohen": _beyond_chance(*self._pairs.shares(weights)),
                "fleiss": _beyond_chance(percent, (shares**2).sum(axis=1)),
                "krippendorff": _alpha(sums[:, 2], meeting),
                "gwet_ac1": _beyond_chance(percent, (shares * (1 - shares)).sum(axis=1) / (k - 1)),
            }
            if self._pairs.coincidences is not None:
                met = (self._pairs.coincidences @ np.ascontiguousarray(weights.T)).T
                out["krippendorff_ordinal"] = _ordinal_alpha(met, meeting)
        return out


class _Pairs:
    """What pairs of answers to the same item add up to, as sparse tables over items.

    ``coincidences`` has shape (k·k, n), for ordinal data only.
    """

    def __init__(self, given: Ratings, *, ordered: bool) -> None:
        from scipy.sparse import csr_array

        first, second = given.pairs
        k, people, n = given.cardinality, len(given.annotators), len(given.items)
        kinds, pair = np.unique(given.annotator[first] * people + given.annotator[second], return_inverse=True)
        item, one, other = given.item[first], given.label[first], given.label[second]
        single = np.ones(len(item))
        self._shape = (len(kinds), k)
        self.width = len(kinds) * k
        self._same = np.bincount(item, weights=one == other, minlength=n)
        self._one = csr_array((single, (pair * k + one, item)), shape=(self.width, n))
        self._other = csr_array((single, (pair * k + other, item)), shape=(self.width, n))
        self.coincidences = None
        if ordered:
            part = 1 / (given.answers[item] - 1)
            cells = np.concatenate([one * k + other, other * k + one])
            places = (cells, np.concatenate([item, item]))
            self.coincidences = csr_array((np.concatenate([part, part]), places), shape=(k * k, n))

    def shares(self, weights: Floats) -> tuple[Floats, Floats]:
        """Cohen's observed and chance agreement, pooled, for each row of weights; both of shape (b,)."""
        by_item = np.ascontiguousarray(weights.T)
        one = (self._one @ by_item).reshape(*self._shape, -1)
        other = (self._other @ by_item).reshape(*self._shape, -1)
        n = one.sum(axis=1)
        chance = np.where(n > 0, (one * other).sum(axis=1) / np.maximum(n, 1), 0.0)
        total = n.sum(axis=0)
        return (weights @ self._same) / total, chance.sum(axis=0) / total


def _beyond_chance(observed: Floats, chance: Floats) -> Floats:
    """(observed − chance) / (1 − chance); NaN where chance alone makes all answers the same."""
    rest = 1 - chance
    return np.where(rest > _NOTHING, (observed - chance) / np.where(rest > _NOTHING, rest, 1.0), np.nan)


def _alpha(disagreeing: Floats, meeting: Floats) -> Floats:
    """Krippendorff's alpha for nominal data from the weighted disagreement and the class counts, (b,) and (b, k)."""
    n = meeting.sum(axis=1)
    expected = (n**2 - (meeting**2).sum(axis=1)) / (n - 1)
    return np.where(expected > _NOTHING, 1 - disagreeing / np.where(expected > _NOTHING, expected, 1.0), np.nan)


def _ordinal_alpha(coincidences: Floats, meeting: Floats) -> Floats:
    """Krippendorff's alpha for ordinal data: distances are counted in answers that lie between two classes."""
    k = meeting.shape[1]
    middle = np.cumsum(meeting, axis=1) - meeting / 2
    distance = (middle[:, :, None] - middle[:, None, :]) ** 2
    n = meeting.sum(axis=1)
    observed = (coincidences.reshape(-1, k, k) * distance).sum(axis=(1, 2))
    expected = (meeting[:, :, None] * meeting[:, None, :] * distance).sum(axis=(1, 2)) / (n - 1)
    return np.where(expected > _NOTHING, 1 - observed / np.where(expected > _NOTHING, expected, 1.0), np.nan)
