"""Confidence sequences: how often they leave out the truth when looked at after every case."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.analysis import share_sequence, wilson


@pytest.mark.parametrize("truth", [0.5, 0.8, 0.97])
def test_the_truth_is_inside_at_every_look(truth: float) -> None:
    """Of 300 runs of 200 looks at most 5% may leave it out; the fixed-n interval leaves it out in a quarter or more."""
    rng, cases = np.random.default_rng(3), np.arange(1, 201)
    bounds = {(s, n): share_sequence(s, n) for n in (*range(1, 30), *range(30, 201, 10)) for s in range(n + 1)}
    left, left_daily = 0, 0
    for _ in range(300):
        right = (rng.random(200) < truth).cumsum()
        looks = [(int(s), int(n)) for s, n in zip(right, cases, strict=True) if (int(s), int(n)) in bounds]
        left += any(not bounds[look][0] <= truth <= bounds[look][1] for look in looks)
        left_daily += any(not wilson(s, n).low <= truth <= wilson(s, n).high for s, n in looks)
    assert left <= 15
    assert left_daily > 45


@settings(max_examples=60, deadline=None)
@given(n=st.floats(0.1, 5000), share=st.floats(0, 1))
def test_bounds_hold_the_share_and_the_interval_of_one_look(n: float, share: float) -> None:
    low, high = share_sequence(share * n, n)
    assert 0 <= low <= share <= high <= 1
    assert low == pytest.approx(1 - share_sequence((1 - share) * n, n)[1], abs=1e-6)
    whole = round(n)
    if whole:
        once = wilson(round(share * whole), whole)
        wide = share_sequence(round(share * whole), whole)
        assert wide[0] <= once.low + 0.02
        assert wide[1] >= once.high - 0.02


def test_more_cases_narrow_it() -> None:
    widths = [high - low for low, high in (share_sequence(0.8 * n, n) for n in (10, 50, 100, 1000, 10000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < 0.25
    assert widths[4] < 0.03


def test_no_case_and_nonsense() -> None:
    assert share_sequence(0, 0) == (0.0, 1.0)
    for right, n in ((3, 2), (-1, 5), (float("nan"), 5)):
        with pytest.raises(ValueError, match="make no share"):
            share_sequence(right, n)
