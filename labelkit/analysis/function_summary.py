"""The analysis of labeling functions, with the definitions of Snorkel's ``LFAnalysis``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelkit.analysis.intervals import wilson
from labelkit.types import ABSTAIN, SHARD_SIZE, Estimate, Fault, IntArray


@dataclass(frozen=True)
class FunctionSummary:
    """What one labeling function did.

    Attributes
    ----------
    name
        The function's name.
    polarity
        Class indices that it voted for, ascending.
    coverage
        Share of the items that it voted on.
    overlap
        Share of the items that it and at least one other function voted on.
    conflict
        Share of the items that it voted on and another function voted differently on.
    votes
        Number of items that it voted on.
    class_votes
        Number of its votes for each class, in index order.
    accuracy
        Share of its votes on items with a gold label that are right, with n and 95% interval.
    human_accuracy
        The same on items that people labeled.
    contradicted
        Votes that people's labels contradict.
    faults
        Items on which it raised.
    fault_examples
        The first few of them.
    """

    name: str
    polarity: tuple[int, ...]
    coverage: float
    overlap: float
    conflict: float
    votes: int
    class_votes: tuple[int, ...]
    accuracy: Estimate
    human_accuracy: Estimate
    contradicted: int
    faults: int = 0
    fault_examples: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class VoteSummary:
    """All functions together: shares of the items with a vote, with two or more, with differing ones."""

    items: int
    coverage: float
    overlap: float
    conflict: float


@dataclass(frozen=True)
class _Rows:
    """Per item: how many functions voted, and whether two voted differently."""

    votes: npt.NDArray[np.int32]
    conflict: npt.NDArray[np.bool_]


def vote_summary(L: IntArray) -> VoteSummary:
    """Figures of the whole label matrix (n, m); all zero where there are no items."""
    rows = _scan(L)
    n = max(len(L), 1)
    return VoteSummary(
        items=len(L),
        coverage=int((rows.votes > 0).sum()) / n,
        overlap=int((rows.votes > 1).sum()) / n,
        conflict=int(rows.conflict.sum()) / n,
    )


def lf_summary(
    L: IntArray,
    names: Sequence[str],
    *,
    cardinality: int,
    gold: IntArray | None = None,
    human: IntArray | None = None,
    faults: Sequence[int] | None = None,
    fault_examples: Sequence[Sequence[Fault]] | None = None,
) -> list[FunctionSummary]:
    """Figures of each labeling function, in the order of the columns.

    Parameters
    ----------
    L
        Label matrix, shape (n, m): class indices, −1 = abstain. Not written to.
    names
        Names of the m functions.
    cardinality
        Number of classes k.
    gold, human
        Reference labels of the items, shape (n,), −1 where unknown: trusted ones, and people's.
    faults, fault_examples
        Of each function: on how many items it raised, and the first examples; passed through.

    Raises
    ------
    ValueError
        If the lengths do not fit.
    """
    n, m = L.shape
    lengths = {"names": len(names), "faults": m if faults is None else len(faults)}
    lengths["fault_examples"] = m if fault_examples is None else len(fault_examples)
    for what, length in lengths.items():
        if length != m:
            raise ValueError(f"{what} has {length} entries, expected {m}: one for each labeling function")
    for what, labels in (("gold", gold), ("human", human)):
        if labels is not None and labels.shape != (n,):
            raise ValueError(f"{what} has shape {labels.shape}, expected ({n},)")
    rows = _scan(L)
    several = rows.votes > 1
    references = [_known(gold), _known(human)]
    return [
        _one(
            L[:, j], name, cardinality, several, rows.conflict, references,
            0 if faults is None else int(faults[j]),
            () if fault_examples is None else tuple(fault_examples[j]),
        )
        for j, name in enumerate(names)
    ]  # fmt: skip


def _scan(L: IntArray) -> _Rows:
    """One pass over blocks of rows, column by column inside a block: nothing of size n × m is made."""
    votes, conflict = np.zeros(len(L), dtype=np.int32), np.zeros(len(L), dtype=bool)
    for start in range(0, len(L), SHARD_SIZE):
        block = L[start : start + SHARD_SIZE]
        count, differ = votes[start : start + SHARD_SIZE], conflict[start : start + SHARD_SIZE]
        first = np.full(len(block), ABSTAIN, dtype=L.dtype)
        for column in block.T:
            voted = column != ABSTAIN
            count += voted
            differ |= voted & (first != ABSTAIN) & (first != column)
            np.copyto(first, column, where=voted)
    return _Rows(votes, conflict)


def _known(labels: IntArray | None) -> tuple[IntArray, IntArray]:
    """Positions of the known labels, and the labels there."""
    if labels is None:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int64)
    at = np.flatnonzero(labels != ABSTAIN)
    return at, labels[at]


def _one(
    column: IntArray,
    name: str,
    cardinality: int,
    several: npt.NDArray[np.bool_],
    conflict: npt.NDArray[np.bool_],
    references: Sequence[tuple[IntArray, IntArray]],
    faults: int,
    examples: tuple[Fault, ...],
) -> FunctionSummary:
    n = max(len(column), 1)
    voted = column != ABSTAIN
    class_votes = np.bincount(column[voted].astype(np.intp), minlength=cardinality)
    votes = int(class_votes.sum())
    judged = []
    for at, labels in references:
        theirs = column[at]
        spoke = theirs != ABSTAIN
        judged.append((int((theirs == labels)[spoke].sum()), int(spoke.sum())))
    (gold_right, gold_n), (human_right, human_n) = judged
    return FunctionSummary(
        name=name,
        polarity=tuple(int(c) for c in np.flatnonzero(class_votes)),
        coverage=votes / n,
        overlap=int((voted & several).sum()) / n,
        conflict=int((voted & conflict).sum()) / n,
        votes=votes,
        class_votes=tuple(int(c) for c in class_votes),
        accuracy=wilson(gold_right, gold_n),
        human_accuracy=wilson(human_right, human_n),
        contradicted=human_n - human_right,
        faults=faults,
        fault_examples=examples,
    )
