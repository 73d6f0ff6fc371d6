"""Query strategies at size: alone, against modAL on the same model, and as whole queues.

    python benchmarks/ranking.py              # 1,000,000 items, 20,000 features; about 3 minutes
    python benchmarks/ranking.py --items 100000 --ranked 20000

Items are rows of random sparse features like TF-IDF (50 non-zeros, commoner columns more often, length
1); the end model is a logistic regression on some of them. Every figure is the best of ``--repeat`` runs.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp
from _common import show, write_json
from sklearn.linear_model import LogisticRegression

from labelkit.query import Labelled, Pool, compose_queue, strategy
from labelkit.query.keys import random_keys
from labelkit.query.measures import vote_entropy
from labelkit.query.ranked_batch import ranked_batch
from labelkit.query.selection import top

NONZEROS, COLUMNS, BATCH, MEMBERS = 50, 20_000, 100, 3
WHOLE = {
    "margin": {"margin": 1.0},
    "vote_entropy": {"vote_entropy": 1.0},
    "default mix": {"margin": 0.5, "disagreement": 0.3, "uncovered": 0.2},
    "patterns": {"patterns": 1.0},
    "density": {"density": 1.0},
    "activelab": {"activelab": 1.0},
    "typiclust": {"typiclust": 1.0},
    "badge": {"badge": 1.0},
    "coreset": {"coreset": 1.0},
    "ranked_batch": {"ranked_batch": 1.0},
}


def features(items: int, seed: int) -> sp.csr_matrix:
    """(items, 20,000) float32 rows of length 1."""
    rng = np.random.default_rng(seed)
    # Squared uniform numbers: the first columns are common, the last ones rare.
    columns = (COLUMNS * rng.random((items, NONZEROS), dtype=np.float32) ** 2).astype(np.int32)
    columns.sort(axis=1)
    data = rng.random((items, NONZEROS), dtype=np.float32) + 0.1
    data /= np.sqrt((data**2).sum(axis=1, keepdims=True))
    bounds = np.arange(0, items * NONZEROS + 1, NONZEROS, dtype=np.int64)
    X = sp.csr_matrix((data.ravel(), columns.ravel(), bounds), shape=(items, COLUMNS))
    X.sum_duplicates()
    return X


def models(X: sp.csr_matrix, seed: int) -> list[LogisticRegression]:
    """An end model and two more of a committee, each on 5,000 rows with labels of a hidden direction."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal(COLUMNS).astype(np.float32)
    fitted = []
    for _ in range(MEMBERS):
        rows = rng.integers(X.shape[0], size=5_000)
        noise = 0.3 * rng.standard_normal(len(rows))
        fitted.append(LogisticRegression(C=10.0, max_iter=200).fit(X[rows], X[rows] @ hidden + noise > 0))
    return fitted


def best_of(run: Callable[[], Any], repeat: int) -> tuple[dict[str, float], Any]:
    """Least seconds by the clock and of the processor, and the last result."""
    clock, processor = [], []
    result = None
    for _ in range(repeat):
        started, used = time.perf_counter(), time.process_time()
        result = run()
        clock.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return {"seconds": min(clock), "cpu": min(processor)}, result


def told(timing: dict[str, float] | None) -> str:
    """``0.123 (0.110)``: seconds by the clock and of the processor."""
    return "" if timing is None else f"{timing['seconds']:.3f} ({timing['cpu']:.3f})"


def strategies_alone(X: sp.csr_matrix, fitted: list[LogisticRegression], pool: Pool, repeat: int) -> list[dict]:
    """Margin and vote entropy: from probabilities that are stored, and from features through the model."""
    from modAL.disagreement import vote_entropy_sampling
    from modAL.models import ActiveLearner, Committee
    from modAL.uncertainty import margin_sampling

    from labelkit.query.modal import Classifier
    from labelkit.query.modal import Committee as StoredCommittee

    weights = [(m.coef_[0].astype(np.float32), np.float32(m.intercept_[0])) for m in fitted]
    learner = ActiveLearner(estimator=fitted[0])
    committee = Committee([ActiveLearner(estimator=m) for m in fitted])
    committee._set_classes()
    stored = Classifier(X, pool.end_model, pool.label_names, None)
    stored_committee = StoredCommittee(X, pool.committee, pool.label_names, None)
    rng = np.random.default_rng(0)

    def ours(name: str) -> np.ndarray:
        return top(strategy(name).utilities(pool, rng), random_keys(pool.items, 0), BATCH)

    def from_features(name: str) -> np.ndarray:
        chosen = weights[:1] if name == "margin" else weights
        scores = [X @ w + b for w, b in chosen]
        # Of two classes the margin falls with the size of the decision score, and a vote is its sign.
        if name == "margin":
            return top(-np.abs(scores[0]), random_keys(pool.items, 0), BATCH)
        members = np.stack([np.stack([-s, s], axis=1) for s in scores])
        return top(vote_entropy(members), random_keys(pool.items, 0), BATCH)

    def row(what: str, given: str, mine: Callable[[], Any], modal: Callable[[], Any], modal_repeat: int) -> dict:
        own, _ = best_of(mine, repeat)
        other, _ = best_of(modal, modal_repeat)
        return {"strategy": what, "given": given, "labelkit": own, "modal": other}

    return [
        row(
            "margin",
            "stored probabilities",
            lambda: ours("margin"),
            lambda: margin_sampling(stored, X, n_instances=BATCH),
            repeat,
        ),
        row(
            "margin",
            "features",
            lambda: from_features("margin"),
            lambda: margin_sampling(learner, X, n_instances=BATCH),
            repeat,
        ),
        row(
            "vote entropy",
            "stored probabilities",
            lambda: ours("vote_entropy"),
            lambda: vote_entropy_sampling(stored_committee, X, n_instances=BATCH),
            1,
        ),
        row(
            "vote entropy",
            "features",
            lambda: from_features("vote_entropy"),
            lambda: vote_entropy_sampling(committee, X, n_instances=BATCH),
            1,
        ),
    ]


