"""Labeling functions that depend on each other, with advice; votes are read, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from labelkit.analysis.intervals import wilson
from labelkit.errors import LabelModelError
from labelkit.labelmodels.dependencies import Dependencies, Dependency, find_dependencies
from labelkit.labelmodels.pairs import PairCounts
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.reference import known_labels
from labelkit.steps.workspace import Workspace
from labelkit.types import ABSTAIN, Estimate, IntArray


@dataclass(frozen=True)
class DependentPair:
    """Two functions that vote the same more often than the class explains; see :class:`Dependency`.

    ``first_votes`` and ``second_votes`` count items, ``both``, ``same`` and ``expected`` too. ``advice`` is one
    sentence on what to do.
    """

    first: str
    second: str
    kind: str
    strength: float
    first_votes: int
    second_votes: int
    both: int
    same: int
    expected: float
    q_value: float
    advice: str


@dataclass(frozen=True)
class FunctionWeight:
    """What a function counts beside its near-copies (0 to 1), its votes, and its accuracy where labels are known."""

    name: str
    votes: int
    weight: float
    accuracy: Estimate


@dataclass(frozen=True)
class DependencyTable:
    """The dependent functions of the last `vote`.

    ``pairs`` are the strongest; ``found`` counts all. ``groups`` join functions through copies. ``counted`` of
    ``items`` items were compared. ``reference`` says in words what accuracies are measured against.
    """

    pairs: list[DependentPair]
    found: int
    groups: list[list[str]]
    functions: list[FunctionWeight]
    items: int
    counted: int
    reference: str
    notes: list[str]


def dependent_functions(workspace: Workspace) -> DependencyTable:
    """Which functions of the last `vote` are copies, subsets or correlated beyond what the class explains.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    LabelModelError
        If there is no function.
    """
    run = workspace.need("vote", "`labelkit lfs --dependencies`")
    names = [f["name"] for f in run.parameters["functions"]]
    if not names:
        raise LabelModelError("the last `labelkit vote` ran no labeling function", hint="Write some and vote again")
    L = vote_matrix(workspace, run)
    found = find_dependencies(PairCounts.of_votes(L, workspace.schema.cardinality, seed=workspace.seed))
    reference = known_labels(workspace)
    accuracies = _accuracies(L, reference.labels)
    # A sample may miss a rare function's votes: these are counted in full.
    voted = [int(np.count_nonzero(L[:, function] != ABSTAIN)) for function in range(len(names))]
    return DependencyTable(
        pairs=[_named(pair, names, found, accuracies) for pair in found.pairs],
        found=found.found,
        groups=[[names[function] for function in group] for group in found.groups],
        functions=[
            FunctionWeight(name, votes, float(weight), accuracy)
            for name, votes, weight, accuracy in zip(names, voted, found.weights, accuracies, strict=True)
        ],
        items=len(L),
        counted=min(found.items, len(L)),
        reference=reference.words,
        notes=[*_notes(names, voted, found, len(L)), *(reference.notes if found.pairs else [])],
    )


def _accuracies(L: IntArray, labels: IntArray) -> list[Estimate]:
    known = np.flatnonzero(labels != ABSTAIN)
    votes, truth = L[known], labels[known, None]
    right = (votes == truth).sum(axis=0)
    voted = (votes != ABSTAIN).sum(axis=0)
    return [wilson(int(r), int(n)) for r, n in zip(right, voted, strict=True)]


def _notes(names: list[str], voted: list[int], found: Dependencies, items: int) -> list[str]:
    notes = []
    if len(names) == 1:
        notes.append(f"there is one function, {names[0]}: nothing to compare it with")
    silent = [name for name, votes in zip(names, voted, strict=True) if votes == 0]
    if silent:
        shown = ", ".join(silent[:10]) + (f" and {len(silent) - 10:,} more" if len(silent) > 10 else "")
        notes.append(f"{shown} abstained on every item")
    if found.items < items:
        notes.append(f"so many functions were compared on a random sample that stands for {found.items:,} items")
    return notes


def _named(pair: Dependency, names: list[str], found: Dependencies, accuracies: list[Estimate]) -> DependentPair:
    first_votes, second_votes = int(found.vote_counts[pair.first]), int(found.vote_counts[pair.second])
    return DependentPair(
        first=names[pair.first],
        second=names[pair.second],
        kind=pair.kind,
        strength=pair.strength,
        first_votes=first_votes,
        second_votes=second_votes,
        both=pair.both,
        same=pair.same,
        expected=pair.expected,
        q_value=pair.q_value,
        advice=_advice(pair, names, (first_votes, second_votes), accuracies),
    )


def _advice(pair: Dependency, names: list[str], votes: tuple[int, int], accuracies: list[Estimate]) -> str:
    """What to do about a pair, in one sentence; known labels say which function is better, where they can."""
    first = _Function(names[pair.first], votes[0], accuracies[pair.first])
    second = _Function(names[pair.second], votes[1], accuracies[pair.second])
    return {"copy": _of_copies, "subset": _of_subset, "correlated": _of_correlated}[pair.kind](pair, first, second)


class _Function(NamedTuple):
    name: str
    votes: int
    accuracy: Estimate

    def better_than(self, other: _Function) -> str:
        """How much more often it is right, in words; empty unless the intervals are apart."""
        ours, theirs = self.accuracy, other.accuracy
        if not (ours.n and theirs.n and ours.low > theirs.high):
            return ""
        return f"{ours.value:.0%} against {theirs.value:.0%}"


def _of_copies(pair: Dependency, first: _Function, second: _Function) -> str:
    if pair.same == first.votes == second.votes:
        return f"Delete {second.name}: all its votes are {first.name}'s too."
    keep, drop = (second, first) if second.better_than(first) else (first, second)
    return f"Merge the two, or delete {drop.name}: {_votes(pair, drop)} are {keep.name}'s too."


def _of_subset(pair: Dependency, first: _Function, second: _Function) -> str:
    better = second.better_than(first)
    if better:
        return f"Keep both: where {second.name} votes, it is right more often than {first.name} is ({better})."
    rest = f"{_votes(pair, second)} are {first.name}'s too"
    return f"Delete {second.name} unless the items that it finds deserve two votes: {rest}."


def _votes(pair: Dependency, function: _Function) -> str:
    whole = pair.same == function.votes
    return f"all its {function.votes:,} votes" if whole else f"{pair.same:,} of its {function.votes:,} votes"


def _of_correlated(pair: Dependency, first: _Function, second: _Function) -> str:
    shared = f"{pair.same:,} votes in common, {pair.expected:,.0f} expected of independent functions"
    keep, other = (second, first) if second.better_than(first) else (first, second)
    better = keep.better_than(other)
    if better:
        return f"Keep {keep.name} if one is enough, it is right more often ({better}): {shared}."
    return f"Keep both if each looks at something of its own; else merge them: {shared}."
