"""How many answers a loop needs: labelkit's against asking at random, and against other tools, in one process.

    python benchmarks/label_efficiency.py [--sets youtube,trec] [--seeds 10] [--workers 2] [--pictures]

Votes and texts are those of the shared sets; simulated people answer from gold. All methods have the same features
(made once a set) and the same logistic regression, so that only what is asked and how answers are used differs.
Every answer counts, those for the audit and for tuning too; skips count as answers. Accuracies are of the shipped end
model: of test items, and of all pool items, answers not put in. Intervals are 95% over seeds (Student's t); two
methods are compared seed by seed. A curve is said to fall below its start where the interval of the change, over seeds
and test items, lies below 0. A result is kept in a cache, by what made it: a run that was stopped goes on.

IMDb's features are its 20,000 most frequent words, for all methods alike.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _common import ROOT, data_folder, sets_with_votes, show, write_json
from _efficiency_figures import WITHIN, Interval, Runs, at, mean_interval, set_figures, summary
from _efficiency_people import KINDS
from _efficiency_sets import SETS, cache_folder, prepare
from _efficiency_tasks import METHODS, Task, results_of

BATCH = 50
CAP = 2000
LONG = ("auto", "human-margin")
"""Methods that go on to the cap, for the number of labels to the target."""
UNDER_NOISE = ("auto", "human-margin")
"""Methods that run with annotators who are not perfect."""
PICTURES = ROOT / "docs" / "pictures"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS), help="names, separated by commas")
    parser.add_argument("--methods", default=",".join(METHODS), help=f"of {', '.join(METHODS)}")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--until", type=int, default=300, help="where the curves and areas end")
    parser.add_argument("--cap", type=int, help=f"most labels to the target ({CAP}; --until if that is below 300)")
    parser.add_argument("--batch", type=int, default=BATCH, help="most answers between two refits, up to --until")
    parser.add_argument("--annotators", default="gold", help=f"of {', '.join(KINDS)}; gold is always there")
    parser.add_argument("--noisy-seeds", type=int, default=5, help="seeds with the others than gold")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", help="where features and results are kept")
    parser.add_argument("--pictures", action="store_true", help=f"draw the curves into {PICTURES.relative_to(ROOT)}/")
    parser.add_argument("--name", default="label_efficiency", help="of the JSON file in benchmarks/results/")
    options = parser.parse_args(arguments)
    options.sets, options.methods = options.sets.split(","), options.methods.split(",")
    options.annotators = [kind for kind in dict.fromkeys(options.annotators.split(",")) if kind != "gold"]
    options.cap = options.cap or (CAP if options.until >= 300 else options.until)
    for what, given, known in (("method", options.methods, METHODS), ("annotators", options.annotators, KINDS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")
    if min(options.seeds, options.until, options.batch, options.noisy_seeds) < 1:
        parser.error("--seeds, --until, --batch and --noisy-seeds are at least 1")
    return options


def tasks_of(options: argparse.Namespace) -> list[Task]:
    """All runs, a set's together: a worker keeps the set it has."""
    found = []
    for name in options.sets:
        for method in options.methods:
            spec = METHODS[method]
            cap = options.cap if method in LONG else options.until
            seeds = range(options.seeds if spec.seeded else 1)
            found += [Task(name, method, seed, "gold", options.until, cap, options.batch) for seed in seeds]
        for kind in options.annotators:
            for method in (method for method in UNDER_NOISE if method in options.methods):
                seeds = range(min(options.seeds, options.noisy_seeds))
                found += [Task(name, method, s, kind, options.until, options.until, options.batch) for s in seeds]
    return found


