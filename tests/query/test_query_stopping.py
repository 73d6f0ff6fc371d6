"""When one is told to stop, and what is said when not."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from labelkit.query.stopping import (
    NEXT,
    STABLE,
    Advice,
    Change,
    Measured,
    TrainPoint,
    Wanted,
    advise,
    forecast,
)

GOOD = Measured(0.95, 0.91, 0.98, 150)
STEADY = [Change(0.01, 25)] * 4
NINETY = Wanted(target=0.9)


def told(
    accuracy: Measured = GOOD,
    wanted: Wanted = NINETY,
    points: list[TrainPoint] | None = None,
    changes: list[Change] | None = None,
    unaudited: list[str] | None = None,
) -> Advice:
    advice = advise(accuracy, wanted, points or [], STEADY if changes is None else changes, unaudited or [])
    assert json.loads(json.dumps(dataclasses.asdict(advice), allow_nan=False))["stop"] == advice.stop
    return advice


def curve(final: float, scale: float, *, n: int = 40) -> list[TrainPoint]:
    """Accuracies that rise to ``final`` with ever more audited items."""
    return [TrainPoint(labels, final - scale / math.sqrt(labels + 25), n + labels) for labels in range(0, 500, 50)]


def test_all_three_are_needed() -> None:
    assert told().stop
    assert told().summary.startswith("you can stop: accuracy is at least 91.0% (audit of 150), the target 90.0%")
    low = told(Measured(0.93, 0.89, 0.96, 150))
    assert not low.stop
    assert "at least 89.0% (audit of 150), the target 90.0%: more audited items" in low.summary
    assert not told(changes=[Change(2 * STABLE, 25)] * 4).stop
    rare = told(unaudited=["complaint"])
    assert not rare.stop
    assert rare.missing == ["class complaint has no audited example yet"]
    assert "at most 85.0%" in told(Measured(0.8, 0.7, 0.85, 150)).summary


@pytest.mark.parametrize(
    ("accuracy", "wanted", "changes", "sentence"),
    [
        (Measured(None, 0.0, 1.0, 0), Wanted(target=0.9), [], "nothing of the audit is answered"),
        (GOOD, Wanted(), STEADY, "neither a target nor prices are set: give target in"),
        (GOOD, Wanted(price_per_label=1.0), STEADY, "price_per_point in [query] is not set"),
        (GOOD, Wanted(price_per_label=1.0, price_per_point=9.0), STEADY, "too few models"),
        (GOOD, Wanted(target=0.9), [], "two models with 20 labels between them are needed"),
        (GOOD, Wanted(target=0.9), [Change(0.0, 0)] * 9, "two models with 20 labels between them are needed"),
    ],
)
def test_what_is_missing_is_said(accuracy: Measured, wanted: Wanted, changes: list[Change], sentence: str) -> None:
    advice = told(accuracy, wanted, changes=changes)
    assert not advice.stop
    assert sentence in advice.summary


def test_the_price_is_enough_without_the_target() -> None:
    """Flat curve, cheap points: further labels cannot pay. The same with dear points does not stop."""
    below = Measured(0.85, 0.8, 0.9, 400)
    flat = curve(0.85, 0.0, n=2000)
    cheap = told(below, Wanted(target=0.95, price_per_label=1.0, price_per_point=5.0), points=flat)
    assert cheap.stop
    assert cheap.price_of_next == NEXT
    assert cheap.worth_of_next is not None
    assert cheap.worth_of_next < NEXT
    dear = told(below, Wanted(target=0.95, price_per_label=1.0, price_per_point=1000.0), points=flat)
    assert not dear.stop
    assert any("worth" in one for one in dear.missing)


def test_small_changes_between_few_labels_are_added() -> None:
    one_by_one = [Change(0.004, 1)] * 60
    advice = told(changes=one_by_one)
    assert advice.changed == pytest.approx(0.08)
    assert not advice.stop
    assert told(changes=[*STEADY, Change(0.001, 2)]).stop


def test_the_forecast_holds_the_gain_and_is_wide_where_little_is_known() -> None:
    """Noisy audits of true power laws: the gain of the next 100 labels is inside in nearly all."""
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        answers = rng.random(600)
        true = [0.92 - 1.2 / math.sqrt(labels + 25) for labels in range(0, 600, 50)]
        points = [
            TrainPoint(50 * i, float((answers[: 20 + 20 * i] < accuracy).mean()), 20 + 20 * i)
            for i, accuracy in enumerate(true)
        ]
        found = forecast(points, seed=seed)
        assert found is not None
        gain = 1.2 / math.sqrt(575) - 1.2 / math.sqrt(675)
        inside += found.low <= gain <= found.high
        assert found.low <= found.gain <= found.high
    assert inside >= 37
    many, few = forecast(curve(0.9, 0.5, n=4000)), forecast(curve(0.9, 0.5, n=10))
    assert many is not None
    assert few is not None
    assert few.high - few.low > many.high - many.low


def test_too_little_to_forecast_from() -> None:
    assert forecast([]) is None
    assert forecast(curve(0.9, 0.5)[:3]) is None
    assert forecast([TrainPoint(10, 0.8, 50)] * 8) is None
    assert forecast([TrainPoint(50 * i, 0.8, 5) for i in range(9)]) is None
    same = forecast([TrainPoint(50 * i, 1.0, 50) for i in range(9)], room=0.05)
    assert same is not None
    assert math.isfinite(same.gain)
    assert same.high <= 0.05
