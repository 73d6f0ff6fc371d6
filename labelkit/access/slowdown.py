"""How long guessing has to wait: exponentially longer with every failure, up to a bound, never for good.

A browser in which somebody has signed in before carries a *device cookie*; its failures are counted by themselves
(OWASP's "device cookies"). So a stranger who guesses at a name slows down other strangers, not its owner.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Slowdown:
    """``free`` failures cost nothing; then 1, 2, 4 … seconds, at most ``longest``; forgotten after ``memory`` s."""

    free: int
    longest: float
    memory: float

    def wait(self, failures: int, since: float) -> float:
        """Seconds to wait after ``failures`` failures, the last of which was ``since`` seconds ago."""
        if failures < self.free or since > self.memory:
            return 0.0
        return max(0.0, min(self.longest, 2.0 ** min(failures - self.free, 30)) - since)


NAME: Final = Slowdown(free=5, longest=60.0, memory=3600.0)
"""Failures at one name from devices that never signed in as it: at most 1,440 guesses a day."""

ADDRESS: Final = Slowdown(free=20, longest=120.0, memory=3600.0)
"""Failures from one address, at any names; a whole office may share one."""

DEVICE: Final = Slowdown(free=8, longest=300.0, memory=3600.0)
"""Failures of a device at the name that signed in there before."""


def network(address: str) -> str:
    """What of an address is counted: an IPv4 address, or the /64 that one IPv6 customer has."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    return str(known.ipv4_mapped or ipaddress.ip_network((known, 64), strict=False))
