"""The figures behind ``labelkit errors``: what is read from the store, and on how many items it is counted."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from labelkit.analysis.errors import FunctionErrors, function_errors
from labelkit.analysis.leave_one_out import Influence, Label, contained_in, leave_one_out
from labelkit.analysis.uncovered import ClusterInput, UncoveredCluster, uncovered_clusters
from labelkit.analysis.voted_items import VotedItems
from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.steps.deciding import Decisions, decisions
from labelkit.steps.item_texts import ItemTexts, item_terms
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.reference import Reference, known_labels, may_be_shown
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

LOOKED_AT: Final = 200_000
"""Items that conflicts and the effect of removing functions are counted on; of more, a random part."""
VOTES_REPEATED: Final = 200_000_000
"""Cells of label matrices that are decided again to see what removing a function changes."""
BUCKETS: Final = 20_000
"""Where functions × classes are more, only --function tells on which known items a function abstained."""

GROUPED: Final = 10_000
"""Uncovered items that are grouped, and covered ones that they are compared with; of more, a random part."""


class Looked(NamedTuple):
    """What one analysis works on."""

    voted: VotedItems
    rows: npt.NDArray[np.intp]
    """Items that are counted: all that may be shown, or a random part of them."""
    decided: Decisions
    reference: Reference
    texts: ItemTexts


def look(workspace: Workspace, run: Run, names: list[str], notes: list[str]) -> Looked:
    """Read votes, decisions and known labels; notes say what is missing."""
    L = vote_matrix(workspace, run)
    people = workspace.people()
    reference = known_labels(workspace, people)
    shown = may_be_shown(workspace, people)
    decided = decisions(workspace, L)
    texts = ItemTexts(workspace)
    voted = VotedItems(
        L=L,
        decided=decided.labels,
        uncertainty=decided.uncertainty,
        known=reference.labels,
        shown=shown,
        names=names,
        class_names=workspace.schema.names,
        ids=texts.ids,
    )
    rows = np.flatnonzero(shown)
    if len(rows) > LOOKED_AT:
        notes.append(f"counted on a random {LOOKED_AT:,} of {len(rows):,} items; known labels on all of them")
        rows = _part(workspace, rows, LOOKED_AT)
    notes += [*decided.notes, *reference.notes]
    if not len(rows):
        notes.append("all items are in the test split or drawn for the audit: there is nothing that may be looked at")
    elif not len(voted.known_rows):
        notes.append("there are no known labels: who is right can only be estimated from how functions agree")
    return Looked(voted, rows, decided, reference, texts)


def diagnosed(
    workspace: Workspace, looked: Looked, notes: list[str], *, only: int | None, examples: int
) -> tuple[FunctionErrors, ...]:
    """The diagnosis of each function, or of one; notes say what was counted on a part of the items."""
    voted, rows = looked.voted, looked.rows
    cells = int((voted.L[rows] != ABSTAIN).sum()) * len(voted.names)
    measured = rows
    if cells > VOTES_REPEATED:
        measured = _part(workspace, rows, max(len(rows) * VOTES_REPEATED // cells, 1))
        notes.append(f"what removing a function changes is counted on a random {len(measured):,} items")
    judged = _part(workspace, voted.known_rows, max(len(measured), 1_000))
    both = np.concatenate([measured, judged])
    patterns = distinct_patterns(np.ascontiguousarray(voted.L[both]))
    counts = np.bincount(patterns.inverse[: len(measured)], minlength=len(patterns.rows))
    known_pattern, known = patterns.inverse[len(measured) :], voted.known[judged]

    def influences(label: Label) -> list[Influence]:
        return leave_one_out(patterns.rows, counts, label, known_pattern=known_pattern, known=known)

    by_majority = influences(looked.decided.majority)
    model = looked.decided.decide
    gold_classes = len(np.unique(voted.known[voted.known_rows]))
    abstained = only is not None or len(voted.names) * gold_classes <= BUCKETS
    if not abstained:
        notes.append("on which known items a function abstains is told by `labelkit errors --function NAME` only")
    return function_errors(
        voted, rows, by_majority if model is None else influences(model), by_majority,
        _contained(voted.L, patterns.rows), examples=examples, only=only, abstained=abstained,
    )  # fmt: skip


def _part(workspace: Workspace, rows: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    """So many of the rows, drawn at random; all of them if there are no more."""
    if len(rows) <= count:
        return rows
    return np.sort(np.random.default_rng(workspace.seed).choice(rows, size=count, replace=False))


def _contained(L: IntArray, patterns: IntArray) -> list[tuple[int, ...]]:
    """Who votes the same on all items, wherever a function votes; the patterns may be those of a part."""
    found = contained_in(patterns)
    for a, others in enumerate(found):
        if others:
            silent = L[:, a] == ABSTAIN
            found[a] = tuple(b for b in others if bool((silent | (L[:, a] == L[:, b])).all()))
    return found


def voteless(voted: VotedItems) -> list[str]:
    """Classes that no function votes for on any item."""
    seen = np.zeros(voted.cardinality + 1, dtype=bool)  # abstain (−1) marks the last place
    for start in range(0, len(voted.L), SHARD_SIZE):
        seen[voted.L[start : start + SHARD_SIZE]] = True
    return [name for name, votes in zip(voted.class_names, seen[:-1], strict=True) if not votes]


def clustered(workspace: Workspace, looked: Looked, notes: list[str], examples: int) -> tuple[UncoveredCluster, ...]:
    """The uncovered items in groups of similar ones; a note says if only a part was grouped."""
    voted, rows = looked.voted, looked.rows
    uncovered, covered = rows[~voted.covered[rows]], rows[voted.covered[rows]]
    if not len(uncovered):
        return ()
    part, beside = _part(workspace, uncovered, GROUPED), _part(workspace, covered, GROUPED)
    if len(part) < len(uncovered):
        notes.append(f"the {len(uncovered):,} uncovered items are grouped by a random {len(part):,} of them")
    both = np.concatenate([part, beside])
    given = ClusterInput(
        table=item_terms(workspace, both),
        grouped=len(part),
        known=voted.known[both],
        ids=lambda places: looked.texts.ids(part[places]),
        uncovered=len(uncovered),
        covered=len(covered),
    )
    return uncovered_clusters(given, voted.class_names, examples=examples, seed=workspace.seed)
