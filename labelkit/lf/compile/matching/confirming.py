"""Searches by Python's own :mod:`re`, one text after the other, each within its time."""

from __future__ import annotations

import re

import numpy as np

from labelkit.errors import FunctionTimeout
from labelkit.lf.base import LabelingFunction, describe, shown_pattern
from labelkit.lf.compile.matching.search import Search
from labelkit.lf.compile.view import ShardView
from labelkit.lf.timelimit import TimeUp, time_limit
from labelkit.types import BoolArray, IntArray


def confirmed(
    search: Search, view: ShardView, rows: IntArray, function: LabelingFunction, seconds: float | None
) -> BoolArray:
    """Where Python finds a match, among some rows that have a value.

    Parameters
    ----------
    rows
        The rows, shape (n,).
    function
        Named in errors.
    seconds
        The time for one item; None for no limit.

    Returns
    -------
    numpy.ndarray
        One truth value per row, shape (n,).

    Raises
    ------
    FunctionTimeout
        If the search in one item takes longer.
    """
    find = re.compile(search.pattern, search.flags).search
    texts = view.some_texts(search.field, rows, function)
    found: list[bool] = []
    keep = found.append
    try:
        with time_limit(lambda: len(found), seconds):
            for text in texts:
                keep(find(text) is not None)
    except TimeUp:
        at = int(rows[min(len(found), len(rows) - 1)])
        raise FunctionTimeout(
            f"{describe(function)} searched for {shown_pattern(search.pattern)} in item {view.ids[at]!r} "
            f"for more than {seconds:g} s",
            hint="Write the pattern so that it cannot match the same text in many ways: nested repeats such as "
            "(a+)+ make Python try them all",
        ) from None
    return np.array(found, dtype=np.bool_)
