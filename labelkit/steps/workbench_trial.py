"""A try of one declared function: what it would find, and how right that seems, before it is saved."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.analysis.intervals import wilson
from labelkit.errors import LabelingFunctionError
from labelkit.lf.declared import DeclaredFunction
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.workbench_basis import Basis, basis_of, trial_pool
from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, Estimate, IntArray

TIME_LIMIT: Final = 2.0
"""Seconds after which a trial is ended."""
_BUDGET: Final = 1.0
"""Seconds of searching after which the remaining items are left out."""
_LOOKED_AT_ONCE: Final = SHARD_SIZE // 8
_HITS: Final = 8
_CONFLICTS: Final = 6
_OTHERS: Final = 3
_BLOCK: Final = 1 << 15

Rows = npt.NDArray[np.int64]
Segment = tuple[str, bool]


@dataclass(frozen=True)
class Overlap:
    """A present function: items on which it and the tried one vote, and on how many of these for another label."""

    function: str
    items: int
    conflicts: int


@dataclass(frozen=True)
class SampleItem:
    """An item on which the tried function votes.

    Attributes
    ----------
    segments
        Its text around the first match, in parts; True for those that match.
    known, decided
        Its known label, and what the label model (or majority vote) decides; None for nothing.
    others
        Functions that vote for another label, and for which; the first few.
    """

    id: str
    segments: tuple[Segment, ...]
    known: str | None
    decided: str | None
    others: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Trial:
    """What a function would do. Shares are of the ``items`` that were looked at.

    Attributes
    ----------
    items, votes
        Items that were looked at, and that it votes on.
    new, overlap, conflict
        Of its votes: on items that no other function votes on; that another one votes on; for another label.
    overlaps
        The functions of the last `vote` that it meets most often.
    accuracy, reference
        Share of its votes on items with a known label that are right, and what these labels are.
    chance
        Share of its label among the known labels, or else among the decided ones; NaN without any.
    agreement, decided_by
        Share of its votes that the label model (or majority vote) gives the same label; no accuracy.
    hits
        Some items that it votes on.
    hidden
        Items of the test split (and the like) that it votes on: nobody is to write functions after them.
    conflicts
        Some on which its vote contradicts a known label, or other functions.
    notes
        What is missing or was measured on a part.
    """

    function: DeclaredFunction
    items: int
    votes: int
    new: int
    overlap: int
    conflict: int
    overlaps: tuple[Overlap, ...]
    accuracy: Estimate
    reference: str
    chance: float
    agreement: Estimate
    decided_by: str
    hits: tuple[SampleItem, ...]
    conflicts: tuple[SampleItem, ...]
    hidden: int = 0
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def try_function(workspace: KeptWorkspace, entry: DeclaredFunction, *, replaces: str | None = None) -> Trial:
    """What a function would find.

    Parameters
    ----------
    replaces
        The name of a present function that it is an edit of, which does not count among the others.

    Raises
    ------
    LabelingFunctionError
        If the pattern cannot be compiled (with the position), there is no such field, or time was up.
    UnknownLabel
        If there is no such label.
    StepMissing
        If there are no items.
    """
    started = time.perf_counter()
    label = workspace.schema.index(entry.label)
    check_field(workspace, entry.field)
    basis = basis_of(workspace)
    rows, counted, doubts = _votes(workspace, basis, entry)
    met = _Met.of(basis, rows, label, replaces or entry.name)
    known, decided = basis.reference.labels[rows], basis.decided[rows]
    hits, against = _samples(basis, met, rows, label, workspace.seed)
    shown = _shown(workspace, basis, entry, met, rows, [*hits, *against], label)
    notes = [*doubts, *basis.notes]
    if counted < basis.items:
        notes.append(f"counted on a random part, {counted:,} of {basis.items:,} items: as many as there was time for")
    return Trial(
        function=entry,
        items=counted,
        votes=len(rows),
        new=int((~met.covered).sum()),
        overlap=int(met.covered.sum()),
        conflict=int(met.conflict.sum()),
        overlaps=met.overlaps(basis.names),
        accuracy=_right(known, label),
        reference=basis.reference.words,
        chance=_chance(basis, label),
        agreement=_right(decided, label),
        decided_by=basis.decided_by,
        hits=tuple(shown[: len(hits)]),
        conflicts=tuple(shown[len(hits) :]),
        hidden=int((~basis.shown[rows]).sum()),
        notes=notes,
        seconds=time.perf_counter() - started,
    )


def check_field(workspace: KeptWorkspace, field: str) -> None:
    """Go on only if the items have this field.

    Raises
    ------
    LabelingFunctionError
        Naming the fields.
    """
    known = fields_of(workspace)
    if field not in known:
        raise LabelingFunctionError(f"field = {field!r}: the items have no such field; they have {', '.join(known)}")


def fields_of(workspace: KeptWorkspace) -> list[str]:
    """Fields that a function can look at."""
    nested = set(workspace.store.items.json_fields())
    return ["text", "id", *(name for name in workspace.store.items.field_types() if name not in nested)]


def _votes(workspace: KeptWorkspace, basis: Basis, entry: DeclaredFunction) -> tuple[Rows, int, list[str]]:
    """Items on which the function votes, how many were looked at, and what is doubtful about its pattern."""
    starts = np.arange(0, basis.items, _LOOKED_AT_ONCE)
    order = np.random.default_rng(workspace.seed).permutation(starts).tolist()
    sizes = [min(_LOOKED_AT_ONCE, basis.items - start) for start in order]
    blocks = [
        (basis.files[start // SHARD_SIZE], start % SHARD_SIZE, size) for start, size in zip(order, sizes, strict=True)
    ]
    request = {"do": "votes", "function": entry.meaning(), "blocks": blocks, "budget": _BUDGET}
    answer, bits = _ask(entry, request)
    found: list[Rows] = [np.empty(0, dtype=np.int64)]
    at = counted = 0
    for start, size in list(zip(order, sizes, strict=True))[: int(answer["blocks"])]:
        part = np.frombuffer(bits, np.uint8, -(-size // 8), at)
        found.append(np.flatnonzero(np.unpackbits(part, count=size)) + start)
        at, counted = at + len(part), counted + size
    return np.sort(np.concatenate(found)), counted, [str(doubt) for doubt in answer["doubts"]]


def _ask(entry: DeclaredFunction, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    return trial_pool().run(request, seconds=TIME_LIMIT, what=f"the function {entry.name!r}")


@dataclass(frozen=True)
class _Met:
    """The votes of the other functions on the rows that the tried one votes on: (c, m), then (c,) of them."""

    votes: IntArray
    covered: BoolArray
    conflict: BoolArray
    together: IntArray
    against: IntArray

    @classmethod
    def of(cls, basis: Basis, rows: Rows, label: int, own: str) -> _Met:
        votes = basis.L[rows]
        if own in basis.names:
            votes[:, basis.names.index(own)] = ABSTAIN
        covered, conflict = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
        together, against = np.zeros(votes.shape[1], dtype=np.int64), np.zeros(votes.shape[1], dtype=np.int64)
        for start in range(0, len(rows), _BLOCK):
            here = slice(start, start + _BLOCK)
            spoke = votes[here] != ABSTAIN
            other = spoke & (votes[here] != label)
            covered[here], conflict[here] = spoke.any(axis=1), other.any(axis=1)
            together += spoke.sum(axis=0)
            against += other.sum(axis=0)
        return cls(votes, covered, conflict, together, against)

    def overlaps(self, names: Sequence[str]) -> tuple[Overlap, ...]:
        """Functions that vote on some of the rows, those with most conflicts first."""
        order = np.lexsort((-self.together, -self.against))
        return tuple(
            Overlap(names[j], int(self.together[j]), int(self.against[j])) for j in order.tolist() if self.together[j]
        )


def _right(labels: IntArray, label: int) -> Estimate:
    known = labels != ABSTAIN
    return wilson(int((labels == label).sum()), int(known.sum()))


def _chance(basis: Basis, label: int) -> float:
    for labels in (basis.reference.labels, basis.decided):
        n = int((labels != ABSTAIN).sum())
        if n:
            return float((labels == label).sum() / n)
    return float("nan")


def _samples(basis: Basis, met: _Met, rows: Rows, label: int, seed: int) -> tuple[list[int], list[int]]:
    """Places among the rows: some hits at random, and some conflicts, contradicted by known labels first."""
    places = np.random.default_rng(seed).permutation(np.flatnonzero(basis.shown[rows]))
    known = basis.reference.labels[rows[places]]
    wrong = (known != ABSTAIN) & (known != label)
    doubtful = places[~wrong & met.conflict[places] & (known != label)]
    against = [*places[wrong].tolist(), *doubtful.tolist()][:_CONFLICTS]
    return places[:_HITS].tolist(), against


def _places(numbers: Rows) -> list[tuple[int, int]]:
    """Shard and row of each item."""
    return [divmod(number, SHARD_SIZE) for number in numbers.tolist()]


def _shown(
    workspace: KeptWorkspace,
    basis: Basis,
    entry: DeclaredFunction,
    met: _Met,
    rows: Rows,
    places: list[int],
    label: int,
) -> list[SampleItem]:
    """The items at these places among the rows, with what is marked in their texts."""
    if not places:
        return []
    numbers = rows[places]
    where = [[basis.files[shard], row] for shard, row in _places(numbers)]
    answer, _ = _ask(entry, {"do": "spans", "function": entry.meaning(), "places": where})
    names = (*workspace.schema.names, None)  # −1, nothing, picks the last
    found = []
    for place, number, item_id, parts in zip(
        places, numbers.tolist(), workspace.store.items.ids(numbers), answer["texts"], strict=True
    ):
        votes = met.votes[place]
        others = np.flatnonzero((votes != ABSTAIN) & (votes != label)).tolist()[:_OTHERS]
        found.append(
            SampleItem(
                id=item_id,
                segments=tuple((str(text), bool(marked)) for text, marked in parts),
                known=names[basis.reference.labels[number]],
                decided=names[basis.decided[number]],
                others=tuple((basis.names[j], workspace.schema.names[votes[j]]) for j in others),
            )
        )
    return found
