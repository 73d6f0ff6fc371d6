"""Which label an item gets, who decided it, and how much it weighs.

The rules, in order; the first that has an answer decides:

1. ``adjudication``: somebody settled what annotators disagreed on.
2. ``agreement``: annotators agree; ``answer`` where it is one person's label alone.
3. ``gold``: the owner gave a label for training.
4. ``label_model``: the label model has a label, and its probability is at least the threshold.
5. ``end_model``: the end model's most probable class, alone at the top and at least the threshold.

A label from people weighs 1 and its distribution is all on that class. A label from a model weighs
what the model thinks of it, and carries the model's distribution. Where nothing decides, the label is
none and the weight 0; the distribution is then the label model's where functions voted, else the end
model's, else unknown (NaN) — never the class prior, which is no knowledge of the item.

Audit items are for evaluation only: the caller leaves their human labels out of what it passes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray, LabelSource

Rule = Literal["adjudication", "agreement", "gold", "label_model", "end_model", "answer"]

RULES: Final[tuple[Rule, ...]] = ("adjudication", "agreement", "gold", "label_model", "end_model", "answer")
"""In order of precedence, but ``answer``, which is agreement of one person alone; :attr:`FinalLabels.rule` holds
positions in it."""

SOURCE_OF_RULE: Final[tuple[LabelSource, ...]] = ("human", "human", "gold", "label_model", "end_model", "human")
"""What an export says of a label that the rule in the same place decided."""

_AGREEMENT: Final = RULES.index("agreement")
_ANSWER: Final = RULES.index("answer")
_LABEL_MODEL: Final = RULES.index("label_model")
_END_MODEL: Final = RULES.index("end_model")


@dataclass(frozen=True)
class FinalLabels:
    """The decisions on n items.

    Attributes
    ----------
    label
        (n,) class indices, −1 where nothing decides.
    rule
        (n,) int8 positions in :data:`RULES`, −1 where nothing decides.
    weight
        (n,) float64: 1 for people, the label's probability for models, 0 where nothing decides.
    p
        (n, k) float64 distributions; rows sum to 1, or are NaN where nothing is known.
    answers
        (n,) people who gave the item a label, whatever decided it.
    """

    label: IntArray
    rule: npt.NDArray[np.int8]
    weight: FloatArray
    p: FloatArray
    answers: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def sources(self) -> list[LabelSource | None]:
        """Who decided, per item; None where nothing did."""
        names: list[LabelSource | None] = [*SOURCE_OF_RULE, None]
        return [names[rule] for rule in self.rule.tolist()]

    @property
    def rules(self) -> list[Rule | None]:
        """Which rule decided, per item; None where nothing did."""
        names: list[Rule | None] = [*RULES, None]
        return [names[rule] for rule in self.rule.tolist()]

    def only(self, rows: BoolArray) -> FinalLabels:
        """The decisions on some of the items."""
        return FinalLabels(self.label[rows], self.rule[rows], self.weight[rows], self.p[rows], self.answers[rows])


def assemble(
    n: int,
    cardinality: int,
    *,
    adjudicated: IntArray | None = None,
    agreed: IntArray | None = None,
    answers: IntArray | None = None,
    gold: IntArray | None = None,
    label_model: FloatArray | None = None,
    label_model_label: IntArray | None = None,
    covered: BoolArray | None = None,
    end_model: FloatArray | None = None,
    min_probability: float = 0.0,
) -> FinalLabels:
    """Decide the final labels of n items by the rules of this module.

    Parameters
    ----------
    adjudicated, agreed, gold
        (n,) class indices (not ids), −1 where there is none; None: none anywhere.
    answers
        (n,) how many people gave a label; None: not known, and counted as 0.
    label_model, label_model_label, covered
        (n, k) probabilities, (n,) labels with −1 where the model has none (nothing voted, or the top
        two classes tie), (n,) whether any function voted. Labels default to the most probable class of
        covered items, ``covered`` to everywhere.
    end_model
        (n, k) probabilities.
    min_probability
        Labels of models below it do not count.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is out of range, or ``min_probability`` is not in [0, 1].
    """
    if not 0.0 <= min_probability <= 1.0:
        raise ValueError(f"min_probability must be between 0 and 1, not {min_probability}")
    weak_p, seen = _label_model(n, cardinality, label_model, covered)
    strong_p = np.full((n, cardinality), np.nan) if end_model is None else _probabilities(end_model, n, cardinality)
    weak_label = _top(weak_p) if label_model_label is None else label_model_label
    weak = _confident(np.where(seen, _labels(weak_label, n, cardinality), ABSTAIN), weak_p, min_probability)
    strong = _confident(_top(strong_p), strong_p, min_probability)

    label = np.full(n, ABSTAIN, dtype=np.int64)
    rule = np.full(n, -1, dtype=np.int8)
    given = _counts(answers, n)
    opinions: dict[Rule, IntArray | None] = {
        "adjudication": adjudicated,
        "agreement": agreed,
        "gold": gold,
        "label_model": weak,
        "end_model": strong,
    }
    for name, opinion in opinions.items():
        if opinion is None:
            continue
        new = (label == ABSTAIN) & (_labels(opinion, n, cardinality) != ABSTAIN)
        label[new] = np.asarray(opinion)[new]
        rule[new] = RULES.index(name)
    rule[(rule == _AGREEMENT) & (given == 1)] = _ANSWER  # one person agrees with nobody

    p = _distributions(label, rule, weak_p, strong_p, seen)
    weight = np.zeros(n)
    decided = np.flatnonzero(label != ABSTAIN)
    weight[decided] = p[decided, label[decided]]
    return FinalLabels(label.astype(np.int16), rule, weight, p, given)


def _distributions(
    label: IntArray, rule: npt.NDArray[np.int8], weak_p: FloatArray, strong_p: FloatArray, seen: BoolArray
) -> FloatArray:
    known_weak = seen & ~np.isnan(weak_p).any(axis=1)
    from_weak = (rule == _LABEL_MODEL) | ((rule == -1) & known_weak)
    p = np.where(from_weak[:, None], weak_p, strong_p)
    people = np.flatnonzero((rule >= 0) & ((rule < _LABEL_MODEL) | (rule == _ANSWER)))
    p[people] = 0.0
    p[people, label[people]] = 1.0
    return p


def _label_model(
    n: int, cardinality: int, p: FloatArray | None, covered: BoolArray | None
) -> tuple[FloatArray, BoolArray]:
    if p is None:
        return np.full((n, cardinality), np.nan), np.zeros(n, dtype=np.bool_)
    seen = np.ones(n, dtype=np.bool_) if covered is None else np.asarray(covered, dtype=np.bool_)
    if seen.shape != (n,):
        raise ValueError(f"covered has the shape {seen.shape}, expected ({n},)")
    return _probabilities(p, n, cardinality), seen


def _probabilities(p: FloatArray, n: int, cardinality: int) -> FloatArray:
    if p.shape != (n, cardinality):
        raise ValueError(f"probabilities have the shape {p.shape}, expected ({n}, {cardinality})")
    return np.asarray(p, dtype=np.float64)


def _labels(labels: IntArray, n: int, cardinality: int) -> IntArray:
    array = np.asarray(labels)
    if array.shape != (n,):
        raise ValueError(f"labels have the shape {array.shape}, expected ({n},)")
    if n and not (array.min() >= ABSTAIN and array.max() < cardinality):
        raise ValueError(f"labels range from {array.min()} to {array.max()}, expected −1 to {cardinality - 1}")
    return array


def _counts(answers: IntArray | None, n: int) -> npt.NDArray[np.int64]:
    counts = np.zeros(n, dtype=np.int64) if answers is None else np.asarray(answers, dtype=np.int64)
    if counts.shape != (n,):
        raise ValueError(f"answers have the shape {counts.shape}, expected ({n},)")
    return counts


def _top(p: FloatArray) -> IntArray:
    """The most probable class of each row, −1 where two share the top or nothing is known."""
    if p.size == 0:
        return np.full(len(p), ABSTAIN)
    known = np.nan_to_num(p, nan=-1.0)
    top = known.max(axis=1, keepdims=True)
    alone = ((known == top).sum(axis=1) == 1) & (top[:, 0] >= 0.0)
    return np.where(alone, known.argmax(axis=1), ABSTAIN)


def _confident(label: IntArray, p: FloatArray, min_probability: float) -> IntArray:
    chosen = np.take_along_axis(p, np.maximum(label, 0)[:, None].astype(np.int64), axis=1)[:, 0] if p.size else label
    return np.where((label != ABSTAIN) & (chosen >= min_probability), label, ABSTAIN)
