"""Numbers, bars, charts and the confusion table of a report: nothing leaves its frame, nothing is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from labelkit.report import CurvePoint, Heat, Histogram, Reliability
from labelkit.report.charts import histogram, reliability
from labelkit.report.heat import LEVELS, OTHERS, heat_view
from labelkit.report.marks import bar, gap, interval
from labelkit.report.text import name, percent, points, sentence, span, visible
from labelkit.types import Estimate

shares = st.floats(0, 1)


def places(svg: Markup) -> list[float]:
    """Horizontal positions in the paths of a mark."""
    return [float(x) for d in re.findall(r' d="([^"]+)"', svg) for x in re.findall(r"[MH](-?[\d.]+)", d)]


@given(shares, shares, shares, st.none() | shares)
def test_intervals_stay_in_their_frame(a: float, b: float, c: float, mark: float | None) -> None:
    low, value, high = sorted((a, b, c))
    svg = interval(Estimate(value, low, high, 10), mark)
    assert all(0 <= place <= 100 for place in places(svg))
    width = re.search(r'width="([\d.]+)"', svg)
    assert width is not None and float(width[1]) == pytest.approx(100 * value, abs=0.06)


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_gaps_stay_in_their_frame(a: float, b: float, c: float) -> None:
    low, value, high = sorted((a, b, c))
    svg = gap(value, low, high)
    assert all(0 <= place <= 100 for place in places(svg))
    start, width = (float(each) for each in re.search(r'x="([\d.]+)" y="3" height="8" width="([\d.]+)"', svg).groups())  # type: ignore[union-attr]
    assert start >= 0 and start + width <= 100.01
    assert ("below" in svg) == (value < 0)


def test_what_is_not_measured_is_not_drawn() -> None:
    assert interval(Estimate(float("nan"), 0, 1, 0)) == "" == gap(float("nan"), 0, 0)
    assert 'width="0.0"' in bar(0, 0)


def test_marks_are_told_apart_from_values() -> None:
    estimate = Estimate(0.5, 0.4, 0.6, 10)
    assert 'class="line"' in interval(estimate, 0.3)
    assert 'class="line"' not in interval(estimate) + interval(estimate, float("nan"))


@given(st.lists(st.tuples(shares, shares, st.integers(1, 1000)), max_size=20))
def test_curves_stay_in_their_frame(given_points: list[tuple[float, float, int]]) -> None:
    curve = [CurvePoint(c, c, c, Estimate(a, max(a - 0.1, 0), min(a + 0.1, 1), n)) for c, a, n in given_points]
    svg = reliability(Reliability("curve", curve), "key")
    assert svg.count("<circle") == len(curve)
    _, _, width, height = (float(x) for x in re.search(r'viewBox="([^"]+)"', svg)[1].split())  # type: ignore[index]
    for x, y in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg):
        assert 0 < float(x) < width and 0 < float(y) < height
    assert "<title" in svg and "<desc" in svg


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_histograms_say_how_many(counts: list[int]) -> None:
    svg = histogram(Histogram("all", "probability", counts), "key")
    assert svg.count("<rect") == len(counts)
    assert f"{sum(counts):,} items" in svg


names = st.lists(st.sampled_from([f"c{at}" for at in range(9)]), unique=True, min_size=1)


@given(names, st.integers(1, 9), st.data())
def test_cut_confusion_tables_lose_no_item(classes: list[str], most: int, data: st.DataObject) -> None:
    columns = [*classes, "no vote"]
    cells = st.tuples(st.sampled_from(classes), st.sampled_from(columns))
    counts = data.draw(st.dictionaries(cells, st.integers(1, 99)))
    view = heat_view(Heat("", "", "", classes, columns, counts, ["no vote"], most=most))
    filled = {row for row, _ in counts}
    assert len(view.rows) == min(most, len(filled))
    assert view.left_out == len(filled) - len(view.rows)
    for row in view.rows:
        assert len(row.cells) == len(view.columns)
        assert row.total == sum(cell.count for cell in row.cells)
        assert row.total == sum(count for (gold, _), count in counts.items() if gold == row.name)
        for column, cell in zip(view.columns, row.cells, strict=True):
            assert cell.tone == ("neither" if column == "no vote" else "right" if column == row.name else "wrong")
            assert 0 <= cell.level <= LEVELS and (cell.level > 0) == (cell.count > 0)
            if column != OTHERS:
                assert cell.count == counts.get((row.name, column), 0)


def test_the_rows_kept_are_those_with_most_wrong() -> None:
    counts = {("a", "a"): 100, ("b", "a"): 5, ("c", "c"): 1, ("c", "b"): 2}
    view = heat_view(Heat("", "", "", list("abc"), list("abc"), counts, most=2))
    assert [row.name for row in view.rows] == ["b", "c"]
    assert view.columns == ("b", "c", OTHERS)


def test_a_class_that_is_called_as_the_sum_is_not_mixed_up() -> None:
    counts = {("a", OTHERS): 2, ("a", "b"): 3, ("b", "b"): 1}
    view = heat_view(Heat("", "", "", ["a", "b", OTHERS], ["a", "b", OTHERS], counts, most=1))
    assert [cell.count for cell in view.rows[0].cells] == [0, 5]


def test_numbers() -> None:
    assert (percent(0.1234), percent(float("nan")), percent(1, 0)) == ("12.3%", "–", "100%")
    assert (span(0.721, 0.812), span(0.99961, 0.9999)) == ("72–81%", "100.0–100.0%")
    assert (points(-0.085), points(0.02)) == ("−8.5", "+2.0")


@given(st.text())
def test_names_lose_nothing_but_what_is_hidden(text: str) -> None:
    assert Markup(name(text).replace("<wbr>", "")).striptags().strip() == " ".join(visible(text, 120).split())


def test_code_in_sentences() -> None:
    assert sentence("run `a < b` now") == Markup("run <code>a &lt; b</code> now")
    assert sentence("one ` alone") == "one ` alone"
