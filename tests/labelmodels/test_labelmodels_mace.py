"""MACE: crowd-kit's probabilities from the same start, spammers found, seeds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from labelkit.errors import LabelModelError
from labelkit.labelmodels import MaceLabelModel, VoteStatistics
from labelkit.labelmodels.mace import Method, Parameters
from labelkit.labelmodels.pattern_votes import PatternVotes
from labelkit.labelmodels.weighted_votes import Weights

Votes = npt.NDArray[np.int8]


def spammed(n: int = 400, m: int = 8, k: int = 3, seed: int = 0) -> tuple[Votes, npt.NDArray[np.int64]]:
    """The last two vote by habit. Functions and classes first appear in order, as crowd-kit's tables assume."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    truth[:k] = np.arange(k)
    L = np.where(rng.random((n, m)) < 0.8, truth[:, None], rng.integers(0, k, (n, m)))
    L[:, -2:] = rng.choice(k, (n, 2), p=[0.8] + [0.2 / (k - 1)] * (k - 1))
    L[rng.random((n, m)) < 0.4] = -1
    L[:k] = np.arange(k)[:, None]
    return L.astype(np.int8), truth


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", ["vb", "em"])
@pytest.mark.parametrize("rounds", [1, 20])
def test_it_gives_crowd_kits_probabilities_from_its_start(method: Method, rounds: int) -> None:
    pd = pytest.importorskip("pandas")
    aggregation = pytest.importorskip("crowdkit.aggregation")
    L, _ = spammed()
    m, k = L.shape[1], 3
    task, worker = np.nonzero(L != -1)
    data = pd.DataFrame({"task": task, "worker": worker, "label": L[task, worker].astype(int)})
    theirs = aggregation.MACE(n_restarts=1, n_iter=rounds, method=method)
    expected = theirs.fit_predict_proba(data)
    expected = expected.sort_index()[list(range(k))].to_numpy()

    draw = np.random.RandomState(0).uniform(1, 2.5, (m, 2))
    habits = np.random.RandomState(0).uniform(1, 2.5, (m, k))
    start = Parameters(draw / draw.sum(axis=1, keepdims=True), habits / habits.sum(axis=1, keepdims=True))
    model = MaceLabelModel(k, method=method, n_iter=rounds, tol=0.0)
    votes = PatternVotes.of(VoteStatistics.from_votes(L, k))
    log_prior = np.full(k, -np.log(k))
    found, _ = model.search(votes, start, log_prior)
    model._weights, model.n_functions = Weights(found.lift, log_prior), m
    np.testing.assert_allclose(model.predict_proba(L), expected, atol=1e-6)


def test_spammers_are_found() -> None:
    L, truth = spammed(n=1500)
    model = MaceLabelModel(3).fit(L)
    knowing = np.array(model.diagnostics["knowing"])
    assert knowing[:-2].min() > knowing[-2:].max() + 0.3
    counts = np.stack([np.equal(L, label).sum(axis=1) for label in range(3)], axis=1)
    covered = (L != -1).any(axis=1)
    ours = (model.predict(L) == truth)[covered].mean()
    assert ours > (counts.argmax(axis=1) == truth)[covered].mean()


def test_more_restarts_never_lower_the_likelihood_and_seeds_count() -> None:
    L, _ = spammed(seed=2)
    reached = [
        MaceLabelModel(3, method="em", n_restarts=n, n_iter=10).fit(L).diagnostics["log_likelihood"] for n in (1, 3, 6)
    ]
    assert reached == sorted(reached)
    one, two = (MaceLabelModel(3, seed=seed, n_iter=2, n_restarts=1).fit(L).vote_weights for seed in (0, 1))
    assert not np.array_equal(one, two)


def test_known_labels_teach_it() -> None:
    L, truth = spammed(n=300, seed=3)
    gold = np.where(np.arange(len(L)) < 150, truth, -1)
    rest = (gold == -1) & (L != -1).any(axis=1)
    without, with_gold = (MaceLabelModel(3).fit(L, known).predict(L) for known in (None, gold))
    assert (with_gold == truth)[rest].mean() >= (without == truth)[rest].mean() - 0.01
    upside_down = MaceLabelModel(3, method="em").fit(L, np.where(truth == 0, 1, 0))
    assert np.isfinite(upside_down.predict_proba(L)).all()


def test_functions_that_vote_for_one_class_are_said_to_defeat_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 800)
    L = np.full((800, 6), -1)
    for function in range(6):
        L[rng.random(800) < np.where(truth == function % 2, 0.4, 0.05), function] = function % 2
    model = MaceLabelModel(2, method="em").fit(L)
    assert model.diagnostics["undecided"] > 0.05
    assert model.notes[0].startswith("MACE found nothing to tell classes by on")
    assert "6 of 6 labeling functions vote for one class only" in model.notes[0]


def test_wrong_options_are_refused() -> None:
    with pytest.raises(LabelModelError, match="method is 'mcmc', expected one of vb, em"):
        MaceLabelModel(2, method="mcmc")  # type: ignore[arg-type]
    with pytest.raises(LabelModelError, match="n_restarts is 0, expected a whole number of at least 1"):
        MaceLabelModel(2, n_restarts=0)
    with pytest.raises(LabelModelError, match=r"smoothing is -0\.5"):
        MaceLabelModel(2, smoothing=-0.5)
