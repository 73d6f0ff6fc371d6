"""Figures of learning curves: areas, labels to a target, intervals over seeds, and who is above whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Runs = Sequence[Mapping[str, Any]]
"""Results of one method on one set, one per seed; a method that asks nobody and draws nothing has one."""
Figure = Callable[[Sequence[Mapping[str, Any]]], float]
"""Of one run's points."""

PEERS = ("human-margin", "human-random", "small-text", "majority", "snorkel", "replacing")
WITHIN = 0.01
"""How close to the end model trained on all gold counts as there."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95% interval (Student's t); without an interval where there is one seed."""

    mean: float
    low: float | None
    high: float | None
    n: int

    def text(self, scale: float = 100, digits: int = 1) -> str:
        """``83.2 ±0.4``."""
        if self.low is None or self.high is None:
            return f"{scale * self.mean:.{digits}f}"
        return f"{scale * self.mean:.{digits}f} ±{scale * (self.high - self.low) / 2:.{digits}f}"


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean and 95% interval.

    Raises
    ------
    ValueError
        If there is no value.
    """
    from scipy.stats import t

    if not len(values):
        raise ValueError("a mean of no values was asked for")
    given = np.asarray(values, dtype=np.float64)
    mean, n = float(given.mean()), len(given)
    if n == 1:
        return Interval(mean, None, None, 1)
    half = float(t.ppf(0.975, n - 1) * given.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval:
    """Interval of the difference, seed by seed; one value alone stands for every seed.

    Raises
    ------
    ValueError
        If they have no seed in common.
    """
    if len(theirs) == 1 and len(ours) > 1:
        (only,) = theirs.values()
        return mean_interval([value - only for value in ours.values()])
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError("two methods have no seed in common")
    return mean_interval([ours[seed] - theirs[seed] for seed in shared])


def at(points: Sequence[Mapping[str, Any]], answers: float, key: str = "test") -> float:
    """The curve at so many answers: linear between checkpoints, flat after the last."""
    return float(np.interp(answers, [p["answers"] for p in points], [p[key] for p in points]))


def area(points: Sequence[Mapping[str, Any]], until: int, key: str = "test") -> float:
    """Mean height of the piecewise linear curve from 0 to ``until`` answers, flat after the last point."""
    if until <= 0:
        return at(points, 0, key)
    inner = [p["answers"] for p in points if 0 < p["answers"] < until]
    grid = np.array([0, *inner, until], dtype=np.float64)
    return float(np.trapezoid([at(points, x, key) for x in grid], grid) / until)


def labels_to(points: Sequence[Mapping[str, Any]], target: float, cap: int) -> float:
    """Answers at which the curve first reaches the target, linear between checkpoints; ``cap`` if it never does."""
    before: Mapping[str, Any] | None = None
    for point in points:
        if point["test"] >= target:
            if before is None:
                return float(point["answers"])
            share = (target - before["test"]) / (point["test"] - before["test"])
            return float(min(cap, before["answers"] + share * (point["answers"] - before["answers"])))
        before = point
    return float(cap)


def labels_to_stay(points: Sequence[Mapping[str, Any]], target: float, cap: int) -> float:
    """The same for the first checkpoint from which on two in a row reach it (or the last one that was measured)."""
    reached = [point["test"] >= target for point in points]
    for i, here in enumerate(reached):
        if here and (i + 1 == len(reached) or reached[i + 1]):
            return labels_to(points[max(i - 1, 0) : i + 1], target, cap)
    return float(cap)


def by_seed(runs: Runs, figure: Figure) -> dict[int, float]:
    """seed → figure of that run's points."""
    return {int(run["seed"]): float(figure(run["points"])) for run in runs}


def best_peer(curves: Mapping[str, Runs], until: int) -> str | None:
    """The peer with the largest mean area; None where no peer ran."""
    areas = {name: np.mean([area(run["points"], until) for run in curves[name]]) for name in PEERS if name in curves}
    return max(areas, key=lambda name: areas[name]) if areas else None


def below_start(runs: Runs, until: int) -> list[dict[str, Any]]:
    """Checkpoints whose mean test accuracy is below the start by more than noise; see :func:`change_from_start`."""
    answers = sorted({p["answers"] for run in runs for p in run["points"] if 0 < p["answers"] <= until})
    changes = {x: change_from_start(runs, x) for x in answers}
    return [
        {"answers": x, "change": asdict(one)} for x, one in changes.items() if one.high is not None and one.high < 0
    ]


