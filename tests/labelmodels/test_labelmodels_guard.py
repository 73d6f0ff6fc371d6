"""The guard's judgement: what counts as standing on its head."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from labelkit.labelmodels import VoteStatistics
from labelkit.labelmodels.evidence import Evidence
from labelkit.labelmodels.guard import Diverged, derived_seed, guarded_fit

BALANCE = np.array([0.5, 0.3, 0.2])


def mu_of(right: float, rename: tuple[int, ...] = (0, 1, 2), m: int = 4) -> npt.NDArray[np.float32]:
    """Every function votes always, is right with this probability, and names classes as ``rename`` says."""
    table = np.full((3, 3), (1 - right) / 2)
    np.fill_diagonal(table, right)
    return np.tile(table[:, list(rename)], (m, 1)).astype(np.float32)


def evidence(*, gold: bool = False) -> Evidence:
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 500, p=BALANCE)
    L = np.where(rng.random((500, 4)) < 0.8, truth[:, None], rng.integers(0, 3, (500, 4))).astype(np.int8)
    statistics = VoteStatistics.from_votes(L, 3)
    return Evidence.of(statistics, BALANCE, L if gold else None, truth if gold else None)


def test_a_good_solution_is_sound() -> None:
    verdict = evidence(gold=True).judge(mu_of(0.8))
    assert verdict.sound
    assert verdict.agreement == pytest.approx(verdict.renamed_agreement)
    assert verdict.agreement > 0.95
    assert verdict.worse_than_chance == ()
    assert verdict.gold_n == 500
    assert verdict.gold_accuracy == pytest.approx(verdict.majority_gold_accuracy, abs=0.02)


@pytest.mark.parametrize("rename", [(1, 0, 2), (0, 2, 1), (2, 0, 1)])
def test_a_renamed_solution_is_a_flip(rename: tuple[int, ...]) -> None:
    verdict = evidence().judge(mu_of(0.8, rename))
    assert verdict.flipped
    assert verdict.renamed_agreement > 0.95
    assert math.isnan(verdict.gold_accuracy)


def test_distrusting_most_votes_is_a_flip() -> None:
    assert evidence().judge(mu_of(0.1)).worse_than_chance == (0, 1, 2, 3)
    assert evidence().judge(mu_of(0.1)).flipped


def test_decisions_that_hardly_depend_on_the_votes_are_a_flip() -> None:
    almost_nothing = np.full((12, 3), 1 / 3, dtype=np.float32) + mu_of(0.34) * 1e-3
    verdict = evidence().judge(almost_nothing)
    assert verdict.kappa < 0.2
    assert verdict.flipped


def test_known_labels_contradict_a_renamed_solution() -> None:
    assert evidence(gold=True).judge(mu_of(0.8, (1, 0, 2))).contradicted


def test_the_first_sound_solution_is_taken() -> None:
    solutions = {5: mu_of(0.8, (1, 0, 2)), derived_seed(5, 1): mu_of(0.1), derived_seed(5, 2): mu_of(0.8)}
    found = guarded_fit(lambda s, _: solutions[s], evidence(), seed=5, lr=0.01, max_restarts=10)
    assert found.diagnostics["restarts"] == 2
    assert found.diagnostics["seed"] == derived_seed(5, 2)
    assert found.diagnostics["first_agreement_with_majority"] < 0.5
    assert found.notes == []


def test_the_best_of_bad_solutions_is_taken_with_a_warning() -> None:
    worse, better = mu_of(0.8, (2, 0, 1)), mu_of(0.8, (0, 2, 1))
    solutions = {5: worse, derived_seed(5, 1): better, derived_seed(5, 2): worse}
    found = guarded_fit(lambda s, _: solutions[s], evidence(), seed=5, lr=0.01, max_restarts=2)
    assert found.diagnostics["seed"] == derived_seed(5, 1)
    assert found.diagnostics["warning"]
    assert "after 2 restarts" in found.notes[0]


def test_functions_worse_than_chance_are_named() -> None:
    mu = mu_of(0.8)
    mu[:3] = mu_of(0.1, m=1)
    found = guarded_fit(lambda *_: mu, evidence(), seed=0, lr=0.01, max_restarts=1, names=list("abcd"))
    assert found.diagnostics["worse_than_chance"] == ["a"]
    assert not found.diagnostics["warning"]


def test_the_rate_falls_until_the_optimiser_holds() -> None:
    def train(seed: int, lr: float) -> npt.NDArray[np.float32]:
        if lr > 0.005:
            raise Diverged("no")
        return mu_of(0.8)

    assert guarded_fit(train, evidence(), seed=0, lr=0.1, max_restarts=0).diagnostics["lr"] == pytest.approx(0.001)
    with pytest.raises(Diverged):
        guarded_fit(train, evidence(), seed=0, lr=10.0, max_restarts=0)
