"""Permanent random numbers: one uniform number per item and salt, whatever the pool around it."""

from __future__ import annotations

import numpy as np

from labelkit.types import FloatArray, IntArray

_GOLDEN = 0x9E3779B97F4A7C15


def random_keys(items: IntArray, salt: int) -> FloatArray:
    """(m,) numbers in [0, 1), a function of item number and salt only.

    The generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at position ``item`` of the stream
    that ``salt`` selects: ordering a pool by these keys is simple random sampling, and an item keeps its
    key when others come and go (Ohlsson, "Coordination of samples using permanent random numbers", 1995).
    """
    start = np.uint64(_mix_one(salt & 0xFFFFFFFFFFFFFFFF))
    with np.errstate(over="ignore"):
        z = start + (np.asarray(items).astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix_one(z: int) -> int:
    mask = 0xFFFFFFFFFFFFFFFF
    z = (z + _GOLDEN) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)
