"""The diagnosis of labeling functions, one by one: right or wrong, needed or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelkit.analysis.buckets import VoteBucket, vote_buckets
from labelkit.analysis.intervals import wilson
from labelkit.analysis.leave_one_out import Influence
from labelkit.analysis.voted_items import VotedItems
from labelkit.types import ABSTAIN, Estimate, IntArray


@dataclass(frozen=True)
class FunctionErrors:
    """What is to be known about one labeling function before it is edited.

    Attributes
    ----------
    name
        Its name.
    votes
        Items that it votes on, of those that were looked at.
    votes_anywhere
        Whether it votes on any item at all.
    accuracy
        Share of its votes on items with a known label that are right, with n and 95% interval.
    chance
        What votes for the same classes would score on random items with a known label: the shares of these
        classes there, averaged over its votes. NaN without known labels.
    others, others_items, others_by_chance
        An estimate that needs no known label: the mean probability that all other functions together give
        to what it votes for, the number of items on which they vote as well, and what votes for the same
        classes would get on random covered items. It can be wrong where the others are.
    changed
        Items whose label would be another, or none, without its votes: by what decides the labels.
    changed_majority
        The same by majority vote.
    helped, hurt
        Items with a known label that are labeled right only with its votes, and only without them.
    contained_in
        Functions that vote the same wherever it votes.
    buckets
        Known label × vote.
    """

    name: str
    votes: int
    votes_anywhere: bool
    accuracy: Estimate
    chance: float
    others: float
    others_items: int
    others_by_chance: float
    changed: int
    changed_majority: int
    helped: int
    hurt: int
    contained_in: tuple[str, ...]
    buckets: tuple[VoteBucket, ...]

    @property
    def wrong(self) -> tuple[str, ...]:
        """Ids of items with a known label on which its vote is wrong, those of the largest bucket first."""
        wrong = [bucket for bucket in self.buckets if bucket.vote not in (None, bucket.gold)]
        return tuple(example for b in sorted(wrong, key=lambda b: -b.items) for example in b.examples)


def function_errors(
    voted: VotedItems,
    rows: npt.NDArray[np.intp],
    influences: Sequence[Influence],
    by_majority: Sequence[Influence],
    contained: Sequence[Sequence[int]],
    *,
    examples: int,
    only: int | None = None,
    abstained: bool = True,
) -> tuple[FunctionErrors, ...]:
    """One entry for each function, in the order of the columns.

    Parameters
    ----------
    rows
        Positions of the items to look at.
    influences, by_majority, contained
        Of the m functions: from what decides the labels, from majority vote, and who votes the same.
    examples
        Items in each bucket of wrong votes.
    only
        Only this function (a column), with items in each of its buckets.
    abstained
        Whether buckets tell where a function abstained.
    """
    chosen = range(len(voted.names)) if only is None else [only]
    counted, anywhere = _vote_counts(voted.L[rows]), _vote_counts(voted.L)
    base = _shares(voted)
    found = []
    for j in chosen:
        votes, truth = voted.L[voted.known_rows, j], voted.known[voted.known_rows]
        spoke = votes != ABSTAIN
        right, n = int((votes == truth)[spoke].sum()), int(spoke.sum())
        part = influences[j]
        found.append(
            FunctionErrors(
                name=voted.names[j],
                votes=int(counted[j]),
                votes_anywhere=bool(anywhere[j]),
                accuracy=wilson(right, n),
                chance=float(base[votes[spoke].astype(np.intp)].mean()) if n else float("nan"),
                others=part.others,
                others_items=part.others_items,
                others_by_chance=part.others_by_chance,
                changed=part.changed,
                changed_majority=by_majority[j].changed,
                helped=part.helped,
                hurt=part.hurt,
                contained_in=tuple(voted.names[other] for other in contained[j]),
                buckets=vote_buckets(voted, j, examples=examples, all_examples=only is not None, abstained=abstained),
            )
        )
    return tuple(found)


def _shares(voted: VotedItems) -> npt.NDArray[np.float64]:
    """Share of each class among the known labels, (k,)."""
    counts = np.bincount(voted.known[voted.known_rows].astype(np.int64), minlength=voted.cardinality)
    return np.asarray(counts / max(int(counts.sum()), 1))


def _vote_counts(L: IntArray) -> npt.NDArray[np.int64]:
    """Votes of each function, (m,)."""
    out = np.zeros(L.shape[1], dtype=np.int64)
    for start in range(0, len(L), 1 << 16):
        out += (L[start : start + (1 << 16)] != ABSTAIN).sum(axis=0)
    return out
