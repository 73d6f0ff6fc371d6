"""modAL through the adapter gives what the formulas say."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.query import modal


def distributions(m: int, k: int, seed: int, *, hard: bool) -> np.ndarray:
    """Random rows; with ``hard`` some are certain, so that zeros occur."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(k, 0.7), m)
    if hard and m:
        p[rng.random(m) < 0.5] = np.eye(k)[rng.integers(k)]
    return p


def xlogx(p: np.ndarray) -> np.ndarray:
    return np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0)


shapes = {"m": st.integers(1, 30), "k": st.integers(2, 7), "seed": st.integers(0, 2**16), "hard": st.booleans()}


@settings(max_examples=40, deadline=None)
@given(**shapes)
def test_measures_of_one_classifier(m: int, k: int, seed: int, hard: bool) -> None:
    p = distributions(m, k, seed, hard=hard)
    ordered = np.sort(p, axis=1)
    np.testing.assert_allclose(modal.least_confidence(p), 1 - ordered[:, -1], atol=1e-12)
    np.testing.assert_allclose(modal.margin(p), ordered[:, -1] - ordered[:, -2], atol=1e-12)
    np.testing.assert_allclose(modal.entropy(p), -xlogx(p).sum(axis=1), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(members=st.integers(2, 6), **shapes)
def test_measures_of_a_committee(members: int, m: int, k: int, seed: int, hard: bool) -> None:
    committee = np.stack([distributions(m, k, seed + i, hard=hard) for i in range(members)])
    votes = np.stack([(committee.argmax(axis=2) == c).mean(axis=0) for c in range(k)], axis=1)
    mean = committee.mean(axis=0)
    divergences = (xlogx(committee) - np.where(committee > 0, committee * np.log(np.maximum(mean, 1e-300)), 0)).sum(2)
    np.testing.assert_allclose(modal.vote_entropy(committee), -xlogx(votes).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(modal.consensus_entropy(committee), -xlogx(mean).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(modal.max_kl(committee), divergences.max(axis=0), atol=1e-9)


@pytest.mark.parametrize("measure", [modal.vote_entropy, modal.consensus_entropy, modal.max_kl])
def test_chunks_do_not_show(measure, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    committee = np.random.default_rng(0).dirichlet(np.ones(3), (4, 25))
    whole = measure(committee)
    monkeypatch.setattr(modal, "CHUNK", 7)
    np.testing.assert_array_equal(measure(committee), whole)


def test_single_precision_is_taken() -> None:
    p = distributions(200, 4, 1, hard=True)
    np.testing.assert_allclose(modal.entropy(p.astype(np.float32)), modal.entropy(p), atol=1e-5)
    np.testing.assert_allclose(modal.margin(p.astype(np.float32)), modal.margin(p), atol=1e-6)


def test_importing_the_room_loads_neither_modal_nor_torch() -> None:
    code = (
        "import sys, labelkit.query, labelkit.query.margin, labelkit.query.committee;"
        "print([m for m in ('modAL', 'torch', 'sklearn', 'scipy', 'pandas', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
