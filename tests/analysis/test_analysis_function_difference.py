"""Two versions of a labeling function compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.analysis import FunctionFigures, FunctionVersion, compare_versions
from labelkit.analysis.function_difference import EXAMPLES
from labelkit.types import Estimate

FIGURES = FunctionFigures(0.5, 0.1, Estimate(0.8, 0.7, 0.9, 40))
votes = st.lists(st.integers(-1, 2), max_size=60)


def version(values: list[int], figures: FunctionFigures = FIGURES) -> FunctionVersion:
    return FunctionVersion(figures, np.array(values, dtype=np.int8))


@given(votes, votes, st.integers(0, 5))
def test_changed_items_are_counted_and_shown(before: list[int], after: list[int], seed: int) -> None:
    other = FunctionFigures(0.4, 0.0, Estimate(0.9, 0.8, 1.0, 30))
    found = compare_versions("f", version(before), version(after, other), seed=seed)
    differ = {i: (b, a) for i, (b, a) in enumerate(zip(before, after, strict=False)) if a != b}
    assert (found.name, found.change, found.before, found.after) == ("f", "edited", FIGURES, other)
    assert (found.compared, found.changed) == (min(len(before), len(after)), len(differ))
    assert len(found.examples) == min(EXAMPLES, len(differ))
    items = [example.item for example in found.examples]
    assert items == sorted(set(items))
    assert all((example.before, example.after) == differ[example.item] for example in found.examples)
    assert found == compare_versions("f", version(before), version(after, other), seed=seed)


def test_examples_are_drawn_from_everywhere() -> None:
    n = 10_000
    drawn = [e.item for e in compare_versions("f", version([0] * n), version([1] * n), examples=200).examples]
    assert len(drawn) == 200
    assert np.histogram(drawn, bins=4, range=(0, n))[0].min() > 20


def test_a_version_may_be_missing() -> None:
    added = compare_versions("f", None, version([1]))
    assert (added.change, added.before, added.after, added.examples) == ("added", None, FIGURES, ())
    removed = compare_versions("f", version([1]), None)
    assert (removed.change, removed.before, removed.after) == ("removed", FIGURES, None)
    with pytest.raises(ValueError, match="'f'"):
        compare_versions("f", None, None)
