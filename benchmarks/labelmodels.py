"""Every label model on every set: without labels, with 100 human labels, on crowds, and label flips.

    python benchmarks/labelmodels.py [--parts sets,labels,crowds,variations,flips] [--models auto,majority,…]
                                     [--seeds 10] [--labels 100] [--only SET,SET]

A label model is fitted on the train votes and scored on the covered test items; a tie counts as its expected
accuracy under a uniform choice among the tied classes. Models with a random state are fitted from several
seeds. Human labels are drawn at random from all train items (ten draws); where the train split has no gold
(tennis_votes) from the test items, which are then left out of the score. Crowd sets are scored on the items
themselves. ``variations`` leaves functions out of the real sets and changes their class shares: models that
were tuned to the sets show it there. Snorkel is its own ``LabelModel`` at 500 epochs, lr 0.01.
"""

from __future__ import annotations

import argparse
import inspect
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from _common import RESULTS, chosen_sets, data_folder, load, show, write_json
from _labelmodels import (
    DRAWS,
    Problem,
    crowd_problem,
    crowds,
    draw_labels,
    naive_bayes,
    problem_of,
    snorkel_labels,
    variations,
    with_gold_to_draw,
)
from snorkel_parity import FLIP_SET, flips

from labelkit import registry
from labelkit.analysis import score
from labelkit.analysis.calibration import measure_calibration
from labelkit.errors import LabelkitError
from labelkit.labelmodels import covered, label_model
from labelkit.types import FloatArray

PARTS = ("sets", "labels", "crowds", "variations", "flips")
STOCK, BAYES = "Snorkel 0.10", "naive Bayes, Beta(8, 2)"
SNORKEL_TOO_LARGE = 500
"""Functions × classes above which stock Snorkel is not run from every seed on crowds: it takes minutes."""

Labeler = Callable[[Problem, int, np.ndarray], FloatArray]
"""Problem, seed, gold of the train rows (−1 unknown) → probabilities of the test rows (n, k)."""


def labelers(names: Sequence[str]) -> dict[str, Labeler]:
    """The registered label models asked for, and the peers."""

    def ours(name: str) -> Labeler:
        def run(problem: Problem, seed: int, gold: np.ndarray) -> FloatArray:
            options = {"seed": seed} if "seed" in _parameters(name) else {}
            model = label_model(name, cardinality=problem.cardinality, **options)
            return np.asarray(model.fit(problem.train, gold=gold).predict_proba(problem.test))

        return run

    return {name: ours(name) for name in names}


def _parameters(name: str) -> Sequence[str]:
    return list(inspect.signature(registry.resolve("label_models", name)).parameters)


def measure(labeler: Labeler, problem: Problem, seeds: int, golds: Sequence[np.ndarray]) -> dict[str, Any]:
    """Means over seeds (without labels) or draws of labels: covered accuracy, calibration error, seconds."""
    accuracy, error, seconds = [], [], []
    unknown = np.full(len(problem.train), -1)
    runs = [(seed, unknown) for seed in range(seeds)] if not golds else list(enumerate(golds))
    for seed, gold in runs:
        started = time.perf_counter()
        probabilities = labeler(problem, seed, gold)
        seconds.append(time.perf_counter() - started)
        scored = problem.scored(gold)
        voted = covered(problem.test)
        accuracy.append(score(probabilities, scored, voted).covered_accuracy.value * 100)
        error.append(measure_calibration(probabilities, scored, voted).top.ece)
    return {
        "accuracy": float(np.mean(accuracy)),
        "lowest": float(min(accuracy)),
        "calibration_error": float(np.nanmean(error)),
        "seconds": float(np.median(seconds)),
    }


