"""Real sets, end to end: functions run, votes combined, an end model trained, beside published figures.

    python benchmarks/real.py SET…|all

Labeling functions are declared from the set's ``lfs.json`` where it states them, run on the items, and
compared with the stored votes; the others' stored votes are used. Label models are fitted on train
votes without gold and scored on test votes as the data folder's README says; its figures stand beside.
A figure is "ok" where it lies within 0.05 points: both are rounded to one decimal.
"""

from __future__ import annotations

import argparse
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _common import (
    SNORKEL_EPOCHS,
    SNORKEL_LR,
    SNORKEL_SEEDS,
    RealSet,
    chosen_sets,
    data_folder,
    load,
    show,
    write_json,
)
from _functions import has_features, items, rerun

from labelkit.analysis import Score, score, vote_summary
from labelkit.endmodels import fit_end_model
from labelkit.labelmodels import AutoLabelModel, LabelModel, MajorityLabelModel, SnorkelLabelModel
from labelkit.types import ABSTAIN

TOLERANCE = 0.05 + 1e-6


def published(folder: Path) -> dict[str, dict[str, float]]:
    """The figures in the data folder's README, in percent, by set."""
    found = {}
    for line in (folder / "README.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 8 or not re.match(r"\d", cells[2]):
            continue
        figures = {}
        for key, cell in (("coverage", cells[4]), ("majority", cells[5]), ("snorkel", cells[6]), ("gold_lr", cells[7])):
            for name, pattern in (("", r"^([\d.]+)"), ("_all", r"^[\d.]+/([\d.]+)"), ("_f1", r"F1 ([\d.]+)")):
                match = re.search(pattern, cell)
                if match:
                    figures[key + name] = float(match[1])
        for key in ("majority", "snorkel"):
            if key in figures and f"{key}_all" not in figures:
                figures[f"{key}_all"] = figures[key]  # everything is covered there
        found[cells[0].split()[0]] = figures
    return found


def figures_of(found: Score, key: str, positive: int | None) -> dict[str, float]:
    """Accuracy on covered items and on all, and F1 of the positive class, in percent."""
    figures = {key: found.covered_accuracy.value, f"{key}_all": found.accuracy.value}
    if positive is not None:
        figures[f"{key}_f1"] = found.classes[positive].f1
    return {name: 100 * value for name, value in figures.items()}


def mean_figures(runs: list[dict[str, float]]) -> dict[str, float]:
    """Means over seeds."""
    return {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}


def measure(folder: Path, data: RealSet) -> dict[str, Any]:
    """All figures of one set."""
    names, k = data.function_names, data.cardinality
    positive = data.meta.get("positive_label")
    train_L, run, train_wrong = rerun(folder / data.name, names, data.meta["label_names"], data.train)
    test_L, _, test_wrong = rerun(folder / data.name, names, data.meta["label_names"], data.test)
    data = replace(data, train=replace(data.train, L=train_L), test=replace(data.test, L=test_L))
    covered = (test_L != ABSTAIN).any(axis=1)
    gold = data.test.gold
    majority = MajorityLabelModel(k).fit(train_L)
    figures = {"coverage": 100 * vote_summary(test_L).coverage}
    figures |= figures_of(score(majority.predict_proba(test_L), gold, covered), "majority", positive)
    stock, guarded, ends, restarts, seconds = [], [], [], 0, 0.0
    penalties: list[float | None] = []
    for seed in SNORKEL_SEEDS:
        options = {"seed": seed, "n_epochs": SNORKEL_EPOCHS, "lr": SNORKEL_LR}
        started = time.perf_counter()
        model = SnorkelLabelModel(k, **options).fit(train_L)
        seconds += time.perf_counter() - started
        restarts += model.diagnostics["restarts"]
        told = model.diagnostics
        penalties.append(told["penalty"])
        same = told["restarts"] == 0 and told["lr"] == SNORKEL_LR and told["penalty"] is None
        plain = model if same else SnorkelLabelModel(k, guard=False, **options).fit(train_L)
        stock.append(figures_of(score(plain.predict_proba(test_L), gold, covered), "snorkel", positive))
        guarded.append(figures_of(score(model.predict_proba(test_L), gold, covered), "guarded", positive))
    chosen = AutoLabelModel(k).fit(train_L)
    auto = figures_of(score(chosen.predict_proba(test_L), gold, covered), "auto", positive)
    for seed in SNORKEL_SEEDS:
        end = end_model_accuracy(data, chosen, seed)
        if end is not None:
            ends.append({"end_model": end})
    figures |= auto | mean_figures(stock) | mean_figures(guarded) | (mean_figures(ends) if ends else {})
    return {
        "set": data.name,
        "functions": len(names),
        "functions_run": run,
        "votes_differing": train_wrong + test_wrong,
        "votes_compared": len(run) * (len(train_L) + len(test_L)),
        "figures": figures,
        "guard_restarts": restarts,
        "guard_penalties": penalties,
        "auto": chosen.notes,
        "label_model_seconds": seconds / len(SNORKEL_SEEDS),
    }


def end_model_accuracy(data: RealSet, model: LabelModel, seed: int) -> float | None:
    """Test accuracy, in percent, of the default end model trained on the covered train items' soft labels."""
    table, test = items(data.train), items(data.test)
    if not has_features(table):
        return None
    covered = (data.train.L != ABSTAIN).any(axis=1)
    end = fit_end_model(
        "logistic", table=table, Y=model.predict_proba(data.train.L), weights=covered.astype(np.float64), seed=seed
    )
    return 100 * score(end.predict_proba(test).astype(np.float64), data.test.gold).accuracy.value


def compare(figures: Mapping[str, float], expected: Mapping[str, float]) -> list[dict[str, Any]]:
    """Each published figure beside the one measured."""
    rows = []
    for key in ("coverage", *(f"{model}{part}" for model in ("majority", "snorkel") for part in ("", "_all", "_f1"))):
        if key not in figures or key not in expected:
            continue
        # coverage is published as a whole number
        tolerance = 0.5 + 1e-6 if key == "coverage" else TOLERANCE
        difference = figures[key] - expected[key]
        rows.append(
            {
                "figure": key,
                "measured": figures[key],
                "published": expected[key],
                "difference": difference,
                "ok": abs(difference) <= tolerance,
            }
        )
    return rows


TITLES = {
    "coverage": "coverage",
    "majority": "majority vote, covered",
    "majority_all": "majority vote, all",
    "majority_f1": "majority vote, F1",
    "snorkel": "label model, covered",
    "snorkel_all": "label model, all",
    "snorkel_f1": "label model, F1",
}


def report(result: Mapping[str, Any], expected: Mapping[str, float]) -> None:
    """Print one set."""
    figures = result["figures"]
    run, functions = len(result["functions_run"]), result["functions"]
    print(f"\n== {result['set']}: {run} of {functions} functions run, the others' stored votes used")
    if run:
        print(f"   {result['votes_differing']} of {result['votes_compared']} votes differ from the stored ones")
    show(
        "test split, percent",
        ("figure", "labelkit", "published", "difference", ""),
        [
            (TITLES[r["figure"]], f"{r['measured']:.2f}", f"{r['published']:g}", f"{r['difference']:+.2f}",
             "ok" if r["ok"] else "NOT ok")
            for r in result["comparison"]
        ],
    )  # fmt: skip
    print(
        f"guarded label model: {figures['guarded']:.2f} covered, {figures['guarded_all']:.2f} all"
        f" ({result['guard_restarts']} restarts, l2 penalties {sorted({p or 0 for p in result['guard_penalties']})},"
        f" {result['label_model_seconds']:.2f} s a fit)"
    )
    print(f"auto: {figures['auto']:.2f} covered, {figures['auto_all']:.2f} all")
    for note in result["auto"]:
        print(f"  {note}")
    if "end_model" in figures:
        beside = f"; trained on gold (published): {expected['gold_lr']:g}" if "gold_lr" in expected else ""
        print(f"end model on auto's labels, all test items: {figures['end_model']:.2f}{beside}")
    else:
        print("end model: the set has no text and no fields")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SET", help="names of sets with votes, or all")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    folder = data_folder()
    expected = published(folder)
    results = []
    for name in chosen_sets(folder, options.sets):
        result = measure(folder, load(folder, name))
        result["comparison"] = compare(result["figures"], expected.get(name, {}))
        report(result, expected.get(name, {}))
        results.append(result)
    rows = [row for result in results for row in result["comparison"]]
    print(f"\n{sum(row['ok'] for row in rows)} of {len(rows)} figures as published")
    write_json("real", {"sets": results})


if __name__ == "__main__":
    main()
