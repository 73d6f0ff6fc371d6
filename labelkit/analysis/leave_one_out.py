"""What each labeling function does to the labels: they are decided again without its votes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, FloatArray, IntArray

Label: TypeAlias = Callable[[IntArray], tuple[FloatArray, IntArray]]
"""Votes (n, m) → class probabilities (n, k) and decisions (n,), −1 where undecided or uncovered."""


@dataclass(frozen=True)
class Influence:
    """One function's part in the decisions of a label model that is fitted with it and stays as it is.

    Attributes
    ----------
    changed
        Items that would have another label without its votes, or none, or have one only without them.
    helped, hurt
        Items with a known label that are labeled right only with its votes, and only without them.
    others
        Mean probability that the other functions give to what it votes for, on the ``others_items`` items
        that they vote on as well; NaN if there are none.
    others_items
        Number of these items.
    others_by_chance
        What votes for the same classes would get on random covered items.
    """

    changed: int
    helped: int
    hurt: int
    others: float
    others_items: int
    others_by_chance: float


def leave_one_out(
    patterns: IntArray,
    counts: IntArray,
    label: Label,
    *,
    known_pattern: IntArray,
    known: IntArray,
) -> list[Influence]:
    """The influence of each of the m functions.

    Parameters
    ----------
    patterns
        Distinct rows of votes, shape (d, m), int; not written to.
    counts
        Shape (d,): on how many items each occurs; 0 for one that occurs only where a label is known.
    label
        Probabilities and decisions of the fitted model.
    known_pattern, known
        Shape (g,): row of ``patterns`` of the items with a known label, and these labels.
    """
    if not len(patterns):
        return [Influence(0, 0, 0, float("nan"), 0, float("nan"))] * patterns.shape[1]
    probabilities, decided = label(patterns)
    weights = np.where((patterns != ABSTAIN).any(axis=1), counts, 0)
    balance = weights @ probabilities / max(int(weights.sum()), 1)
    right = decided[known_pattern] == known
    found = []
    for j in range(patterns.shape[1]):
        rows = np.flatnonzero(patterns[:, j] != ABSTAIN)
        votes = patterns[rows, j].astype(np.intp)
        without = patterns[rows]
        without[:, j] = ABSTAIN
        shares, labels = _labeled(label, without, probabilities.shape[1])
        other = labels != decided[rows]
        helped = hurt = 0
        if other.any() and len(known):
            after = decided.copy()
            after[rows] = labels
            right_after = after[known_pattern] == known
            helped, hurt = int((right & ~right_after).sum()), int((right_after & ~right).sum())
        spoken = np.where((without != ABSTAIN).any(axis=1), counts[rows], 0)
        n = int(spoken.sum())
        found.append(
            Influence(
                changed=int(counts[rows][other].sum()),
                helped=helped,
                hurt=hurt,
                others=float(spoken @ shares[np.arange(len(rows)), votes] / n) if n else float("nan"),
                others_items=n,
                others_by_chance=float(spoken @ balance[votes] / n) if n else float("nan"),
            )
        )
    return found


def _labeled(label: Label, rows: IntArray, k: int) -> tuple[FloatArray, IntArray]:
    if len(rows):
        return label(rows)
    return np.empty((0, k)), np.empty(0, dtype=np.int64)


def contained_in(patterns: IntArray) -> list[tuple[int, ...]]:
    """For each function those others that vote the same wherever it votes.

    Of two that vote the same everywhere, the later is contained in the earlier only. A function without
    votes is contained in none.

    Parameters
    ----------
    patterns
        Rows of votes, shape (d, m); repeated ones change nothing.
    """
    m = patterns.shape[1]
    same: npt.NDArray[np.bool_] = np.zeros((m, m), dtype=bool)
    for j in range(m):
        rows = np.flatnonzero(patterns[:, j] != ABSTAIN)
        if len(rows):
            same[j] = (patterns[rows] == patterns[rows, j][:, None]).all(axis=0)
    np.fill_diagonal(same, False)
    same &= ~(same.T & np.triu(np.ones((m, m), dtype=bool)))
    return [tuple(int(other) for other in np.flatnonzero(row)) for row in same]
