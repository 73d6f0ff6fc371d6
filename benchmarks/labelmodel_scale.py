"""Snorkel's LabelModel against SnorkelLabelModel at scale: time, memory, and the same results.

    python benchmarks/labelmodel_scale.py [--items 1000000] [--functions 50] [--runs 3] [--no-growth]

Both get the same int8 label matrix (seeded: class balance, accuracies of .55 to .95, coverages of .02 to
.6, every fifth function a near copy of its neighbour), 500 epochs and the same seed, each in processes of
their own that take turns. "Cold" is the first fit of a process with its imports, "warm" a later one: the
median, and the fastest, which a busy machine disturbs least (Snorkel's fit varies several fold). Memory is
the highest resident size beyond what the process held with its imports, the matrix and one small fit.

The growth table counts shard by shard, as `bulk` does, from votes that are made in between and not timed.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _common import show, write_json

SHARD = 65_536
EPOCHS, SEED = 500, 0
ROUNDS = 3
"""Fresh processes of each contestant, taking turns: what else the machine does falls on all of them."""
BALANCES = {2: (0.35, 0.65), 4: (0.4, 0.3, 0.2, 0.1)}
GROWTH_ITEMS = (10_000, 100_000, 1_000_000, 10_000_000)
GROWTH_FUNCTIONS = (10, 50, 200)


def shards(items: int, functions: int, classes: int) -> Iterator[np.ndarray]:
    """A label matrix (items, functions), int8, in shards of 65,536 rows; the same at every call."""
    rng = np.random.default_rng(SEED)
    accuracies = rng.uniform(0.55, 0.95, functions).astype(np.float32)
    coverages = np.exp(rng.uniform(np.log(0.02), np.log(0.6), functions)).astype(np.float32)
    balance = BALANCES.get(classes, (1 / classes,) * classes)
    for number, start in enumerate(range(0, items, SHARD)):
        rng = np.random.default_rng([SEED, number])
        rows = min(SHARD, items - start)
        truth = rng.choice(classes, rows, p=balance).astype(np.int8)
        L = np.full((functions, rows), -1, dtype=np.int8)
        for j in range(functions):
            wrong = (truth + rng.integers(1, classes, rows, dtype=np.int8)) % classes
            vote = np.where(rng.random(rows, dtype=np.float32) < accuracies[j], truth, wrong)
            np.copyto(L[j], vote, where=rng.random(rows, dtype=np.float32) < coverages[j])
            if j % 5 == 4:
                np.copyto(L[j], L[j - 1], where=rng.random(rows, dtype=np.float32) < 0.7)
        yield np.ascontiguousarray(L.T)


def timed(work: Callable[[], Any]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def resident(field: str) -> float:
    """MB of this process: now (``VmRSS``) or at the highest since it was last reset (``VmHWM``)."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field} in /proc/self/status")


