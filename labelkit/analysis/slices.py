"""Labels and predictions slice by slice: where they are worse, and which differences are more than chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from labelkit.analysis.calibration import measure_calibration
from labelkit.analysis.intervals import wilson
from labelkit.analysis.scores import score, tie_shares
from labelkit.types import ABSTAIN, BoolArray, Estimate, FloatArray, IntArray

TESTED: Final = 10
"""Known items that a slice and the rest need each for a test of their difference."""

CALIBRATED: Final = 100
"""Known items that a calibration error needs."""

FALSE_DISCOVERIES: Final = 0.05
"""Expected share of chance findings among the differences that are called beyond chance."""


@dataclass(frozen=True, eq=False)
class Slice:
    """Items that belong together: ``members`` is (n,) bool, ``kind`` says where it comes from."""

    name: str
    kind: str
    members: BoolArray


@dataclass(frozen=True, eq=False)
class Output:
    """What is measured: class probabilities (n, k) of a model, and (n,) the items it has an opinion on."""

    name: str
    probabilities: FloatArray
    covered: BoolArray


@dataclass(frozen=True)
class Difference:
    """How much more accurate an output is on a slice than on all other known items.

    Attributes
    ----------
    value
        Accuracy on the slice minus accuracy on the rest.
    low, high
        95% interval of the value (Newcombe's hybrid score interval).
    p
        Of Fisher's exact test, two-sided, on counts rounded where ties make them fractions.
    q
        ``p`` adjusted for the number of slices tested (Benjamini, Hochberg).
    beyond_chance
        Whether ``q`` is at most :data:`FALSE_DISCOVERIES`.
    """

    value: float
    low: float
    high: float
    p: float
    q: float
    beyond_chance: bool


@dataclass(frozen=True)
class SliceScore:
    """One output on the known items of one slice.

    Attributes
    ----------
    output
        Its name.
    accuracy
        Over those items that the output has an opinion on; n is their number.
    macro_f1
        As in :func:`labelkit.analysis.score`; NaN without items.
    calibration_error
        The debiased one; None with fewer than :data:`CALIBRATED` items.
    difference
        To the rest; None with fewer than :data:`TESTED` items on either side.
    """

    output: str
    accuracy: Estimate
    macro_f1: float
    calibration_error: float | None
    difference: Difference | None


@dataclass(frozen=True)
class SliceFigures:
    """One slice.

    Attributes
    ----------
    name, kind
        As given.
    items
        Its size.
    share
        Of all items.
    coverage
        Share of its items that a labeling function votes on; NaN without items.
    known
        Its items whose true label is known.
    scores
        One for each output, in the order given.
    """

    name: str
    kind: str
    items: int
    share: float
    coverage: float
    known: int
    scores: tuple[SliceScore, ...]


def slice_figures(
    slices: Sequence[Slice], outputs: Sequence[Output], truth: IntArray, covered: BoolArray
) -> list[SliceFigures]:
    """Figures of every slice, worst first.

    Slices come in the order of the upper end of the 95% interval of the first output's accuracy: the
    accuracy that a slice has at most. A slice of three items cannot come first by bad luck, one of a
    hundred with the same accuracy does. Those without known items follow, by coverage.

    Parameters
    ----------
    slices
        With (n,) members each; they may overlap.
    outputs
        The models to measure.
    truth
        Class indices, shape (n,), −1 where unknown.
    covered
        (n,) items that a labeling function votes on.

    Raises
    ------
    ValueError
        If the lengths do not fit.

    References
    ----------
    Newcombe (1998): Interval estimation for the difference between independent proportions.
    Benjamini, Hochberg (1995): Controlling the false discovery rate.
    """
    n = len(truth)
    for what, length in [
        ("covered", len(covered)),
        *((f"the slice {each.name!r}", len(each.members)) for each in slices),
        *((f"the output {each.name!r}", len(each.probabilities)) for each in outputs),
    ]:
        if length != n:
            raise ValueError(f"{what} has {length} entries, expected {n}: one for each item")
    known = np.flatnonzero(truth != ABSTAIN)
    columns = [_scores(output, [each.members[known] for each in slices], known, truth[known]) for output in outputs]
    found = [
        _figures(each, covered, int(each.members[known].sum()), tuple(column[place] for column in columns))
        for place, each in enumerate(slices)
    ]
    return sorted(found, key=_worst_first)


def _worst_first(figures: SliceFigures) -> tuple[float, float, str]:
    accuracy = figures.scores[0].accuracy if figures.scores else wilson(0, 0)
    if accuracy.n:
        return accuracy.high, accuracy.value, figures.name
    return 2.0, figures.coverage, figures.name  # above every accuracy


def _figures(one: Slice, covered: BoolArray, known: int, scores: tuple[SliceScore, ...]) -> SliceFigures:
    items, n = int(one.members.sum()), len(one.members)
    return SliceFigures(
        name=one.name,
        kind=one.kind,
        items=items,
        share=items / n if n else math.nan,
        coverage=int((one.members & covered).sum()) / items if items else math.nan,
        known=known,
        scores=scores,
    )


def _scores(output: Output, members: Sequence[BoolArray], known: IntArray, truth: IntArray) -> list[SliceScore]:
    """One output on the known items of every slice, given by (g,) bool each."""
    P, opinion = output.probabilities[known], output.covered[known]
    right = _right(P, truth)
    found = [_score(output.name, P[rows], truth[rows], opinion[rows]) for rows in members]
    differences = [_difference(right, rows & opinion, ~rows & opinion) for rows in members]
    adjusted = _adjusted([None if d is None else d.p for d in differences])
    return [
        replace(s, difference=None if d is None else replace(d, q=q, beyond_chance=q <= FALSE_DISCOVERIES))
        for s, d, q in zip(found, differences, adjusted, strict=True)
    ]


def _score(name: str, P: FloatArray, truth: IntArray, opinion: BoolArray) -> SliceScore:
    result = score(P, truth, opinion)
    accuracy = result.covered_accuracy
    enough = accuracy.n >= CALIBRATED
    error = measure_calibration(P, truth, opinion).top.ece_debiased if enough else None
    return SliceScore(name, accuracy, result.macro_f1, error, None)


def _right(P: FloatArray, truth: IntArray) -> FloatArray:
    """(g,) how far each row is right: 1, 0, or a share where classes tie."""
    if not len(P):
        return np.empty(0)
    shares: FloatArray = tie_shares(P)[np.arange(len(truth)), truth]
    return shares


def _difference(right: FloatArray, inside: BoolArray, outside: BoolArray) -> Difference | None:
    """The difference of two groups, not adjusted yet; None where one of them is too small."""
    n1, n2 = int(inside.sum()), int(outside.sum())
    if min(n1, n2) < TESTED:
        return None
    x1, x2 = float(right[inside].sum()), float(right[outside].sum())
    one, two = wilson(x1, n1), wilson(x2, n2)
    value = one.value - two.value
    low = value - math.hypot(one.value - one.low, two.high - two.value)
    high = value + math.hypot(one.high - one.value, two.value - two.low)
    return Difference(value, low, high, fisher_exact(round(x1), n1, round(x2), n2), math.nan, False)


def fisher_exact(x1: int, n1: int, x2: int, n2: int) -> float:
    """Two-sided p-value of x1 of n1 against x2 of n2 being drawn from the same share.

    Examples
    --------
    >>> round(fisher_exact(1, 10, 9, 10), 6)
    0.001093
    """
    from scipy.special import gammaln

    def ways(n: int, x: IntArray) -> FloatArray:
        found: FloatArray = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1)
        return found

    total = x1 + x2
    first = np.arange(max(0, total - n2), min(n1, total) + 1)
    log_p = ways(n1, first) + ways(n2, total - first)
    p = np.exp(log_p - log_p.max())
    here = p[x1 - int(first[0])]
    return float(min(1.0, p[p <= here * (1 + 1e-7)].sum() / p.sum()))


def _adjusted(p_values: Sequence[float | None]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values, in the order given; NaN where there is none."""
    given = [(p, place) for place, p in enumerate(p_values) if p is not None]
    found, least = [math.nan] * len(p_values), 1.0
    for rank, (p, place) in sorted(enumerate(sorted(given), start=1), reverse=True):
        least = min(least, p * len(given) / rank)
        found[place] = least
    return found
