"""Browsing items: filter them by all that is known of them, page by page, and open one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.errors import StepMissing
from labelkit.steps.browsing_facts import SOURCES, current_labels, voted
from labelkit.steps.browsing_history import Event, item_history
from labelkit.steps.browsing_state import KeptWorkspace, Standing
from labelkit.steps.workspace import Workspace
from labelkit.types import ABSTAIN, BoolArray

Order = Literal["arrival", "newest answer", "least certain", "most certain"]
Answered = Literal["answered", "unanswered", "flagged", "skipped", "disputed"]

ORDERS: Final[tuple[Order, ...]] = ("arrival", "newest answer", "least certain", "most certain")
ANSWERED: Final[tuple[Answered, ...]] = ("answered", "unanswered", "flagged", "skipped", "disputed")
NO_LABEL: Final = "(no label)"
_SHOWN: Final = 240
"""Characters of an item in a list."""
_LONGEST_QUERY: Final = 500


@dataclass(frozen=True)
class ItemFilter:
    """What items have to be like; None, empty and False ask for nothing.

    Attributes
    ----------
    text
        Words that all have to be in the text (the last letters of a word may be missing), or the beginning of an id.
    split
        A split's name, ``none`` for items without one.
    label, source
        The label that an item has now (:data:`NO_LABEL` for none), and who decided it (one of ``SOURCES``).
    answered
        What people did with it.
    role
        ``audit`` or ``tuning``: drawn for that.
    function, vote
        A labeling function that voted on it, and for which label.
    conflict
        Functions voted differently.
    uncovered
        No function voted.
    p_from, p_to
        Probability of its label, 0 to 1, both included.
    order
        One of :data:`ORDERS`.
    """

    text: str = ""
    split: str | None = None
    label: str | None = None
    source: str | None = None
    answered: Answered | None = None
    role: str | None = None
    function: str | None = None
    vote: str | None = None
    conflict: bool = False
    uncovered: bool = False
    p_from: float = 0.0
    p_to: float = 1.0
    order: Order = "arrival"


@dataclass(frozen=True)
class ItemRow:
    """One item in a list; ``text`` is its beginning, ``p`` None where no model says anything."""

    number: int
    id: str
    text: str
    label: str | None
    source: str | None
    p: float | None
    answers: int
    disputed: bool
    flagged: bool


@dataclass(frozen=True)
class ItemPage:
    """Some of the items that fit. ``next`` is the place to go on from (None: these were the last)."""

    rows: list[ItemRow]
    total: int
    next: tuple[float, int] | None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Choices:
    """What can be filtered by in this project."""

    items: int
    splits: list[str]
    labels: list[str]
    sources: list[str]
    functions: list[str]
    answers: bool


class Browsing:
    """The items of one project, for people who look around; reads only what is stored."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = KeptWorkspace.of(workspace)

    def choices(self) -> Choices:
        """What can be filtered by."""
        workspace = self._workspace
        run = workspace.store.runs.latest("vote")
        splits = workspace.kept.value("split names", workspace.mark().items, lambda: _split_names(workspace))
        return Choices(
            items=workspace.store.items.count(),
            splits=splits,
            labels=list(workspace.schema.names),
            sources=list(SOURCES),
            functions=[f["name"] for f in run.parameters["functions"]] if run is not None else [],
            answers=bool(workspace.mark().annotations),
        )

    def page(
        self, wanted: ItemFilter | None = None, *, after: tuple[float, int] | None = None, limit: int = 25
    ) -> ItemPage:
        """The first ``limit`` items that fit, or those after a place.

        Raises
        ------
        LabelkitError
            If the search words cannot be used.
        """
        workspace, wanted = self._workspace, wanted or ItemFilter()
        notes: list[str] = []
        mask = _fitting(workspace, wanted, notes)
        numbers = np.flatnonzero(mask)
        keys = _keys(workspace, wanted.order, numbers)
        rest = numbers if after is None else numbers[(keys > after[0]) | ((keys == after[0]) & (numbers > after[1]))]
        keys = keys if after is None else _keys(workspace, wanted.order, rest)
        first = _first(keys, rest, limit)
        shown = rest[first]
        last = (float(keys[first[-1]]), int(shown[-1])) if len(rest) > limit else None
        return ItemPage(_rows(workspace, shown), len(numbers), last, notes)

    def history(self, item_id: str) -> list[Event]:
        """Everything that happened to one item, in order of time; empty if there is none of this id."""
        number = self._workspace.store.items.number_of(item_id)
        return [] if number is None else item_history(self._workspace, number)

    def explain(self, item_id: str) -> Any:
        """As :meth:`Project.explain`, out of what is kept."""
        from labelkit.steps.analysing import explain_item

        return explain_item(self._workspace, item_id)

    def index_ready(self, *, most_seconds: float = 0.0) -> bool:
        """Whether texts can be searched by word; works on the index for up to ``most_seconds``."""
        index = self._workspace.store.items.search_index
        return index.ready() or (most_seconds > 0 and index.build(most_seconds=most_seconds))


def _split_names(workspace: KeptWorkspace) -> list[str]:
    names = {split or "none" for split in set(workspace.store.items.splits())}
    return sorted(names, key=lambda name: (name != "train", name))


