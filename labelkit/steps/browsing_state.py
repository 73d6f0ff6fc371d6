"""What the pages have read before, kept in the server's process: answers as they stand, arrays of runs.

Every visit of a page opens the project anew, in a thread of its own. Reading fifty thousand answers for each of
them would take a third of a second and hold up those who answer; so one state per project file is kept and
brought up to date with what was answered since. It is bounded, and made anew where anything else has changed.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from labelkit.annotate import HumanLabels, resolve
from labelkit.steps.workspace import Workspace
from labelkit.store import Mark
from labelkit.types import Annotation, BoolArray, IntArray

T = TypeVar("T")

_PROJECTS: Final = 2
_VALUES: Final = 48
_MOST_TOUCHED: Final = 5_000
"""From so many answered items on, reading all answers anew is quicker."""


@dataclass(frozen=True)
class Standing:
    """Answers as they stand at a mark.

    Attributes
    ----------
    people
        As :meth:`Workspace.people`.
    flagged, skipped
        (n,) items with a flag, or a skip, that counts.
    newest
        (n,) number of the newest answer that counts, 0 where there is none.
    """

    mark: Mark
    rules: Hashable
    people: HumanLabels
    flagged: BoolArray
    skipped: BoolArray
    newest: npt.NDArray[np.int64]


@dataclass
class Kept:
    """What is kept of one project file. One thread at a time brings it up to date."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    event: tuple[int, str] = (0, "")
    standing: Standing | None = None
    values: OrderedDict[str, tuple[Hashable, Any, float]] = field(default_factory=OrderedDict)
    making: dict[str, threading.Lock] = field(default_factory=dict)

    def value(self, name: str, key: Hashable, make: Callable[[], T], *, fresh_seconds: float = 0.0) -> T:
        """The value of this name if its key is the same, else a new one in its place; made once at a time.

        A value of another key is taken too while it is younger than ``fresh_seconds``.
        """
        with self.lock:
            making = self.making.setdefault(name, threading.Lock())
        with making:
            kept = self.values.get(name)
            if kept is not None and (kept[0] == key or time.monotonic() - kept[2] < fresh_seconds):
                value: T = kept[1]
                return value
            made = make()
            with self.lock:
                self.values[name] = (key, made, time.monotonic())
                self.values.move_to_end(name)
                while len(self.values) > _VALUES:
                    self.making.pop(self.values.popitem(last=False)[0], None)
            return made

    def last(self, name: str) -> tuple[Any, Any] | None:
        """The key and the value that were made last under a name."""
        kept = self.values.get(name)
        return None if kept is None else kept[:2]

    def has(self, name: str, key: Hashable) -> bool:
        """Whether :meth:`value` would answer at once."""
        kept = self.values.get(name)
        return kept is not None and kept[0] == key


_kept: OrderedDict[str, Kept] = OrderedDict()
_lock = threading.Lock()


def kept_of(workspace: Workspace) -> Kept:
    """What this process keeps of a project file; nothing, where another file was put in its place."""
    browsing, name = workspace.store.browsing, str(workspace.store.path.resolve())
    with _lock:
        state = _kept.get(name)
        if state is None or not browsing.has_event(state.event):
            state = _kept[name] = Kept()
        state.event = browsing.newest_event()
        _kept.move_to_end(name)
        while len(_kept) > _PROJECTS:
            _kept.popitem(last=False)
        return state


class KeptWorkspace(Workspace):
    """A workspace for pages: it says the same as the project's own, out of what is kept."""

    @classmethod
    def of(cls, workspace: Workspace) -> KeptWorkspace:
        """The same project, read through what this process keeps."""
        if isinstance(workspace, cls):
            return workspace
        return cls(workspace.root, workspace.config, workspace.store, workspace.progress, workspace.memo)

    @cached_property
    def kept(self) -> Kept:
        """What this process keeps of the project."""
        return kept_of(self)

    def mark(self) -> Mark:
        """How far the project has come."""
        return self.store.browsing.mark()

    @property
    def _items(self) -> tuple[int, int]:
        """Another value when items or gold labels came or changed."""
        mark = self.mark()
        return mark.items, mark.runs[1]

    def standing(self) -> Standing:
        """Answers as they stand now."""
        kept = self.kept
        with kept.lock:
            mark, rules = self.mark(), self._rules()
            kept.standing = _standing(self, kept.standing, mark, rules)
            return kept.standing

    def _rules(self) -> Hashable:
        schema = self.schema
        return self.config.annotation.min_agreement, schema.ids, tuple(sorted(schema.merged.items()))

    def people(self) -> HumanLabels:
        """What people decided so far."""
        return self.standing().people

    def train_split(self) -> BoolArray:
        """(n,) items of the train split, or of none."""
        return self.kept.value("train split", self.mark().items, lambda: Workspace.train_split(self))

    def content(self) -> str:
        """Identity of all items' contents and splits."""
        return self.kept.value("content", self.mark().items, lambda: Workspace.content(self))

    def gold(self) -> IntArray:
        """(n,) class indices of the newest gold labels, −1 where there is none."""
        key = (*self._items, self.schema.ids)
        return self.kept.value("gold", key, lambda: self.schema.to_indices(self.store.items.gold()))


