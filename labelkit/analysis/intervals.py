"""Intervals around shares."""

from __future__ import annotations

import math
from typing import Final

from labelkit.types import Estimate

Z95: Final = 1.959963984540054
"""Two-sided 95% quantile of the normal distribution."""


def wilson(successes: float, n: int) -> Estimate:
    """A share with its 95% Wilson score interval.

    Parameters
    ----------
    successes
        How many of the cases succeeded, 0 … n; fractions arise where ties count as expected.
    n
        Number of cases.

    Returns
    -------
    Estimate
        With no case, the value is NaN and the interval is all of [0, 1].

    Raises
    ------
    ValueError
        If ``successes`` is not between 0 and n.

    References
    ----------
    Wilson (1927): Probable inference, the law of succession, and statistical inference.

    Examples
    --------
    >>> str(wilson(8, 10))
    '80.0% [49.0%, 94.3%] n=10'
    """
    if n < 0 or not 0 <= successes <= n + 1e-9:
        raise ValueError(f"{successes} successes of {n} cases make no share")
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0)
    share = min(successes / n, 1.0)
    spread = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    middle, scale = share + Z95**2 / (2 * n), 1 + Z95**2 / n
    low, high = (middle - spread) / scale, (middle + spread) / scale
    return Estimate(share, max(0.0, min(low, share)), min(1.0, max(high, share)), n)
