"""What each further field of the items is good for: a number, a category, a text, or nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from labelkit.endmodels import columns
from labelkit.types import FloatArray

NUMBER_SHARE: Final = 0.95
"""Strings are numbers where at least this share of the values that are there reads as one."""
COMMON_SHARE: Final = 0.5
"""Strings are categories where the values that occur often enough stand for at least this share of rows."""
MAX_CATEGORIES: Final = 1000
_IDENTIFIER: Final = re.compile(r"(^|[_\W])(id|uuid|guid)$|[a-z]I[dD]$", re.IGNORECASE)
OTHER: Final = "(other)"
MISSING: Final = "(missing)"


@dataclass(frozen=True)
class NumberField:
    """A field that is imputed with its median, scaled to mean 0 and deviation 1, and flagged where missing."""

    column: str
    median: float
    mean: float
    deviation: float
    has_missing: bool


@dataclass(frozen=True)
class CategoryField:
    """A field that becomes one feature per value. ``values`` may end with "(other)", for the rare ones."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class TextField:
    """A further field that holds text."""

    column: str


@dataclass(frozen=True)
class UnusedField:
    """A field that is left out, and why."""

    column: str
    reason: str


Profile = NumberField | CategoryField | TextField | UnusedField


def profile(table: pa.Table, column: str, *, wanted: bool) -> Profile:
    """Look at the values of one column and decide.

    Parameters
    ----------
    wanted
        Whether the user named the field: then many values or a name such as ``customer_id`` are no
        reason to leave it out, and a string with many values is taken as text.
    """
    kind = columns.kind(table, column)
    if pa.types.is_boolean(kind):
        return _category(column, columns.categories(table, column))
    if columns.is_number(kind):
        return _number(table, column, wanted)
    if columns.is_string(kind):
        return _string(table, column, wanted)
    if pa.types.is_null(kind):
        return UnusedField(column, "it has no values")
    return UnusedField(column, f"values of type {kind} are neither numbers nor categories")


def _string(table: pa.Table, column: str, wanted: bool) -> Profile:
    values = columns.categories(table, column)
    present = int((values != "").sum())
    if not present:
        return UnusedField(column, "it has no values")
    if np.isfinite(columns.numbers(table, column)).sum() >= NUMBER_SHARE * present:
        return _number(table, column, wanted)
    category = _category(column, values)
    if isinstance(category, CategoryField) and np.isin(values, category.values).sum() >= COMMON_SHARE * present:
        return category
    if wanted:
        return TextField(column)
    distinct = len(set(values[values != ""]))
    if distinct == 1:
        return category
    return UnusedField(
        column,
        f"{distinct:,} different values in {present:,} rows are too many for categories (name it among"
        " the fields to use it as text)",
    )


def _number(table: pa.Table, column: str, wanted: bool) -> Profile:
    values = columns.numbers(table, column)
    known = values[np.isfinite(values)]
    if not len(known):
        return UnusedField(column, "it has no values")
    if not wanted and _IDENTIFIER.search(column) and len(np.unique(known)) > 0.5 * len(known):
        return UnusedField(column, "it looks like an identifier (name it among the fields to use it)")
    counts_up = len(known) > 20 and (np.diff(known) == 1).mean() > 0.9
    # A number that starts again, such as a day of the year, counts up too but is no number of the row.
    if not wanted and counts_up and len(np.unique(known)) > 0.9 * len(known):
        # It tells the place in the file: where rows are sorted by class, the class.
        return UnusedField(column, "it numbers the rows (name it among the fields to use it)")
    has_missing = len(known) < len(values)
    if known.min() == known.max() and not has_missing:
        return UnusedField(column, "it has one value only")
    return _scaled(column, values, known, has_missing)


def _scaled(column: str, values: FloatArray, known: FloatArray, has_missing: bool) -> NumberField:
    median = float(np.median(known))
    filled = np.where(np.isfinite(values), values, median)
    deviation = float(filled.std())
    return NumberField(column, median, float(filled.mean()), deviation if deviation > 0 else 1.0, has_missing)


def _category(column: str, values: columns.ObjectArray) -> Profile:
    counts = Counter(MISSING if value == "" else str(value) for value in values)
    needed = 5 if len(values) >= 500 else 2
    if len(counts) < 2:
        return UnusedField(column, "it has one value only")
    often = [value for value, count in counts.items() if count >= needed and value != OTHER]
    kept = sorted(sorted(often, key=lambda value: (-counts[value], value))[:MAX_CATEGORIES])
    if not kept:
        return UnusedField(column, f"none of its {len(counts):,} values occurs in {needed} rows")
    return CategoryField(column, (*kept, OTHER) if len(kept) < len(counts) else tuple(kept))
