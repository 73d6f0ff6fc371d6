"""Preprocessors: what several labeling functions need of an item, worked out once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, overload

from labelkit.errors import LabelingFunctionError
from labelkit.lf.base import check_name, refusal
from labelkit.lf.rows import Row, RowCopy, private_copy

BATCH_SIZE = 256
"""Items that a batched preprocessor gets at a time, unless it says otherwise."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Preprocessor:
    """From a row to a row, or from fields to a field; made with :func:`preprocessor`.

    Labeling functions name it in ``pre=``. Called on one row, as in a notebook, it works on a copy.
    """

    name: str
    function: Callable[..., Any]
    adds: str | tuple[str, ...] | None = None
    reads: tuple[str, ...] = ()
    batch: bool = False
    batch_size: int = BATCH_SIZE
    memoize: bool = True

    @property
    def __name__(self) -> str:
        return self.name

    def __call__(self, row: Any) -> Any:
        """One row (or anything else with the same attributes), preprocessed."""
        return self.prepare([private_copy(row) if isinstance(row, (Row, RowCopy)) else copy(row)])[0]

    def prepare(self, rows: list[Any]) -> list[Any]:
        """Several rows, preprocessed; they are changed in place.

        Raises
        ------
        MiscountedResults
            If the function does not return one result for each row.
        ValueError
            If it returned None for a row.
        """
        if self.adds is None:
            made = _counted(self, self.function(rows), rows) if self.batch else [self.function(row) for row in rows]
            if any(row is None for row in made):
                raise ValueError(f"the preprocessor {self.name} returned None instead of a row")
            return made
        columns = [[getattr(row, field) for row in rows] for field in self.reads]
        if self.batch:
            values = _counted(self, self.function(*columns), rows)
        else:
            values = [self.function(*given) for given in zip(*columns, strict=True)]
        for row, value in zip(rows, values, strict=True):
            if isinstance(self.adds, str):
                setattr(row, self.adds, value)
                continue
            for name, part in zip(self.adds, value, strict=True):
                setattr(row, name, part)
        return rows


class MiscountedResults(ValueError):
    """A batched preprocessor returned more or fewer results than it got items."""


def _counted(step: Preprocessor, results: Any, rows: list[Any]) -> list[Any]:
    if results is None:
        raise MiscountedResults(f"the preprocessor {step.name} returned None instead of one result for each item")
    made = list(results)
    if len(made) != len(rows):
        raise MiscountedResults(f"the preprocessor {step.name} returned {len(made)} results for {len(rows)} items")
    return made


@overload
def preprocessor(name: Callable[..., Any], /) -> Preprocessor: ...
@overload
def preprocessor(
    name: str | None = None,
    *,
    adds: str | Sequence[str] | None = None,
    batch: bool = False,
    batch_size: int = BATCH_SIZE,
    memoize: bool = True,
) -> Callable[[Callable[..., Any]], Preprocessor]: ...
def preprocessor(
    name: str | Callable[..., Any] | None = None,
    *,
    adds: str | Sequence[str] | None = None,
    batch: bool = False,
    batch_size: int = BATCH_SIZE,
    memoize: bool = True,
) -> Preprocessor | Callable[[Callable[..., Any]], Preprocessor]:
    """Make a preprocessor of a function, for ``@labeling_function(pre=[...])``.

    The function gets a row that it may change, and returns it. With ``adds=`` it gets the fields that
    its parameters are named after, and returns the value of the new field. With ``batch=True`` it gets
    lists, of rows or of each field's values, and returns as many results.

    Parameters
    ----------
    name
        What messages call it; the function's own name by default.
    adds
        The field that it adds to a row, or several (it returns a tuple then).
    batch
        Hand over many items at a time: for ``spaCy.pipe``, an embedding model, a service.
    batch_size
        Items at a time.
    memoize
        Run once for an item, however many labeling functions ask for it. What is remembered is
        forgotten after some thousand items.

    Raises
    ------
    LabelingFunctionError
        If the name or an option cannot be used, or what is decorated is no such function.

    Examples
    --------
    >>> @preprocessor(adds="words")
    ... def split(text):
    ...     return text.lower().split()
    >>> from types import SimpleNamespace
    >>> split(SimpleNamespace(text="Thank you")).words
    ['thank', 'you']

    In batches, with a spaCy pipeline ``nlp``::

        @preprocessor(adds="doc", batch=True)
        def parsed(text):
            return nlp.pipe(text)

        @labeling_function(pre=[parsed])
        def names_a_person(row):
            return "personal" if any(e.label_ == "PERSON" for e in row.doc.ents) else None
    """
    if callable(name):
        return preprocessor()(name)

    def decorate(function: Callable[..., Any]) -> Preprocessor:
        return _make(function, name, adds, batch, batch_size, memoize)

    return decorate


def _make(
    function: Callable[..., Any],
    name: str | None,
    adds: str | Sequence[str] | None,
    batch: bool,
    batch_size: int,
    memoize: bool,
) -> Preprocessor:
    if not callable(function):
        raise LabelingFunctionError(f"@preprocessor() decorates a function, not {function!r}")
    name = check_name("preprocessor", getattr(function, "__name__", "") if name is None else name)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise refusal("preprocessor", name, f"needs a batch_size of at least 1, not {batch_size!r}")
    if adds is not None:
        new = (adds,) if isinstance(adds, str) else tuple(adds)
        if not new or not all(isinstance(each, str) and each.isidentifier() for each in new):
            raise refusal("preprocessor", name, f"needs adds= to be the name of a field or several, not {adds!r}")
        adds = adds if isinstance(adds, str) else new
    reads = _parameters(function, name, several=adds is not None)
    return Preprocessor(
        name=name,
        function=function,
        adds=adds,
        reads=reads if adds is not None else (),
        batch=bool(batch),
        batch_size=batch_size,
        memoize=bool(memoize),
    )


def _parameters(function: Callable[..., Any], name: str, *, several: bool) -> tuple[str, ...]:
    """The names of the parameters that are filled by position."""
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a built-in without a signature: the call itself will tell
        if several:
            raise refusal("preprocessor", name, "has no parameters to read the names of fields from") from None
        return ()
    needed = tuple(each.name for each in parameters if each.kind in plain and each.default is each.empty)
    if not needed or (len(needed) > 1 and not several):
        expected = "parameters named after the fields that it reads" if several else "one parameter, the row"
        hint = None if several else "Say adds= to name its parameters after fields"
        raise refusal("preprocessor", name, f"needs {expected}, not {list(needed)}", hint=hint)
    return needed
