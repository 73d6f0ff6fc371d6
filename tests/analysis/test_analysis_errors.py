"""The diagnosis of functions: buckets as Snorkel's, and every count as counted one item at a time."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.analysis.buckets import decision_buckets, vote_buckets
from labelkit.analysis.conflicts import costly_conflicts
from labelkit.analysis.errors import function_errors
from labelkit.analysis.leave_one_out import contained_in, leave_one_out
from labelkit.analysis.voted_items import VotedItems

K = 3
CLASSES = ("a", "b", "c")
Matrix = npt.NDArray[np.int8]


def majority(L: Matrix) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    counts = np.stack([(c == L).sum(axis=1) for c in range(K)], axis=1)
    top = counts == counts.max(axis=1, keepdims=True)
    shares = top / top.sum(axis=1, keepdims=True)
    return shares, np.where(top.sum(axis=1) == 1, counts.argmax(axis=1), -1)


def made(L: Matrix, known: npt.NDArray[Any], shown: npt.NDArray[np.bool_] | None = None) -> VotedItems:
    shares, decided = majority(L)
    return VotedItems(
        L=L,
        decided=decided,
        uncertainty=1 - shares.max(axis=1),
        known=known,
        shown=np.ones(len(L), dtype=bool) if shown is None else shown,
        names=[f"f{j}" for j in range(L.shape[1])],
        class_names=CLASSES,
        ids=lambda rows: [f"i{row}" for row in rows],
    )


@st.composite
def voted(draw: st.DrawFn) -> VotedItems:
    n, m = draw(st.integers(1, 30)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    L = np.where(rng.random((n, m)) < draw(st.sampled_from([0.2, 0.8])), rng.integers(0, K, (n, m)), -1)
    known = np.where(rng.random(n) < 0.7, rng.integers(0, K, n), -1)
    return made(L.astype(np.int8), known, rng.random(n) < 0.8)


@settings(deadline=None, max_examples=60)
@given(voted())
def test_buckets_are_those_of_snorkels_error_analysis(items: VotedItems) -> None:
    from snorkel.analysis import get_label_buckets

    rows = items.known_rows
    for j in range(items.L.shape[1]):
        ours = {(b.gold, b.vote): b for b in vote_buckets(items, j, examples=100)}
        if not len(rows):
            assert not ours
            continue
        theirs = get_label_buckets(items.known[rows], items.L[rows, j].astype(int))
        assert {(CLASSES[g], None if v < 0 else CLASSES[v]): len(found) for (g, v), found in theirs.items()} == {
            key: bucket.items for key, bucket in ours.items()
        }
        for (g, v), found in theirs.items():
            shown = {f"i{row}" for row in rows[found] if items.shown[row]}
            assert set(ours[CLASSES[g], None if v < 0 else CLASSES[v]].examples) == shown


@settings(deadline=None, max_examples=60)
@given(voted())
def test_decisions_are_counted_item_by_item(items: VotedItems) -> None:
    expected: dict[tuple[str, str | None, bool], list[int]] = defaultdict(list)
    for row in items.known_rows:
        label = None if items.decided[row] < 0 else CLASSES[items.decided[row]]
        expected[CLASSES[items.known[row]], label, bool((items.L[row] >= 0).any())].append(row)
    found = decision_buckets(items, examples=2)
    assert {(b.gold, b.label, b.covered): b.items for b in found} == {k: len(v) for k, v in expected.items()}
    for bucket in found:
        rows = expected[bucket.gold, bucket.label, bucket.covered]
        for name, votes in bucket.voters:
            column = items.L[rows, items.names.index(name)]
            assert bucket.label is not None
            assert votes == (column == CLASSES.index(bucket.label)).sum() > 0


@settings(deadline=None, max_examples=60)
@given(voted())
def test_leaving_a_function_out_is_deciding_again_without_its_votes(items: VotedItems) -> None:
    L, known = items.L, items.known
    rows = items.known_rows
    patterns, inverse, counts = np.unique(L, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    found = leave_one_out(patterns, counts, majority, known_pattern=inverse[rows], known=known[rows])
    for j, influence in enumerate(found):
        without = L.copy()
        without[:, j] = -1
        shares, decided = majority(without)
        right, after = items.decided[rows] == known[rows], decided[rows] == known[rows]
        assert influence.changed == int((decided != items.decided).sum())
        assert (influence.helped, influence.hurt) == (int((right & ~after).sum()), int((after & ~right).sum()))
        both = (L[:, j] >= 0) & (without >= 0).any(axis=1)
        assert influence.others_items == int(both.sum())
        if both.any():
            assert influence.others == pytest.approx(shares[both, L[both, j]].mean())
            covered = (L >= 0).any(axis=1)
            balance = majority(L[covered])[0].mean(axis=0)
            assert influence.others_by_chance == pytest.approx(balance[L[both, j]].mean())


@settings(deadline=None, max_examples=60)
@given(voted())
def test_conflicts_are_counted_item_by_item(items: VotedItems) -> None:
    rows = np.flatnonzero(items.shown)
    m = items.L.shape[1]
    cost: dict[tuple[int, int, int, int], float] = defaultdict(float)
    for row in rows:
        for a in range(m):
            for b in range(a + 1, m):
                one, two = int(items.L[row, a]), int(items.L[row, b])
                if min(one, two) >= 0 and one != two:
                    cost[a, one, b, two] += items.cost[row]
    found = costly_conflicts(items, rows, limit=1000, examples=2)
    keys = [(int(c.function[1:]), CLASSES.index(c.vote), int(c.other[1:]), CLASSES.index(c.other_vote)) for c in found]
    assert {key for key, total in cost.items() if total > 0} == set(keys)
    assert [c.cost for c in found] == pytest.approx(sorted((t for t in cost.values() if t > 0), reverse=True))
    for (a, one, b, two), conflict in zip(keys, found, strict=True):
        assert conflict.cost == pytest.approx(cost[a, one, b, two])
        truth = items.known[(items.L[:, a] == one) & (items.L[:, b] == two) & (items.known >= 0)]
        assert conflict.right.n == conflict.other_right.n == len(truth)
        if len(truth):
            assert conflict.right.value == pytest.approx((truth == one).mean())
            assert conflict.other_right.value == pytest.approx((truth == two).mean())
        of_one = costly_conflicts(items, rows, limit=1000, examples=2, function=b)
        assert {(c.function, c.other) for c in of_one} >= {(f"f{b}", f"f{a}")}
        assert all(c.function == f"f{b}" for c in of_one)


def test_very_many_pairs_are_ranked_by_a_part_but_counted_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    L = np.tile(np.array([[0, 1, -1], [0, -1, 1]], np.int8), (50, 1))
    items = made(L, np.full(100, -1))
    monkeypatch.setattr("labelkit.analysis.conflicts._PAIRS_COUNTED", 40)
    found = costly_conflicts(items, np.arange(100), limit=5, examples=1, seed=3)
    assert {(c.function, c.other): (c.items, c.cost) for c in found} == {("f0", "f1"): (50, 25), ("f0", "f2"): (50, 25)}


@settings(deadline=None, max_examples=60)
@given(voted())
def test_contained_functions_always_agree(items: VotedItems) -> None:
    L = items.L
    found = contained_in(L)
    for j, others in enumerate(found):
        on = L[:, j] >= 0
        same = {b for b in range(L.shape[1]) if b != j and on.any() and (L[on, b] == L[on, j]).all()}
        twins = {b for b in same if b > j and (L[:, b] == L[:, j]).all()}
        assert set(others) == same - twins


def test_cost_is_one_where_the_label_is_known_to_be_wrong() -> None:
    L = np.array([[0, 0], [0, 0], [0, 1], [0, 1], [-1, -1]], np.int8)
    items = made(L, np.array([0, 1, -1, 0, -1]))
    assert items.cost.tolist()[:4] == [0.0, 1.0, 0.5, 0.5]
    assert items.examples(np.arange(4), 2) == ("i1", "i2")


def test_accuracy_chance_and_examples_of_one_function() -> None:
    L = np.array([[0, 1], [0, -1], [0, 0], [1, 1], [-1, 1]], np.int8)
    items = made(L, np.array([1, 1, 0, 1, -1]), np.array([True, True, True, True, False]))
    influences = leave_one_out(L, np.ones(5), majority, known_pattern=np.arange(4), known=items.known[:4])
    first, second = function_errors(
        items, np.arange(4), influences, influences, contained_in(L), examples=3, abstained=False
    )
    assert (first.accuracy.value, first.accuracy.n, first.votes) == (0.5, 4, 4)
    assert first.chance == pytest.approx((0.25 * 3 + 0.75) / 4)  # three votes for a (1 of 4), one for b
    assert first.wrong == ("i1", "i0")  # i1 is labeled wrong, i0 undecided
    assert (second.votes, second.votes_anywhere) == (3, True)
    assert all(bucket.vote is not None for bucket in (*first.buckets, *second.buckets))
    only = function_errors(items, np.arange(4), influences, influences, contained_in(L), examples=3, only=1)
    assert [f.name for f in only] == ["f1"]
    assert {(b.gold, b.vote): b.examples for b in only[0].buckets}["b", None] == ("i1",)


def test_lengths_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="label matrix of 2 × 1"):
        made(np.zeros((2, 1), np.int8), np.array([0]))


def test_no_items_give_no_findings() -> None:
    items = made(np.zeros((0, 2), np.int8), np.zeros(0, np.int64))
    none = np.empty(0, dtype=np.intp)
    assert decision_buckets(items, examples=3) == ()
    assert costly_conflicts(items, none, limit=3, examples=3) == ()
    found = leave_one_out(items.L, np.zeros(0), majority, known_pattern=none, known=none)
    (first, _) = function_errors(items, none, found, found, contained_in(items.L), examples=3)
    assert (first.votes, first.votes_anywhere, first.changed, first.accuracy.n) == (0, False, 0, 0)
