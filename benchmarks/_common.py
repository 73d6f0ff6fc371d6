"""What the benchmarks share: where the data is, how it is read, and how figures are shown and kept."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
SNORKEL_EPOCHS, SNORKEL_LR, SNORKEL_SEEDS = 500, 0.01, (0, 1, 2)
PACKAGES = ("labelkit", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "snorkel", "torch")


def data_folder() -> Path:
    """``$LABELKIT_DATA``, or the nearest ``shared/data`` in or beside a folder above; exit with one line if absent."""
    given = os.environ.get("LABELKIT_DATA")
    if given:
        if Path(given).is_dir():
            return Path(given)
        sys.exit(f"benchmark skipped: $LABELKIT_DATA is {given!r}, which is no folder")
    for folder in (ROOT, *ROOT.parents):
        if (folder / "shared" / "data").is_dir():
            return folder / "shared" / "data"
    sys.exit("benchmark skipped: no shared/data folder beside or above the repository; set LABELKIT_DATA to one")


@dataclass(frozen=True)
class Split:
    """One split of a set: its Arrow table, label matrix (n, m) and gold labels (n,), −1 where unknown."""

    table: pa.Table
    L: np.ndarray
    gold: np.ndarray


@dataclass(frozen=True)
class RealSet:
    """A set with votes: it is fitted on ``train``, scored on ``test`` (``valid`` where there is no test split)."""

    name: str
    meta: Mapping[str, Any]
    train: Split
    test: Split

    @property
    def cardinality(self) -> int:
        """Number of classes."""
        return len(self.meta["label_names"])

    @property
    def function_names(self) -> list[str]:
        """Names of the labeling functions, numbered where the set has none."""
        return list(self.meta.get("lf_names") or (f"function {j}" for j in range(self.train.L.shape[1])))


def sets_with_votes(folder: Path) -> list[str]:
    """Names of the sets that have labeling functions' votes."""
    found = []
    for path in sorted(folder.glob("*/train.parquet")):
        if "weak_labels" in pq.read_schema(path).names:
            found.append(path.parent.name)
    return found


def chosen_sets(folder: Path, names: Sequence[str]) -> list[str]:
    """The sets asked for on the command line; ``all`` stands for every set with votes."""
    known = sets_with_votes(folder)
    if not names or "all" in names:
        return known
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"no set {', '.join(unknown)} with votes in {folder}; there are {', '.join(known)}")
    return list(names)


def load(folder: Path, name: str) -> RealSet:
    """Read one set."""
    path = folder / name
    test = path / ("test.parquet" if (path / "test.parquet").exists() else "valid.parquet")
    return RealSet(name, read_meta(path), _split(path / "train.parquet"), _split(test))


def read_meta(path: Path) -> dict[str, Any]:
    """What the set says about itself."""
    meta: dict[str, Any] = json.loads((path / "meta.json").read_text(encoding="utf-8"))
    return meta


def _split(path: Path) -> Split:
    table = pq.read_table(path)
    votes = table["weak_labels"].combine_chunks()
    L = np.asarray(votes.flatten()).reshape(len(table), votes.type.list_size)
    return Split(table, L, table["label"].to_numpy().astype(np.int64))


def versions() -> dict[str, str]:
    """Python's and the libraries' versions."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def write_json(name: str, result: Mapping[str, Any]) -> Path:
    """Keep a result with its environment under ``benchmarks/results/``."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    environment = {"versions": versions(), "machine": platform.machine(), "cpus": os.cpu_count()}
    text = json.dumps({"benchmark": name, "environment": environment, **result}, indent=2, default=_plain)
    path.write_text(text + "\n", encoding="utf-8")
    print(f"\nwritten: {path.relative_to(ROOT)}")
    return path


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table, its first column left-aligned."""
    cells = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n{title}")
    for number, row in enumerate(cells):
        first, *others = (
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *others]))
        if number == 0:
            print("  ".join("-" * width for width in widths))
