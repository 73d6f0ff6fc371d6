"""Sets of ``label_efficiency.py``: what a method may see, what only the harness knows, and features made once."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from _common import ROOT, RealSet, load
from _functions import items

from labelkit.analysis import score
from labelkit.endmodels import EndModel, FeatureSet, fit_end_model, fit_features, most_features
from labelkit.types import ABSTAIN, FloatArray, IntArray

T = TypeVar("T")

SETS = ("youtube", "sms", "trec", "semeval", "imdb", "imdb136", "agnews", "rna")
TEXTS_OF = {"imdb136": "imdb"}
"""Sets whose items are those of another set, row by row; only the votes are their own."""
MOST_FEATURES = {"imdb": 20_000}
"""For every method alike: long texts, where more features cost minutes in each run."""


@dataclass(frozen=True)
class Problem:
    """What a method may see: features (n, d), votes (n, m), and the classes. No gold."""

    name: str
    X: sp.csr_matrix
    L: IntArray
    label_names: tuple[str, ...]
    features: FeatureSet
    function_names: tuple[str, ...]
    memo: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """Of :meth:`remembered`."""

    def remembered(self, name: str, make: Callable[[], T]) -> T:
        """What ``make`` made the first time: for what depends on the set alone, whoever runs on it."""
        if name not in self.memo:
            self.memo[name] = make()
        made: T = self.memo[name]
        return made

    @property
    def cardinality(self) -> int:
        """Number of classes, k."""
        return len(self.label_names)

    @property
    def covered(self) -> np.ndarray:
        """(n,) whether any labeling function voted."""
        return np.asarray((self.L != ABSTAIN).any(axis=1))

    def fit(self, Y: FloatArray, weights: FloatArray, start: EndModel | None = None) -> EndModel:
        """The shipped end model on soft labels (n, k); rows of weight 0 do not teach. ``start``: the last one."""
        rows = pa.table({"id": pa.nulls(len(self.L), pa.string())})
        return fit_end_model(
            "logistic", table=rows, Y=Y, weights=weights, features=self.features, X=self.X, start=start
        )

    def fit_labels(self, labels: IntArray) -> EndModel:
        """The same on hard labels (n,), −1 where there is none."""
        known = labels != ABSTAIN
        return self.fit(np.eye(self.cardinality)[np.where(known, labels, 0)], known.astype(np.float64))


@dataclass(frozen=True)
class Truth:
    """What only the harness knows. ``reached``: test accuracy of the end model trained on all gold."""

    gold: IntArray
    X_test: sp.csr_matrix
    test_gold: IntArray
    reached: float


def digest(*parts: Any) -> str:
    """A short name for these values; paths stand for what their files hold."""
    found = hashlib.sha256()
    for part in parts:
        found.update(part.read_bytes() if isinstance(part, Path) else repr(part).encode())
        found.update(b"\x00")
    return found.hexdigest()[:24]


def sources(*patterns: str) -> list[Path]:
    """Source files below the repository that match."""
    return sorted({path for pattern in patterns for path in ROOT.glob(pattern)})


MAKES_FEATURES = (
    *(
        f"labelkit/endmodels/{name}.py"
        for name in ("base", "columns", "features", "fitting", "logistic", "profile", "softmax", "tabular", "text")
    ),
    "benchmarks/_efficiency_sets.py",
    "benchmarks/_functions.py",
)
"""What features, and the logistic regression that everybody shares, are made by; more of the room is labelkit's own."""


def features_key(folder: Path, name: str) -> str:
    """Identity of a set's features: its texts, and the code that makes them."""
    texts = folder / TEXTS_OF.get(name, name)
    code = sources(*MAKES_FEATURES)
    return digest(*(texts / f"{split}.parquet" for split in ("train", "test")), *code, MOST_FEATURES)


def prepare(folder: Path, name: str, cache: Path) -> Path:
    """Make a set's features and the gold-trained end model, if the cache has not got them; their folder."""
    place = cache / "features" / features_key(folder, name)
    if place.exists():
        return place
    origin = TEXTS_OF.get(name, name)
    data = load(folder, origin)
    table, test = items(data.train), items(data.test)
    most = MOST_FEATURES.get(origin, most_features(data.cardinality))
    fitted = fit_features(table, max_features=most)
    problem = _problem(data, fitted, fitted.matrix(table))
    X_test = fitted.matrix(test)
    gold_trained = problem.fit_labels(data.train.gold)
    reached = score(gold_trained.predict_proba(X_test), data.test.gold).accuracy.value
    place.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all: a folder of this name is trusted.
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        made = Path(temporary) / "set"
        made.mkdir()
        sp.save_npz(made / "train.npz", problem.X, compressed=False)
        sp.save_npz(made / "test.npz", X_test, compressed=False)
        described, arrays = fitted.state()
        np.savez(made / "features.npz", **arrays)
        (made / "set.json").write_text(json.dumps({"features": described, "reached": reached}), encoding="utf-8")
        made.rename(place)
    return place


def read(folder: Path, name: str, cache: Path) -> tuple[Problem, Truth]:
    """A set with its features, from the cache."""
    place = prepare(folder, name, cache)
    told = json.loads((place / "set.json").read_text(encoding="utf-8"))
    with np.load(place / "features.npz") as arrays:
        fitted = FeatureSet.from_state(told["features"], dict(arrays))
    data = load(folder, name)
    problem = _problem(data, fitted, sp.csr_matrix(sp.load_npz(place / "train.npz")))
    return problem, Truth(
        data.train.gold, sp.csr_matrix(sp.load_npz(place / "test.npz")), data.test.gold, told["reached"]
    )


def _problem(data: RealSet, fitted: FeatureSet, X: sp.csr_matrix) -> Problem:
    names = tuple(str(name) for name in data.meta["label_names"])
    return Problem(data.name, X, data.train.L.astype(np.int64), names, fitted, tuple(data.function_names))


def cache_folder(given: str | None) -> Path:
    """Where features and results are kept between runs."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(given) if given else home / "labelkit-benchmarks" / "label_efficiency"
