"""Suggestions of keyword functions for this project: what is mined, and from which labels."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.lf.declared import DeclaredFunction
from labelkit.lf.mining import MiningInput
from labelkit.lf.mining_choice import suggested
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.workbench_basis import Basis, basis_of, trial_pool
from labelkit.types import ABSTAIN, IntArray

_COUNT: Final = 10
_MOST: Final = 100_000
"""Items that are mined; of more, a random part."""
_TIME_LIMIT: Final = 30.0
_FEWEST: Final = 20
"""Known labels from which on people's answers are mined; with fewer, the label model's labels."""


@dataclass(frozen=True)
class SuggestedFunction:
    """A word or phrase for the try form.

    Attributes
    ----------
    items, new
        Items that have it, and how many of them neither a function nor a suggestion before it votes on.
    known, right
        Items with a label that counts as known that have it; of these, with this label.
    low
        Lower bound of the estimated precision.
    gain
        Estimated number of labels that it mends or adds, less those that it spoils: what the list is ranked by.
    """

    term: str
    label: str
    items: int
    new: int
    known: int
    right: int
    low: float
    gain: float

    def function(self) -> DeclaredFunction:
        """The function that it stands for."""
        return DeclaredFunction(name=self.term, kind="keywords", label=self.label, keywords=(self.term,))


@dataclass(frozen=True)
class Suggestions:
    """What was mined, best first; ``evidence`` says from which labels."""

    functions: tuple[SuggestedFunction, ...]
    evidence: str
    notes: list[str] = field(default_factory=list)


def suggestions(workspace: KeptWorkspace) -> Suggestions:
    """Keyword functions worth trying; made anew when answers, votes or labels have changed.

    Raises
    ------
    StepMissing
        If there are no items.
    """
    return workspace.kept.value("suggestions", suggestions_key(workspace), lambda: _mine(workspace))


def suggestions_ready(workspace: KeptWorkspace) -> bool:
    """Whether they are there at once."""
    return workspace.kept.has("suggestions", suggestions_key(workspace))


def suggestions_key(workspace: KeptWorkspace) -> Hashable:
    """What they depend on; answers count in steps of a hundredth, so that they need not be made for each."""
    mark, runs = workspace.mark(), workspace.store.runs
    steps = tuple(run.id if (run := runs.latest(step)) is not None else 0 for step in ("vote", "label"))
    fine = max(10 ** (len(str(mark.annotations)) - 2), 1)
    gold = workspace.config.training_set.use_gold
    return steps, mark.items, mark.annotations // fine, mark.adjudications, workspace.schema, gold


def _mine(workspace: KeptWorkspace) -> Suggestions:
    basis = basis_of(workspace)
    known, evidence = _evidence(workspace, basis)
    notes: list[str] = []
    rows = np.flatnonzero(basis.shown)
    if len(rows) > _MOST:
        notes.append(f"counted on a random {_MOST:,} of {len(rows):,} items")
        rows = _part(workspace, rows, known)
    if not len(rows):
        return Suggestions((), evidence, ["all items are in the test split or drawn for the audit"])
    if not basis.decided_by and not (known != ABSTAIN).any():
        return Suggestions((), evidence)
    given = MiningInput([], known[rows], basis.decided[rows], basis.covered[rows], workspace.schema.cardinality)
    head, data = given.packed()
    request = {"do": "mine", "files": basis.files, **head}
    answer, bits = trial_pool().run(
        request, data + rows.astype("<i8").tobytes(), seconds=_TIME_LIMIT, what="mining for suggestions"
    )
    found = suggested(answer["candidates"], bits, basis.L[rows], basis.covered[rows], count=_COUNT)
    names = workspace.schema.names
    functions = tuple(
        SuggestedFunction(one.term, names[one.label], one.items, one.new, one.known, one.right, one.low, one.gain)
        for one in found
    )
    return Suggestions(functions, evidence, notes)


def _evidence(workspace: KeptWorkspace, basis: Basis) -> tuple[IntArray, str]:
    """(n,) labels that count as known, and in words what is mined; never those of audit or test items."""
    people, schema = workspace.people(), workspace.schema
    human = np.where(people.simulated, ABSTAIN, schema.to_indices(people.teaching))
    known = np.where(basis.shown, human, ABSTAIN)
    answers = int((known != ABSTAIN).sum())
    words = f"{answers:,} items that people labeled"
    if workspace.config.training_set.use_gold:
        gold = np.where(basis.shown & workspace.train_split(), workspace.gold(), ABSTAIN)
        known = np.where(known != ABSTAIN, known, gold)
        words += f" and {int((known != ABSTAIN).sum()) - answers:,} gold labels of the train split"
    if int((known != ABSTAIN).sum()) >= _FEWEST:
        return known, f"Mined from {words}"
    nobody = np.full(len(known), ABSTAIN, dtype=np.int8)
    if not basis.decided_by:
        return nobody, "There are no labels to mine yet: neither people's nor the label model's"
    few = f"only {words} (at least {_FEWEST} are needed)" if answers else "people have labeled nothing yet"
    return nobody, f"Mined from the labels of {basis.decided_by}, since {few}: it repeats what functions believe"


def _part(workspace: KeptWorkspace, rows: npt.NDArray[np.intp], known: IntArray) -> npt.NDArray[np.intp]:
    """A random part of the items, all known ones among them as far as they fit."""
    first = rows[known[rows] != ABSTAIN][: _MOST // 2]
    rest = np.setdiff1d(rows, first)
    drawn = np.random.default_rng(workspace.seed).choice(rest, _MOST - len(first), replace=False)
    return np.sort(np.concatenate([first, drawn]))
