"""Rows as preprocessors leave them: each preprocessor once per item, in batches where it takes them.

Results are kept for one window of items, in which all functions that share a preprocessor are run; then
they are forgotten. Snorkel's preprocessors mean here what they mean in Snorkel (a mapper gets a deep
copy, and its own mappers are run before it), except that an item is recognised by its place and not by
its values.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from labelkit.lf.preprocessors import BATCH_SIZE, MiscountedResults, Preprocessor
from labelkit.lf.rows import Row, RowCopy
from labelkit.lf.timelimit import TimeUp, time_limit

Key = tuple[Any, ...]

WINDOW: Final = 1024
"""Items whose preprocessed rows are held at a time, at least."""

_COPIED: Final = frozenset({list, dict, set, bytearray, np.ndarray})
_ATOMIC: Final = frozenset({str, int, float, bool, bytes, complex, type(None)})


class Failed:
    """Stands in the place of a row that a preprocessor raised on."""

    __slots__ = ("error", "step", "trace")

    def __init__(self, step: str, error: BaseException) -> None:
        self.step = step
        self.error = error
        self.trace = error.__traceback__


class InPreprocessor(Exception):
    """A function cannot run because one of its preprocessors raised on the item."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.step)
        self.step = failed.step
        self.error = failed.error.with_traceback(failed.trace)


class StepTimeUp(BaseException):
    """A preprocessor has not come back in time; ``first`` … ``last`` are positions in the window."""

    def __init__(self, step: str, first: int, last: int, seconds: float) -> None:
        super().__init__(step)
        self.step = step
        self.first = first
        self.last = last
        self.seconds = seconds


@dataclass(frozen=True)
class _Step:
    """One preprocessor, whatever its make."""

    name: str
    run: Callable[[list[Any]], list[Any]]
    copied: Callable[[Any], Any]
    size: int
    """Rows at a time."""
    shared: bool
    before: Sequence[Any] = ()
    """Preprocessors of its own."""


def window_size(pre: Sequence[Any]) -> int:
    """How many items to prepare at a time for functions with these preprocessors."""
    return max([WINDOW, *(_step(each).size for each in pre)])


def empty_caches(pre: Sequence[Any]) -> None:
    """Have memoized preprocessors of Snorkel forget what they have seen."""
    for each in pre:
        reset = getattr(each, "reset_cache", None)
        if callable(reset):
            reset()
        empty_caches(getattr(each, "_pre", ()))


class Window:
    """Consecutive items and what preprocessors have made of them so far."""

    def __init__(self, rows: list[Any], seconds: float | None) -> None:
        self._rows = rows
        self._seconds = seconds
        self._made: dict[Key, list[Any]] = {}

    def prepared(self, pre: Sequence[Any], owner: object) -> list[Any]:
        """For each item the row that a labeling function is to see, its own to change, or :class:`Failed`.

        Parameters
        ----------
        pre
            The preprocessors, in their order.
        owner
            The labeling function; preprocessors that are not memoized run for it anew.

        Raises
        ------
        StepTimeUp
            If a preprocessor takes longer for an item than the time limit.
        """
        _, rows = self._through((), self._rows, pre, (id(owner),))
        return [row if type(row) is Failed else _handed_out(row) for row in rows]

    def _through(self, key: Key, rows: list[Any], pre: Sequence[Any], owner: Key) -> tuple[Key, list[Any]]:
        for each in pre:
            step = _step(each)
            key = (key, id(each)) if step.shared else (key, id(each), owner)
            if key not in self._made:
                _, ready = self._through(key[0], rows, step.before, key)
                self._made[key] = self._run(step, ready)
            rows = self._made[key]
        return key, rows

    def _run(self, step: _Step, rows: list[Any]) -> list[Any]:
        made: list[Any] = list(rows)
        there = [place for place, row in enumerate(rows) if type(row) is not Failed]
        if step.size == 1:
            self._one_by_one(step, rows, there, made)
            return made
        for start in range(0, len(there), step.size):
            places = there[start : start + step.size]
            try:
                with self._watched(step, places, lambda: 0, len(places)):
                    results = step.run([step.copied(rows[place]) for place in places])
            except MiscountedResults as error:
                results = [Failed(step.name, error)] * len(places)
            except (Exception, SystemExit):  # find the items that it fails on
                self._one_by_one(step, rows, places, made)
                continue
            for place, result in zip(places, results, strict=True):
                made[place] = result
        return made

    def _one_by_one(self, step: _Step, rows: list[Any], places: list[int], made: list[Any]) -> None:
        done: list[Any] = []
        remaining = iter(places)
        with self._watched(step, places, lambda: len(done), 1):
            while len(done) < len(places):
                try:
                    for place in remaining:
                        done += step.run([step.copied(rows[place])])
                except (Exception, SystemExit) as error:
                    done.append(Failed(step.name, error))
        for place, result in zip(places, done, strict=True):
            made[place] = result

    def _watched(self, step: _Step, places: list[int], position: Callable[[], int], size: int) -> _Watched:
        return _Watched(step, places, position, size, self._seconds)


