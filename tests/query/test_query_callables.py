"""modAL-style functions as strategies: what they are given, and what they may not return."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from labelkit.errors import LabelkitError, QueryError
from labelkit.query import Labelled, Pool, compose_queue, measures, needs, strategy, wants

NAMES = ("billing", "bug", "praise")


def make_pool(m: int = 30, *, seed: int = 0, with_features: bool = True) -> Pool:
    rng = np.random.default_rng(seed)

    def rows(n: int) -> sp.csr_matrix:
        return sp.random(n, 80, density=0.2, format="csr", dtype=np.float32, random_state=rng)

    return Pool(
        items=np.arange(m) + 100,
        covered=np.ones(m, dtype=bool),
        label_names=NAMES,
        end_model=rng.dirichlet(np.ones(3), m),
        committee=rng.dirichlet(np.ones(3), (3, m)),
        features=rows(m) if with_features else None,
        labelled=Labelled(np.array([0, 2, 1]), rows(3)),
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The queue that a function of somebody's makes."""

    def run(function: Callable[..., Any], *, pool: Pool | None = None, size: int = 3, **more: Any) -> Any:
        module = ModuleType("somebodys")
        module.choose = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "somebodys", module)
        options: dict[str, Any] = {"audit_share": 0, "tuning_share": 0, **more}
        return compose_queue(pool or make_pool(), mix={"somebodys:choose": 1.0}, size=size, **options)

    return run


@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("modAL.uncertainty:margin_sampling", lambda p: 1 - measures.margin(p.end_model)),
        ("modAL.uncertainty:uncertainty_sampling", lambda p: measures.least_confidence(p.end_model)),
        ("modAL.uncertainty:entropy_sampling", lambda p: measures.entropy(p.end_model)),
        ("modAL.disagreement:consensus_entropy_sampling", lambda p: measures.consensus_entropy(p.committee)),
        ("modAL.disagreement:max_disagreement_sampling", lambda p: measures.max_kl(p.committee)),
    ],
)
@pytest.mark.parametrize("with_features", [True, False])
def test_modals_own_functions_in_order(name: str, score: Callable[[Pool], np.ndarray], with_features: bool) -> None:
    pool = make_pool(with_features=with_features)
    queue = compose_queue(pool, mix={name: 1.0}, size=12, audit_share=0, tuning_share=0)
    best = np.argsort(-score(pool), kind="stable")[:12]
    assert [e.item for e in queue.entries] == pool.items[best].tolist()
    assert {e.strategy for e in queue.entries} == {name}
    assert queue.entries[0].reason.startswith(f"chosen by {name}; end model's best guess is ")


def test_modals_ranked_batch_keeps_its_order_and_is_ours() -> None:
    pool = make_pool(60)
    theirs, ours = (
        compose_queue(pool, mix={name: 1.0}, size=20, audit_share=0, tuning_share=0).entries
        for name in ("modAL.batch:uncertainty_batch_sampling", "ranked_batch")
    )
    assert [e.item for e in theirs] == [e.item for e in ours]


def test_what_a_function_is_given(asked: Callable[..., Any]) -> None:
    seen: dict[str, Any] = {}

    def choose(classifier: Any, X: Any, n_instances: int) -> list[int]:
        assert n_instances == 3
        seen["X"] = X
        seen["all"] = classifier.predict_proba(X)
        seen["some"] = classifier.predict_proba(X[[4, 2]])
        seen["names"] = classifier.predict(X)
        seen["answers"] = classifier.y_training
        return [5, 1, 2]

    pool = make_pool()
    roles = {int(item): "audit" for item in pool.items[:10]}
    queue = asked(choose, pool=pool, roles=roles)
    assert pool.end_model is not None
    assert seen["X"].shape == (20, 80)
    np.testing.assert_array_equal(seen["all"], pool.end_model[10:])
    np.testing.assert_array_equal(seen["some"], pool.end_model[[14, 12]])
    assert set(seen["names"]) <= set(NAMES)
    assert seen["answers"].tolist() == ["billing", "praise", "bug"]
    assert [e.item for e in queue.entries] == [115, 111, 112]


