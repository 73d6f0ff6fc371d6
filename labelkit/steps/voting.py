"""Vote: labeling functions × items → vote columns; only what is missing is computed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from labelkit.engines import Engine, engine
from labelkit.errors import StepMissing
from labelkit.lf import MEMBERSHIP, DiscoveredFunction, Fingerprint, Shard, discover, discover_all, fingerprint
from labelkit.steps.edited import imported_now, remember
from labelkit.steps.shard_voting import ShardJob, ShardVoter
from labelkit.steps.staleness import drop_stale
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import StoredColumn, StoredFunction
from labelkit.types import ABSTAIN, SHARD_SIZE, Fault, LabelSchema

Columns = set[tuple[str, str]]
"""Vote columns of shards, by (fingerprint, shard digest)."""


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
    slices: dict[str, int] = field(default_factory=dict)
    """Members of each slicing function's slice."""
    run: int = 0
    seconds: float = 0.0


def vote(workspace: Workspace) -> VoteResult:
    """Run every labeling function on every item for which it has no votes yet, then the slicing functions.

    Raises
    ------
    StepMissing
        If there are no items.
    LabelingFunctionError
        If a function cannot be loaded, raises (without ``fault_tolerant``), or returns no vote. The votes
        are kept if a slicing function is the one.
    """
    started = time.perf_counter()
    store, schema = workspace.store, workspace.schema
    if store.items.count() == 0:
        raise StepMissing("there are no items to vote on", hint="Run `labelkit import FILE` first")
    found = discover_all(workspace.root, workspace.config.labeling_functions.files)
    files = imported_now(workspace)
    candidates = _fingerprinted(workspace, found.functions, schema)
    slices = _fingerprinted(workspace, found.slices, MEMBERSHIP)
    digests = store.items.shard_digests()
    voter, missing, stale = _bring_up_to_date(workspace, candidates, schema, digests, "voting")
    result = VoteResult(
        functions=len(candidates),
        items=store.items.count(),
        computed=[c.found.name for c in candidates if c.print.digest in missing],
        reused=[c.found.name for c in candidates if c.print.digest not in missing],
        stale=stale,
        warnings=[f"{c.found.name}: {text}" for c in (*candidates, *slices) for text in c.print.warnings],
    )
    _collect_faults(workspace, candidates, digests, result)
    result.seconds = time.perf_counter() - started
    result.run = _finish(workspace, voter, candidates, digests, result)
    _slice(workspace, slices, digests, result)
    store.items.prune_mirror()
    remember(workspace, files)
    return result


def find_functions(workspace: Workspace, schema: LabelSchema) -> list[Candidate]:
    """Discover the project's labeling functions and fingerprint them (this imports project code)."""
    return _fingerprinted(workspace, discover(workspace.root, workspace.config.labeling_functions.files), schema)


def _fingerprinted(
    workspace: Workspace, functions: Sequence[DiscoveredFunction], schema: LabelSchema
) -> list[Candidate]:
    return [Candidate(found, fingerprint(found.function, schema, workspace.root)) for found in functions]


def _bring_up_to_date(
    workspace: Workspace, candidates: Sequence[Candidate], schema: LabelSchema, digests: Sequence[str], doing: str
) -> tuple[ShardVoter, set[str], list[str]]:
    """Compute and store every column that is missing or stale.

    Returns
    -------
    tuple
        What ran the functions, the fingerprints of those that were run, the names of those that were stale.
    """
    settings = workspace.config.labeling_functions
    voter = ShardVoter(
        [c.found.function for c in candidates], schema,
        time_limit=settings.time_limit, fault_tolerant=settings.fault_tolerant,
    )  # fmt: skip
    present = _present(workspace, candidates, digests)
    stale = _drop_stale(workspace, voter, candidates, digests, present)
    missing = _compute_missing(workspace, voter, candidates, digests, present, doing)
    workspace.store.votes.register([c.stored() for c in candidates])
    return voter, missing, stale


def _present(workspace: Workspace, candidates: Sequence[Candidate], digests: Sequence[str]) -> Columns:
    """The (fingerprint, shard digest) pairs whose votes are stored and may be used."""
    prints = [c.print.digest for c in candidates]
    present = workspace.store.votes.present(digests, prints)
    if not workspace.config.labeling_functions.fault_tolerant:
        strict = [c.print.digest for c in candidates if not getattr(c.found.function, "fault_tolerant", False)]
        present -= workspace.store.votes.faulty(strict, digests)  # tolerated then, an error now
    return present


def _drop_stale(
    workspace: Workspace, voter: ShardVoter, candidates: Sequence[Candidate], digests: Sequence[str], present: Columns
) -> list[str]:
    """Names of the functions whose stored votes were found stale and dropped."""
    with_votes = {fingerprint for fingerprint, _ in present}
    cached = {place: c.print.digest for place, c in enumerate(candidates) if c.print.digest in with_votes}
    stale = [candidates[place] for place in drop_stale(workspace, voter, cached, digests)]
    present.difference_update({(c.print.digest, digest) for c in stale for digest in digests})
    return [c.found.name for c in stale]


