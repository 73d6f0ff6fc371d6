"""Whole runs of the loop in process: weak labels, an end model, queues with an audit share, answers, refits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _common import load

from labelkit.endmodels import FeatureFields, fit_end_model, fit_features
from labelkit.labelmodels import label_model
from labelkit.query import Pool, compose_queue
from labelkit.query.draws import audit_weights
from labelkit.types import ABSTAIN

CHEAP = {"max_iter": 40, "tol": 1e-3}
"""Options of the end model: it is fitted some thousand times."""
LARGEST, MOST_FEATURES = 2000, 500
SHARES = {"audit_share": 0.2, "tuning_share": 0.05}
QUEUE, BATCH, LOOKS = 100, 25, 22
FIXED_AFTER = 2
"""With a fixed model: the number of batches after which it is not trained any more."""


@dataclass(frozen=True)
class Bench:
    """One set as the runs see it: items with features, weak labels (n, k), which are covered, gold (n,)."""

    name: str
    names: tuple[str, ...]
    table: Any
    features: Any
    X: Any
    weak: np.ndarray
    covered: np.ndarray
    gold: np.ndarray


@dataclass(frozen=True)
class Look:
    """What one may look at after so many answers, and the truth that only the benchmark knows.

    ``predicted`` (n,) and ``confidence`` (n,) are of the model of now; ``rows`` (a,) the answered audit items,
    ``said`` (a,) the answers, ``weights`` (a,); ``taught`` (n,) items with an answer that taught the model;
    ``truth`` the accuracy of the model on all n items, ``answered`` how often it says what people would answer.
    """

    answers: int
    predicted: np.ndarray
    confidence: np.ndarray
    rows: np.ndarray
    said: np.ndarray
    weights: np.ndarray
    taught: np.ndarray
    truth: float
    answered: float


@dataclass
class _State:
    label: np.ndarray
    roles: dict[int, str] = field(default_factory=dict)
    chances: dict[int, tuple[float, int]] = field(default_factory=dict)
    rates: dict[int, float] = field(default_factory=dict)
    taught: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))


def bench(folder: Path, name: str) -> Bench:
    """Read a set: at most 2,000 train items, drawn once."""
    data = load(folder, name)
    rows = np.sort(np.random.default_rng(0).permutation(np.flatnonzero(data.train.gold != ABSTAIN))[:LARGEST])
    table, votes = data.train.table.take(rows).drop_columns(["label", "weak_labels"]), data.train.L[rows]
    features = fit_features(table, FeatureFields(), max_features=MOST_FEATURES, seed=0)
    weak = label_model("majority", cardinality=data.cardinality).fit(votes).predict_proba(votes)
    covered = (votes != ABSTAIN).any(axis=1)
    names = tuple(str(label) for label in data.meta["label_names"])
    return Bench(name, names, table, features, features.matrix(table), weak, covered, data.train.gold[rows])


def run(
    data: Bench, seed: int, *, fixed: bool = False, noise: float = 0.0, batch: int = BATCH, looks: int = LOOKS
) -> Iterator[Look]:
    """One run, look by look; with ``noise`` so many of the answers name another class, drawn once for each item."""
    n, k = data.weak.shape
    rng = np.random.default_rng([seed, n])
    wrong = rng.random(n) < noise
    said = np.where(wrong, (data.gold + rng.integers(1, k, n)) % k, data.gold)
    state = _State(np.full(n, ABSTAIN))
    P = _trained(data, state, seed)
    for number in range(looks + 1):
        if number:
            _ask(data, P, state, said, seed, batch, number)
            if not fixed or number <= FIXED_AFTER:
                P = _trained(data, state, seed)
        yield _look(data, P, state, said)


def _trained(data: Bench, state: _State, seed: int) -> np.ndarray:
    roles = np.array([state.roles.get(i, "") for i in range(len(state.label))])
    answered = state.label != ABSTAIN
    state.taught = known = answered & (roles == "")
    Y = data.weak.copy()
    Y[known] = np.eye(Y.shape[1])[state.label[known]]
    # Answers to audit items are never put in; their votes stay, as those of the items that they stand for do.
    usable = (data.covered | known) & ~(answered & (roles == "tuning"))
    model = fit_end_model(
        "logistic",
        table=data.table,
        Y=Y,
        weights=usable.astype(float),
        seed=seed,
        options=CHEAP,
        features=data.features,
        X=data.X,
    )
    return np.asarray(model.predict_proba(data.X))


def _ask(data: Bench, P: np.ndarray, state: _State, said: np.ndarray, seed: int, count: int, number: int) -> None:
    items = np.flatnonzero(state.label == ABSTAIN)
    if not len(items):
        return
    pool = Pool(items=items, covered=data.covered[items], label_names=data.names, end_model=P[items])
    queue = compose_queue(pool, mix={"margin": 1.0}, size=QUEUE, roles=state.roles, seed=seed, **SHARES).entries
    fresh = [e for e in queue if e.role == "audit" and e.inclusion_probability is not None]
    state.chances |= {e.item: (e.inclusion_probability, number) for e in fresh}
    state.rates[number] = len(fresh) / sum(int(i) not in state.roles for i in items)
    state.roles |= {e.item: e.role for e in queue if e.inclusion_probability is not None}
    for entry in queue[:count]:
        state.label[entry.item] = said[entry.item]


def _look(data: Bench, P: np.ndarray, state: _State, said: np.ndarray) -> Look:
    rows = np.array([i for i in state.chances if state.label[i] != ABSTAIN], dtype=np.int64)
    chances = np.array([state.chances[int(i)][0] for i in rows])
    draws = np.array([state.chances[int(i)][1] for i in rows], dtype=np.int64)
    weights = audit_weights(chances, draws, state.rates) if len(rows) else np.zeros(0)
    predicted = P.argmax(axis=1)
    known = state.label != ABSTAIN
    return Look(
        answers=int(known.sum()),
        predicted=predicted,
        confidence=P.max(axis=1),
        rows=rows,
        said=said[rows],
        weights=weights,
        taught=state.taught,
        truth=float((predicted == data.gold).mean()),
        answered=float((predicted == said).mean()),
    )
