"""The interval of a calibration error: holds the true one about as often as it says, and says what is chance."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.analysis.calibration_interval import error_interval


def drawn(seed: int, n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of two classes that are too high by ``shift``, and labels."""
    generator = np.random.default_rng(seed)
    confidence = 0.5 + shift + (0.5 - shift) * generator.beta(4, 1.5, n)
    wrong = generator.random(n) >= confidence - shift
    return np.column_stack([confidence, 1 - confidence]), wrong.astype(np.int64)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3])
def test_it_holds_the_true_error(shift: float) -> None:
    found = [error_interval(*drawn(seed, 300, shift), seed=seed, resamples=40) for seed in range(40)]
    held = [each is not None and each.low <= shift <= each.high for each in found]
    over = [each is not None and each.over.low <= shift <= each.over.high for each in found]
    assert sum(held) >= 34 and sum(over) >= 34  # 95% of 40 are 38


def test_an_error_within_chance_may_be_none_at_all() -> None:
    exact, off = (error_interval(*drawn(1, 400, shift), seed=0) for shift in (0.0, 0.3))
    assert exact is not None and off is not None
    assert exact.low == 0.0
    assert off.low > off.chance > 0
    assert off.over.low > 0


def test_more_items_narrow_it() -> None:
    few, many = (error_interval(*drawn(2, n, 0.2), seed=0) for n in (200, 20_000))
    assert few is not None and many is not None
    assert many.high - many.low < (few.high - few.low) / 5


def test_ties_count_half_and_other_classes_do_not_matter() -> None:
    even = np.full((50, 2), 0.5)
    found = error_interval(even, np.arange(50) % 2, seed=0)
    assert found is not None and found.over.value == 0.0
    P, gold = drawn(3, 200, 0.1)
    wide = np.column_stack([P[:, 0], (1 - P[:, 0]) / 2, (1 - P[:, 0]) / 2])
    narrow, more = error_interval(P, gold, seed=0), error_interval(wide, gold, seed=0)
    assert narrow == more


def test_without_known_labels_there_is_none() -> None:
    assert error_interval(np.full((3, 2), 0.5), np.full(3, -1), seed=0) is None


def test_one_item() -> None:
    found = error_interval(np.array([[0.9, 0.1]]), np.array([0]), seed=0)
    assert found is not None and 0 <= found.low <= found.high <= 1


def test_the_same_seed_gives_the_same_interval() -> None:
    P, gold = drawn(4, 100, 0.1)
    before = P.copy(), gold.copy()
    assert error_interval(P, gold, seed=7) == error_interval(P, gold, seed=7)
    assert (before[0] == P).all() and (gold == before[1]).all()
