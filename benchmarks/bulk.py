"""`labelkit bulk` on millions of items: seconds, items a second, peak memory, how both grow, and Ray beside it.

    python benchmarks/bulk.py                     # 1M, 5M and 20M items, Ray on 1M
    python benchmarks/bulk.py --items 300000 --scaling 100000 --ray-items 0

Texts are sentences of the real sets in $LABELKIT_DATA, drawn at random, each item another combination.
Every run is a command of its own. Memory is that of the whole process tree, sampled four times a second:
the sum of PSS (pages shared by forked workers count once), and of RSS (they count once a process).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import data_folder, show, write_json

SETS = ("imdb", "sms", "youtube", "agnews")
FILE_ROWS = 1_000_000
GROUP_ROWS = 122_880
SHORTEST, LONGEST = 20, 240
LIMIT_MIB = 1500

FUNCTIONS = r"""
import re

from labelkit import expression, keywords, labeling_function, regex

GOOD = ["excellent", "wonderful", "great", "superb", "loved", "brilliant", "perfect", "enjoyed"]
BAD = ["terrible", "awful", "worst", "boring", "hated", "waste", "poor", "disappointing"]

keywords("praise", GOOD, label="good")
keywords("blame", BAD, label="bad")
keywords("recommend", ["recommend", "must see", "well done", "masterpiece"], label="good")
keywords("never again", ["never again", "avoid", "walk out", "fell asleep"], label="bad")
keywords("thanks", ["thanks", "thank you", "love it", "cheers"], label="good")
keywords("trouble", ["attack", "killed", "crisis", "lawsuit", "recall"], label="bad")
keywords("win", ["win", "wins", "won", "victory", "champion"], label="good")
keywords("lose", ["lose", "loses", "lost", "defeat", "falls"], label="bad")
keywords("up", ["rise", "rises", "gain", "surge", "record"], label="good")
keywords("down", ["fall", "drop", "cut", "slump", "fears"], label="bad")
keywords("spam", ["subscribe", "check out", "click", "free", "prize"], label="bad")
keywords("funny", ["hilarious", "funny", "laugh"], label="good")

regex("stars", r"\b(?:[89]|10)\s*(?:/|out of)\s*10\b", label="good")
regex("few stars", r"\b[1-4]\s*(?:/|out of)\s*10\b", label="bad")
regex("link", r"https?://|www\.", label="bad")
regex("shouting", r"[A-Z]{4,}\s+[A-Z]{4,}", label="bad")
regex("money", r"[$£€]\s*\d+", label="bad")
regex("very good", r"(?i)\b(?:very|so|really)\s+(?:good|nice|fun)\b", label="good")
regex("very bad", r"(?i)\b(?:very|so|really)\s+(?:bad|dull|slow)\b", label="bad")
regex("not good", r"(?i)\bnot\s+(?:\w+\s+)?(?:good|worth|funny)\b", label="bad")

expression("short", "word_count <= 4", label="bad")
expression("long", "char_count > 220", label="good")
expression("liked", "stars >= 4", label="good")
expression("disliked", "stars <= 2", label="bad")


@labeling_function()
def loves(row):
    return "good" if "love" in row.text.lower() else None


@labeling_function()
def exclaims(row):
    return "good" if "!!" in row.text else None


@labeling_function()
def asks_why(row):
    if re.search(r"\bwhy\b", row.text):
        return "bad"
    return None


@labeling_function()
def says_best(row):
    return "good" if "the best" in row.text.lower() else None


@labeling_function()
def any_bad(row):
    text = row.text.lower()
    return "bad" if any(word in text for word in BAD) else None


@labeling_function()
def many_stars(row):
    return "good" if row.stars is not None and row.stars > 4 else None
"""


@dataclass
class Measured:
    """One run of the command."""

    items: int
    engine: str
    seconds: float
    items_per_second: float
    peak_pss_mib: float
    peak_rss_mib: float
    input_mib: float
    output_mib: float
    output: str


def sentences(folder: Path) -> pa.Array:
    """Distinct sentences of the real sets."""
    found: dict[str, None] = {}
    for name in SETS:
        for text in pq.read_table(folder / name / "train.parquet", columns=["text"])["text"].to_pylist():
            for sentence in re.split(r"(?<=[.!?])\s+", text or ""):
                if SHORTEST <= len(sentence) <= LONGEST:
                    found[sentence] = None
    return pa.array(list(found))


def generate(folder: Path, items: int, pool: pa.Array) -> None:
    """Write files of a million items each."""
    folder.mkdir()
    for number, first in enumerate(range(0, items, FILE_ROWS)):
        rows = min(FILE_ROWS, items - first)
        rng = np.random.default_rng([7, number])
        one, other = (pool.take(pa.array(rng.integers(len(pool), size=rows))) for _ in range(2))
        alone = pa.array(rng.random(rows) < 0.7)
        table = pa.table(
            {
                "id": pc.binary_join_element_wise("item", pa.array(range(first, first + rows)).cast(pa.string()), "-"),
                "text": pc.if_else(alone, one, pc.binary_join_element_wise(one, other, " ")),
                "stars": pa.array(rng.integers(1, 6, size=rows), mask=rng.random(rows) < 0.4),
            }
        )
        pq.write_table(table, folder / f"{number:04}.parquet", row_group_size=GROUP_ROWS, compression="zstd")


def make_project(folder: Path) -> Path:
    """A project with thirty labeling functions."""
    from labelkit import Project

    Project.init(folder, name="scale", labels=["good", "bad"]).close()
    (folder / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    return folder


class Memory:
    """Peak memory of a process and all that it starts."""

    def __init__(self, pid: int) -> None:
        self.pss = self.rss = 0.0
        self._root = psutil.Process(pid)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._end.wait(0.25):
            pss = rss = 0
            try:
                processes = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                continue
            for process in processes:
                try:
                    info = process.memory_full_info()
                except (psutil.Error, OSError):
                    continue
                pss, rss = pss + info.pss, rss + info.rss
            self.pss, self.rss = max(self.pss, pss / 2**20), max(self.rss, rss / 2**20)

    def stop(self) -> None:
        """End the sampling."""
        self._end.set()
        self._thread.join()


def size_of(folder: Path) -> float:
    """MiB of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def tree_digest(folder: Path) -> str:
    """One hash over all files' names and bytes."""
    state = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            state.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as file:
                state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()


