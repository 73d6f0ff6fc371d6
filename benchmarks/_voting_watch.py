"""From the save of a file to the answer of ``labelkit vote --watch``; run by ``benchmarks/voting.py``."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _common import show
from _voting_inputs import Spec

from labelkit import Project


def watch(corpus: Sequence[str], specs: Sequence[Spec], items: int, edits: int = 9) -> dict[str, Any]:
    """Seconds until the changed analysis is printed, median of some edits of one function of many."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = _project(folder, corpus, items)
        file.write_text(_source(specs, ""), encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-m", "labelkit.cli.main", "vote", "--watch", "--json", "-p", name],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                first, seconds, inside = _edited(process, file, specs, edits)
            finally:
                process.send_signal(signal.SIGINT)
    result = {
        "items": items,
        "functions": len(specs) + 1,
        "first_seconds": first,
        "edit_seconds": statistics.median(seconds),
        "edit_slowest_seconds": max(seconds),
        "of_it_working_seconds": statistics.median(inside),
    }
    show(
        "labelkit vote --watch: one function edited, from the save to the answer",
        ["items", "functions", "start", "edit", "slowest edit"],
        [[f"{items:,}", len(specs) + 1, f"{first:.1f} s", f"{result['edit_seconds']:.2f} s", f"{max(seconds):.2f} s"]],
    )
    return result


def _edited(
    process: subprocess.Popen[str], file: Path, specs: Sequence[Spec], edits: int
) -> tuple[float, list[float], list[float]]:
    """Seconds to the first answer; from each save to its answer; and what of this the watch itself measured."""
    assert process.stdout is not None
    started = time.perf_counter()
    answer = json.loads(process.stdout.readline())
    first = time.perf_counter() - started
    assert answer["error"] is None, answer["error"]
    seconds, inside = [], []
    for number in range(edits):
        time.sleep(0.5)
        other = file.with_suffix(".new")
        other.write_text(_source(specs, f"|edit{number}"), encoding="utf-8")
        started = time.perf_counter()
        other.replace(file)
        answer = json.loads(process.stdout.readline())
        seconds.append(time.perf_counter() - started)
        inside.append(answer["seconds"])
        assert [each["name"] for each in answer["edits"]] == ["edited"], answer["error"]
    return first, seconds, inside


def _project(folder: Path, corpus: Sequence[str], items: int) -> Path:
    rows = np.random.default_rng(items).integers(0, len(corpus), items)
    table = pa.table(
        {
            "id": [f"item {i}" for i in range(items)],
            "text": [f"{corpus[row]} #{i}" for i, row in enumerate(rows.tolist())],
            "gold": ["spam" if row % 2 else None for row in rows.tolist()],
        }
    )
    pq.write_table(table, folder / "items.parquet")
    with Project.init(folder, name="texts", labels=["ham", "spam"]) as project:
        project.import_items(folder / "items.parquet")
    return folder / "labeling_functions" / "functions.py"


def _source(specs: Sequence[Spec], edit: str) -> str:
    """A file of functions; ``edited`` is another one after each edit."""
    lines = ["from labelkit import keywords, regex"]
    for spec in specs:
        label = spec.label % 2
        if spec.words:
            lines.append(f"keywords({spec.name!r}, {spec.words!r}, label={label}, substring={spec.substring})")
        else:
            lines.append(f"regex({spec.name!r}, {spec.pattern!r}, label={label}, flags={int(spec.flags)})")
    lines.append(f"regex('edited', {'great|good' + edit!r}, label=1, flags=2)")
    return "\n".join(lines) + "\n"
