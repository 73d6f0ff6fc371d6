"""Import speed and memory: 1M short rows into a project file.

    python benchmarks/importing.py [--rows 1000000] [--format csv|jsonl|parquet]

The import runs in a process of its own, so that its peak memory is its own. Rows have an id, a text
of about 40 characters, a gold label in a tenth of the rows, and two further fields.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import write_json

WORDS = re.findall(
    r"\w+",
    "the card board sync invoice refund please crash login slow great thanks cannot open again after update"
    " export calendar month team seat price twice code phone wrong missing love would like dark mode",
)
LABELS = ["billing", "bug", "praise"]


def make_rows(rows: int) -> pa.Table:
    """Distinct short texts with two further fields; the same at every call."""
    rng = np.random.default_rng(0)
    words = np.array(WORDS)
    texts = [" ".join(words[w]) for w in rng.integers(0, len(words), size=(rows, 7))]
    gold = np.where(rng.random(rows) < 0.1, np.array(LABELS)[rng.integers(0, 3, rows)], "")
    return pa.table(
        {
            "id": [f"row-{i}" for i in range(rows)],
            "text": texts,
            "gold": pa.array([g or None for g in gold], pa.string()),
            "stars": rng.integers(1, 6, rows),
            "channel": np.array(["mail", "chat", "app"])[rng.integers(0, 3, rows)],
        }
    )


def write_input(table: pa.Table, folder: Path, kind: str) -> Path:
    """The rows as a file of one format."""
    path = folder / f"rows.{kind}"
    if kind == "csv":
        pa.csv.write_csv(table, path)
    elif kind == "parquet":
        pa.parquet.write_table(table, path)
    else:
        with path.open("w", encoding="utf-8") as out:
            for batch in table.to_batches(50_000):
                out.writelines(json.dumps(row) + "\n" for row in batch.to_pylist())
    return path


def child(folder: Path, path: Path) -> None:
    """Import in this process and print the figures."""
    from labelkit import Project

    with Project.init(folder / "project", name="bench", labels=LABELS) as project:
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        result = project.import_items(path)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        again = project.import_items(path)
        seconds_again = time.perf_counter() - started
        started = time.perf_counter()
        project.search("invoice")
        first_search = time.perf_counter() - started
        print(
            json.dumps(
                {
                    "rows": result.added,
                    "seconds": seconds,
                    "rows_per_second": result.added / seconds,
                    "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                    "imports_mib": idle,
                    "file_mib": project.path.stat().st_size / 2**20,
                    "again_unchanged": again.unchanged,
                    "again_rows_per_second": again.unchanged / seconds_again,
                    "first_search_seconds": first_search,
                }
            )
        )


def main() -> None:
    """Run and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=["csv", "jsonl", "parquet"], action="append")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), Path(options.child[1]))
        return
    table = make_rows(options.rows)
    results = []
    print(f"{'format':8} {'rows/s (median)':>16} {'seconds':>8} {'peak MiB':>9} {'again rows/s':>13} {'search s':>9}")
    for kind in options.format or ["csv", "jsonl", "parquet"]:
        runs = []
        for _ in range(options.runs):
            with tempfile.TemporaryDirectory() as name:
                path = write_input(table, Path(name), kind)
                command = [sys.executable, __file__, "--child", name, str(path)]
                runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        middle = sorted(runs, key=lambda r: r["rows_per_second"])[len(runs) // 2]
        results.append({"format": kind, **middle, "runs": runs})
        print(
            f"{kind:8} {middle['rows_per_second']:16,.0f} {middle['seconds']:8.2f} {middle['peak_mib']:9,.0f}"
            f" {middle['again_rows_per_second']:13,.0f} {middle['first_search_seconds']:9.1f}"
        )
    write_json("importing", {"rows": options.rows, "results": results})


if __name__ == "__main__":
    main()
