"""What every step works on: the folder, its settings, its project file, and the state they share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from labelkit.annotate import HumanLabels, resolve
from labelkit.config import Config
from labelkit.errors import StepMissing
from labelkit.progress import Progress, Silent
from labelkit.store import Run, Store
from labelkit.store.codec import to_json
from labelkit.trainingset import library_versions
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray, LabelSchema

T = TypeVar("T")


@dataclass
class Workspace:
    """One project as a step sees it."""

    root: Path
    config: Config
    store: Store
    progress: Progress = field(default_factory=Silent)
    memo: dict[str, tuple[str, Any]] = field(default_factory=dict)
    """What is dear to make and is asked for again while a command runs: name → (digest, value)."""

    @property
    def schema(self) -> LabelSchema:
        """The classes as they are now."""
        return self.store.labels.schema()

    @property
    def cache(self) -> Path:
        """Folder of everything that can be made again; it may be deleted at any time."""
        return self.store.path.with_suffix(".cache")

    @property
    def seed(self) -> int:
        """The project's seed."""
        return self.config.project.seed

    def people(self) -> HumanLabels:
        """What people decided so far."""
        store = self.store
        return resolve(
            store.items.count(),
            store.people.annotations(),
            store.people.adjudications(),
            store.people.roles(),
            min_agreement=self.config.annotation.min_agreement,
            merged=self.schema.merged,
            untaught=~self.train_split(),
        )

    def train_split(self) -> BoolArray:
        """(n,) items of the train split, or of none."""
        return self.store.items.in_splits(None, "train")

    def content(self) -> str:
        """Identity of all items' contents and splits: what runs are checked against."""
        return digest(self.store.items.shard_digests(), self.store.items.splits())

    def training_rows(self, people: HumanLabels) -> BoolArray:
        """(n,) items that models may learn from: in the train split, or in none.

        The votes on audit items teach as those on any other item do; otherwise they would not be like the items that
        they stand for, and the audit was measured to come out up to 7 points too low. What people answered to them
        teaches nothing (:attr:`HumanLabels.teaching`).
        """
        return np.asarray(~people.untaught)

    def test_gold(self) -> IntArray:
        """(n,) class indices of gold labels of items outside the train split, −1 elsewhere."""
        return np.where(self.store.items.in_splits("test"), self.schema.to_indices(self.store.items.gold()), ABSTAIN)

    def remembered(self, name: str, key: str, make: Callable[[], T]) -> T:
        """The value made last under this name if its key is the same, else a new one, kept in its place."""
        kept = self.memo.get(name)
        if kept is None or kept[0] != key:
            kept = self.memo[name] = (key, make())
        value: T = kept[1]
        return value

    def need(self, step: str, why: str) -> Run:
        """The latest run of a step.

        Raises
        ------
        StepMissing
            If it never ran.
        """
        run = self.store.runs.latest(step)
        if run is None:
            raise StepMissing(f"{why} needs `labelkit {step}`, which has not run yet", hint=f"Run `labelkit {step}`")
        return run

    def need_fresh(self, step: str, why: str) -> Run:
        """As :meth:`need`, and the run is of the items that there are now and of the latest run before it.

        Raises
        ------
        StepMissing
            Naming the first step that has to run again.
        """
        run = self.need(step, why)
        before = {"label": "vote", "train": "label"}[step]
        upstream = self.need_fresh(before, why) if before == "label" else self.need(before, why)
        rests_on, content = run.parameters.get(f"{before}_inputs"), run.parameters.get("content")
        if rests_on is None or content is None or "class_ids" not in run.parameters:
            raise StepMissing(
                f"what the last `labelkit {step}` rests on is not known: an early version ran it",
                hint=f"Run `labelkit {step}`",
            )
        if upstream.inputs != rests_on:
            raise StepMissing(
                f"`labelkit {before}` has run since the last `labelkit {step}`", hint=f"Run `labelkit {step}`"
            )
        if content != self.content():
            voted = self.need("vote", why).parameters.get("shards")
            first = "vote" if voted != self.store.items.shard_digests() else step
            raise StepMissing(
                f"items came or changed after the last `labelkit {step}`",
                hint=f"Run `labelkit {first}`, or `labelkit run`",
            )
        return run

    def label_probabilities(self, run: Run) -> tuple[FloatArray, IntArray]:
        """Probabilities (n, k) in today's class order and decided class indices (n,) of a label run."""
        stored = list(run.parameters["class_ids"])
        raw, labels = self.store.runs.label_probabilities(run.id, len(stored))
        return to_schema(raw, stored, self.schema), self.schema.to_indices(labels)

    def predictions(self, run: Run) -> FloatArray:
        """Probabilities (n, k) of an end-model run, in today's class order."""
        stored = list(run.parameters["class_ids"])
        return to_schema(self.store.runs.predictions(run.id, len(stored)), stored, self.schema)

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions of what a result depends on."""
        return library_versions()


def to_schema(probabilities: FloatArray, class_ids: Sequence[int], schema: LabelSchema) -> FloatArray:
    """Columns in the order of ``class_ids`` → columns in today's order; merged classes are summed."""
    if tuple(class_ids) == schema.ids:
        return probabilities
    out = np.zeros((len(probabilities), schema.cardinality), dtype=probabilities.dtype)
    for column, class_id in enumerate(class_ids):
        out[:, schema.index(class_id)] += probabilities[:, column]
    return out


def digest(*parts: Any) -> str:
    """SHA-256 over JSON-able values and arrays: the identity of a step's inputs."""
    state = hashlib.sha256()
    for part in parts:
        data = np.ascontiguousarray(part).tobytes() if isinstance(part, np.ndarray) else to_json(part).encode()
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def clamp(probabilities: FloatArray, labels: IntArray) -> FloatArray:
    """A copy of (n, k) probabilities with one-hot rows where a class index is given (not −1)."""
    out = np.array(probabilities, dtype=np.float64)
    known = labels != ABSTAIN
    out[known] = 0.0
    out[np.flatnonzero(known), labels[known].astype(np.int64)] = 1.0
    return out
