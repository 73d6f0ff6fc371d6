"""What the sections of a report are made from, each read or computed once and only if a section asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from labelkit.annotate import HumanLabels
from labelkit.errors import LabelkitError
from labelkit.labelmodels import covered as voted_on
from labelkit.report import Items, Missing
from labelkit.steps.dependencies import DependencyTable, dependent_functions
from labelkit.steps.error_analysis import ErrorAnalysis, analyse_errors
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.slicing import SliceTable, analyse_slices
from labelkit.steps.status import Status, status
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import ABSTAIN, BoolArray, Estimate, IntArray

LISTED: Final = 20
"""Conflicts, and next steps, that are looked for."""

OUT_OF_DATE: Final = "Out of date"

_SHOWN: Final = 160
"""Characters of an example."""

OUTPUTS: Final = {"end_model": "end model", "label_model": "label model", "majority": "majority vote"}
"""What figures call their rows, and what people call it."""


@dataclass(frozen=True)
class Truth:
    """Labels that nothing has learned from: (n,) class indices, −1 where unknown, and what they are in words."""

    labels: IntArray
    words: str
    simulated: int


class Inputs:
    """The project, with what is computed from it; a step that has not run raises when it is asked for."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def status(self) -> Status:
        """How far each step is."""
        return status(self.workspace)

    @cached_property
    def people(self) -> HumanLabels:
        """What people decided."""
        return self.workspace.people()

    @cached_property
    def errors(self) -> ErrorAnalysis:
        """The diagnosis of the labeling functions."""
        return analyse_errors(self.workspace, limit=LISTED)

    @cached_property
    def slices(self) -> SliceTable:
        """The figures slice by slice."""
        return analyse_slices(self.workspace)

    @cached_property
    def dependencies(self) -> DependencyTable:
        """Functions that depend on each other."""
        return dependent_functions(self.workspace)

    @cached_property
    def vote_run(self) -> Run:
        """The last `vote`."""
        return self.workspace.need("vote", "this part of the report")

    @cached_property
    def votes(self) -> IntArray:
        """The label matrix (n, m) of the last `vote`."""
        return vote_matrix(self.workspace, self.vote_run)

    @cached_property
    def covered(self) -> BoolArray:
        """(n,) items that a function votes on."""
        return voted_on(self.votes)

    @cached_property
    def truth(self) -> Truth:
        """Answers to audit items, and gold labels of test items."""
        people, schema = self.people, self.workspace.schema
        audited, gold = schema.to_indices(people.audited), self.workspace.test_gold()
        labels = np.where(audited != ABSTAIN, audited, gold)
        answers = int((audited != ABSTAIN).sum())
        golds = int((labels != ABSTAIN).sum()) - answers
        parts = [f"{golds:,} gold labels of test items"] if golds else []
        parts += [f"{answers:,} audit answers"] if answers else []
        simulated = int((people.simulated & (audited != ABSTAIN)).sum())
        return Truth(labels, " and ".join(parts) or "nothing", simulated)


def estimate(figures: Mapping[str, Any] | None) -> Estimate:
    """An estimate as it is kept in a run's metrics, where what is not a number is null."""
    if not figures or not figures.get("n"):
        return Estimate(float("nan"), 0.0, 1.0, 0)
    return Estimate(figures["value"], figures["low"], figures["high"], figures["n"])


def untold(error: LabelkitError) -> Missing:
    """Why something cannot be told, and which command comes first."""
    return Missing(f"{error.message}.", f"{error.hint}." if error.hint else "")


def examples(ids: Sequence[str], texts: dict[str, str]) -> Items:
    """Examples with what is shown of them; only items that an analysis gave as examples are among the texts."""
    return Items([(item, _beginning(texts.get(item, ""))) for item in ids])


def _beginning(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN].rstrip()} …"
