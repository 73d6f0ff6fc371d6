"""Votes of ``model`` functions: batches of texts in, probabilities out, a class where one is sure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from labelkit.errors import FunctionFault, FunctionTimeout, InvalidVote, LabelingFunctionError
from labelkit.lf.base import describe, resolver
from labelkit.lf.compile.calling import EXAMPLES, LIMIT_HINT, problem_of
from labelkit.lf.compile.context import KernelContext
from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.paths import Path
from labelkit.lf.compile.view import ShardView
from labelkit.lf.models import ModelFunction
from labelkit.lf.shard import ColumnVotes, vote_dtype
from labelkit.lf.timelimit import TimeUp, time_limit
from labelkit.types import ABSTAIN, Fault, FloatArray, IntArray, LabelSchema


class ModelKernel:
    """Asks each model about the texts that are there."""

    def __init__(self, functions: Sequence[ModelFunction], schema: LabelSchema, context: KernelContext) -> None:
        self._voters = [_Voter(function, schema, context.time_limit) for function in functions]

    @staticmethod
    def searches(functions: Sequence[ModelFunction]) -> Iterable[Search]:
        """None: nothing is searched."""
        return ()

    def paths(self) -> list[Path]:
        """How each function is run, in their order."""
        return [Path("model") for _ in self._voters]

    def run(self, view: ShardView, *, fault_tolerant: bool) -> Iterator[ColumnVotes]:
        """The columns of all functions, in their order."""
        for voter in self._voters:
            yield voter.vote(view, fault_tolerant)


class _Voter:
    """One model with its classes as stable ids."""

    def __init__(self, function: ModelFunction, schema: LabelSchema, seconds: float | None) -> None:
        resolve = resolver(function, schema)
        self.seconds = seconds
        self.function = function
        self.dtype = vote_dtype(schema)
        self.wanted = None if function.label is None else resolve(function.label)
        self.ids = None if function.classes is None else np.array([resolve(c) for c in function.classes])
        if self.wanted is not None and self.ids is not None and self.wanted not in self.ids:
            raise LabelingFunctionError(
                f"{describe(function)} votes {function.label!r}, which is not among its model's classes "
                f"{', '.join(map(repr, function.classes or ()))}"
            )

    def vote(self, view: ShardView, fault_tolerant: bool) -> ColumnVotes:
        """The model's column for a shard."""
        texts = view.texts(self.function.field, self.function)
        there = [row for row, text in enumerate(texts) if text is not None]
        votes = np.full(view.size, ABSTAIN, dtype=self.dtype)
        faults: list[Fault] = []
        count = 0
        size = self.function.batch_size
        batches = [there[start : start + size] for start in range(0, len(there), size)]
        while batches:
            rows = batches.pop(0)
            try:
                raw = self._predict([str(texts[row]) for row in rows], [view.ids[row] for row in rows])
            except FunctionTimeout:
                raise
            except Exception as error:
                if not fault_tolerant:
                    raise self._fault(error, [view.ids[row] for row in rows]) from error
                if len(rows) > 1:  # find the items that it fails on
                    batches[:0] = [[row] for row in rows]
                    continue
                count += 1
                faults += [Fault(self.function.name, view.ids[rows[0]], problem_of(error))][: EXAMPLES - len(faults)]
                continue
            votes[rows] = self._decide(self._probabilities(raw, [view.ids[row] for row in rows]))
        return ColumnVotes(self.function.name, votes, faults, count)

    def _predict(self, texts: list[str], items: list[str]) -> Any:
        """What the model returns for a batch, in the time that its items have together."""
        seconds = (self.seconds or 0.0) * len(texts)
        try:
            with time_limit(lambda: 0, seconds, describe(self.function)):
                return self.function.predict(texts)
        except TimeUp:
            raise FunctionTimeout(
                f"{describe(self.function)} did not come back within {seconds:g} s on {_range(items)}", hint=LIMIT_HINT
            ) from None

    def _decide(self, probabilities: FloatArray) -> IntArray:
        """Class ids of shape (n,) for probabilities of shape (n, k); several columns may mean one class."""
        ids = np.array([self.wanted]) if self.ids is None else self.ids
        classes = np.unique(ids)
        summed = np.stack([probabilities[:, ids == class_id].sum(axis=1) for class_id in classes], axis=1)
        if self.wanted is not None:
            sure = summed[:, list(classes).index(self.wanted)] >= self.function.threshold
            return np.where(sure, self.wanted, ABSTAIN)
        best = summed.argmax(axis=1)
        sure = summed[np.arange(len(best)), best] >= self.function.threshold
        return np.where(sure, classes[best], ABSTAIN)

    def _probabilities(self, raw: Any, items: list[str]) -> FloatArray:
        """What the model returned as (n, k) probabilities, or an error that names the item."""
        width = 1 if self.ids is None else len(self.ids)
        where = describe(self.function)
        try:
            found = np.asarray(raw, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidVote(f"{where} returned {_short(raw)} instead of probabilities for {_range(items)}") from error
        if found.shape == (len(items),) and width == 1:
            found = found[:, None]
        if found.shape != (len(items), width):
            raise InvalidVote(
                f"{where} returned an array of shape {found.shape} for {_range(items)}; "
                f"expected ({len(items)}, {width})",
                hint="Say with classes= which class each column stands for" if self.ids is None else None,
            )
        bad = ~((found >= 0) & (found <= 1 + 1e-6)).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise InvalidVote(f"{where} returned the probabilities {found[row].tolist()} on item {items[row]!r}")
        return found

    def _fault(self, error: Exception, items: list[str]) -> FunctionFault:
        return FunctionFault(
            f"{describe(self.function)} raised {problem_of(error)} on {_range(items)}",
            hint="Mend the model, or count its faults as abstain: fault_tolerant = true under [labeling_functions]"
            " in labelkit.toml",
        )


def _range(items: list[str]) -> str:
    return f"item {items[0]!r}" if len(items) == 1 else f"the {len(items)} items {items[0]!r} to {items[-1]!r}"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