def grouped(results: Sequence[Mapping[str, Any]], kind: str) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Set → method → runs with annotators of this kind."""
    found: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for one in results:
        if one["annotators"] == kind:
            found.setdefault(one["set"], {}).setdefault(one["method"], []).append(one)
    return found


def text(interval: Mapping[str, Any], scale: float = 100, digits: int = 1) -> str:
    """An interval of the JSON file, for a table."""
    return Interval(**interval).text(scale, digits)


def tell_set(name: str, figures: Mapping[str, Any], shown: Sequence[int], until: int, cap: int) -> None:
    """Print one set."""
    rows = []
    for method, one in figures["methods"].items():
        labels = (text(one["labels"], 1, 0), f"{one['reached']:.0%}") if "labels" in one else ("", "")
        rows.append(
            (method, one["seeds"], *(text(one["test"][str(x)]) for x in shown), text(one["pool"][str(shown[-1])]),
             text(one["area"], digits=2), *labels, f"{one['cpu_seconds']:.1f}")
        )  # fmt: skip
    show(
        f"{name}: gold-trained {100 * (figures['target'] + WITHIN):.1f}, to reach {100 * figures['target']:.1f}",
        ("method", "seeds", *(f"test {x}" for x in shown), f"pool {shown[-1]}", f"area {until}",
         f"labels to it (≤ {cap})", "reached", "CPU s/run"),
        rows,
    )  # fmt: skip
    if "best_peer" in figures:
        print(f"area over the best peer ({figures['best_peer']}): {text(figures['area_over_best_peer'], digits=2)}")
    if "end_over_random" in figures:
        print(
            f"over random: at {until} {text(figures['end_over_random'], digits=2)}, area"
            f" {text(figures['area_over_random'], digits=2)}"
        )
    for one in figures.get("below_start", ()):
        print(f"BELOW ITS START at {one['answers']}: {text(one['change'], digits=2)}")


def tell_summary(
    found: Mapping[str, Any], sets: Mapping[str, Any], curves: Mapping[str, Mapping[str, Runs]], until: int
) -> None:
    """Print the figures over all sets."""
    rows = []
    for key, title in (("labels_ratio", "labels to the target"), ("labels_to_stay_ratio", "labels to stay there")):
        if key in found:
            per_set = ", ".join(f"{name} {value:.2f}" for name, value in found[key]["sets"].items())
            rows.append((f"{title}, auto ÷ human-margin, median", f"{found[key]['median']:.2f}", per_set))
    if "area_over_best_peer" in found:
        one = found["area_over_best_peer"]
        below = ", ".join(one["below_by_more_than_noise"]) or "none"
        rows.append(("area over the best peer, points, mean", f"{100 * one['mean']:+.2f}", f"below on: {below}"))
    if "end_below_random" in found:
        rows.append(("sets where auto ends below random", len(found["end_below_random"]),
                     ", ".join(found["end_below_random"]) or "none"))  # fmt: skip
        rows.append(("sets where auto ends above random", len(found["end_above_random"]),
                     ", ".join(found["end_above_random"]) or "none"))  # fmt: skip
    fell = ", ".join(f"{name} at {[one['answers'] for one in there]}" for name, there in found["below_start"].items())
    rows.append(("sets whose test fell below the start", len(found["below_start"]), fell or "none"))
    if "auto" in curves.get("youtube", {}):
        for key in ("pool", "test"):
            one = mean_interval([at(run["points"], min(200, until), key) for run in curves["youtube"]["auto"]])
            rows.append((f"youtube, {key} at {min(200, until)}", one.text(digits=2), ""))
    show(f"over {len(sets)} sets", ("figure", "measured", ""), rows)


def tell_noise(results: Sequence[Mapping[str, Any]], kinds: Sequence[str], until: int) -> dict[str, Any]:
    """Print what annotators cost who are not perfect; the figures by kind."""
    found: dict[str, Any] = {}
    rows = []
    for kind in ("gold", *kinds):
        for name, curves in grouped(results, kind).items():
            kept = {method: curves[method] for method in UNDER_NOISE if method in curves}
            if not kept:
                continue
            reached = next(iter(kept.values()))[0]["reached"]
            one = set_figures(kept, target=reached - WITHIN, until=until, cap=until, shown=[0, until])
            found.setdefault(kind, {})[name] = one
            rows += [
                (name, kind, method, figures["seeds"], text(figures["test"][str(until)]),
                 text(figures["pool"][str(until)]), text(figures["area"], digits=2))
                for method, figures in one["methods"].items()
            ]  # fmt: skip
    rows.sort(key=lambda row: (list(SETS).index(row[0]) if row[0] in SETS else len(SETS), row[2]))
    show("annotators", ("set", "annotators", "method", "seeds", f"test {until}", f"pool {until}", "area"), rows)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    options = parsed(arguments)
    logging.disable(logging.WARNING)
    folder, cache = data_folder(), cache_folder(options.cache)
    unknown = [name for name in options.sets if name not in sets_with_votes(folder)]
    if unknown:
        sys.exit(f"no set {', '.join(unknown)} with votes in {folder}; there are {', '.join(sets_with_votes(folder))}")
    for name in options.sets:
        prepare(folder, name, cache)
    results = results_of(tasks_of(options), folder, cache, options.workers)
    curves = grouped(results, "gold")
    shown = sorted({x for x in (0, 100, 200) if x < options.until} | {options.until})
    reached = {name: next(iter(methods.values()))[0]["reached"] for name, methods in curves.items()}
    sets = {}
    for name, methods in curves.items():
        sets[name] = set_figures(
            methods,
            target=reached[name] - WITHIN,
            until=options.until,
            cap=options.cap,
            shown=shown,
            searched=LONG,
        )
        tell_set(name, sets[name], shown, options.until, options.cap)
    found = summary(sets)
    tell_summary(found, sets, curves, options.until)
    told: dict[str, Any] = {"options": vars(options), "summary": found, "sets": sets}
    if options.annotators:
        told["annotators"] = tell_noise(results, options.annotators, options.until)
    told["curves"] = [{key: value for key, value in one.items() if key != "key"} for one in results]
    write_json(options.name, told)
    if options.pictures:
        from _efficiency_pictures import draw

        for path in draw(curves, reached, Path(PICTURES), until=options.until):
            print(f"drawn: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
