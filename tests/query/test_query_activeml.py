"""scikit-activeml's strategies through the adapter."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp

from labelkit.errors import QueryError
from labelkit.query import Labelled, Pool, compose_queue, strategy


def make_pool(m: int = 80, k: int = 3, *, sparse: bool = True, answered: int = 5) -> Pool:
    rng = np.random.default_rng(0)

    def rows(n: int) -> object:
        X = sp.random(n, 120, density=0.1, format="csr", dtype=np.float32, random_state=rng)
        return X if sparse else X.toarray()[:, :20]

    return Pool(
        items=np.arange(m) + 7,
        covered=np.ones(m, dtype=bool),
        label_names=("billing", "bug", "praise")[:k],
        end_model=rng.dirichlet(np.ones(k), m),
        features=rows(m),  # type: ignore[arg-type]
        labelled=Labelled(rng.integers(0, k, answered), rows(answered)),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("answered", [0, 5])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", ["RandomSampling", "CoreSet", "TypiClust", "Badge", "UncertaintySampling", "Clue"])
def test_strategies_make_queues(name: str, sparse: bool, answered: int) -> None:
    pytest.importorskip("skactiveml.pool", exc_type=ImportError)
    path = f"skactiveml.pool:{name}"
    one, two = (
        compose_queue(make_pool(sparse=sparse, answered=answered), mix={path: 1.0}, size=12, seed=4) for _ in range(2)
    )
    active = [e for e in one.entries if e.role == "active"]
    assert one == two
    assert len(active) == 10
    assert {e.strategy for e in active} == {path}
    assert active[0].reason.startswith(f"chosen by {name} of scikit-activeml; end model's best guess is ")


def test_uncertainty_is_that_of_the_end_model() -> None:
    pytest.importorskip("skactiveml.pool", exc_type=ImportError)
    pool = make_pool()
    mix = {"skactiveml.pool:UncertaintySampling": 1.0}
    queue = compose_queue(pool, mix=mix, size=10, audit_share=0, tuning_share=0)
    assert pool.end_model is not None
    best = np.argsort(pool.end_model.max(axis=1))[:10]
    assert {e.item for e in queue.entries} == set(pool.items[best].tolist())


def test_a_committee_of_its_own_is_refused() -> None:
    pytest.importorskip("skactiveml.pool", exc_type=ImportError)
    with pytest.raises(QueryError, match="wants an ensemble of its own"):
        strategy("skactiveml.pool:QueryByCommittee")


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skactiveml.pool", None)
    with pytest.raises(QueryError, match=r'scikit-activeml cannot be imported .*pip install "labelkit\[activeml\]"'):
        strategy("skactiveml.pool:CoreSet")