def compare(
    title: str,
    models: Mapping[str, Labeler],
    problems: Sequence[Problem],
    *,
    seeds: int,
    labels: int = 0,
    shown: bool = True,
) -> dict[str, Any]:
    """One table: models down, sets across, then mean, the worst difference to majority vote, calibration error."""
    found: dict[str, dict[str, Any]] = {name: {} for name in models}
    for problem in problems:
        golds = [draw_labels(problem, labels, draw) for draw in range(DRAWS)] if labels else []
        for name, labeler in models.items():
            fixed = name not in (STOCK,) and "seed" not in (
                _parameters(name) if name in registry.names("label_models") else ()
            )
            once = 1 if fixed else seeds
            if name in (STOCK, "snorkel") and problem.train.shape[1] * problem.cardinality > SNORKEL_TOO_LARGE:
                once = min(once, 2)
            try:
                found[name][problem.name] = measure(labeler, problem, once, golds)
            except LabelkitError as refused:
                found[name][problem.name] = {"refused": str(refused)}
        print(f"  {problem.name}", flush=True)
    rows = []
    for name, by_set in found.items():
        values = [by_set[p.name].get("accuracy", float("nan")) for p in problems]
        lead = [v - found["majority"][p.name]["accuracy"] for v, p in zip(values, problems, strict=True)]
        errors = [by_set[p.name].get("calibration_error", float("nan")) for p in problems]
        summary = {"mean": float(np.nanmean(values)), "worst": float(np.nanmin(lead)),
                   "calibration_error": float(np.nanmean(errors))}  # fmt: skip
        by_set["summary"] = summary
        cells = [f"{v:.1f}" for v in values] if shown else []
        won, lost = (int((np.sign(np.array(lead)) * (np.abs(lead) > 0.3) == sign).sum()) for sign in (1, -1))
        rows.append(
            [name, *cells, f"{summary['mean']:.2f}", f"{summary['worst']:+.1f}", f"{won}/{lost}",
             f"{summary['calibration_error']:.3f}"]
        )  # fmt: skip
    across = [p.name.removeprefix("crowd_")[:8] for p in problems] if shown else []
    show(title, ("label model", *across, "mean", "worst vs majority", "better/worse", "ECE"), rows)
    return found


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--models", default=",".join(registry.names("label_models")))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--flip-seeds", type=int, default=100)
    parser.add_argument("--only", default="all", help="sets, comma-separated; all by default")
    options = parser.parse_args()
    parts, names = options.parts.split(","), options.models.split(",")
    for part in parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are {', '.join(PARTS)}")
    logging.disable(logging.WARNING)
    folder = data_folder()
    names = ["majority", *[name for name in names if name != "majority"]]
    models = labelers(names)
    result: dict[str, Any] = {"seeds": options.seeds, "labels": options.labels}
    real = [problem_of(load(folder, name)) for name in chosen_sets(folder, options.only.split(","))]
    if "sets" in parts:
        peers = {**models, STOCK: snorkel_labels}
        result["sets"] = compare("No human labels: covered test accuracy", peers, real, seeds=options.seeds)
    if "labels" in parts:
        peers = {**models, BAYES: naive_bayes}
        title = f"{options.labels} human labels, {DRAWS} draws: covered test accuracy"
        drawable = [with_gold_to_draw(problem) for problem in real]
        result["with_labels"] = compare(title, peers, drawable, seeds=options.seeds, labels=options.labels)
    if "crowds" in parts:
        problems = [crowd_problem(folder, name) for name in crowds(folder)]
        result["crowds"] = compare("Crowds: accuracy on the items", models, problems, seeds=options.seeds)
    if "variations" in parts:
        light = {name: one for name, one in models.items() if name not in ("mace",)}
        problems = variations(real)
        title = f"{len(problems)} variations of the sets: means"
        result["variations"] = compare(title, light, problems, seeds=1, shown=False)
    if "flips" in parts:
        rows = flips(load(folder, FLIP_SET), seeds=options.flip_seeds, epochs=500, lr=0.01)
        result["flips"] = rows
        show(
            f"label flips on {FLIP_SET}, {options.flip_seeds} seeds",
            ("class balance", "Snorkel flips", "worst", "guarded flips", "worst"),
            [
                (r["balance"], r["snorkel_flips"], f"{r['snorkel_worst']:.1%}", r["guarded_flips"],
                 f"{r['guarded_worst']:.1%}")
                for r in rows
            ],
        )  # fmt: skip
    write_json("labelmodels", {**kept_results(), **result})


def kept_results() -> dict[str, Any]:
    """Parts of an earlier run, so that parts can be run one by one."""
    path = RESULTS / "labelmodels.json"
    if not path.exists():
        return {}
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in kept.items() if name not in ("benchmark", "environment")}


if __name__ == "__main__":
    main()
