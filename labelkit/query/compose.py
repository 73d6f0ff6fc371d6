"""A queue: random draws for audit and tuning, and for the rest what a mix of strategies asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.base import QueryStrategy, strategy
from labelkit.query.choosing import missing
from labelkit.query.dealing import deal
from labelkit.query.draws import DRAWN_ROLES, Draw, DrawnRole, Draws, draw
from labelkit.query.keys import random_keys
from labelkit.query.nearness import NearDuplicates
from labelkit.query.offers import Offer, Offers
from labelkit.query.pool import Pool
from labelkit.query.shares import interleave, quotas
from labelkit.types import QueueEntry

_ACTIVE = "active"
MOST_OWED = 1.5
_PURPOSE: Mapping[DrawnRole, str] = {
    "audit": "for the audit (evaluation only)",
    "tuning": "for tuning (teaches how far to trust votes and words)",
}


@dataclass(frozen=True)
class ComposedQueue:
    """The entries in order of rank (from 1), and what their composition has to say for itself."""

    entries: list[QueueEntry]
    notes: tuple[str, ...]


def compose_queue(
    pool: Pool,
    *,
    mix: Mapping[str, float],
    size: int,
    audit_share: float = 0.1,
    tuning_share: float = 0.1,
    roles: Mapping[int, str] | None = None,
    answered: Mapping[str, int] | None = None,
    seed: int = 0,
) -> ComposedQueue:
    """The next queue: who is asked about which items first, and why.

    1. ``audit_share`` and ``tuning_share`` of the places go to items drawn at random from the whole pool (for the
       audit stratified by the end model's confidence, see :mod:`labelkit.query.draws`), before any strategy looks
       at it; each carries its inclusion probability. An item
       drawn for an earlier queue and still in the pool keeps its role and comes before new draws; its
       probability is the one stored with that draw, so None here. Such items are never chosen actively.
    2. The other places are shared among the strategies of ``mix`` by largest remainder; each takes its
       best item that is not in the queue yet. Equal utilities are ordered at random, by seed. Where the
       pool has features, near-duplicates of items in the queue are passed over while others are left.
    3. All are interleaved so that every prefix of the queue has about the right shares.

    The result depends on the pool's items, not on their order, and on the seed.

    Parameters
    ----------
    mix
        Strategy, named as :func:`strategy` takes it → share; shares are relative to each other. A strategy
        whose parts of the pool are missing hands its share to the others, with a note.
    size
        Places in the queue; fewer are filled where the pool is smaller.
    roles
        item → role of items that have one; items of the audit and tuning roles may wait in the pool.
    answered
        role → items of that role that are answered already: what a random role is behind its share, up to
        :data:`MOST_OWED` places, comes at the beginning.

    Raises
    ------
    QueryError
        If shares or size make no sense, no strategy of the mix can score this pool, or a strategy
        returns scores or rows that are none.
    """
    _check(mix, size, audit_share, tuning_share, seed)
    pool = pool.sorted()
    if not len(pool):
        return ComposedQueue([], ("the pool is empty: every item is answered, or none was imported",))
    notes: list[str] = []
    total = min(size, len(pool))
    if total < size:
        notes.append(f"the pool holds {len(pool):,} items, {size:,} were asked for: all are in the queue")
    places = quotas({"audit": audit_share, "tuning": tuning_share, _ACTIVE: 1 - audit_share - tuning_share}, total)
    confidence = None if pool.end_model is None else pool.end_model.max(axis=1)
    draws = draw(pool.items, roles or {}, {role: places[role] for role in DRAWN_ROLES}, seed, confidence)
    open_places = min(total - sum(len(drawn) for drawn in draws.chosen.values()), int(draws.selectable.sum()))
    entries = {
        **_drawn_entries(pool, draws),
        **_active_entries(pool, draws, mix, count=open_places, seed=seed, notes=notes),
    }
    entries["waiting"] = _waiting_entries(pool, draws, total - sum(map(len, entries.values())))
    streams: dict[str, Iterator[QueueEntry]] = {name: iter(listed) for name, listed in entries.items()}
    owed = _owed({"audit": audit_share, "tuning": tuning_share}, answered or {})
    order = interleave({name: len(listed) for name, listed in entries.items()}, owed)
    queue = [replace(next(streams[name]), rank=rank) for rank, name in enumerate(order, start=1)]
    return ComposedQueue(queue, tuple(notes))


def _check(mix: Mapping[str, float], size: int, audit_share: float, tuning_share: float, seed: int) -> None:
    if size < 1:
        raise QueryError(f"a queue of {size} places cannot be made", hint="Ask for at least 1")
    if seed < 0:
        raise QueryError(f"the seed is {seed}; a whole number from 0 was expected")
    for name, share in (("audit_share", audit_share), ("tuning_share", tuning_share), *mix.items()):
        if not (math.isfinite(share) and share >= 0):
            raise QueryError(f"the share of {name!r} is {share}; a number from 0 was expected")
    if audit_share + tuning_share > 1:
        raise QueryError(f"audit_share {audit_share} and tuning_share {tuning_share} are more than 1 together")
    if not any(share > 0 for share in mix.values()):
        raise QueryError("the mix of query strategies is empty", hint="Give at least one strategy a share above 0")


def _owed(shares: Mapping[str, float], answered: Mapping[str, int]) -> dict[str, float]:
    """Places that each random role is behind its share, within bounds; below zero where it is ahead."""
    total = sum(answered.values())
    return {
        f"role {role}": min(max(share * total - answered.get(role, 0), -0.5), MOST_OWED)
        for role, share in shares.items()
    }


def _drawn_entries(pool: Pool, draws: Draws) -> dict[str, list[QueueEntry]]:
    return {f"role {role}": [_drawn_entry(pool, d, draws) for d in draws.chosen[role]] for role in DRAWN_ROLES}


def _waiting_entries(pool: Pool, draws: Draws, count: int) -> list[QueueEntry]:
    """Where nothing is left to choose actively, further items drawn for earlier queues fill up."""
    return [_drawn_entry(pool, d, draws) for d in draws.waiting[: max(count, 0)]]


def _drawn_entry(pool: Pool, d: Draw, draws: Draws) -> QueueEntry:
    if d.probability is None:
        chance = "in an earlier queue"
    else:
        chance = f"with probability {d.probability:.2g} from {draws.drawable:,} items"
    return QueueEntry(
        rank=0,
        item=int(pool.items[d.row]),
        utility=0.0,
        role=d.role,
        strategy="random",
        inclusion_probability=d.probability,
        reason=f"drawn at random {_PURPOSE[d.role]} {chance}",
    )


def _active_entries(
    pool: Pool, draws: Draws, mix: Mapping[str, float], *, count: int, seed: int, notes: list[str]
) -> dict[str, list[QueueEntry]]:
    if count <= 0:
        return {}
    usable = _usable(pool, mix, notes)
    places = {name: n for name, n in quotas({s.name: mix[s.name] for s in usable}, count).items() if n}
    candidates = np.flatnonzero(draws.selectable)
    keys = random_keys(pool.items[candidates], seed)
    offers = {
        s.name: Offers(s, pool, candidates, keys, count=places[s.name], others=count - places[s.name], seed=seed)
        for s in usable
        if s.name in places
    }
    alike = NearDuplicates(pool.features)
    for drawn in draws.chosen.values():
        for d in drawn:
            alike.add(d.row)
    dealt = deal(offers, interleave(places), alike, lambda: candidates[np.argsort(keys, kind="stable")])
    notes += dealt.notes
    entries: dict[str, list[QueueEntry]] = {name: [] for name in places}
    for name, offer in dealt.places:
        entries[name].append(_active_entry(name, pool, offer))
    return entries


def _active_entry(name: str, pool: Pool, offer: Offer) -> QueueEntry:
    return QueueEntry(
        rank=0,
        item=int(pool.items[offer.row]),
        utility=offer.utility,
        role="active",
        strategy=name,
        inclusion_probability=None,
        reason=offer.reason(),
    )


def _usable(pool: Pool, mix: Mapping[str, float], notes: list[str]) -> list[QueryStrategy]:
    """The strategies of the mix that this pool can feed, in alphabetical order."""
    usable: list[QueryStrategy] = []
    lacking: dict[str, str] = {}
    for name in sorted(name for name, share in mix.items() if share > 0):
        candidate = strategy(name)
        absent = missing(candidate, pool)
        if absent:
            lacking[name] = _and(absent)
        else:
            usable.append(candidate)
    if not usable:
        why = "; ".join(f"there is no {parts} for {name}" for name, parts in lacking.items())
        raise QueryError(
            f"no query strategy of the mix can score this pool: {why}",
            hint='Train an end model first, or add "random" or "uncovered" to the mix',
        )
    for name, parts in lacking.items():
        notes.append(f"{name} was left out, its share went to the other strategies: there is no {parts} yet")
    return usable


def _and(parts: Sequence[str]) -> str:
    return " and no ".join(part.replace("_", " ") for part in parts)
