"""Vote: labeling functions × items → vote columns; only what is missing is computed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from labelkit.engines import engine
from labelkit.errors import StepMissing
from labelkit.lf import ColumnVotes, DiscoveredFunction, Fingerprint, Shard, apply_functions, discover, fingerprint
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import StoredColumn, StoredFunction
from labelkit.types import SHARD_SIZE, Fault, LabelSchema

STALENESS_SAMPLE = 64
"""Items of every cached column that each `vote` runs again; the column is dropped on any difference."""


@dataclass(frozen=True)
class Candidate:
    """A discovered function with its fingerprint."""

    found: DiscoveredFunction
    print: Fingerprint

    def stored(self) -> StoredFunction:
        """What the project file keeps of it."""
        place = f"{self.found.file}:{self.found.line}"
        return StoredFunction(self.found.name, self.print.digest, self.found.kind, place, self.print.source)


@dataclass
class VoteResult:
    """What a vote did. ``computed`` and ``reused`` count columns (functions)."""

    functions: int
    items: int
    computed: list[str]
    reused: list[str]
    stale: list[str] = field(default_factory=list)
    """Functions whose stored votes had gone stale and were computed again."""
    faults: dict[str, int] = field(default_factory=dict)
    fault_examples: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    run: int = 0
    seconds: float = 0.0


def vote(workspace: Workspace) -> VoteResult:
    """Run every labeling function on every item for which it has no votes yet.

    Raises
    ------
    StepMissing
        If there are no items.
    LabelingFunctionError
        If a function cannot be loaded, raises (without ``fault_tolerant``), or returns no vote.
    """
    started = time.perf_counter()
    store, schema = workspace.store, workspace.schema
    if store.items.count() == 0:
        raise StepMissing("there are no items to vote on", hint="Run `labelkit import FILE` first")
    candidates = find_functions(workspace, schema)
    digests = store.items.shard_digests()
    present = store.votes.present(digests)
    if not workspace.config.labeling_functions.fault_tolerant:
        strict = [c.print.digest for c in candidates if not getattr(c.found.function, "fault_tolerant", False)]
        present -= store.votes.faulty(strict, digests)  # tolerated then, an error now
    stale = _drop_stale(workspace, schema, candidates, digests, present)
    missing = _compute_missing(workspace, schema, candidates, digests, present)
    store.votes.register([c.stored() for c in candidates])
    result = VoteResult(
        functions=len(candidates),
        items=store.items.count(),
        computed=[c.found.name for c in candidates if c.print.digest in missing],
        reused=[c.found.name for c in candidates if c.print.digest not in missing],
        stale=stale,
        warnings=[f"{c.found.name}: {text}" for c in candidates for text in c.print.warnings],
    )
    _collect_faults(workspace, candidates, digests, result)
    result.seconds = time.perf_counter() - started
    result.run = _finish(workspace, candidates, digests, result)
    return result


def find_functions(workspace: Workspace, schema: LabelSchema) -> list[Candidate]:
    """Discover the project's labeling functions and fingerprint them (this imports project code)."""
    patterns = workspace.config.labeling_functions.files
    return [
        Candidate(found, fingerprint(found.function, schema, workspace.root))
        for found in discover(workspace.root, patterns)
    ]


def _drop_stale(
    workspace: Workspace,
    schema: LabelSchema,
    candidates: Sequence[Candidate],
    digests: Sequence[str],
    present: set[tuple[str, str]],
) -> list[str]:
    """Run 64 random items of every cached column again; forget the columns that differ.

    A fingerprint cannot see everything that a function depends on (a file that it reads, a service
    that it asks): this finds such a change sooner or later, and any non-determinism.
    """
    cached = [c for c in candidates if any((c.print.digest, d) in present for d in digests)]
    if not cached:
        return []
    store = workspace.store
    rng = np.random.default_rng([workspace.seed, store.count_up("vote_checks")])
    count = store.items.count()
    sample = np.sort(rng.choice(count, size=min(STALENESS_SAMPLE, count), replace=False))
    shard = Shard(-1, 0, store.items.rows(sample))
    fault_tolerant = workspace.config.labeling_functions.fault_tolerant
    fresh = apply_functions([c.found.function for c in cached], shard, schema, fault_tolerant=fault_tolerant)
    stale = []
    for candidate, column in zip(cached, fresh, strict=True):
        if _differs(workspace, candidate.print.digest, digests, sample, column):
            stale.append(candidate.found.name)
            store.votes.drop(candidate.print.digest)
            present.difference_update({(candidate.print.digest, d) for d in digests})
    return stale


