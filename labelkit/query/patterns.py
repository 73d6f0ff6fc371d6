"""Pattern-wise disagreement: which combination of votes means something else than the label model thinks?"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.query.base import PoolPart, Selection
from labelkit.query.keys import random_keys
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked, said
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray

PSEUDO: Final = 1.0
"""Answers' worth of "any class" that every pattern starts with, so that a divergence is always finite."""


class Patterns:
    """MaxKL: the pattern of votes whose answers diverge most from the label model's probabilities.

    Biegel et al., "Active WeaSuL: improving weak supervision with active learning", 2021 (WeaSuL
    workshop at ICLR). Items with the same votes get the same probabilities p from the label model; q is
    the distribution of people's answers to items with these votes, smoothed with one answer spread over
    all k classes. The pattern with the largest KL(p ‖ q) is asked about, whichever of its items.

    Two things are added. Items without a vote are grouped by the end model's best guess (into one group,
    where its guesses of answered items are not known), and p is the end model's mean there. And within a
    batch every chosen item counts as answered in agreement with p, so that the next one comes from another
    pattern once this one would be settled.

    Parameters
    ----------
    by_size
        Multiply a pattern's divergence by its share of the pool. With many functions most patterns are of
        one item, and the measure of the paper, which is the default, does not mind.
    """

    name: Final = "patterns"
    needs: frozenset[PoolPart] = frozenset({"label_model", "votes"})
    wants: frozenset[PoolPart] = frozenset({"end_model", "labelled"})

    def __init__(self, *, by_size: bool = False) -> None:
        self._by_size = by_size
        self._kept: tuple[Pool, _Groups] | None = None

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) divergences in nats (times shares, with ``by_size``), the same for all items of a pattern."""
        del rng
        groups = self._groups(pool)
        scores = _divergence(groups.beliefs, groups.answers, np.zeros(len(groups.beliefs))) * self._shares(groups)
        return scores[groups.of]

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        groups = self._groups(pool)
        keys = random_keys(pool.items[candidates], int(rng.integers(2**63)))
        of = groups.of[candidates]
        order = np.lexsort((keys, of))
        present, starts = np.unique(of[order], return_index=True)
        stops = np.append(starts[1:], len(order))
        sizes = groups.sizes(len(groups.beliefs))
        shares = self._shares(groups)
        first = _divergence(groups.beliefs[present], groups.answers[present], np.zeros(len(present))) * shares[present]
        # Of equal divergences the pattern with more items comes first.
        heap = [(-float(d), -int(sizes[g]), int(g), i, 0) for i, (d, g) in enumerate(zip(first, present, strict=True))]
        heapq.heapify(heap)
        rows: list[int] = []
        scores: list[float] = []
        while len(rows) < count:
            divergence, size, group, i, used = heapq.heappop(heap)
            rows.append(int(candidates[order[starts[i] + used]]))
            scores.append(-divergence)
            if starts[i] + used + 1 < stops[i]:
                one = slice(group, group + 1)
                again = _divergence(groups.beliefs[one], groups.answers[one], np.array([used + 1.0]))
                heapq.heappush(heap, (-float(again[0] * shares[group]), size, group, i, used + 1))
        return Selection(np.array(rows), np.array(scores), tuple(self.reason(pool, row) for row in rows))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        groups = self._groups(pool)
        group = int(groups.of[i])
        belief, answers = groups.beliefs[group], groups.answers[group]
        best = int(ranked(belief)[0])
        model = "label model" if groups.voted[group] else "end model"
        alike = "with the same votes" if groups.voted[group] else "without a vote"
        size = int(groups.sizes(len(groups.beliefs))[group])
        of = "the one item" if size == 1 else f"the {size:,} items"
        said_so = f"{model} says {said(pool, belief, best)} of {of} {alike}"
        known = int(answers.sum())
        if not known:
            return f"{said_so}, and nobody has checked one"
        agreeing = percent(float(answers[best] / known))
        return f"{said_so}; of {known:,} answers to such items {agreeing} agree"

    def _shares(self, groups: _Groups) -> FloatArray:
        """What each pattern's divergence is multiplied by."""
        if not self._by_size:
            return np.ones(len(groups.beliefs))
        shares: FloatArray = groups.sizes(len(groups.beliefs)) / max(1, len(groups.of))
        return shares

    def _groups(self, pool: Pool) -> _Groups:
        if self._kept is None or self._kept[0] is not pool:
            self._kept = (pool, _grouped(pool, part(pool.label_model, "label_model", self.name)))
        return self._kept[1]


