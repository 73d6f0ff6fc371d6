"""The manifest beside a training set: what it holds, what made it, and the hash of its bytes.

A manifest holds nothing that differs between two exports of the same project with the same library
versions: no time, no path, no host name, no order of a set. Its canonical bytes can be compared.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any, Final

import labelkit
from labelkit.trainingset.tally import Tally
from labelkit.types import LabelSchema

MANIFEST_FORMAT: Final = 1

LIBRARIES: Final = ("modAL-python", "numpy", "orjson", "pandas", "pyarrow", "scikit-learn", "scipy", "snorkel", "torch")
"""Packages whose version can change a label, a probability or a byte."""


@dataclass(frozen=True)
class FunctionRecord:
    """A labeling function that voted: its fingerprint says which version of it."""

    name: str
    kind: str
    fingerprint: str


@dataclass(frozen=True)
class OutputRecord:
    """The file that was written; ``columns`` are (name, type) in order, ``renamed`` column → field."""

    file: str
    format: str
    rows: int
    bytes: int
    sha256: str
    columns: Sequence[tuple[str, str]]
    renamed: Mapping[str, str]


def library_versions(packages: Iterable[str] = LIBRARIES) -> dict[str, str]:
    """Installed versions of labelkit, Python and the given packages; those not installed are left out."""
    found = {"labelkit": labelkit.__version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def build_manifest(
    *,
    project: str,
    labels: LabelSchema,
    tally: Tally,
    functions: Sequence[FunctionRecord],
    runs: Mapping[str, Mapping[str, Any]],
    seed: int,
    settings: Mapping[str, Any],
    versions: Mapping[str, str],
    output: OutputRecord,
) -> dict[str, Any]:
    """The manifest of one export.

    Parameters
    ----------
    runs
        Step → what its current run used (parameters, seed, input hashes; no times).
    settings
        How labels were chosen (thresholds, selection).
    versions
        As from :func:`library_versions`.
    output
        Of its file name only the last part is kept.
    """
    written = asdict(output)
    written["file"] = PurePath(output.file).name
    written["columns"] = [{"name": name, "type": kind} for name, kind in output.columns]
    return {
        "manifest_format": MANIFEST_FORMAT,
        "project": project,
        "task": labels.task,
        "labels": [{"id": c.id, "name": c.name, "aliases": list(c.aliases)} for c in labels.classes],
        "merged_labels": {str(old): new for old, new in labels.merged.items()},
        "counts": tally.to_dict(),
        "labeling_functions": [asdict(f) for f in sorted(functions, key=lambda f: (f.name, f.fingerprint))],
        "runs": {step: dict(run) for step, run in runs.items()},
        "seed": seed,
        "settings": dict(settings),
        "versions": dict(versions),
        "output": written,
    }


def canonical_json(manifest: Mapping[str, Any]) -> bytes:
    """The bytes of a manifest: UTF-8, sorted keys, two blanks of indent, a line break at the end.

    Raises
    ------
    ValueError
        If it holds NaN or an infinite number, which are not JSON.
    TypeError
        If it holds something that JSON has no word for.
    """
    return (json.dumps(manifest, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
