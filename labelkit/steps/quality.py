"""How good each annotator is: figures with intervals, and warnings in words for a lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from labelkit.analysis import wilson
from labelkit.annotate.quality import AnnotatorCounts, AnswerLog, Share, annotator_counts
from labelkit.annotate.quality_warnings import AnnotatorEstimates, QualityWarning, quality_warnings
from labelkit.labelmodels import annotator_consensus
from labelkit.labelmodels.annotators import Reliability
from labelkit.steps.workspace import Workspace
from labelkit.store import LoggedAnswer
from labelkit.types import ABSTAIN, BoolArray, Estimate, IntArray


@dataclass(frozen=True)
class AnnotatorRow:
    """One annotator. Shares come with 95% Wilson intervals and their n; see :class:`AnnotatorCounts`.

    ``reliability`` is what the label model of the answers estimates: how often this annotator is right, with a
    credible interval; None without answers that models may learn from.
    """

    annotator: str
    labels: int
    skips: int
    flags: int
    gold: Estimate
    decided: Estimate
    agreement: Estimate
    reliability: Reliability | None
    seconds: float | None
    fast: Estimate
    before: Estimate
    after: Estimate
    warnings: list[QualityWarning]


def quality_rows(workspace: Workspace, log: AnswerLog) -> list[AnnotatorRow]:
    """Everybody who answered, by name."""
    names, reliability, rows = workspace.schema.names, _reliability(workspace, log), []
    for counts in annotator_counts(log, workspace.schema.cardinality):
        shares = _estimates(counts)
        rows.append(
            AnnotatorRow(
                annotator=counts.annotator,
                labels=counts.labels,
                skips=counts.skips,
                flags=counts.flags,
                gold=shares.gold,
                decided=_estimate(counts.decided),
                agreement=shares.agreement,
                reliability=reliability.get(counts.annotator),
                seconds=counts.seconds,
                fast=shares.fast,
                before=shares.before,
                after=shares.after,
                warnings=quality_warnings(counts, shares, names),
            )
        )
    return rows


def _reliability(workspace: Workspace, log: AnswerLog) -> dict[str, Reliability]:
    """What the answers' label model makes of each annotator, as in training: no audit items, none outside the train
    split. Answers that no other answer or decision can be held against say nothing there and are left out."""
    schema, roles = workspace.schema, workspace.store.people.roles()
    audit = np.array([item for item, role in roles.items() if role == "audit"], dtype=np.int64)
    decided = {item: schema.index(label) for item, label in workspace.store.people.adjudications().items()}
    taught = workspace.train_split()
    used = (log.label != ABSTAIN) & ~log.gold & taught[log.item] & ~np.isin(log.item, audit)
    alone = np.bincount(log.item[used], minlength=len(taught))[log.item] < 2
    used &= ~alone | np.isin(log.item, np.fromiter(decided, dtype=np.int64))
    if not used.any():
        return {}
    found = annotator_consensus(log.item[used], log.who[used], log.label[used], schema.cardinality, decided=decided)
    return {log.annotators[int(str(who))]: one for who, one in found.reliability.items()}


def answer_log(workspace: Workspace, answers: Sequence[LoggedAnswer]) -> AnswerLog:
    """Present answers as arrays; ``answers`` are ordered by item and arrival."""
    annotators = tuple(sorted({answer.annotator for answer in answers}))
    place = {name: number for number, name in enumerate(annotators)}
    item = np.array([answer.item for answer in answers], dtype=np.int64)
    stored = [ABSTAIN if answer.label is None else answer.label for answer in answers]
    times = np.array([answer.at for answer in answers], dtype=str)
    return AnswerLog(
        annotators=annotators,
        who=np.array([place[answer.annotator] for answer in answers], dtype=np.int64),
        item=item,
        label=workspace.schema.to_indices(np.array(stored, dtype=np.int16)).astype(np.int64),
        skip=np.array([answer.kind == "skip" for answer in answers], dtype=bool),
        flag=np.array([answer.kind == "flag" for answer in answers], dtype=bool),
        gold=np.array([answer.role == "gold" for answer in answers], dtype=bool),
        known=_known(workspace, answers).astype(np.int64),
        seconds=np.array([np.nan if a.seconds is None else a.seconds for a in answers], dtype=np.float64),
        order=np.unique(times, return_inverse=True)[1].astype(np.float64),
        asked_to_break_a_tie=_tie_breaks(answers, item, workspace.config.annotation.answers_per_item),
    )


def _known(workspace: Workspace, answers: Sequence[LoggedAnswer]) -> IntArray:
    """Of each answer: the item's class as somebody else decided it, else its gold label, else −1."""
    schema = workspace.schema
    gold = schema.to_indices(workspace.store.items.gold())
    decided = workspace.store.adjudications.standing(workspace.store.people.adjudications())
    labels = {item: schema.index(one.label) for item, one in decided.items() if one.label is not None}
    return np.array(
        [
            labels[answer.item]
            if answer.item in labels and decided[answer.item].reviewer != answer.annotator
            else gold[answer.item]
            for answer in answers
        ],
        dtype=np.int16,
    )


def _tie_breaks(answers: Sequence[LoggedAnswer], item: IntArray, target: int) -> BoolArray:
    """Answers of people who were asked because the first ones disagreed: in the app, beyond the target."""
    starts = np.searchsorted(item, item)  # of each answer's item
    beyond: BoolArray = np.arange(len(item)) - starts >= max(target, 2)
    in_app = np.array([bool(a.leased) and not a.late and a.role != "gold" for a in answers], dtype=bool)
    out: BoolArray = beyond & in_app
    return out


def _estimates(counts: AnnotatorCounts) -> AnnotatorEstimates:
    return AnnotatorEstimates(
        gold=_estimate(counts.gold),
        others_gold=_estimate(counts.others_gold),
        agreement=_estimate(counts.agreement),
        others_agreement=_estimate(counts.others_agreement),
        fast=_estimate(counts.fast),
        skipped=_estimate(counts.skipped),
        before=_estimate(counts.before),
        after=_estimate(counts.after),
    )


def _estimate(share: Share) -> Estimate:
    return wilson(share.of, share.n)