def measure(project: Path, source: Path, out: Path, items: int, engine: str) -> Measured:
    """Run the command once."""
    command = [sys.executable, "-m", "labelkit.cli.main", "bulk", str(source), str(out), "--engine", engine]
    command += ["--workers", "2", "--project", str(project), "--json"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        memory = Memory(process.pid)
        told, error = process.communicate()
        seconds = time.perf_counter() - started
        memory.stop()
    if process.returncode:
        sys.exit(f"labelkit bulk failed: {error}")
    assert json.loads(told)["items"] == items
    result = Measured(
        items, engine, seconds, items / seconds, memory.pss, memory.rss, size_of(source), size_of(out), tree_digest(out)
    )
    print(f"  {items:>12,} items, {engine:5}: {seconds:7.1f} s, peak {memory.pss:,.0f} MiB", flush=True)
    return result


def exponent(runs: Sequence[Measured]) -> float | None:
    """b in seconds ~ items^b, by least squares on the logarithms."""
    if len(runs) < 2:
        return None
    x, y = np.log([run.items for run in runs]), np.log([run.seconds for run in runs])
    return float(np.polyfit(x, y, 1)[0])


def main() -> None:
    """Generate, run, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=20_000_000, help="of the largest run")
    parser.add_argument("--scaling", type=int, nargs="*", default=[1_000_000, 5_000_000], help="of the smaller runs")
    parser.add_argument("--ray-items", type=int, default=1_000_000, help="of the run on Ray; 0 for none")
    parser.add_argument("--folder", type=Path, help="where inputs and outputs go (about 250 bytes an item)")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="labelkit-bulk-", dir=asked.folder))
    runs: list[Measured] = []
    ray: dict[str, object] = {}
    try:
        pool = sentences(data_folder())
        project = make_project(home / "project")
        for items in sorted({*asked.scaling, asked.items, asked.ray_items} - {0}):
            source = home / f"in-{items}"
            generate(source, items, pool)
            run = measure(project, source, home / "out", items, "local")
            shutil.rmtree(home / "out")
            if items in {*asked.scaling, asked.items}:
                runs.append(run)
            if items == asked.ray_items:
                on_ray = measure(project, source, home / "out", items, "ray")
                shutil.rmtree(home / "out")
                ray = {"local": asdict(run), "ray": asdict(on_ray), "same_bytes": run.output == on_ray.output}
            shutil.rmtree(source)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    report(runs, ray, len(pool))


def report(runs: Sequence[Measured], ray: dict[str, object], pool: int) -> None:
    """Tables and the JSON file."""
    slope = exponent(runs)
    rows = [
        (f"{r.items:,}", f"{r.seconds:.1f}", f"{r.items_per_second:,.0f}", f"{r.peak_pss_mib:,.0f}",
         f"{r.peak_rss_mib:,.0f}", f"{r.input_mib:,.0f}", f"{r.output_mib:,.0f}")
        for r in runs
    ]  # fmt: skip
    header = ("items", "seconds", "items/s", "peak PSS MiB", "peak RSS MiB", "in MiB", "out MiB")
    show(f"labelkit bulk --engine local --workers 2, 30 functions, {os.cpu_count()} cores", header, rows)
    if slope is not None:
        print(f"\nseconds grow with items to the power of {slope:.2f}")
    if len(runs) > 1:
        first, last = runs[0], runs[-1]
        each = (last.seconds - first.seconds) / (last.items - first.items)
        print(f"fixed cost {first.seconds - each * first.items:.1f} s, then {each * 1e6:.2f} s per million items")
    peak = max(run.peak_pss_mib for run in runs)
    print(f"peak memory {peak:,.0f} MiB, limit {LIMIT_MIB:,}: {'met' if peak < LIMIT_MIB else 'MISSED'}")
    if ray:
        local, on_ray = ray["local"], ray["ray"]
        assert isinstance(local, dict)
        assert isinstance(on_ray, dict)
        print(
            f"Ray on two cores, {local['items']:,} items: {on_ray['seconds']:.1f} s against {local['seconds']:.1f} s"
            f" ({on_ray['seconds'] - local['seconds']:+.1f} s), peak {on_ray['peak_pss_mib']:,.0f} MiB,"
            f" same bytes: {ray['same_bytes']}"
        )
    finite = slope is not None and math.isfinite(slope)
    write_json(
        "bulk",
        {"runs": [asdict(run) for run in runs], "exponent": slope if finite else None, "ray": ray, "sentences": pool},
    )


if __name__ == "__main__":
    main()
