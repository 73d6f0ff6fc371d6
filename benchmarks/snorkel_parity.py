"""Snorkel's LabelModel against SnorkelLabelModel: the same bits, the time of both, and label flips.

    python benchmarks/snorkel_parity.py [SET…|all] [--seeds 100] [--no-flips]

Both are fitted on the train votes of every set at the same seed, epochs, learning rate and class
balance. The flip table fits the youtube set from many seeds under four class balances; a run has
flipped when it is right on less than half of the covered test items.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Sequence

import numpy as np
from _common import RealSet, chosen_sets, data_folder, load, show, write_json
from snorkel.labeling.model import LabelModel

from labelkit.analysis import score
from labelkit.labelmodels import SnorkelLabelModel
from labelkit.types import ABSTAIN

FLIP_SET = "youtube"


def parity(data: RealSet, *, seed: int, epochs: int, lr: float, balance: Sequence[float] | None) -> dict[str, object]:
    """Fit both on one set and compare mu and predictions."""
    L, k = data.train.L.astype(np.int64), data.cardinality
    started = time.perf_counter()
    stock = LabelModel(k, verbose=False)
    stock.fit(L, class_balance=balance, n_epochs=epochs, lr=lr, seed=seed, progress_bar=False)
    middle = time.perf_counter()
    ours = SnorkelLabelModel(k, guard=False, n_epochs=epochs, lr=lr, seed=seed, class_balance=balance)
    ours.fit(data.train.L)
    ended = time.perf_counter()
    theirs = stock.mu.detach().numpy()
    votes = data.test.L.astype(np.int64)
    return {
        "set": data.name,
        "n": len(L),
        "functions": L.shape[1],
        "classes": k,
        "balance": "uniform" if balance is None else "train",
        "max_difference": float(np.abs(theirs - ours.mu).max()),
        "bit_equal": theirs.tobytes() == ours.mu.tobytes(),
        "predictions_equal": bool((stock.predict(votes) == ours.predict(data.test.L)).all()),
        "snorkel_seconds": middle - started,
        "labelkit_seconds": ended - middle,
    }


def train_balance(data: RealSet) -> list[float]:
    """Class shares of the train split's gold labels, every class counted at least once."""
    gold = data.train.gold[data.train.gold != ABSTAIN]
    if not len(gold):
        gold = data.test.gold[data.test.gold != ABSTAIN]
    counts = np.bincount(gold, minlength=data.cardinality) + 1.0
    return [float(share) for share in counts / counts.sum()]


def flips(data: RealSet, *, seeds: int, epochs: int, lr: float) -> list[dict[str, object]]:
    """Runs of each model that are right on less than half of the covered test items."""
    truth = np.bincount(data.train.gold, minlength=2) / len(data.train.gold)
    balances = {"uniform": None, ".7/.3": [0.7, 0.3], ".3/.7": [0.3, 0.7], "true": truth.tolist()}
    covered = (data.test.L != ABSTAIN).any(axis=1)
    rows = []
    for name, balance in balances.items():
        figures: dict[str, list[float]] = {"snorkel": [], "guarded": []}
        restarts, warnings = 0, 0
        for seed in range(seeds):
            options = {"n_epochs": epochs, "lr": lr, "seed": seed, "class_balance": balance}
            for kind, guard in (("snorkel", False), ("guarded", True)):
                model = SnorkelLabelModel(2, guard=guard, **options).fit(data.train.L)
                found = score(model.predict_proba(data.test.L), data.test.gold, covered)
                figures[kind].append(found.covered_accuracy.value)
                restarts += model.diagnostics["restarts"]
                warnings += bool(model.notes)
        row: dict[str, object] = {"balance": name, "seeds": seeds, "restarts": restarts, "warnings": warnings}
        for kind, values in figures.items():
            row[f"{kind}_flips"] = int((np.array(values) < 0.5).sum())
            row[f"{kind}_worst"], row[f"{kind}_mean"] = min(values), float(np.mean(values))
        rows.append(row)
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help="sets to fit; all by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=500)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seeds", type=int, default=100, help="seeds of the flip table")
    parser.add_argument("--no-flips", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    folder = data_folder()
    settings = {"seed": options.seed, "epochs": options.epochs, "lr": options.lr}
    rows = []
    for name in chosen_sets(folder, options.sets):
        data = load(folder, name)
        for balance in (None, train_balance(data)):
            rows.append(parity(data, balance=balance, **settings))
            print(f"  {name}: {'bit-equal' if rows[-1]['bit_equal'] else 'DIFFERENT'}", flush=True)
    show(
        f"mu at seed {options.seed}, {options.epochs} epochs, lr {options.lr}",
        ("set", "n", "LFs", "K", "balance", "max |Δmu|", "bit-equal", "same labels", "Snorkel s", "labelkit s"),
        [
            (r["set"], r["n"], r["functions"], r["classes"], r["balance"], f"{r['max_difference']:.1e}",
             "yes" if r["bit_equal"] else "NO", "yes" if r["predictions_equal"] else "NO",
             f"{r['snorkel_seconds']:.2f}", f"{r['labelkit_seconds']:.2f}")
            for r in rows
        ],
    )  # fmt: skip
    equal = sum(bool(r["bit_equal"]) for r in rows)
    print(f"bit-equal on {equal} of {len(rows)} fits")
    flipped = []
    if not options.no_flips:
        flipped = flips(load(folder, FLIP_SET), seeds=options.seeds, epochs=options.epochs, lr=options.lr)
        show(
            f"label flips on {FLIP_SET}, {options.seeds} seeds: covered test accuracy",
            ("class balance", "Snorkel flips", "worst", "mean", "guarded flips", "worst", "mean", "restarts"),
            [
                (r["balance"], r["snorkel_flips"], f"{r['snorkel_worst']:.1%}", f"{r['snorkel_mean']:.1%}",
                 r["guarded_flips"], f"{r['guarded_worst']:.1%}", f"{r['guarded_mean']:.1%}", r["restarts"])
                for r in flipped
            ],
        )  # fmt: skip
    write_json("snorkel_parity", {"settings": settings, "parity": rows, "flips": flipped})


if __name__ == "__main__":
    main()
