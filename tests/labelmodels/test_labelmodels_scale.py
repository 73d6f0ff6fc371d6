"""What makes label models fast must not show in their results: blocks, threads, layouts, lookups."""

from __future__ import annotations

import subprocess
import sys
import threading
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import RegistryError
from labelkit.labelmodels import MajorityLabelModel, SnorkelLabelModel, covered, load_label_model, prepare
from labelkit.labelmodels import threads as module
from labelkit.labelmodels.base import decide
from labelkit.labelmodels.scoring import VoteScorer
from labelkit.labelmodels.threads import over_rows

Model = MajorityLabelModel | SnorkelLabelModel


def votes(n: int, m: int, k: int, seed: int = 0) -> npt.NDArray[np.int8]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, (n, 1))
    L = np.where(rng.random((n, m)) < 0.8, truth, rng.integers(0, k, (n, m)))
    L[rng.random((n, m)) < 0.6] = -1
    return L.astype(np.int8)


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(2, 90), st.integers(1, 60), st.integers(0, 2**31))
def test_lookups_are_the_sums_of_what_each_vote_adds(m: int, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    L = rng.integers(-1, k, (n, m)).astype(np.int8)
    table, start = rng.normal(size=(m, k + 1, k)), rng.normal(size=k)
    plain = start + np.stack([table[np.arange(m), row.astype(int) + 1].sum(axis=0) for row in L])
    np.testing.assert_allclose(VoteScorer(table, start).scores(L).T, plain, atol=1e-10)


@pytest.fixture(scope="module", params=["snorkel", "majority"])
def fitted(request: pytest.FixtureRequest) -> Model:
    L = votes(2000, 23, 3)
    if request.param == "majority":
        return MajorityLabelModel(3, class_balance=[0.5, 0.3, 0.2]).fit(L)
    return SnorkelLabelModel(3, n_epochs=30, class_balance=[0.5, 0.3, 0.2]).fit(L)


def test_equal_rows_have_equal_bits_wherever_they_stand(fitted: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    few = votes(997, 23, 3, seed=1)
    L = np.tile(few, (60, 1))
    probabilities = fitted.predict_proba(L)
    assert probabilities.tobytes() == np.tile(probabilities[:997], (60, 1)).tobytes()
    for row in (0, 5, 996):
        assert fitted.predict_proba(few[row : row + 1]).tobytes() == probabilities[row].tobytes()
    assert fitted.predict_proba(np.asfortranarray(L)).tobytes() == probabilities.tobytes()
    assert fitted.predict_proba(L.astype(np.int64)).tobytes() == probabilities.tobytes()
    for threads in (1, 3, 5):
        monkeypatch.setattr(module, "cores", lambda threads=threads: threads)
        assert fitted.predict_proba(L).tobytes() == probabilities.tobytes()


def test_a_label_is_the_probabilities_and_the_decision(fitted: Model) -> None:
    L = votes(40_000, 23, 3, seed=2)
    L[::7] = -1
    probabilities, decided = fitted.label(L)
    assert probabilities.tobytes() == fitted.predict_proba(L).tobytes()
    np.testing.assert_array_equal(decided, fitted.predict(L))
    np.testing.assert_array_equal(covered(L), (L != -1).any(axis=1))
    assert (decided[::7] == -1).all()


@given(st.integers(2, 6), st.integers(0, 2**31))
def test_decisions_are_the_only_class_near_the_top(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.choice([0.1, 0.2, 0.2 + 5e-6, 0.2 + 2e-5], size=(30, k))
    near = scores.max(axis=1, keepdims=True) - scores < 1e-5
    expected = np.where(near.sum(axis=1) == 1, scores.argmax(axis=1), -1)
    np.testing.assert_array_equal(decide(scores), expected)


def test_a_restored_model_scores_like_the_one_that_was_kept(fitted: Model) -> None:
    L = votes(300, 23, 3, seed=3)
    before = fitted.predict_proba(L).tobytes()
    assert load_label_model(*fitted.to_state()).predict_proba(L).tobytes() == before


@pytest.mark.parametrize("rows", [0, 10, module.LEAST_ROWS, 100_001])
def test_rows_are_cut_without_gaps(rows: int) -> None:
    parts = over_rows(lambda start, stop: (start, stop), rows, threads=3)
    assert parts[0][0] == 0
    assert parts[-1][1] == rows
    assert all(one[1] == other[0] for one, other in pairwise(parts))
    assert len(parts) == (1 if rows < module.LEAST_ROWS else 3 if rows > 50_000 else 2)


def test_blas_has_its_threads_back_afterwards() -> None:
    from threadpoolctl import threadpool_info

    def blas() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["internal_api"] == "openblas"]

    before, seen = blas(), []
    over_rows(lambda start, stop: seen.append(min(blas())), 50_000, threads=1)
    assert seen == [1]
    assert blas() == before
    meet = threading.Barrier(2)
    running = [
        threading.Thread(target=over_rows, args=(lambda *_: meet.wait(30), 50_000), kwargs={"threads": 1})
        for _ in range(2)
    ]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert blas() == before
    with pytest.raises(ZeroDivisionError):
        over_rows(lambda start, stop: 1 / 0, 50_000, threads=1)
    assert blas() == before


def test_preparing_from_a_thread_leaves_the_global_generator_alone() -> None:
    """In a process of its own, because Snorkel is imported once."""
    code = """
import sys, threading
import numpy as np
from labelkit.labelmodels import prepare
prepare("majority")
assert "torch" not in sys.modules
np.random.seed(3)
before = np.random.get_state()[1].tolist(), np.random.get_state()[2]
thread = threading.Thread(target=prepare, args=("snorkel",))
thread.start(), thread.join()
assert "snorkel.labeling.model" in sys.modules
assert (np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before
from labelkit.labelmodels import SnorkelLabelModel
SnorkelLabelModel(2, n_epochs=3).fit(np.eye(3, dtype=np.int8))
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    with pytest.raises(RegistryError, match="unknown label model 'oracle'"):
        prepare("oracle")
