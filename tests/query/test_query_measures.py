"""The measures give what modAL's give, and what the formulas say."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from modAL import disagreement, uncertainty

from labelkit.query import measures
from labelkit.query.modal import Classifier, Committee


def distributions(m: int, k: int, seed: int, *, hard: bool) -> np.ndarray:
    """Random rows; with ``hard`` some are certain, so that zeros occur."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.7), m)
    if hard and m:
        p[rng.random(m) < 0.5] = np.eye(k)[rng.integers(k)]
    return p


shapes = {"m": st.integers(1, 30), "k": st.integers(2, 40), "seed": st.integers(0, 2**16), "hard": st.booleans()}


@settings(max_examples=40, deadline=None)
@given(**shapes)
def test_measures_of_one_classifier_are_modals(m: int, k: int, seed: int, hard: bool) -> None:
    p = distributions(m, k, seed, hard=hard)
    X = np.arange(m)[:, None]
    stored = Classifier(X, p, tuple(map(str, range(k))), None)
    np.testing.assert_allclose(measures.least_confidence(p), uncertainty.classifier_uncertainty(stored, X), atol=1e-12)
    np.testing.assert_allclose(measures.margin(p), uncertainty.classifier_margin(stored, X), atol=1e-12)
    np.testing.assert_allclose(measures.entropy(p), uncertainty.classifier_entropy(stored, X), atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(members=st.integers(1, 6), **shapes)
def test_measures_of_a_committee_are_modals(members: int, m: int, k: int, seed: int, hard: bool) -> None:
    committee = np.stack([distributions(m, k, seed + i, hard=hard) for i in range(members)])
    X = np.arange(m)[:, None]
    stored = Committee(X, committee, tuple(map(str, range(k))), None)
    np.testing.assert_allclose(measures.vote_entropy(committee), disagreement.vote_entropy(stored, X), atol=1e-12)
    np.testing.assert_allclose(
        measures.consensus_entropy(committee), disagreement.consensus_entropy(stored, X), atol=1e-12
    )
    np.testing.assert_allclose(measures.max_kl(committee), disagreement.KL_max_disagreement(stored, X), atol=1e-9)


def test_formulas() -> None:
    p = np.array([[0.5, 0.3, 0.2], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(measures.margin(p), [0.2, 1.0])
    np.testing.assert_allclose(measures.least_confidence(p), [0.5, 0.0])
    np.testing.assert_allclose(measures.entropy(p), [-(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)), 0])
    two_to_one = np.array([[[0.9, 0.1]], [[0.6, 0.4]], [[0.2, 0.8]]])
    np.testing.assert_allclose(measures.vote_entropy(two_to_one), -(2 / 3) * np.log(2 / 3) - (1 / 3) * np.log(1 / 3))


@pytest.mark.parametrize("measure", [measures.vote_entropy, measures.consensus_entropy, measures.max_kl])
@pytest.mark.parametrize("k", [2, 3])
def test_chunks_do_not_show(measure, k: int, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    committee = np.random.default_rng(0).dirichlet(np.ones(k), (4, 25))
    whole = measure(committee)
    monkeypatch.setattr(measures, "CHUNK", 7)
    np.testing.assert_allclose(measure(committee), whole, rtol=1e-14)


@pytest.mark.parametrize("k", [2, 4, 30])
def test_single_precision_is_taken_and_empty_pools_are(k: int) -> None:
    p = distributions(200, k, 1, hard=True)
    for measure in (measures.entropy, measures.margin, measures.least_confidence):
        np.testing.assert_allclose(measure(p.astype(np.float32)), measure(p), atol=1e-5)
        assert measure(p.astype(np.float32)).dtype == np.float64
        assert measure(p[:0]).shape == (0,)


def test_one_class_has_no_second_best() -> None:
    np.testing.assert_array_equal(measures.margin(np.ones((3, 1))), np.zeros(3))


def test_importing_the_room_loads_neither_modal_nor_torch() -> None:
    modules = "margin committee typiclust badge coreset ranked_batch patterns activelab density callables activeml"
    code = (
        "import sys, importlib, labelkit.query;"
        f"[importlib.import_module('labelkit.query.' + name) for name in {modules.split()!r}];"
        "print([m for m in ('modAL', 'torch', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'skactiveml')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
