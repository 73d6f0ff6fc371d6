"""What the arguments of Snorkel's ``fit`` and ``score`` mean: a matrix, labels by row, a development set's labels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.guard import Diverged
from labelkit.labelmodels.snorkel_settings import SnorkelRefusal, whole_numbers
from labelkit.types import ABSTAIN, FloatArray, IntArray


def one_of(what: str, **given: Any) -> Any:
    """The one argument that is not None.

    Raises
    ------
    SnorkelRefusal
        If none or several are given.
    """
    present = {name: value for name, value in given.items() if value is not None}
    if len(present) != 1:
        named = " and ".join(present) or "nothing"
        raise SnorkelRefusal(f"fit takes {what} once, as one of {', '.join(given)}; it was given {named}")
    return next(iter(present.values()))


def labels(name: str, given: Any, cardinality: int) -> IntArray:
    """Labels as int64, shape (n,): class indices, −1 where unknown; whole floats and shape (n, 1) are taken too.

    Raises
    ------
    SnorkelRefusal
        If a value is neither a class nor −1.
    """
    array = whole_numbers(given)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise SnorkelRefusal(f"{name} has {array.ndim} dimensions, expected 1: one label for each item")
    if array.size and array.dtype.kind not in "iu":
        raise SnorkelRefusal(f"{name} holds {array.dtype} values, expected whole numbers, -1 where unknown")
    wrong = np.flatnonzero((array < ABSTAIN) | (array >= cardinality))
    if wrong.size:
        raise SnorkelRefusal(
            f"{name} is {array[wrong[0]]} on row {wrong[0]}, expected -1 (unknown) or 0 to {cardinality - 1}"
        )
    return np.asarray(array.astype(np.int64))


def development_balance(given: Any, cardinality: int) -> tuple[FloatArray, list[str]]:
    """Class balance in the labels of a development set, as Snorkel counts it, and what to tell the user.

    Snorkel counts −1 as a class of its own, or in the place of one that is missing. Here it is an unknown
    label, which says nothing; a class without any label is refused in Snorkel's words.
    """
    known = labels("Y_dev", given, cardinality)
    unknown = int((known == ABSTAIN).sum())
    counts = np.bincount(known[known != ABSTAIN], minlength=cardinality)
    missing = np.flatnonzero(counts == 0)
    if missing.size:
        raise SnorkelRefusal(
            f"Y_dev has {cardinality - missing.size} class(es). Does not match LabelModel cardinality {cardinality}:"
            f" no label of class {', '.join(str(c) for c in missing[:5])}{' …' if missing.size > 5 else ''}",
            hint="Give class_balance instead, with a small share for a rare class",
        )
    note = [f"{unknown} of the {len(known)} labels in Y_dev are -1 (unknown) and do not count"] if unknown else []
    return counts / counts.sum(), note


def taken_as_y_dev(shape: tuple[int, ...], items: int) -> str:
    """What the user should know whose second argument was not one label for each item."""
    return (
        f"the labels of shape {shape} were taken as Snorkel's Y_dev, whose class balance counts: labels of these"
        f" {items} items would have shape ({items},); give them as gold="
    )


@contextmanager
def refusals_as_value_errors(L: Any, cardinality: int) -> Iterator[None]:
    """Whatever is refused is also a ValueError, and says first what Snorkel says of it where that says anything."""
    try:
        yield
    except (Diverged, ValueError, TypeError):
        raise
    except LabelModelError as error:
        raise SnorkelRefusal(_in_snorkels_words(L, cardinality) + error.message, hint=error.hint) from None


def _in_snorkels_words(L: Any, cardinality: int) -> str:
    if getattr(L, "ndim", 0) != 2 or not L.size or L.dtype.kind not in "iu":
        return ""
    if L.max() >= cardinality:
        return f"L_train has cardinality {int(L.max()) + 1}, cardinality={cardinality} passed in: "
    return "L_train should have at least 3 labeling functions: " if L.shape[1] < 3 else ""
