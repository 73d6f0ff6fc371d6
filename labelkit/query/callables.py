"""Anybody's modAL-style function as a query strategy, behind checks."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from labelkit.errors import LabelkitError, QueryError
from labelkit.query.base import PoolPart, Selection
from labelkit.query.choosing import check_rows, failed
from labelkit.query.modal import Classifier, Committee
from labelkit.query.parts import is_sparse
from labelkit.query.pool import Pool
from labelkit.query.words import part, ranked, said
from labelkit.types import FloatArray, IntArray

_LOW_FIRST: Final = frozenset({"margin_sampling"})
_TOP: Final = frozenset({"modAL.uncertainty", "modAL.disagreement"})
"""Modules whose functions return the best n in no order, with the measure that orders them."""


class CallableStrategy:
    """A function ``(classifier, X, n_instances) -> indices`` or ``-> (indices, metrics)``.

    The function gets a stand-in whose ``predict_proba`` returns stored probabilities; X are the
    features of the candidates, or their item numbers in one column where the pool has no features.
    If its first parameter is called ``committee``, it gets the committee. It is called once and
    directly. What it draws from numpy's global generator is seeded for the call, and the generator's
    state put back. The items keep the order in which they are returned, except those of modAL's
    own top-n functions, which return no order: these are sorted by the measure beside them.

    Parameters
    ----------
    name
        What the mix calls it.
    function
        The function.
    """

    wants: frozenset[PoolPart] = frozenset({"features", "labelled"})

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self._function = function
        self._committee = _first_parameter(function) == "committee"
        self.needs: frozenset[PoolPart] = frozenset({"committee"} if self._committee else {"end_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) zeros: a function chooses, and scores nothing but its choice."""
        del rng
        return np.zeros(len(pool))

    def select(self, pool: Pool, candidates: IntArray, count: int, rng: np.random.Generator) -> Selection:
        """See :meth:`BatchStrategy.select`."""
        given: Any = pool.items[candidates][:, None] if pool.features is None else pool.features[candidates]
        X = given.tocsr() if is_sparse(given) else given
        with seeded(int(rng.integers(2**32))):
            try:
                returned = self._function(self._stand_in(pool, candidates, X), X, n_instances=count)
            except LabelkitError as error:
                raise QueryError(f"query strategy {self.name!r}: {error}") from error
            except Exception as error:  # somebody's own function can raise anything
                raise failed(self, error) from error
        indices, metrics = self._taken_apart(returned, count)
        inside = pool.take(candidates)
        rows = check_rows(self.name, inside, np.arange(len(candidates)), indices, count)
        if metrics is not None:
            if np.isnan(metrics).any():
                raise QueryError(f"query strategy {self.name!r} returned NaN as the metric of a chosen item")
            order = self._order(metrics)
            rows, metrics = rows[order], metrics[order]
        return Selection(candidates[rows], metrics)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        chosen = f"chosen by {self.name}"
        if pool.end_model is None:
            return chosen
        row = pool.end_model[i]
        return f"{chosen}; end model's best guess is {said(pool, row, int(ranked(row)[0]))}"

    def _stand_in(self, pool: Pool, candidates: IntArray, X: Any) -> Classifier:
        if self._committee:
            members = part(pool.committee, "committee", self.name)[:, candidates]
            return Committee(X, members, pool.label_names, pool.labelled)
        probabilities = part(pool.end_model, "end_model", self.name)[candidates]
        return Classifier(X, probabilities, pool.label_names, pool.labelled)

    def _taken_apart(self, returned: Any, count: int) -> tuple[IntArray, FloatArray | None]:
        """Indices, and the metric of each where there is one that fits."""
        first, last = returned, None
        if isinstance(returned, tuple) and not _two_indices(returned, count):
            first, last = returned[0], returned[-1] if len(returned) > 1 else None
        if first is None:
            raise QueryError(f"query strategy {self.name!r} returned nothing; {count:,} indices were expected")
        indices = np.atleast_1d(np.asarray(first))
        # Some functions return the rows themselves beside the indices: no metric.
        if last is None or is_sparse(last):
            return indices, None
        metrics = np.atleast_1d(np.asarray(last))
        if metrics.shape != indices.shape or not np.issubdtype(metrics.dtype, np.number):
            return indices, None
        return indices, metrics.astype(np.float64)

    def _order(self, metrics: FloatArray) -> IntArray:
        if getattr(self._function, "__module__", "") not in _TOP:
            return np.arange(len(metrics))
        low_first = getattr(self._function, "__name__", "") in _LOW_FIRST
        order: IntArray = np.argsort(metrics if low_first else -metrics, kind="stable")
        return order


def _two_indices(returned: tuple[Any, ...], count: int) -> bool:
    """Whether a tuple is a choice of items, not a pair of indices and metrics."""
    if not returned or not all(isinstance(each, (int, np.integer)) and not isinstance(each, bool) for each in returned):
        return False
    return len(returned) == count


def _first_parameter(function: Callable[..., Any]) -> str:
    try:
        return next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):  # functions without a signature
        return ""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Python's and numpy's global generators seeded within, and as they were after."""
    before, python = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)
        random.setstate(python)
