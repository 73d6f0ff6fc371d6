"""What each annotator's answers say about the annotator, counted; nobody is judged here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, BoolArray

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LEAST_SECONDS: Final = 0.4
"""Nobody sees an item and presses a key in less."""
FAST_SHARE: Final = 0.1
"""An answer in less than this share of the time that others take was hardly read (Wise and Ma, 2012)."""


@dataclass(frozen=True)
class AnswerLog:
    """Present answers of people, each person's one to an item, ordered by item; arrays of shape (a,).

    Attributes
    ----------
    annotators
        Names; ``who`` holds places in it.
    item
        Item numbers.
    label
        Class index; −1 for skips and flags.
    skip, flag
        Kinds of answers that are no label.
    gold
        Answers to gold questions.
    known
        The item's true class index, decided by somebody else than this annotator or given as gold; −1 if unknown.
    seconds
        NaN where nobody measured.
    order
        Answers sort by this in time.
    asked_to_break_a_tie
        The person was asked because the others disagreed: no agreement is measured with these.
    """

    annotators: tuple[str, ...]
    who: Ints
    item: Ints
    label: Ints
    skip: BoolArray
    flag: BoolArray
    gold: BoolArray
    known: Ints
    seconds: Floats
    order: Floats
    asked_to_break_a_tie: BoolArray


@dataclass(frozen=True)
class Share:
    """So many of ``n``; fractions arise where several others answered."""

    of: float
    n: int


@dataclass(frozen=True)
class AnnotatorCounts:
    """One annotator.

    Attributes
    ----------
    labels, skips, flags
        Numbers of answers.
    gold
        Right answers to gold questions.
    decided
        Right answers to other items whose class is known: decided by somebody else, or given as gold.
    others_gold
        The others' right answers to gold questions.
    agreement
        Of the answers to items that others answered, too: mean share of the others who say the same.
    others_agreement
        The same among the others, without this annotator.
    skipped, others_skipped
        Skips among all answers.
    seconds
        Median; None where nothing was measured.
    fast
        Answers quicker than ``fast_limit`` seconds.
    most_frequent, most_frequent_share, others_share
        The class index (−1: none) that this annotator gives most, how often, and how often the others give it.
    before, after
        Agreement with known classes, else with others, in the first and the second half of the time.
    """

    annotator: str
    labels: int
    skips: int
    flags: int
    gold: Share
    decided: Share
    others_gold: Share
    agreement: Share
    others_agreement: Share
    skipped: Share
    others_skipped: Share
    seconds: float | None
    fast: Share
    fast_limit: float
    most_frequent: int
    most_frequent_share: Share
    others_share: Share
    before: Share
    after: Share


def annotator_counts(log: AnswerLog, cardinality: int) -> list[AnnotatorCounts]:
    """Figures of every annotator, in the order of ``log.annotators``.

    References
    ----------
    Wise and Ma (2012): Setting response time thresholds for a CAT item pool: the normative threshold method.
    """
    alike, compared = _agreement(log, cardinality)
    right = (log.label == log.known) & (log.known != ABSTAIN)
    scored = np.where(log.known != ABSTAIN, right, np.where(compared, alike, np.nan))
    scored[log.label == ABSTAIN] = np.nan
    return [
        _one(log, place, cardinality, alike=alike, compared=compared, right=right, scored=scored)
        for place in range(len(log.annotators))
    ]


def _agreement(log: AnswerLog, cardinality: int) -> tuple[Floats, BoolArray]:
    """Of each answer: the share of the others' labels of its item that are the same, and whether there are any."""
    usable = (log.label != ABSTAIN) & ~log.asked_to_break_a_tie
    _, item = np.unique(log.item, return_inverse=True)
    cells = item * cardinality + np.maximum(log.label, 0)
    size = int(item.max(initial=-1) + 1)
    same = np.bincount(cells[usable], minlength=size * cardinality)[cells] - 1
    others = np.bincount(item[usable], minlength=size)[item] - 1
    compared = usable & (others > 0)
    return np.where(compared, same / np.maximum(others, 1), 0.0), compared


