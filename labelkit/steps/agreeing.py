"""Agreement between annotators, and each annotator's quality: figures read, nothing run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import numpy as np

from labelkit.annotate import (
    AgreementFigure,
    Anchoring,
    PairAgreement,
    agreement,
    confusion,
    confusion_with,
    pairwise,
    ratings,
)
from labelkit.annotate.quality import AnswerLog
from labelkit.steps.anchoring import anchoring_so_far
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.quality import AnnotatorRow, answer_log, quality_rows
from labelkit.steps.reviewing_disputes import disputes
from labelkit.steps.workspace import Workspace
from labelkit.store import LoggedAnswer
from labelkit.types import ABSTAIN

_MOST_TOUCHED: Final = 5_000
"""From so many answered items on, reading all answers anew is quicker."""


@dataclass(frozen=True)
class AgreementReport:
    """What annotators' answers say about each other.

    Attributes
    ----------
    answers, annotators, items, shared
        Labels given, people who gave them, items that have any, items that have those of two people or more.
    gold
        Labels among them that answer gold questions.
    disputed, waiting
        Undecided items whose answers disagree; of these, those about which somebody is still to be asked.
    figures
        Agreement of all; each with an interval or the reason why there is none.
    classes
        Names of the classes in order, for the tables.
    pairs
        Every two annotators who share items.
    between
        How often one person said the one and another the other class; symmetric.
    known
        How often people answered a class (column) where another is known (row): by gold label or decision.
    quality
        Each annotator, with warnings.
    anchoring
        Whether people who saw the model's guess before they answered agree with it more often.
    notes
        What to know about the figures.
    """

    answers: int
    annotators: int
    items: int
    shared: int
    gold: int
    disputed: int
    waiting: int
    figures: list[AgreementFigure]
    classes: list[str]
    pairs: list[PairAgreement]
    between: list[list[int]]
    known: list[list[int]]
    quality: list[AnnotatorRow]
    anchoring: Anchoring
    notes: list[str] = field(default_factory=list)


def _one_each(answers: Sequence[LoggedAnswer]) -> list[LoggedAnswer]:
    """Without answers to gold questions of people who answered the same item in the queue, too."""
    queued = {(answer.item, answer.annotator) for answer in answers if answer.role != "gold"}
    return [a for a in answers if a.role != "gold" or (a.item, a.annotator) not in queued]


def _present_answers(workspace: KeptWorkspace) -> list[LoggedAnswer]:
    """Everybody's present answers by item: those of before, with what was answered since read anew."""
    kept, reviewable = workspace.kept, workspace.store.reviewable
    mark = reviewable.mark()

    def made() -> list[LoggedAnswer]:
        before = kept.last("present answers")
        if before is None or before[0][2] != mark[2]:
            return reviewable.log()
        touched = set(reviewable.touched(before[0][0]))
        if len(touched) > _MOST_TOUCHED:
            return reviewable.log()
        left = (answer for answer in before[1] if answer.item not in touched)
        return sorted(chain(left, reviewable.log(touched)), key=lambda answer: answer.item)  # order of arrival stays

    return kept.value("present answers", mark, made)


def _contested(workspace: KeptWorkspace) -> dict[int, bool]:
    """As :func:`disputes`, which looks again only at what was answered since this process last asked."""
    before = workspace.kept.last("disputes")
    if before is not None:
        workspace.memo.setdefault("disputes", before[1])
    found = disputes(workspace)
    workspace.kept.value("disputes", workspace.store.reviewable.mark(), lambda: workspace.memo["disputes"])
    return found


def agreement_report(project: Workspace, *, ordered: bool = False) -> AgreementReport:
    """Figures of today's answers; the same answers and seed give the same intervals.

    Parameters
    ----------
    project
        Answers are read through what this process keeps of it.
    ordered
        The classes are in an order that means something: Krippendorff's alpha for ordinal data, too.
    """
    workspace = KeptWorkspace.of(project)
    present = _one_each(_present_answers(workspace))
    log = answer_log(workspace, present)
    k = workspace.schema.cardinality
    used = (log.label != ABSTAIN) & ~log.asked_to_break_a_tie
    given = ratings(log.item[used], np.array(log.annotators, dtype=str)[log.who[used]], log.label[used], k)
    rng = np.random.default_rng(workspace.seed)
    contested = _contested(workspace)
    labelled = log.label != ABSTAIN
    return AgreementReport(
        answers=int(labelled.sum()),
        annotators=len(np.unique(log.who[labelled])),
        items=len(np.unique(log.item[labelled])),
        shared=given.shared,
        gold=sum(answer.role == "gold" and answer.label is not None for answer in present),
        disputed=len(contested),
        waiting=sum(contested.values()),
        figures=agreement(given, rng, ordered=ordered),
        classes=list(workspace.schema.names),
        pairs=pairwise(given, rng),
        between=confusion(given).tolist(),
        known=confusion_with(log.known[labelled], log.label[labelled], k).tolist(),
        quality=quality_rows(workspace, log),
        anchoring=anchoring_so_far(workspace),
        notes=_notes(workspace, log, given.shared),
    )


def _notes(workspace: Workspace, log: AnswerLog, shared: int) -> list[str]:
    notes = []
    tie_breaks = int((log.asked_to_break_a_tie & (log.label != ABSTAIN)).sum())
    if tie_breaks:
        notes.append(
            f"{tie_breaks:,} answers of people who were asked because others disagreed are left out of the agreement:"
            " with them, disputed items would count more often than others"
        )
    if shared:
        notes.append(
            "the items that people share were mostly chosen by the queue, which asks about hard ones: on a random"
            " sample, agreement would be higher"
        )
    elif workspace.config.annotation.answers_per_item == 1:
        notes.append(
            "every item is asked of one person: answers_per_item = 2 under [annotation] in labelkit.toml lets people"
            " be compared"
        )
    return notes