@pytest.mark.parametrize(
    ("returned", "items", "size"),
    [
        (np.array([7, 3]), [107, 103], 2),
        ((7, 3), [107, 103], 2),
        ((np.array([7, 3]), np.array([0.2, 0.9])), [107, 103], 2),
        ((np.array([7, 3]), np.zeros((2, 80))), [107, 103], 2),
        ((7, 0.25), [107], 1),
        (7, [107], 1),
        ([7.0, 3.0], [107, 103], 2),
    ],
)
def test_every_way_to_return_a_choice(returned: Any, items: list[int], size: int, asked: Callable[..., Any]) -> None:
    queue = asked(lambda classifier, X, n_instances: returned, size=size)
    assert [e.item for e in queue.entries] == items


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1, 1, 2], "returned item 101 twice"),
        ([1.0, np.nan, 2.0], "returned NaN as row 2"),
        (([1, 2, 3], [0.1, np.nan, 0.2]), "NaN as the metric"),
        ([1, 2], "returned 2 items, too few: 3 of 30 were asked for"),
        ([1, 2, 3, 4], "returned 4 items, too many"),
        ([], "returned 0 items, too few"),
        ([1, 2, 30], "row 30, out of range: the pool has rows 0 to 29"),
        ([1, -1, 2], "row -1, out of range"),
        ([0.5, 1, 2], "whole numbers were expected"),
        (["a", "b", "c"], "whole numbers were expected"),
        ([[1, 2, 3]], "one dimension"),
        (None, "returned nothing"),
    ],
)
def test_choices_that_are_none_are_named(returned: Any, message: str, asked: Callable[..., Any]) -> None:
    with pytest.raises(QueryError, match=f"'somebodys:choose' {'' if 'returned' in message else '.*'}{message}"):
        asked(lambda classifier, X, n_instances: returned)


def test_a_function_that_fails_runs_once_and_is_named(asked: Callable[..., Any]) -> None:
    calls = []

    def choose(classifier: Any, X: Any, n_instances: int) -> None:
        calls.append(1)
        raise ZeroDivisionError("by\nzero")

    with pytest.raises(QueryError, match=r"'somebodys:choose' failed: ZeroDivisionError: by zero"):
        asked(choose)
    assert len(calls) == 1


def test_a_function_may_neither_train_nor_ask_about_rows_of_its_own(asked: Callable[..., Any]) -> None:
    with pytest.raises(QueryError, match="may not train"):
        asked(lambda classifier, X, n_instances: classifier.teach(X, [0]))
    with pytest.raises(QueryError, match="prediction of row 0 of its own making"):
        asked(lambda classifier, X, n_instances: classifier.predict_proba(X[:1] * 2))


def test_global_randomness_is_seeded_and_put_back(asked: Callable[..., Any]) -> None:
    def choose(classifier: Any, X: Any, n_instances: int) -> np.ndarray:
        return np.random.choice(X.shape[0], n_instances, replace=False)

    np.random.seed(1)
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    one, two, other = asked(choose, size=8), asked(choose, size=8), asked(choose, size=8, seed=5)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # type: ignore[index]
    assert one == two != other


def test_needs_follow_from_the_first_parameter() -> None:
    mix = {"modAL.uncertainty:margin_sampling": 1.0, "random": 1.0}
    assert needs(mix) == {"end_model"}
    assert wants(mix) == {"end_model", "features", "labelled"}
    assert needs({"modAL.disagreement:vote_entropy_sampling": 1.0}) == {"committee"}
    queue = compose_queue(replace(make_pool(), end_model=None), mix=mix, size=4)
    assert any("margin_sampling was left out" in note for note in queue.notes)


class Highest:
    """A strategy that its module names, not the registry."""

    name = "highest"
    needs = frozenset()

    def utilities(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        del rng
        return pool.items.astype(np.float64)

    def reason(self, pool: Pool, i: int) -> str:
        return f"item {pool.items[i]} has the highest number left"


class Labelled_:  # noqa: N801
    """A batch strategy that chooses what it may not."""

    name = "wrong"
    needs = frozenset()

    def utilities(self, pool: Pool, rng: np.random.Generator) -> np.ndarray:
        del rng
        return np.zeros(len(pool))

    def select(self, pool: Pool, candidates: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        del pool, candidates, rng
        return np.arange(count)

    def reason(self, pool: Pool, i: int) -> str:
        del pool, i
        return "because it is there"


def test_a_class_by_its_path_and_items_that_may_not_be_chosen() -> None:
    queue = compose_queue(make_pool(), mix={f"{__name__}:Highest": 1.0}, size=3, audit_share=0, tuning_share=0)
    assert [e.item for e in queue.entries] == [129, 128, 127]
    with pytest.raises(QueryError, match=r"Labelled_' returned item 101, which may not be chosen: it is labelled"):
        compose_queue(
            make_pool(), mix={f"{__name__}:Labelled_": 1.0}, size=3, roles={101: "audit"},
            audit_share=0, tuning_share=0,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.at_all:choose", "cannot import 'nowhere.at_all'"),
        ("modAL.uncertainty:magic", "has no 'magic'"),
        ("math:pi", "'math:pi' is no query strategy"),
        ("collections:Counter", "'collections:Counter' is no query strategy"),
        ("labelkit.query:", "is not an import path"),
    ],
)
def test_paths_that_lead_nowhere(name: str, message: str) -> None:
    with pytest.raises(LabelkitError, match=message):
        strategy(name)
