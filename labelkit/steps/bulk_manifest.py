"""The manifest of a bulk run: what was asked for, what made the output, and what came out.

It holds no clock, no machine and no path outside the input: the same work gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labelkit.bulk.inputs import Inputs
from labelkit.bulk.parts import PartColumns
from labelkit.labelmodels import LabelModel
from labelkit.steps.voting import Candidate
from labelkit.steps.workspace import Workspace
from labelkit.trainingset import canonical_json
from labelkit.types import Fault, LabelSchema

BULK_FORMAT: Final = 1

_SECTIONS: Final = {
    "project": "another project",
    "labels": "other classes",
    "labeling_functions": "other labeling functions",
    "label_model": "another label model",
    "seed": "another seed",
    "settings": "other settings",
    "input": "other input files",
    "versions": "other versions of libraries",
}
"""Part of a request → what is said when it differs."""


@dataclass(frozen=True)
class FunctionFigures:
    """One labeling function over all items: its votes for each class, and its exceptions."""

    candidate: Candidate
    votes: list[int]
    faults: int
    examples: list[Fault]


def request_of(
    workspace: Workspace,
    schema: LabelSchema,
    candidates: Sequence[Candidate],
    inputs: Inputs,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that the output depends on, JSON-able; two equal requests have the same output."""
    model = workspace.config.label_model
    return {
        "project": workspace.config.project.name,
        "labels": {
            "classes": [{"id": c.id, "name": c.name, "aliases": list(c.aliases)} for c in schema.classes],
            "merged": {str(old): new for old, new in schema.merged.items()},
        },
        "labeling_functions": [
            {"name": one.found.name, "kind": one.found.kind, "fingerprint": one.print.digest} for one in candidates
        ],
        "label_model": {"name": model.name, "options": dict(model.options)},
        "seed": workspace.seed,
        "settings": dict(settings),
        "input": {
            "location": inputs.location.text if inputs.location.is_url else None,
            "files": [
                {"path": file.path, "bytes": file.size, "rows": file.rows, "footer_sha256": file.footer}
                for file in inputs.files
            ],
            "set_aside": {bad.path: bad.problem for bad in inputs.bad},
        },
        "versions": workspace.versions,
    }


def differences(manifest: Mapping[str, Any], request: Mapping[str, Any]) -> list[str]:
    """What a finished output was made with that is not what is asked for now, in words."""
    made = manifest["request"]
    return [words for section, words in _SECTIONS.items() if made.get(section) != request[section]]


def manifest_bytes(
    request: Mapping[str, Any],
    model: LabelModel,
    functions: Sequence[FunctionFigures],
    figures: Sequence[Mapping[str, Any]],
    names: Sequence[str],
    set_aside: Mapping[str, str],
    ignored: Sequence[str],
) -> bytes:
    """The manifest's bytes.

    Parameters
    ----------
    figures
        Of every part, as :class:`~labelkit.steps.bulk_shard.LabelOutcome` has them.
    names
        File names of the parts.
    """
    labels = [one["name"] for one in request["labels"]["classes"]]
    items = sum(one["rows"] for one in figures)
    compared = sum(one["compared"] for one in figures)
    state, arrays = model.to_state()
    by_class = np.sum([one["classes"] for one in figures], axis=0)
    columns = PartColumns(
        LabelSchema.from_names(labels), tuple((f["name"], f["fingerprint"]) for f in request["labeling_functions"])
    ).schema
    return canonical_json(
        {
            "bulk_format": BULK_FORMAT,
            "request": request,
            "label_model": {**state, "arrays": {name: array.tolist() for name, array in arrays.items()}},
            "labeling_functions": [_function(one, labels, items) for one in functions],
            "counts": {
                "items": items,
                "covered": sum(one["covered"] for one in figures),
                "labeled": sum(one["labeled"] for one in figures),
                "classes": {name: int(count) for name, count in zip(labels, by_class, strict=True)},
                "agreement_with_majority": (
                    sum(one["as_majority"] for one in figures) / compared if compared else None
                ),
            },
            "columns": [{"name": column.name, "type": str(column.type)} for column in columns],
            "parts": [
                {"file": name, "rows": one["rows"], "bytes": one["bytes"], "sha256": one["sha256"]}
                for name, one in zip(names, figures, strict=True)
            ],
            "set_aside": dict(set_aside),
            "ignored": list(ignored),
            "checks": {"ids": "present in every row; distinct within each shard, not checked across shards"},
        }
    )


def _function(one: FunctionFigures, labels: Sequence[str], items: int) -> dict[str, Any]:
    found = one.candidate.found
    return {
        "name": found.name,
        "kind": found.kind,
        "file": found.file,
        "fingerprint": one.candidate.print.digest,
        "votes": dict(zip(labels, one.votes, strict=True)),
        "coverage": sum(one.votes) / items,
        "faults": one.faults,
        "fault_examples": [{"item": fault.item_id, "problem": fault.problem} for fault in one.examples],
    }
