"""Finding stored votes that have gone stale although the function's fingerprint is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from labelkit.lf import Shard
from labelkit.steps.shard_voting import ShardVoter
from labelkit.steps.workspace import Workspace
from labelkit.types import SHARD_SIZE, IntArray, LabelSchema

STALENESS_SAMPLE = 64
"""Items of every cached column that each `vote` runs again; the column is dropped on any difference."""


def drop_stale(workspace: Workspace, voter: ShardVoter, prints: Mapping[int, str], digests: Sequence[str]) -> list[int]:
    """Run cached functions on 64 random items again; forget the votes of those that differ.

    A fingerprint cannot see everything that a function depends on (a file that it reads, a service
    that it asks): this finds such a change sooner or later, and any non-determinism. Only the stored
    columns of the shards in which the items lie are read.

    Parameters
    ----------
    voter
        Runs the functions.
    prints
        Position → fingerprint of the functions with stored votes.
    digests
        Of all shards.

    Returns
    -------
    list of int
        Positions of the functions whose votes were dropped.
    """
    if not prints:
        return []
    store, schema = workspace.store, voter.schema
    rng = np.random.default_rng([workspace.seed, store.count_up("vote_checks")])
    count = store.items.count()
    sample = np.sort(rng.choice(count, size=min(STALENESS_SAMPLE, count), replace=False))
    columns = tuple(prints)
    fresh = voter.vote(columns, Shard(-1, 0, store.items.rows(sample)))
    stale = []
    for position, column in zip(columns, fresh, strict=True):
        if _differs(workspace, schema, prints[position], digests, sample, column.votes):
            stale.append(position)
            store.votes.drop(prints[position])
    return stale


def _differs(
    workspace: Workspace, schema: LabelSchema, fingerprint: str, digests: Sequence[str], sample: IntArray,
    votes: IntArray,
) -> bool:  # fmt: skip
    for number in np.unique(sample // SHARD_SIZE):
        stored = workspace.store.votes.read(fingerprint, digests[number])
        if stored is None:
            continue
        here = np.flatnonzero(sample // SHARD_SIZE == number)
        then, now = stored.votes[sample[here] - number * SHARD_SIZE], votes[here]
        if not np.array_equal(schema.to_indices(then), schema.to_indices(now)):
            return True
    return False
