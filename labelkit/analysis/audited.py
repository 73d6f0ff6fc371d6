"""What an audit says of a model: accuracy, macro-F1, precision, recall, with intervals that may be looked at daily."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from labelkit.analysis.sequences import share_sequence
from labelkit.types import BoolArray, FloatArray, IntArray

FEW: Final = 20
"""Audited items below which nothing is adjusted: the sample is taken as it is."""
_MOST_TILT: Final = 3.0
_PRIOR_ERRORS: Final = 5.0
_LEAST_EFFECT: Final = 0.4


@dataclass(frozen=True)
class SequenceEstimate:
    """A share, the bounds of its 95% confidence sequence, and the number of audited items that it rests on.

    ``value`` is None without any; the bounds are 0 and 1 then.
    """

    value: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class AuditedClass:
    """One class: ``audited`` items of it, ``predicted`` as it."""

    index: int
    audited: int
    predicted: int
    precision: SequenceEstimate
    recall: SequenceEstimate


@dataclass(frozen=True)
class AuditFigures:
    """All figures of one model on one audit.

    ``design_effect`` is the variance of the accuracy over that of as many items drawn with equal chances and not
    adjusted: 0.5 says that half as many labels do. None where nothing is known yet.
    """

    accuracy: SequenceEstimate
    macro_f1: SequenceEstimate
    classes: tuple[AuditedClass, ...]
    design_effect: float | None


NOTHING: Final = SequenceEstimate(None, 0.0, 1.0, 0)


@dataclass(frozen=True)
class PoolFacts:
    """What is known of the pool without any label.

    Attributes
    ----------
    items
        Number of its items on which no person's answer taught the model: those that audit items stand for.
    confidence
        Mean of the model's largest probability over them.
    taught
        Share of the other items in the pool, 0 … 1.
    """

    items: int
    confidence: float
    taught: float


def audit_estimates(
    predicted: IntArray, truth: IntArray, confidence: FloatArray, weights: FloatArray, *, pool: PoolFacts, k: int
) -> AuditFigures:
    """Estimate a model's figures over the whole pool from n audited items.

    The items are weighted by the inverse of their chances, then (from 20 items on) tilted so that their mean
    confidence is that of the pool, whose confidences are known without any label, and what an unlucky draw has
    too many sure items of is put right (calibration weights, Deville and Särndal 1992, in their exponential form). The
    variance is that of what confidence does not explain. It turns the items into an effective number of unweighted
    ones (Korn and Graubard 1998), for which :func:`labelkit.analysis.sequences.share_sequence` gives the bounds; with
    few errors, which say little on variances, the effect of the design is drawn towards 1.

    Audit items stand for the items whose answers did not teach the model. Those that did it may know by heart, which
    the audit cannot see, and no figure rests on answers that taught. So values and lower bounds take these items to be
    like the others, and upper bounds let all of them be right.

    Parameters
    ----------
    predicted, truth
        (n,) class indices: what the model says now of the audited items, and what people said.
    confidence
        (n,) the model's largest probability of each.
    weights
        (n,) inverse inclusion probabilities, up to a factor.
    k
        Number of classes.
    """
    if not len(truth):
        empty = tuple(AuditedClass(c, 0, 0, NOTHING, NOTHING) for c in range(k))
        return AuditFigures(NOTHING, NOTHING, empty, None)
    tilted = _tilted(weights, confidence, pool.confidence)
    right = predicted == truth
    value, effect = _share(right, tilted, confidence)
    # What is drawn without return from few items says more: the audited ones are known.
    unknown = max(1 - len(right) / max(pool.items, 1), 0.01)
    accuracy = _bounded(value, len(right), effect * unknown)
    classes = tuple(_of_class(c, predicted, truth, tilted, pool.taught) for c in range(k))
    macro_f1 = _macro_f1(predicted, truth, tilted, k)
    return AuditFigures(_lifted(accuracy, pool.taught), _lifted(macro_f1, pool.taught), classes, effect)


def _lifted(estimate: SequenceEstimate, taught: float) -> SequenceEstimate:
    """The upper bound raised by what the share of taught items could be better than the others."""
    return replace(estimate, high=estimate.high + taught * (1 - estimate.high))


def _tilted(weights: FloatArray, confidence: FloatArray, target: float) -> FloatArray:
    """Weights times exp(t · confidence) with t such that the mean confidence meets the target, as far as allowed."""
    spread = float(np.ptp(confidence))
    if len(weights) < FEW or spread < 1e-6:
        return weights
    x = confidence - target
    least, most = (sign * np.log(_MOST_TILT) / spread for sign in (-1.0, 1.0))
    for _ in range(50):
        t = (least + most) / 2
        # The mean grows with t.
        if float(np.sum(weights * np.exp(t * x) * x)) < 0:
            least = t
        else:
            most = t
    tilted: FloatArray = weights * np.exp(t * x)
    scaled: FloatArray = tilted * (len(tilted) / tilted.sum())
    return scaled


def _share(right: BoolArray, weights: FloatArray, confidence: FloatArray) -> tuple[float, float]:
    """The weighted share of right items, and its design effect."""
    n, total = len(right), float(weights.sum())
    value = float(weights @ right) / total
    residual = right - value
    if n >= FEW:
        x = confidence - float(weights @ confidence) / total
        power = float((weights**2) @ x**2)
        if power > 1e-9:
            # Kept between no use of the confidence and taking it at its word and a half.
            slope = min(max(float((weights**2) @ (x * residual)) / power, 0.0), 1.5)
            residual = residual - slope * x
    plain = float((weights**2).sum()) * n / total**2
    return value, _effect(value, residual, weights, plain)


def _effect(value: float, residual: FloatArray, weights: FloatArray, plain: float) -> float:
    """Design effect of an estimate with these residuals, drawn to 1 where errors (or right items) are few."""
    n = len(residual)
    simple = value * (1 - value) / n
    if simple <= 0 or n < FEW:
        return max(plain, 1.0)
    variance = float((weights**2) @ residual**2) / float(weights.sum()) ** 2 * n / (n - 2)
    known = n * min(value, 1 - value)
    return max((known * variance / simple + _PRIOR_ERRORS) / (known + _PRIOR_ERRORS), _LEAST_EFFECT)


def _bounded(value: float, n: int, effect: float) -> SequenceEstimate:
    cases = n / effect
    low, high = share_sequence(value * cases, cases)
    return SequenceEstimate(value, min(low, value), max(high, value), n)


def _of_class(c: int, predicted: IntArray, truth: IntArray, weights: FloatArray, taught: float) -> AuditedClass:
    said, is_it = predicted == c, truth == c
    precision, recall = _among(is_it, said, weights), _among(said, is_it, weights)
    return AuditedClass(c, int(is_it.sum()), int(said.sum()), _lifted(precision, taught), _lifted(recall, taught))


def _among(right: BoolArray, rows: BoolArray, weights: FloatArray) -> SequenceEstimate:
    """The weighted share of right ones among some rows, in their effective number (Kish 1965)."""
    n = int(rows.sum())
    if not n:
        return NOTHING
    inside = weights[rows]
    value = min(float(inside @ right[rows]) / float(inside.sum()), 1.0)
    return _bounded(value, n, max(1.0, n * float((inside**2).sum()) / float(inside.sum()) ** 2))


def _macro_f1(predicted: IntArray, truth: IntArray, weights: FloatArray, k: int) -> SequenceEstimate:
    """Mean F1 of the classes that were audited or predicted among the audited, by linearisation.

    Its effective number of cases is at most that of a mean over classes as rarely audited as these are.
    """
    values, influences, rareness = [], [], 0.0
    for c in range(k):
        said, is_it = predicted == c, truth == c
        if not (said | is_it).any():
            continue
        both, either = 2.0 * (said & is_it), said.astype(float) + is_it
        size = float(weights @ either)
        f1 = float(weights @ both) / size
        values.append(f1)
        influences.append(weights * (both - f1 * either) / size)
        rareness += 1 / int((said | is_it).sum())
    value, n = float(np.mean(values)), len(truth)
    variance = float((np.mean(influences, axis=0) ** 2).sum())
    most = len(values) ** 2 / rareness
    cases = min(most, value * (1 - value) / variance) if variance > 0 else most
    return _bounded(value, n, n / max(min(cases, n), 1e-9))
