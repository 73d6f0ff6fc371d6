"""Strategies that choose a batch as a whole: what each is for, and that none depends on an n × n matrix."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from modAL.batch import ranked_batch as modal_ranked_batch

from labelkit.query import (
    Answers,
    Labelled,
    Pool,
    badge,
    choose,
    compose_queue,
    coreset,
    patterns,
    ranked_batch,
    strategy,
    typiclust,
)
from labelkit.query.geometry import mean_distances, nearest_squared, reduced, squared_lengths
from labelkit.query.modal import Classifier

BATCHES = ("badge", "coreset", "ranked_batch", "typiclust")


def pool_of(features: Any, end_model: np.ndarray | None = None, **parts: Any) -> Pool:
    m = features.shape[0]
    return Pool(
        items=np.arange(m),
        covered=np.ones(m, dtype=bool),
        label_names=("a", "b"),
        end_model=np.full((m, 2), 0.5) if end_model is None else end_model,
        features=features,
        **parts,
    )


def blobs(sizes: list[int], *, seed: int = 0, spread: float = 0.05, d: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Groups of points around far directions, and the group of each."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    X = np.eye(d)[group] + spread * rng.standard_normal((len(group), d))
    return X, group


def chosen(name: str, pool: Pool, count: int, seed: int = 0) -> Any:
    return choose(strategy(name), pool, np.arange(len(pool)), count, seed)


# Ranked batch


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("answered", [0, 1, 12])
def test_ranked_batch_picks_what_modal_picks(sparse: bool, answered: int) -> None:
    rng = np.random.default_rng(answered)
    X = sp.random(200, 60, density=0.15, format="csr", random_state=rng)
    X = X if sparse else X.toarray()
    doubt = rng.random(200) / 2
    own, _, _ = ranked_batch.ranked_batch(X[answered:], doubt[answered:], X[:answered] if answered else None, 40)
    learner = Classifier(X, np.full((200, 2), 0.5), ("a", "b"), None)
    learner.X_training = X[:answered] if answered else None
    theirs, _ = modal_ranked_batch(learner, X[answered:], doubt[answered:], 40, "euclidean", None)
    np.testing.assert_array_equal(own, theirs)


def test_ranked_batch_prefers_doubt_among_equals_and_distance_before_it() -> None:
    X = np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 5.0], [0.1, 0.0]])
    doubt = np.array([0.1, 0.4, 0.2, 0.1])
    picks, scores, far = ranked_batch.ranked_batch(X, doubt, np.array([[0.0, 0.1]]), 3)
    assert picks.tolist()[0] == 2
    assert far[0] == pytest.approx(np.hypot(5, 4.9))
    assert (scores <= 1).all()


# Core-set


def test_coreset_is_farthest_first() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 5))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    pool = pool_of(X, labelled=Labelled(np.zeros(2, dtype=int), X[:2] * 7))
    inside, expected = list(unit[:2]), []
    for _ in range(10):
        gaps = np.min([np.linalg.norm(unit - other, axis=1) for other in inside], axis=0)
        expected.append(int(gaps.argmax()))
        inside.append(unit[expected[-1]])
    assert chosen("coreset", pool, 10).rows.tolist() == expected


def test_coreset_visits_every_group_before_any_twice() -> None:
    X, group = blobs([50, 3, 20, 1, 8])
    rows = chosen("coreset", pool_of(sp.csr_matrix(X)), 5).rows
    assert sorted(group[rows]) == [0, 1, 2, 3, 4]


# BADGE


def test_badge_distances_are_those_of_the_whole_gradient() -> None:
    rng = np.random.default_rng(1)
    p = rng.dirichlet(np.ones(4), 30)
    X = sp.random(30, 12, density=0.4, format="csr", random_state=rng)
    pool = Pool(np.arange(30), np.ones(30, bool), tuple("abcd"), end_model=p, features=X)
    residual, rows = badge.Badge()._factors(pool, np.arange(30))
    whole = np.einsum("ik,id->ikd", residual, X.toarray()).reshape(30, -1)
    np.testing.assert_allclose(strategy("badge").utilities(pool, rng), np.linalg.norm(whole, axis=1), atol=1e-12)
    lengths = (whole**2).sum(axis=1)
    inner = badge.products(rows, 7) * (residual @ residual[7])
    np.testing.assert_allclose(lengths + lengths[7] - 2 * inner, ((whole - whole[7]) ** 2).sum(axis=1), atol=1e-12)


def test_badge_begins_with_the_largest_gradient_and_leaves_the_certain() -> None:
    X, group = blobs([40, 40, 40])
    p = np.where((group == 1)[:, None], [0.5, 0.5], [0.999, 0.001])
    pool = pool_of(X, p)
    rows = chosen("badge", pool, 12).rows
    assert rows[0] == strategy("badge").utilities(pool, np.random.default_rng(0)).argmax()
    assert (group[rows] == 1).mean() > 0.8


def test_badge_draws_from_different_groups() -> None:
    X, group = blobs([100, 100, 100, 100], spread=0.01)
    hits = [len(set(group[chosen("badge", pool_of(X), 4, seed).rows])) for seed in range(20)]
    assert np.mean(hits) > 3.6  # uniformly drawn: 2.7


# TypiClust


def test_typiclust_takes_one_of_each_group_largest_first_and_skips_the_answered() -> None:
    X, group = blobs([60, 40, 25, 12])
    rows = chosen("typiclust", pool_of(X), 4).rows
    assert group[rows].tolist() == [0, 1, 2, 3]
    pool = pool_of(X, labelled=Labelled(np.array([0]), X[:1]))
    again = chosen("typiclust", pool, 3)
    assert group[again.rows].tolist() == [1, 2, 3]
    assert again.reasons[0] == "the most typical of 40 similar items; nobody has answered one of them"


def test_typiclust_takes_typical_items() -> None:
    X, _ = blobs([200], spread=0.2)
    pool = pool_of(X)
    row = int(chosen("typiclust", pool, 1).rows[0])
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    near = np.sort(np.linalg.norm(unit[:, None] - unit, axis=2), axis=1)[:, 1:21].mean(axis=1)
    assert (near < near[row]).mean() < 0.05


# Size


@pytest.mark.parametrize("name", BATCHES)
def test_above_a_size_a_seeded_sample_is_looked_at(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (badge, coreset, ranked_batch, typiclust):
        monkeypatch.setattr(module, "LIMIT", 50)
    X = sp.random(400, 90, density=0.1, format="csr", random_state=np.random.default_rng(0))
    queue = compose_queue(pool_of(X), mix={name: 1.0}, size=20, audit_share=0, tuning_share=0)
    assert queue.notes == (f"{name} chose from a random 50 of 400 items",)
    assert len(queue.entries) == 20
    larger = compose_queue(pool_of(X), mix={name: 1.0}, size=80, audit_share=0, tuning_share=0)
    assert len({e.item for e in larger.entries}) == 80


@pytest.mark.parametrize("name", [*BATCHES, "density", "patterns", "activelab"])
def test_memory_grows_with_items_not_with_pairs(name: str) -> None:
    m = 15_000
    rng = np.random.default_rng(0)
    X = sp.random(m, 500, density=0.01, format="csr", dtype=np.float32, random_state=rng)
    p = rng.dirichlet([1, 1], m)
    pool = pool_of(X, p, label_model=p, votes=rng.integers(-1, 2, (m, 6)))
    tracemalloc.start()
    compose_queue(pool, mix={name: 1.0}, size=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < m * m / 2  # bytes; a matrix of all pairs takes 8 m²


# Geometry


@pytest.mark.parametrize("sparse", [False, True])
def test_distances_by_blocks(sparse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelkit.query import geometry

    monkeypatch.setattr(geometry, "BLOCK", 50)
    X = sp.random(30, 20, density=0.3, format="csr", random_state=np.random.default_rng(2))
    others = X[5:18] * 1.5
    dense = np.linalg.norm(X.toarray()[:, None] - others.toarray(), axis=2)
    if not sparse:
        X, others = X.toarray(), others.toarray()
    np.testing.assert_allclose(nearest_squared(X, squared_lengths(X), others), dense.min(axis=1) ** 2, atol=1e-12)
    np.testing.assert_allclose(mean_distances(X, squared_lengths(X), others), dense.mean(axis=1), atol=1e-12)
    assert np.isinf(nearest_squared(X, squared_lengths(X), others[:0])).all()


def test_reduction_keeps_distances_of_rows_that_lie_in_few_directions() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 20)) @ rng.standard_normal((20, 400))
    small = reduced(sp.csr_matrix(X), rng)
    assert small.shape == (300, 64)
    np.testing.assert_allclose(
        np.linalg.norm(small - small[0], axis=1), np.linalg.norm(X - X[0], axis=1), rtol=1e-6, atol=1e-5
    )


# Patterns


def voted(rows: list[list[int]], p: list[list[float]], **parts: Any) -> Pool:
    votes = np.array(rows)
    k = len(p[0])
    return Pool(
        items=np.arange(len(rows)),
        covered=(votes >= 0).any(axis=1),
        label_names=("a", "b", "c", "d", "e")[:k],
        label_model=np.array(p),
        votes=votes,
        **parts,
    )


def test_the_pattern_whose_answers_contradict_comes_first() -> None:
    rows = [[0, -1], [0, -1], [1, 1], [1, 1], [-1, 1], [-1, 1]]
    p = [[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 4
    answers = Labelled(np.array([1, 1, 1, 1]), votes=np.array([[0, -1], [0, -1], [1, 1], [1, 1]]))
    pool = voted(rows, p, labelled=answers)
    s = strategy("patterns")
    scores = s.utilities(pool, np.random.default_rng(0))
    q = np.array([0.5, 2.5]) / 3
    assert scores[0] == pytest.approx(0.9 * np.log(0.9 / q[0]) + 0.1 * np.log(0.1 / q[1]))
    assert scores[0] == scores[1] > scores[4] > scores[2]
    assert s.reason(pool, 0) == (
        "label model says a (90%) of the 2 items with the same votes; of 2 answers to such items 0% agree"
    )
    assert s.reason(pool, 4).endswith("of the 2 items with the same votes, and nobody has checked one")


def test_a_batch_does_not_stay_in_one_pattern() -> None:
    rows = [[0, -1]] * 50 + [[1, -1]] * 50 + [[1, 1]] * 50
    p = [[0.95, 0.05]] * 50 + [[0.1, 0.9]] * 50 + [[0.2, 0.8]] * 50
    picked = chosen("patterns", voted(rows, p), 30).rows // 50
    assert picked[0] == 0
    assert set(picked[:4]) == {0, 1, 2}
    assert np.bincount(picked).min() >= 5


def test_by_size_large_patterns_come_before_single_items() -> None:
    rows = [[0, 1]] + [[0, -1]] * 40 + [[-1, 1]] * 10
    pool = voted(rows, [[0.99, 0.01]] + [[0.8, 0.2]] * 50)
    candidates, rng = np.arange(51), np.random.default_rng(0)
    assert patterns.Patterns().select(pool, candidates, 1, rng).rows[0] == 0
    first = patterns.Patterns(by_size=True).select(pool, candidates, 6, rng)
    assert 1 <= first.rows[0] <= 40
    assert first.utilities is not None
    assert (np.diff(first.utilities) <= 0).all()
    assert patterns.Patterns(by_size=True).utilities(pool, rng)[0] < 0.02


def test_uncovered_items_are_grouped_by_the_end_models_guess() -> None:
    rows = [[-1, -1]] * 6
    end = np.array([[0.9, 0.05, 0.05]] * 3 + [[0.05, 0.9, 0.05]] * 3)
    answers = Labelled(np.array([2, 2]), votes=np.full((2, 2), -1), end_model=end[:2])
    pool = voted(rows, [[1 / 3] * 3] * 6, end_model=end, labelled=answers)
    scores = strategy("patterns").utilities(pool, np.random.default_rng(0))
    assert scores[0] > scores[3] > 0
    assert strategy("patterns").reason(pool, 0).startswith("end model says a (90%) of the 3 items without a vote; of 2")
    blind = voted(rows, [[1 / 3] * 3] * 6, end_model=end, labelled=Labelled(answers.labels, votes=answers.votes))
    assert len(set(strategy("patterns").utilities(blind, np.random.default_rng(0)))) == 1


def test_rows_are_grouped_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    votes = np.random.default_rng(0).integers(-1, 3, (500, 5)).astype(np.int8)
    expected = np.unique(votes, axis=0, return_inverse=True)[1].ravel()
    of, count = patterns.group_rows(votes)
    assert count == expected.max() + 1
    assert len(set(zip(of.tolist(), expected.tolist(), strict=True))) == count
    monkeypatch.setattr(patterns, "_odd", lambda width: np.zeros(width, dtype=np.uint64))
    assert patterns.group_rows(votes)[1] == count  # all sums the same: told apart the slow way
    assert patterns.group_rows(votes[:0])[1] == 0


# ActiveLab and density


def test_activelab_puts_second_opinions_and_new_items_on_one_scale() -> None:
    """Nobody asked: settled by the model, unsure; asked: agreed with, contradicted, answered twice alike."""
    p = np.array([[0.97, 0.03], [0.55, 0.45], [0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    answers = Answers(
        items=np.array([2, 3, 4, 4, 5]), annotators=np.array([0, 0, 0, 1, 0]), labels=np.array([0, 1, 0, 0, 0])
    )
    pool = pool_of(np.eye(6), p, answers=answers)
    scores = strategy("activelab").utilities(pool, np.random.default_rng(0))
    assert scores[3] > scores[2]  # contradicted before agreed with
    assert scores[1] > scores[2]  # a new unsure item before a second opinion on a settled one
    assert scores[3] > scores[0]  # a second opinion on a contradicted one before a new settled item
    assert scores[5] > scores[4]  # every further answer that agrees settles
    assert strategy("activelab").reason(pool, 3) == (
        "worth a further opinion: of the people asked 1 say b, end model says a (90%)"
    )
    assert strategy("activelab").reason(pool, 1) == "nobody has answered, and end model is only 55% sure of a"


def test_activelab_trusts_who_agrees_with_others() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    shared = [(100 + i, a, t if a < 2 or rng.random() < 0.5 else 1 - t) for i, t in enumerate(truth) for a in (0, 1, 2)]
    own = [(0, 0, 1), (1, 2, 1)]
    items, who, labels = (np.array(column) for column in zip(*shared, *own, strict=True))
    pool = pool_of(np.eye(2), np.full((2, 2), 0.5), answers=Answers(items, who, labels))
    scores = strategy("activelab").utilities(pool, np.random.default_rng(0))
    assert scores[1] > scores[0]


def test_density_is_the_mean_cosine() -> None:
    X = np.abs(np.random.default_rng(0).standard_normal((40, 70)))
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    for features in (X, sp.csr_matrix(X)):
        scores = strategy("density").utilities(pool_of(features), np.random.default_rng(0))
        np.testing.assert_allclose(scores, 0.5 * (unit @ unit.T).mean(axis=1), atol=1e-9)


# Composing strategies


def test_a_strategy_may_compose_others() -> None:
    """What a scheduler does: it gets the pool and calls others by name."""
    X, _ = blobs([40, 40])
    pool = pool_of(X, np.random.default_rng(0).dirichlet([1, 1], 80))
    picked = choose(strategy("margin"), pool, np.arange(10, 80), 5, seed=0)
    alone = compose_queue(
        pool,
        mix={"margin": 1.0},
        size=5,
        audit_share=0,
        tuning_share=0,
        seed=0,
        roles=dict.fromkeys(range(10), "audit"),
    )
    assert [e.item for e in alone.entries] == picked.rows.tolist()
    assert [e.reason for e in alone.entries] == list(picked.reasons or ())
    assert choose(strategy("margin"), pool, np.arange(0), 5, seed=0).rows.size == 0