def _engine(workspace: Workspace) -> Engine:
    """Where shards are voted on: here, or in worker processes where they were measured to save time."""
    return engine("automatic", workers=workspace.config.labeling_functions.workers)


def _compute_missing(
    workspace: Workspace, voter: ShardVoter, candidates: Sequence[Candidate], digests: Sequence[str], present: Columns,
    doing: str,
) -> set[str]:  # fmt: skip
    """Compute and store missing columns shard by shard; returns the fingerprints that were run."""
    prints = [c.print.digest for c in candidates]
    work: dict[int, tuple[int, ...]] = {}
    for number, shard_digest in enumerate(digests):
        columns = tuple(place for place, p in enumerate(prints) if (p, shard_digest) not in present)
        if columns:
            voter.plan(columns)
            work[number] = columns
    jobs = _Jobs(workspace, work)
    done = _engine(workspace).map(voter, jobs)
    with workspace.progress.track(doing, sum(len(c) * jobs.rows(n) for n, c in work.items())) as advance:
        for (number, columns), found in zip(work.items(), done, strict=True):
            votes = found or voter.vote(columns, _read(workspace, number))
            workspace.store.votes.write(
                digests[number],
                [
                    (prints[place], StoredColumn(column.votes, column.fault_count, tuple(column.faults)))
                    for place, column in zip(columns, votes, strict=True)
                ],
            )
            advance(len(columns) * jobs.rows(number))
    return {prints[place] for columns in work.values() for place in columns}


def _read(workspace: Workspace, number: int) -> Shard:
    """A shard from the project file, where somebody deleted the Arrow mirror in the meantime."""
    return Shard(number, number * SHARD_SIZE, workspace.store.items.shard(number))


@dataclass(frozen=True)
class _Jobs:
    """The shards to vote on; each is read when it is its turn."""

    workspace: Workspace
    work: dict[int, tuple[int, ...]]

    def __len__(self) -> int:
        return len(self.work)

    def __iter__(self) -> Iterator[ShardJob]:
        for number, columns in self.work.items():
            yield ShardJob(number, columns, self.workspace.store.items.shard_items(number))

    def rows(self, number: int) -> int:
        return self.workspace.store.items.shard_rows(number)


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


def _finish(
    workspace: Workspace,
    voter: ShardVoter,
    candidates: Sequence[Candidate],
    digests: Sequence[str],
    result: VoteResult,
) -> int:
    functions = [
        {"name": s.name, "fingerprint": s.fingerprint, "kind": s.kind, "place": s.place}
        for s in (c.stored() for c in candidates)
    ]
    # The votes themselves, too: a function that reads what its fingerprint cannot see votes anew.
    votes = workspace.store.votes.digest([f["fingerprint"] for f in functions], list(digests))
    inputs = digest([f["fingerprint"] for f in functions], list(digests), votes)
    paths = {candidates[place].found.name: [path.how, path.why] for place, path in sorted(voter.paths().items())}
    latest = workspace.store.runs.latest("vote")
    same = latest is not None and latest.inputs == inputs and latest.parameters["functions"] == functions
    if latest is not None and same and latest.metrics.get("paths") == paths:
        return latest.id
    return workspace.store.runs.finish(
        "vote",
        parameters={"functions": functions, "shards": list(digests), "items": result.items},
        inputs=inputs,
        versions=workspace.versions,
        seconds=result.seconds,
        metrics={
            "computed": len(result.computed),
            "reused": len(result.reused),
            "faults": result.faults,
            "paths": paths,
        },
    )


def _slice(workspace: Workspace, slices: Sequence[Candidate], digests: Sequence[str], result: VoteResult) -> None:
    """Find the members of every slice, and record which functions said so as a run of its own."""
    store = workspace.store
    latest = store.runs.latest("slice")
    if not slices and (latest is None or not latest.parameters["slices"]):
        return
    started = time.perf_counter()
    _, computed, stale = _bring_up_to_date(workspace, slices, MEMBERSHIP, digests, "slicing")
    result.stale += stale
    _collect_faults(workspace, slices, digests, result)
    functions = [{"name": c.found.name, "fingerprint": c.print.digest, "place": c.stored().place} for c in slices]
    members = store.votes.matrix([c.print.digest for c in slices], list(digests)) != ABSTAIN
    result.slices = {c.found.name: int(members[:, j].sum()) for j, c in enumerate(slices)}
    inputs = digest(functions, list(digests), members)
    if latest is not None and latest.inputs == inputs:
        return
    store.runs.finish(
        "slice",
        parameters={"slices": functions, "shards": list(digests), "items": result.items},
        inputs=inputs,
        versions=workspace.versions,
        seconds=time.perf_counter() - started,
        metrics={"computed": len(computed), "members": result.slices},
    )
