"""Confidence sequences: intervals that stay valid though one looks at them again and again."""

from __future__ import annotations

import math
from typing import Final

from scipy.special import betaincinv, betaln

ALPHA: Final = 0.05
"""Chance that a sequence ever leaves out the truth."""
TIGHTEST_AT: Final = 100.0
"""Number of cases at which the intervals are made as narrow as can be; before and after they are a little wider."""
LOOKS: Final = 10
"""Number of looks at models that have nothing in common which the intervals survive together."""
_STEPS: Final = 60
_EDGE: Final = 1e-12


def share_sequence(successes: float, n: float, *, alpha: float = ALPHA) -> tuple[float, float]:
    """Bounds of a share that hold at all numbers of cases at once, with probability ``1 - alpha``.

    A 95% interval that is looked at after every answer leaves the truth out in a quarter to a third of all
    projects at some time. This one is made of bets instead: against each share that the truth could be, a
    gambler bets with a Beta prior around it. If the share is the truth, the gambler's wealth is a martingale
    from 1 and ever passes ``1 / alpha`` with probability ``alpha`` at most (Ville 1939). The interval holds
    the shares against which it has not. So it needs no plan of when to look or stop, is exact for few cases,
    and costs a width of about 3 standard errors where a single look costs 1.96.

    That holds while one and the same model is looked at. Where models change between looks the martingales of
    different models say nothing together. So the interval is never narrower than the exact one (Clopper and
    Pearson 1934) at the level ``alpha / 10``, which it exceeds by little anyway: by Bonferroni, ten looks at
    models that have nothing in common hold together too. Successive models have most of their answers in common.

    Parameters
    ----------
    successes, n
        Successes among n independent cases; fractions where weighted cases are counted in equivalents of
        unweighted ones (their effective number, Korn and Graubard 1998).
    alpha
        Between 0 and 1.

    Returns
    -------
    low, high
        [0, 1] without a case.

    Raises
    ------
    ValueError
        If ``successes`` is not between 0 and n.

    References
    ----------
    Clopper and Pearson (1934): The use of confidence or fiducial limits illustrated in the case of the binomial.
    Robbins (1970): Statistical methods related to the law of the iterated logarithm.
    Howard, Ramdas, McAuliffe and Sekhon (2021): Time-uniform, nonparametric, nonasymptotic confidence
    sequences (the beta-binomial mixture).
    Waudby-Smith and Ramdas (2024): Estimating means of bounded random variables by betting.

    Examples
    --------
    >>> low, high = share_sequence(90, 100)
    >>> f"{low:.3f} {high:.3f}"
    '0.788 0.970'
    """
    if not 0 <= successes <= n + 1e-9:
        raise ValueError(f"{successes} successes of {n} cases make no share")
    if n <= 0:
        return 0.0, 1.0
    successes = min(successes, n)
    share = min(max(successes / n, _EDGE), 1 - _EDGE)
    most = -math.log(alpha)
    weight = TIGHTEST_AT / (2 * most + math.log1p(2 * most))
    low = _crossing(successes, n, share, 0.0, weight, most)
    high = _crossing(successes, n, share, 1.0, weight, most)
    once_low, once_high = _exact(successes, n, alpha / LOOKS)
    return min(low, once_low), max(high, once_high)


def _exact(successes: float, n: float, alpha: float) -> tuple[float, float]:
    """The Clopper-Pearson interval of one look."""
    low = float(betaincinv(successes, n - successes + 1, alpha / 2)) if successes > 0 else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - alpha / 2)) if successes < n else 1.0
    return low, high


def _crossing(successes: float, n: float, inside: float, outside: float, weight: float, most: float) -> float:
    """Where the wealth passes its limit between a share that is in the interval and an end of [0, 1]."""
    if _log_wealth(successes, n, min(max(outside, _EDGE), 1 - _EDGE), weight) < most:
        return outside
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if _log_wealth(successes, n, middle, weight) < most:
            inside = middle
        else:
            outside = middle
    return outside


def _log_wealth(successes: float, n: float, share: float, weight: float) -> float:
    """Logarithm of what a bet with the prior Beta(weight · share, weight · (1 - share)) has made against ``share``."""
    a, b = weight * share, weight * (1 - share)
    failures = n - successes
    return float(
        betaln(a + successes, b + failures) - betaln(a, b) - successes * math.log(share) - failures * math.log1p(-share)
    )
