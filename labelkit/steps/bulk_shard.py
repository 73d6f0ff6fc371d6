"""What is done with one shard of a bulk run, in whichever process: vote, then label.

Workers are given small recipes that can be pickled; they find the labeling functions themselves, once per
process, and refuse to work with others than the run was started with.
"""

from __future__ import annotations

import gc
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from labelkit.bulk.location import Location
from labelkit.bulk.parts import PartColumns, part_bytes
from labelkit.bulk.shards import InputShard, ShardReader
from labelkit.bulk.votes import ShardVotes, VoteColumn, pack_votes, unpack_votes
from labelkit.errors import DiscoveryError, LabelingFunctionError, SourceError
from labelkit.labelmodels import VoteStatistics, label_model, load_label_model
from labelkit.lf import Shard, compile_functions, discover, fingerprint
from labelkit.lf.compile import Plan
from labelkit.steps.bulk_items import ItemColumns, items_table
from labelkit.trainingset import library_versions
from labelkit.types import ABSTAIN, LabelSchema

VERSIONS: Final = ("numpy", "pyarrow")
"""Libraries that workers must have in the driver's version, or bytes could differ."""

_TIDY_BEYOND: Final = 64 << 20
"""Bytes of Arrow data after a shard from which on it is worth looking for garbage."""


@dataclass(frozen=True)
class VoteRecipe:
    """What a worker needs to vote on shards.

    Parameters
    ----------
    root
        The project's folder; None for the worker's working folder.
    patterns
        Where labeling functions are.
    fingerprints
        Of the labeling functions, in their order.
    tolerant
        For each of them: whether its exceptions count as abstain.
    sample
        Rows that a shard contributes to the sample in the statistics.
    versions
        As :func:`worker_versions` gives them in the driver.
    """

    root: str | None
    patterns: tuple[str, ...]
    schema: LabelSchema
    fingerprints: tuple[str, ...]
    tolerant: tuple[bool, ...]
    fault_tolerant: bool
    time_limit: float
    location: Location
    columns: ItemColumns
    seed: int
    sample: int
    versions: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class VoteJob:
    """One shard, and the votes on it that are known already, packed."""

    shard: InputShard
    known: bytes | None = None


@dataclass(frozen=True)
class VoteOutcome:
    """Packed votes (None where the known ones were complete) and statistics, or why the file cannot be used."""

    votes: bytes | None
    statistics: bytes
    problem: str | None = None


@dataclass
class _Process:
    """What one process keeps between shards of one run."""

    recipe: VoteRecipe
    functions: list[Any]
    reader: ShardReader
    plans: dict[tuple[int, ...], Plan] = field(default_factory=dict)


_kept: list[_Process] = []
"""At most one: a process works for one run at a time."""


def worker_versions() -> tuple[tuple[str, str], ...]:
    """Versions that have to be the same in all processes of a run."""
    return tuple(library_versions(VERSIONS).items())


def remember(recipe: VoteRecipe, functions: list[Any]) -> None:
    """Let this process (and those forked from it) work with functions that were found already."""
    forget()
    _kept.append(_Process(recipe, functions, ShardReader(recipe.location, recipe.columns.read)))


def forget() -> None:
    """Close what :func:`remember` or the first shard opened."""
    while _kept:
        _kept.pop().reader.close()


def missing_columns(recipe: VoteRecipe, fault_counts: Mapping[str, int] | None) -> tuple[int, ...]:
    """Positions of the functions whose votes on a shard are not known, given those that are with their faults.

    Votes with faults that are no longer tolerated do not count.
    """
    known = fault_counts or {}
    return tuple(
        position
        for position, (print_, tolerant) in enumerate(zip(recipe.fingerprints, recipe.tolerant, strict=True))
        if print_ not in known or (known[print_] and not tolerant)
    )


def vote_shard(recipe: VoteRecipe, job: VoteJob) -> VoteOutcome:
    """Vote on one shard with the functions whose votes are missing, and count.

    Raises
    ------
    LabelingFunctionError
        If a function raised (and faults are not tolerated), returned no vote, or is another one here.
    """
    known = None if job.known is None else unpack_votes(job.known)
    missing = missing_columns(recipe, None if known is None else _fault_counts(known))
    if known is None or missing:
        try:
            votes = _voted(_process(recipe), job.shard, known, missing)
        except SourceError as error:
            return VoteOutcome(None, b"", error.message)
        packed = pack_votes(votes)
    else:
        votes, packed = known, None
    L = recipe.schema.to_indices(votes.matrix(recipe.fingerprints))
    statistics = VoteStatistics.from_votes(
        L, recipe.schema.cardinality, job.shard.first_item, recipe.seed, keep=recipe.sample, threads=1
    )
    return VoteOutcome(packed, pack_statistics(statistics))


def vote_and_tidy(recipe: VoteRecipe, job: VoteJob) -> VoteOutcome:
    """:func:`vote_shard`, and memory given back afterwards, so that a process does not grow with its shards."""
    try:
        return vote_shard(recipe, job)
    finally:
        _tidy()