def peak_beyond(work: Callable[[], Any]) -> float:
    """Highest resident MB during one call beyond those before it."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    work()
    return resident("VmHWM") - before


class Contestant:
    """One of the two label models behind the same calls."""

    def __init__(self, kind: str, classes: int) -> None:
        self.kind = kind
        if kind == "snorkel":
            from snorkel.labeling.model import LabelModel

            self.model = LabelModel(classes, verbose=False)
        else:
            from labelkit.labelmodels import SnorkelLabelModel, prepare

            prepare("snorkel")
            self.model = SnorkelLabelModel(classes, guard=kind == "guarded", n_epochs=EPOCHS, seed=SEED)

    def fit(self, L: np.ndarray) -> None:
        """Learn mu."""
        if self.kind == "snorkel":
            self.model.fit(L, n_epochs=EPOCHS, seed=SEED, progress_bar=False)
        else:
            self.model.fit(L)

    @property
    def mu(self) -> np.ndarray:
        """The fitted table."""
        return self.model.mu.detach().numpy() if self.kind == "snorkel" else self.model.mu


def time_child(kind: str, folder: Path, classes: int, runs: int) -> dict[str, Any]:
    """Times of one contestant; mu, probabilities and decisions are left in the folder."""
    L = np.load(folder / f"L{classes}.npy")
    logging.disable(logging.WARNING)
    started = time.perf_counter()
    contestant = Contestant(kind, classes)
    imported = time.perf_counter() - started
    first = timed(lambda: contestant.fit(L))
    fits = [timed(lambda: contestant.fit(L)) for _ in range(runs)]
    contestant.model.predict_proba(L)
    predictions = [timed(lambda: contestant.model.predict_proba(L)) for _ in range(runs)]
    found = {"mu": contestant.mu, "decided": contestant.model.predict(L)}
    np.savez(folder / f"{kind}{classes}.npz", **found, probabilities=contestant.model.predict_proba(L))
    return {
        "import": imported,
        "first_fit": first,
        "fit_cold": imported + first,
        "fits": fits,
        "predictions": predictions,
    }


def memory_child(kind: str, folder: Path, classes: int) -> dict[str, float]:
    """Peak memory of fitting and of predicting, in MB."""
    L = np.load(folder / f"L{classes}.npy")
    logging.disable(logging.WARNING)
    contestant = Contestant(kind, classes)
    contestant.fit(L[:2000])
    contestant.model.predict_proba(L[:2000])
    return {
        "fit_mb": peak_beyond(lambda: contestant.fit(L)),
        "predict_proba_mb": peak_beyond(lambda: contestant.model.predict_proba(L)),
    }


def growth_child(items: int, functions: int) -> dict[str, float]:
    """Seconds of counting, training and predicting so many votes, and the peak memory of all of it."""
    from labelkit.labelmodels import SnorkelLabelModel, VoteStatistics

    spent = {"count": 0.0, "train": 0.0, "predict_proba": 0.0}
    model = SnorkelLabelModel(2, n_epochs=EPOCHS, seed=SEED)
    model.fit(next(shards(2000, functions, 2)))

    def run() -> None:
        def counted() -> Iterator[VoteStatistics]:
            for number, L in enumerate(shards(items, functions, 2)):
                started = time.perf_counter()
                yield VoteStatistics.from_votes(L, 2, number * SHARD)
                spent["count"] += time.perf_counter() - started

        total = VoteStatistics.merge(counted())
        spent["train"] = timed(lambda: model.fit_statistics(total))
        for L in shards(items, functions, 2):
            spent["predict_proba"] += timed(lambda L=L: model.predict_proba(L))

    peak = peak_beyond(run)
    return {"items": items, "functions": functions, **spent, "mb": peak}


def in_child(*arguments: object) -> dict[str, Any]:
    """Run one measurement in a fresh process."""
    command = [sys.executable, __file__, "--child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"measuring {' '.join(map(str, arguments))} failed:\n{done.stderr}")
    return dict(json.loads(done.stdout))


def _pooled(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All rounds of one contestant: medians, fastest runs, and every run."""
    pooled: dict[str, Any] = {
        key: statistics.median(each[key] for each in rounds) for key in ("import", "first_fit", "fit_cold")
    }
    for key, name in (("fits", "fit"), ("predictions", "predict_proba")):
        every = [seconds for each in rounds for seconds in each[key]]
        pooled |= {key: every, name: statistics.median(every), f"{name}_fastest": min(every)}
    return pooled


def side_by_side(folder: Path, items: int, functions: int, classes: int, runs: int) -> dict[str, Any]:
    """Measure all contestants on one matrix and compare what they found."""
    np.save(folder / f"L{classes}.npy", np.concatenate(list(shards(items, functions, classes))))
    kinds = ("snorkel", "labelkit", "guarded")
    rounds: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for number in range(ROUNDS):
        for kind in kinds:
            rounds[kind].append(in_child("time", kind, folder, classes, runs))
            print(f"  {classes} classes, round {number + 1}, {kind}: {min(rounds[kind][-1]['fits']):.2f} s", flush=True)
    found = {kind: _pooled(rounds[kind]) | in_child("memory", kind, folder, classes) for kind in kinds}
    theirs, ours, guarded = (np.load(folder / f"{kind}{classes}.npz") for kind in found)
    return {
        "items": items,
        "functions": functions,
        "classes": classes,
        "measured": found,
        "mu_bit_equal": theirs["mu"].tobytes() == ours["mu"].tobytes(),
        "guarded_mu_bit_equal": theirs["mu"].tobytes() == guarded["mu"].tobytes(),
        "decisions_equal": bool((theirs["decided"] == ours["decided"]).all()),
        "probabilities_differ_by": float(np.abs(theirs["probabilities"] - ours["probabilities"]).max()),
    }


