"""What two runs of a step note about themselves: settings and figures that differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from labelkit.store import Run

_SETTINGS: Final = ("model", "options", "query", "size", "class_names")
_LEARNED: Final = ("options.class_balance",)
"""Comes from answers; nobody sets it."""
_REPEATED: Final = ("scores.label_model.", "scores.majority.")
"""A train run repeats what its label run says."""
_SCORES: Final = ("scores.", "audit.")
"""Figures that come first."""


@dataclass(frozen=True)
class SettingChange:
    """One setting of a step that is another in the second run; None: the run has no such setting."""

    step: str
    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class FigureChange:
    """One figure of a step, by its place in the run's metrics; ``change`` where both are numbers."""

    step: str
    name: str
    first: float | None
    second: float | None
    change: float | None


def changed_settings(one: Run, other: Run) -> list[SettingChange]:
    """Settings, labeling functions, seeds and library versions that differ; not answers and items."""
    before, after = _settings(one), _settings(other)
    return [
        SettingChange(one.step, name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]


def _settings(run: Run) -> dict[str, Any]:
    told: dict[str, Any] = {name: run.parameters[name] for name in _SETTINGS if name in run.parameters}
    found = {name: value for name, value in _leaves(told) if name not in _LEARNED}
    found["seed"] = run.seed
    found |= {f"version of {name}": version for name, version in run.versions.items()}
    found |= {f"function {f['name']}": str(f["fingerprint"])[:12] for f in run.parameters.get("functions", ())}
    return found


def changed_figures(one: Run, other: Run) -> list[FigureChange]:
    """Figures of two runs that differ, scores first; seconds are among them."""
    before, after = _figures(one), _figures(other)
    names = [name for name in {*before, *after} if before.get(name) != after.get(name)]
    names.sort(key=lambda name: (not name.startswith(_SCORES), name))
    return [
        FigureChange(one.step, name, first, second, None if first is None or second is None else second - first)
        for name in names
        for first, second in [(before.get(name), after.get(name))]
    ]


def _figures(run: Run) -> dict[str, float]:
    found = {
        name: float(value)
        for name, value in _leaves(run.metrics)
        if isinstance(value, (int, float))
        and not isinstance(value, bool)
        and math.isfinite(value)
        and not (run.step == "train" and name.startswith(_REPEATED))
    }
    return {**found, "seconds": float(run.seconds)}


def _leaves(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(path, value) of everything in nested tables; lists are values."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from _leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
