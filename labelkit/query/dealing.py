"""Places of a queue dealt to strategies in turns: no item twice, near-duplicates left for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from labelkit.query.nearness import NearDuplicates
from labelkit.query.offers import Offer, Offers
from labelkit.types import IntArray

PATIENCE: Final = 20
"""Near-duplicates that are passed over, at most, per place of the queue: a pool may hold nothing else."""


@dataclass(frozen=True)
class Dealt:
    """The places in the order of the turns, each with the strategy that filled it."""

    places: list[tuple[str, Offer]]
    notes: list[str]


def deal(
    offers: Mapping[str, Offers], turns: Sequence[str], alike: NearDuplicates, fallback: Callable[[], IntArray]
) -> Dealt:
    """Give each turn's strategy the best of its items that is neither in the queue nor nearly so.

    An item that was passed over comes back only where nothing else is left to fill the queue.

    Parameters
    ----------
    turns
        A strategy's name for each place; there are at least as many candidates.
    alike
        Holds what is in the queue already.
    fallback
        Makes all candidate rows, in the order in which they fill places for which no strategy has an item.
    """
    taken: dict[int, tuple[str, Offer]] = {}
    passed: dict[int, Offer] = {}
    either = _Either(taken, passed)
    patience = PATIENCE * max(len(turns), 100)
    unfilled: list[str] = []
    repeated = 0
    for name in turns:
        offer = offers[name].next(either)
        near = offer is not None and alike.near(offer.row)
        while offer is not None and near and len(passed) < patience:
            passed[offer.row] = offer
            offer = offers[name].next(either)
            near = offer is not None and alike.near(offer.row)
        if offer is None:
            unfilled.append(name)
            continue
        repeated += near
        alike.add(offer.row)
        taken[offer.row] = (name, offer)
    again = list(passed.values())[: len(unfilled)]
    for name, offer in zip(unfilled, again, strict=False):
        taken[offer.row] = (name, offer)
    open_ = unfilled[len(again) :]
    rest = (int(row) for row in fallback() if int(row) not in either) if open_ else iter(())
    for name in open_:
        row = next(rest)
        taken[row] = (name, Offer(row, 0.0, lambda: "the strategy has nothing else to ask: taken at random"))
    notes = list(dict.fromkeys(note for each in offers.values() for note in each.notes))
    return Dealt(list(taken.values()), notes + _told(len(passed) - len(again), repeated + len(again)))


def _told(skipped: int, repeated: int) -> list[str]:
    notes = []
    if skipped:
        items = "near-duplicate of an item" if skipped == 1 else "near-duplicates of items"
        notes.append(f"{skipped:,} {items} in the queue left for later")
    if repeated:
        notes.append(f"the queue holds {repeated:,} near-duplicates: too few other items are left")
    return notes


class _Either:
    """Rows that are in the queue or were passed over."""

    def __init__(self, taken: Mapping[int, object], passed: Mapping[int, object]) -> None:
        self._taken, self._passed = taken, passed

    def __contains__(self, row: object) -> bool:
        return row in self._taken or row in self._passed

    def __iter__(self) -> Iterator[int]:
        yield from self._taken
        yield from self._passed

    def __len__(self) -> int:
        return len(self._taken) + len(self._passed)
