"""The label of every item as an export would give it, with its source, and what its votes look like: arrays over
all items, made once per run and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelkitError, StepMissing
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.labeling import vote_matrix
from labelkit.store import Run
from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, FloatArray, IntArray

SOURCES: Final = ("adjudication", "agreement", "gold", "label_model", "end_model")
"""Who decided a label, in order of precedence; as the rules of :func:`labelkit.trainingset.assemble`."""

_LARGEST: Final = 256 << 20
"""Bytes of a label matrix that is kept in memory; a larger one is read anew for each use."""


@dataclass(frozen=True)
class ModelLabels:
    """What a model says about each of n items.

    Attributes
    ----------
    label
        (n,) class indices, −1 where it decides nothing.
    p
        (n,) float32 probability of that class; of its most probable one where it decides nothing, NaN where there
        is none.
    """

    label: IntArray
    p: FloatArray


@dataclass(frozen=True)
class Labels:
    """The labels of n items as they stand.

    Attributes
    ----------
    label
        (n,) class indices, −1 where nothing decides.
    source
        (n,) int8 positions in :data:`SOURCES`, −1 where nothing decides.
    p
        (n,) float32 probability of the label: 1 where people or gold decided; where nothing decides, the highest one
        that a model gives to any class, or NaN.
    """

    label: IntArray
    source: npt.NDArray[np.int8]
    p: FloatArray


@dataclass(frozen=True)
class Voted:
    """Votes on n items: how many functions voted, and whether two of them differ."""

    names: tuple[str, ...]
    count: npt.NDArray[np.int32]
    conflict: BoolArray


def label_model(workspace: KeptWorkspace) -> ModelLabels | None:
    """The label model of the last `label`; None before it, or where its results cannot be read any more."""
    run = workspace.store.runs.latest("label")
    if run is None:
        return None
    n = workspace.store.items.count()

    def make() -> ModelLabels | None:
        try:
            raw, labels = workspace.label_probabilities(run)
        except (StepMissing, LabelkitError):
            return None
        p = raw.max(axis=1) if raw.size else np.empty(0, np.float32)
        decided = np.flatnonzero(labels != ABSTAIN)
        p[decided] = raw[decided, labels[decided].astype(np.intp)]
        return _padded(labels, p, n)

    return workspace.kept.value("label model", (run.id, n, workspace.schema.ids), make)


def end_model(workspace: KeptWorkspace) -> ModelLabels | None:
    """The end model of the last `train`, as :func:`label_model`."""
    run = workspace.store.runs.latest("train")
    if run is None:
        return None
    n = workspace.store.items.count()

    def make() -> ModelLabels | None:
        try:
            raw = workspace.predictions(run)
        except (StepMissing, LabelkitError):
            return None
        if not raw.size:
            return _padded(np.empty(0, np.int8), np.empty(0, np.float32), n)
        top = raw.max(axis=1)
        alone = (raw == top[:, None]).sum(axis=1) == 1
        return _padded(np.where(alone, raw.argmax(axis=1), ABSTAIN), top, n)

    return workspace.kept.value("end model", (run.id, n, workspace.schema.ids), make)


def _padded(label: IntArray, p: FloatArray, n: int) -> ModelLabels:
    """Items that came after the run have no label."""
    out, top = np.full(n, ABSTAIN, dtype=np.int16), np.full(n, np.nan, dtype=np.float32)
    out[: len(label)], top[: len(p)] = label, p
    return ModelLabels(out, top)


def current_labels(workspace: KeptWorkspace) -> Labels:
    """Final labels by the rules of an export, of all items, also where a step is out of date."""
    standing = workspace.standing()
    settings = workspace.config.training_set
    runs = workspace.store.runs
    steps = tuple(run.id if (run := runs.latest(step)) is not None else 0 for step in ("label", "train"))
    key = (standing.mark, steps, standing.rules, settings.min_probability, settings.use_gold)
    return workspace.kept.value("labels", key, lambda: _decided(workspace))


def _decided(workspace: KeptWorkspace) -> Labels:
    people, schema = workspace.people(), workspace.schema
    human = np.where(people.simulated, ABSTAIN, schema.to_indices(people.label))
    n = len(human)
    label = np.full(n, ABSTAIN, dtype=np.int16)
    source = np.full(n, -1, dtype=np.int8)
    p = np.full(n, np.nan, dtype=np.float32)

    def decide(place: int, opinion: IntArray, probability: FloatArray | float) -> None:
        new = (label == ABSTAIN) & (opinion != ABSTAIN)
        label[new], source[new] = opinion[new], place
        p[new] = probability if isinstance(probability, float) else probability[new]

    decide(0, np.where(people.adjudicated, human, ABSTAIN), 1.0)
    decide(1, human, 1.0)
    if workspace.config.training_set.use_gold:
        taught = workspace.training_rows(people) & ~(people.audit & people.asked)
        decide(2, np.where(taught, workspace.gold(), ABSTAIN), 1.0)
    least = workspace.config.training_set.min_probability
    for place, model in ((3, label_model(workspace)), (4, end_model(workspace))):
        if model is not None:
            sure = np.where(np.nan_to_num(model.p) >= least, model.label, ABSTAIN)
            decide(place, sure, model.p)
            undecided = (label == ABSTAIN) & ~np.isnan(model.p)
            p[undecided] = np.fmax(p[undecided], model.p[undecided])
    return Labels(label, source, p)


def label_matrix(workspace: KeptWorkspace, run: Run) -> IntArray:
    """The label matrix (n, m) of a vote run, kept unless it is very large.

    Raises
    ------
    StepMissing
        If items came or changed after the run.
    """
    n, m = workspace.store.items.count(), len(run.parameters["functions"])
    if n * m > _LARGEST:
        return vote_matrix(workspace, run)
    key = (run.id, workspace.mark().items, workspace.schema.ids)
    return workspace.kept.value("label matrix", key, lambda: vote_matrix(workspace, run))


def voted(workspace: KeptWorkspace) -> Voted | None:
    """The votes of the last `vote`; None before it, or after items came or changed."""
    run = workspace.store.runs.latest("vote")
    if run is None:
        return None

    def make() -> Voted | None:
        try:
            L = label_matrix(workspace, run)
        except StepMissing:
            return None
        names = tuple(f["name"] for f in run.parameters["functions"])
        return Voted(names, *_scanned(L))

    return workspace.kept.value("voted", (run.id, workspace.mark().items, workspace.schema.ids), make)


def _scanned(L: IntArray) -> tuple[npt.NDArray[np.int32], BoolArray]:
    """(n,) number of votes, and whether two of them differ; block by block."""
    count, conflict = np.zeros(len(L), dtype=np.int32), np.zeros(len(L), dtype=bool)
    for start in range(0, len(L), SHARD_SIZE):
        block = L[start : start + SHARD_SIZE]
        top = block.max(axis=1) if block.size else np.full(len(block), ABSTAIN)
        spoke = block != ABSTAIN
        count[start : start + len(block)] = spoke.sum(axis=1)
        conflict[start : start + len(block)] = (spoke & (block != top[:, None])).any(axis=1)
    return count, conflict
