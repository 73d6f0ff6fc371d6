"""The project of `refit.py`: synthetic texts from a vocabulary of a given size, keyword functions, a queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from labelkit import Project

LABELS = ("bug", "praise")
LENGTH = 14
"""Words of a text."""
_SIGNAL = 400
"""So many words are commoner in one class: the first of them in the first class, the others in the second."""
_STRENGTH = 4.0


def texts(count: int, words: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Texts and their classes (count,). Words follow Zipf's law; some lean towards one class."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, len(LABELS), count)
    common = 1.0 / (np.arange(words) + 20.0)
    rng.shuffle(common[:_SIGNAL])
    vocabulary = np.array([f"w{n:x}" for n in range(words)])
    chosen = np.empty((count, LENGTH), dtype=np.int64)
    for label in range(len(LABELS)):
        weights = common.copy()
        own = slice(0, _SIGNAL // 2) if label == 0 else slice(_SIGNAL // 2, _SIGNAL)
        weights[own] *= _STRENGTH
        rows = np.flatnonzero(gold == label)
        chosen[rows] = rng.choice(words, size=(len(rows), LENGTH), p=weights / weights.sum())
    return [" ".join(row) for row in vocabulary[chosen]], gold


def function_lines(count: int) -> str:
    """Keyword functions, two words of one class each, by turns for each class."""
    lines = ["from labelkit import keywords", ""]
    for n in range(count):
        label = n % len(LABELS)
        first = (label * _SIGNAL // 2) + (n // len(LABELS)) * 2
        lines.append(f'keywords("f{n}", ["w{first:x}", "w{first + 1:x}"], label="{LABELS[label]}")')
    return "\n".join(lines) + "\n"


def make_project(home: Path, items: int, *, words: int, functions: int, refit_after: int) -> dict[str, Any]:
    """A project that ran once; every twentieth item is a test item. Returns what there is to tell of it."""
    home.mkdir(parents=True)
    made, gold = texts(items, words)
    table = pa.table(
        {
            "id": [f"item-{n}" for n in range(items)],
            "text": made,
            "gold": [LABELS[label] for label in gold],
            "split": ["test" if n % 20 == 0 else "train" for n in range(items)],
        }
    )
    pq.write_table(table, home / "items.parquet")
    with Project.init(home, name="bench", labels=list(LABELS)) as project:
        project.import_items(home / "items.parquet")
    (home / "labeling_functions" / "functions.py").write_text(function_lines(functions), encoding="utf-8")
    settings = home / "labelkit.toml"
    text = settings.read_text(encoding="utf-8") + f"\n[serve]\nrefit_after = {refit_after}\n"
    settings.write_text(text, encoding="utf-8")
    with Project.open(home) as project:
        done = project.run()
        status = project.status()
    del done
    with Project.open(home) as project:
        trained = project._store.runs.latest("train")
    assert trained is not None
    return {
        "features": trained.metrics["features"],
        "trained_on": trained.metrics["trained_on"],
        "coverage": status.coverage,
        "test_accuracy": trained.metrics["scores"]["end_model"]["accuracy"]["value"],
    }
