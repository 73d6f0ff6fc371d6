"""Distinct rows and co-occurrences: fast ways equal to plain ones, shards equal to the whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelkit.errors import LabelModelError
from labelkit.labelmodels import VoteStatistics
from labelkit.labelmodels import cooccurrence as module
from labelkit.labelmodels.patterns import Words, distinct_patterns


@st.composite
def label_matrices(draw: st.DrawFn) -> tuple[npt.NDArray[np.int8], int]:
    k = draw(st.integers(2, 4))
    shape = draw(st.tuples(st.integers(1, 40), st.integers(1, 20)))
    return draw(hnp.arrays(np.int8, shape, elements=st.integers(-1, k - 1))), k


def one_hot_product(L: npt.NDArray[np.int8], k: int) -> npt.NDArray[np.int64]:
    A = np.stack([np.equal(L, c) for c in range(k)], axis=2).reshape(len(L), -1).astype(np.int64)
    return A.T @ A


def all_alike(words: Words) -> Words:
    return np.zeros(len(words), dtype=np.uint64)


@given(label_matrices(), st.booleans())
def test_patterns_are_the_distinct_rows_in_order_of_appearance(
    matrix: tuple[npt.NDArray[np.int8], int], colliding: bool
) -> None:
    L, _ = matrix
    found = distinct_patterns(L, hasher=all_alike) if colliding else distinct_patterns(L)
    assert [tuple(row) for row in found.rows.tolist()] == list(dict.fromkeys(map(tuple, L.tolist())))
    np.testing.assert_array_equal(found.rows[found.inverse], L)
    np.testing.assert_array_equal(found.counts, np.bincount(found.inverse))


def test_patterns_of_nothing() -> None:
    assert distinct_patterns(np.zeros((0, 3), np.int8)).rows.shape == (0, 3)
    none = distinct_patterns(np.zeros((5, 0), np.int8))
    assert none.counts.tolist() == [5]
    assert none.inverse.tolist() == [0] * 5


def test_wide_rows_that_differ_in_one_vote_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(-1, 2, 300).astype(np.int16)
    L = np.tile(base, (301, 1))
    L[np.arange(300), np.arange(300)] += 1
    assert len(distinct_patterns(L).rows) == 301


def in_shards(L: npt.NDArray[np.int8], k: int, size: int, **options: int) -> list[VoteStatistics]:
    starts = range(0, len(L), size)
    return [VoteStatistics.from_votes(L[start : start + size], k, start, **options) for start in starts]


def same(one: VoteStatistics, other: VoteStatistics) -> bool:
    ours, theirs = one.to_arrays(), other.to_arrays()
    return all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


@given(label_matrices(), st.integers(1, 50))
def test_statistics_are_exact_in_any_shards(matrix: tuple[npt.NDArray[np.int8], int], shard_size: int) -> None:
    L, k = matrix
    found = VoteStatistics.merge(in_shards(L, k, shard_size))
    np.testing.assert_array_equal(found.cooccurrence, one_hot_product(L, k))
    assert found.overlaps.tobytes() == (one_hot_product(L, k).astype(float) / len(L)).tobytes()
    np.testing.assert_array_equal(found.coverage, (L != -1).mean(axis=0))
    assert same(found, VoteStatistics.from_votes(L, k))
    assert (found.n, found.m, found.cardinality) == (*L.shape, k)
    voted = L[(L != -1).any(axis=1)]
    assert [tuple(row) for row in found.patterns.tolist()] == list(dict.fromkeys(map(tuple, voted.tolist())))
    assert found.counts.sum() == len(voted)


@given(label_matrices(), label_matrices())
def test_merging_two_is_stacking_their_matrices(
    first: tuple[npt.NDArray[np.int8], int], second: tuple[npt.NDArray[np.int8], int]
) -> None:
    k = max(first[1], second[1])
    m = min(first[0].shape[1], second[0].shape[1])
    parts = [first[0][:, :m], second[0][:, :m]]
    merged = VoteStatistics.merge(VoteStatistics.from_votes(part, k) for part in parts)
    whole = VoteStatistics.from_votes(np.concatenate(parts), k)
    assert merged.n == whole.n
    for name in ("patterns", "counts", "cooccurrence"):
        np.testing.assert_array_equal(getattr(merged, name), getattr(whole, name))


def votes(n: int, m: int, k: int, cover: float, seed: int = 0) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    L = rng.integers(0, k, (n, m), dtype=np.int8)
    L[rng.random((n, m)) >= cover] = -1
    return L


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("m", "k", "cover"), [(7, 2, 0.5), (30, 3, 0.02), (3, 150, 0.5)])
def test_neither_threads_nor_memory_layout_change_anything(m: int, k: int, cover: float, order: str) -> None:
    L = votes(80_000, m, min(k, 127), cover).astype(np.int8 if k < 128 else np.int16)
    alone = VoteStatistics.from_votes(L, k, threads=1)
    assert same(alone, VoteStatistics.from_votes(np.array(L, order=order), k, threads=3))  # type: ignore[call-overload]
    np.testing.assert_array_equal(alone.vote_counts, [np.bincount(column[column >= 0], minlength=k) for column in L.T])
    assert alone.cooccurrence[0, k] == ((L[:, 0] == 0) & (L[:, 1] == 0)).sum()


@pytest.mark.parametrize("cover", [0.5, 0.01])
def test_both_products_are_exact(cover: float) -> None:
    L = votes(3000, 12, 3, cover)
    np.testing.assert_array_equal(module._dense_product(L, 3), one_hot_product(L, 3))
    np.testing.assert_array_equal(module._sparse_product(L, 3), one_hot_product(L, 3))
    assert module._mostly_abstains(votes(3000, 100, 3, 0.01), 3)
    assert not module._mostly_abstains(votes(3000, 100, 3, 0.5), 3)


def test_arrays_hold_everything() -> None:
    found = VoteStatistics.from_votes(votes(500, 5, 2, 0.3), 2, keep=50)
    again = VoteStatistics.from_arrays(found.to_arrays())
    assert same(found, again)
    assert (again.n, again.m, again.cardinality, again.sample.limit) == (500, 5, 2, found.sample.limit)
    arrays = found.to_arrays()
    with pytest.raises(LabelModelError, match="incomplete: 'sample_keys'"):
        VoteStatistics.from_arrays({name: array for name, array in arrays.items() if name != "sample_keys"})
    with pytest.raises(LabelModelError, match="of 5 functions and 2 classes have arrays of"):
        VoteStatistics.from_arrays({**arrays, "sample_rows": arrays["sample_rows"][1:]})


def test_statistics_that_do_not_fit_are_not_merged() -> None:
    parts = [VoteStatistics.from_votes(np.zeros((2, m), np.int8), 2) for m in (3, 4)]
    with pytest.raises(LabelModelError, match="4 functions and 2 classes cannot be added to those of 3"):
        VoteStatistics.merge(parts)
    with pytest.raises(LabelModelError, match="no vote statistics"):
        VoteStatistics.merge([])


def test_input_is_left_untouched() -> None:
    L = np.random.default_rng(1).integers(-1, 3, (100, 11)).astype(np.int8)
    L.setflags(write=False)
    VoteStatistics.from_votes(L, 3)
