"""Several people's answers to one item, as labels of sources with their own reliability."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from labelkit.annotate import HumanLabels
from labelkit.labelmodels import AnnotatorConsensus, annotator_consensus, with_answers
from labelkit.steps.workspace import Workspace, digest
from labelkit.types import BoolArray, FloatArray


def consensus(workspace: Workspace, people: HumanLabels) -> AnnotatorConsensus | None:
    """What people's answers in the train split say about items and annotators; None if nobody answered."""
    opinions = people.opinions
    if not len(opinions.item):
        return None
    labels = workspace.schema.to_indices(people.label)
    certain = np.flatnonzero(people.adjudicated & ~people.audit & ~people.untaught)
    return annotator_consensus(
        opinions.item,
        opinions.annotator,
        workspace.schema.to_indices(opinions.label),
        workspace.schema.cardinality,
        decided={int(item): int(labels[item]) for item in certain},
    )


def annotator_figures(found: AnnotatorConsensus | None) -> list[dict[str, Any]]:
    """Each annotator's estimated reliability, with a 95% credible interval, as JSON-able figures."""
    if found is None:
        return []
    return [{"annotator": str(name), **asdict(one)} for name, one in found.reliability.items()]


def with_disputed(probabilities: FloatArray, workspace: Workspace, people: HumanLabels) -> tuple[FloatArray, BoolArray]:
    """Probabilities (n, k) that know what people who disagree said, and (n,) the items that this concerns.

    Where people agree, or somebody decided, their label takes the place of the model's; here it only counts as
    further sources do, each as reliable as that annotator seems to be.
    """
    concerned = np.zeros(len(probabilities), dtype=bool)
    concerned[people.disputed] = True
    concerned &= ~people.audit & ~people.untaught
    found = consensus(workspace, people) if concerned.any() else None
    if found is None:
        return probabilities, np.zeros(len(probabilities), dtype=bool)
    kept = concerned[found.items]
    some = replace(
        found,
        items=found.items[kept],
        probabilities=found.probabilities[kept],
        decided=found.decided[kept],
        answers=found.answers[kept],
    )
    concerned[:] = False
    concerned[some.items] = True
    return with_answers(np.asarray(probabilities, dtype=np.float64), some), concerned


def opinions_digest(people: HumanLabels) -> str:
    """Identity of the single answers, where any matter because people disagree."""
    if not people.disputed:
        return ""
    opinions = people.opinions
    return digest(opinions.item, list(opinions.annotator), opinions.label)
