"""No near-duplicates in one batch."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.query import Pool, compose_queue
from labelkit.query.nearness import NEAR, NearDuplicates


def pool_of(features: object, end_model: np.ndarray | None = None) -> Pool:
    m = features.shape[0]  # type: ignore[attr-defined]
    level = np.stack([np.linspace(0.5, 0.9, m), 1 - np.linspace(0.5, 0.9, m)], axis=1)
    return Pool(
        items=np.arange(m),
        covered=np.ones(m, dtype=bool),
        label_names=("a", "b"),
        end_model=level if end_model is None else end_model,
        features=features,  # type: ignore[arg-type]
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16), scale=st.sampled_from([0.02, 0.15, 0.3]), dense=st.booleans())
def test_near_is_what_all_cosines_say(seed: int, scale: float, dense: bool) -> None:
    rng = np.random.default_rng(seed)
    kinds = sp.random(6, 100, density=0.1, format="csr", random_state=rng).toarray()
    X = kinds[rng.integers(6, size=40)]
    X = X + scale * rng.standard_normal(X.shape) * (X != 0)
    unit = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-300)
    alike = NearDuplicates(X if dense else sp.csr_matrix(X.astype(np.float64)))
    inside: list[int] = []
    for row in range(40):
        cosines = unit[inside] @ unit[row]
        if inside and np.abs(cosines - NEAR).min() < 1e-9:
            continue
        same = any((X[row] == X[other]).all() for other in inside)
        assert alike.near(row) == bool(same or (len(inside) > 0 and cosines.max() >= NEAR))
        if not alike.near(row):
            alike.add(row)
            inside.append(row)


@pytest.mark.parametrize("dense", [False, True])
def test_the_second_of_a_pair_waits(dense: bool) -> None:
    X = np.eye(100)[:50]
    X[1] = X[0]
    X[3] = X[2] + 0.1 * X[4]
    pool = pool_of(X if dense else sp.csr_matrix(X))
    queue = compose_queue(pool, mix={"margin": 1}, size=10, audit_share=0, tuning_share=0)
    assert [e.item for e in queue.entries] == [0, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert queue.notes == ("2 near-duplicates of items in the queue left for later",)


def test_they_come_back_when_nothing_else_is_left() -> None:
    X = sp.csr_matrix(np.eye(100)[np.arange(30) % 4])
    queue = compose_queue(pool_of(X), mix={"margin": 1}, size=30, audit_share=0, tuning_share=0)
    assert {e.item for e in queue.entries} == set(range(30))
    assert [e.item for e in queue.entries][:4] == [0, 1, 2, 3]
    assert queue.notes == ("the queue holds 26 near-duplicates: too few other items are left",)


def test_drawn_items_count_too() -> None:
    X = np.eye(100)[np.arange(60) % 50]
    queue = compose_queue(pool_of(X), mix={"margin": 1}, size=20, audit_share=0.3, tuning_share=0.2, seed=3)
    active = {e.item % 50 for e in queue.entries if e.role == "active"}
    drawn = {e.item % 50 for e in queue.entries if e.role != "active"}
    assert len(active) == 10
    assert not active & drawn


def test_few_columns_make_equal_rows_near_only() -> None:
    X = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.001], [-0.0, 1.0], [0.0, 1.0]])
    queue = compose_queue(pool_of(X), mix={"margin": 1}, size=3, audit_share=0, tuning_share=0)
    assert [e.item for e in queue.entries] == [0, 2, 3]


def test_a_batch_strategy_is_asked_for_more() -> None:
    rng = np.random.default_rng(0)
    X = sp.csr_matrix(np.repeat(rng.random((40, 100)) * (rng.random((40, 100)) < 0.1), 3, axis=0))
    pool = pool_of(X, rng.dirichlet([1, 1], 120))
    for name in ("badge", "typiclust", "ranked_batch", "coreset"):
        queue = compose_queue(pool, mix={name: 0.5, "margin": 0.5}, size=30, audit_share=0, tuning_share=0)
        assert len({e.item // 3 for e in queue.entries}) == 30, name


def test_a_large_pool_of_one_text_ends() -> None:
    X = sp.csr_matrix(np.ones((20_000, 1)) @ np.eye(100)[:1])
    queue = compose_queue(pool_of(X), mix={"margin": 0.5, "random": 0.5}, size=50)
    assert len(queue.entries) == 50
