"""Export: final labels with their source and weight → a file and its manifest."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from labelkit.annotate import HumanLabels
from labelkit.config import FILE_NAME
from labelkit.errors import ExportError, StepMissing
from labelkit.export import ExportedFile, export_training_set
from labelkit.labelmodels import covered as voted_on
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.waiting import when_fresh
from labelkit.steps.workspace import Workspace
from labelkit.store import Run, column_name
from labelkit.trainingset import (
    FinalLabels,
    FunctionRecord,
    OutputRecord,
    Tally,
    TrainingColumns,
    assemble,
    build_manifest,
    canonical_json,
)
from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, FloatArray, IntArray

AUDIT_SPLIT = "audit"
"""The split of people's audit answers in an export: for evaluation only, so that nobody trains on them."""


@dataclass
class ExportResult:
    """What was written; ``path`` and ``manifest`` are None for a stream.

    ``flagged``: items that somebody flagged and nobody has decided; ``left_out``: how many of them were not written.
    """

    path: Path | None
    manifest: Path | None
    format: str
    rows: int
    sha256: str
    by_source: dict[str, int]
    by_label: dict[str, int]
    flagged: int = 0
    left_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class _Evidence:
    """All that decides final labels, over all n items; labels as class indices.

    ``answers``: people who gave each item a label; ``flagged``: items with a flag and no decision.
    """

    adjudicated: IntArray
    agreed: IntArray
    answers: IntArray
    flagged: BoolArray
    gold: IntArray | None
    label_model: FloatArray | None
    label_model_label: IntArray | None
    covered: BoolArray | None
    end_model: FloatArray | None
    splits: list[str | None]
    runs: dict[str, Run]


def export(
    workspace: Workspace, out: str | Path | BinaryIO, *, format: str | None = None, wait: float = 0.0
) -> ExportResult:
    """Write every item with its final label; atomically, and the same bytes for the same project.

    Items that somebody flagged and nobody has decided are left out, unless ``training_set.flagged`` keeps them.

    Parameters
    ----------
    wait
        Seconds to wait for a refit that the trainer of `labelkit serve` is at.

    Raises
    ------
    StepMissing
        If items came after the last `label` or `train`.
    ExportError, StorageError
        If the file cannot be written.
    """
    started = time.perf_counter()
    _refuse_our_own_files(workspace, out)
    columns, tally, evidence = when_fresh(workspace, lambda: _prepare(workspace), seconds=wait, what="the export")
    if not evidence.runs and (evidence.agreed == ABSTAIN).all():
        raise StepMissing("there are no labels to export yet", hint="Run `labelkit run`")
    before = workspace.content()
    left_out = _left_out(workspace, evidence)
    with workspace.progress.track("exporting", workspace.store.items.count()) as advance:

        def counted() -> Iterator[pa.Table]:
            for batch in _batches(workspace, columns, tally, evidence, left_out):
                yield batch
                advance(len(batch))
            if workspace.content() != before:
                raise StepMissing("items came or changed during the export", hint="Export again after it")

        written = export_training_set(
            counted(),
            out,
            schema=columns.schema,
            format=format,
            manifest=lambda file: _manifest(workspace, columns, tally, evidence, file),
        )
    manifest = None if written.path is None else written.path.with_name(written.path.name + ".manifest.json")
    counts: dict[str, Any] = tally.to_dict()
    return ExportResult(
        path=written.path,
        manifest=manifest,
        format=written.format,
        rows=written.rows,
        sha256=written.sha256,
        by_source=counts["by_source"],
        by_label=counts["by_label"],
        flagged=int(evidence.flagged.sum()),
        left_out=int(left_out.sum()),
        seconds=time.perf_counter() - started,
    )


def _refuse_our_own_files(workspace: Workspace, out: str | Path | BinaryIO) -> None:
    """An export must not take the place of what it was made from."""
    if not isinstance(out, (str, Path)) or str(out) == "-":
        return
    target = Path(out).resolve()
    database = workspace.store.path.resolve()
    inputs = [(workspace.root / name).resolve() for name in workspace.config.data.files]
    if target == (workspace.root / FILE_NAME).resolve() or target.name.startswith(database.name):
        raise ExportError(f"{out} belongs to the project itself", hint="Export to another file")
    if target in inputs:
        raise ExportError(f"{out} is one of the project's input files ([data] files)", hint="Export to another file")


def export_batches(workspace: Workspace) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """All items with their final labels as Arrow tables, one a shard, for readers in this process."""
    columns, tally, evidence = _prepare(workspace)
    nothing = np.zeros(len(evidence.splits), dtype=np.bool_)
    return columns.schema, _batches(workspace, columns, tally, evidence, nothing)


def final_label(workspace: Workspace, number: int) -> tuple[str | None, str | None]:
    """The label (by name) and the source that an export would give one item now."""
    final = _final(workspace, _evidence(workspace), slice(number, number + 1), 1)
    name = None if final.label[0] == ABSTAIN else workspace.schema.names[final.label[0]]
    return name, final.sources[0]


def _prepare(workspace: Workspace) -> tuple[TrainingColumns, Tally, _Evidence]:
    types = workspace.store.items.arrow_types()
    columns = TrainingColumns(workspace.schema, types, frozenset(workspace.store.items.json_fields()))
    return columns, Tally(workspace.schema), _evidence(workspace)


