"""Shares of a whole number: quotas by largest remainder, and an order in which every prefix keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def quotas(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers in proportion to ``shares`` that sum to ``total`` (Hamilton's method).

    Equal remainders go to the larger share, then to the name that comes first in the alphabet, so that
    the result does not depend on the order of the mapping. Shares need not sum to 1, but to more than 0.
    """
    whole = math.fsum(shares.values())
    # Rounded, so that 0.1 + 0.2 style noise in the last bit does not decide who gets a place.
    exact = {name: round(total * share / whole, 9) for name, share in shares.items()}
    given = {name: math.floor(places) for name, places in exact.items()}
    left = total - sum(given.values())
    order = sorted(shares, key=lambda name: (given[name] - exact[name], -shares[name], name))
    for name in order[:left]:
        given[name] += 1
    return given


def interleave(counts: Mapping[str, int], owed: Mapping[str, float] | None = None) -> list[str]:
    """Each name as often as its count, spread evenly: every prefix has about the right shares.

    The j-th of a name's c places stands at (j + ½ - owed) / c of the whole. ``owed`` is what a name got too few of
    before, in places: where only the beginning of every queue is answered, halves of places would be lost each time.
    """
    late = owed or {}
    places = [
        ((j + 0.5 - late.get(name, 0.0)) / count, -count, name) for name, count in counts.items() for j in range(count)
    ]
    return [name for _, _, name in sorted(places)]
