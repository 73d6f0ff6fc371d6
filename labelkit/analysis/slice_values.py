"""Slices by the values of a field: each frequent value, or the quarters of a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from labelkit.analysis.slices import Slice
from labelkit.types import BoolArray, FloatArray

MOST_VALUES: Final = 20
"""So many values of a field become slices, the most frequent ones."""

FEW_NUMBERS: Final = 10
"""A number with at most so many different values is taken value by value, not by quarters."""

_SHOWN: Final = 40


def value_slices(name: str, kind: str, values: Sequence[Any], *, minimum: int) -> list[Slice]:
    """One slice for each of the most frequent values, and one for the items without.

    Parameters
    ----------
    name
        Of the field.
    kind
        Of the slices.
    values
        One hashable value for each of the n items, None where there is none.
    minimum
        Items that a slice has at least.
    """
    counts = Counter(values)
    missing = counts.pop(None, 0)
    # Equally frequent values in order of their text: the same items give the same slices.
    ranked = sorted(counts.items(), key=lambda each: (-each[1], str(each[0])))[:MOST_VALUES]
    codes = {value: code for code, (value, count) in enumerate(ranked) if count >= minimum}
    of_item = np.fromiter((codes.get(value, -1) for value in values), np.int64, len(values))
    found = [Slice(f"{name} = {shown(value)}", kind, of_item == code) for value, code in codes.items()]
    if missing >= max(minimum, 1):
        found.append(_missing(name, kind, np.fromiter((value is None for value in values), bool, len(values))))
    return found


def number_slices(name: str, kind: str, values: FloatArray, *, minimum: int) -> list[Slice]:
    """Quarters of a number by its quartiles, or each value where there are few; NaN counts as missing.

    Equal values are in one slice, so the quarters of a number with a very frequent value are fewer and
    of different sizes. Parameters as :func:`value_slices`; ``values`` has the shape (n,).
    """
    known = ~np.isnan(values)
    given = values[known]
    if len(np.unique(given)) <= FEW_NUMBERS:
        return value_slices(name, kind, [_plain(v) if k else None for v, k in zip(values, known, strict=True)],
                            minimum=minimum)  # fmt: skip
    edges = np.unique(np.quantile(given, [0.25, 0.5, 0.75], method="inverted_cdf"))
    quarter = np.searchsorted(edges, values)
    found = []
    for code in range(len(edges) + 1):
        members = (quarter == code) & known
        if int(members.sum()) >= max(minimum, 1):
            found.append(Slice(_range(name, values[members]), kind, members))
    if int((~known).sum()) >= max(minimum, 1):
        found.append(_missing(name, kind, ~known))
    return found


def shown(value: object) -> str:
    """A value on one short line."""
    text = " ".join(str(value).split()) or repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _missing(name: str, kind: str, members: BoolArray) -> Slice:
    return Slice(f"{name} missing", kind, members)


def _range(name: str, values: FloatArray) -> str:
    low, high = _plain(values.min()), _plain(values.max())
    return f"{name} = {low:.6g}" if low == high else f"{name} {low:.6g} to {high:.6g}"


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)
