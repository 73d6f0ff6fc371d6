"""The loop of ``label_efficiency.py``: a method asks, people answer, the method learns, and is measured."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from _efficiency_people import SKIP, People
from _efficiency_sets import Problem, Truth

from labelkit.analysis import score
from labelkit.annotate.resolve import agreed
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray, QueueEntry

Predict = Callable[[sp.csr_matrix], FloatArray]
MIN_AGREEMENT = 0.5


class Opinion(NamedTuple):
    """One answer: row, person, class index or ``SKIP``, and the role of the item."""

    row: int
    person: int
    label: int
    role: str


@dataclass
class State:
    """What is known so far: all that a method may look at.

    Attributes
    ----------
    labels
        (n,) what the answers agree on, whatever the role, −1 where nothing is decided.
    roles
        (n,) of items that were asked: ``active``, ``audit``, ``tuning``, or empty.
    asked, askable
        (n,) somebody answered or skipped; the item can be asked about at all.
    opinions
        Every single answer in order; their number is what the curves count (skips included).
    """

    problem: Problem
    seed: int
    askable: BoolArray
    labels: IntArray = field(init=False)
    asked: BoolArray = field(init=False)
    roles: np.ndarray = field(init=False)
    opinions: list[Opinion] = field(default_factory=list)
    strategies: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        n = len(self.askable)
        self.labels = np.full(n, ABSTAIN)
        self.asked = np.zeros(n, dtype=bool)
        self.roles = np.full(n, "", dtype="U8")

    @property
    def open_rows(self) -> IntArray:
        """Rows that nobody was asked about."""
        return np.flatnonzero(self.askable & ~self.asked)

    @property
    def audit(self) -> BoolArray:
        """(n,) answered for the audit: nothing may learn from them."""
        return self.roles == "audit"

    @property
    def tuning(self) -> BoolArray:
        """(n,) answered for tuning."""
        return self.roles == "tuning"

    @property
    def teaching(self) -> IntArray:
        """(n,) labels that models may learn from: all but the audit's."""
        return np.where(self.audit, ABSTAIN, self.labels)

    def take(self, entries: Iterable[QueueEntry], people: People) -> None:
        """Have people answer these entries."""
        for entry in entries:
            row = entry.item
            before = [one for one in self.opinions if one.row == row] if self.asked[row] else []
            person = people.next_for({one.person for one in before})
            opinion = Opinion(row, person, people.answer(person, row), entry.role)
            self.opinions.append(opinion)
            said = [one.label for one in [*before, opinion] if one.label != SKIP]
            self.labels[row] = agreed(said, MIN_AGREEMENT)
            self.asked[row] = True
            self.roles[row] = self.roles[row] or entry.role
            self.strategies[entry.strategy] += 1


class Method(Protocol):
    """A way to spend answers. It is made anew for each run, so it may remember what it likes."""

    def refit(self, state: State) -> Predict:
        """Learn from the state; a function from a feature matrix (m, d) to probabilities (m, k)."""
        ...

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """At most ``count`` rows to ask about next (``item`` is the row), after :meth:`refit` on this state.

        Fewer are answered first and the method is asked again; none ends the run. A row may come again for a
        second opinion, in another call.
        """
        ...


def entry(row: int, strategy: str) -> QueueEntry:
    """A question of a peer: everything teaches, nothing has an inclusion probability."""
    return QueueEntry(0, int(row), 0.0, "active", strategy, None, "")


def run(
    method: Method,
    problem: Problem,
    truth: Truth,
    people: People,
    *,
    seed: int,
    checkpoints: Sequence[int],
    batch: int,
    until: int,
    target: float,
) -> list[dict[str, Any]]:
    """One learning curve: a point for each checkpoint; ``test_items`` counts those that the start got wrong and
    this point right (``won``), and the other way round.

    Parameters
    ----------
    checkpoints
        Numbers of answers, ascending from 0, at which the end model is measured.
    batch
        Most answers between two refits, up to ``until``; after that refits come with the checkpoints.
    until
        From here on the run ends once two checkpoints in a row reached ``target``, in test accuracy.
    """
    state = State(problem, seed, truth.gold != ABSTAIN)
    points: list[dict[str, Any]] = []
    start: BoolArray | None = None
    clock = {"refit": 0.0, "ask": 0.0}

    def timed(kind: str, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        clock[kind] += time.perf_counter() - started
        return result

    predict = timed("refit", lambda: method.refit(state))
    for checkpoint in checkpoints:
        while len(state.opinions) < checkpoint:
            wanted = checkpoint - len(state.opinions)
            most = min(batch, wanted) if checkpoint <= until else wanted
            entries = timed("ask", lambda most=most: method.ask(state, most))
            _check(method, state, entries, most)
            if not entries:
                break
            state.take(entries, people)
            predict = timed("refit", lambda: method.refit(state))
        if points and points[-1]["answers"] == len(state.opinions):
            break  # nothing is left to ask
        probabilities = predict(truth.X_test)
        right = probabilities.argmax(axis=1) == truth.test_gold
        start = right if start is None else start
        changed = {"won": int((right & ~start).sum()), "lost": int((start & ~right).sum()), "items": len(right)}
        points.append(_measured(state, probabilities, predict(problem.X), truth) | {"test_items": changed})
        points[-1]["seconds"] = {kind: round(value, 3) for kind, value in clock.items()}
        if checkpoint >= until and min(point["test"] for point in points[-2:]) >= target:
            break
    return points


def _check(method: Method, state: State, entries: Sequence[QueueEntry], most: int) -> None:
    rows = [one.item for one in entries]
    name = type(method).__name__
    if len(rows) > most or len(set(rows)) < len(rows):
        raise ValueError(f"{name} was asked for {most} rows and gave {len(rows)}, {len(set(rows))} of them distinct")
    strange = [row for row in rows if not 0 <= row < len(state.askable) or not state.askable[row]]
    if strange:
        raise ValueError(f"{name} asks about row {strange[0]}, which nobody can answer")


def _measured(state: State, test: FloatArray, pool: FloatArray, truth: Truth) -> dict[str, Any]:
    return {
        "answers": len(state.opinions),
        "test": score(test, truth.test_gold).accuracy.value,
        "pool": score(pool, truth.gold).accuracy.value,
        "roles": dict(Counter(one.role for one in state.opinions)),
        "skips": sum(one.label == SKIP for one in state.opinions),
        "strategies": dict(state.strategies),
    }
