"""Small drawings beside the figures of a table. The figures say the same, so screen readers skip the drawings."""

from __future__ import annotations

import math
from typing import Final

from markupsafe import Markup

from labelkit.types import Estimate

_WIDTH: Final = 100.0
_MIDDLE: Final = 7
_FRAME: Final = Markup(
    '<svg class="mark" viewBox="0 0 100 14" preserveAspectRatio="xMinYMid" aria-hidden="true">{}</svg>'
)


def interval(estimate: Estimate, mark: float | None = None) -> Markup:
    """A bar from 0 to the estimate on an axis from 0 to 1, whiskers for its interval, a line at ``mark``."""
    if not estimate.n or not math.isfinite(estimate.value):
        return Markup("")
    value, low, high = (_place(each) for each in (estimate.value, estimate.low, estimate.high))
    parts = Markup('<path class="axis" d="M0 {0}H100"/><rect class="bar" y="3" height="8" width="{1}"/>').format(
        _MIDDLE, value
    )
    parts += _whiskers(low, high)
    if mark is not None and math.isfinite(mark):
        parts += Markup('<path class="line" d="M{} 0V14"/>').format(_place(mark))
    return _FRAME.format(parts)


def gap(value: float, low: float, high: float, *, widest: float = 0.5) -> Markup:
    """A bar from the middle to a difference, whiskers for its interval; the axis is −widest … widest."""
    if not math.isfinite(value):
        return Markup("")
    at, left, right = (_place(0.5 + max(-0.5, min(0.5, each / (2 * widest)))) for each in (value, low, high))
    start, length = min(at, 50.0), round(abs(at - 50.0), 1)
    parts = Markup('<path class="axis" d="M0 {0}H100M50 0V14"/>').format(_MIDDLE)
    parts += Markup('<rect class="bar{}" x="{}" y="3" height="8" width="{}"/>').format(
        " below" if value < 0 else "", start, length
    )
    return _FRAME.format(parts + _whiskers(left, right))


def bar(count: int, longest: int) -> Markup:
    """A bar as long as the count's share of the longest."""
    width = _place(count / longest) if longest else 0.0
    return _FRAME.format(Markup('<rect class="bar" y="3" height="8" width="{}"/>').format(width))


def _whiskers(low: float, high: float) -> Markup:
    return Markup('<path class="whisker" d="M{0} {2}H{1}M{0} 4V10M{1} 4V10"/>').format(low, high, _MIDDLE)


def _place(share: float) -> float:
    return round(_WIDTH * min(max(share, 0.0), 1.0), 1)
