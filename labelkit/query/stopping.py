"""When to stop asking: what the audit has shown, what further labels would bring, and whether the model still moves.

Agreement of successive models (kappa, Bloodgood and Vijay-Shanker 2009) bounds change, not error: a model that is wrong
from the start and hears little agrees with itself. So it may hold a stop back here, never call for one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from labelkit.types import FloatArray

NEXT: Final = 100
"""Labels that the forecast looks ahead."""
STABLE: Final = 0.03
"""Share of predicted classes that may change from one model to the next, on average over the last :data:`RECENT`."""
RECENT: Final = 3
LEAST_LABELS: Final = 20
"""Labels that must lie between the models that are compared: without new labels nothing changes."""
_FEWEST_RUNS: Final = 4
_FEWEST_AUDITED: Final = 10
_DRAWS: Final = 400
_SHAPES: Final = tuple((power, start) for power in (0.25, 0.5, 1.0, 2.0) for start in (25.0, 100.0))


@dataclass(frozen=True)
class TrainPoint:
    """One model: how many human labels taught it, and its accuracy on how many audited items."""

    labels: int
    accuracy: float
    n: int


@dataclass(frozen=True)
class Change:
    """From one model to the next: the share of items whose predicted class changed, and the labels in between."""

    share: float
    labels: int


@dataclass(frozen=True)
class Forecast:
    """What the next ``labels`` bring: gain in accuracy (0.01 is a point) with a 95% interval, from ``runs`` models."""

    labels: int
    gain: float
    low: float
    high: float
    runs: int


@dataclass(frozen=True)
class Measured:
    """Accuracy from the audit, its confidence sequence, the number of audited items."""

    value: float | None
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Wanted:
    """What the project is after: a target accuracy, and what a label costs and a point of accuracy is worth."""

    target: float | None = None
    price_per_label: float | None = None
    price_per_point: float | None = None


@dataclass
class Advice:
    """Whether one can stop, and everything that says so; JSON-able, without NaN.

    Attributes
    ----------
    stop
        Whether one can stop asking.
    summary
        One sentence.
    why, missing
        Sentences: what speaks for stopping; what is missing for it.
    accuracy, wanted, forecast
        As measured, as configured, as forecast; no forecast while there is too little to fit.
    price_of_next
        What the next 100 labels cost; None without a price.
    worth_of_next
        What the forecast gain is worth at most, at the upper end of its interval.
    price_per_point
        What a point of the forecast gain costs; None where no gain is forecast.
    changed
        Mean share of predicted classes that changed between the last models; None with fewer than two.
    stable
        Whether that is little enough; None where it is not known.
    unaudited
        Classes without an audited example.
    """

    stop: bool
    summary: str
    accuracy: Measured
    wanted: Wanted
    why: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    forecast: Forecast | None = None
    price_of_next: float | None = None
    worth_of_next: float | None = None
    price_per_point: float | None = None
    changed: float | None = None
    stable: bool | None = None
    unaudited: list[str] = field(default_factory=list)


def advise(
    accuracy: Measured,
    wanted: Wanted,
    points: Sequence[TrainPoint],
    changes: Sequence[Change],
    unaudited: Sequence[str],
    *,
    seed: int = 0,
) -> Advice:
    """Whether one can stop asking.

    One can when (the lower bound of the accuracy clears the target, or even the upper end of the forecast gain is worth
    less than its labels cost), and the predictions are stable, and every class has audited examples.

    Parameters
    ----------
    points, changes
        Of the models so far, the oldest first.
    unaudited
        Names of the classes without an audited example.
    """
    advice = Advice(stop=False, summary="", accuracy=accuracy, wanted=wanted, unaudited=list(unaudited))
    if accuracy.n:
        advice.forecast = forecast(points, room=1 - accuracy.low, seed=seed)
    enough = _against_target(advice)
    enough = _against_price(advice) or enough
    if enough:
        advice.missing.clear()  # one of the two is enough
    elif wanted.target is None and wanted.price_per_label is None and wanted.price_per_point is None:
        advice.missing.append("neither a target nor prices are set: give target in [query] of labelkit.toml")
    steady = _stability(advice, changes)
    seen = _classes(advice)
    advice.stop = enough and steady and seen
    advice.summary = "you can stop: " + "; ".join(advice.why) if advice.stop else "go on: " + "; ".join(advice.missing)
    return advice


def _against_target(advice: Advice) -> bool:
    accuracy, target = advice.accuracy, advice.wanted.target
    if target is None:
        return False
    if not accuracy.n:
        advice.missing.append(f"nothing of the audit is answered, so nothing is known of the target {target:.1%}")
        return False
    told = f"accuracy is at least {accuracy.low:.1%} (audit of {accuracy.n}), the target {target:.1%}"
    if accuracy.low >= target:
        advice.why.append(told)
        return True
    if accuracy.high < target:
        advice.missing.append(
            f"accuracy is at most {accuracy.high:.1%} (audit of {accuracy.n}), the target {target:.1%}"
        )
    else:
        advice.missing.append(f"{told}: more audited items or a better model are needed to clear it")
    return False


def _against_price(advice: Advice) -> bool:
    cost, worth, ahead = advice.wanted.price_per_label, advice.wanted.price_per_point, advice.forecast
    if cost is not None:
        advice.price_of_next = NEXT * cost
        if ahead is not None and ahead.gain > 0:
            advice.price_per_point = advice.price_of_next / (100 * ahead.gain)
    if cost is None or worth is None:
        if cost is not None or worth is not None:
            other = "price_per_point" if worth is None else "price_per_label"
            advice.missing.append(f"{other} in [query] is not set, so gain and price cannot be compared")
        return False
    if ahead is None:
        advice.missing.append("too few models with an answered audit to forecast what further labels bring")
        return False
    advice.worth_of_next = max(100 * ahead.high, 0.0) * worth
    told = (
        f"the next {NEXT} labels cost {NEXT * cost:,.2f} and bring {100 * ahead.gain:.1f} points"
        f" ({100 * ahead.low:.1f} to {100 * ahead.high:.1f}), worth {advice.worth_of_next:,.2f} at most"
    )
    if advice.worth_of_next < NEXT * cost:
        advice.why.append(told)
        return True
    advice.missing.append(told)
    return False


def _stability(advice: Advice, changes: Sequence[Change]) -> bool:
    counted = [change for change in _grouped(changes) if change.labels >= LEAST_LABELS][-RECENT:]
    if not counted:
        advice.missing.append(
            f"two models with {LEAST_LABELS} labels between them are needed to see whether they agree"
        )
        return False
    advice.changed = float(np.mean([change.share for change in counted]))
    advice.stable = advice.changed <= STABLE
    told = f"{advice.changed:.1%} of the predicted classes changed from model to model"
    if advice.stable:
        advice.why.append(f"predictions are stable: {told}")
    else:
        advice.missing.append(f"predictions still move: {told}, at most {STABLE:.0%} were expected")
    return advice.stable


def _grouped(changes: Sequence[Change]) -> list[Change]:
    """Changes over few labels are added to the next: the share of both is at most their sum."""
    grouped: list[Change] = []
    share, labels = 0.0, 0
    for change in changes:
        share, labels = share + change.share, labels + change.labels
        if labels >= LEAST_LABELS:
            grouped.append(Change(min(share, 1.0), labels))
            share, labels = 0.0, 0
    if share and grouped:
        grouped.append(Change(min(share + grouped[-1].share, 1.0), labels + grouped.pop().labels))
    return grouped


def _classes(advice: Advice) -> bool:
    if advice.unaudited:
        one = len(advice.unaudited) == 1
        names = ", ".join(advice.unaudited)
        advice.missing.append(
            f"{'class' if one else 'classes'} {names} {'has' if one else 'have'} no audited example yet"
        )
        return False
    advice.why.append("every class has audited examples")
    return True


def forecast(points: Sequence[TrainPoint], *, room: float = 1.0, more: int = NEXT, seed: int = 0) -> Forecast | None:
    """Gain of accuracy from ``more`` labels, by power laws through the models so far; None where there are too few.

    Curves a - b (labels + c)^-d of several shapes are fitted to the accuracies on the audit. The interval comes from a
    parametric bootstrap: accuracies are drawn again with the noise of their audits, which models share as far as they
    were measured on the same items; in each draw one of the shapes that fit best, or nearly, is taken. Few audited
    items show a slow rise late, so the upper end is never below the gain of a model whose error falls as one over
    labels.
    Cortes, Jackel, Solla, Vapnik and Denker (1994); Figueroa et al. (2012).

    Parameters
    ----------
    room
        No gain is larger.
    """
    used = [point for point in points if point.n >= _FEWEST_AUDITED]
    labels = np.array([point.labels for point in used], dtype=np.float64)
    if len(used) < _FEWEST_RUNS or np.ptp(labels) < NEXT / 2:
        return None
    n = np.array([point.n for point in used], dtype=np.float64)
    seen = np.array([point.accuracy for point in used])
    smooth = (seen * n + 1) / (n + 2)
    rng = np.random.default_rng(seed)
    values = np.vstack([seen, seen + _noise(np.sqrt(smooth * (1 - smooth)), n, rng)])
    gains = _gains(labels, values, n, more, rng)
    low, high = (float(bound) for bound in np.quantile(gains[1:], [0.025, 0.975]))
    gain = min(max(float(np.median(gains)), low), high)
    newest = used[-1]
    high = max(high, (1 - newest.accuracy) * more / (newest.labels + more))
    return Forecast(more, min(gain, room), min(low, room), min(high, room), len(used))


def _noise(spread: FloatArray, n: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(draws, points) errors of means over samples that contain each other, and of each model by itself."""
    order = np.argsort(n, kind="stable")
    steps = np.diff(n[order], prepend=0.0)
    walk = np.empty((_DRAWS, len(n)))
    walk[:, order] = np.cumsum(rng.standard_normal((_DRAWS, len(n))) * np.sqrt(steps), axis=1)
    own = rng.standard_normal((_DRAWS, len(n))) * np.sqrt(2 * STABLE / n)
    noise: FloatArray = spread * walk / n + own
    return noise


def _gains(labels: FloatArray, values: FloatArray, n: FloatArray, more: int, rng: np.random.Generator) -> FloatArray:
    """(rows of ``values``,) forecast gain, each by a shape drawn by how well it fits."""
    weights = n / n.mean()
    errors, gains = [], []
    for power, start in _SHAPES:
        x = -((labels + start) ** -power)
        x = x - np.average(x, weights=weights)
        slope = (values * weights) @ x / (weights @ x**2)
        middle = np.average(values, axis=1, weights=weights)
        errors.append((((values - middle[:, None] - slope[:, None] * x) ** 2) * weights).sum(axis=1))
        last = labels.max() + start
        gains.append(slope * (last**-power - (last + more) ** -power))
    loss = np.array(errors) * len(labels) / np.maximum(np.min(errors, axis=0), 1e-12) / 2
    chances = np.exp(loss.min(axis=0) - loss)
    chosen = (chances / chances.sum(axis=0)).cumsum(axis=0) >= rng.random(len(values))
    found: FloatArray = np.array(gains)[chosen.argmax(axis=0), np.arange(len(values))]
    return found
