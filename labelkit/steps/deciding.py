"""Who decides the labels now: the label model of the last `label`, or majority vote where there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from labelkit.errors import LabelModelError, RegistryError, StepMissing
from labelkit.labelmodels import LabelModel, label_model, load_label_model
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import ABSTAIN, SHARD_SIZE, FloatArray, IntArray

Decide = Callable[[IntArray], tuple[FloatArray, IntArray]]


@dataclass(frozen=True)
class Decisions:
    """The labels of all n items, and how to decide other votes in the same way.

    Attributes
    ----------
    words, model
        "the label model" or "majority vote"; the registered name.
    labels
        (n,) class indices, −1 where nothing is decided.
    uncertainty
        (n,) one minus the highest probability; by majority vote, the share of the votes that speak for
        another class than the first.
    majority
        Votes → probabilities and labels by majority vote.
    decide
        The same by the label model; None if majority vote decides, or the model cannot be used again.
    notes
        Sentences for the user.
    """

    words: str
    model: str
    labels: IntArray
    uncertainty: FloatArray
    majority: Decide
    decide: Decide | None
    notes: list[str] = field(default_factory=list)


def decisions(workspace: Workspace, L: IntArray) -> Decisions:
    """The decisions on a label matrix (n, m) of the last `vote`."""
    majority = label_model("majority", cardinality=workspace.schema.cardinality)
    majority.n_functions = L.shape[1]
    try:
        run = workspace.need_fresh("label", "the error analysis")
    except StepMissing as reason:
        never = workspace.store.runs.latest("label") is None
        why = "`labelkit label` has not run" if never else reason.message
        note = f"labels are decided by majority vote here, because {why}"
        _, labels = majority.label(L)
        return Decisions("majority vote", "majority", labels, _spread(L), majority.label, None, [note])
    probabilities, labels = workspace.label_probabilities(run)
    notes: list[str] = []
    model = _model(workspace, run, notes)
    if model is not None and model.diagnostics.get("model", model.diagnostics).get("warning"):
        notes += [f"the labels that are diagnosed here are doubtful: {each}" for each in run.metrics["notes"]]
    return Decisions(
        words="the label model" if run.parameters["model"] != "majority" else "majority vote",
        model=run.parameters["model"],
        labels=labels,
        uncertainty=_spread(L) if run.parameters["model"] == "majority" else 1.0 - probabilities.max(axis=1),
        majority=majority.label,
        decide=None if model is None else model.label,
        notes=notes,
    )


def _model(workspace: Workspace, run: Run, notes: list[str]) -> LabelModel | None:
    """The fitted label model of a run, if it can still be asked."""
    if run.parameters["model"] == "majority":
        return None
    state = workspace.store.runs.model_state(run.id)
    problem = "it is not stored"
    if tuple(run.parameters["class_ids"]) != workspace.schema.ids:
        problem = "the classes changed after the last `labelkit label`; run it again"
    elif state is not None:
        try:
            return load_label_model(*state)
        except (LabelModelError, RegistryError) as error:
            problem = str(error)
    notes.append(f"what removing a function changes is told for majority vote, not for the label model: {problem}")
    return None


def _spread(L: IntArray) -> FloatArray:
    """(n,) share of the votes on each item that are not for its most frequent class; 0 where there are none."""
    out = np.zeros(len(L))
    for start in range(0, len(L), SHARD_SIZE):
        block = np.sort(L[start : start + SHARD_SIZE], axis=1)  # equal votes stand side by side
        longest = run_length = np.zeros(len(block), dtype=np.int64)
        previous = np.full(len(block), ABSTAIN, dtype=block.dtype)
        for votes in block.T:
            run_length = np.where(votes == ABSTAIN, 0, np.where(votes == previous, run_length + 1, 1))
            longest, previous = np.maximum(longest, run_length), votes
        voted = (block != ABSTAIN).sum(axis=1)
        out[start : start + SHARD_SIZE] = np.where(voted, 1.0 - longest / np.maximum(voted, 1), 0.0)
    return out
