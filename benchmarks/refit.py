"""A cycle of the trainer beside people who answer: `python benchmarks/refit.py [--items 100000]`.

A project with many items and functions, a refit after every ten answers. The trainer is a process of its own, at low
priority as under `labelkit serve`; people answer here, through the store as the server does it. Told are the seconds
of each step of a cycle (medians over cycles), the longest write transaction of the trainer, how long answers took
beside it and while it rested, and whether every answer is there once.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _common import show, write_json
from _refit_answers import Answering, check
from _refit_project import make_project

HERE = Path(__file__).resolve().parent
STEPS = ("label", "train", "rank")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print the table, keep the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=20_000, help="size of the vocabulary")
    parser.add_argument("--functions", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=7)
    parser.add_argument("--refit-after", type=int, default=10)
    parser.add_argument("--rate", type=float, default=4.0, help="answers a second")
    parser.add_argument("--profile", metavar="FILE", help="keep a profile of the trainer here")
    parser.add_argument("--name", default="refit", help="of the JSON file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="labelkit-refit-") as folder:
        result = measure(Path(folder) / "project", given)
    tell(result)
    write_json(given.name, result)


def measure(home: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Make the project, let the trainer and people work on it, and read what they noted."""
    made = make_project(home, given.items, words=given.words, functions=given.functions, refit_after=given.refit_after)
    noted = home / "trainer.jsonl"
    command = [sys.executable, str(HERE / "_refit_trainer.py"), str(home), str(noted)]
    if given.profile:
        command += ["--profile", str(Path(given.profile).absolute())]
    with Answering(home, rate=given.rate) as answering:
        trainer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert trainer.stdout is not None
            trainer.stdout.readline()  # "ready"
            # The first cycle of a process reads the items and makes the features: it is told by itself.
            _until(lambda: len(_read(noted)) > given.cycles, trainer, answering)
        finally:
            trainer.send_signal(signal.SIGTERM)
            trainer.wait(60)
    cycles = _read(noted)[: given.cycles + 1]
    return {
        "settings": {k: v for k, v in vars(given).items() if k not in ("profile", "name")},
        "project": made,
        "first_cycle": _cycle(cycles[0]),
        "cycles": [_cycle(cycle) for cycle in cycles[1:]],
        "medians": {key: median(_cycle(cycle)[key] for cycle in cycles[1:]) for key in _cycle(cycles[0])},
        "longest_transaction_ms": 1000 * max(t["seconds"] for c in cycles for t in c["transactions"]),
        "transactions": _transactions(cycles),
        "answers": answering.figures([(c["began"], c["ended"]) for c in cycles]),
        "checked": check(home, answering),
    }


def _until(done: Any, trainer: subprocess.Popen[str], answering: Answering) -> None:
    while not done():
        if trainer.poll() is not None:
            sys.exit("the trainer's process ended by itself")
        if answering.failed is not None:
            raise answering.failed
        time.sleep(0.2)


def _read(path: Path) -> list[dict[str, Any]]:
    """Whole cycles: those with every step."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [cycle for cycle in map(json.loads, lines) if set(STEPS) <= set(cycle["steps"])]


def _cycle(cycle: dict[str, Any]) -> dict[str, float]:
    return {
        **{step: cycle["steps"][step] for step in STEPS},
        "all": sum(cycle["steps"].values()),
        **{f"{step} cpu": cycle["cpu"][step] for step in STEPS},
        "all cpu": sum(cycle["cpu"].values()),
    }


def _transactions(cycles: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Of each step: how many write transactions a cycle has, and how long the longest held the lock."""
    found = {}
    for step in STEPS:
        lengths = [[t["seconds"] for t in cycle["transactions"] if t["step"] == step] for cycle in cycles[1:]]
        found[step] = {
            "of_a_cycle": float(np.mean([len(one) for one in lengths])),
            "longest_ms": 1000 * max((length for one in lengths for length in one), default=0.0),
        }
    return found


def tell(result: dict[str, Any]) -> None:
    """Print the tables."""
    settings, medians, first = result["settings"], result["medians"], result["first_cycle"]
    rows = [
        [key, f"{medians[key]:.2f}", f"{min(c[key] for c in result['cycles']):.2f}",
         f"{max(c[key] for c in result['cycles']):.2f}", f"{medians[f'{key} cpu']:.2f}", f"{first[key]:.2f}"]
        for key in (*STEPS, "all")
    ]  # fmt: skip
    show(
        f"{settings['items']:,} items, {settings['functions']} functions, {result['project']['features']:,} features,"
        f" a refit after {settings['refit_after']} answers: seconds of {len(result['cycles'])} cycles",
        ["step", "median", "least", "most", "median CPU", "first cycle"],
        rows,
    )
    told = [
        [name, f"{one['n']:,}", *(f"{one[key]:.1f}" for key in ("p50", "p95", "max"))]
        for name, one in result["answers"].items()
        if one["n"]
    ]
    show("answers, milliseconds until they are durable", ["while", "answers", "p50", "p95", "max"], told)
    steps = [
        [step, f"{one['of_a_cycle']:.0f}", f"{one['longest_ms']:.1f}"] for step, one in result["transactions"].items()
    ]
    show("the trainer's write transactions", ["step", "in a cycle", "longest ms"], steps)
    checked = result["checked"]
    print(
        f"\n{checked['acknowledged']:,} answers acknowledged, {checked['stored']:,} stored, {checked['lost']} lost,"
        f" {checked['doubled']} doubled; {checked['queues_read']:,} times the queue was read,"
        f" {checked['queues_torn']} times not whole; {checked['queues_swapped']} new queues;"
        f" {checked['waited_for_items']:.1f} s without an item to answer"
    )


if __name__ == "__main__":
    main()
