"""Charts as SVG: each has a title and a description, and takes its colours from the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from labelkit.report.document import CurvePoint, Histogram, Reliability
from labelkit.report.text import LONGEST, count, percent, visible

_TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_LARGEST: Final = 7.0
_SMALLEST: Final = 2.5


class _Frame(NamedTuple):
    """Where the axes of a chart lie."""

    left: float
    top: float
    width: float
    height: float

    def x(self, share: float) -> float:
        return round(self.left + self.width * share, 1)

    def y(self, share: float) -> float:
        return round(self.top + self.height * (1 - share), 1)


def reliability(chart: Reliability, key: str) -> Markup:
    """Accuracy against confidence with intervals; on the diagonal, probabilities mean what they say."""
    frame = _Frame(48, 10, 290, 290)
    n = sum(point.accuracy.n for point in chart.points)
    parts = _grid(frame) + _axis_titles(frame, "confidence", "accuracy")
    parts += Markup('<path class="ideal" d="M{} {}L{} {}"/>').format(frame.x(0), frame.y(0), frame.x(1), frame.y(1))
    path = "".join(
        f"{'L' if at else 'M'}{frame.x(point.confidence)} {frame.y(point.accuracy.value)}"
        for at, point in enumerate(chart.points)
    )
    if path:
        parts += Markup('<path class="curve" d="{}"/>').format(path)
    largest = max((point.accuracy.n for point in chart.points), default=1)
    for point in chart.points:
        parts += _point(frame, point, largest)
    return _figure(chart.caption, _in_words(chart.points, n), key, (364, 350), parts)


def histogram(chart: Histogram, key: str) -> Markup:
    """Bars for the counts, on an axis from 0 to 1."""
    frame = _Frame(56, 10, 282, 180)
    highest = max([*chart.counts, 1])
    total = sum(chart.counts)
    parts = _grid(frame, labels=[(share, count(round(share * highest))) for share in (0.0, 0.5, 1.0)])
    parts += _axis_titles(frame, chart.axis, "items")
    width = frame.width / max(len(chart.counts), 1)
    for at, value in enumerate(chart.counts):
        low, high = at / len(chart.counts), (at + 1) / len(chart.counts)
        title = f"{percent(low, 0)} to {percent(high, 0)}: {count(value)} items"
        parts += Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            round(frame.left + at * width + 0.5, 1), frame.y(value / highest), round(width - 1, 1),
            round(frame.height * value / highest, 1), title,
        )  # fmt: skip
    top = max(range(len(chart.counts)), key=lambda at: chart.counts[at], default=0)
    words = f"{count(total)} items in {len(chart.counts)} bins"
    if total:
        edges = f"{percent(top / len(chart.counts), 0)} and {percent((top + 1) / len(chart.counts), 0)}"
        words += f"; most, {count(chart.counts[top])}, lie between {edges}"
    return _figure(chart.caption, f"{words}.", key, (364, 240), parts)


def _point(frame: _Frame, point: CurvePoint, largest: int) -> Markup:
    x, estimate = frame.x(point.confidence), point.accuracy
    radius = round(_SMALLEST + (_LARGEST - _SMALLEST) * (estimate.n / largest) ** 0.5, 1)
    title = (
        f"confidence {percent(point.confidence)}, accuracy {percent(estimate.value)}"
        f" [{percent(estimate.low)}, {percent(estimate.high)}], n = {count(estimate.n)}"
    )
    return Markup(
        '<g><title>{}</title><path class="whisker" d="M{x} {low}V{high}M{l} {low}H{r}M{l} {high}H{r}"/>'
        '<circle class="point" cx="{x}" cy="{y}" r="{radius}"/></g>'
    ).format(
        title, x=x, l=round(x - 3, 1), r=round(x + 3, 1), low=frame.y(estimate.low), high=frame.y(estimate.high),
        y=frame.y(estimate.value), radius=radius,
    )  # fmt: skip


def _grid(frame: _Frame, labels: Sequence[tuple[float, str]] | None = None) -> Markup:
    parts = Markup("")
    for share in _TICKS:
        parts += Markup('<path class="grid" d="M{0} {1}V{2}"/>').format(frame.x(share), frame.y(0), frame.y(1))
        parts += Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            frame.x(share), frame.y(0) + 15, percent(share, 0)
        )
    for share, label in labels or [(share, percent(share, 0)) for share in _TICKS]:
        parts += Markup('<path class="grid" d="M{} {}H{}"/>').format(frame.x(0), frame.y(share), frame.x(1))
        parts += Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>').format(
            frame.left - 6, frame.y(share) + 4, label
        )
    return parts


def _axis_titles(frame: _Frame, across: str, up: str) -> Markup:
    middle_x, middle_y = frame.left + frame.width / 2, frame.top + frame.height / 2
    return Markup(
        '<text class="axis-title" x="{}" y="{}" text-anchor="middle">{}</text>'
        '<text class="axis-title" x="11" y="{y}" text-anchor="middle" transform="rotate(-90 11 {y})">{}</text>'
    ).format(middle_x, frame.top + frame.height + 34, visible(across), visible(up), y=middle_y)


def _in_words(points: Sequence[CurvePoint], n: int) -> str:
    if not points:
        return "There are no items to draw."
    told = [f"at confidence {percent(p.confidence)} accuracy {percent(p.accuracy.value)}" for p in points]
    return f"{count(n)} items in {len(points)} bins: {'; '.join(told)}."


def _figure(title: str, description: str, key: str, size: tuple[int, int], parts: Markup) -> Markup:
    return Markup(
        '<svg class="chart" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-labelledby="{2}-t {2}-d">'
        '<title id="{2}-t">{3}</title><desc id="{2}-d">{4}</desc>{5}</svg>'
    ).format(*size, key, visible(title), visible(description, 4 * LONGEST), parts)
