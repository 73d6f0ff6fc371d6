"""The sample of rows: bounded, uniform, the same however the rows were cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from labelkit.labelmodels.sample import VoteSample, row_keys


def numbered(n: int) -> npt.NDArray[np.int16]:
    """Rows that tell their number; every fifth abstains."""
    L = np.stack([np.arange(n), np.arange(n) // 2], axis=1).astype(np.int16)
    L[::5] = -1
    return L


def same(one: VoteSample, other: VoteSample) -> bool:
    return (
        one.limit == other.limit
        and one.keys.tobytes() == other.keys.tobytes()
        and one.rows.tobytes() == other.rows.tobytes()
    )


@given(st.integers(0, 300), st.lists(st.integers(0, 300), max_size=4), st.integers(1, 120), st.integers(0, 3))
def test_samples_of_parts_make_the_sample_of_the_whole(n: int, cuts: list[int], size: int, seed: int) -> None:
    L = numbered(n)
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    parts = [VoteSample.of_rows(L[a:b], first_row=a, seed=seed, size=size) for a, b in pairwise(edges)]
    whole = VoteSample.of_rows(L, seed=seed, size=size)
    assert same(VoteSample.merge(parts, size=size), whole)
    left, right = VoteSample.merge(parts[:1], size=size), VoteSample.merge(parts[1:] or parts, size=size)
    if len(parts) > 1:
        assert same(VoteSample.merge([left, right], size=size), whole)
    voted = np.flatnonzero((L != -1).any(axis=1))
    keys = row_keys(0, n, seed)[voted]
    nearest = voted[np.sort(np.argsort(keys)[:size])]
    np.testing.assert_array_equal(whole.rows, L[nearest])


def test_everything_is_kept_while_it_fits() -> None:
    sample = VoteSample.of_rows(numbered(100), size=80)
    assert len(sample.rows) == 80
    assert sample.limit == 2**64 - 1


def test_smaller_samples_of_shards_make_a_uniform_sample() -> None:
    L, size = numbered(100_000 // 4), 2_000
    parts = [VoteSample.of_rows(L, first_row=shard * len(L), size=size) for shard in range(4)]
    merged = VoteSample.merge(parts, size=10_000)
    assert 0.8 * 4 * size < len(merged.rows) <= 4 * size
    assert merged.limit == min(part.limit for part in parts)
    assert abs(merged.rows[:, 0].mean() / L[L[:, 0] >= 0, 0].mean() - 1) < 0.05


def test_keys_depend_on_number_and_seed_alone() -> None:
    keys = row_keys(0, 10_000, 7)
    assert keys[5_000:].tobytes() == row_keys(5_000, 10_000, 7).tobytes()
    assert len(np.unique(keys)) == 10_000
    assert not np.intersect1d(keys, row_keys(0, 10_000, 8)).size
    assert abs(float((keys / 2.0**64).mean()) - 0.5) < 0.02
