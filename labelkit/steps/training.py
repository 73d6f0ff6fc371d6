"""Train: probabilistic labels and answers → end model → a prediction for every item."""

from __future__ import annotations

import inspect
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from labelkit import registry
from labelkit.analysis import Score, score
from labelkit.annotate import HumanLabels
from labelkit.endmodels import EndModel, fit_end_model, load_end_model, save_end_model
from labelkit.errors import EndModelError, StepMissing
from labelkit.steps.auditing import audit_figures
from labelkit.steps.item_features import Features, embeddings, features, features_key
from labelkit.steps.kept_models import forget_models
from labelkit.steps.labeling import as_dict, people_digest
from labelkit.steps.stopping import change_since
from labelkit.steps.targets import training_targets
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import Run
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray


@dataclass
class TrainResult:
    """What a training run found. ``scores``: end model, label model and majority vote on gold test items."""

    model: str
    trained_on: int
    human: int
    features: int
    scores: dict[str, Any]
    audit: dict[str, Any]
    """Of the end model, from the audit alone; see :func:`labelkit.steps.auditing.audit_figures`."""
    notes: list[str]
    run: int
    reused: bool
    seconds: float
    mixed: dict[str, Any] = field(default_factory=dict)
    """What people's answers changed in the weak labels; see :class:`labelkit.endmodels.MixedTargets`."""
    changed: dict[str, float] | None = None
    """Share of the items whose predicted class is another than in the run before, and the labels in between."""


def train(workspace: Workspace, *, force: bool = False) -> TrainResult:
    """Train the end model and predict all items.

    Raises
    ------
    StepMissing
        If `label` has not run on the present items.
    EndModelError
        If there is nothing to learn from.
    """
    started = time.perf_counter()
    label_run = workspace.need_fresh("label", "training")
    people = workspace.people()
    mixed = training_targets(workspace, label_run, people)
    Y, usable = mixed.targets, mixed.usable
    gold = workspace.test_gold()
    audited = workspace.schema.to_indices(people.audited)
    settings = workspace.config.end_model
    inputs = digest(
        label_run.inputs, Y, usable, gold, audited, settings.model_dump(), workspace.seed,
        workspace.store.items.shard_digests(), workspace.versions, _code_of(settings.name), features_key(workspace),
    )  # fmt: skip
    latest = workspace.store.runs.latest("train")
    if latest is not None and latest.inputs == inputs and not force:
        return TrainResult(**latest.metrics, run=latest.id, reused=True, seconds=time.perf_counter() - started)
    with workspace.progress.track("training the end model"):
        items = features(workspace)
        model = _fit(workspace, items, Y, usable)
        predictions = model.predict_proba(items.X)
    metrics: dict[str, Any] = {
        "model": settings.name,
        "trained_on": int(usable.sum()),
        "human": int((usable & (people.teaching != ABSTAIN)).sum()),
        "features": model.n_features,
        "scores": {"end_model": as_dict(_score_all(predictions, gold)), **label_run.metrics["scores"]},
        "audit": audit_figures(workspace, predictions, people),
        "notes": list(model.notes),
        "mixed": mixed.figures,
    }
    metrics["changed"] = change_since(workspace, predictions, metrics["human"])
    run = workspace.store.runs.finish(
        "train",
        parameters={
            "model": settings.model_dump(),
            "label_run": label_run.id,
            "class_ids": list(workspace.schema.ids),
            "items": len(Y),
            "label_inputs": label_run.inputs,
            "content": workspace.content(),
            "people": people_digest(people),
        },
        inputs=inputs,
        versions=workspace.versions,
        seconds=time.perf_counter() - started,
        metrics=metrics,
        seed=workspace.seed,
        predictions=predictions,
    )
    _keep(workspace, model, inputs)
    forget_models(workspace)
    return TrainResult(**metrics, run=run, reused=False, seconds=time.perf_counter() - started)


def _fit(workspace: Workspace, items: Features, Y: FloatArray, usable: BoolArray) -> EndModel:
    settings = workspace.config.end_model
    if not usable.any():
        raise EndModelError(
            "there is nothing to train the end model on: no labeling function votes on an item of the train split"
            " and nobody has labeled one",
            hint="Write a labeling function that votes, or label some items",
        )
    return fit_end_model(
        settings.name,
        table=items.table,
        Y=Y,
        weights=usable.astype(np.float64),
        seed=workspace.seed,
        options=dict(settings.options),
        label_names=workspace.schema.names,
        features=items.fitted,
        X=items.X,
    )


def _score_all(probabilities: FloatArray, gold: IntArray) -> Score:
    return score(probabilities, gold, np.ones(len(gold), dtype=bool))


def _code_of(spec: str) -> str | None:
    """Identity of the module that a custom estimator comes from: edited code is another estimator."""
    if ":" not in spec:
        return None
    file = inspect.getsourcefile(registry.load(spec))
    return None if file is None else digest(Path(file).read_text(encoding="utf-8", errors="replace"))


def model_folder(workspace: Workspace, inputs: str) -> Path:
    """Where the end model fitted from these inputs is kept; a cache, addressed by content."""
    return workspace.cache / "end_models" / inputs[:32]


def _keep(workspace: Workspace, model: EndModel, inputs: str) -> None:
    """Save the fitted model beside the project; where the disk refuses, it is fitted again when needed."""
    folder = model_folder(workspace, inputs)
    if not model.can_save or folder.exists():
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: a folder of this name is trusted to hold a model.
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            made = Path(temporary) / "model"
            made.mkdir()
            save_end_model(model, made)
            made.rename(folder)
    except OSError as error:
        workspace.progress.note(f"the fitted end model was not kept ({error.strerror or error})")


def current_end_model(workspace: Workspace, run: Run, people: HumanLabels) -> EndModel:
    """The fitted end model of a run: loaded, or fitted again where the cache is gone.

    Raises
    ------
    StepMissing
        If it would have to be fitted with other settings than the run had.
    """
    folder = model_folder(workspace, run.inputs)
    if folder.exists():
        try:
            return load_end_model(folder, embeddings=embeddings(workspace))
        except EndModelError as error:
            workspace.progress.note(f"the kept end model cannot be read and is fitted again: {error}")
    if run.parameters["model"] != workspace.config.end_model.model_dump():
        raise StepMissing("[end_model] changed after the last `labelkit train`", hint="Run `labelkit train`")
    label_run = workspace.need_fresh("label", "the end model")
    mixed = training_targets(workspace, label_run, people)
    return _fit(workspace, features(workspace), mixed.targets, mixed.usable)
