"""What every registered query strategy has to keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import registry
from labelkit.query import Answers, BatchStrategy, Labelled, Pool, PoolPart, QueryStrategy, compose_queue, strategy

NAMES = registry.names("query_strategies")
FUNCTIONS, COLUMNS = 4, 90
# What these say of an item depends on the others in the pool, by design.
RELATIVE = {"density", "activelab", "patterns", "auto"}


def make_pool(m: int, k: int = 3, *, seed: int = 0, members: int = 4, answered: int = 6, dense: bool = False) -> Pool:
    rng = np.random.default_rng(seed)
    votes = rng.integers(-1, k, (m, FUNCTIONS)).astype(np.int8)
    votes[rng.random(m) < 0.4] = -1
    items = np.arange(m) * 3 + 10
    return Pool(
        items=items,
        covered=(votes >= 0).any(axis=1),
        label_names=tuple(f"class{c}" for c in range(k)),
        end_model=rng.dirichlet(np.ones(k), m).astype(np.float32),
        label_model=rng.dirichlet(np.ones(k), m),
        committee=rng.dirichlet(np.ones(k), (members, m)).astype(np.float32),
        features=_features(rng, m, dense),
        votes=votes,
        labelled=Labelled(
            labels=rng.integers(0, k, answered),
            features=_features(rng, answered, dense),
            votes=rng.integers(-1, k, (answered, FUNCTIONS)),
        ),
        answers=Answers(
            items=rng.choice(np.append(items, [1, 2]), 2 * answered),
            annotators=rng.integers(0, 3, 2 * answered),
            labels=rng.integers(0, k, 2 * answered),
        ),
    )


def _features(rng: np.random.Generator, m: int, dense: bool) -> Any:
    if dense:
        return rng.standard_normal((m, 8)).astype(np.float32)
    return sp.random(m, COLUMNS, density=0.1, format="csr", dtype=np.float32, random_state=rng)


def same(one: Any, other: Any) -> None:
    if sp.issparse(one):
        assert (one != other).nnz == 0
    elif isinstance(one, (Labelled, Answers)):
        for name in vars(one):
            same(getattr(one, name), getattr(other, name))
    else:
        np.testing.assert_array_equal(one, other)


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> QueryStrategy:
    return strategy(request.param)


def test_is_a_strategy_of_its_name(each: QueryStrategy, request: pytest.FixtureRequest) -> None:
    assert isinstance(each, QueryStrategy)
    assert each.name == request.node.callspec.params["each"]
    assert each.needs <= set(get_args(PoolPart))
    assert getattr(each, "wants", frozenset()) <= set(get_args(PoolPart))


@settings(max_examples=12, deadline=None)
@given(m=st.integers(0, 40), k=st.integers(2, 6), seed=st.integers(0, 99), dense=st.booleans())
@pytest.mark.parametrize("name", NAMES)
def test_utilities_are_finite_seeded_and_one_per_item(name: str, m: int, k: int, seed: int, dense: bool) -> None:
    pool = make_pool(m, k, seed=seed, dense=dense)
    scores = strategy(name).utilities(pool, np.random.default_rng(seed))
    assert scores.shape == (m,)
    assert scores.dtype == np.float64
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, strategy(name).utilities(pool, np.random.default_rng(seed)))


def test_an_items_utility_does_not_depend_on_its_neighbours(each: QueryStrategy) -> None:
    if isinstance(each, BatchStrategy) or each.name in RELATIVE:
        pytest.skip("looks at the pool as a whole")
    pool = make_pool(50)
    rows = np.random.default_rng(1).permutation(50)[:20]
    whole = each.utilities(pool, np.random.default_rng(5))
    np.testing.assert_allclose(each.utilities(pool.take(rows), np.random.default_rng(5)), whole[rows], atol=1e-12)


def test_the_pool_is_left_untouched(each: QueryStrategy) -> None:
    pool, again = make_pool(30), make_pool(30)
    each.utilities(pool, np.random.default_rng(0))
    compose_queue(pool, mix={each.name: 1.0}, size=20)
    for name in (*get_args(PoolPart), "items", "covered"):
        same(getattr(pool, name), getattr(again, name))


def test_global_random_state_is_left_alone(each: QueryStrategy) -> None:
    before = np.random.get_state()[1].copy()  # type: ignore[index]
    each.utilities(make_pool(30), np.random.default_rng(0))
    compose_queue(make_pool(30), mix={each.name: 1.0}, size=20)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]


def test_reasons_are_one_line_in_words(each: QueryStrategy) -> None:
    pool = make_pool(20)
    told = [each.reason(pool, i) for i in range(20)]
    told += [e.reason for e in compose_queue(pool, mix={each.name: 1.0}, size=20).entries]
    for reason in told:
        assert reason == reason.strip()
        assert len(reason) > 15
        assert "\n" not in reason
        assert not reason.endswith(".")
        assert "nan" not in reason.split()
        assert "inf" not in reason.split()


def test_makes_a_queue_by_itself_best_first(each: QueryStrategy) -> None:
    queue = compose_queue(make_pool(60), mix={each.name: 1.0}, size=20, seed=3)
    assert [e.rank for e in queue.entries] == list(range(1, 21))
    assert len({e.item for e in queue.entries}) == 20
    active = [e for e in queue.entries if e.role == "active"]
    assert {e.strategy for e in active} == {each.name}
    if not isinstance(each, BatchStrategy):
        assert [e.utility for e in active] == sorted((e.utility for e in active), reverse=True)


def test_a_batch_is_distinct_seeded_and_from_the_candidates(each: QueryStrategy) -> None:
    if not isinstance(each, BatchStrategy):
        pytest.skip("scores items one by one")
    pool = make_pool(50)
    candidates = np.arange(3, 50, 2)
    for count in (1, 7, len(candidates)):
        chosen, again = (
            strategy(each.name).select(pool, candidates, count, np.random.default_rng(2))  # type: ignore[attr-defined]
            for _ in range(2)
        )
        rows, repeated = (getattr(c, "rows", c) for c in (chosen, again))
        assert len(set(rows.tolist())) == len(rows) == count
        assert set(rows.tolist()) <= set(candidates.tolist())
        np.testing.assert_array_equal(rows, repeated)


@pytest.mark.parametrize("dense", [False, True])
def test_the_order_of_the_items_does_not_matter(each: QueryStrategy, dense: bool) -> None:
    pool = make_pool(80, dense=dense)
    shuffled = pool.take(np.random.default_rng(4).permutation(80))
    one, two = (compose_queue(p, mix={each.name: 1.0}, size=30, seed=2) for p in (pool, shuffled))
    assert [e.item for e in one.entries] == [e.item for e in two.entries]
    assert one == two


def _nobody(pool: Pool) -> Pool:
    none = np.zeros(0, dtype=np.int64)
    assert pool.features is not None
    empty = Labelled(none, pool.features[:0], np.zeros((0, FUNCTIONS), dtype=np.int64))
    return replace(pool, labelled=empty, answers=Answers(none, none, none))


def _one_class(pool: Pool) -> Pool:
    assert pool.labelled is not None
    assert pool.answers is not None
    return replace(
        pool,
        labelled=replace(pool.labelled, labels=np.zeros_like(pool.labelled.labels)),
        answers=replace(pool.answers, labels=np.zeros_like(pool.answers.labels)),
    )


def _identical(pool: Pool) -> Pool:
    return replace(pool.take(np.zeros(len(pool), dtype=np.int64)[:1].repeat(1)), answers=None) if not len(pool) else (
        Pool(
            items=pool.items,
            covered=pool.covered[:1].repeat(len(pool)),
            label_names=pool.label_names,
            **{
                name: getattr(pool, name)[np.zeros(len(pool), dtype=np.int64)]
                for name in ("end_model", "label_model", "features", "votes")
            },
            committee=pool.committee[:, np.zeros(len(pool), dtype=np.int64)],  # type: ignore[index]
            labelled=pool.labelled,
        )
    )  # fmt: skip


def _blank(pool: Pool) -> Pool:
    assert pool.features is not None
    return replace(pool, features=pool.features * 0)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("change", [_nobody, _one_class, _identical, _blank, lambda pool: replace(pool, labelled=None)])
def test_pools_of_every_kind_fill_the_queue(each: QueryStrategy, change: Any, dense: bool) -> None:
    pool = change(make_pool(40, dense=dense))
    first, again = (compose_queue(pool, mix={each.name: 1.0}, size=25, seed=1) for _ in range(2))
    assert len({e.item for e in first.entries}) == 25
    assert first == again


@pytest.mark.parametrize("m", [0, 1, 2, 3, 7])
def test_small_and_empty_pools(each: QueryStrategy, m: int) -> None:
    for pool in (make_pool(m), make_pool(m, dense=True), _nobody(make_pool(m))):
        queue = compose_queue(pool, mix={each.name: 1.0}, size=25, audit_share=0, tuning_share=0)
        assert {e.item for e in queue.entries} == set(pool.items.tolist())


def test_drawn_items_are_not_chosen(each: QueryStrategy) -> None:
    pool = make_pool(40)
    roles = {int(item): "audit" for item in pool.items[::2]}
    queue = compose_queue(pool, mix={each.name: 1.0}, size=30, audit_share=0, tuning_share=0, roles=roles)
    assert not {e.item for e in queue.entries if e.role == "active"} & set(roles)
