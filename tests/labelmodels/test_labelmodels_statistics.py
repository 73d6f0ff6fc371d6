"""Distinct rows and co-occurrences: fast ways equal to plain ones, shards equal to the whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelkit.errors import LabelModelError
from labelkit.labelmodels import VoteStatistics
from labelkit.labelmodels import cooccurrence as module
from labelkit.labelmodels import patterns as pattern_module
from labelkit.labelmodels import statistics as statistics_module
from labelkit.labelmodels.patterns import Words, distinct_patterns, few_patterns


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


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
@given(label_matrices(), st.integers(1, 12), st.integers(0, 40), st.integers(1, 30), st.integers(1, 15), st.data())
def test_exact_patterns_do_not_depend_on_the_grouping(
    matrix: tuple[npt.NDArray[np.int8], int], most: int, keep: int, cut: int, size: int, data: st.DataObject
) -> None:
    L, k = matrix
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics_module, "MOST_PATTERNS", most)
        parts = in_shards(L, k, size, keep=keep + 1)
        merged = VoteStatistics.merge(parts)
        held = list(parts)
        while len(held) > 1:
            at = data.draw(st.integers(0, len(held) - 2))
            held[at : at + 2] = [VoteStatistics.merge(held[at : at + 2])]
        assert same(held[0], merged)
        stored = VoteStatistics.from_arrays(merged.to_arrays())
    voted = L[(L != -1).any(axis=1)]
    distinct = list(dict.fromkeys(map(tuple, voted.tolist())))
    assert merged.exact == (merged.sample.complete or len(distinct) <= most)
    assert stored.exact == merged.exact
    if merged.exact:
        assert [tuple(row) for row in stored.patterns.tolist()] == distinct
        assert stored.counts.tolist() == [int((voted == row).all(axis=1).sum()) for row in np.array(distinct)]
    else:
        assert set(map(tuple, merged.patterns.tolist())) <= set(distinct)


def test_few_patterns_of_many_rows_are_exact() -> None:
    L = votes(120_000, 6, 2, 0.5)
    whole = VoteStatistics.from_votes(L, 2)
    assert whole.exact
    assert not whole.sample.complete
    voted = (L != -1).any(axis=1)
    assert int(whole.counts.sum()) == int(voted.sum())
    rows, first, counts = np.unique(L[voted], axis=0, return_index=True, return_counts=True)
    order = np.argsort(first)
    np.testing.assert_array_equal(whole.patterns, rows[order])
    np.testing.assert_array_equal(whole.counts, counts[order])
    assert same(whole, VoteStatistics.merge(in_shards(L, 2, 40_000)))


def test_too_many_patterns_fall_back_on_the_sample() -> None:
    L = votes(130_000, 30, 3, 0.5)
    whole = VoteStatistics.from_votes(L, 3)
    assert not whole.exact
    assert "pattern_rows" not in whole.to_arrays()
    assert int(whole.counts.sum()) == len(whole.sample.rows)


@settings(deadline=None)
@given(label_matrices(), st.integers(0, 12), st.booleans())
def test_both_ways_to_count_rows_agree(matrix: tuple[npt.NDArray[np.int8], int], most: int, by_number: bool) -> None:
    L, _ = matrix
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pattern_module, "_FEW_NUMBERS", 1 << 20 if by_number else 0)
        patch.setattr(pattern_module, "SHARD_SIZE", 7)
        found = few_patterns(L, most)
    voted = L[(L != -1).any(axis=1)]
    distinct = list(dict.fromkeys(map(tuple, voted.tolist())))
    if found is None:
        assert len(distinct) > most
    else:
        assert [tuple(row) for row in found.rows.tolist()] == distinct
        assert found.counts.sum() == len(voted)


def test_patterns_of_wide_matrices_take_no_more_memory() -> None:
    assert statistics_module.most_patterns(10, 2) == 50_000
    assert statistics_module.most_patterns(5_000, 2) == 13_421
    assert statistics_module.most_patterns(5_000, 1_000) == 6_710


def test_wide_matrices_go_without_pairs() -> None:
    L = votes(20, 90, 2, 0.5)
    found = VoteStatistics.from_votes(L, 200)
    assert found.pairs is None
    assert found.vote_counts.shape == (90, 200)
    np.testing.assert_array_equal(found.vote_counts[:, :2], [[(c == 0).sum(), (c == 1).sum()] for c in L.T])
    with pytest.raises(LabelModelError, match="90 labeling functions × 200 classes hold no co-occurrences: more than"):
        _ = found.cooccurrence
    again = VoteStatistics.from_arrays(VoteStatistics.merge([found, found]).to_arrays())
    assert again.pairs is None
    np.testing.assert_array_equal(again.vote_counts, 2 * found.vote_counts)


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
