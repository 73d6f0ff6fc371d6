"""Inputs and peers of ``labelmodels.py``: label matrices with gold, draws of human labels, variations, crowds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from _common import SNORKEL_EPOCHS, SNORKEL_LR, RealSet

from labelkit.types import ABSTAIN, FloatArray

DRAWS = 10
VARIATIONS = 9
SMALLEST = 100, 50
"""Covered train and test items below which a variation is left out."""


@dataclass(frozen=True)
class Problem:
    """A label matrix to learn from (n, m), one to label (t, m), and the gold of both (−1 where unknown)."""

    name: str
    cardinality: int
    train: np.ndarray
    train_gold: np.ndarray
    test: np.ndarray
    test_gold: np.ndarray
    borrowed: int = 0
    """Test rows at the end of ``train``, there because the train split has no gold to draw labels from."""

    def scored(self, gold: np.ndarray) -> np.ndarray:
        """Test gold without the rows whose label the model was given."""
        if not self.borrowed:
            return self.test_gold
        return np.where(gold[len(self.train) - self.borrowed :] != ABSTAIN, ABSTAIN, self.test_gold)


def problem_of(data: RealSet) -> Problem:
    """One of the sets with votes."""
    return Problem(data.name, data.cardinality, data.train.L, data.train.gold, data.test.L, data.test.gold)


def with_gold_to_draw(problem: Problem) -> Problem:
    """The same, with the test rows to draw labels from where the train split has no gold."""
    if (problem.train_gold != ABSTAIN).any():
        return problem
    return Problem(
        problem.name,
        problem.cardinality,
        np.concatenate([problem.train, problem.test]),
        np.concatenate([problem.train_gold, problem.test_gold]),
        problem.test,
        problem.test_gold,
        borrowed=len(problem.test),
    )


def draw_labels(problem: Problem, labels: int, draw: int) -> np.ndarray:
    """Gold of so many train items drawn at random, −1 elsewhere."""
    known = np.flatnonzero(problem.train_gold != ABSTAIN)
    drawn = np.random.default_rng(draw).permutation(known)[:labels]
    gold = np.full(len(problem.train), ABSTAIN)
    gold[drawn] = problem.train_gold[drawn]
    return gold


def crowds(folder: Path) -> list[str]:
    """Names of the crowd sets."""
    return sorted(path.parent.name for path in folder.glob("crowd_*/answers.parquet"))


def crowd_problem(folder: Path, name: str) -> Problem:
    """Workers' answers as a label matrix: one column a worker."""
    answers = pq.read_table(folder / name / "answers.parquet").to_pandas()
    items = pq.read_table(folder / name / "items.parquet").to_pandas()
    workers = answers["worker"].astype("category").cat.codes.to_numpy()
    votes = np.full((len(items), int(workers.max()) + 1), ABSTAIN, dtype=np.int8)
    votes[answers["item"].to_numpy(), workers] = answers["label"].to_numpy()
    gold = items["label"].to_numpy().astype(np.int64)
    cardinality = int(max(gold.max(), votes.max())) + 1
    return Problem(name, cardinality, votes, np.full(len(votes), ABSTAIN), votes, gold)


def variations(problems: Sequence[Problem]) -> list[Problem]:
    """Each set nine times: with 40 to 80% of its functions, with other class shares, or both."""
    found = []
    for number, problem in enumerate(problems):
        for seed in range(VARIATIONS):
            rng = np.random.default_rng([seed, number])
            kind = ("fewer functions", "other class shares", "both")[seed % 3]
            one = _varied(problem, kind, rng, f"{problem.name} {kind} {seed}")
            sizes = [(votes != ABSTAIN).any(axis=1).sum() for votes in (one.train, one.test)]
            if sizes[0] >= SMALLEST[0] and sizes[1] >= SMALLEST[1]:
                found.append(one)
    return found


def _varied(problem: Problem, kind: str, rng: np.random.Generator, name: str) -> Problem:
    train, test = problem.train, problem.test
    gold, test_gold, k = problem.train_gold, problem.test_gold, problem.cardinality
    m = train.shape[1]
    if kind != "other class shares" and m > 4:
        kept = np.sort(rng.choice(m, max(3, int(m * rng.uniform(0.4, 0.8))), replace=False))
        train, test = train[:, kept], test[:, kept]
    if kind != "fewer functions" and (gold != ABSTAIN).all():
        share = rng.dirichlet(np.full(k, 1.5))
        rows = rng.random(len(gold)) < (share / share.max())[gold]
        test_rows = rng.random(len(test_gold)) < (share / share.max())[test_gold]
        train, gold, test, test_gold = train[rows], gold[rows], test[test_rows], test_gold[test_rows]
    voting = (train != ABSTAIN).any(axis=0)
    return Problem(name, k, train[:, voting], gold, test[:, voting], test_gold)


def snorkel_labels(problem: Problem, seed: int, gold: np.ndarray) -> FloatArray:
    """Stock Snorkel; it takes no labels of single items."""
    from snorkel.labeling.model import LabelModel

    model = LabelModel(problem.cardinality, verbose=False)
    model.fit(
        problem.train.astype(np.int64), n_epochs=SNORKEL_EPOCHS, lr=SNORKEL_LR, seed=seed, progress_bar=False
    )  # fmt: skip
    return np.asarray(model.predict_proba(problem.test.astype(np.int64)))


def naive_bayes(problem: Problem, seed: int, gold: np.ndarray) -> FloatArray:
    """Naive Bayes over the accuracies of the functions on known labels, smoothed with Beta(8, 2); uniform prior."""
    k, known = problem.cardinality, gold != ABSTAIN
    votes, truth = problem.train[known], gold[known]
    voted = votes != ABSTAIN
    right = ((votes == truth[:, None]) & voted).sum(axis=0)
    accuracy = (8 + right) / (10 + voted.sum(axis=0))
    weight = np.log(accuracy * (k - 1) / (1 - accuracy))
    scores = np.stack([(problem.test == label) @ weight for label in range(k)], axis=1)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))