class _Watched:
    """A time limit for a batch, as long as its items have together."""

    def __init__(
        self, step: _Step, places: list[int], position: Callable[[], int], size: int, seconds: float | None
    ) -> None:
        self._places = places
        self._size = size
        self._step = step
        self._seconds = (seconds or 0.0) * size
        self._limit = time_limit(position, self._seconds, f"the preprocessor {step.name!r}")

    def __enter__(self) -> None:
        self._limit.__enter__()

    def __exit__(self, *raised: Any) -> None:
        try:
            self._limit.__exit__(*raised)
        except TimeUp:
            raise self._late() from None
        if raised[0] is TimeUp:
            raise self._late() from None

    def _late(self) -> StepTimeUp:
        at = self._limit.expired
        first = at if isinstance(at, int) else 0
        return StepTimeUp(self._step.name, self._places[first], self._places[first + self._size - 1], self._seconds)


def _handed_out(row: Any) -> Any:
    """A row that its user may change, with lists, dicts, sets and arrays of its own (not what they hold)."""
    made = copy(row)
    held = getattr(made, "__dict__", None)
    if held is not None and not _COPIED.isdisjoint(map(type, held.values())):
        for name, value in held.items():
            if type(value) in _COPIED:
                held[name] = value.copy()
    return made


def _copied_deeply(row: Any) -> Any:
    """As Snorkel copies data points before it changes them."""
    if isinstance(row, (Row, RowCopy)):
        made = copy(row)
        if _ATOMIC.issuperset(map(type, made.__dict__.values())):
            return made
    return pickle.loads(pickle.dumps(row))


def _step(preprocessor: Any) -> _Step:
    if isinstance(preprocessor, Preprocessor):
        size = preprocessor.batch_size if preprocessor.batch else 1
        return _Step(preprocessor.name, preprocessor.prepare, _handed_out, size, preprocessor.memoize)
    kind = type(preprocessor)
    call = kind.__call__
    name = str(getattr(preprocessor, "__name__", None) or getattr(preprocessor, "name", None) or preprocessor)
    mapper = getattr(call, "__qualname__", "") == "BaseMapper.__call__" and call.__module__.startswith("snorkel.map")
    own_key = getattr(getattr(preprocessor, "_memoize_key", None), "__qualname__", "") != "get_hashable"
    if not mapper or (preprocessor.memoize and own_key):
        memoized = bool(getattr(preprocessor, "memoize", False)) and mapper
        return _Step(name, partial(_call_each, preprocessor, name), _handed_out, 1, memoized)
    if (kind.__module__, kind.__qualname__) == ("snorkel.preprocess.nlp", "SpacyPreprocessor"):
        run: Callable[[list[Any]], list[Any]] = partial(_parse, preprocessor)
        return _Step(name, run, _copied_deeply, BATCH_SIZE, preprocessor.memoize, preprocessor._pre)
    run = partial(_call_each, preprocessor._generate_mapped_data_point, name)
    return _Step(name, run, _copied_deeply, 1, preprocessor.memoize, preprocessor._pre)


def _call_each(function: Callable[[Any], Any], name: str, rows: list[Any]) -> list[Any]:
    made = [function(row) for row in rows]
    if any(row is None for row in made):
        raise ValueError(f"the preprocessor {name} returned None instead of a row")
    return made


def _parse(spacy_preprocessor: Any, rows: list[Any]) -> list[Any]:
    """What Snorkel's SpacyPreprocessor does to rows, through spaCy's way for many texts."""
    text, doc = spacy_preprocessor.field_names["text"], spacy_preprocessor.mapped_field_names["doc"]
    docs: Iterator[Any] = spacy_preprocessor._nlp.pipe([getattr(row, text) for row in rows])
    for row, parsed in zip(rows, docs, strict=True):
        setattr(row, doc, parsed)
    return rows
