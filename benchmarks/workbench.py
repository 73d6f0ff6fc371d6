"""The workbench: what accepted suggestions do to the label model, and how long a try takes.

    python benchmarks/workbench.py suggestions SET…|all
    python benchmarks/workbench.py try --items 100000

``suggestions``: with the stored votes of a set and the gold labels of a random part of its train items as people's
answers, the first five suggestions are accepted unseen. The label model ``auto`` is fitted on the train votes (and
these answers) before and after, and scored on the test split; an uncovered item counts as 1/K in "all". Means over
three draws. The constants of the mining were chosen while looking at youtube, sms, trec, agnews and imdb.

``try``: news texts, repeated up to so many items and imported into a project with 46 keyword functions. Each try is a
project opened anew, as a page does it; the first one of a process comes apart from the others.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _common import RealSet, chosen_sets, data_folder, load, show, write_json

from labelkit import Project
from labelkit.analysis import Score, score
from labelkit.labelmodels import AutoLabelModel
from labelkit.lf.mining import MiningInput, mined
from labelkit.lf.mining_choice import Suggestion, suggested
from labelkit.types import ABSTAIN

ANSWERS, DRAWS, ACCEPTED = (0, 100, 300), (0, 1, 2), 5
TRIES: tuple[dict[str, Any], ...] = (
    {"kind": "keywords", "keywords": ["victory"]},
    {"kind": "keywords", "keywords": ["minister", "election", "government"]},
    {"kind": "keywords", "keywords": ["the"]},
    {"kind": "keywords", "keywords": ["an"], "substring": True},
    {"kind": "regex", "pattern": r"\b(oil|gas) prices?\b", "case": False},
    {"kind": "regex", "pattern": r"(?<=the )presiden\w+", "case": False},
    {"kind": "regex", "pattern": r"(\w+) \1", "case": False},
)


def votes_of(term: str, label: int, texts: list[str]) -> np.ndarray:
    """(n, 1) votes of the keyword function that a suggestion stands for."""
    find = re.compile(rf"(?<!\w){re.escape(term)}(?!\w)", re.IGNORECASE).search
    return np.array([[label if find(text) else ABSTAIN] for text in texts], dtype=np.int8)


def fitted(data: RealSet, L: np.ndarray, test_L: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, Score]:
    """Decided labels of the train items, and the score on test items."""
    names = [f"function {j}" for j in range(L.shape[1])]
    model = AutoLabelModel(data.cardinality).fit(L, known if (known != ABSTAIN).any() else None, names=names)
    covered = (test_L != ABSTAIN).any(axis=1)
    return model.label(L)[1], score(model.predict_proba(test_L), data.test.gold, covered)


def mine(data: RealSet, known: np.ndarray, decided: np.ndarray) -> tuple[list[Suggestion], float]:
    """The suggestions that would be accepted, and the seconds that they took."""
    started = time.perf_counter()
    L = data.train.L
    covered = (L != ABSTAIN).any(axis=1)
    labels = np.where(covered, decided, ABSTAIN)
    texts = data.train.table["text"].cast(pa.string())
    found = mined(MiningInput([texts], known, labels, covered, data.cardinality))
    bits = b"".join(one.bits for one in found)
    chosen = suggested([one.as_dict() for one in found], bits, L, covered, count=ACCEPTED)
    return chosen, time.perf_counter() - started


def accepted(data: RealSet, answers: int, seed: int) -> dict[str, float]:
    """Figures before and after, in percent."""
    known = np.full(len(data.train.gold), ABSTAIN, dtype=np.int16)
    drawn = np.random.default_rng(seed).choice(len(known), answers, replace=False)
    known[drawn] = data.train.gold[drawn]
    decided, before = fitted(data, data.train.L, data.test.L, known)
    chosen, seconds = mine(data, known, decided)
    train, test = data.train.table["text"].to_pylist(), data.test.table["text"].to_pylist()
    L = np.hstack([data.train.L, *(votes_of(one.term, one.label, train) for one in chosen)])
    test_L = np.hstack([data.test.L, *(votes_of(one.term, one.label, test) for one in chosen)])
    _, after = fitted(data, L, test_L, known)
    right = [
        (data.train.gold[votes != ABSTAIN] == one.label).mean()
        for one, votes in zip(chosen, L[:, data.train.L.shape[1] :].T, strict=True)
    ]
    return {
        "accepted": float(len(chosen)),
        "precision": 100 * float(np.mean(right)) if right else float("nan"),
        "coverage": 100 * float((data.test.L != ABSTAIN).any(axis=1).mean()),
        "coverage_after": 100 * float((test_L != ABSTAIN).any(axis=1).mean()),
        "all": 100 * before.accuracy.value,
        "all_after": 100 * after.accuracy.value,
        "covered": 100 * before.covered_accuracy.value,
        "covered_after": 100 * after.covered_accuracy.value,
        "seconds": seconds,
    }


def measure_suggestions(names: list[str]) -> None:
    """Print and keep the table of suggestions."""
    folder = data_folder()
    rows, kept = [], []
    for name in chosen_sets(folder, names):
        data = load(folder, name)
        if "text" not in data.train.table.column_names:
            print(f"{name}: has no texts")
            continue
        for answers in ANSWERS:
            runs = [accepted(data, answers, seed) for seed in (DRAWS if answers else DRAWS[:1])]
            mean = {key: float(np.nanmean([run[key] for run in runs])) for key in runs[0]}
            kept.append({"set": name, "answers": answers, "runs": runs, "mean": mean})
            pairs = [f"{mean[key]:.1f} → {mean[key + '_after']:.1f}" for key in ("coverage", "all", "covered")]
            rows.append([name, answers, f"{mean['accepted']:.1f}", f"{mean['precision']:.0f}", *pairs,
                         f"{mean['seconds']:.2f}"])  # fmt: skip
    header = ["set", "answers", "accepted", "true precision", "coverage", "all", "covered", "s"]
    show("Label model before → after the first five suggestions (test split, percent)", header, rows)
    write_json("workbench_suggestions", {"sets": kept})


def big_project(home: Path, items: int) -> None:
    """News texts with few gold labels, and keyword functions in portions of six words; voted and labeled."""
    folder = data_folder()
    data = load(folder, "agnews")
    names, texts = data.meta["label_names"], data.train.table["text"].to_pylist()
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(texts), items).tolist()
    gold = [names[data.train.gold[i]] if rng.random() < 0.02 else None for i in drawn]
    table = {
        "id": [f"i{n}" for n in range(items)],
        "text": [f"{texts[i][:160]} {n}" for n, i in enumerate(drawn)],
        "gold": pa.array(gold, pa.string()),
        "split": np.where(rng.random(items) < 0.1, "test", "train"),
    }
    Project.init(home, name="news", labels=names).close()
    pq.write_table(pa.table(table), home / "items.parquet")
    lines = ["from labelkit import keywords"]
    for rule in json.loads((folder / "agnews" / "lfs.json").read_text(encoding="utf-8"))["rules"]:
        for at in range(0, len(rule["keywords"]), 6):
            words = [word.strip() for word in rule["keywords"][at : at + 6] if word.strip()]
            name, label = f"{rule['name']}_{at}", names[rule["label"]]
            lines.append(f"keywords({name!r}, {words!r}, label={label!r})")
    (home / "labeling_functions" / "functions.py").write_text("\n".join(lines), encoding="utf-8")
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('name = "auto"', 'name = "majority"'))
    with Project.open(home) as project:
        project.import_items(home / "items.parquet")
        project.vote()
        project.label()


def measure_tries(items: int) -> None:
    """Print and keep how long tries take."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "news"
        big_project(home, items)
        rows, kept = [], []
        for one in TRIES:
            seconds, trial = [], None
            for _ in range(5):
                with Project.open(home) as project:
                    started = time.perf_counter()
                    label = project.workbench.labels()[0]
                    trial = project.workbench.try_function({"name": "tried", "label": label, **one})
                    seconds.append(time.perf_counter() - started)
            assert trial is not None
            what = ", ".join(one.get("keywords", [])) or f"/{one['pattern']}/"
            kept.append({"tried": one, "seconds": seconds, "items": trial.items, "votes": trial.votes})
            rows.append([what, f"{trial.items:,}", f"{trial.votes:,}", f"{seconds[0]:.3f}",
                         f"{float(np.median(seconds[1:])):.3f}", f"{max(seconds[1:]):.3f}"])  # fmt: skip
        header = ["tried", "items counted", "votes", "first s", "median s", "max s"]
        show(f"A try on {items:,} items", header, rows)
        with Project.open(home) as project:
            started = time.perf_counter()
            found = project.workbench.suggestions()
            print(f"\n{len(found.functions)} suggestions in {time.perf_counter() - started:.2f} s: {found.evidence}")
        write_json(f"workbench_try_{items}", {"items": items, "tries": kept})


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("suggestions").add_argument("sets", nargs="*", default=["youtube", "sms", "trec", "agnews"])
    parts.add_parser("try").add_argument("--items", type=int, default=100_000)
    given = parser.parse_args()
    if given.part == "suggestions":
        measure_suggestions(given.sets)
    else:
        measure_tries(given.items)


if __name__ == "__main__":
    main()