def _one(
    log: AnswerLog,
    place: int,
    cardinality: int,
    *,
    alike: Floats,
    compared: BoolArray,
    right: BoolArray,
    scored: Floats,
) -> AnnotatorCounts:
    own = log.who == place
    labelled = log.label != ABSTAIN
    gold, decided = labelled & log.gold & (log.known != ABSTAIN), labelled & ~log.gold & (log.known != ABSTAIN)
    frequent, frequent_share, others_share = _most_frequent(log, own, cardinality)
    seconds, fast, limit = _speed(log, own)
    before, after = _halves(log, own, scored)
    return AnnotatorCounts(
        annotator=log.annotators[place],
        labels=int((own & labelled).sum()),
        skips=int((own & log.skip).sum()),
        flags=int((own & log.flag).sum()),
        gold=_share(right, own & gold),
        decided=_share(right, own & decided),
        others_gold=_share(right, ~own & gold),
        agreement=_share(alike, own & compared),
        others_agreement=_without(log, own, cardinality),
        skipped=_share(log.skip, own),
        others_skipped=_share(log.skip, ~own),
        seconds=seconds,
        fast=fast,
        fast_limit=limit,
        most_frequent=frequent,
        most_frequent_share=frequent_share,
        others_share=others_share,
        before=before,
        after=after,
    )


def _share(values: Floats | BoolArray, among: BoolArray) -> Share:
    return Share(float(values[among].sum()), int(among.sum()))


def _without(log: AnswerLog, own: BoolArray, cardinality: int) -> Share:
    """Agreement among the others: :func:`_agreement` of a log that lacks one person."""
    rest = ~own & (log.label != ABSTAIN) & ~log.asked_to_break_a_tie
    _, item = np.unique(log.item[rest], return_inverse=True)
    counts = np.bincount(item * cardinality + log.label[rest], minlength=int(item.max(initial=-1) + 1) * cardinality)
    counts = counts.reshape(-1, cardinality).astype(np.float64)
    answers = counts.sum(axis=1)
    met = answers > 1
    same = (counts * (counts - 1)).sum(axis=1)[met] / (answers[met] - 1)
    return Share(float(same.sum()), int(answers[met].sum()))


def _most_frequent(log: AnswerLog, own: BoolArray, cardinality: int) -> tuple[int, Share, Share]:
    labelled = log.label != ABSTAIN
    counts = np.bincount(log.label[own & labelled], minlength=cardinality)
    if not counts.sum():
        return ABSTAIN, Share(0, 0), Share(0, 0)
    frequent = int(counts.argmax())
    return (
        frequent,
        Share(float(counts[frequent]), int(counts.sum())),
        _share(log.label == frequent, ~own & labelled),
    )


def _speed(log: AnswerLog, own: BoolArray) -> tuple[float | None, Share, float]:
    timed = ~np.isnan(log.seconds)
    others = log.seconds[timed & ~own]
    limit = max(LEAST_SECONDS, FAST_SHARE * float(np.median(others))) if len(others) else LEAST_SECONDS
    mine = log.seconds[timed & own]
    if not len(mine):
        return None, Share(0, 0), limit
    return float(np.median(mine)), Share(float((mine < limit).sum()), len(mine)), limit


def _halves(log: AnswerLog, own: BoolArray, scored: Floats) -> tuple[Share, Share]:
    """How far the earlier and the later half of a person's answers are borne out."""
    there = np.flatnonzero(own & ~np.isnan(scored))
    there = there[np.argsort(log.order[there], kind="stable")]
    half = len(there) // 2
    return tuple(Share(float(scored[part].sum()), len(part)) for part in (there[:half], there[half:]))  # type: ignore[return-value]
