"""Are the audit's intervals honest though one looks daily, and does "you can stop" come too early?

    python benchmarks/audit.py [SET ...] [--runs N] [--scenario NAME ...]

Whole runs of the loop with labelkit's rooms in process: majority votes, the logistic end model on TF-IDF, queues by
margin with a fifth of the places drawn for the audit, refits after every batch. At every look the accuracy of the
model of that time on all items of the pool is known to the benchmark only. Printed beside it: the fixed-n Wilson
interval looked at as often, and stopping by the agreement of successive models.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Final

import numpy as np
from _audit_runs import bench, run
from _audit_stop import Seen, advised, first_stop, kappa_stop, seen
from _common import data_folder, show, write_json

from labelkit.query.stopping import Wanted

SETS: Final = ("youtube", "sms", "rna", "trec", "semeval", "agnews")
SCENARIOS: Final[dict[str, dict[str, Any]]] = {
    "retrained": {},
    "retrained, batches of 10": {"batch": 10, "looks": 52},
    "fixed model": {"fixed": True},
    "10% wrong answers": {"noise": 0.1},
}
TARGETS: Final = (0.7, 0.8, 0.85, 0.9, 0.95)
WORTH: Final = 0.02
PRICES: Final = Wanted(price_per_label=1.0, price_per_point=50.0)
"""By these prices 100 labels pay from two points on."""
AT: Final = 100
"""Audited items at which widths are compared."""


def main() -> None:
    """Run what was asked for, print the tables, keep the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}; all if none")
    parser.add_argument("--runs", type=int, default=8, help="runs of each set and scenario")
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS), help="may be repeated; all if none")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with a set")
    given = parser.parse_args()
    started, scenarios = time.perf_counter(), given.scenario or list(SCENARIOS)
    data_folder()
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.jobs) as processes:
        for found in processes.map(partial(_set, scenarios=scenarios, runs=given.runs), given.sets or SETS):
            rows += found
    for scenario in scenarios:
        _tables(scenario, [row for row in rows if row["scenario"] == scenario])
    write_json("audit", {"runs": given.runs, "seconds": time.perf_counter() - started, "rows": rows})


def _set(name: str, *, scenarios: list[str], runs: int) -> list[dict[str, Any]]:
    """All scenarios on one set."""
    data = bench(data_folder(), name)
    rows = []
    for scenario in scenarios:
        done = [
            [seen(look, data.gold, len(data.names)) for look in run(data, seed, **SCENARIOS[scenario])]
            for seed in range(runs)
        ]
        rows.append({"set": name, "scenario": scenario, **_intervals(done), **_stops(done, data.names)})
        _told(rows[-1])
    return rows


def _intervals(runs: list[list[Seen]]) -> dict[str, Any]:
    """Runs whose truth was inside at every look, and widths at the first look with 100 audited items."""
    looks = [[one for one in each if one.figures.accuracy.n] for each in runs]
    ours = [all(_inside(one.figures.accuracy, one.look.truth) for one in each) for each in looks]
    answers = [all(_inside(one.figures.accuracy, one.look.answered) for one in each) for each in looks]
    daily = [all(_inside(one.wilson, one.look.truth) for one in each) for each in looks]
    f1 = [all(_inside(one.figures.macro_f1, one.macro_f1) for one in each) for each in looks]
    at = [one for each in looks for one in [next((x for x in each if x.figures.accuracy.n >= AT), None)] if one]
    return {
        "runs": len(runs),
        "looks": len(looks[0]),
        "inside": sum(ours),
        "inside_answers": sum(answers),
        "inside_wilson": sum(daily),
        "inside_macro_f1": sum(f1),
        "width": _mean([one.figures.accuracy.high - one.figures.accuracy.low for one in at]),
        "width_wilson": _mean([one.wilson.high - one.wilson.low for one in at]),
        "bias": _mean([(one.figures.accuracy.value or 0) - one.look.truth for one in at]),
        "design_effect": _mean([one.figures.design_effect or 1.0 for one in at]),
        "truth": _mean([one.look.truth for one in at]),
    }


def _inside(interval: Any, truth: float) -> bool:
    return bool(interval.low <= truth <= interval.high)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _stops(runs: list[list[Seen]], names: tuple[str, ...]) -> dict[str, Any]:
    """Stops over all runs and targets, and those while the truth was more than a point below the target; stops by
    price, and those before 100 labels that brought more than a point more than they had to."""
    found = {"stops": 0, "early": 0, "tries": 0, "kappa_stops": 0, "kappa_early": 0, "price_stops": 0, "price_early": 0}
    for each in runs:
        bought = first_stop(advised(each, names, PRICES))
        if bought is not None:
            later = next((one for one in each if one.look.answers >= each[bought].look.answers + 100), each[-1])
            found["price_stops"] += 1
            found["price_early"] += later.look.truth - each[bought].look.truth > WORTH + 0.01
        agreed = kappa_stop(each, len(names))
        for target in TARGETS:
            found["tries"] += 1
            at = first_stop(advised(each, names, Wanted(target=target)))
            found["stops"] += at is not None
            found["early"] += at is not None and each[at].look.truth < target - 0.01
            found["kappa_stops"] += agreed is not None
            found["kappa_early"] += agreed is not None and each[agreed].look.truth < target - 0.01
    return found


def _told(row: dict[str, Any]) -> None:
    print(f"{row['set']}, {row['scenario']}: {row['inside']} of {row['runs']} runs inside at every look", flush=True)


def _tables(scenario: str, rows: list[dict[str, Any]]) -> None:
    header = ["set", "runs", "inside at every look", "Wilson daily", "macro-F1 inside", f"width at {AT}",
              "Wilson", "bias", "design effect", "accuracy", "stops", "early", "kappa stops", "early", "price stops",
              "early"]  # fmt: skip
    body = [
        [
            row["set"], row["runs"], f"{row['inside'] / row['runs']:.0%}", f"{row['inside_wilson'] / row['runs']:.0%}",
            f"{row['inside_macro_f1'] / row['runs']:.0%}", _number(row["width"]), _number(row["width_wilson"]),
            _number(row["bias"]), _number(row["design_effect"]), _number(row["truth"]),
            f"{row['stops']}/{row['tries']}", row["early"], f"{row['kappa_stops']}/{row['tries']}", row["kappa_early"],
            f"{row['price_stops']}/{row['runs']}", row["price_early"],
        ]
        for row in rows
    ]  # fmt: skip
    total = {key: sum(row[key] for row in rows) for key in rows[0] if isinstance(rows[0][key], int)}
    n, widths = total["runs"], [row["width"] for row in rows if row["width"] is not None]
    body.append([
        "all", n, f"{total['inside'] / n:.1%}", f"{total['inside_wilson'] / n:.1%}",
        f"{total['inside_macro_f1'] / n:.1%}", _number(_mean(widths)), "", "", "", "",
        f"{total['stops']}/{total['tries']}", total["early"], f"{total['kappa_stops']}/{total['tries']}",
        total["kappa_early"], f"{total['price_stops']}/{n}", total["price_early"],
    ])  # fmt: skip
    show(f"audit, {scenario} ({rows[0]['looks']} looks)", header, body)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
