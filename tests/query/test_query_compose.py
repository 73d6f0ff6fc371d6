"""Queues: who is in them, in which order, and what they say when something is wrong."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelkitError, QueryError
from labelkit.query import Pool, compose, compose_queue, needs
from labelkit.query.random import Random
from labelkit.types import FloatArray

MIX = {"margin": 0.5, "disagreement": 0.3, "uncovered": 0.2}


def make_pool(m: int, k: int = 3, *, seed: int = 0) -> Pool:
    rng = np.random.default_rng(seed)
    return Pool(
        items=np.arange(m) * 2,
        covered=rng.random(m) < 0.7,
        label_names=("billing", "bug", "praise", "access", "feature")[:k],
        end_model=rng.dirichlet(np.ones(k), m).astype(np.float32),
        label_model=rng.dirichlet(np.ones(k), m),
    )


@settings(max_examples=40, deadline=None)
@given(
    m=st.integers(1, 60),
    size=st.integers(1, 80),
    audit=st.floats(0, 0.5),
    tuning=st.floats(0, 0.5),
    seed=st.integers(0, 5),
    drawn=st.lists(st.integers(0, 59), max_size=30, unique=True),
)
def test_full_without_repeats_ranked_and_roles_kept(
    m: int, size: int, audit: float, tuning: float, seed: int, drawn: list[int]
) -> None:
    pool = make_pool(m, seed=seed)
    roles = {item * 2: ("audit", "tuning")[item % 2] for item in drawn}
    queue = compose_queue(pool, mix=MIX, size=size, audit_share=audit, tuning_share=tuning, roles=roles, seed=seed)
    entries = queue.entries
    assert len(entries) == min(size, m)
    assert [e.rank for e in entries] == list(range(1, len(entries) + 1))
    assert len({e.item for e in entries}) == len(entries)
    assert {e.item for e in entries} <= set(pool.items.tolist())
    for e in entries:
        assert e.role == roles.get(e.item, e.role)
        assert (e.inclusion_probability is not None) == (e.role != "active" and e.item not in roles)


def test_shares_hold_in_the_whole_and_in_every_prefix() -> None:
    entries = compose_queue(make_pool(2000), mix=MIX, size=100).entries
    groups = [e.role if e.role != "active" else e.strategy for e in entries]
    wanted = {"audit": 10, "tuning": 10, "margin": 40, "disagreement": 24, "uncovered": 16}
    assert Counter(groups) == wanted
    for length in range(1, 101):
        for name, count in wanted.items():
            assert abs(groups[:length].count(name) - length * count / 100) <= 1.5


def test_independent_of_the_order_of_the_pool_and_of_the_mix() -> None:
    pool = make_pool(300)
    shuffled = pool.take(np.random.default_rng(9).permutation(300))
    again = compose_queue(shuffled, mix=dict(reversed(MIX.items())), size=60, seed=4)
    assert again == compose_queue(pool, mix=MIX, size=60, seed=4)


def test_the_seed_decides_draws_and_ties() -> None:
    level = replace(make_pool(300), end_model=np.full((300, 3), 1 / 3))
    one, two = (compose_queue(level, mix={"margin": 1}, size=40, seed=seed).entries for seed in (1, 2))
    assert {e.item for e in one} != {e.item for e in two}
    active = sorted(e.item for e in one if e.role == "active")
    assert active != sorted(level.items.tolist())[: len(active)]


def test_each_strategy_gives_its_best() -> None:
    pool = make_pool(500)
    assert pool.end_model is not None
    entries = compose_queue(pool, mix={"margin": 1}, size=50, audit_share=0, tuning_share=0).entries
    ordered = np.sort(pool.end_model, axis=1)
    best = np.argsort(ordered[:, -1] - ordered[:, -2], kind="stable")[:50]
    assert [e.item for e in entries] == pool.items[best].tolist()
    assert [e.utility for e in entries] == sorted((e.utility for e in entries), reverse=True)


def test_composing_again_before_anybody_answers_draws_nobody_new() -> None:
    pool = make_pool(400)
    first = compose_queue(pool, mix=MIX, size=50, seed=1).entries
    roles = {e.item: e.role for e in first if e.role != "active"}
    second = compose_queue(pool, mix=MIX, size=50, seed=1, roles=roles).entries
    assert {e.item: e.role for e in second if e.role != "active"} == roles
    assert all(e.inclusion_probability is None for e in second)
    assert [e.item for e in second] == [e.item for e in first]


def test_draws_do_not_depend_on_what_strategies_choose() -> None:
    pool, other = make_pool(400), replace(make_pool(400), label_model=make_pool(400, seed=8).label_model)
    mixes = (MIX, {"random": 1.0, "disagreement": 1.0})
    one, two = (compose_queue(p, mix=m, size=50, seed=1).entries for p, m in zip((pool, other), mixes, strict=True))
    assert [e.item for e in one if e.role == "active"] != [e.item for e in two if e.role == "active"]
    assert [e for e in one if e.role != "active"] == [e for e in two if e.role != "active"]


def test_items_waiting_for_the_audit_fill_up_when_nothing_else_is_left() -> None:
    pool = make_pool(12)
    queue = compose_queue(pool, mix=MIX, size=12, roles={int(item): "audit" for item in pool.items})
    assert len(queue.entries) == 12
    assert {e.role for e in queue.entries} == {"audit"}


def test_strategies_without_their_models_hand_over_their_share() -> None:
    pool = replace(make_pool(100), end_model=None)
    queue = compose_queue(pool, mix=MIX, size=20)
    assert {e.strategy for e in queue.entries} == {"uncovered", "random"}
    assert any(note.startswith("margin was left out") and "no end model" in note for note in queue.notes)


def test_nothing_left_to_ask_with_is_an_error() -> None:
    pool = replace(make_pool(100), end_model=None)
    with pytest.raises(QueryError, match=r"can score this pool: there is no end model for margin\. Train"):
        compose_queue(pool, mix={"margin": 1, "uncovered": 0}, size=20)


def test_empty_and_small_pools_are_noted() -> None:
    empty = compose_queue(make_pool(0), mix=MIX, size=10)
    assert empty.entries == []
    assert "empty" in empty.notes[0]
    small = compose_queue(make_pool(7), mix=MIX, size=10)
    assert len(small.entries) == 7
    assert "7 items, 10 were asked for" in small.notes[0]


class _Broken(Random):
    """A third party's strategy with a fault in its scores."""

    def __init__(self, scores: FloatArray) -> None:
        self._scores = scores

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        del pool, rng
        return self._scores


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.array([0.0, np.nan, 1.0, np.nan]), r"'random' scored item 2 as nan \(2 of 4"),
        (np.array([0.0, np.inf, 1.0, 1.0]), "'random' scored item 2 as inf"),
        (np.zeros(3), r"scores of shape \(3,\) for 4 items"),
        (np.array(list("abcd")), "floats were expected"),
    ],
)
def test_scores_that_are_none_are_named(scores: FloatArray, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "strategy", lambda name: _Broken(scores))
    with pytest.raises(QueryError, match=message):
        compose_queue(make_pool(4), mix={"random": 1}, size=2, audit_share=0, tuning_share=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "queue of 0 places"),
        ({"audit_share": 0.7, "tuning_share": 0.4}, "more than 1 together"),
        ({"audit_share": -0.1}, "'audit_share' is -0.1"),
        ({"mix": {"margin": float("nan")}}, "'margin' is nan"),
        ({"mix": {}}, "mix of query strategies is empty"),
        ({"mix": {"margin": 0.0}}, "mix of query strategies is empty"),
        ({"mix": {"magic": 1.0}}, "unknown query strategy 'magic'"),
        ({"seed": -1}, "the seed is -1"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, object], message: str) -> None:
    given_arguments = {"mix": MIX, "size": 5, **arguments}
    with pytest.raises(LabelkitError, match=message):
        compose_queue(make_pool(10), **given_arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"end_model": np.full((3, 2), 0.5)}, r"end_model has shape \(3, 2\); \(4, 3\)"),
        ({"covered": np.ones(2, dtype=bool)}, "covered has shape"),
        ({"committee": np.full((2, 4, 2), 0.5)}, "committee has shape"),
        ({"items": np.array([1, 2, 2, 3])}, "item 2 is in the pool twice"),
        ({"items": np.array([0.5, 1, 2, 3])}, "item numbers"),
        ({"end_model": np.array([[1, 0, 0], [0, np.nan, 1], [1, 0, 0], [1, 0, 0]])}, "end_model gives item 2 .*nan"),
        ({"label_model": np.array([[1, 0, 0], [1, 0, 0], [2, -1, 0], [1, 0, 0]])}, "label_model gives item 4"),
        ({"committee": np.array([[[1, 0, 0]] * 4, [[1, 0, 0]] * 3 + [[1, 1, 0]]])}, "committee gives item 6"),
    ],
)
def test_pools_that_do_not_fit(changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(QueryError, match=message):
        replace(make_pool(4), **changes)  # type: ignore[arg-type]


def test_needs_of_a_mix() -> None:
    assert needs({"margin": 1, "committee": 0}) == {"end_model"}
    assert needs({"disagreement": 0.5, "committee": 0.1}) == {"end_model", "label_model", "committee"}
    assert needs({"random": 1}) == frozenset()