@dataclass
class _Groups:
    """(m,) group of each item; per group the model's mean probabilities, counts of answers, whether it has votes."""

    of: IntArray
    beliefs: FloatArray
    answers: FloatArray
    voted: BoolArray
    _sizes: IntArray | None = None

    def sizes(self, count: int) -> IntArray:
        if self._sizes is None:
            self._sizes = np.bincount(self.of, minlength=count)
        return self._sizes


def _grouped(pool: Pool, label_model: FloatArray) -> _Groups:
    k, m = len(pool.label_names), len(pool)
    votes = part(pool.votes, "votes", "patterns")
    known = pool.labelled
    answered = known.votes if known is not None and known.votes is not None else votes[:0]
    of, count = group_rows(np.concatenate([votes, answered]))
    any_vote = np.concatenate([(votes != ABSTAIN).any(axis=1), (answered != ABSTAIN).any(axis=1)])
    of = np.where(any_vote, of, count + _guesses(pool, len(answered)))
    total = count + k
    answers = np.zeros((total, k))
    if known is not None and len(answered):
        np.add.at(answers, (of[m:], known.labels), 1.0)
    sizes = np.maximum(np.bincount(of[:m], minlength=total), 1)
    source = label_model if pool.end_model is None else np.where(any_vote[:m, None], label_model, pool.end_model)
    sums = [np.bincount(of[:m], weights=source[:, c], minlength=total).astype(np.float64) for c in range(k)]
    beliefs = np.stack(sums, axis=1) / sizes[:, None]
    return _Groups(of[:m], beliefs, answers, np.arange(total) < count)


def _guesses(pool: Pool, answered: int) -> IntArray:
    """(m + l,) the end model's best guess, of pool and answered items; 0 for all where it is not known of both."""
    known = pool.labelled
    theirs = None if known is None else known.end_model
    if pool.end_model is None or (answered and theirs is None):
        return np.zeros(len(pool) + answered, dtype=np.int64)
    ours: IntArray = pool.end_model.argmax(axis=1)
    if not answered or theirs is None:
        return ours
    return np.concatenate([ours, theirs.argmax(axis=1)])


def group_rows(votes: IntArray) -> tuple[IntArray, int]:
    """The number of its distinct row for each row of (n, functions), and how many there are.

    Rows are told apart by a 64-bit sum of products with fixed odd numbers, and compared with the first
    row of their number: should two distinct rows meet in one sum, they are told apart the slow way.
    """
    n, width = votes.shape
    if not n or not width:
        return np.zeros(n, dtype=np.int64), min(n, 1)
    odd = _odd(width)
    sums = np.zeros(n, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for j in range(width):
            sums += votes[:, j].astype(np.int64).astype(np.uint64) * odd[j]
    _, first, of = np.unique(sums, return_index=True, return_inverse=True)
    if (votes[first[of]] != votes).any():
        _, of = np.unique(votes, axis=0, return_inverse=True)
        return of.ravel(), int(of.max()) + 1
    return of, len(first)


def _odd(width: int) -> IntArray:
    """(width,) odd 64-bit numbers, always the same."""
    return np.random.default_rng(20210).integers(2**63, size=width, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


def _divergence(beliefs: FloatArray, answers: FloatArray, agreeing: FloatArray) -> FloatArray:
    """(g,) KL(p ‖ q) in nats, q from the answers and ``agreeing`` further ones distributed as p."""
    k = beliefs.shape[1]
    mass = answers.sum(axis=1) + agreeing + PSEUDO
    q = (answers + beliefs * agreeing[:, None] + PSEUDO / k) / mass[:, None]
    ratio = np.log(np.where(beliefs > 0, beliefs, 1.0)) - np.log(q)
    divergence: FloatArray = np.maximum((beliefs * np.where(beliefs > 0, ratio, 0.0)).sum(axis=1), 0.0)
    return divergence
