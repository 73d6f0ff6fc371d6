"""Random draws for audit and tuning: before any active choice, for good, with their probabilities."""

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
_SALT: Final = 0x6472617773
"""Keeps the draws' keys apart from those that break ties between strategies' utilities: an item's chance
of being drawn must not depend on anything that active selection looks at."""


@dataclass(frozen=True)
class Draw:
    """One item with a random role. ``probability``: of having been drawn now, None where drawn before."""

    row: int
    role: DrawnRole
    probability: float | None


@dataclass(frozen=True)
class Draws:
    """What was drawn, per role in queue order, and what active selection may still choose from.

    ``waiting`` holds the items drawn for earlier queues that found no place now.
    """

    chosen: dict[DrawnRole, list[Draw]]
    waiting: list[Draw]
    selectable: BoolArray
    drawable: int


def draw(items: IntArray, roles: Mapping[int, str], counts: Mapping[DrawnRole, int], seed: int) -> Draws:
    """Fill the audit and tuning places of a queue.

    Items that were drawn for earlier queues and are still in the pool come first, then as many new ones
    as are missing: a simple random sample of all pool items without a role. So a queue that is made
    again before anybody answers draws nobody new.

    Parameters
    ----------
    items
        (m,) item numbers of the pool, ascending.
    roles
        item → role of every item that has one, in the pool or not.
    counts
        Places for each role.
    """
    keys = random_keys(items, seed ^ _SALT)
    earlier = _roles_of(items, roles)
    chosen: dict[DrawnRole, list[Draw]] = {}
    waiting: list[Draw] = []
    for role in DRAWN_ROLES:
        rows = np.flatnonzero(earlier == role)
        again = [Draw(int(row), role, None) for row in rows[np.argsort(keys[rows], kind="stable")]]
        chosen[role] = again[: counts[role]]
        waiting += again[counts[role] :]
    drawable = np.flatnonzero(earlier == "")
    missing = {role: counts[role] - len(chosen[role]) for role in DRAWN_ROLES}
    fresh = drawable[_smallest(keys[drawable], sum(missing.values()))]
    selectable = ~np.isin(earlier, DRAWN_ROLES)
    selectable[fresh] = False
    for role in DRAWN_ROLES:
        taken, fresh = fresh[: missing[role]], fresh[missing[role] :]
        chosen[role] += [Draw(int(row), role, len(taken) / len(drawable)) for row in taken]
    return Draws(chosen, waiting, selectable, len(drawable))


def _smallest(keys: FloatArray, count: int) -> IntArray:
    return top(-keys, keys, count)


def _roles_of(items: IntArray, roles: Mapping[int, str]) -> np.ndarray[tuple[int], np.dtype[np.str_]]:
    """(m,) role of each pool item, empty where it has none."""
    found = np.full(len(items), "", dtype="U16")
    if roles and len(items):
        known = np.fromiter(roles, dtype=np.int64, count=len(roles))
        rows = np.searchsorted(items, known)
        inside = rows < len(items)
        inside[inside] = items[rows[inside]] == known[inside]
        found[rows[inside]] = np.array(list(roles.values()), dtype="U16")[inside]
    return found
