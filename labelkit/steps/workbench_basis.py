"""What the workbench measures functions against: kept in the server's process, since every try needs all of it."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from labelkit.engines.trial import TrialPool
from labelkit.errors import StepMissing, StorageError
from labelkit.labelmodels import label_model as make_label_model
from labelkit.lf.declared_trial import TARGET
from labelkit.steps.browsing_facts import label_matrix, label_model, voted
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.reference import Reference, known_labels, may_be_shown
from labelkit.types import ABSTAIN, BoolArray, IntArray

_LAG: Final = 5.0
"""Seconds by which known labels may lag behind the answers: while many people answer, they change all the time."""
_WORKERS: Final = 2

_lock = threading.Lock()


@lru_cache(maxsize=1)
def _pool() -> TrialPool:
    return TrialPool(TARGET, workers=_WORKERS)


def trial_pool() -> TrialPool:
    """The trial processes of this server."""
    with _lock:
        return _pool()


@dataclass(frozen=True)
class Basis:
    """What is known of the n items.

    Attributes
    ----------
    files
        The Arrow mirror's file of each shard.
    names, L
        The m functions of the last `vote`, and their votes (n, m) as class indices; none where there are none now.
    covered
        (n,) items with a vote.
    decided, decided_by
        (n,) class indices that the label model (or majority vote) decides on, and which of them; empty words if none.
    reference
        Known labels, never of test or audit items.
    shown
        (n,) items that may be shown and mined: outside the test split and the audit.
    notes
        What is missing, in sentences.
    """

    files: list[str]
    names: tuple[str, ...]
    L: IntArray
    covered: BoolArray
    decided: IntArray
    decided_by: str
    reference: Reference
    shown: BoolArray
    notes: list[str] = field(default_factory=list)

    @property
    def items(self) -> int:
        """Number of items."""
        return len(self.covered)


def basis_of(workspace: KeptWorkspace) -> Basis:
    """What functions are measured against now.

    Raises
    ------
    StepMissing
        If there are no items.
    StorageError
        If the Arrow mirror of the items cannot be written.
    """
    n = workspace.store.items.count()
    if n == 0:
        raise StepMissing("there are no items yet", hint="Run `labelkit import FILE`")
    notes: list[str] = []
    names, L, covered = _votes(workspace, n, notes)
    decided, decided_by = _decisions(workspace, L, notes)
    reference, shown = _known(workspace)
    notes += reference.notes
    return Basis(_files(workspace), names, L, covered, decided, decided_by, reference, shown, notes)


def _files(workspace: KeptWorkspace) -> list[str]:
    """The mirror's files; looked for once per content of the items, since that reads them in full."""
    items = workspace.store.items

    def make() -> list[str]:
        paths = [items.shard_items(number).path for number in range(items.shard_count())]
        if None in paths:
            raise StorageError(
                f"functions cannot be tried: the folder {workspace.cache} cannot be written",
                hint="Make it writable, and see whether the disk is full",
            )
        return [str(path) for path in paths]

    found = workspace.kept.value("mirror files", workspace.mark().items, make)
    if all(Path(file).exists() for file in found):
        return found
    with workspace.kept.lock:  # somebody has deleted the cache
        workspace.kept.values.pop("mirror files", None)
    return workspace.kept.value("mirror files", workspace.mark().items, make)


def _votes(workspace: KeptWorkspace, n: int, notes: list[str]) -> tuple[tuple[str, ...], IntArray, BoolArray]:
    run = workspace.store.runs.latest("vote")
    found = None if run is None else voted(workspace)
    if run is not None and found is not None and len(found.count) == n:
        return found.names, label_matrix(workspace, run), found.count > 0
    why = "has not run" if run is None else "is older than the items"
    notes.append(f"`labelkit vote` {why}: a function is tried without the others")
    return (), np.empty((n, 0), dtype=np.int8), np.zeros(n, dtype=bool)


def _decisions(workspace: KeptWorkspace, L: IntArray, notes: list[str]) -> tuple[IntArray, str]:
    """What the label model says; majority vote where `label` is out of date."""
    if not L.shape[1]:
        return np.full(len(L), ABSTAIN, dtype=np.int8), ""
    vote_run = workspace.need("vote", "the workbench")
    try:
        run = workspace.need_fresh("label", "the workbench")
    except StepMissing:
        run = None
    found = None if run is None else label_model(workspace)
    if run is not None and found is not None:
        return found.label, "majority vote" if run.parameters["model"] == "majority" else "the label model"
    notes.append("`labelkit label` is out of date: majority vote stands in for the label model")

    def make() -> IntArray:
        model = make_label_model("majority", cardinality=workspace.schema.cardinality)
        model.n_functions = L.shape[1]
        return model.label(L)[1]

    key = (vote_run.id, workspace.mark().items, workspace.schema.ids)
    return workspace.kept.value("majority", key, make), "majority vote"


def _known(workspace: KeptWorkspace) -> tuple[Reference, BoolArray]:
    """Known labels that functions may be measured against, and items that may be shown."""
    mark = workspace.mark()
    settled = (mark.items, mark.runs, mark.adjudications, workspace.schema.ids)

    def make() -> tuple[Hashable, Reference, BoolArray]:
        people = workspace.people()
        reference = known_labels(workspace, people)
        if reference.on_test:  # tried again and again, functions would come to please the test items
            nothing = np.full(len(reference.labels), ABSTAIN, dtype=np.int8)
            reference = Reference(nothing, "nothing: the only known labels are on test items")
        return settled, reference, may_be_shown(workspace, people)

    key = (settled, mark.annotations)
    found = workspace.kept.value("workbench known", key, make, fresh_seconds=_LAG)
    if found[0] != settled:  # only answers may lag behind
        found = workspace.kept.value("workbench known", key, make)
    return found[1], found[2]