def ranked(X: sp.csr_matrix, fitted: LogisticRegression, repeat: int, modal: bool) -> dict[str, Any]:
    """A ranked batch of 100 with 200 answered items, the picks compared with modAL's."""
    answered, unlabelled = X[:200].astype(np.float64), X[200:].astype(np.float64)
    doubt = 1.0 - fitted.predict_proba(unlabelled).max(axis=1)
    own, (picks, _, _) = best_of(lambda: ranked_batch(unlabelled, doubt, answered, BATCH), repeat)
    result: dict[str, Any] = {"items": unlabelled.shape[0], "labelkit": own, "modal": None, "same_picks": None}
    if modal:
        from modAL.batch import uncertainty_batch_sampling
        from modAL.models import ActiveLearner

        learner = ActiveLearner(estimator=fitted)
        learner.X_training = answered
        seconds, (theirs, _) = best_of(lambda: uncertainty_batch_sampling(learner, unlabelled, BATCH), 1)
        result |= {"modal": seconds, "same_picks": bool((np.asarray(theirs) == picks).all())}
    return result


def make_pool(X: sp.csr_matrix, fitted: list[LogisticRegression], answered: int) -> Pool:
    """A pool of all rows but the answered ones, which it knows as such."""
    rng = np.random.default_rng(1)
    members = np.stack([m.predict_proba(X).astype(np.float32) for m in fitted])
    votes = rng.integers(-1, 2, (X.shape[0], 10)).astype(np.int8)
    votes[rng.random(votes.shape) < 0.7] = -1
    rest = slice(answered, None)
    return Pool(
        items=np.arange(answered, X.shape[0]),
        covered=(votes[rest] >= 0).any(axis=1),
        label_names=("no", "yes"),
        end_model=members[0][rest],
        label_model=members[1][rest],
        committee=members[:, rest],
        features=X[rest],
        votes=votes[rest],
        labelled=Labelled(rng.integers(0, 2, answered), X[:answered], votes[:answered]),
    )


def queues(pool: Pool, repeat: int) -> list[dict[str, Any]]:
    """``compose_queue`` of 100 with 10% audit and 10% tuning, near-duplicates looked for."""
    rows = []
    for name, mix in WHOLE.items():
        seconds, queue = best_of(lambda mix=mix: compose_queue(pool, mix=mix, size=BATCH), repeat)  # type: ignore[misc]
        reason = next(e.reason for e in queue.entries if e.role == "active")
        rows.append({"mix": name, **seconds, "notes": list(queue.notes), "reason": reason})
    return rows


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--ranked", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--without-modal", action="store_true", help="leave out what modAL takes long for")
    given = parser.parse_args()
    X = features(given.items, 0)
    fitted = models(X, 0)
    pool = make_pool(X, fitted, 0)
    alone = [] if given.without_modal else strategies_alone(X, fitted, pool, given.repeat)
    show(
        f"top {BATCH} of {given.items:,} items, strategy alone: seconds (processor)",
        ["strategy", "given", "labelkit", "modAL"],
        [[r["strategy"], r["given"], told(r["labelkit"]), told(r["modal"])] for r in alone],
    )
    batch = ranked(X[: given.ranked + 200], fitted[0], given.repeat, not given.without_modal)
    show(
        f"ranked batch of {BATCH}: seconds (processor)",
        ["items", "labelkit", "modAL", "same picks"],
        [[f"{batch['items']:,}", told(batch["labelkit"]), told(batch["modal"]), batch["same_picks"]]],
    )
    larger = make_pool(X, fitted, 300)
    made, _ = best_of(lambda: larger.take(np.arange(len(larger))), 1)
    print(f"\nrows of every part taken and checked anew: {told(made)}")
    whole = queues(larger, given.repeat)
    show(
        f"whole queue of {BATCH} from {given.items:,} items, 300 answered: seconds (processor)",
        ["mix", "seconds", "first reason"],
        [[r["mix"], told(r), r["reason"]] for r in whole],
    )
    size = {"items": given.items, "columns": COLUMNS, "nonzeros": NONZEROS, "batch": BATCH, "repeat": given.repeat}
    write_json("ranking", {"size": size, "alone": alone, "ranked_batch": batch, "pool": made, "queues": whole})


if __name__ == "__main__":
    main()