def change_from_start(runs: Runs, answers: int) -> Interval:
    """Mean change of the test accuracy, with an interval for both that seeds and that test items are a sample.

    Ten runs that all lose the same one of 250 test items have no spread over seeds, and have shown nothing. The runs
    share their test items, so what these add to the variance does not shrink with their number (McNemar).
    """
    from scipy.stats import t

    found = mean_interval([at(run["points"], answers) - at(run["points"], 0) for run in runs])
    if found.n == 1:
        return found
    counted = [p["test_items"] for run in runs for p in run["points"] if p["answers"] == answers]
    by_items = np.mean(
        [(c["won"] + c["lost"] - (c["won"] - c["lost"]) ** 2 / c["items"]) / c["items"] ** 2 for c in counted]
    )
    assert found.high is not None
    half = float(np.hypot(found.high - found.mean, t.ppf(0.975, found.n - 1) * np.sqrt(by_items)))
    return Interval(found.mean, found.mean - half, found.mean + half, found.n)


def set_figures(
    curves: Mapping[str, Runs],
    *,
    target: float,
    until: int,
    cap: int,
    shown: Sequence[int],
    searched: Sequence[str] = (),
) -> dict[str, Any]:
    """All figures of one set.

    Parameters
    ----------
    curves
        Method → runs.
    target
        Test accuracy to reach.
    until, cap
        End of the areas, and of the search for the target.
    shown
        Numbers of answers at which accuracies are given.
    searched
        Methods that went on to the cap: the others have no number of labels to the target.
    """
    methods = {name: _method_figures(runs, until, shown) for name, runs in curves.items()}
    for name in searched:
        if name in curves:
            methods[name] |= _labels_figures(curves[name], target, cap)
    found: dict[str, Any] = {"target": target, "methods": methods}
    if "auto" not in curves:
        return found
    ours = by_seed(curves["auto"], lambda points: area(points, until))
    peer = best_peer(curves, until)
    if peer is not None:
        found["best_peer"] = peer
        theirs = by_seed(curves[peer], lambda points: area(points, until))
        found["area_over_best_peer"] = asdict(paired(ours, theirs))
    if "random" in curves:
        end = [by_seed(curves[name], lambda points: at(points, until)) for name in ("auto", "random")]
        found["end_over_random"] = asdict(paired(*end))
        random_area = by_seed(curves["random"], lambda points: area(points, until))
        found["area_over_random"] = asdict(paired(ours, random_area))
    found["below_start"] = below_start(curves["auto"], until)
    return found


def _interval(runs: Runs, figure: Figure) -> dict[str, Any]:
    return asdict(mean_interval(list(by_seed(runs, figure).values())))


def _method_figures(runs: Runs, until: int, shown: Sequence[int]) -> dict[str, Any]:
    return {
        "seeds": len(runs),
        "test": {str(x): _interval(runs, lambda points, x=x: at(points, x)) for x in shown},
        "pool": {str(x): _interval(runs, lambda points, x=x: at(points, x, "pool")) for x in shown},
        "area": _interval(runs, lambda points: area(points, until)),
        "pool_area": _interval(runs, lambda points: area(points, until, "pool")),
        "cpu_seconds": float(np.mean([run["cpu_seconds"] for run in runs])),
    }


def _labels_figures(runs: Runs, target: float, cap: int) -> dict[str, Any]:
    return {
        "labels": _interval(runs, lambda points: labels_to(points, target, cap)),
        "labels_to_stay": _interval(runs, lambda points: labels_to_stay(points, target, cap)),
        "reached": float(np.mean([any(p["test"] >= target for p in run["points"]) for run in runs])),
    }


def summary(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The issue's figures over all sets."""
    found: dict[str, Any] = {}
    ratios = {}
    for key in ("labels", "labels_to_stay"):
        ratios[key] = {
            name: one["methods"]["auto"][key]["mean"] / one["methods"]["human-margin"][key]["mean"]
            for name, one in sets.items()
            if all(key in one["methods"].get(method, ()) for method in ("auto", "human-margin"))
            and one["methods"]["human-margin"][key]["mean"] > 0
        }
        if ratios[key]:
            found[f"{key}_ratio"] = {"sets": ratios[key], "median": float(np.median(list(ratios[key].values())))}
    over = {name: one["area_over_best_peer"] for name, one in sets.items() if "area_over_best_peer" in one}
    if over:
        found["area_over_best_peer"] = {
            "mean": float(np.mean([one["mean"] for one in over.values()])),
            "below_by_more_than_noise": [n for n, one in over.items() if one["high"] is not None and one["high"] < 0],
        }
    ends = {name: one["end_over_random"] for name, one in sets.items() if "end_over_random" in one}
    if ends:
        found["end_below_random"] = [n for n, one in ends.items() if one["high"] is not None and one["high"] < 0]
        found["end_above_random"] = [n for n, one in ends.items() if one["low"] is not None and one["low"] > 0]
    found["below_start"] = {name: one["below_start"] for name, one in sets.items() if one.get("below_start")}
    return found
