"""What every registered query strategy has to keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import registry
from labelkit.query import Pool, QueryStrategy, compose_queue, strategy

NAMES = registry.names("query_strategies")


def make_pool(m: int, k: int = 3, *, seed: int = 0, members: int = 4) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        items=np.arange(m) * 3 + 10,
        covered=rng.random(m) < 0.6,
        label_names=tuple(f"class{c}" for c in range(k)),
        end_model=rng.dirichlet(np.ones(k), m).astype(np.float32),
        label_model=rng.dirichlet(np.ones(k), m),
        committee=rng.dirichlet(np.ones(k), (members, m)).astype(np.float32),
    )


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> QueryStrategy:
    return strategy(request.param)


def test_is_a_strategy_of_its_name(each: QueryStrategy, request: pytest.FixtureRequest) -> None:
    assert isinstance(each, QueryStrategy)
    assert each.name == request.node.callspec.params["each"]
    assert each.needs <= {"end_model", "label_model", "committee"}


@settings(max_examples=15, deadline=None)
@given(m=st.integers(0, 40), k=st.integers(2, 6), seed=st.integers(0, 99))
@pytest.mark.parametrize("name", NAMES)
def test_utilities_are_finite_seeded_and_one_per_item(name: str, m: int, k: int, seed: int) -> None:
    pool = make_pool(m, k, seed=seed)
    scores = strategy(name).utilities(pool, np.random.default_rng(seed))
    assert scores.shape == (m,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, strategy(name).utilities(pool, np.random.default_rng(seed)))


def test_an_items_utility_does_not_depend_on_its_neighbours(each: QueryStrategy) -> None:
    pool = make_pool(50)
    rows = np.random.default_rng(1).permutation(50)[:20]
    whole = each.utilities(pool, np.random.default_rng(5))
    np.testing.assert_allclose(each.utilities(pool.take(rows), np.random.default_rng(5)), whole[rows], atol=1e-12)


def test_the_pool_is_left_untouched(each: QueryStrategy) -> None:
    pool, same = make_pool(30), make_pool(30)
    each.utilities(pool, np.random.default_rng(0))
    for part in ("items", "covered", "end_model", "label_model", "committee"):
        np.testing.assert_array_equal(getattr(pool, part), getattr(same, part))


def test_global_random_state_is_left_alone(each: QueryStrategy) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    each.utilities(make_pool(30), np.random.default_rng(0))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]


def test_reasons_are_one_line_in_words(each: QueryStrategy) -> None:
    pool = make_pool(20)
    for i in range(20):
        reason = each.reason(pool, i)
        assert reason == reason.strip()
        assert len(reason) > 15
        assert "\n" not in reason
        assert not reason.endswith(".")
        assert "nan" not in reason


def test_makes_a_queue_by_itself(each: QueryStrategy) -> None:
    queue = compose_queue(make_pool(40), mix={each.name: 1.0}, size=20, seed=3)
    assert [e.rank for e in queue.entries] == list(range(1, 21))
    assert {e.strategy for e in queue.entries if e.role == "active"} == {each.name}