def _standing(workspace: KeptWorkspace, before: Standing | None, mark: Mark, rules: Hashable) -> Standing:
    """The state at a mark: the one before with what was answered since, or all of it anew."""
    if before is None or before.rules != rules or before.mark.items != mark.items:
        return _read(workspace, mark, rules)
    if before.mark == mark:
        return before
    touched = workspace.store.browsing.touched(before.mark)
    if len(touched) > _MOST_TOUCHED:
        return _read(workspace, mark, rules)
    people = _patched(workspace, before.people, touched) if touched else before.people
    if before.mark.runs != mark.runs:
        people = _with_roles(workspace, people)
    facts = _Facts(before.flagged, before.skipped, before.newest)
    if touched:
        facts = facts.read(workspace, touched)
    return Standing(mark, rules, people, facts.flagged, facts.skipped, facts.newest)


def _read(workspace: KeptWorkspace, mark: Mark, rules: Hashable) -> Standing:
    people = Workspace.people(workspace)
    n = len(people.label)
    empty = _Facts(np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64))
    facts = empty.read(workspace, None)
    return Standing(mark, rules, people, facts.flagged, facts.skipped, facts.newest)


@dataclass(frozen=True)
class _Facts:
    """The arrays of :class:`Standing` that people's labels do not have."""

    flagged: BoolArray
    skipped: BoolArray
    newest: npt.NDArray[np.int64]

    def read(self, workspace: Workspace, items: Sequence[int] | None) -> _Facts:
        """With the facts of some items, or of all, read anew."""
        out = _Facts(self.flagged.copy(), self.skipped.copy(), self.newest.copy())
        if items is not None:
            out.flagged[items], out.skipped[items], out.newest[items] = False, False, 0
        for fact in workspace.store.browsing.answer_facts(items):
            out.flagged[fact.item], out.skipped[fact.item] = fact.flagged, fact.skipped
            out.newest[fact.item] = fact.newest
        return out


def _patched(workspace: KeptWorkspace, people: HumanLabels, touched: Sequence[int]) -> HumanLabels:
    """People's labels with those items decided anew by the same rule as all."""
    place = {item: i for i, item in enumerate(touched)}
    fresh = workspace.store.browsing.answers_of(touched)
    decisions = workspace.store.people.adjudications()
    part = resolve(
        len(touched),
        [replace(answer, item=place[answer.item]) for answer in fresh],
        {place[item]: label for item, label in decisions.items() if item in place},
        {},
        min_agreement=workspace.config.annotation.min_agreement,
        merged=people.merged,
    )
    at = np.asarray(touched, dtype=np.intp)
    still = [item for item in people.disputed if item not in place]
    return replace(
        people,
        label=_put(people.label, at, part.label),
        adjudicated=_put(people.adjudicated, at, part.adjudicated),
        simulated=_put(people.simulated, at, part.simulated),
        answers=_put(people.answers, at, part.answers),
        asked=_put(people.asked, at, part.asked),
        disputed=sorted([*still, *(touched[i] for i in part.disputed)]),
        annotations=_merged(people.annotations, fresh, place),
    )


def _put(array: npt.NDArray[Any], at: npt.NDArray[np.intp], values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy with other values at some places: whoever read the array before keeps what he has."""
    out = array.copy()
    out[at] = values
    return out


def _merged(
    before: Sequence[Annotation], fresh: Sequence[Annotation], touched: dict[int, int]
) -> tuple[Annotation, ...]:
    """All answers in order of item; those of touched items are the fresh ones."""
    left = (answer for answer in before if answer.item not in touched)
    return tuple(sorted(chain(left, fresh), key=lambda answer: answer.item))  # stable: order of arrival stays


def _with_roles(workspace: KeptWorkspace, people: HumanLabels) -> HumanLabels:
    """The roles of items as they are now: ranking draws new ones."""
    n = len(people.label)
    audit, tuning = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    for item, role in workspace.store.people.roles().items():
        (audit if role == "audit" else tuning)[item] = True
    return replace(people, audit=audit, tuning=tuning)