def show_side_by_side(result: dict[str, Any]) -> None:
    """Print one comparison."""
    rows = []
    measured = result["measured"]
    lines = (
        ("fit, warm, median", "fit", "s", 8),
        ("fit, warm, fastest", "fit_fastest", "s", 8),
        ("fit, cold with imports", "fit_cold", "s", None),
        ("fit, cold without imports", "first_fit", "s", None),
        ("fit, memory", "fit_mb", "MB", 8),
        ("predict_proba, median", "predict_proba", "s", 10),
        ("predict_proba, fastest", "predict_proba_fastest", "s", 10),
        ("predict_proba, memory", "predict_proba_mb", "MB", None),
    )
    for title, key, unit, least in lines:
        theirs, ours, guarded = (measured[kind][key] for kind in ("snorkel", "labelkit", "guarded"))
        goal = "" if least is None else f"{least}×"
        ratios = [f"{theirs / max(own, 1e-9):.1f}×" for own in (ours, guarded)]
        digits = 3 if unit == "s" else 0
        rows.append((title, *(f"{value:.{digits}f} {unit}" for value in (theirs, ours, guarded)), *ratios, goal))
    show(
        f"{result['items']:,} items × {result['functions']} functions, {result['classes']} classes, {EPOCHS} epochs",
        ("", "Snorkel", "guard=False", "guarded", "ratio", "guarded", "at least"),
        rows,
    )
    print(
        f"mu bit-identical: {result['mu_bit_equal']} (guarded: {result['guarded_mu_bit_equal']});"
        f" decisions equal: {result['decisions_equal']};"
        f" probabilities differ by at most {result['probabilities_differ_by']:.1e}"
    )


def exponent(rows: Sequence[dict[str, float]], key: str) -> float:
    """Slope of log seconds over log items, from 100,000 items on."""
    large = [row for row in rows if row["items"] >= 100_000] or list(rows)
    if len(large) < 2:
        return float("nan")
    return float(np.polyfit(np.log([r["items"] for r in large]), np.log([r[key] for r in large]), 1)[0])


def growth(most_items: int) -> list[dict[str, float]]:
    """Measure labelkit alone on growing numbers of items and functions."""
    rows = []
    for functions in GROWTH_FUNCTIONS:
        for items in (each for each in GROWTH_ITEMS if each <= most_items):
            rows.append(in_child("growth", items, functions))
            print(f"  {items:,} × {functions}: {rows[-1]['count']:.2f} s", flush=True)
    return rows


def show_growth(rows: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Print the growth table; the exponents by number of functions."""
    show(
        f"labelkit alone, 2 classes, {EPOCHS} epochs, guarded",
        ("items", "functions", "count s", "train s", "predict_proba s", "memory MB"),
        [
            (f"{r['items']:,}", r["functions"], f"{r['count']:.3f}", f"{r['train']:.3f}", f"{r['predict_proba']:.3f}",
             f"{r['mb']:.0f}")
            for r in rows
        ],
    )  # fmt: skip
    exponents = {}
    for functions in GROWTH_FUNCTIONS:
        of = [row for row in rows if row["functions"] == functions]
        exponents[str(functions)] = {key: exponent(of, key) for key in ("count", "train", "predict_proba")}
    for functions, found in exponents.items():
        print(f"{functions} functions: " + ", ".join(f"{key} ~ items^{value:.2f}" for key, value in found.items()))
    return exponents


def child(arguments: Sequence[str]) -> None:
    """One measurement, printed as JSON."""
    what, *rest = arguments
    if what == "growth":
        print(json.dumps(growth_child(int(rest[0]), int(rest[1]))))
    elif what == "time":
        print(json.dumps(time_child(rest[0], Path(rest[1]), int(rest[2]), int(rest[3]))))
    else:
        print(json.dumps(memory_child(rest[0], Path(rest[1]), int(rest[2]))))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--functions", type=int, default=50)
    parser.add_argument("--classes", type=int, nargs="*", default=[2, 4])
    parser.add_argument("--runs", type=int, default=3, help="warm runs in each of three rounds")
    parser.add_argument("--no-growth", action="store_true")
    parser.add_argument("--most-items", type=int, default=GROWTH_ITEMS[-1], help="of the growth table")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    with tempfile.TemporaryDirectory() as folder:
        compared = [
            side_by_side(Path(folder), options.items, options.functions, classes, options.runs)
            for classes in options.classes
        ]
    for result in compared:
        show_side_by_side(result)
    rows = [] if options.no_growth else growth(options.most_items)
    exponents = show_growth(rows) if rows else {}
    write_json("labelmodel_scale", {"compared": compared, "growth": rows, "exponents": exponents})


if __name__ == "__main__":
    main()
