"""Stopping: whether one can stop asking people, from the audit, the train runs so far and the project's target."""

from __future__ import annotations

import numpy as np

from labelkit.errors import StepMissing
from labelkit.query.stopping import Advice, Change, Measured, TrainPoint, Wanted, advise
from labelkit.steps.auditing import audit_figures
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import FloatArray

_COMPARED = 4
"""Train runs whose predictions are compared where the runs themselves do not say what changed."""


def stopping(workspace: Workspace) -> Advice:
    """Whether one can stop asking, by the last `train` and the answers of now; reads only, imports no project code."""
    settings = workspace.config.query
    wanted = Wanted(settings.target, settings.price_per_label, settings.price_per_point)
    run = workspace.store.runs.latest("train")
    nothing = Measured(None, 0.0, 1.0, 0)
    if run is None:
        told = "no end model has been trained yet: run `labelkit run`"
        return Advice(False, f"go on: {told}", nothing, wanted, missing=[told], unaudited=list(workspace.schema.names))
    people = workspace.people()
    predictions = workspace.predictions(run)
    if len(predictions) != len(people.label):
        told = "items came after the last `labelkit train`: run `labelkit run`"
        return Advice(False, f"go on: {told}", nothing, wanted, missing=[told])
    audit = audit_figures(workspace, predictions, people)
    unaudited = [name for name, one in audit["classes"].items() if not one["audited"]]
    advice = advise(
        Measured(audit["value"], audit["low"], audit["high"], audit["n"]),
        wanted,
        _points(workspace),
        _changes(workspace),
        unaudited,
        seed=workspace.seed,
    )
    if audit["skipped"]:
        told = f"{audit['skipped']:,} audit items were skipped and are taken to be like the answered ones"
        (advice.why if advice.stop else advice.missing).append(told)
    return advice


def change_since(workspace: Workspace, predictions: FloatArray, human: int) -> dict[str, float] | None:
    """What a train run notes of itself: the share of items whose predicted class is not that of the run before, and
    the human labels in between. None where there is no run to compare with.

    Parameters
    ----------
    predictions
        (n, k) of the new model.
    human
        Labels of people that taught it.
    """
    before = workspace.store.runs.latest("train")
    share = None if before is None else _share(workspace, before, predictions)
    if before is None or share is None:
        return None
    return {"share": share, "labels": max(human - int(before.metrics.get("human", 0)), 0)}


def _share(workspace: Workspace, run: Run, predictions: FloatArray) -> float | None:
    """Share of the items of both whose predicted class differs; None if the run's predictions are not kept."""
    try:
        earlier = workspace.predictions(run)
    except (StepMissing, KeyError):
        return None
    both = min(len(earlier), len(predictions))
    if not both or earlier.shape[1] != predictions.shape[1]:
        return None
    return float((earlier[:both].argmax(axis=1) != predictions[:both].argmax(axis=1)).mean())


def _points(workspace: Workspace) -> list[TrainPoint]:
    points = []
    for _, _, metrics in workspace.store.browsing.metrics("train"):
        audit = metrics.get("audit", {})
        if audit.get("n") and audit.get("value") is not None:
            points.append(TrainPoint(int(metrics.get("human", 0)), float(audit["value"]), int(audit["n"])))
    return points


def _changes(workspace: Workspace) -> list[Change]:
    """What changed from model to model: as the train runs noted it, else as far as their predictions are kept."""
    listed = [(run, metrics) for run, _, metrics in workspace.store.browsing.metrics("train")]
    noted = [metrics["changed"] for _, metrics in listed if metrics.get("changed")]
    if noted:
        return [Change(float(one["share"]), int(one["labels"])) for one in noted]
    changes: list[Change] = []
    later: tuple[FloatArray, int] | None = None
    for number, metrics in reversed(listed[-_COMPARED:]):
        run = workspace.store.runs.get(number)
        human = int(metrics.get("human", 0))
        if run is None or (later is not None and (share := _share(workspace, run, later[0])) is None):
            break
        if later is not None:
            assert share is not None
            changes.append(Change(share, max(later[1] - human, 0)))
        try:
            later = (np.asarray(workspace.predictions(run)), human)
        except (StepMissing, KeyError):
            break
    return changes[::-1]
