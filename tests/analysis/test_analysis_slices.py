"""Figures by slice: which slices come first, and which differences are more than chance."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control
from scipy.stats import fisher_exact as published

from labelkit.analysis import Output, Slice, number_slices, score, slice_figures, value_slices
from labelkit.analysis.slices import CALIBRATED, fisher_exact


def labels(accuracies: dict[str, tuple[int, float]], seed: int = 0) -> tuple[list[Slice], Output, np.ndarray]:
    """Slices of a size and accuracy, one after the other, and an output that is as right as it should be."""
    n = sum(size for size, _ in accuracies.values())
    truth, slices, start = np.random.default_rng(seed).integers(0, 2, n), [], 0
    P = np.zeros((n, 2))
    for name, (size, accuracy) in accuracies.items():
        members = np.zeros(n, dtype=bool)
        members[start : start + size] = True
        slices.append(Slice(name, "function", members))
        right = np.arange(size) < round(size * accuracy)
        given = np.where(right, truth[members], 1 - truth[members])
        P[members] = np.where(np.eye(2)[given] > 0, 0.9, 0.1)
        start += size
    return slices, Output("end_model", P, np.ones(n, dtype=bool)), truth


def test_each_slices_figures_are_those_of_its_items_alone() -> None:
    rng = np.random.default_rng(1)
    n = 600
    P, truth = rng.dirichlet([1, 1, 1], n), rng.integers(-1, 3, n)
    covered, members = rng.random(n) < 0.7, rng.random(n) < 0.4
    output = Output("label_model", P, covered)
    (found,) = slice_figures([Slice("some", "field", members)], [output], truth, covered)
    alone = score(P[members], truth[members], covered[members])
    assert found.scores[0].accuracy == alone.covered_accuracy
    assert found.scores[0].macro_f1 == alone.macro_f1
    assert (found.items, found.known) == (members.sum(), (members & (truth >= 0)).sum())
    assert found.coverage == pytest.approx(covered[members].mean())
    assert found.share == pytest.approx(members.mean())


def test_the_worst_that_is_certain_comes_first() -> None:
    slices, output, truth = labels({"good": (300, 0.9), "tiny": (2, 0.0), "bad": (200, 0.5), "fair": (200, 0.8)})
    found = slice_figures(slices, [output], truth, output.covered)
    assert [f.name for f in found] == ["bad", "tiny", "fair", "good"]
    by_name = {f.name: f.scores[0].difference for f in found}
    assert by_name["tiny"] is None
    assert by_name["bad"] is not None
    assert by_name["bad"].beyond_chance
    assert by_name["bad"].low < by_name["bad"].value < by_name["bad"].high < 0


def test_slices_without_known_items_come_last_the_least_covered_first() -> None:
    slices, output, truth = labels({"known": (50, 0.9), "covered": (50, 1.0), "bare": (50, 1.0)})
    truth[50:] = -1
    covered = np.ones(150, dtype=bool)
    covered[110:] = False
    found = slice_figures(slices, [output], truth, covered)
    assert [f.name for f in found] == ["known", "bare", "covered"]
    assert [f.scores[0].accuracy.n for f in found] == [50, 0, 0]
    assert slice_figures(slices, [], truth, covered)[0].scores == ()


def test_nothing_stands_out_where_nothing_differs() -> None:
    """40 slices drawn at random, 100 times: an alarm in few of them, where each alone would give two."""
    alarms, alone = 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, 2, 400)
        right = rng.random(400) < 0.8
        P = np.eye(2)[np.where(right, truth, 1 - truth)]
        slices = [Slice(f"s{j}", "function", rng.random(400) < 0.2) for j in range(40)]
        covered = np.ones(400, dtype=bool)
        found = [f.scores[0].difference for f in slice_figures(slices, [Output("m", P, covered)], truth, covered)]
        alarms += any(d is not None and d.beyond_chance for d in found)
        alone += sum(d is not None and d.p < 0.05 for d in found)
    assert alone > 50
    assert alarms <= 10


@given(n1=st.integers(1, 60), n2=st.integers(1, 60), data=st.data())
def test_the_test_is_fishers(n1: int, n2: int, data: st.DataObject) -> None:
    x1, x2 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n2))
    assert fisher_exact(x1, n1, x2, n2) == pytest.approx(published([[x1, n1 - x1], [x2, n2 - x2]]).pvalue, rel=1e-6)


def test_the_adjustment_is_benjamini_and_hochbergs() -> None:
    sizes = {f"s{j}": (40, 0.5 + 0.04 * j) for j in range(10)} | {"small": (5, 0.5)}
    slices, output, truth = labels(sizes)
    found = [f.scores[0].difference for f in slice_figures(slices, [output], truth, output.covered)]
    kept = [d for d in found if d is not None]
    assert len(kept) == 10
    np.testing.assert_allclose([d.q for d in kept], false_discovery_control([d.p for d in kept]))


def test_a_calibration_error_needs_items() -> None:
    slices, output, truth = labels({"many": (CALIBRATED, 0.5), "few": (CALIBRATED - 1, 0.5)})
    found = {f.name: f.scores[0].calibration_error for f in slice_figures(slices, [output], truth, output.covered)}
    assert found["few"] is None
    assert found["many"] == pytest.approx(0.4, abs=0.02)


def test_one_item_and_no_item() -> None:
    one = slice_figures(
        [Slice("all", "field", np.array([True])), Slice("none", "field", np.array([False]))],
        [Output("m", np.array([[0.5, 0.5]]), np.array([True]))], np.array([0]), np.array([True]),
    )  # fmt: skip
    assert [f.name for f in one] == ["all", "none"]
    assert one[0].scores[0].accuracy.value == 0.5  # a tie
    assert math.isnan(one[1].coverage)
    json.dumps([asdict(f) for f in one])
    none = np.empty(0, dtype=bool)
    (empty,) = slice_figures([Slice("x", "field", none)], [Output("m", np.empty((0, 2)), none)], np.empty(0, int), none)
    assert empty.items == 0


def test_lengths_that_do_not_fit_are_told() -> None:
    covered, truth = np.ones(3, dtype=bool), np.zeros(3, dtype=int)
    with pytest.raises(ValueError, match="the slice 'x' has 2 entries, expected 3"):
        slice_figures([Slice("x", "field", np.ones(2, dtype=bool))], [], truth, covered)
    with pytest.raises(ValueError, match="the output 'm' has 2 entries, expected 3"):
        slice_figures([], [Output("m", np.full((2, 2), 0.5), covered)], truth, covered)


def test_values_become_slices_the_most_frequent_first() -> None:
    values = ["de"] * 30 + ["fr"] * 30 + ["at"] * 25 + ["li"] * 3 + [None] * 22
    found = value_slices("country", "field", values, minimum=20)
    assert [each.name for each in found] == ["country = de", "country = fr", "country = at", "country missing"]
    assert [int(each.members.sum()) for each in found] == [30, 30, 25, 22]
    assert len(value_slices("n", "field", [str(i) for i in range(50)], minimum=1)) == 20
    assert value_slices("n", "field", [True, False, True], minimum=2)[0].name == "n = True"
    (long,) = value_slices("n", "field", ["a  \n" + "b" * 100], minimum=1)
    assert long.name == "n = a " + "b" * 37 + "…"


@given(st.lists(st.one_of(st.integers(-5, 40).map(float), st.just(float("nan"))), max_size=80), st.integers(1, 10))
def test_quarters_do_not_overlap_and_leave_out_only_what_is_too_small(values: list[float], minimum: int) -> None:
    array = np.array(values, dtype=np.float64)
    found = number_slices("n", "field", array, minimum=minimum)
    together = np.sum([each.members for each in found], axis=0) if found else np.zeros(len(array))
    assert together.max(initial=0) <= 1
    assert all(each.members.sum() >= minimum for each in found)
    assert len({each.name for each in found}) == len(found)
    if minimum == 1 and len(set(values)) <= 10:
        assert together.min(initial=1) == 1


def test_quarters_are_named_by_what_is_in_them() -> None:
    found = number_slices("n", "field", np.arange(100) / 2, minimum=20)
    assert [each.name for each in found] == ["n 0 to 12", "n 12.5 to 24.5", "n 25 to 37", "n 37.5 to 49.5"]
    mostly = np.concatenate([np.zeros(80), np.arange(1, 21)])
    assert [each.name for each in number_slices("n", "field", mostly, minimum=1)] == ["n = 0", "n 1 to 20"]
    few = number_slices("stars", "field", np.array([1.0, 5.0, np.nan] * 30), minimum=20)
    assert [each.name for each in few] == ["stars = 1", "stars = 5", "stars missing"]
