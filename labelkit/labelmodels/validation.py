"""Strict checks of everything that a label model is given: nothing wrong is accepted in silence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.threads import over_rows
from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, FloatArray, IntArray

BALANCE_TOLERANCE: Final = 0.005
"""How far a class balance may be from summing to one: three times 0.333 is meant as a third each."""


_BLOCK: Final = SHARD_SIZE // 4
"""Rows looked at together: 0.8 MB at 50 functions, read from memory once for all that is done with them."""


def check_cardinality(cardinality: Any) -> int:
    """The number of classes, an int of at least 2."""
    if isinstance(cardinality, bool) or not isinstance(cardinality, (int, np.integer)) or cardinality < 2:
        raise LabelModelError(f"cardinality is {cardinality!r}, expected a whole number of at least 2")
    return int(cardinality)


def vote_dtype(cardinality: int) -> type[np.int8] | type[np.int16]:
    """The smallest integer type that holds the votes of so many classes."""
    return np.int8 if cardinality < 128 else np.int16


def check_votes(
    L: Any, cardinality: int, *, names: Sequence[str] | None = None, functions: int | None = None
) -> IntArray:
    """A label matrix (n, m) of class indices, −1 = abstain; every value checked.

    Parameters
    ----------
    L
        What the caller gave.
    cardinality
        Number of classes k; votes are −1 … k − 1.
    names
        Names of the labeling functions, used in messages.
    functions
        Number of labeling functions that the model was fitted on, if it was.

    Returns
    -------
    ndarray of int8 (int16 above 127 classes), shape (n, m)
        The same array where the type fits already; never written to.

    Raises
    ------
    LabelModelError
        Naming the first offending row and labeling function.
    """
    votes = _as_array(L)
    if votes.ndim != 2:
        raise LabelModelError(f"the label matrix has {votes.ndim} dimension(s), expected 2: items × labeling functions")
    if names is not None and len(names) != votes.shape[1]:
        raise LabelModelError(
            f"the label matrix has {votes.shape[1]} columns, but {len(names)} labeling functions are named"
        )
    if functions is not None and votes.shape[1] != functions:
        raise LabelModelError(
            f"the label matrix has {votes.shape[1]} columns, but the label model was fitted on {functions}"
            " labeling functions",
            hint="Fit it again on the present functions",
        )
    if votes.dtype.kind not in "iu":
        if votes.size == 0:
            return np.zeros(votes.shape, dtype=vote_dtype(cardinality))
        raise LabelModelError(_wrong_type(votes, names))
    dtype = vote_dtype(cardinality)
    kept = votes if votes.dtype == dtype else np.empty(votes.shape, dtype=dtype)
    for start in range(0, len(votes) if votes.size else 0, _BLOCK):
        block = votes[start : start + _BLOCK]
        if block.min() < ABSTAIN or block.max() >= cardinality:
            row, column = np.argwhere((block < ABSTAIN) | (block >= cardinality))[0]
            raise LabelModelError(
                f"{_function(int(column), names)} voted {int(block[row, column])} on row {start + int(row)},"
                f" expected -1 (abstain) or 0 to {cardinality - 1}"
            )
        if kept is not votes:
            kept[start : start + _BLOCK] = block
    return kept


def _as_array(L: Any) -> npt.NDArray[Any]:
    """What the caller gave as an array, unless numpy would leave something of it out or make one object of it."""
    if hasattr(L, "toarray"):
        raise LabelModelError(
            f"the label matrix is a sparse {type(L).__name__}, whose missing entries are zeros: votes for class 0",
            hint="Give a dense array in which -1 stands for abstain",
        )
    if isinstance(L, np.ma.MaskedArray) and np.ma.is_masked(L):
        raise LabelModelError(
            "the label matrix is masked, and what lies under a mask is no vote", hint="Give L.filled(-1): -1 is abstain"
        )
    try:
        return np.asarray(L)
    except ValueError:
        raise LabelModelError(
            "the rows of the label matrix differ in length, expected one vote or -1 of each labeling function in each"
        ) from None


def covered(votes: IntArray) -> BoolArray:
    """Which rows of a checked label matrix (n, m) hold a vote, shape (n,)."""
    found = np.zeros(len(votes), dtype=bool)

    def look(first: int, last: int) -> None:
        for start in range(first, last, _BLOCK):
            stop = min(start + _BLOCK, last)
            found[start:stop] = votes[start:stop].max(axis=1) != ABSTAIN

    if votes.size:
        over_rows(look, len(votes))
    return found


def _wrong_type(votes: npt.NDArray[Any], names: Sequence[str] | None) -> str:
    for (row, column), value in np.ndenumerate(votes):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
        if not whole and not (isinstance(value, (float, np.floating)) and float(value).is_integer()):
            shown = value.item() if isinstance(value, np.generic) else value
            return f"{_function(column, names)} voted {shown!r} on row {row}, expected a whole number or -1 (abstain)"
    return f"the label matrix holds {votes.dtype} values, expected whole numbers (int8)"


def _function(column: int, names: Sequence[str] | None) -> str:
    return f"labeling function {names[column]!r}" if names is not None else f"labeling function {column}"


def check_learnable(votes: IntArray, *, minimum: int, model: str) -> None:
    """Refuse a checked label matrix that has too few functions, no items or no votes at all."""
    voted = bool(votes.size) and bool(votes.max() != ABSTAIN)
    check_enough(len(votes), votes.shape[1], voted, minimum=minimum, model=model)


def check_enough(items: int, functions: int, voted: bool, *, minimum: int, model: str) -> None:
    """As :func:`check_learnable`, for the figures of a label matrix: its shape and whether it holds a vote."""
    if functions < minimum:
        count = {1: "one", 2: "two", 3: "three"}.get(minimum, str(minimum))
        raise LabelModelError(
            f"the label model {model!r} needs at least {count} labeling function{'s' if minimum > 1 else ''},"
            f" got {functions}",
            hint='Add labeling functions, or set [label_model] name = "majority"'
            if functions
            else "Add labeling functions",
        )
    if items == 0:
        raise LabelModelError("there are no items to fit a label model on", hint="Import items and vote first")
    if not voted:
        raise LabelModelError(
            f"every labeling function abstained on all {items} items",
            hint="Write a labeling function that votes on some of them",
        )


def check_gold(gold: Any, n: int, cardinality: int) -> IntArray:
    """Known labels (n,) of the items: class indices, −1 where unknown.

    Raises
    ------
    LabelModelError
        If the length, the type or a value is wrong.
    """
    labels = np.asarray(gold)
    if labels.shape != (n,):
        raise LabelModelError(f"gold has shape {labels.shape}, expected ({n},): one label or -1 for each item")
    if n == 0:
        return labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise LabelModelError(f"gold holds {labels.dtype} values, expected whole numbers, -1 where unknown")
    wrong = np.flatnonzero((labels < ABSTAIN) | (labels >= cardinality))
    if wrong.size:
        raise LabelModelError(
            f"gold is {int(labels[wrong[0]])} on row {int(wrong[0])}, expected -1 (unknown) or 0 to {cardinality - 1}"
        )
    return labels.astype(np.int64)


def check_class_balance(balance: Any, cardinality: int) -> FloatArray:
    """A class balance (k,) as float64, exactly as given; ``None`` is the uniform one.

    Raises
    ------
    LabelModelError
        If the length is not k, a share is not positive, or they do not sum to one.
    """
    if balance is None:
        return (1 / cardinality) * np.ones(cardinality)
    try:
        shares = np.asarray(balance, dtype=np.float64)
    except (TypeError, ValueError):
        raise LabelModelError(f"class_balance is {balance!r}, expected {cardinality} numbers") from None
    if shares.shape != (cardinality,):
        raise LabelModelError(f"class_balance has {shares.size} entries, expected {cardinality}: one for each class")
    wrong = np.flatnonzero(~(shares > 0) | ~np.isfinite(shares))
    if wrong.size:
        raise LabelModelError(
            f"class_balance is {float(shares[wrong[0]])} for class {int(wrong[0])}, expected a share above 0",
            hint="Give a class that is rare a small share",
        )
    total = math.fsum(shares)
    if abs(total - 1.0) > BALANCE_TOLERANCE:
        raise LabelModelError(f"class_balance sums to {total:g}, expected 1")
    return shares


def check_number(name: str, value: Any, *, above: float | None = None, least: float | None = None) -> None:
    """Refuse an option that is no finite number, or out of its range."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    bound = f" above {above:g}" if above is not None else f" of at least {least:g}" if least is not None else ""
    if (
        not number
        or not math.isfinite(value)
        or (above is not None and value <= above)
        or (least is not None and value < least)
    ):
        raise LabelModelError(f"{name} is {value!r}, expected a number{bound}")


def check_whole(name: str, value: Any, *, least: int = 0) -> None:
    """Refuse an option that is no whole number, or too small."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise LabelModelError(f"{name} is {value!r}, expected a whole number of at least {least}")
