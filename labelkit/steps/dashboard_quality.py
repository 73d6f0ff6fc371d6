"""How good the labels are, as far as that can be known: the audit, gold test items, past runs, class shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labelkit.analysis import wilson
from labelkit.steps.browsing_facts import end_model, label_model
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.store import Run
from labelkit.types import ABSTAIN, Estimate, IntArray

WANTED_HALF: Final = 0.05
"""Half the width of the interval that an audit should reach."""
_MODELS: Final = (("end_model", "end model"), ("label_model", "label model"), ("majority", "majority vote"))
_POINTS: Final = 200
_Z: Final = 1.96


@dataclass(frozen=True)
class Measure:
    """One accuracy: of what, on what, with its 95% interval and n."""

    of: str
    on: str
    estimate: Estimate


@dataclass(frozen=True)
class Audit:
    """What the audit slice says, and what it lacks.

    Attributes
    ----------
    measures
        Accuracy of the end model and of the label model on answered audit items; those without a case are left out.
    drawn, answered
        Items drawn for the audit, and how many have a label of people.
    simulated
        How many of these labels rest on simulated answers.
    wanted
        How many more answered items would make the interval about ± 5 points; None where nothing is known yet.
    """

    measures: tuple[Measure, ...]
    drawn: int
    answered: int
    simulated: int
    wanted: int | None


@dataclass(frozen=True)
class CurvePoint:
    """The end model after one training: from how many human labels, and how often right on which items."""

    run: int
    at: str
    human: int
    trained_on: int
    measures: tuple[Measure, ...]


@dataclass(frozen=True)
class Distribution:
    """Items of each class, in the order of the classes: by people, by the label model, by the end model (or None)."""

    labels: tuple[str, ...]
    people: tuple[int, ...]
    label_model: tuple[int, ...] | None
    end_model: tuple[int, ...] | None


def audit(workspace: KeptWorkspace) -> Audit:
    """Accuracies on the audit slice: the end model's as the last `train` measured it, with the confidence sequence that
    every page and command shows; the label model's by the answers that there are now."""
    people = workspace.people()
    truth = workspace.schema.to_indices(people.audited)
    known = np.flatnonzero(truth != ABSTAIN)
    measures = []
    run = workspace.store.runs.latest("train")
    told = {} if run is None else run.metrics.get("audit", {})
    if told.get("n"):
        measures.append(Measure("end model", "audit items", _estimate(told)))
    model = label_model(workspace)
    if model is not None:
        said = model.label[known]
        spoke = said != ABSTAIN
        estimate = wilson(int((said == truth[known])[spoke].sum()), int(spoke.sum()))
        where = "audit items" if spoke.all() else "audit items that it labels"
        if estimate.n:
            measures.append(Measure("label model", where, estimate))
    return Audit(
        measures=tuple(measures),
        drawn=int(people.audit.sum()),
        answered=len(known),
        simulated=int(people.simulated[known].sum()),
        wanted=_wanted(measures[0].estimate) if measures else None,
    )


def _wanted(estimate: Estimate) -> int:
    """Further cases until the interval is about ± 5 points wide; the share is kept off 0 and 1, where few cases say
    little."""
    share = min(max(estimate.value, 0.05), 0.95)
    return max(0, math.ceil(_Z**2 * share * (1 - share) / WANTED_HALF**2) - estimate.n)


def on_gold(run: Run | None) -> tuple[Measure, ...]:
    """Accuracies on gold test items, as the last `train` or `label` measured them."""
    return () if run is None else _measures(run.metrics)


def _measures(metrics: Mapping[str, Any]) -> tuple[Measure, ...]:
    found = []
    scores = metrics.get("scores", {})
    for name, words in _MODELS:
        told = scores.get(name, {}).get("accuracy")
        if told and told["n"]:
            found.append(Measure(words, "gold test items", _estimate(told)))
    return tuple(found)


def _estimate(told: Mapping[str, Any]) -> Estimate:
    return Estimate(told["value"], told["low"], told["high"], told["n"])


def curve(workspace: KeptWorkspace) -> list[CurvePoint]:
    """The end model's accuracy after each `train`, the oldest first; of many runs, some spread over all."""
    newest = workspace.store.runs.latest("train")
    if newest is None:
        return []
    return workspace.kept.value("curve", newest.id, lambda: _spread(_read(workspace)))


def _read(workspace: KeptWorkspace) -> list[CurvePoint]:
    points = []
    for run, at, metrics in workspace.store.browsing.metrics("train"):
        measures = [one for one in _measures(metrics) if one.of == "end model"]
        audited = metrics.get("audit", {})
        if audited.get("n"):
            measures.append(Measure("end model", "audit items", _estimate(audited)))
        points.append(CurvePoint(run, at, metrics.get("human", 0), metrics.get("trained_on", 0), tuple(measures)))
    return points


def _spread(points: list[CurvePoint]) -> list[CurvePoint]:
    if len(points) <= _POINTS:
        return points
    chosen = np.unique(np.linspace(0, len(points) - 1, _POINTS).round().astype(int))
    return [points[i] for i in chosen]


def distribution(workspace: KeptWorkspace) -> Distribution:
    """How many items of each class people and models see."""
    schema, people = workspace.schema, workspace.people()
    human = schema.to_indices(np.where(people.simulated, ABSTAIN, people.label))
    models = [label_model(workspace), end_model(workspace)]
    counts = [None if model is None else _counts(model.label, schema.cardinality) for model in models]
    return Distribution(schema.names, _counts(human, schema.cardinality), *counts)


def _counts(labels: IntArray, cardinality: int) -> tuple[int, ...]:
    return tuple(int(n) for n in np.bincount(labels[labels != ABSTAIN].astype(np.intp), minlength=cardinality))
