"""Random draws for audit and tuning: before any active choice, for good, with their probabilities.

How estimates from the audit stay unbiased
------------------------------------------
Audit items are drawn queue after queue while the pool shrinks and the model changes. Each draw is a sample of the
pool of its time, stratified by the confidence that the model had then, and knows each item's probability of being
drawn. The probabilities look at nothing but confidences, numbers of items and the seed: not at answers to the audit,
not at what strategies chose. So, whatever happened before, every draw by itself gives an unbiased estimate of its pool
(Horvitz and Thompson 1952), and a mean of the draws' estimates with weights of their sizes is unbiased too:
:func:`audit_weights`. What is stored is an item's probability in the draw that drew it. (Its probability of ever having
been drawn by some day is one minus the product of (1 - p) over the draws until then; that takes the confidences of
all days, and no estimate here needs it.)

A draw is systematic sampling with unequal probabilities (Madow 1949): the pool is laid out in order of confidence, each
item as long as its chance, and every n-th part is hit by a needle from one random start. Every stretch of
confidence gets its share of the needles to within one (hence stratified, without a choice of strata), any number of
places can be drawn, down to one, and the probabilities are exact. Items of which the model is unsure are up to
:data:`MOST_RATIO` times as likely to be drawn as those of which it is certain: errors are among them (Neyman 1934),
but an overconfident model must not hide its errors behind tiny chances.

People answer what was drawn in an order that is random too, so that those answered first are a sample of the drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from labelkit.query.keys import random_keys
from labelkit.query.selection import top
from labelkit.types import BoolArray, FloatArray, IntArray

DrawnRole = Literal["audit", "tuning"]
DRAWN_ROLES: Final[tuple[DrawnRole, ...]] = ("audit", "tuning")
_CODES: Final[Mapping[str, int]] = {"audit": 1, "tuning": 2}
_OTHER: Final = 3
MOST_RATIO: Final = 3.0
"""The chance of an item with a confidence of one half or less, over that of one with a confidence of 1."""
_SALT: Final = 0x6472617773
"""Keeps the draws' keys apart from those that break ties between strategies' utilities: an item's chance
of being drawn must not depend on anything that active selection looks at."""
_TIE: Final = 1e-9
"""What random keys weigh beside sizes from 1 to 3: items of equal size are in random order."""
_START: Final = 0x7374617274
"""Keeps the random start of a draw apart from the keys of items."""


@dataclass(frozen=True)
class Draw:
    """One item with a random role. ``probability``: of having been drawn now, None where drawn before."""

    row: int
    role: DrawnRole
    probability: float | None


@dataclass(frozen=True)
class Draws:
    """What was drawn, per role in queue order, and what active selection may still choose from.

    ``waiting`` holds the items drawn for earlier queues that found no place now; ``drawable`` is the number of items
    that could be drawn.
    """

    chosen: dict[DrawnRole, list[Draw]]
    waiting: list[Draw]
    selectable: BoolArray
    drawable: int


def draw(
    items: IntArray,
    roles: Mapping[int, str],
    counts: Mapping[DrawnRole, int],
    seed: int,
    confidence: FloatArray | None = None,
) -> Draws:
    """Fill the audit and tuning places of a queue.

    Items that were drawn for earlier queues and are still in the pool come first, then as many new ones as are
    missing: for tuning a simple random sample of all pool items without a role, for the audit one stratified by
    confidence of the others. So a queue that is made again before anybody answers draws nobody new.

    Parameters
    ----------
    items
        (m,) item numbers of the pool, ascending.
    roles
        item → role of every item that has one, in the pool or not.
    counts
        Places for each role.
    confidence
        (m,) largest class probability of each item, as the end model has it now; without one all items have
        the same chance.
    """
    keys = random_keys(items, seed ^ _SALT)
    earlier = _roles_of(items, roles)
    chosen: dict[DrawnRole, list[Draw]] = {}
    waiting: list[Draw] = []
    for role in DRAWN_ROLES:
        rows = np.flatnonzero(earlier == _CODES[role])
        again = [Draw(int(row), role, None) for row in rows[np.argsort(keys[rows], kind="stable")]]
        chosen[role] = again[: counts[role]]
        waiting += again[counts[role] :]
    drawable = np.flatnonzero(earlier == 0)
    missing = {role: counts[role] - len(chosen[role]) for role in DRAWN_ROLES}
    # Where the pool is smaller than the places, the audit comes first.
    wanted = max(0, min(missing["tuning"], len(drawable) - missing["audit"]))
    tuned = drawable[_smallest(keys[drawable], wanted)]
    left = drawable[~np.isin(drawable, tuned)]
    start = float(random_keys(np.array([len(roles)]), seed ^ _START)[0])
    audited, chances = _stratified(left, keys[left], _sizes(confidence, left), missing["audit"], start)
    selectable = (earlier == 0) | (earlier == _OTHER)
    selectable[tuned] = selectable[audited] = False
    spared = len(left) / max(len(drawable), 1)  # the chance of not having been drawn for tuning
    chosen["tuning"] += [Draw(int(row), "tuning", wanted / len(drawable)) for row in tuned]
    chosen["audit"] += [
        Draw(int(row), "audit", float(chance) * spared) for row, chance in zip(audited, chances, strict=True)
    ]
    return Draws(chosen, waiting, selectable, len(drawable))


def _sizes(confidence: FloatArray | None, rows: IntArray) -> FloatArray:
    """(len(rows),) chances in proportion: from 1 for a certain item to MOST_RATIO for one like a tossed coin."""
    if confidence is None:
        return np.ones(len(rows))
    sure = np.clip(np.asarray(confidence, dtype=np.float64)[rows], 0.5, 1.0)
    sizes: FloatArray = 1 + (MOST_RATIO - 1) * 2 * np.sqrt(sure * (1 - sure))
    return sizes


def _stratified(
    rows: IntArray, keys: FloatArray, sizes: FloatArray, count: int, start: float
) -> tuple[IntArray, FloatArray]:
    """``count`` of the rows, systematically in order of size, and the probability of each; in random order."""
    count = min(max(count, 0), len(rows))
    if count == 0:
        return rows[:0], np.zeros(0)
    order = np.argsort(sizes + _TIE * keys, kind="stable")  # a third of the time of sorting by both
    chances = _chances(sizes, count)
    ends = np.cumsum(chances[order])
    ends *= count / ends[-1]
    hit = np.searchsorted(ends, start + np.arange(count), side="right")
    found = order[np.minimum(hit, len(rows) - 1)]
    found = found[np.argsort(keys[found], kind="stable")]
    return rows[found], chances[found]


def _chances(sizes: FloatArray, count: int) -> FloatArray:
    """Probabilities in proportion to ``sizes`` that sum to ``count``; those that would pass 1 are 1."""
    chances: FloatArray = count * sizes / sizes.sum()
    while (chances > 1).any():
        sure = chances >= 1
        chances = np.where(sure, 1.0, (count - sure.sum()) * sizes / max(sizes[~sure].sum(), 1e-300))
    return chances


def audit_weights(probabilities: FloatArray, draws: IntArray, rates: Mapping[int, float]) -> FloatArray:
    """How much each answered audit item counts: (n,) weights around 1.

    An item of a draw of c items from M with probability p stands for 1 / p of M items, in a draw that has a
    share of c in all: the weight is c / (M p). It is 1 where all had the same chance. That only some of the c
    were answered yet changes nothing, as they are answered in random order: both p and c shrink alike.

    Parameters
    ----------
    probabilities
        (n,) stored with each item: of having been drawn when it was drawn.
    draws
        (n,) which draw (rank run) it was.
    rates
        draw → c / M, the share of the pool that was drawn.
    """
    shares = np.array([rates[int(number)] for number in draws], dtype=np.float64)
    weights: FloatArray = shares / probabilities
    return weights


def _smallest(keys: FloatArray, count: int) -> IntArray:
    return top(-keys, keys, count)


def _roles_of(items: IntArray, roles: Mapping[int, str]) -> IntArray:
    """(m,) code of the role of each pool item, 0 where it has none."""
    found = np.zeros(len(items), dtype=np.int8)
    if roles and len(items):
        known = np.fromiter(roles, dtype=np.int64, count=len(roles))
        rows = np.searchsorted(items, known)
        inside = rows < len(items)
        inside[inside] = items[rows[inside]] == known[inside]
        codes = np.array([_CODES.get(role, _OTHER) for role in roles.values()], dtype=np.int8)
        found[rows[inside]] = codes[inside]
    return found