def _evidence(workspace: Workspace) -> _Evidence:
    people = workspace.people()
    label_run = workspace.store.runs.latest("label")
    train_run = workspace.store.runs.latest("train")
    runs: dict[str, Run] = {}
    raw = decided = covered = predictions = None
    if label_run is not None:
        label_run = workspace.need_fresh("label", "exporting")
        votes_run = workspace.store.runs.get(label_run.parameters["vote_run"])
        assert votes_run is not None
        raw, decided = workspace.label_probabilities(label_run)
        covered = voted_on(vote_matrix(workspace, votes_run))
        runs |= {"vote": votes_run, "label": label_run}
    if train_run is not None:
        train_run = workspace.need_fresh("train", "exporting")
        predictions = workspace.predictions(train_run)
        runs["train"] = train_run
    human = np.where(people.simulated, ABSTAIN, workspace.schema.to_indices(people.label))
    return _Evidence(
        adjudicated=np.where(people.adjudicated, human, ABSTAIN),
        agreed=human,
        answers=_answers(people),
        flagged=_flagged(workspace, len(human)),
        gold=_training_gold(workspace, people),
        label_model=raw,
        label_model_label=decided,
        covered=covered,
        end_model=predictions,
        splits=_splits(workspace, people, human),
        runs=runs,
    )


def _answers(people: HumanLabels) -> IntArray:
    """(n,) people who gave a label."""
    items = [a.item for a in people.annotations if a.label is not None and not a.simulated]
    return np.bincount(np.array(items, dtype=np.intp), minlength=len(people.label))


def _flagged(workspace: Workspace, n: int) -> BoolArray:
    """(n,) items that somebody flagged and nobody has decided."""
    flagged = np.zeros(n, dtype=np.bool_)
    flagged[[item for item in workspace.store.reviewable.flagged() if item < n]] = True
    return flagged


def _left_out(workspace: Workspace, evidence: _Evidence) -> BoolArray:
    """(n,) items that are not exported."""
    keep = workspace.config.training_set.flagged == "keep"
    return np.zeros_like(evidence.flagged) if keep else evidence.flagged


def _training_gold(workspace: Workspace, people: HumanLabels) -> IntArray | None:
    """Gold labels that the owner gave for training: only where asked for, only in the train split."""
    if not workspace.config.training_set.use_gold:
        return None
    gold = workspace.schema.to_indices(workspace.store.items.gold())
    return np.where(workspace.training_rows(people) & ~(people.audit & people.asked), gold, ABSTAIN)


def _splits(workspace: Workspace, people: HumanLabels, human: IntArray) -> list[str | None]:
    audited = people.audit & (human != ABSTAIN)
    return [AUDIT_SPLIT if a else split for a, split in zip(audited, workspace.store.items.splits(), strict=True)]


def _batches(
    workspace: Workspace, columns: TrainingColumns, tally: Tally, evidence: _Evidence, left_out: BoolArray
) -> Iterator[pa.Table]:
    n = len(evidence.splits)
    for number in range(-(-n // SHARD_SIZE)):
        table = workspace.store.items.shard(number).slice(0, n - number * SHARD_SIZE)
        rows = slice(number * SHARD_SIZE, number * SHARD_SIZE + len(table))
        final = _final(workspace, evidence, rows, len(table))
        splits = evidence.splits[rows]
        if left_out[rows].any():
            keep = ~left_out[rows]
            table, final = table.filter(pa.array(keep)), final.only(keep)
            splits = [split for split, kept in zip(splits, keep, strict=True) if kept]
        tally.add(final, splits)
        fields = {name: table.column(column_name(name)) for name in columns.fields}
        yield columns.table(table.column("id"), table.column("text"), final, splits, fields)


def _final(workspace: Workspace, evidence: _Evidence, rows: slice, n: int) -> FinalLabels:
    def part(array: Any) -> Any:
        return None if array is None else array[rows]

    return assemble(
        n,
        workspace.schema.cardinality,
        adjudicated=part(evidence.adjudicated),
        agreed=part(evidence.agreed),
        answers=part(evidence.answers),
        gold=part(evidence.gold),
        label_model=part(evidence.label_model),
        label_model_label=part(evidence.label_model_label),
        covered=part(evidence.covered),
        end_model=part(evidence.end_model),
        min_probability=workspace.config.training_set.min_probability,
    )


def _manifest(
    workspace: Workspace, columns: TrainingColumns, tally: Tally, evidence: _Evidence, file: ExportedFile
) -> bytes:
    functions = evidence.runs["vote"].parameters["functions"] if "vote" in evidence.runs else []
    people = workspace.people()
    manifest = build_manifest(
        project=workspace.config.project.name,
        labels=workspace.schema,
        tally=tally,
        functions=[FunctionRecord(f["name"], f["kind"], f["fingerprint"]) for f in functions],
        runs={step: _lineage(run) for step, run in evidence.runs.items()},
        seed=workspace.seed,
        settings={
            "training_set": workspace.config.training_set.model_dump(),
            "annotation": workspace.config.annotation.model_dump(),
            "simulated_answers_behind_the_models": int(people.simulated.sum()),
            "flagged_items": int(evidence.flagged.sum()),
            "flagged_items_left_out": int(_left_out(workspace, evidence).sum()),
        },
        versions=workspace.versions,
        output=OutputRecord(
            file=file.path.name if file.path is not None else "",
            format=file.format,
            rows=file.rows,
            bytes=file.bytes,
            sha256=file.sha256,
            columns=file.columns,
            renamed=columns.renamed,
        ),
    )
    return canonical_json(manifest)


def _lineage(run: Run) -> dict[str, Any]:
    """What a run depended on, without times, run numbers and what is told elsewhere in the manifest."""
    kept = {"model", "options", "class_ids", "items"}
    parameters = {name: value for name, value in run.parameters.items() if name in kept}
    return {"parameters": parameters, "inputs": run.inputs, "seed": run.seed, "versions": run.versions}