def _fitting(workspace: KeptWorkspace, wanted: ItemFilter, notes: list[str]) -> BoolArray:
    """(n,) whether each item fits."""
    standing = workspace.standing()
    n = len(standing.people.label)
    mask = np.ones(n, dtype=bool)
    if wanted.split is not None:
        split = None if wanted.split == "none" else wanted.split
        key = (workspace.mark().items, split)
        mask &= workspace.kept.value(f"split {split}", key, lambda: workspace.store.items.in_splits(split))
    if wanted.answered is not None:
        mask &= _by_answers(standing, wanted.answered)
    if wanted.role is not None:
        mask &= standing.people.audit if wanted.role == "audit" else standing.people.tuning
    if wanted.label is not None or wanted.source is not None or wanted.p_from > 0.0 or wanted.p_to < 1.0:
        _by_label(workspace, wanted, mask)
    if wanted.function is not None or wanted.conflict or wanted.uncovered:
        _by_votes(workspace, wanted, mask, notes)
    if wanted.text.strip():
        mask &= _by_text(workspace, wanted.text, n, notes)
    return mask


def _by_answers(standing: Standing, answered: Answered) -> BoolArray:
    people = standing.people
    if answered == "disputed":
        out = np.zeros(len(people.label), dtype=bool)
        out[people.disputed] = True
        return out
    return {
        "answered": people.asked,
        "unanswered": ~people.asked,
        "flagged": standing.flagged,
        "skipped": standing.skipped,
    }[answered]


def _by_label(workspace: KeptWorkspace, wanted: ItemFilter, mask: BoolArray) -> None:
    now = current_labels(workspace)
    if wanted.label is not None:
        index = ABSTAIN if wanted.label == NO_LABEL else workspace.schema.index(wanted.label)
        mask &= now.label == index
    if wanted.source is not None:
        mask &= now.source == SOURCES.index(wanted.source)
    if wanted.p_from > 0.0 or wanted.p_to < 1.0:
        # The slider's ends are decimal fractions, the probabilities float32: 0.9 must find 0.9.
        mask &= (now.p >= np.float32(wanted.p_from) - 1e-6) & (now.p <= np.float32(wanted.p_to) + 1e-6)


def _by_votes(workspace: KeptWorkspace, wanted: ItemFilter, mask: BoolArray, notes: list[str]) -> None:
    votes = voted(workspace)
    if votes is None:
        notes.append("items came or changed after the last `labelkit vote`: nothing is filtered by votes")
        return
    if wanted.conflict:
        mask &= votes.conflict
    if wanted.uncovered:
        mask &= votes.count == 0
    if wanted.function is not None:
        column = _column(workspace, wanted.function)
        index = None if wanted.vote is None else workspace.schema.index(wanted.vote)
        mask &= column != ABSTAIN if index is None else column == index


def _column(workspace: KeptWorkspace, function: str) -> npt.NDArray[Any]:
    """(n,) class indices of one function's votes in the last `vote`."""
    run = workspace.need("vote", "reading votes")
    prints = [f["fingerprint"] for f in run.parameters["functions"] if f["name"] == function]
    if not prints:
        raise StepMissing(f"there is no labeling function {function!r} in the last `labelkit vote`")
    L = workspace.store.votes.matrix(prints, run.parameters["shards"])
    return np.asarray(workspace.schema.to_indices(L[:, 0]))


def _by_text(workspace: KeptWorkspace, text: str, n: int, notes: list[str]) -> BoolArray:
    """(n,) items whose text has all the words, or whose id begins so."""
    browsing = workspace.store.browsing
    query = text.strip()[:_LONGEST_QUERY]
    out = np.zeros(n, dtype=bool)
    found = browsing.with_id(query, n)
    if workspace.store.items.search_index.ready():
        words = [f'"{word}"*' for word in query.replace('"', " ").replace("\0", " ").split()]
        found += browsing.matching(" ".join(words)) if words else []
    else:
        notes.append("the words of the texts are not indexed yet: only ids were searched")
    numbers = np.asarray(found, dtype=np.intp)
    out[numbers[numbers < n]] = True
    return out


def _keys(workspace: KeptWorkspace, order: Order, numbers: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """What these items are sorted by, ascending; equal keys go by number."""
    if order == "newest answer":
        return -workspace.standing().newest[numbers].astype(np.float64)
    if order == "arrival":
        return np.zeros(len(numbers))
    p = current_labels(workspace).p[numbers].astype(np.float64)
    return np.nan_to_num(p if order == "least certain" else -p, nan=2.0)


def _first(keys: npt.NDArray[np.float64], numbers: npt.NDArray[np.intp], limit: int) -> npt.NDArray[np.intp]:
    """Positions of the first ``limit`` by key, then number (which ascend already)."""
    if len(keys) > limit:
        edge = np.partition(keys, limit - 1)[limit - 1]
        below = np.flatnonzero(keys < edge)
        equal = np.flatnonzero(keys == edge)[: limit - len(below)]
        chosen = np.sort(np.concatenate([below, equal]))
    else:
        chosen = np.arange(len(keys))
    order: npt.NDArray[np.intp] = chosen[np.argsort(keys[chosen], kind="stable")]
    return order


def _rows(workspace: KeptWorkspace, numbers: npt.NDArray[np.intp]) -> list[ItemRow]:
    standing, now, names = workspace.standing(), current_labels(workspace), workspace.schema.names
    disputed = set(standing.people.disputed)
    texts = workspace.store.browsing.beginnings(numbers.tolist(), _SHOWN)
    rows = []
    for number in numbers.tolist():
        if number not in texts:
            continue
        label, source, p = int(now.label[number]), int(now.source[number]), float(now.p[number])
        rows.append(
            ItemRow(
                number,
                *texts[number],
                label=None if label == ABSTAIN else names[label],
                source=None if source < 0 else SOURCES[source],
                p=None if np.isnan(p) else p,
                answers=int(standing.people.answers[number]),
                disputed=number in disputed,
                flagged=bool(standing.flagged[number]),
            )
        )
    return rows
