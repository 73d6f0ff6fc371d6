"""ActiveLab: a new item or a second opinion on an old one, on one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.query.base import PoolPart
from labelkit.query.parts import Answers
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked, said
from labelkit.types import FloatArray, IntArray

RIGHT, WRONG = 8.0, 2.0
"""What is taken for known of a person or the model before anything is: eight of ten answers right."""
LEAST_WEIGHT: Final = 0.01


class ActiveLab:
    """1 − the quality that the item's consensus label has, answered or not.

    Goh and Mueller, "ActiveLab: active learning with re-labeling by humans", 2023 (arXiv:2301.11856).
    The consensus is a weighted mean of the end model's probabilities and of what each answer says; the
    weights follow from how often annotators agree with others on shared items, and the model with the
    consensus. A level distribution with an average annotator's weight is mixed in, so that every further
    answer makes an item less worth asking. Shares are smoothed with ten assumed cases, because there
    may be none yet. An item must be in the pool to be asked again.
    """

    name: Final = "activelab"
    needs: frozenset[PoolPart] = frozenset({"end_model"})
    wants: frozenset[PoolPart] = frozenset({"answers"})

    def __init__(self) -> None:
        self._counted: tuple[Pool, IntArray] | None = None

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (settled) to 1 − 1/k."""
        del rng
        return 1.0 - _consensus(pool, part(pool.end_model, "end_model", self.name)).quality

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = part(pool.end_model, "end_model", self.name)[i]
        best = int(ranked(row)[0])
        if self._counted is None or self._counted[0] is not pool:
            self._counted = (pool, _counts(pool))
        counts = self._counted[1][i]
        if not counts.sum():
            sure = percent(float(row[best]))
            return f"nobody has answered, and end model is only {sure} sure of {pool.label_names[best]}"
        told = ", ".join(f"{counts[c]} say {pool.label_names[c]}" for c in np.flatnonzero(counts))
        return f"worth a further opinion: of the people asked {told}, end model says {said(pool, row, best)}"


@dataclass(frozen=True)
class _Consensus:
    """(m,) how well the consensus label of each item is supported, 0 to 1."""

    quality: FloatArray


def _consensus(pool: Pool, model: FloatArray) -> _Consensus:
    k = len(pool.label_names)
    answers = pool.answers
    weights = _Weights.of(pool, model, answers)
    support = model.astype(np.float64) * weights.model
    mass = np.full(len(pool), weights.average + weights.model)
    if answers is not None and len(answers):
        rows = _rows(pool, answers.items)
        inside = rows >= 0
        rows, labels, who = rows[inside], answers.labels[inside], answers.annotators[inside]
        own = weights.annotators[who]
        wrong = (1.0 - weights.agreement) / max(k - 1, 1)
        spread = np.bincount(rows, weights=own, minlength=len(pool))
        support += (spread * wrong)[:, None]
        np.add.at(support, (rows, labels), own * (weights.agreement - wrong))
        mass += spread
    best = support.max(axis=1, initial=0.0)
    return _Consensus((best + weights.average / k) / mass)


@dataclass(frozen=True)
class _Weights:
    """How much each annotator, the model and an average annotator count; ``agreement``: share of people who agree."""

    annotators: FloatArray
    model: float
    average: float
    agreement: float

    @classmethod
    def of(cls, pool: Pool, model: FloatArray, answers: Answers | None) -> _Weights:
        """Weights from how often one is right, against always saying the most common class."""
        prior = RIGHT / (RIGHT + WRONG)
        if answers is None or not len(answers):
            base = 1.0 / len(pool.label_names)
            own = _weight(prior, base)
            return cls(np.zeros(0), own, own, prior)
        k = len(pool.label_names)
        _, group = np.unique(answers.items, return_inverse=True)
        counts = np.zeros((group.max() + 1, k))
        np.add.at(counts, (group, answers.labels), 1.0)
        others = counts[group]
        others[np.arange(len(group)), answers.labels] -= 1.0
        compared = others.sum(axis=1) > 0
        agree = others[np.arange(len(group)), answers.labels] / np.maximum(others.sum(axis=1), 1.0)
        people = int(answers.annotators.max()) + 1
        right = np.bincount(answers.annotators[compared], weights=agree[compared], minlength=people)
        cases = np.bincount(answers.annotators[compared], minlength=people)
        shares = (right + RIGHT) / (cases + RIGHT + WRONG)
        agreement = float((agree[compared].sum() + RIGHT) / (compared.sum() + RIGHT + WRONG))
        # The share of the commonest class, shrunk to a level one: of few answers it is too large.
        commonest = np.bincount(answers.labels, minlength=k).max()
        base = float((commonest + (RIGHT + WRONG) / k) / (len(answers) + RIGHT + WRONG))
        each = np.array([_weight(float(share), base) for share in shares])
        trusted, per_item = _model_share(pool, model, answers)
        average = float(each[np.unique(answers.annotators)].mean())
        return cls(each, _weight(trusted, base) * np.sqrt(per_item), average, agreement)


def _weight(share: float, base: float) -> float:
    """1 − errors ÷ errors of always saying the most common class."""
    return max(LEAST_WEIGHT, 1.0 - (1.0 - share) / max(1.0 - base, LEAST_WEIGHT))


def _model_share(pool: Pool, model: FloatArray, answers: Answers) -> tuple[float, float]:
    """How often the model agrees with the people's majority on pool items, smoothed, and answers per item."""
    per_item = len(answers) / len(np.unique(answers.items))
    counts = _counts(pool)
    asked = counts.sum(axis=1) > 0
    right = float((model[asked].argmax(axis=1) == counts[asked].argmax(axis=1)).sum()) if asked.any() else 0.0
    return (right + RIGHT) / (int(asked.sum()) + RIGHT + WRONG), per_item


def _counts(pool: Pool) -> IntArray:
    """(m, k) answers of the pool's items, per class."""
    counts = np.zeros((len(pool), len(pool.label_names)), dtype=np.int64)
    if pool.answers is not None and len(pool.answers):
        rows = _rows(pool, pool.answers.items)
        np.add.at(counts, (rows[rows >= 0], pool.answers.labels[rows >= 0]), 1)
    return counts


def _rows(pool: Pool, items: IntArray) -> IntArray:
    """Row of each item in the pool, −1 where it is not there."""
    if not len(pool):
        return np.full(len(items), -1)
    order = np.arange(len(pool)) if pool.is_sorted else np.argsort(pool.items, kind="stable")
    at = np.minimum(np.searchsorted(pool.items, items, sorter=order), len(pool) - 1)
    rows = order[at]
    return np.where(pool.items[rows] == items, rows, -1)