def _differs(workspace: Workspace, print_digest: str, digests: Sequence[str], sample: Any, column: ColumnVotes) -> bool:
    for number, shard_digest in enumerate(digests):
        stored = workspace.store.votes.read(print_digest, shard_digest)
        if stored is None:
            continue
        here = np.flatnonzero(sample // SHARD_SIZE == number)
        then, now = stored.votes[sample[here] - number * SHARD_SIZE], column.votes[here]
        if not np.array_equal(workspace.schema.to_indices(then), workspace.schema.to_indices(now)):
            return True
    return False


def _compute_missing(
    workspace: Workspace,
    schema: LabelSchema,
    candidates: Sequence[Candidate],
    digests: Sequence[str],
    present: set[tuple[str, str]],
) -> set[str]:
    """Compute and store missing columns shard by shard; returns the fingerprints that were run."""
    work = {
        number: [c for c in candidates if (c.print.digest, shard_digest) not in present]
        for number, shard_digest in enumerate(digests)
    }
    total = sum(len(todo) * workspace.store.items.shard_rows(number) for number, todo in work.items())
    if not total:
        return set()
    run = partial(_run_shard, workspace, schema)
    jobs = [(number, todo) for number, todo in work.items() if todo]
    with workspace.progress.track("voting", total) as advance:
        for (number, todo), columns in zip(jobs, engine("local").map(run, jobs), strict=True):
            pairs = [
                (c.print.digest, StoredColumn(col.votes, col.fault_count, tuple(col.faults)))
                for c, col in zip(todo, columns, strict=True)
            ]
            workspace.store.votes.write(digests[number], pairs)
            advance(len(todo) * workspace.store.items.shard_rows(number))
    return {c.print.digest for todo in work.values() for c in todo}


def _run_shard(workspace: Workspace, schema: LabelSchema, job: tuple[int, list[Candidate]]) -> list[ColumnVotes]:
    number, todo = job
    shard = Shard(number, number * SHARD_SIZE, workspace.store.items.shard(number))
    return apply_functions(
        [c.found.function for c in todo],
        shard,
        schema,
        fault_tolerant=workspace.config.labeling_functions.fault_tolerant,
    )


def _collect_faults(
    workspace: Workspace, candidates: Sequence[Candidate], digests: Sequence[str], result: VoteResult
) -> None:
    for candidate in candidates:
        total = 0
        for count, examples in workspace.store.votes.faults(candidate.print.digest, digests):
            total += count
            result.fault_examples.extend(examples)
        if total:
            result.faults[candidate.found.name] = total


def _finish(workspace: Workspace, candidates: Sequence[Candidate], digests: Sequence[str], result: VoteResult) -> int:
    functions = [
        {"name": s.name, "fingerprint": s.fingerprint, "kind": s.kind, "place": s.place}
        for s in (c.stored() for c in candidates)
    ]
    # The votes themselves, too: a function that reads what its fingerprint cannot see votes anew.
    votes = workspace.store.votes.digest([f["fingerprint"] for f in functions], list(digests))
    inputs = digest([f["fingerprint"] for f in functions], list(digests), votes)
    latest = workspace.store.runs.latest("vote")
    if latest is not None and latest.inputs == inputs and latest.parameters["functions"] == functions:
        return latest.id
    return workspace.store.runs.finish(
        "vote",
        parameters={"functions": functions, "shards": list(digests), "items": result.items},
        inputs=inputs,
        versions=workspace.versions,
        seconds=result.seconds,
        metrics={"computed": len(result.computed), "reused": len(result.reused), "faults": result.faults},
    )