def _tidy() -> None:
    # Python's collector counts objects, not bytes: a few Arrow tables in a cycle look like nothing to it.
    if pa.total_allocated_bytes() > _TIDY_BEYOND:
        gc.collect()
    pa.default_memory_pool().release_unused()


def _fault_counts(votes: ShardVotes) -> dict[str, int]:
    return {print_: column.fault_count for print_, column in votes.columns.items()}


def _voted(process: _Process, shard: InputShard, known: ShardVotes | None, missing: tuple[int, ...]) -> ShardVotes:
    recipe = process.recipe
    table = items_table(
        process.reader.read(shard),
        recipe.columns,
        place=shard.place,
        first_row=shard.first_row,
        stem=str(PurePosixPath(shard.file.path).with_suffix("")),
    )
    if missing not in process.plans:
        functions = [process.functions[position] for position in missing]
        process.plans[missing] = compile_functions(functions, recipe.schema, time_limit=recipe.time_limit)
    columns = process.plans[missing].run(
        Shard(shard.number, shard.first_item, table), fault_tolerant=recipe.fault_tolerant
    )
    fresh = {
        recipe.fingerprints[position]: VoteColumn(column.votes, column.fault_count, tuple(column.faults))
        for position, column in zip(missing, columns, strict=True)
    }
    held = {} if known is None else known.columns
    kept = {print_: fresh[print_] if print_ in fresh else held[print_] for print_ in recipe.fingerprints}
    return ShardVotes(table.column("id"), kept)


def _process(recipe: VoteRecipe) -> _Process:
    if not _kept or _kept[0].recipe != recipe:
        remember(recipe, _find(recipe))
    return _kept[0]


def _find(recipe: VoteRecipe) -> list[Any]:
    """The labeling functions of the project as this process finds them, if they are the driver's."""
    here = worker_versions()
    if here != recipe.versions:
        raise LabelingFunctionError(
            f"a worker has {_shown(here)}, where the run was started with {_shown(recipe.versions)}",
            hint="Install the same versions on all machines",
        )
    root = Path.cwd() if recipe.root is None else Path(recipe.root)
    found = discover(root, recipe.patterns)
    prints = tuple(fingerprint(one.function, recipe.schema, root).digest for one in found)
    if prints != recipe.fingerprints:
        differing = [one.name for one, print_ in zip(found, prints, strict=True) if print_ not in recipe.fingerprints]
        raise DiscoveryError(
            f"a worker found other labeling functions than the run was started with: {', '.join(differing) or 'fewer'}",
            hint="Do not edit them while `labelkit bulk` runs; on a cluster, see docs/scale.md",
        )
    return [one.function for one in found]


def _shown(versions: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions)


def pack_statistics(statistics: VoteStatistics) -> bytes:
    """The bytes that :func:`unpack_statistics` reads."""
    sink = io.BytesIO()
    save: Any = np.savez_compressed  # its later versions name a further argument, which no array is called
    save(sink, **statistics.to_arrays())
    return sink.getvalue()


def unpack_statistics(data: bytes) -> VoteStatistics:
    """What :func:`pack_statistics` packed."""
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return VoteStatistics.from_arrays(dict(arrays))


@dataclass(frozen=True, eq=False)
class LabelRecipe:
    """What a worker needs to label shards: the fitted label model, and what the output looks like."""

    state: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]]
    schema: LabelSchema
    functions: tuple[tuple[str, str], ...]
    """(name, fingerprint), in their order."""


@dataclass(frozen=True)
class LabelOutcome:
    """One part as Parquet, and figures about it, JSON-able."""

    data: bytes
    figures: dict[str, Any]


def label_and_tidy(recipe: LabelRecipe, packed: bytes) -> LabelOutcome:
    """:func:`label_shard`, and memory given back afterwards."""
    try:
        return label_shard(recipe, packed)
    finally:
        _tidy()


def label_shard(recipe: LabelRecipe, packed: bytes) -> LabelOutcome:
    """Probabilities and labels of one shard from its packed votes."""
    votes = unpack_votes(packed)
    L = recipe.schema.to_indices(votes.matrix([print_ for _, print_ in recipe.functions]))
    model = load_label_model(recipe.state, recipe.arrays)
    probabilities, decided = model.label(L)
    covered = (L != ABSTAIN).any(axis=1)
    majority = np.full(len(L), ABSTAIN)
    if covered.any():  # nothing can be fitted where all functions abstain
        majority = label_model("majority", cardinality=recipe.schema.cardinality).fit(L).predict(L)
    both = (decided != ABSTAIN) & (majority != ABSTAIN)
    table = PartColumns(recipe.schema, recipe.functions).table(votes.ids, L, probabilities, decided)
    data = part_bytes(table)
    figures = {
        "rows": len(L),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "covered": int(covered.sum()),
        "labeled": int((decided != ABSTAIN).sum()),
        "classes": [int((decided == index).sum()) for index in range(recipe.schema.cardinality)],
        "compared": int(both.sum()),
        "as_majority": int((decided == majority)[both].sum()),
    }
    return LabelOutcome(data, figures)
