"""The pieces that queues are made of: shares, interleaving, selection, keys, draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.query.draws import draw
from labelkit.query.keys import random_keys
from labelkit.query.selection import top
from labelkit.query.shares import interleave, quotas

names = st.text("abcdefg", min_size=1, max_size=3)
shares = st.dictionaries(names, st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=6).filter(
    lambda given: sum(given.values()) > 1e-6
)


@given(shares, st.integers(0, 200))
def test_quotas_sum_up_and_are_within_one_of_the_share(mix: dict[str, float], total: int) -> None:
    given_places = quotas(mix, total)
    whole = sum(mix.values())
    assert sum(given_places.values()) == total
    assert all(abs(given_places[name] - total * share / whole) < 1 + 1e-6 for name, share in mix.items())


@given(shares, st.integers(0, 200))
def test_quotas_do_not_depend_on_the_order_of_the_mapping(mix: dict[str, float], total: int) -> None:
    assert quotas(dict(reversed(mix.items())), total) == quotas(mix, total)


def test_quotas_by_largest_remainder() -> None:
    assert quotas({"a": 0.5, "b": 0.3, "c": 0.2}, 7) == {"a": 4, "b": 2, "c": 1}
    assert quotas({"audit": 0.1, "tuning": 0.1, "active": 0.8}, 100) == {"audit": 10, "tuning": 10, "active": 80}


@given(st.dictionaries(names, st.integers(0, 40), max_size=5))
def test_every_prefix_has_about_the_right_shares(counts: dict[str, int]) -> None:
    order = interleave(counts)
    total = sum(counts.values())
    assert {name: order.count(name) for name in counts} == counts
    for length in range(1, total + 1):
        for name, count in counts.items():
            assert abs(order[:length].count(name) - length * count / total) <= max(1.0, len(counts) / 2)


@given(
    st.lists(st.integers(0, 5), max_size=60).map(lambda values: np.array(values, dtype=np.float64)), st.integers(0, 70)
)
def test_top_is_what_a_full_sort_gives(utilities: np.ndarray, count: int) -> None:
    keys = random_keys(np.arange(len(utilities)), 4)
    expected = np.lexsort((keys, -utilities))[:count]
    np.testing.assert_array_equal(top(utilities, keys, count), expected)


@pytest.mark.parametrize("values", ["distinct", "few", "mostly level", "rising", "one"])
@pytest.mark.parametrize("count", [1, 100, 700])
def test_top_of_a_large_pool_is_what_a_full_sort_gives(values: str, count: int) -> None:
    rng = np.random.default_rng(0)
    m = 90_000
    utilities = {
        "distinct": rng.random(m),
        "few": rng.integers(0, 5, m).astype(np.float64),
        "mostly level": np.where(rng.random(m) < 0.001, rng.random(m), 0.0),
        "rising": np.arange(m, dtype=np.float64),
        "one": np.zeros(m),
    }[values]
    keys = random_keys(np.arange(m), 4)
    np.testing.assert_array_equal(top(utilities, keys, count), np.lexsort((keys, -utilities))[:count])


def test_keys_are_uniform_and_belong_to_the_item() -> None:
    keys = random_keys(np.arange(200_000), 11)
    assert keys.min() >= 0
    assert keys.max() < 1
    counts = np.histogram(keys, bins=50, range=(0, 1))[0]
    assert ((counts - 4000) ** 2 / 4000).sum() < 95  # chi-squared, 49 degrees of freedom, p about 0.0001
    assert abs(np.corrcoef(keys[:-1], keys[1:])[0, 1]) < 0.01
    rows = np.array([199_999, 5, 77])
    np.testing.assert_array_equal(random_keys(rows, 11), keys[rows])
    assert abs(np.corrcoef(keys, random_keys(np.arange(200_000), 12))[0, 1]) < 0.01


def test_draws_are_uniform_over_the_pool() -> None:
    """Each of 20 items is drawn for the audit about 3/20 of the time, whichever it is."""
    items = np.arange(20) * 7
    hits = np.zeros(20)
    for seed in range(4000):
        drawn = draw(items, {}, {"audit": 3, "tuning": 2}, seed)
        assert {d.probability for d in drawn.chosen["audit"]} == {3 / 20}
        assert {d.probability for d in drawn.chosen["tuning"]} == {2 / 20}
        for d in drawn.chosen["audit"]:
            hits[d.row] += 1
    assert ((hits - 600) ** 2 / (600 * 0.85)).sum() < 50  # 19 degrees of freedom, p about 0.0001


def test_draws_go_on_at_random_when_answered_items_leave() -> None:
    """Item by item from the same seed: the first thirty draws of a sorted file are no walk through it."""
    left, order = np.arange(300), []
    for _ in range(30):
        row = draw(left, {}, {"audit": 1, "tuning": 0}, 5).chosen["audit"][0].row
        order.append(int(left[row]))
        left = np.delete(left, row)
    assert len(set(order)) == 30
    assert np.abs(np.diff(order)).mean() > 50


def test_earlier_draws_come_first_and_nobody_new_is_drawn_for_their_places() -> None:
    items = np.arange(50)
    roles = {3: "audit", 9: "audit", 11: "audit", 20: "tuning", 999: "audit", 30: "training"}
    drawn = draw(items, roles, {"audit": 2, "tuning": 3}, 1)
    assert {d.row for d in drawn.chosen["audit"]} < {3, 9, 11}
    assert [d.probability for d in drawn.chosen["audit"]] == [None, None]
    assert [d.role for d in drawn.waiting] == ["audit"]
    fresh = [d for d in drawn.chosen["tuning"] if d.row != 20]
    assert len(fresh) == 2
    assert drawn.drawable == 45
    assert all(d.probability == 2 / 45 and d.row not in roles for d in fresh)
    assert not drawn.selectable[[3, 9, 11, 20, *(d.row for d in fresh)]].any()
    assert drawn.selectable[30]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_more_places_than_items(count: int) -> None:
    drawn = draw(np.arange(count), {}, {"audit": 10, "tuning": 10}, 0)
    assert len(drawn.chosen["audit"]) + len(drawn.chosen["tuning"]) == count
    assert not drawn.selectable.any()
