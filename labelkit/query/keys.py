"""Permanent random numbers: one uniform number per item and salt, whatever the pool around it."""

from __future__ import annotations

import numpy as np

from labelkit.types import FloatArray, IntArray

_GOLDEN = 0x9E3779B97F4A7C15
_CHUNK = 16_384
"""Items at a time, so that the numbers stay in the processor's cache."""


def random_keys(items: IntArray, salt: int) -> FloatArray:
    """(m,) numbers in [0, 1), a function of item number and salt only.

    The generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at position ``item`` of the stream
    that ``salt`` selects: ordering a pool by these keys is simple random sampling, and an item keeps its
    key when others come and go (Ohlsson, "Coordination of samples using permanent random numbers", 1995).
    """
    start = np.uint64(_mix_one(salt & 0xFFFFFFFFFFFFFFFF))
    numbers = np.asarray(items)
    keys = np.zeros(len(numbers))
    for first in range(0, len(numbers), _CHUNK):
        keys[first : first + _CHUNK] = _mixed(numbers[first : first + _CHUNK].astype(np.uint64), start)
    return keys


def _mixed(z: IntArray, start: np.uint64) -> FloatArray:
    """Keys of a few items; ``z`` is overwritten."""
    shifted = np.empty_like(z)
    with np.errstate(over="ignore"):
        z += np.uint64(1)
        z *= np.uint64(_GOLDEN)
        z += start
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            np.right_shift(z, np.uint64(shift), out=shifted)
            z ^= shifted
            z *= np.uint64(factor)
        np.right_shift(z, np.uint64(31), out=shifted)
        z ^= shifted
        z >>= np.uint64(11)
    keys: FloatArray = z * 2.0**-53
    return keys


def _mix_one(z: int) -> int:
    mask = 0xFFFFFFFFFFFFFFFF
    z = (z + _GOLDEN) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)
