"""A queue: random draws for audit and tuning, and for the rest what a mix of strategies asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from labelkit.errors import QueryError
from labelkit.query.base import QueryStrategy, strategy
from labelkit.query.draws import DRAWN_ROLES, Draw, DrawnRole, Draws, draw
from labelkit.query.keys import random_keys
from labelkit.query.pool import Pool
from labelkit.query.selection import top
from labelkit.query.shares import interleave, quotas
from labelkit.types import FloatArray, QueueEntry

_ACTIVE = "active"
_PURPOSE: Mapping[DrawnRole, str] = {
    "audit": "for the audit (evaluation only)",
    "tuning": "for tuning (never trains the end model)",
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
    seed: int = 0,
) -> ComposedQueue:
    """The next queue: who is asked about which items first, and why.

    1. ``audit_share`` and ``tuning_share`` of the places go to items drawn uniformly at random from the
       whole pool, before any strategy looks at it; each carries its inclusion probability. An item
       drawn for an earlier queue and still in the pool keeps its role and comes before new draws; its
       probability is the one stored with that draw, so None here. Such items are never chosen actively.
    2. The other places are shared among the strategies of ``mix`` by largest remainder; each takes its
       best item that is not in the queue yet. Equal utilities are ordered at random, by seed.
    3. All are interleaved so that every prefix of the queue has about the right shares.

    The result depends on the pool's items, not on their order, and on the seed.

    Parameters
    ----------
    mix
        Registered strategy name → share; shares are relative to each other. A strategy whose parts of
        the pool are missing hands its share to the others, with a note.
    size
        Places in the queue; fewer are filled where the pool is smaller.
    roles
        item → role of items that have one; items of the audit and tuning roles may wait in the pool.

    Raises
    ------
    QueryError
        If shares or size make no sense, no strategy of the mix can score this pool, or a strategy
        returns scores that are none.
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
    draws = draw(pool.items, roles or {}, {role: places[role] for role in DRAWN_ROLES}, seed)
    open_places = min(total - sum(len(drawn) for drawn in draws.chosen.values()), int(draws.selectable.sum()))
    entries = {
        **_drawn_entries(pool, draws),
        **_active_entries(pool, draws, mix, count=open_places, seed=seed, notes=notes),
    }
    entries["waiting"] = _waiting_entries(pool, draws, total - sum(map(len, entries.values())))
    streams: dict[str, Iterator[QueueEntry]] = {name: iter(listed) for name, listed in entries.items()}
    order = interleave({name: len(listed) for name, listed in entries.items()})
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
    scores = {s.name: _utilities(s, pool, seed) for s in usable if s.name in places}
    # Other strategies take at most `count` items before a strategy's turn, so its best `count` always do.
    best = {name: iter(candidates[top(scores[name][candidates], keys, count)]) for name in places}
    by_name = {s.name: s for s in usable}
    taken: set[int] = set()
    entries: dict[str, list[QueueEntry]] = {name: [] for name in places}
    for name in interleave(places):
        row = next(int(r) for r in best[name] if int(r) not in taken)
        taken.add(row)
        entries[name].append(_active_entry(by_name[name], pool, row, float(scores[name][row])))
    return entries


def _active_entry(s: QueryStrategy, pool: Pool, row: int, utility: float) -> QueueEntry:
    return QueueEntry(
        rank=0,
        item=int(pool.items[row]),
        utility=utility,
        role="active",
        strategy=s.name,
        inclusion_probability=None,
        reason=s.reason(pool, row),
    )


def _usable(pool: Pool, mix: Mapping[str, float], notes: list[str]) -> list[QueryStrategy]:
    """The strategies of the mix that this pool can feed, in alphabetical order."""
    usable: list[QueryStrategy] = []
    lacking: dict[str, str] = {}
    for name in sorted(name for name, share in mix.items() if share > 0):
        candidate = strategy(name)
        missing = sorted(part for part in candidate.needs if getattr(pool, part) is None)
        if missing:
            lacking[name] = _and(missing)
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


def _utilities(s: QueryStrategy, pool: Pool, seed: int) -> FloatArray:
    """The strategy's scores, checked: third parties' strategies run here too."""
    rng = np.random.default_rng([seed, crc32(s.name.encode())])
    scores = np.asarray(s.utilities(pool, rng))
    if scores.shape != (len(pool),):
        raise QueryError(f"query strategy {s.name!r} returned scores of shape {scores.shape} for {len(pool)} items")
    if not np.issubdtype(scores.dtype, np.floating):
        raise QueryError(f"query strategy {s.name!r} returned scores of type {scores.dtype}; floats were expected")
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise QueryError(
            f"query strategy {s.name!r} scored item {int(pool.items[bad[0]])} as {scores[bad[0]]}"
            f" ({bad.size} of {len(pool)} items are not finite numbers)"
        )
    return scores.astype(np.float64, copy=False)
